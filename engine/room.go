package engine

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/openvoiceroom/openvoiceroom/internal/dispatch"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// Room is one room that this user is in: a replica that follows the server, and the media. Engine.Enter makes it;
// Leave, Dismiss, the room's end or the login's end close it.
type Room struct {
	eng    *Engine
	log    *slog.Logger
	id     RoomID
	key    string          // the password that it was entered with, for a return
	events *dispatch.Queue // the engine's: a login has one order of callbacks

	observers dispatch.Observers[RoomObserver]
	music     *Music
	media     *media // nil where Config asks for none

	mu     sync.Mutex // protects what follows; nothing is called while it is held
	known  bool       // the server has let this user in, and view is its snapshot: from then on a return concerns the room
	joined bool       // Enter has succeeded; before that events wait in early
	early  []signaling.RoomEvents
	asking bool // for a snapshot, because something was missed
	// returning is true while the room is joined again: events wait in early
	returning bool
	caught    chan struct{} // closed when asking or returning may be over; nil when nobody waits
	view      signaling.Snapshot
	ended     []endedRequest // of this user, not waited for yet; the newest last
	waiting   map[string]awaited
	chat      barrages
	neighbors map[RoomID][]SeatInfo // the seats of connected rooms
	audience  audience
	giftLines bool // gifts are lines of the chat, too
	likes     likes
	shown     time.Time // when the server has said what view.Statistics are
	cause     error     // why the room is over
	over      bool
	done      chan struct{} // closed when the room is over

	closing sync.Once
	wg      sync.WaitGroup
}

// Create makes a room; the caller becomes its owner but does not enter it. [ErrRoomIDOwned] says that it exists and is
// the caller's: it may be entered straight away.
func (e *Engine) Create(ctx context.Context, info RoomInfo) (RoomInfo, error) {
	var res signaling.CreateRoomResult
	err := e.call(ctx, signaling.MethodCreateRoom, signaling.CreateRoomParams{CommandID: rand.Text(), Room: info, Password: info.Password}, &res)
	return res.Room, signaling.WithOp("Create", err)
}

// Discard ends a room that this login has created and could not enter: it undoes Create.
func (e *Engine) Discard(ctx context.Context, id RoomID) error {
	// Only somebody in the room can dismiss it. This join has no media, which may be what stood in the way.
	err := e.call(ctx, signaling.MethodJoinRoom, signaling.JoinParams{RoomID: id}, nil)
	if err == nil {
		err = e.call(ctx, signaling.MethodDismissRoom, signaling.RoomParams{CommandID: rand.Text(), RoomID: id}, nil)
	}
	return signaling.WithOp("Discard", err)
}

// EnterRoomOptions are for Enter. The zero value is right for most rooms.
type EnterRoomOptions struct {
	// Password is for a room that has one (RoomInfo.HasPassword). Its owner and its administrators need none.
	Password string
}

// Enter enters a room and begins to play what is said in it. The observer is told of everything that happens after the
// snapshot that the Room starts with; it may be nil. A room with a password fails with [ErrPasswordNeeded] or
// [ErrWrongPassword], and after five wrong ones in a minute with [signaling.ErrTooFrequent]. Of several options the last
// counts.
func (e *Engine) Enter(ctx context.Context, id RoomID, o *RoomObserver, options ...EnterRoomOptions) (*Room, error) {
	r := &Room{
		eng: e, id: id, log: e.log.With("room", id), events: e.events, done: make(chan struct{}),
		waiting: map[string]awaited{},
	}
	if n := len(options); n > 0 {
		r.key = options[n-1].Password
	}
	r.likes.turn = make(chan struct{}, 1)
	r.likes.turn <- struct{}{}
	r.music = newMusic(r)
	if o != nil {
		r.observers.Add(o, r.events.Inside)
	}
	if e.cfg.media() { // before the room can be found: what ends it ends its media
		m, err := newMedia(r)
		if err != nil {
			return nil, &Error{Code: signaling.ErrMediaNotNegotiated.Code, Op: "Enter", Err: err}
		}
		r.media = m
	}
	if err := e.register(r); err != nil {
		r.finish(err)
		r.close()
		return nil, signaling.WithOp("Enter", err)
	}
	if err := r.enter(ctx); err != nil {
		if _, refused := errors.AsType[*Error](err); !refused || ctx.Err() != nil || r.media != nil && r.media.begun {
			r.undoEnter(ctx) // the server may have let us in
		}
		r.finish(err)
		r.close()
		return nil, signaling.WithOp("Enter", err)
	}
	return r, nil
}

