package home_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/internal/home"
	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/internal/store/memstore"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

func TestOutbox_tellsWhatHappened_inOrder(t *testing.T) {
	bubbleWith(t, 1, &ledger{}, func(t *testing.T, c *cluster) {
		a := c.nodes[0]
		a.create(signaling.FreeToTake)
		a.enter("owner")
		a.enter("ann")
		a.do("1", "ann", room.TakeSeat{Index: 3})
		a.do("2", "ann", room.Leave{})
		a.do("3", "owner", room.Dismiss{})
		time.Sleep(time.Second)
		assert.Equal(t, []string{"seatsChanged", "+owner,ann(2) seatsChanged", "seatsChanged -ann(1)", "roomDismissed"}, c.story())
		c.accounted()
		time.Sleep(time.Minute)
		assert.Empty(t, c.log(), "nothing is left of a dismissed room whose end has been told")
		c.accounted()
	})
}

func TestOutbox_knowsWhoCausedWhat(t *testing.T) {
	bubbleWith(t, 1, &ledger{}, func(t *testing.T, c *cluster) {
		a := c.nodes[0]
		a.create(signaling.ApplyToTake)
		a.enter("ann")
		from := room.Origin{IP: "192.0.2.7", Platform: signaling.PlatformMac}
		cmd := command("1", "ann", room.TakeSeat{Index: -1, Timeout: time.Minute})
		cmd.Origin = from
		_, err := a.Do(t.Context(), key, cmd)
		require.NoError(t, err)
		time.Sleep(2 * time.Minute)
		app := command("2", "root", room.PutOnSeat{User: signaling.UserInfo{UserID: "ann"}, Index: 2})
		app.App, app.Origin = true, room.Origin{Operator: "root", Platform: signaling.PlatformRESTAPI}
		_, err = a.Do(t.Context(), key, app)
		require.NoError(t, err)
		a.exit("ann", "ann@1")
		time.Sleep(time.Second)
		var causes []string
		for _, e := range c.log() {
			for _, ev := range e.Events {
				s := signaling.EventType(ev.Event)
				if ev.Cause != nil {
					s += fmt.Sprintf(" by %s at %q %s", ev.Cause.By, ev.Cause.IP, ev.Cause.Platform)
				}
				causes = append(causes, s)
			}
		}
		assert.Equal(t, []string{
			`seatsChanged by owner at "" `,
			`usersEntered`,
			`requestReceived by ann at "192.0.2.7" Mac`,
			`requestEnded`, // of itself
			`seatsChanged by root at "" RESTAPI`,
			`seatsChanged by ann at "" `, // her departure
			`usersLeft`,
		}, causes)
		c.outbox.unwanted.Store(true)
		a.enter("bob")
		cmd.ID = "3"
		cmd.By.UserID = "bob"
		_, err = a.Do(t.Context(), key, cmd)
		require.NoError(t, err)
		last := c.newest()
		assert.False(t, last.Tell)
		for _, ev := range last.Events {
			assert.Nil(t, ev.Cause, "nobody's address is kept for an app that does not ask for it")
		}
	})
}

func TestOutbox_ofAnAppThatWantsNothing_costsNothing(t *testing.T) {
	l := &ledger{}
	l.unwanted.Store(true)
	bubbleWith(t, 2, l, func(t *testing.T, c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		a.create(signaling.FreeToTake)
		b.enter("ann")
		b.do("1", "ann", room.TakeSeat{})
		a.end()
		b.do("2", "ann", room.LeaveSeat{})
		require.Equal(t, 1, b.Rooms())
		time.Sleep(time.Minute)
		assert.Zero(t, a.talks.Load()+b.talks.Load())
		assert.Empty(t, c.told())
		l.unwanted.Store(false)
		time.Sleep(time.Minute)
		b.do("3", "ann", room.TakeSeat{Index: 5})
		time.Sleep(time.Second)
		assert.Equal(t, []string{"seatsChanged"}, c.story(), "nothing of what was before")
		c.accounted()
		l.unwanted.Store(true)
		talks := b.talks.Load()
		b.do("4", "ann", room.LeaveSeat{})
		l.unwanted.Store(false)
		b.do("5", "ann", room.TakeSeat{Index: 1})
		time.Sleep(time.Second)
		assert.Len(t, c.told(), 2)
		assert.Equal(t, talks+1, b.talks.Load(), "one append for one entry")
		c.accounted()
	})
}

