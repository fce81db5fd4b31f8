package home_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/internal/home"
	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

func TestStop_handsOver(t *testing.T) {
	bubble(t, 2, func(t *testing.T, c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		a.create(signaling.FreeToTake)
		b.enter("bob")
		b.do("1", "bob", room.TakeSeat{})
		a.end()
		before := time.Now()
		b.do("2", "bob", room.SetAudio{On: true})
		assert.Less(t, time.Since(before), time.Second, "no heartbeat has to run out")
		assert.Equal(t, 1, b.Rooms())
		synctest.Wait() // the nodes are counted beside the room's takeover
		assert.True(t, b.Alone())
		assert.Equal(t, []string{"ws://node1"}, b.URLs())
		_, err := a.try("3", "bob", room.SetAudio{})
		require.ErrorIs(t, err, signaling.ErrServer)
		_, err = a.Create(t.Context(), store.Key{App: 1, Room: "x"}, command("c", "owner", room.Create{Info: signaling.RoomInfo{RoomID: "x"}}))
		require.ErrorIs(t, err, signaling.ErrServer)
		require.NoError(t, a.Stop(t.Context()), "again")
		c.consistent()
	})
}

func TestDisconnectedFollower_missesNothing(t *testing.T) {
	bubble(t, 2, func(t *testing.T, c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		a.create(signaling.FreeToTake)
		a.enter("ann")
		b.enter("bob")
		b.deaf.Store(true)
		for i := range 10 {
			a.do(fmt.Sprint("t", i), "ann", room.TakeSeat{})
			a.do(fmt.Sprint("l", i), "ann", room.LeaveSeat{})
		}
		b.deaf.Store(false)
		require.Less(t, len(b.heard()), 4, "it was deaf")
		b.store.Disconnect()
		time.Sleep(time.Second)
		c.consistent()
	})
}

func TestRoomCreatedAnew_isNotRefusedByItsFormerHome(t *testing.T) {
	bubble(t, 2, func(t *testing.T, c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		a.create(signaling.FreeToTake)
		a.enter("ann")
		a.enter("owner")
		a.do("1", "owner", room.Dismiss{})
		a.stop() // as a server does when its replica of the room is over
		a.stop = nil
		_, err := b.Create(t.Context(), key, command("new", "bob", room.Create{Info: signaling.RoomInfo{RoomID: "r", SeatMode: signaling.FreeToTake}}))
		require.NoError(t, err)
		_, err = a.tryEnter("ann", "ann@1")
		require.NoError(t, err)
		_, err = a.try("2", "ann", room.TakeSeat{})
		require.NoError(t, err)
		time.Sleep(2 * time.Minute)
		assert.True(t, c.newest().State.Exists(), "the former home's end does not take the new room along")
		assert.Equal(t, 0, c.seatOf("ann"))
	})
}

func TestFollower_ofARoomThatWasReplaced_hearsOneDismissal(t *testing.T) {
	bubble(t, 2, func(t *testing.T, c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		a.create(signaling.FreeToTake)
		b.enter("bob")
		b.store.Pause()
		a.enter("owner")
		a.do("1", "owner", room.Dismiss{})
		time.Sleep(2 * time.Minute)
		b.store.Resume()
		time.Sleep(5 * time.Second)
		synctest.Wait()
		n := 0
		for _, e := range b.heard() {
			for _, ev := range e.Events {
				if _, ok := ev.Event.(signaling.RoomDismissed); ok {
					n++
				}
			}
		}
		assert.Equal(t, 1, n)
		b.store.Disconnect()
		time.Sleep(5 * time.Second)
		require.NoError(t, b.await(t.Context(), 1000), "nobody waits for the versions of a room that is over")
	})
}

func TestAwait_returnsWithTheVersion_orWithCtx(t *testing.T) {
	bubble(t, 2, func(t *testing.T, c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		a.create(signaling.FreeToTake)
		a.follow()
		b.follow()
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		require.ErrorIs(t, b.await(ctx, 2), context.DeadlineExceeded)
		done := make(chan error, 1)
		go func() { done <- b.await(t.Context(), 2) }()
		a.enter("ann")
		require.NoError(t, <-done)
		go func() { done <- b.await(t.Context(), 99) }()
		synctest.Wait()
		b.stop()
		require.NoError(t, <-done, "a follower that is stopped keeps nobody waiting")
		_, _, err := a.Follow(t.Context(), store.Key{App: 1, Room: "none"}, func(home.Entry, bool) {})
		require.ErrorIs(t, err, store.ErrNotFound)
	})
}

