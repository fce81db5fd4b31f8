package room_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

var people = []signaling.UserID{"owner", "admin", "ann", "bob", "cid", "dan", ""}

// world drives a room with commands and checks after each that the rules' promises hold.
type world struct {
	t      require.TestingT
	state  room.State
	now    time.Time
	n      int
	opened map[string]bool // requests by whether they have ended

	gifts, coins int64 // of the room so far
	combos       map[uint64]signaling.GiftReceived
}

func newWorld(t require.TestingT, mode signaling.SeatMode, locks, mutes byte) *world {
	w := &world{t: t, now: t0, opened: map[string]bool{}}
	w.do("owner", room.Create{Info: signaling.RoomInfo{RoomID: "r", SeatMode: mode, MaxSeatCount: 4}, SeatLimit: 20})
	w.state.Admins = []signaling.UserID{"admin"}
	for i := range w.state.Seats {
		w.state.Seats[i].Locked = locks>>i&1 == 1
		w.state.Seats[i].AudioLocked = mutes>>i&1 == 1
	}
	return w
}

// requestID is the id of the n-th request, or of one that never was.
func (w *world) requestID(i int) string {
	if len(w.state.Requests) > 0 && i%3 != 0 {
		return w.state.Requests[i%len(w.state.Requests)].RequestID
	}
	return fmt.Sprint(i % 50)
}

func (w *world) do(by signaling.UserID, a room.Action) { w.decide(cmd(fmt.Sprint(w.n+1), by, a)) }

func (w *world) decide(c room.Command) {
	w.n++
	a := c.Action
	before, exists := copyOf(w.t, w.state), w.state.Exists()
	next, events, err := room.Apply(w.state, c, w.now)
	require.True(w.t, reflect.DeepEqual(before, w.state), "Apply changed its input: %s", c.Name())
	if err != nil {
		require.Equal(w.t, w.state, next, "a refusal changes nothing")
		require.Empty(w.t, events)
		require.Greater(w.t, len(err.Error()), 0)
		require.NotEqual(w.t, signaling.Code(-1), signaling.CodeOf(err))
	}
	if len(events) == 0 {
		require.Equal(w.t, w.state, next, "without an event nothing has happened")
	}
	_, creates := a.(room.Create)
	require.False(w.t, err == nil && !exists && !creates, "%s succeeded on a room that does not exist", c.Name())
	w.lockedSeats(next)
	w.seatsFollow(next, events)
	w.seatsAreLeftByRight(c, next)
	w.requestsFollow(next, events)
	w.giftsAddUp(c, next, events)
	w.roundTrips(c, next, events)
	w.state = next
	w.invariants()
}

// lockedSeats: nobody but managers gets onto a locked seat. Who is there when it is locked, or is demoted there, stays.
func (w *world) lockedSeats(next room.State) {
	for i, seat := range w.state.Seats {
		if i < len(next.Seats) && seat.Locked && next.Seats[i].UserID != "" && next.Seats[i].UserID != seat.UserID {
			require.True(w.t, w.state.RoleOf(next.Seats[i].UserID).Manages(), "%s got onto a locked seat", next.Seats[i].UserID)
		}
	}
}

// seatsAreLeftByRight: others lose or change a seat by managers and the app only, and the owner by nobody but the app.
func (w *world) seatsAreLeftByRight(c room.Command, next room.State) {
	by := w.state.RoleOf(c.By.UserID)
	for _, seat := range w.state.Seats {
		u := seat.UserID
		if at, ok := next.SeatOf(u); u == "" || u == c.By.UserID || ok && at == seat.Index || !next.Exists() {
			continue
		}
		if c.App {
			continue
		}
		require.True(w.t, by.Manages(), "%s took %s off a seat by %s", c.By.UserID, u, c.Name())
		require.NotEqual(w.t, w.state.Info.OwnerID, u, "the owner lost the seat by %s", c.Name())
	}
}

// seatsFollow replays the public events over the former seats: what members keep must become what the room has.
func (w *world) seatsFollow(next room.State, events []room.Event) {
	seats := slices.Clone(w.state.Seats)
	if !w.state.Exists() {
		seats = make([]signaling.SeatInfo, len(next.Seats))
	}
	for _, e := range events {
		switch e := e.Event.(type) {
		case signaling.SeatsChanged:
			require.NotEmpty(w.t, e.Seats)
			for _, x := range e.Seats {
				seats[x.Index] = x
			}
		case signaling.AudioChanged:
			i := slices.IndexFunc(seats, func(s signaling.SeatInfo) bool { return s.UserID == e.UserID })
			require.GreaterOrEqual(w.t, i, 0, "audio of somebody off the seats")
			seats[i].Mic = signaling.MicOff
			if e.HasAudio {
				seats[i].Mic = signaling.MicOn
			}
		case signaling.RoomDismissed:
			seats = nil
		}
	}
	require.Equal(w.t, len(seats), len(next.Seats))
	for i := range seats {
		require.Equal(w.t, seats[i], next.Seats[i])
	}
}

