package connection

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

var t0 = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func aRoom(id signaling.RoomID) Room {
	return Room{RoomID: id, Created: 1, Owner: "owner of " + signaling.UserID(id), Seats: 5}
}

// steps applies commands that must succeed.
func steps(t *testing.T, now time.Time, c Connection, cmds ...Command) Connection {
	t.Helper()
	for _, cmd := range cmds {
		before, err := json.Marshal(c)
		require.NoError(t, err)
		next, changed, err := Apply(c, cmd, now)
		require.NoError(t, err, "%T", cmd)
		after, err := json.Marshal(c)
		require.NoError(t, err)
		require.Equal(t, string(before), string(after), "Apply changed its input")
		if !changed {
			require.Equal(t, c, next)
		}
		c = next
	}
	return c
}

func asked(t *testing.T, to ...signaling.RoomID) Connection {
	a, turns := Ask{ID: "c", Command: "1", From: aRoom("r1"), Timeout: time.Minute}, map[signaling.RoomID]uint64{"r1": 1}
	for i, id := range to {
		a.To = append(a.To, aRoom(id))
		turns[id] = uint64(i + 2)
	}
	return steps(t, t0, Connection{}, a, Begin{"1", "r1", turns})
}

// A place that has been given up for lost stays lost, also for a node whose clock is behind.
func TestPlaceIsLostForGood(t *testing.T) {
	ask := Ask{ID: "c", Command: "1", From: aRoom("r1"), To: []Room{aRoom("r2")}, Timeout: time.Minute}
	begin := Begin{"1", "r1", map[signaling.RoomID]uint64{"r1": 1, "r2": 2}}
	c := steps(t, t0, Connection{}, ask)
	require.Zero(t, c.Seq, "nobody sees it")
	c = steps(t, t0.Add(reserveLimit), c, Expire{})
	require.True(t, c.Over)
	c = steps(t, t0.Add(time.Second), c, begin)
	require.Empty(t, c.Stays)
	_, _, err := Apply(c, ask, t0)
	require.ErrorIs(t, err, signaling.ErrConnectionNotExist)
}

// Who could not be claimed is not asked; without the asking room nobody is.
func TestOnlyClaimedRoomsAreAsked(t *testing.T) {
	c := steps(t, t0, Connection{}, Ask{ID: "c", Command: "1", From: aRoom("r1"), To: []Room{aRoom("r2"), aRoom("r3")}, Timeout: time.Minute})
	some := steps(t, t0, c, Begin{"1", "r1", map[signaling.RoomID]uint64{"r1": 1, "r3": 1}})
	require.Len(t, some.Stays, 2)
	require.Equal(t, signaling.RoomID("r3"), some.Stays[1].RoomID)
	none := steps(t, t0, c, Begin{"1", "r1", map[signaling.RoomID]uint64{"r2": 1, "r3": 1}})
	require.Empty(t, none.Stays)
	require.True(t, none.Over)
	require.Zero(t, none.Seq)
}

// The last one that is left asks on, and is out when its requests have ended.
func TestLastRoomAsksOn(t *testing.T) {
	c := steps(t, t0, asked(t, "r2", "r3"), Answer{"2", "r2", "r1", true}, Leave{"3", "r2"})
	require.False(t, c.Over)
	require.Empty(t, c.Connected())
	_, _, err := Apply(c, Leave{"4", "r1"}, t0)
	require.ErrorIs(t, err, signaling.ErrConnectionNotExist, "it is connected with nobody")
	require.Equal(t, t0.Add(time.Minute), c.Deadline().UTC())
	c = steps(t, t0.Add(time.Minute), c, Expire{})
	require.True(t, c.Over)
	require.Zero(t, c.Deadline())
	for _, s := range c.Stays {
		require.Equal(t, Out, s.Status)
	}
}