// TestOutbox_isCopiedByAnyHome: whatever becomes of nodes, of messages to the log and to the outbox and of their answers,
// each entry is told once and in order.
func TestOutbox_tellsOnce_underChaos(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			bubbleWith(t, 4, &ledger{}, func(t *testing.T, c *cluster) {
				stop, stopped := make(chan struct{}), make(chan struct{})
				go func() {
					defer close(stopped)
					c.spoil(rand.New(rand.NewPCG(seed, 7)), stop)
				}()
				chaos(t, c, rand.New(rand.NewPCG(seed, 2)))
				close(stop)
				<-stopped
				time.Sleep(5 * time.Minute) // longer than the attempts that all faults left over make fail
				require.Greater(t, len(c.told()), 200)
				c.accounted()
				c.pulses()
			})
		})
	}
}

// spoil makes the outbox fail in its ways.
func (c *cluster) spoil(rng *rand.Rand, stop chan struct{}) {
	for {
		n := c.nodes[rng.IntN(len(c.nodes))]
		switch rng.IntN(3) {
		case 0:
			c.store.FailNextOutboxAppend(memstore.Before)
		case 1:
			c.store.FailNextOutboxAppend(memstore.After)
		case 2:
			n.full.Store(true)
		}
		n.flip(func() bool { return rng.IntN(3) == 0 })
		select {
		case <-time.After(time.Duration(rng.IntN(1000)) * time.Millisecond):
			n.full.Store(false)
		case <-stop:
			n.full.Store(false)
			for _, n := range c.nodes {
				n.flip(func() bool { return false })
			}
			return
		}
	}
}

// TestPausedHome: it has appended, and has not copied yet when it is replaced.
func TestOutbox_ofAPausedHome_thatGoesOnCopying_hasNothingTwice(t *testing.T) {
	bubbleWith(t, 2, &ledger{}, func(t *testing.T, c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		a.create(signaling.FreeToTake)
		b.enter("ann")
		b.do("1", "ann", room.TakeSeat{})
		synctest.Wait()
		a.full.Store(true)
		for i := range 5 {
			b.do(fmt.Sprint("m", i), "ann", room.MoveSeat{Index: signaling.SeatIndex(i + 2)})
		}
		before := len(c.told())
		a.store.Pause()
		b.do("2", "ann", room.LeaveSeat{})
		require.Equal(t, 1, b.Rooms(), "the room has moved")
		time.Sleep(time.Second)
		assert.Len(t, c.told(), before+6, "the new home tells what the old one owes")
		a.full.Store(false)
		a.store.Resume()
		time.Sleep(30 * time.Second)
		assert.Zero(t, a.Rooms())
		c.accounted()
	})
}

// TestOutbox_commandsDoNotWait also for the one that overflows the queue.
func TestOutbox_thatIsOutOfOrder_delaysNobody_andIsFilledLater(t *testing.T) {
	bubbleWith(t, 1, &ledger{}, func(t *testing.T, c *cluster) {
		a := c.nodes[0]
		a.create(signaling.FreeToTake)
		a.enter("ann")
		synctest.Wait()
		a.full.Store(true)
		before := time.Now()
		for i := range 200 { // more than the home keeps for it
			a.do(fmt.Sprint("t", i), "ann", room.TakeSeat{})
			a.do(fmt.Sprint("l", i), "ann", room.LeaveSeat{})
		}
		assert.Equal(t, before, time.Now(), "on a clock that stands still while somebody works")
		assert.Len(t, c.told(), 1)
		a.full.Store(false)
		time.Sleep(20 * time.Second)
		assert.Len(t, c.told(), 401)
		c.accounted()
		a.do("t", "ann", room.TakeSeat{})
		synctest.Wait()
		assert.Len(t, c.told(), 402)
		c.accounted()
	})
}