func (w *world) requestsFollow(next room.State, events []room.Event) {
	for _, e := range events {
		switch x := e.Event.(type) {
		case signaling.RequestReceived:
			_, twice := w.opened[x.Request.RequestID]
			require.False(w.t, twice)
			require.Contains(w.t, e.To, x.Request.From.UserID)
			w.opened[x.Request.RequestID] = false
		case signaling.RequestEnded:
			over, known := w.opened[x.Request.RequestID]
			require.True(w.t, known && !over, "request %s ended twice", x.Request.RequestID)
			require.Contains(w.t, e.To, x.Request.From.UserID)
			w.opened[x.Request.RequestID] = true
		}
	}
	for id, over := range w.opened {
		pending := slices.ContainsFunc(next.Requests, func(r signaling.Request) bool { return r.RequestID == id })
		require.NotEqual(w.t, over, pending, "request %s is either pending or has ended", id)
	}
}

// giftsAddUp: the totals are what the events have told, and a combo is one kind by one sender to one receiver.
func (w *world) giftsAddUp(c room.Command, next room.State, events []room.Event) {
	if _, creates := c.Action.(room.Create); creates && len(events) > 0 {
		w.gifts, w.coins, w.combos = 0, 0, map[uint64]signaling.GiftReceived{}
	}
	for _, e := range events {
		g, ok := e.Event.(signaling.GiftReceived)
		if !ok {
			continue
		}
		require.Nil(w.t, e.To, "everybody is told")
		w.gifts, w.coins = w.gifts+int64(g.Count), w.coins+int64(g.Count)*g.Gift.Coins
		require.Equal(w.t, [2]int64{w.gifts, w.coins}, [2]int64{g.TotalGiftsSent, g.TotalGiftCoins})
		before, goesOn := w.combos[g.ComboID]
		if goesOn {
			require.Equal(w.t, before.ComboCount+int64(g.Count), g.ComboCount)
			require.Equal(w.t, [3]string{string(before.Sender.UserID), string(before.Receiver.UserID), before.Gift.GiftID},
				[3]string{string(g.Sender.UserID), string(g.Receiver.UserID), g.Gift.GiftID})
		} else {
			require.Equal(w.t, next.Gifts, g.ComboID, "a combo has the number of its first gift")
			require.Equal(w.t, int64(g.Count), g.ComboCount)
		}
		w.combos[g.ComboID] = g
	}
	require.Equal(w.t, [2]int64{w.gifts, w.coins}, [2]int64{next.Stats.TotalGiftsSent, next.Stats.TotalGiftCoins})
}

func (w *world) roundTrips(c room.Command, s room.State, events []room.Event) {
	if c.Action != nil {
		require.Equal(w.t, c, roundTrip(w.t, c))
	}
	require.Equal(w.t, s, copyOf(w.t, s))
	for _, e := range events {
		require.Equal(w.t, e, roundTrip(w.t, e))
	}
}

func roundTrip[T any](t require.TestingT, v T) (out T) {
	b, err := json.Marshal(v)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(b, &out))
	return out
}

// copyOf is a deep copy by way of JSON. Empty and missing lists are the same there, so it takes over which it was.
func copyOf(t require.TestingT, s room.State) room.State {
	c := roundTrip(t, s)
	if c.Requests == nil && s.Requests != nil {
		c.Requests = []signaling.Request{}
	}
	if c.Admins == nil && s.Admins != nil {
		c.Admins = []signaling.UserID{}
	}
	return c
}

