package tui

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode"

	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/seatgrid"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// words are the texts of codes whose own text speaks to a programmer, or says nothing that somebody at a terminal can do.
var words = map[signaling.Code]string{
	engine.ErrNoMic.Code:                 "there is no microphone; voiceroom devices lists what there is, --microphone chooses",
	engine.ErrInOtherRoom.Code:           "you are in another room already",
	engine.ErrNotLoggedIn.Code:           "you are not logged in any more; start the program again",
	engine.ErrUserSigExpired.Code:        "your UserSig has expired; ask for a new one and start again",
	signaling.ErrAppNotFound.Code:        "the server does not know this app; check --app against what the server was started with",
	engine.ErrUserSigInvalid.Code:        "the server does not accept your UserSig: it was made with another secret, or for another app",
	signaling.ErrUserSigWrongUser.Code:   "the UserSig belongs to somebody else; check --user",
	signaling.ErrMediaNotNegotiated.Code: "voice does not work between here and the server; voiceroom doctor says why",
	engine.ErrKickedOffLine.Code:         "you have logged in somewhere else, so this login has ended",
	signaling.ErrFailed.Code:             "something went wrong",
	engine.ErrDisconnected.Code:          "the connection to the server is gone",
	signaling.ErrMicNotAuthorized.Code:   "the system does not let this program use the microphone",
	engine.ErrOwnerCannotLeave.Code:      "the host cannot leave the room, only end it",
	signaling.ErrUserNotEntered.Code:     "that user is not in the room any more",
	engine.ErrRequestInvalid.Code:        "that request has been answered or withdrawn meanwhile",
	engine.ErrAlreadyOnSeat.Code:         "that user sits already",
	engine.ErrRoomNotExist.Code:          "there is no such room (any more); --create opens it",
	engine.ErrPasswordNeeded.Code:        "the room is entered with a password: give it with --password, or as VOICEROOM_PASSWORD",
	engine.ErrWrongPassword.Code:         "that is not the room's password; ask its host",
	signaling.ErrRepeatOperation.Code:    "that is being done already",
	engine.ErrSeatAudioLocked.Code:       "the host has silenced this seat; only the host or an administrator can lift that",
	engine.ErrMessageDisabled.Code:       "the host or an administrator has muted you",
	engine.ErrAllMessagesDisabled.Code:   "only the host and the administrators may write in this room now",
	signaling.ErrGiftNotFound.Code:       "the app does not have that gift any more",
	signaling.ErrGiftRejected.Code:       "the app has not taken the gift; perhaps there are too few coins",
	engine.ErrInvalidParameter.Code:      "the server refuses what was asked",
	signaling.ErrMalformedJSON.Code:      "the server did not understand; is it of another version?",
}

// Problem says in plain words what went wrong, with the code in parentheses.
func Problem(err error) string {
	if errors.Is(err, context.Canceled) {
		return "it was given up"
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return "the server did not answer in time"
	}
	e, ok := errors.AsType[*engine.Error](err)
	if !ok {
		return clean(err.Error())
	}
	text := words[e.Code]
	switch {
	case text == "":
		text = e.Message
	case e.Code == engine.ErrInvalidParameter.Code || e.Code == engine.ErrDisconnected.Code || e.Code == signaling.ErrFailed.Code:
		if e.Message != "" { // these say no more than that; the message does
			text = e.Message
		}
	}
	if text == "" {
		text = e.Code.String()
	}
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return clean(fmt.Sprintf("%s (code %d)", text, int(e.Code)))
}

// role is what somebody is called on the screen; empty for a guest.
type role string

func roleOf(r engine.Role) role {
	switch r {
	case engine.RoomOwner:
		return "host"
	case engine.Administrator:
		return "admin"
	}
	return ""
}

// person is how somebody is shown: by name, with the id where that says more.
func person(u seatgrid.UserInfo) string { return called(u.UserName, u.UserID) }

func called(name string, id seatgrid.UserID) string {
	name = clean(strings.TrimSpace(name))
	if name == "" {
		return clean(string(id))
	}
	return name
}

// clean takes out of a stranger's text what would change the terminal or the order of what is written: control
// characters and changes of direction.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsControl(r), r >= 0x202a && r <= 0x202e, r >= 0x2066 && r <= 0x2069, r == 0x200e, r == 0x200f, r == 0x061c:
			return -1
		case r == 0x2028, r == 0x2029:
			return ' '
		}
		return r
	}, s)
}

// seatName counts from 1, as people do.
func seatName(i seatgrid.SeatIndex) string { return fmt.Sprintf("seat %d", int(i)+1) }

// Outcome is how a session ended.
type Outcome struct {
	Text   string // one sentence for the user
	Failed bool   // it did not end as the user or the room's host wanted it
}

// kickedOut says why somebody is out of the room.
func kickedOut(reason seatgrid.KickedOutReason, message string) Outcome {
	o := Outcome{Failed: true}
	switch reason {
	case engine.KickedByAdmin:
		o.Text = "The host or an administrator has taken you out of the room."
	case engine.KickedByLoginOnOtherDevice:
		o.Text = "You have entered the room from somewhere else, so you are out of it here."
	case engine.KickedByServer:
		o.Text = "The server has taken you out of the room."
	case engine.KickedForNetworkDisconnected:
		o.Text = "The connection to the server did not come back."
	case engine.KickedForStatusInvalid:
		o.Text = "While you were away the room has ended, or you have been taken out of it."
	case engine.KickedForTooManyRooms:
		o.Text = "You have entered too many rooms, so you are out of this one."
	default:
		o.Text = "You are out of the room."
	}
	if message = clean(message); message != "" && reason != engine.KickedForNetworkDisconnected {
		o.Text += " (" + message + ")"
	}
	return o
}

// dismissed says who ended the room.
func dismissed(reason engine.DismissedReason) Outcome {
	if reason == engine.DismissedByServer {
		return Outcome{Text: "The server has ended the room.", Failed: true}
	}
	return Outcome{Text: "The host has ended the room."}
}