// register makes a room known to what the server sends: its events may come before the answer to its join.
func (e *Engine) register(r *Room) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	switch {
	case e.cause != nil:
		return e.cause
	case e.closed || e.over:
		return ErrNotLoggedIn
	case e.rooms[r.id] != nil:
		return signaling.Errorf(signaling.ErrRepeatOperation.Code, "this login is in the room already; leave it first")
	}
	e.rooms[r.id] = r
	return nil
}

// undoEnter leaves a room that was entered only on the server's side.
func (r *Room) undoEnter(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), logoutWait)
	defer cancel()
	if err := r.eng.call(ctx, signaling.MethodLeaveRoom, signaling.RoomParams{RoomID: r.id}, nil); err != nil {
		r.log.Debug("half-entered room not left", "error", err)
		if errors.Is(err, context.DeadlineExceeded) {
			r.eng.mu.Lock()
			r.eng.abandoned = append(r.eng.abandoned, r.id)
			r.eng.mu.Unlock()
		}
	}
}

// spawn runs f on a goroutine that close waits for, unless the room is over; r.mu is held.
func (r *Room) spawn(f func()) {
	if !r.over {
		r.wg.Go(f)
	}
}

func (r *Room) enter(ctx context.Context) error {
	params := signaling.JoinParams{RoomID: r.id, Password: r.key}
	if r.media != nil {
		params.Offer = r.media.line.Load().peer.Offer()
	}
	var res signaling.JoinResult
	if err := r.eng.call(ctx, signaling.MethodJoinRoom, params, &res); err != nil {
		return err
	}
	r.mu.Lock()
	if r.over { // the login has ended meanwhile
		defer r.mu.Unlock()
		return r.whyOver()
	}
	// Before the media, which may take its time: if the connection breaks meanwhile, the server is told of this room.
	r.known = true
	r.show(res.Snapshot)
	r.mu.Unlock()
	if r.media != nil {
		if err := r.media.begin(ctx, res); err != nil {
			r.mu.Lock()
			defer r.mu.Unlock()
			if r.over { // that is why
				return r.whyOver()
			}
			return &Error{Code: signaling.ErrMediaNotNegotiated.Code, Err: err}
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.over { // again
		return r.whyOver()
	}
	r.joined = true
	r.drain()
	r.drainBarrages()
	return nil
}

// ID returns the room's id.
func (r *Room) ID() RoomID { return r.id }

// Engine returns the login that the room belongs to.
func (r *Room) Engine() *Engine { return r.eng }

// Done is closed when the room is over for this user.
func (r *Room) Done() <-chan struct{} { return r.done }

// Err returns why the room is over; nil while it lasts and after Leave.
func (r *Room) Err() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.cause
}

// AddObserver registers an observer and returns how to remove it.
func (r *Room) AddObserver(o *RoomObserver) (remove func()) {
	return r.observers.Add(o, r.events.Inside)
}

// Leave leaves the room. The owner cannot ([ErrOwnerCannotLeave]), unless the server ends rooms of this app some time after
// their owner has left.
func (r *Room) Leave(ctx context.Context) error {
	_, err := r.exit(ctx, signaling.MethodLeaveRoom, nil)
	return err
}

// exit takes this user out of the room. gone says that it was out before.
func (r *Room) exit(ctx context.Context, method string, result any) (gone bool, _ error) {
	if err := r.alive(); err != nil {
		return false, err
	}
	r.sendLikes(ctx) // what still waits
	err := r.eng.call(ctx, method, signaling.RoomParams{CommandID: rand.Text(), RoomID: r.id}, result)
	// When the answer was lost with its connection the command is repeated, and nothing is left for it to do.
	gone = errors.Is(err, signaling.ErrRoomNotExist) || method == signaling.MethodLeaveRoom && errors.Is(err, ErrNotInRoom)
	if err != nil && !gone {
		return false, err
	}
	r.finish(nil)
	r.close()
	return gone, nil
}

// Call sends a command about this room and decodes its answer: the one way to the server for whatever has no verb of
// its own. When it returns, reads show the command's effect.
func (r *Room) Call(ctx context.Context, method string, params, result any) error {
	if err := r.alive(); err != nil {
		return err
	}
	// The server sends a command's events before its answer, so they have been received when the answer is here.
	err := r.eng.call(ctx, method, params, result)
	if err == nil {
		r.upToDate(ctx)
	}
	return err
}

// upToDate waits until nothing that was received waits to be applied: a snapshot may be under way. When ctx ends, so does
// the waiting; the command has been carried out all the same.
func (r *Room) upToDate(ctx context.Context) {
	for {
		r.mu.Lock()
		behind := !r.over && (r.asking || r.returning)
		if behind && r.caught == nil {
			r.caught = make(chan struct{})
		}
		caught := r.caught
		r.mu.Unlock()
		if !behind {
			return
		}
		select {
		case <-caught:
		case <-r.done:
			return
		case <-ctx.Done():
			return
		}
	}
}

// tellCaughtUp wakes who waits for the replica; r.mu is held.
func (r *Room) tellCaughtUp() {
	if r.caught != nil {
		close(r.caught)
		r.caught = nil
	}
}

// alive gives the reason when the room is over.
func (r *Room) alive() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.over {
		return r.whyOver()
	}
	return nil
}