func (w *world) invariants() {
	s := w.state
	at := map[signaling.UserID]bool{}
	for i, seat := range s.Seats {
		require.Equal(w.t, signaling.SeatIndex(i), seat.Index)
		if seat.UserID == "" {
			require.Equal(w.t, signaling.SeatInfo{Index: seat.Index, Locked: seat.Locked, AudioLocked: seat.AudioLocked, VideoLocked: seat.VideoLocked}, seat, "nothing is left of who sat here")
			continue
		}
		require.False(w.t, at[seat.UserID], "%s sits twice", seat.UserID)
		at[seat.UserID] = true
		if seat.AudioLocked {
			require.Equal(w.t, signaling.MicOffByAdmin, seat.Mic)
		}
	}
	for _, u := range s.Speakers() {
		i, ok := s.SeatOf(u)
		require.True(w.t, ok && !s.Seats[i].AudioLocked, "%s is heard", u)
	}
	from := map[signaling.UserID]bool{}
	invited := map[signaling.UserID]bool{}
	for _, r := range s.Requests {
		if r.Type == signaling.InviteToTakeSeat {
			require.False(w.t, invited[r.To], "%s is invited twice", r.To)
			require.False(w.t, at[r.To], "%s sits and is invited", r.To)
			invited[r.To] = true
			continue
		}
		require.False(w.t, from[r.From.UserID], "two applications of %s", r.From.UserID)
		from[r.From.UserID] = true
		require.False(w.t, at[r.From.UserID], "%s sits and applies", r.From.UserID)
	}
	if !s.Exists() {
		require.Empty(w.t, s.Speakers())
		require.Empty(w.t, s.Requests)
		require.Empty(w.t, s.Bound())
	}
	require.LessOrEqual(w.t, len(s.Requests), room.MaxRequests)
	require.LessOrEqual(w.t, len(s.Admins), room.MaxAdmins)
	require.LessOrEqual(w.t, len(s.Metadata), room.MaxMetadataKeys)
	require.NotContains(w.t, s.Admins, s.Info.OwnerID, "one role each")
	require.LessOrEqual(w.t, len(s.Robots), room.MaxRobots)
	robots := map[signaling.UserID]bool{}
	for _, r := range s.Robots {
		require.False(w.t, robots[r.User], "%s is a robot twice", r.User)
		robots[r.User] = true
	}
	l := s.Life
	require.False(w.t, l.OwnerHere && (l.OwnerLeft != 0 || l.OwnerLost != 0) || l.OwnerLeft != 0 && l.OwnerLost != 0, "the owner is here, has left, or is lost: %+v", l)
}

func (w *world) expireAll() {
	for range 100 {
		due, some := w.state.NextDeadline()
		if !some || w.now.Before(due) {
			return
		}
		w.do("", room.Expire{})
	}
	require.Fail(w.t, "Expire does not end")
}