func TestDismissedRoom_isKeptUntilItsEndIsTold(t *testing.T) {
	bubbleWith(t, 1, &ledger{}, func(t *testing.T, c *cluster) {
		a := c.nodes[0]
		a.create(signaling.FreeToTake)
		a.enter("owner")
		a.full.Store(true)
		a.do("1", "owner", room.Dismiss{})
		time.Sleep(10 * time.Minute)
		assert.NotEmpty(t, c.log())
		a.full.Store(false)
		time.Sleep(time.Minute)
		assert.Equal(t, "roomDismissed", c.story()[len(c.story())-1])
		assert.Empty(t, c.log())
		assert.Zero(t, a.Rooms())
		c.accounted()
	})
}

// TestDismissedRoom_whoseHomeDied: the next start of everything finds the log of a room that is over.
func TestDismissedRoom_isToldByTheNextStart(t *testing.T) {
	for name, wait := range map[string]time.Duration{"soon": time.Second, "after an hour": time.Hour} {
		t.Run(name, func(t *testing.T) {
			bubbleWith(t, 1, &ledger{}, func(t *testing.T, c *cluster) {
				a := c.nodes[0]
				a.create(signaling.FreeToTake)
				a.enter("owner")
				time.Sleep(time.Second)
				a.full.Store(true)
				a.do("1", "owner", room.Dismiss{})
				synctest.Wait()
				a.kill()
				time.Sleep(wait)
				require.NotEqual(t, "roomDismissed", c.story()[len(c.story())-1])
				c.add()
				time.Sleep(10 * time.Second)
				assert.Equal(t, "roomDismissed", c.story()[len(c.story())-1], "as soon as the dead node is known to be dead")
				time.Sleep(2 * time.Minute)
				assert.Empty(t, c.log())
				c.accounted()
			})
		})
	}
}

func TestRoomCreatedAnew_isToldBehindTheOldOne(t *testing.T) {
	for name, c := range map[string]struct {
		full bool          // the old room's outbox is, until the new one is there
		wait time.Duration // between the two rooms
	}{
		"at once":                        {false, 0},
		"at once, with the end untold":   {true, 0},
		"when the old log is gone":       {false, time.Hour},
		"later, with the end untold":     {true, time.Hour},
		"before the old log may be gone": {true, 10 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			bubbleWith(t, 2, &ledger{}, func(t *testing.T, cl *cluster) {
				a, b := cl.nodes[0], cl.nodes[1]
				for i := range 3 {
					a.create(signaling.FreeToTake)
					a.enter("owner")
					time.Sleep(time.Second)
					a.full.Store(c.full)
					a.do(fmt.Sprint("d", i), "owner", room.Dismiss{})
					a.stop()
					a.stop = nil
					a.mu.Lock()
					clear(a.members)
					a.mu.Unlock()
					time.Sleep(c.wait)
					create := command(fmt.Sprint("new", i), "bob", room.Create{Info: signaling.RoomInfo{RoomID: "r", SeatMode: signaling.FreeToTake}})
					_, err := b.Create(t.Context(), key, create)
					require.NoError(t, err)
					a.full.Store(false)
					b.enter("bob")
					b.do(fmt.Sprint("s", i), "bob", room.TakeSeat{})
					b.do(fmt.Sprint("e", i), "bob", room.Dismiss{})
					b.stop()
					b.stop = nil
					b.mu.Lock()
					clear(b.members)
					b.mu.Unlock()
					time.Sleep(2 * time.Minute) // an id may be used again when its outcomes are forgotten
				}
				time.Sleep(time.Minute)
				cl.accounted()
				ends := 0
				for _, line := range cl.story() {
					if line == "roomDismissed" {
						ends++
					}
				}
				assert.Equal(t, 6, ends)
			})
		})
	}
}

