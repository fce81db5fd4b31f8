package linear

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/openvoiceroom/openvoiceroom/internal/home"
	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

const (
	patience = 20 * time.Second       // for one command, whatever happens to nodes
	haste    = 200 * time.Millisecond // of users who do not wait
	mostOps  = 150                    // of a user in a round: a checker has to read it all
)

// user asks one thing after another, as their rng says, and looks for another node when the own one is gone.
type user struct {
	name     string
	number   int
	room     *scene
	rest     gate // shut: the user does not begin
	rng      *rand.Rand
	at       *node
	session  home.Member
	logins   int
	commands int
	sits     bool // as far as they know
}

// id is of the node that the user is at.
func (u *user) id() store.NodeID {
	if u.at == nil {
		return ""
	}
	return u.at.id
}

// act asks for so many things, and for more until it is over, unless that is enough.
func (u *user) act(ctx context.Context, least int, enough bool, over <-chan struct{}) {
	u.rest.pass(over)
	for i := 0; i < mostOps && ctx.Err() == nil; i++ {
		if i >= least {
			select {
			case <-over:
				return
			default:
				if enough {
					return
				}
			}
		}
		if o := u.next(); o.verb == read {
			u.read(ctx, o)
		} else {
			u.do(ctx, o)
		}
	}
}

// next is what comes to the user's mind: mostly something that makes sense.
func (u *user) next() op {
	o := op{who: u.name, seat: u.rng.IntN(seatCount)}
	dice := u.rng.IntN(100)
	switch {
	case u.name != owner || dice < 45:
		dice = u.rng.IntN(100)
	case dice < 65:
		o.verb, o.on = lock, u.rng.IntN(3) == 0
		return o
	case dice < 75:
		o.verb, o.on = mute, u.rng.IntN(3) == 0
		return o
	default:
		o.verb, o.whom = kick, u.room.users[1+u.rng.IntN(len(u.room.users)-1)].name
		return o
	}
	switch {
	case dice < 15:
		o.verb = read
	case dice < 25:
		o.verb, o.on = audio, u.rng.IntN(3) > 0
	case dice < 40:
		o.verb = move
	case (dice < 90) == u.sits:
		o.verb = leave
	default:
		o.verb = take
		if dice%3 == 0 {
			o.seat = -1
		}
	}
	return o
}

func (o op) action() room.Action {
	i := signaling.SeatIndex(o.seat)
	switch o.verb {
	case take:
		return room.TakeSeat{Index: i}
	case leave:
		return room.LeaveSeat{}
	case move:
		return room.MoveSeat{Index: i}
	case kick:
		return room.KickOffSeat{User: signaling.UserID(o.whom)}
	case lock:
		return room.LockSeat{Index: i, Lock: signaling.SeatLock{Which: signaling.LockFlagSeat, Seat: o.on}}
	case mute:
		return room.LockSeat{Index: i, Lock: signaling.SeatLock{Which: signaling.LockFlagAudio, Audio: o.on}}
	case audio:
		return room.SetAudio{On: o.on}
	}
	return nil
}

// do has one command decided. An answer may be lost on its way to the user, who asks again with the command's id, which
// is still one operation, or leaves it at that: then nobody knows.
func (u *user) do(ctx context.Context, o op) {
	u.commands++
	cmd := room.Command{ID: fmt.Sprint(u.commands), By: signaling.UserInfo{UserID: signaling.UserID(u.name)}, Action: o.action()}
	wait := patience
	if u.rng.IntN(20) == 0 {
		wait = haste
	}
	lost, again := u.rng.IntN(10) == 0, u.rng.IntN(4) > 0
	call := u.room.w.now()
	for ctx.Err() == nil && u.enter(ctx) {
		n := u.at
		try, cancel := context.WithTimeout(ctx, wait)
		out, err := n.Do(try, u.room.key, cmd)
		cancel()
		code := signaling.CodeOf(err)
		decided := code != signaling.ErrServer.Code && !n.dead.Load()
		if decided && !lost {
			u.learn(o, code)
			u.room.record(u.number, u.id(), o, call, answer{code: code, seat: int(out.Index)})
			return
		}
		if !again {
			break
		}
		wait, lost = patience, false
	}
	u.room.record(u.number, u.id(), o, call, answer{unknown: true})
}

func (u *user) learn(o op, code signaling.Code) {
	switch {
	case code == signaling.ErrNotOnSeat.Code && o.verb != kick, code == 0 && o.verb == leave:
		u.sits = false
	case code == signaling.ErrAlreadyOnSeat.Code, code == 0 && o.verb == take:
		u.sits = true
	}
}

// read looks at the room's log. Its newest entry is the room: a change has happened when it is there, and a node that
// took the room over now would go on from it. What a node's replica shows is older, and rightly so: it would be no
// linearizable read.
func (u *user) read(ctx context.Context, o op) {
	if !u.enter(ctx) {
		return
	}
	call := u.room.w.now()
	try, cancel := context.WithTimeout(ctx, haste)
	defer cancel()
	last, err := u.at.nats.Last(try, u.room.key)
	if err != nil {
		return // who learns nothing has asked nothing
	}
	var e home.Entry
	if err := json.Unmarshal(last.Data, &e); err != nil {
		return
	}
	u.room.record(u.number, u.id(), o, call, answer{seats: seatsOf(e.State)})
}

func seatsOf(s room.State) (list seats) {
	for i, x := range s.Seats {
		list[i] = seat{who: string(x.UserID), heard: x.Mic == signaling.MicOn, locked: x.Locked, muted: x.AudioLocked}
	}
	return list
}

// enter sees to it that the user is in the room by a node that lives.
func (u *user) enter(ctx context.Context) bool {
	for u.at == nil || u.at.gone.Load() {
		if ctx.Err() != nil {
			return false
		}
		list := u.room.w.live()
		u.move(ctx, list[u.rng.IntN(len(list))])
	}
	return true
}

// move comes in by another node, and then goes out by the former one, as a later login does to an earlier one.
func (u *user) move(ctx context.Context, to *node) {
	former, old := u.at, u.session
	if former == to {
		return
	}
	u.logins++
	m := home.Member{User: signaling.UserInfo{UserID: signaling.UserID(u.name)}, Session: fmt.Sprint(u.name, "@", u.logins)}
	to.has(u.room.key, m, true)
	try, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if _, err := to.Enter(try, u.room.key, m); err != nil {
		to.has(u.room.key, m, false)
		return
	}
	u.at, u.session = to, m
	if former != nil && !former.gone.Load() {
		former.has(u.room.key, old, false)
		_ = former.Exit(try, u.room.key, old) // an error when it is going
	}
}