// action makes a command of four small numbers.
func (w *world) action(kind, a, b int) room.Action {
	whom := people[b%len(people)]
	switch kind % 35 {
	case 32:
		return room.SendGift{
			Gift: signaling.GiftInfo{GiftID: fmt.Sprint("gift", a%3), Coins: int64(a % 5)}, Count: b%12 - 1, Receiver: user(whom),
			Present: a%2 == 0, News: b%2 == 0, Combo: time.Duration(a%3) * time.Second, Paid: a%7 == 0, Room: int64(b%11) / 10,
		}
	case 33:
		return room.AddRobots{Robots: []signaling.UserInfo{user(whom), user(people[a%len(people)])}, Members: a % 5, Views: w.state.Info.ViewCount, Limit: 5}
	case 34:
		return room.RemoveRobots{Users: []signaling.UserID{whom, people[a%len(people)]}, Members: 5}

	case 30:
		w.state = w.state.Attended(a%2 == 0, b%2 == 0, w.now)
		return room.Lapse{Rules: room.LifeRules{Empty: time.Hour, OwnerLeft: time.Hour, OwnerLost: time.Duration(a%5) * time.Hour}}
	case 31:
		return room.Leave{OwnerMay: a%2 == 0}
	case 28:
		return room.Ban{Users: []signaling.UserID{whom}, Duration: time.Duration(a%3) * time.Second, Present: people[a%7 : 7]}
	case 29:
		return room.Mute{Users: []signaling.UserID{whom}, Duration: time.Duration(a%3) * time.Second, Muted: people[b%7 : 7]}
	case 26:
		return room.SetMetadata{Metadata: map[string]string{fmt.Sprint(a % 13): fmt.Sprint(b % 3)}}
	case 27:
		return room.DeleteMetadata{Keys: []string{fmt.Sprint(a % 13), fmt.Sprint(b % 13)}}
	case 24:
		return room.PutOnSeat{User: user(whom), Index: signaling.SeatIndex(a%7 - 2)}
	case 25:
		return room.ModifyAdmins{Users: []signaling.UserID{whom, people[a%len(people)]}, Add: a%3 != 0}
	case 20, 21:
		return room.MoveUser{User: whom, Index: signaling.SeatIndex(a%6 - 1), Policy: signaling.MoveSeatPolicy(b % 4)}
	case 23:
		return room.Expel{Reason: signaling.KickedOutReason(a % 6)}
	case 22:
		return room.SetInfo{UserName: fmt.Sprint("name ", a%3), AvatarURL: fmt.Sprint(b % 3), News: a%2 == 0}
	case 12:
		return room.MoveSeat{Index: signaling.SeatIndex(a%6 - 1)}
	case 13, 14:
		return room.Invite{User: user(whom), Index: signaling.SeatIndex(a%7 - 2), Timeout: time.Duration(b%4) * time.Second}
	case 15:
		return room.KickOffSeat{User: whom}
	case 16:
		return room.LockSeat{Index: signaling.SeatIndex(a%6 - 1), Lock: signaling.SeatLock{
			Seat: b&1 != 0, Video: b&2 != 0, Audio: b&4 != 0, Which: signaling.LockFlag(a % 9),
		}}
	case 17:
		mode, name := signaling.SeatMode(a%4), string(whom)
		return room.Update{SeatMode: &mode, Name: &name, Categories: &[]int{a, b}, Hidden: new(b%2 == 0), CoverURL: &name}
	case 18:
		return room.ChangeRole{User: whom, Role: signaling.Role(a % 4), Present: b%3 != 0}
	case 19:
		return room.KickOut{User: whom, Present: a%4 != 0}

	case 0:
		return room.Create{Info: signaling.RoomInfo{RoomID: "r", SeatMode: signaling.SeatMode(a % 4), MaxSeatCount: b % 6}, SeatLimit: 5}
	case 1, 2, 3:
		return room.TakeSeat{Index: signaling.SeatIndex(a%7 - 2), Timeout: time.Duration(b%4) * time.Second}
	case 4:
		return room.LeaveSeat{}
	case 5, 6:
		return room.Respond{RequestID: w.requestID(a), Agree: b%3 != 0}
	case 7:
		return room.Cancel{RequestID: w.requestID(a)}
	case 8:
		return room.SetAudio{On: b%3 != 0}
	case 9:
		return room.Leave{}
	case 10:
		return room.Depart{}
	}
	if a%10 == 0 { // rarely: it ends the story
		return room.Dismiss{Reason: signaling.DismissedReason(b % 3)}
	}
	return room.Expire{}
}

func TestRules_holdForRandomCommands(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		mode := rapid.SampledFrom([]signaling.SeatMode{signaling.FreeToTake, signaling.ApplyToTake}).Draw(t, "mode")
		w := newWorld(t, mode, rapid.Byte().Draw(t, "locks"), rapid.Byte().Draw(t, "mutes"))
		small := rapid.IntRange(0, 1000)
		t.Repeat(map[string]func(*rapid.T){
			"command": func(t *rapid.T) {
				who := rapid.SampledFrom(people).Draw(t, "who")
				c := cmd(fmt.Sprint(w.n+1), who, w.action(rapid.IntRange(0, 34).Draw(t, "kind"), small.Draw(t, "a"), small.Draw(t, "b")))
				c.App = rapid.IntRange(0, 4).Draw(t, "app") == 0
				w.decide(c)
			},
			"time": func(t *rapid.T) {
				w.now = w.now.Add(time.Duration(rapid.IntRange(1, 3000).Draw(t, "ms")) * time.Millisecond)
				w.expireAll()
			},
		})
		if w.state.Exists() {
			w.do("", room.Dismiss{}) // by now it may be another owner's
		}
		for id, over := range w.opened {
			require.True(t, over, "request %s never ended", id)
		}
	})
}

func FuzzApply(f *testing.F) {
	f.Add([]byte{1, 0, 0, 2, 1, 2, 0, 0, 5, 1, 1})
	f.Add([]byte{0, 3, 9, 2, 1, 2, 1, 2, 1, 3, 2, 0, 11, 10, 0, 0, 0, 1, 4})
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) < 3 {
			return
		}
		w := newWorld(t, signaling.SeatMode(1+b[0]%2), b[1], b[2])
		for b = b[3:]; len(b) >= 4; b = b[4:] {
			if b[0]%16 == 15 {
				w.now = w.now.Add(time.Duration(b[1]) * 50 * time.Millisecond)
				w.expireAll()
				continue
			}
			c := cmd(fmt.Sprint(w.n+1), people[int(b[1]&0x7f)%len(people)], w.action(int(b[0]), int(b[2]), int(b[3])))
			c.App = b[1]&0x80 != 0
			w.decide(c)
		}
	})
}