func TestLog_isTrimmedAsFarAsItIsTold(t *testing.T) {
	bubbleWith(t, 1, &ledger{}, func(t *testing.T, c *cluster) {
		a := c.nodes[0]
		a.create(signaling.FreeToTake)
		a.enter("ann")
		busy := func(name string, minutes int) {
			for i := range minutes * 300 {
				a.do(fmt.Sprint(name, "t", i), "ann", room.TakeSeat{})
				a.do(fmt.Sprint(name, "l", i), "ann", room.LeaveSeat{})
				time.Sleep(200 * time.Millisecond)
			}
		}
		busy("a", 4)
		assert.Less(t, len(c.log()), 2000, "while the outbox works")
		a.full.Store(true)
		busy("b", 3)
		assert.GreaterOrEqual(t, len(c.log()), 1800, "only what was told may go")
		a.full.Store(false)
		busy("c", 4)
		assert.Less(t, len(c.log()), 2000, "and then the rest goes, too")
		time.Sleep(time.Minute)
		c.accounted()
		assert.Greater(t, len(c.told()), 6000)
	})
}

// TestOutboxMark_endsByAge: what was told before is not told again.
func TestOutbox_whoseEntriesHaveEnded_tellsNothingAgain(t *testing.T) {
	bubbleWith(t, 1, &ledger{}, func(t *testing.T, c *cluster) {
		c.rules.Store(&room.LifeRules{Empty: 2 * store.OutboxAge})
		a := c.nodes[0]
		a.create(signaling.FreeToTake)
		a.enter("ann")
		a.do("1", "ann", room.TakeSeat{})
		a.exit("ann", "ann@1")
		time.Sleep(time.Second)
		require.NotEmpty(t, c.told())
		c.accounted()
		a.kill()
		time.Sleep(store.OutboxAge + time.Minute)
		require.Empty(t, c.told(), "the mark is gone")
		b := c.add()
		time.Sleep(time.Minute)
		assert.Empty(t, c.told())
		b.enter("bob")
		b.do("2", "bob", room.TakeSeat{})
		time.Sleep(time.Second)
		assert.Equal(t, []string{"+bob(1) seatsChanged"}, c.story())
	})
}

// TestOutbox_thatLags: the outbox's entry is younger than those of the log that come after what it tells of.
func TestOutbox_thatLags_misleadsNoNewHome(t *testing.T) {
	bubbleWith(t, 2, &ledger{}, func(t *testing.T, c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		a.create(signaling.FreeToTake)
		b.enter("ann")
		time.Sleep(time.Second)
		a.full.Store(true)
		for i := range 5 {
			b.do(fmt.Sprint("t", i), "ann", room.TakeSeat{})
			b.do(fmt.Sprint("l", i), "ann", room.LeaveSeat{})
			time.Sleep(time.Second)
		}
		told := len(c.told())
		time.Sleep(time.Minute)
		a.space.Store(3)
		a.full.Store(false)
		time.Sleep(10 * time.Second)
		require.Len(t, c.told(), told+3)
		a.kill()
		time.Sleep(10 * time.Second)
		assert.Equal(t, 1, b.Rooms())
		assert.Len(t, c.told(), told+10)
		c.accounted()
	})
}

// TestTakeover_readsTheLogOnlyWhereItHasTo: nothing is missing in an outbox that has all of it.
func TestTakeover_ofACopiedRoom_readsNoLogForTheOutbox(t *testing.T) {
	bubbleWith(t, 2, &ledger{}, func(t *testing.T, c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		a.create(signaling.FreeToTake)
		b.enter("ann")
		b.do("1", "ann", room.TakeSeat{})
		time.Sleep(time.Second)
		a.end()
		b.do("2", "ann", room.LeaveSeat{})
		synctest.Wait()
		assert.EqualValues(t, 2, b.talks.Load(), "where it ends, and one append")
		c.accounted()
	})
}

var _ home.Outbox = (*ledger)(nil)
