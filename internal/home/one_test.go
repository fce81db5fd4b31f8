package home_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/internal/home"
	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

func TestRoom_livesOnOneNode(t *testing.T) {
	bubble(t, 1, func(t *testing.T, c *cluster) {
		a := c.nodes[0]
		assert.True(t, a.Alone())
		assert.Equal(t, []string{"ws://node0"}, a.URLs())
		assert.NoError(t, a.Ready(t.Context()))
		a.create(signaling.ApplyToTake)
		a.enter("owner")
		a.enter("ann")
		out := a.do("1", "owner", room.TakeSeat{Index: -1})
		assert.Equal(t, home.Outcome{Version: out.Version, Index: 0}, out)
		out = a.do("2", "ann", room.TakeSeat{Index: -1})
		assert.True(t, out.Pending)
		a.do("3", "owner", room.Respond{RequestID: "2", Agree: true})
		assert.Equal(t, 1, c.seatOf("ann"))
		_, err := a.try("4", "ann", room.TakeSeat{})
		require.ErrorIs(t, err, signaling.ErrAlreadyOnSeat)
		a.do("5", "ann", room.LeaveSeat{})
		assert.Equal(t, []string{"seatsChanged ", "+owner,ann(2) seatsChanged ", "requestReceived ", "requestEnded seatsChanged ", "seatsChanged "}, describe(c.log()))
		a.do("6", "owner", room.Dismiss{})
		_, err = a.try("7", "ann", room.TakeSeat{})
		require.ErrorIs(t, err, signaling.ErrRoomNotExist)
		_, err = a.tryEnter("bob", "bob@1")
		require.ErrorIs(t, err, signaling.ErrRoomNotExist)
		assert.Equal(t, a.do("6", "owner", room.Dismiss{}).Version, c.newest().Version, "the dismissal repeated")
		c.consistent()
		a.exit("ann", "ann@1")
		time.Sleep(time.Second)
		assert.Equal(t, "roomDismissed ", describe(c.log())[5], "a room's last event")
		assert.Len(t, c.log(), 6)
		time.Sleep(time.Minute)
		assert.Empty(t, c.log(), "nothing is left of a dismissed room")
		assert.Zero(t, a.Rooms())
		_, err = a.try("8", "ann", room.TakeSeat{})
		require.ErrorIs(t, err, signaling.ErrRoomNotExist)
		a.create(signaling.FreeToTake)
		assert.Equal(t, 1, a.Rooms())
	})
}

func TestCommandOfSomebodyNotPresent_isRefused(t *testing.T) {
	bubble(t, 1, func(t *testing.T, c *cluster) {
		a := c.nodes[0]
		_, err := a.try("0", "ann", room.TakeSeat{})
		require.ErrorIs(t, err, signaling.ErrRoomNotExist)
		a.create(signaling.FreeToTake)
		_, err = a.try("1", "ann", room.TakeSeat{})
		require.ErrorIs(t, err, signaling.ErrNotInRoom)
		_, err = a.Create(t.Context(), key, command("x", "ann", room.Create{Info: signaling.RoomInfo{RoomID: "r"}}))
		require.ErrorIs(t, err, signaling.ErrRoomIDOccupied)
		_, err = a.Create(t.Context(), key, command("y", "owner", room.Create{Info: signaling.RoomInfo{RoomID: "r"}}))
		require.ErrorIs(t, err, signaling.ErrRoomIDOwned)
		a.create(signaling.FreeToTake) // the same command again
	})
}

func TestApplication_timesOutByItself(t *testing.T) {
	bubble(t, 1, func(t *testing.T, c *cluster) {
		a := c.nodes[0]
		a.create(signaling.ApplyToTake)
		a.enter("ann")
		a.do("1", "ann", room.TakeSeat{Timeout: time.Minute})
		before := len(c.log())
		time.Sleep(time.Minute - time.Millisecond)
		assert.Len(t, c.log(), before)
		time.Sleep(2 * time.Millisecond)
		assert.Equal(t, "requestEnded ", describe(c.log())[before])
		assert.Empty(t, c.newest().State.Requests)
	})
}

func TestPresence_isCollectedFor100ms_orUntilTheNextChange(t *testing.T) {
	bubble(t, 1, func(t *testing.T, c *cluster) {
		a := c.nodes[0]
		a.create(signaling.FreeToTake)
		for i := range 5 {
			a.enter(signaling.UserID(fmt.Sprint("u", i)))
		}
		time.Sleep(99 * time.Millisecond)
		assert.Len(t, c.log(), 1)
		time.Sleep(2 * time.Millisecond)
		assert.Equal(t, []string{"seatsChanged ", "+u0,u1,u2,u3,u4(5) "}, describe(c.log()))
		assert.Equal(t, 5, c.newest().Members)
		a.exit("u0", "u0@1")
		a.enter("u5")
		a.exit("u1", "u1@1")
		a.do("1", "u2", room.TakeSeat{})
		assert.Equal(t, "-u0(4) +u5(5) -u1(4) seatsChanged ", describe(c.log())[2])
		time.Sleep(time.Second)
		assert.Len(t, c.log(), 3)
	})
}

func TestExit_freesTheSeat(t *testing.T) {
	bubble(t, 1, func(t *testing.T, c *cluster) {
		a := c.nodes[0]
		a.create(signaling.FreeToTake)
		a.enter("ann")
		a.do("1", "ann", room.TakeSeat{})
		a.exit("ann", "ann@1")
		assert.Equal(t, -1, c.seatOf("ann"))
		a.enter("bob")
		a.do("2", "bob", room.TakeSeat{})
		a.do("3", "bob", room.Leave{})
		assert.Equal(t, -1, c.seatOf("bob"))
		a.do("4", "bob", room.Leave{}) // a second time: done already
		c.consistent()
	})
}

