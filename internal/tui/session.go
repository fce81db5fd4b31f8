package tui

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/seatgrid"
)

// Config of a session. Login and Room.RoomID are required.
type Config struct {
	Login  engine.Config
	Room   seatgrid.RoomInfo // the room, and its password if it has one; what else it says is for Create
	Create bool              // open the room, as its owner, rather than enter it
	News   *News             // nil: a queue of its own
	Muted  bool              // on a seat, leave the microphone closed until it is asked for
	// Language is that of the gifts' names, as "zh-CN"; empty: the app's own.
	Language string
	// Seat is what to take or to apply for at once, counted from 1; 0 means nothing.
	Seat int
}

// Session is a login that is in a room.
type Session struct {
	cfg  Config
	eng  *engine.Engine
	grid *seatgrid.Grid
	news *News

	refresh func() // on the goroutine of callbacks
}

const (
	// answerWait is how long one waits for somebody who is asked; who asks can give up earlier.
	answerWait = 5 * time.Minute
	// verbWait bounds everything else: the server decides at once.
	verbWait = 15 * time.Second
)

// Open logs in and enters the room. Close ends both.
func Open(ctx context.Context, cfg Config) (*Session, error) {
	if cfg.News == nil {
		cfg.News = NewNews()
	}
	eng, err := engine.Login(ctx, cfg.Login)
	if err != nil {
		return nil, err
	}
	s := &Session{cfg: cfg, eng: eng, grid: seatgrid.New(eng), news: cfg.News}
	b := &bridge{news: s.news, eng: eng, self: cfg.Login.UserID}
	s.refresh = b.refresh
	eng.AddObserver(b.login())
	s.grid.SetSeatViewAdapter(b)
	s.grid.SetConnectedSeatRule(seatgrid.ConnectedSeatsFirst) // others are not shown while rooms are connected
	if cfg.Create {
		_, err = s.grid.StartVoiceRoom(ctx, cfg.Room)
	} else {
		_, err = s.grid.JoinVoiceRoom(ctx, cfg.Room.RoomID, seatgrid.JoinOptions{Password: cfg.Room.Password})
	}
	room := s.grid.Room()
	if err == nil && room == nil { // it has ended meanwhile
		err = engine.ErrNotInRoom
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	eng.Post("room", func() { b.room = room }) // the bridge is that goroutine's
	room.AddObserver(b.events())
	s.recall(room)
	room.PostSeats("seats", func(seats []seatgrid.SeatInfo) { b.seats = seats; b.refresh() })
	return s, nil
}

// logoutWait bounds the good-bye.
const logoutWait = 5 * time.Second

// Close leaves the room, logs out and waits for everything that was started. A room of one's own stays open.
func (s *Session) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), logoutWait)
	defer cancel()
	err := s.eng.Logout(ctx)
	if s.eng.Err() != nil {
		return nil // it was over already, and that has been said
	}
	return err
}

// do carries an action out, and returns what to say about it; events say the rest.
func (s *Session) do(ctx context.Context, a action) (said string, err error) {
	if a.verb == takeSeat || a.verb == invite {
		ctx, cancel := context.WithTimeout(ctx, answerWait+verbWait)
		defer cancel()
		return s.ask(ctx, a)
	}
	ctx, cancel := context.WithTimeout(ctx, verbWait)
	defer cancel()
	switch a.verb {
	case moveSeat:
		err = s.grid.MoveToSeat(ctx, a.seat)
	case leaveSeat:
		err = s.grid.LeaveSeat(ctx)
	case openMic:
		err = s.openMic(ctx)
	case muteMic:
		err = s.grid.MuteMicrophone(ctx)
	case answer:
		err = s.grid.ResponseRemoteRequest(ctx, a.user, a.on)
	case withdraw:
		err = s.grid.CancelRequest(ctx, a.user)
	case takeOff:
		err = s.grid.KickUserOffSeatByAdmin(ctx, a.user)
	case lockSeat:
		err = s.grid.LockSeat(ctx, a.seat, seatgrid.SeatLockParams{LockSeat: a.on, LockFlag: engine.LockFlagSeat})
	case lockAudio:
		err = s.grid.LockSeat(ctx, a.seat, seatgrid.SeatLockParams{LockAudio: a.on, LockFlag: engine.LockFlagAudio})
	case seatMode:
		mode := seatgrid.ApplyToTake
		if a.on {
			mode = seatgrid.FreeToTake
		}
		err = s.grid.UpdateRoomSeatMode(ctx, mode)
	case endRoom:
		_, err = s.grid.StopVoiceRoom(ctx)
	case leaveRoom:
		err = s.grid.LeaveVoiceRoom(ctx)
	default:
		room := s.grid.Room()
		if room == nil {
			return "", engine.ErrNotInRoom
		}
		switch a.verb {
		case takeOut:
			err = room.Members().KickRemoteUserOutOfRoom(ctx, a.user)
		case sendText:
			_, err = room.Chat().SendBarrage(ctx, a.text, nil)
		case sendGift:
			err = room.Gifts().SendGift(ctx, a.text, 1, &engine.SendGiftOptions{Receiver: a.user})
		default:
			said, err = doConnection(ctx, room, a)
			s.eng.Post("refresh", s.refresh) // of a request of its own nobody is told
		}
	}
	return said, err
}

// ask does what somebody has to answer.
func (s *Session) ask(ctx context.Context, a action) (string, error) {
	var res seatgrid.RequestResult
	var err error
	what := "Your request"
	if a.verb == invite {
		what = "The invitation"
		res, err = s.grid.TakeUserOnSeatByAdmin(ctx, a.seat, a.user, answerWait)
	} else {
		res, err = s.grid.TakeSeat(ctx, a.seat, answerWait)
	}
	if err != nil {
		return "", err
	}
	switch res.Type {
	case seatgrid.Rejected:
		return fmt.Sprintf("%s was declined by %s.", what, person(res.User)), nil
	case seatgrid.Cancelled:
		return what + " was withdrawn.", nil
	case seatgrid.Timeout:
		return what + " got no answer.", nil
	}
	return "", nil // that somebody sits there now is told as an event
}

// openMic publishes, whether the device is open already or not.
func (s *Session) openMic(ctx context.Context) error {
	if err := s.grid.UnmuteMicrophone(ctx); err != nil {
		return err
	}
	return s.grid.StartMicrophone(ctx)
}

// members returns who is in the room without a seat, at most one page of them.
func (s *Session) members(ctx context.Context) ([]seatgrid.UserInfo, error) {
	ctx, cancel := context.WithTimeout(ctx, verbWait)
	defer cancel()
	room := s.grid.Room()
	if room == nil {
		return nil, engine.ErrNotInRoom
	}
	seated := map[seatgrid.UserID]bool{}
	for _, seat := range room.Seats() {
		seated[seat.UserID] = true
	}
	var list []seatgrid.UserInfo
	for u, err := range room.Members().All(ctx) {
		if err != nil {
			return nil, err
		}
		if !seated[u.UserID] {
			if list = append(list, u); len(list) == maxChoice {
				break
			}
		}
	}
	return list, nil
}

// maxChoice is how many members an invitation can choose from; a keyboard is no way to look through more.
const maxChoice = 200