// whyOver is what verbs fail with after the end; r.mu is held.
func (r *Room) whyOver() error {
	if r.cause != nil {
		return r.cause
	}
	return ErrNotInRoom
}

// finish marks the room as over, once: whoever waits for a request learns why.
func (r *Room) finish(cause error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.finishLocked(cause)
}

// finishLocked is finish with r.mu held, and reports whether this call did it. From then on the login may enter a room with this id again.
func (r *Room) finishLocked(cause error) bool {
	if r.over {
		return false
	}
	r.view.Statistics = r.statistics()
	r.over, r.cause = true, cause
	r.chat, r.audience = barrages{}, audience{}
	code := signaling.CodeOf(cause)
	if cause == nil {
		code = ErrNotInRoom.Code
	}
	for id, w := range r.waiting {
		w.end <- RequestEnd{Type: Failed, Code: code}
		delete(r.waiting, id)
	}
	close(r.done)
	r.eng.mu.Lock() // the one lock that is taken inside r.mu; nothing is done while both are held
	defer r.eng.mu.Unlock()
	if r.eng.rooms[r.id] == r {
		delete(r.eng.rooms, r.id)
	}
	return true
}

// close ends the media and waits for what the room has started. It is idempotent, and may run in a callback.
func (r *Room) close() {
	r.closing.Do(func() {
		r.music.player.Close()
		if r.media != nil {
			r.media.close()
		}
	})
	r.wg.Wait()
}

// disconnected ends the room because the login has ended.
func (r *Room) disconnected(cause error) {
	r.mu.Lock()
	known := r.joined // else Enter's error says it
	first := r.finishLocked(cause)
	r.mu.Unlock()
	if first && known && cause != nil && signaling.CodeOf(cause) != ErrKickedOffLine.Code {
		r.post("OnKickedOutOfRoom", func(o *RoomObserver) {
			if o.OnKickedOutOfRoom != nil {
				o.OnKickedOutOfRoom(r.id, KickedForNetworkDisconnected, cause.Error())
			}
		})
	}
}
