package signaling

import (
	"errors"
	"fmt"
)

// Code is the number of an error: the documents' own where they have one. Unknown codes survive a round trip.
type Code int

// Error is what every verb of the SDK and every call on the wire fails with.
type Error struct {
	Code    Code
	Op      string // the verb or wire method that failed, for example "TakeSeat"
	Message string // what to do about it; empty means the code's own text
	Err     error  // the cause, if there is one
}

// Errorf makes an Error for a code with a message of its own.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

func (e *Error) Error() string {
	msg := e.Message
	if msg == "" {
		msg = e.Code.String()
	}
	if e.Op != "" {
		msg = e.Op + ": " + msg
	}
	msg = fmt.Sprintf("%s (code %d)", msg, int(e.Code))
	if e.Err != nil {
		msg += ": " + e.Err.Error()
	}
	return msg
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Is makes errors.Is(err, ErrSeatLocked) true for every Error with that code. The two words for an occupied seat
// (100201 and 100210, which the documents use side by side) are the same error.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && canonical(t.Code) == canonical(e.Code)
}

func canonical(c Code) Code {
	if c == ErrSeatOccupiedAlias.Code {
		return ErrSeatOccupied.Code
	}
	return c
}

// CodeOf returns the code of an error: 0 for nil and -1 ("not classified") for an error without one.
func CodeOf(err error) Code {
	if err == nil {
		return 0
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return ErrFailed.Code
}

// WithOp returns err with the verb that failed, as an *Error. Of an error without a code it makes -1. nil stays nil.
func WithOp(op string, err error) error {
	if err == nil {
		return nil
	}
	if e, ok := errors.AsType[*Error](err); ok {
		c := *e
		c.Op = op
		return &c
	}
	return &Error{Code: ErrFailed.Code, Op: op, Message: "not classified", Err: err}
}

// Retryable reports whether the same call may succeed later without anything else being changed.
func (c Code) Retryable() bool { return table[c].retry }

func (c Code) String() string {
	if t, ok := table[c]; ok {
		return t.text
	}
	return "unknown error"
}

type codeInfo struct {
	text  string
	retry bool
}

var table = map[Code]codeInfo{}

// sentinel registers a code; it runs only in this file's variable declarations.
func sentinel(c Code, text string) *Error {
	table[c] = codeInfo{text: text}
	return &Error{Code: c}
}

func retryable(c Code, text string) *Error {
	e := sentinel(c, text)
	table[c] = codeInfo{text: text, retry: true}
	return e
}

// Codes lists every code that this package names.
func Codes() []Code {
	list := make([]Code, 0, len(table))
	for c := range table {
		list = append(list, c)
	}
	return list
}

// Client codes (documents, "Error codes", client part).
var (
	ErrFailed           = sentinel(-1, "not classified; the message and the server's log say more")
	ErrFreqLimit        = retryable(-2, "too many calls; wait a moment and try again")
	ErrRepeatOperation  = sentinel(-3, "the operation is already under way")
	ErrAppNotFound      = sentinel(-1000, "the server does not know this SDKAppID; check the number and the server's --app")
	ErrInvalidParameter = sentinel(-1001, "a parameter is not valid")
	ErrNotLoggedIn      = sentinel(-1002, "not logged in; log in first")

	ErrMicStartFailed   = sentinel(-1104, "the microphone could not be opened")
	ErrMicNotAuthorized = sentinel(-1105, "the system does not allow use of the microphone")
	ErrMicOccupied      = sentinel(-1106, "the microphone is in use by another program")
	ErrNoMic            = sentinel(-1107, "there is no microphone; give engine.Config one")
	ErrMicUnavailable   = sentinel(-1110, "the microphone is there and does not work; plug it in again, or choose another")

	ErrNotInRoom           = sentinel(-2101, "not in a room; enter it first")
	ErrOwnerCannotLeave    = sentinel(-2102, "the owner cannot leave the room, only dismiss it")
	ErrInvalidRoomID       = sentinel(-2105, "the room id is not valid: 1 to 48 bytes of printable ASCII")
	ErrInvalidRoomName     = sentinel(-2107, "the room name is not valid: at most 100 bytes of UTF-8 without control characters")
	ErrInOtherRoom         = sentinel(-2108, "already in another room; leave it first or use another grid")
	ErrUserNotFound        = sentinel(-2200, "no such user")
	ErrNeedOwner           = sentinel(-2300, "only the owner may do this")
	ErrNeedManager         = sentinel(-2301, "only the owner or an administrator may do this")
	ErrRequestPermission   = sentinel(-2310, "the request is not yours to answer or cancel")
	ErrRequestInvalid      = sentinel(-2311, "there is no such request, or it has been answered already")
	ErrRequestRepeated     = sentinel(-2312, "a request is already pending; cancel it first")
	ErrTooManySeats        = sentinel(-2340, "more seats than the server allows")
	ErrSeatNotExist        = sentinel(-2344, "the room has no seat with this index")
	ErrAllMessagesDisabled = sentinel(-2380, "only the owner and the administrators may chat in this room now")
	ErrMessageDisabled     = sentinel(-2381, "you may not chat in this room now; a manager has muted you")
	ErrSeatAudioLocked     = sentinel(-2360, "the seat's audio is locked; the owner or an administrator has to unlock it")
)

// Server codes (documents, "Error codes", server part).
var (
	ErrServer                = retryable(100001, "error inside the server; try again")
	ErrBadRequest            = sentinel(100002, "the request is not valid")
	ErrRoomIDOccupied        = sentinel(100003, "the room id is taken; choose another")
	ErrRoomNotExist          = sentinel(100004, "the room does not exist, or no longer")
	ErrUserNotEntered        = sentinel(100005, "the user is not in the room")
	ErrNoPermission          = sentinel(100006, "not permitted")
	ErrRoomFull              = sentinel(100008, "the room is full")
	ErrTooManyCategories     = sentinel(100009, "the room has more categories than it may have")
	ErrRoomIDOwned           = sentinel(100010, "the room exists already and is yours; it may be used straight away")
	ErrTooFrequent           = retryable(100012, "too often; wait a moment")
	ErrMemberBanned          = sentinel(100016, "the user is banned from the room")
	ErrPasswordNeeded        = sentinel(100018, "the room is entered with a password; give it")
	ErrWrongPassword         = sentinel(100019, "the password is wrong")
	ErrTooManyAdmins         = sentinel(100020, "the room has all the administrators it may have")
	ErrRequestConflict       = sentinel(100102, "another request with this id exists")
	ErrSeatLocked            = sentinel(100200, "the seat is locked; choose another")
	ErrSeatOccupiedAlias     = sentinel(100201, "somebody sits on this seat")
	ErrInQueue               = sentinel(100202, "the user has already applied for a seat")
	ErrAlreadyOnSeat         = sentinel(100203, "the user already has a seat")
	ErrNotInQueue            = sentinel(100204, "the user has not applied for a seat")
	ErrAllSeatsOccupied      = sentinel(100205, "all seats are taken")
	ErrNotOnSeat             = sentinel(100206, "the user has no seat")
	ErrAlreadyInvited        = sentinel(100208, "the user has already been invited")
	ErrSeatOccupied          = sentinel(100210, "somebody sits on this seat")
	ErrSeatsNotSupported     = sentinel(100211, "the room has no seats")
	ErrConnectionNotExist    = sentinel(100400, "the room is not connected, and nobody asks for it; or that is over")
	ErrConnected             = sentinel(100401, "the room is in this connection already")
	ErrConnectionPending     = sentinel(100402, "the room is asked for a connection, or asks for one; that has to end first")
	ErrConnectedElsewhere    = sentinel(100403, "the room is connected with other rooms")
	ErrConnectionFull        = sentinel(100404, "the connection would have too many rooms, or too many seats")
	ErrConnectionTooFrequent = retryable(100405, "too many rooms have been asked for a connection; wait a moment")
	ErrConnectionProcessed   = sentinel(100406, "the request for a connection has been answered, or has ended")
	ErrNotInConnection       = sentinel(100407, "the room is not in this connection")
	ErrBattleNotExist        = sentinel(100411, "there is no such battle, or it ended too long ago")
	ErrBattleNoRooms         = sentinel(100412, "none of the invited rooms can take part: they are in other battles, or do not exist")
	ErrBattleTooFrequent     = retryable(100413, "too many rooms have been asked for a battle; wait a moment")
	ErrNotInBattle           = sentinel(100414, "the room is not, or no longer, in this battle")
	ErrBattlingElsewhere     = sentinel(100415, "the room is in another battle; try again when it has ended")
	ErrBattlePending         = sentinel(100416, "the room is asked for a battle, or asks for one; that has to end first")
	ErrBattling              = sentinel(100419, "the battle has begun; a room leaves it by exiting")
	ErrBattleNotStarted      = sentinel(100420, "the battle has not begun yet")
	ErrBattleOver            = sentinel(100421, "the battle, or the request for it, is over")
	ErrTooManyMetadataKeys   = sentinel(100500, "the room's metadata would have too many keys")
	ErrMetadataValueTooLarge = sentinel(100501, "a value of the room's metadata is too large")
	ErrMetadataTooLarge      = sentinel(100502, "the room's metadata would be too large")
	ErrMetadataKeyTooLarge   = sentinel(100504, "a key of the room's metadata is too long")
	ErrMetadataNotFound      = sentinel(100503, "the room's metadata has none of these keys")
	ErrGiftNotFound          = sentinel(102002, "the app has no such gift, or it is disabled; fetch the gift list again")
	ErrGiftRejected          = sentinel(102004, "the app's server has refused the gift, or has not answered in time; nothing was sent")
	ErrGiftDisabled          = sentinel(102008, "no gifts may be sent in this room now")
	ErrLikesDisabled         = sentinel(102009, "likes are switched off in this room")
	ErrTooManyRobots         = sentinel(100700, "the room has all the robots it may have")
	ErrLimit                 = sentinel(100013, "a limit of the server is reached")
	ErrMessageRejected       = sentinel(10016, "the app does not let this message through")
	ErrMalformedJSON         = sentinel(60003, "the message is not valid JSON-RPC 2.0")
	ErrUserSigExpired        = sentinel(70001, "the UserSig has expired; get a new one")
	ErrUserSigInvalid        = sentinel(70003, "the UserSig is not valid for this SDKAppID")
	ErrUserSigWrongUser      = sentinel(70013, "the UserSig belongs to another user id")
	ErrKickedOffLine         = sentinel(6208, "this login has ended: the same user logged in elsewhere")
	ErrDisconnected          = retryable(-1302, "the connection to the server is gone")
	ErrServerTimeout         = retryable(-1300, "the server did not answer in time")
	ErrMediaNotNegotiated    = sentinel(-1301, "the media session could not be set up")
)