func TestClosedStore_failsCallsAtOnce(t *testing.T) {
	bubble(t, 1, func(t *testing.T, c *cluster) {
		a := c.nodes[0]
		a.create(signaling.FreeToTake)
		a.enter("ann")
		a.store.Kill()
		before := time.Now()
		_, err := a.try("1", "ann", room.TakeSeat{})
		require.ErrorIs(t, err, signaling.ErrServer)
		_, err = a.Create(t.Context(), store.Key{App: 1, Room: "x"}, command("c", "owner", room.Create{Info: signaling.RoomInfo{RoomID: "x"}}))
		require.ErrorIs(t, err, signaling.ErrServer)
		assert.Less(t, time.Since(before), time.Second)
		time.Sleep(5 * time.Second)
		require.Error(t, a.Ready(t.Context()))
	})
}

// TestStaleNode: a node whose heartbeat does not get through must neither decide nor spin.
func TestStaleNode_decidesNothing(t *testing.T) {
	bubble(t, 1, func(t *testing.T, c *cluster) {
		a := c.nodes[0]
		a.create(signaling.FreeToTake)
		a.enter("ann")
		a.store.Pause()
		time.Sleep(10 * time.Second)
		require.Error(t, a.Ready(t.Context()))
		_, err := a.try("1", "ann", room.TakeSeat{})
		require.ErrorIs(t, err, signaling.ErrServer)
		a.store.Resume()
		time.Sleep(2 * time.Second)
		a.do("1", "ann", room.TakeSeat{})
		c.consistent()
	})
}

// TestEnterThatGivesUp: the home may hear an Enter whose caller has gone.
func TestEnterThatGivesUp_leavesNobodyBehind(t *testing.T) {
	bubble(t, 2, func(t *testing.T, c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		a.create(signaling.FreeToTake)
		a.enter("owner")
		b.follow()
		a.store.Pause()
		ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
		defer cancel()
		_, err := b.Enter(ctx, key, member("bob", "bob@1"))
		require.ErrorIs(t, err, signaling.ErrServer)
		a.store.Resume()
		time.Sleep(5 * time.Second)
		assert.Equal(t, 1, c.newest().Members)
	})
}

// TestHomeThatIsCutOff: its connection is broken, which the others hear before its heartbeat has ended, and perhaps
// before it does itself. What it would refuse by its own state has to be true of the room.
func TestHomeThatIsCutOff_refusesNobodyByWhatItRemembers(t *testing.T) {
	bubble(t, 2, func(t *testing.T, c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		a.create(signaling.FreeToTake)
		a.enter("ann")
		b.enter("bob")
		b.do("1", "bob", room.TakeSeat{Index: 0})
		a.deaf.Store(true)
		c.unheard.Store(new(store.NodeID("node0")))
		b.do("2", "bob", room.LeaveSeat{})
		require.Equal(t, 1, b.Rooms(), "the room has moved")
		require.NoError(t, a.Ready(t.Context()), "and its former home is in the best of health")
		require.Equal(t, 1, a.Rooms())
		_, err := a.try("3", "ann", room.TakeSeat{Index: 0})
		require.NoError(t, err, "and not: somebody sits there")
		c.unheard.Store(nil)
		a.deaf.Store(false)
		a.store.Disconnect()
		time.Sleep(5 * time.Second)
		c.consistent()
	})
}

// TestHomeThatIsCutOff: one who comes in there, and then goes out elsewhere, is still in the room.
func TestHomeThatIsCutOff_takesNobodyIn(t *testing.T) {
	bubble(t, 2, func(t *testing.T, c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		a.create(signaling.FreeToTake)
		b.enter("ann")
		b.enter("bob")
		b.do("1", "ann", room.TakeSeat{Index: 0})
		a.deaf.Store(true)
		c.unheard.Store(new(store.NodeID("node0")))
		b.do("2", "bob", room.TakeSeat{Index: 1})
		require.Equal(t, 1, b.Rooms(), "the room has moved")
		require.Equal(t, 1, a.Rooms(), "and its former home does not know")
		time.Sleep(500 * time.Millisecond) // less than its heartbeat counts
		_, err := a.tryEnter("ann", "ann@2")
		require.NoError(t, err)
		b.exit("ann", "ann@1")
		time.Sleep(5 * time.Second)
		assert.Equal(t, 0, c.seatOf("ann"))
		assert.Equal(t, 2, c.newest().Members)
	})
}