func TestExit_ofAReplacedSession_changesNothing(t *testing.T) {
	bubble(t, 2, func(t *testing.T, c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		a.create(signaling.FreeToTake)
		a.enter("ann")
		a.do("1", "ann", room.TakeSeat{})
		_, err := b.tryEnter("ann", "ann@2")
		require.NoError(t, err)
		// Both nodes have her for a moment: what they announce must not make the old session the one that counts.
		a.store.Disconnect()
		b.store.Disconnect()
		time.Sleep(time.Second)
		a.exit("ann", "ann@1")
		time.Sleep(time.Second)
		assert.Equal(t, 0, c.seatOf("ann"))
		b.do("2", "ann", room.SetAudio{On: true})
		b.exit("ann", "ann@2")
		assert.Equal(t, -1, c.seatOf("ann"))
		c.consistent()
	})
}

func TestMany_concurrentCommands_shareAppends_andAllAreAnswered(t *testing.T) {
	bubble(t, 2, func(t *testing.T, c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		a.create(signaling.ApplyToTake)
		for i := range 100 {
			c.nodes[i%2].enter(signaling.UserID(fmt.Sprint("u", i)))
		}
		before := len(c.log())
		a.disk.Store(int64(10 * time.Millisecond)) // what comes meanwhile waits together
		var wg sync.WaitGroup
		for i := range 100 {
			wg.Go(func() {
				out, err := c.nodes[i%2].try(fmt.Sprint("apply", i), signaling.UserID(fmt.Sprint("u", i)), room.TakeSeat{Index: -1})
				assert.NoError(t, err)
				assert.True(t, out.Pending)
			})
		}
		wg.Wait()
		appends := len(c.log()) - before
		t.Logf("100 commands, %d appends", appends)
		assert.LessOrEqual(t, appends, 10)
		assert.Len(t, c.newest().State.Requests, 100)
		require.NoError(t, b.await(t.Context(), c.newest().Version))
		c.consistent()
	})
}

// TestSameCommandTwiceAtOnce: a retry may arrive while the first attempt is still in the queue.
func TestSameCommandTwiceAtOnce_isCarriedOutOnce(t *testing.T) {
	bubble(t, 1, func(t *testing.T, c *cluster) {
		a := c.nodes[0]
		a.create(signaling.FreeToTake)
		a.enter("ann")
		outs := make([]home.Outcome, 20)
		var wg sync.WaitGroup
		for i := range outs {
			wg.Go(func() {
				var err error
				outs[i], err = a.try("1", "ann", room.TakeSeat{Index: 3})
				assert.NoError(t, err)
			})
		}
		wg.Wait()
		for _, o := range outs {
			assert.Equal(t, outs[0], o)
		}
		c.consistent()
	})
}

// TestCrowd: what is told about many users has to be cut into entries that the log takes.
func TestCrowd_comesAndDiesWithItsNode(t *testing.T) {
	bubble(t, 2, func(t *testing.T, c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		a.create(signaling.FreeToTake)
		a.enter("owner")
		b.follow() // once, before many enter at once
		var wg sync.WaitGroup
		const crowd = 1500
		for i := range crowd {
			wg.Go(func() { b.enter(signaling.UserID(fmt.Sprintf("a-rather-long-user-id-%08d", i))) })
		}
		wg.Wait()
		b.do("1", "a-rather-long-user-id-00000007", room.TakeSeat{})
		assert.Equal(t, crowd+1, c.newest().Members)
		a.store.Disconnect() // everybody is announced again, in parts
		b.store.Disconnect()
		time.Sleep(time.Second)
		a.do("2", "owner", room.TakeSeat{Index: 1})
		assert.Equal(t, crowd+1, c.newest().Members)
		b.kill()
		time.Sleep(grace)
		assert.Equal(t, 0, c.seatOf("a-rather-long-user-id-00000007"))
		time.Sleep(4 * time.Second)
		assert.Equal(t, 1, c.newest().Members)
		assert.Equal(t, -1, c.seatOf("a-rather-long-user-id-00000007"))
		left := 0
		for _, e := range c.log() {
			for _, ev := range e.Events {
				if l, ok := ev.Event.(signaling.UsersLeft); ok {
					left += len(l.Users) + l.More
					assert.LessOrEqual(t, len(l.Users), 200, "a digest, or a small room")
				}
			}
		}
		assert.Equal(t, crowd, left, "each is told to have left, once")
		c.consistent()
	})
}

func TestOutcomes_areForgottenAfterAWhile_andTheLogIsTrimmed(t *testing.T) {
	bubble(t, 1, func(t *testing.T, c *cluster) {
		a := c.nodes[0]
		a.create(signaling.FreeToTake)
		a.enter("ann")
		for i := range 1500 {
			a.do(fmt.Sprint("t", i), "ann", room.TakeSeat{})
			a.do(fmt.Sprint("l", i), "ann", room.LeaveSeat{})
			time.Sleep(200 * time.Millisecond)
		}
		n := len(c.log())
		assert.Less(t, n, 2000, "of 5 minutes at 10 entries a second two minutes are kept at most, and what is between two marks")
		assert.Greater(t, n, 550, "a minute's worth is kept, for a next home's memory")
		c.consistent()
	})
}
