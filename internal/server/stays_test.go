package server

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// kickedBeforeTheAnswer joins a room and returns which rooms the client was taken out of before the answer came.
func (c *raw) kickedBeforeTheAnswer(id signaling.RoomID) (rooms []signaling.RoomID) {
	c.t.Helper()
	c.lastID++
	b, err := signaling.EncodeCall(c.lastID, signaling.MethodJoinRoom, signaling.JoinParams{RoomID: id})
	require.NoError(c.t, err)
	c.send(string(b))
	for {
		m := c.next()
		if m.ID == c.lastID {
			require.NoError(c.t, errOf(m))
			return rooms
		}
		var p signaling.RoomEvents
		require.NoError(c.t, json.Unmarshal(m.Params, &p))
		for _, e := range p.Events {
			if out, ok := e.(signaling.KickedOutOfRoom); ok {
				require.Equal(c.t, signaling.KickedForTooManyRooms, out.Reason)
				rooms = append(rooms, p.RoomID)
			}
		}
	}
}

func (w *world) rooms(ids ...signaling.RoomID) *raw {
	host := w.login("host")
	for _, id := range ids {
		host.must(signaling.MethodCreateRoom, signaling.CreateRoomParams{Room: signaling.RoomInfo{RoomID: id, SeatMode: signaling.FreeToTake}}, nil)
	}
	return host
}

func (c *raw) seats(id signaling.RoomID) signaling.Snapshot {
	c.t.Helper()
	time.Sleep(time.Second) // virtual: departures are told in company
	var s signaling.Snapshot
	c.must(signaling.MethodSnapshot, signaling.RoomParams{RoomID: id}, &s)
	return s
}

// The oldest stay ends as a leaving, its owner's too, and which is the oldest is not changed by joining it again.
func TestFourthRoomEndsTheOldestStay(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		witness := w.rooms("a", "b", "c", "d", "e")
		witness.must(signaling.MethodJoinRoom, signaling.JoinParams{RoomID: "a"}, nil)
		c := w.login("guest")
		c.must(signaling.MethodJoinRoom, signaling.JoinParams{RoomID: "a"}, nil)
		c.must(signaling.MethodTakeSeat, signaling.TakeSeatParams{RoomID: "a", Index: 2}, nil)
		require.Empty(t, c.kickedBeforeTheAnswer("b"))
		require.Empty(t, c.kickedBeforeTheAnswer("c"))
		require.Empty(t, c.kickedBeforeTheAnswer("a"), "in it already")
		require.Equal(t, signaling.UserID("guest"), witness.seats("a").Seats[2].UserID)

		require.Error(t, errOf(c.call(signaling.MethodJoinRoom, signaling.JoinParams{RoomID: "d", Offer: "garbage"})))
		require.Equal(t, signaling.UserID("guest"), witness.seats("a").Seats[2].UserID, "a join that fails costs nothing")

		require.Equal(t, []signaling.RoomID{"a"}, c.kickedBeforeTheAnswer("d"))
		after := witness.seats("a")
		require.Empty(t, after.Seats[2].UserID)
		require.Equal(t, 1, after.Room.MemberCount)
		require.ErrorIs(t, errOf(c.call(signaling.MethodSnapshot, signaling.RoomParams{RoomID: "a"})), signaling.ErrNotInRoom)
		require.Equal(t, []signaling.RoomID{"b"}, c.kickedBeforeTheAnswer("a"), "it may come back, for the next one")

		for i, id := range []signaling.RoomID{"b", "c", "d"} {
			require.Equal(t, i == 2, len(witness.kickedBeforeTheAnswer(id)) == 1)
		}
		require.ErrorIs(t, errOf(witness.call(signaling.MethodLeaveSeat, signaling.RoomParams{RoomID: "a"})), signaling.ErrNotInRoom)
		var room signaling.GetRoomResult
		witness.must(signaling.MethodGetRoom, signaling.GetRoomParams{RoomID: "a"}, &room)
		require.Equal(t, signaling.UserID("host"), room.Room.OwnerID, "the owner is out, the room stays theirs")
	})
}

// While a room is out of reach its stay cannot be ended. The join that is one too many succeeds all the same, and the
// next one puts it right.
func TestStayThatCannotBeEndedIsEndedLater(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.rooms("a", "b", "c", "d", "e")
		c := w.login("guest")
		for _, id := range []signaling.RoomID{"a", "b", "c"} {
			require.Empty(t, c.kickedBeforeTheAnswer(id))
		}
		w.srv.mu.Lock()
		a := w.srv.replicas[store.Key{App: app, Room: "a"}]
		ses := w.srv.users[userKey{app, "guest"}]
		w.srv.mu.Unlock()
		a.await = func(context.Context, uint64) error { return errors.New("out of reach") }
		c.kickedBeforeTheAnswer("d")
		require.Len(t, ses.rooms, maxRooms+1)
		require.Equal(t, []signaling.RoomID{"b"}, c.kickedBeforeTheAnswer("e"), "the first is out by now")
		require.Len(t, ses.rooms, maxRooms)
	})
}

// One room too many is all that failures can lead to.
func TestNoSecondRoomTooMany(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.rooms("a", "b", "c", "d")
		c := w.login("guest")
		for _, id := range []signaling.RoomID{"a", "b", "c"} {
			require.Empty(t, c.kickedBeforeTheAnswer(id))
		}
		w.srv.mu.Lock()
		ses := w.srv.users[userKey{app, "guest"}]
		w.srv.mu.Unlock()
		a := ses.rooms["a"]
		ses.rooms["left over"] = &membership{replica: a.replica, session: ses, user: a.user} // as after an attempt that failed
		unreachable, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := ses.join(unreachable, signaling.JoinParams{RoomID: "d"})
		require.ErrorContains(t, err, "leaving room left over")
		require.Len(t, ses.rooms, maxRooms+1)
		delete(ses.rooms, "left over")
	})
}
