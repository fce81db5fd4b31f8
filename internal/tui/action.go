package tui

import (
	"context"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/seatgrid"
)

// verb is what a key makes the session do.
type verb int

const (
	takeSeat verb = iota + 1 // or apply for it
	moveSeat
	leaveSeat
	openMic
	muteMic
	answer // a request of user
	withdraw
	invite
	takeOff
	takeOut
	lockSeat
	lockAudio
	seatMode
	endRoom
	leaveRoom
	sendText
	sendGift
	requestConnection // of the room text
	cancelConnection
	acceptConnection
	rejectConnection
	disconnect
	requestBattle
	cancelBattle // text is its id
	acceptBattle
	rejectBattle
	exitBattle
)

// action is a verb with what it is about.
type action struct {
	verb verb
	seat seatgrid.SeatIndex
	user seatgrid.UserID
	text string        // of a message; which gift; which room or battle
	on   bool          // to agree, to lock, to let everybody sit
	long time.Duration // of a battle

	tell  string // what to say at once; empty for what events tell soon enough
	waits bool   // for somebody's answer
}

// doneMsg is how an action ended.
type doneMsg struct {
	action action
	said   string
	err    error
}

// membersMsg is whom one may invite.
type membersMsg struct {
	list []seatgrid.UserInfo
	err  error
}

// backend carries out what the model wants; a session does, and in tests of screens nobody.
type backend interface {
	do(ctx context.Context, a action) (said string, err error)
	members(ctx context.Context) ([]seatgrid.UserInfo, error)
	gifts(ctx context.Context) ([]engine.GiftInfo, error)
}

// act starts an action.
func (m *model) act(a action) tea.Cmd {
	if a.tell != "" {
		m.say(a.tell)
	}
	if a.waits {
		m.asking = append(m.asking, a)
	}
	return func() tea.Msg {
		said, err := m.backend.do(m.ctx, a)
		return doneMsg{a, said, err}
	}
}

// listMembers asks who can be invited.
func (m *model) listMembers() tea.Cmd {
	return func() tea.Msg {
		list, err := m.backend.members(m.ctx)
		return membersMsg{list, err}
	}
}