// A room that leaves takes its requests along, and no others.
func TestRequestsGoWithTheirRoom(t *testing.T) {
	c := steps(t, t0, asked(t, "r2", "r3"), Answer{"2", "r2", "r1", true},
		Ask{ID: "c", Command: "3", From: aRoom("r2"), To: []Room{aRoom("r4")}, Timeout: time.Minute}, Begin{"3", "r2", map[signaling.RoomID]uint64{"r4": 1}},
		Ask{ID: "c", Command: "4", From: aRoom("r2"), To: []Room{aRoom("r5")}, Timeout: time.Minute})
	c = steps(t, t0, c, Leave{"5", "r2"})
	_, in := c.Find("r4")
	require.False(t, in)
	_, in = c.Find("r5")
	require.False(t, in, "it had a place only")
	s, _ := c.Find("r3")
	require.True(t, s.Pending(), "r1 asks it")
	v := c.View(c.Stays[c.last("r2")])
	require.True(t, v.Over)
	require.Len(t, v.Ended, 2, "how it came in, and what it had asked")
}

// What is over is known for two minutes, and until all rooms know.
func TestStaysAreForgotten(t *testing.T) {
	c := steps(t, t0, asked(t, "r2", "r3"), Answer{"2", "r2", "r1", true}, Answer{"3", "r3", "r1", false})
	late := t0.Add(Kept)
	require.Len(t, steps(t, late.Add(-time.Millisecond), c, Tell{c.Seq}).Stays, 3)
	require.Len(t, steps(t, late, c, Tell{c.Seq - 1}).Stays, 3)
	require.Len(t, steps(t, late, c, Tell{c.Seq}).Stays, 2)
	require.Len(t, steps(t, late, c, Tell{c.Seq + 1}).Stays, 3, "nobody has seen what is not there")
	for i := 0; ; i++ {
		command := fmt.Sprint("x", i)
		next := steps(t, t0, c, Ask{ID: "c", Command: command, From: aRoom("r1"), To: []Room{aRoom("r4")}, Timeout: time.Minute})
		if next.asked[0] != nil {
			require.ErrorIs(t, next.asked[0], signaling.ErrConnectionTooFrequent)
			require.Len(t, c.Stays, maxStays)
			break
		}
		c = steps(t, t0, next, Begin{command, "r1", map[signaling.RoomID]uint64{"r4": uint64(i + 1)}}, Cancel{command, "r1", []signaling.RoomID{"r4"}})
	}
}

// Names and avatars that are too much for a room's state are left out; ids never are.
func TestLongNamesAreLeftOut(t *testing.T) {
	long := func(id signaling.RoomID) Room {
		return Room{RoomID: id + signaling.RoomID(strings.Repeat("<", 46)), Created: 1, Owner: signaling.UserID(strings.Repeat("<", 32)), OwnerName: strings.Repeat("<", 100), AvatarURL: strings.Repeat("&", 200), Seats: 1}
	}
	a := Ask{ID: "c", Command: "1", From: long("0"), Timeout: time.Minute}
	for i := 1; i < signaling.MaxConnectedRooms; i++ {
		a.To = append(a.To, long(signaling.RoomID(fmt.Sprint(i))))
	}
	c := steps(t, t0, Connection{}, a)
	require.Len(t, c.Stays, signaling.MaxConnectedRooms)
	rooms := make([]Room, 0, len(c.Stays))
	for _, s := range c.Stays {
		require.Len(t, s.RoomID, 47)
		rooms = append(rooms, s.Room)
	}
	b, err := json.Marshal(rooms)
	require.NoError(t, err)
	require.LessOrEqual(t, len(b), maxInfo)
}

// A room that has not been shown how its last request ended is not asked again before it is: it would never hear of it.
func TestRoomIsToldInOrder(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		n := w.node(true)
		n.asks("1", "r1", 10*time.Second, "r2")
		synctest.Wait()
		w.change("r2", func(h *home) { h.full = true })
		time.Sleep(11 * time.Second)
		results, err := n.ask("2", "r3", time.Minute, "r2")
		require.NoError(t, err)
		require.Error(t, results[0])
		w.change("r2", func(h *home) { h.full = false })
		n.asks("3", "r3", time.Minute, "r2") // before the follower has come round
		settle()
		require.Equal(t, []string{"r1 asks r2", "r1>r2 Timeout", "r3 asks r2"}, w.told("r2"))
	})
}