// TestEndOfASession: a new home hears that a session has ended before it hears of the one that has replaced it.
func TestEndOfASession_atANewHome_waitsForTheOtherNodes(t *testing.T) {
	bubble(t, 3, func(t *testing.T, c *cluster) {
		a, b, d := c.nodes[0], c.nodes[1], c.nodes[2]
		a.create(signaling.FreeToTake)
		b.enter("ann")
		b.enter("bob")
		b.do("1", "ann", room.TakeSeat{Index: 0})
		b.do("2", "bob", room.TakeSeat{Index: 1})
		_, err := d.tryEnter("ann", "ann@2")
		require.NoError(t, err)
		d.deaf.Store(true)
		a.kill()
		b.do("3", "bob", room.SetAudio{On: true})
		require.Equal(t, 1, b.Rooms())
		b.exit("ann", "ann@1")
		b.exit("bob", "bob@1")
		d.deaf.Store(false)
		d.store.Disconnect()
		time.Sleep(5 * time.Second)
		assert.Equal(t, 0, c.seatOf("ann"))
		assert.Equal(t, -1, c.seatOf("bob"))
		c.consistent()
	})
}

// TestRefusal: a home that cannot ask the log keeps its room, and those who wait for an answer.
func TestRefusal_waitsForTheLog(t *testing.T) {
	bubble(t, 1, func(t *testing.T, c *cluster) {
		a := c.nodes[0]
		a.create(signaling.FreeToTake)
		a.enter("ann")
		a.reads.Store(2)
		_, err := a.try("1", "ann", room.LeaveSeat{})
		require.ErrorIs(t, err, signaling.ErrNotOnSeat)
		assert.EqualValues(t, 1, c.newest().Epoch)
		c.consistent()
	})
}

// TestLostRead: a question that breaks off with the connection gets no answer, not even an error.
func TestLostRead_costsATryAndNotTheCommand(t *testing.T) {
	bubble(t, 2, func(t *testing.T, c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		a.create(signaling.FreeToTake)
		b.follow()
		b.reads.Store(1)
		before := time.Now()
		b.enter("bob")
		assert.Less(t, time.Since(before), 2*time.Second)
	})
}

// TestLostRead: whichever question of a takeover gets no answer, twice, the room has a home soon, whether somebody asks
// about it or not.
func TestLostRead_costsATakeoverSomeTimeAndNotTheRoom(t *testing.T) {
	taken := func(t *testing.T, c *cluster) {
		b := c.nodes[1]
		require.Negative(t, b.reads.Load(), "they were asked, and got no answer")
		assert.Equal(t, 1, b.Rooms())
		assert.EqualValues(t, 2, c.newest().Epoch, "one takeover")
	}
	for before, what := range []string{"where the home is", "the newest entry", "the outcomes"} {
		t.Run("asked "+what, func(t *testing.T) {
			bubble(t, 2, func(t *testing.T, c *cluster) {
				a, b := c.nodes[0], c.nodes[1]
				a.create(signaling.FreeToTake)
				a.kill()
				b.read.Store(int64(before))
				b.reads.Store(2)
				ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
				defer cancel()
				_, err := b.Info(ctx, key)
				require.NoError(t, err)
				taken(t, c)
			})
		})
	}
	for before, what := range []string{"the rooms", "who has lost its home", "the newest entry", "the outcomes"} {
		t.Run("swept "+what, func(t *testing.T) {
			bubble(t, 2, func(t *testing.T, c *cluster) {
				a, b := c.nodes[0], c.nodes[1]
				a.create(signaling.FreeToTake)
				b.read.Store(int64(before))
				b.reads.Store(2)
				a.kill()
				time.Sleep(store.HeartbeatTTL + 12*time.Second)
				taken(t, c)
			})
		})
	}
}
