package home_test

import (
	"fmt"
	"sync"
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

func TestCommand_fromAnotherNode_isDecidedAtTheHome(t *testing.T) {
	bubble(t, 3, func(t *testing.T, c *cluster) {
		a, b, d := c.nodes[0], c.nodes[1], c.nodes[2]
		assert.False(t, a.Alone())
		assert.Len(t, a.URLs(), 3)
		assert.Equal(t, "ws://node1", b.URLs()[0])
		a.create(signaling.FreeToTake)
		a.enter("owner")
		b.enter("ann")
		d.enter("bob")
		assert.EqualValues(t, 0, b.do("1", "ann", room.TakeSeat{Index: -1}).Index)
		assert.EqualValues(t, 1, d.do("2", "bob", room.TakeSeat{Index: -1}).Index)
		_, err := d.try("3", "bob", room.TakeSeat{})
		require.ErrorIs(t, err, signaling.ErrAlreadyOnSeat)
		assert.Equal(t, 1, a.Rooms())
		assert.Zero(t, b.Rooms()+d.Rooms())
		_, err = b.Create(t.Context(), key, command("x", "ann", room.Create{Info: signaling.RoomInfo{RoomID: "r"}}))
		require.ErrorIs(t, err, signaling.ErrRoomIDOccupied)
		c.consistent()
	})
}

func TestCreate_onTwoNodesAtOnce_isDecidedByTheLog(t *testing.T) {
	bubble(t, 2, func(t *testing.T, c *cluster) {
		errs := make([]error, 20)
		var wg sync.WaitGroup
		for i := range errs {
			wg.Go(func() {
				_, errs[i] = c.nodes[i%2].Create(t.Context(), key, command(fmt.Sprint(i), signaling.UserID(fmt.Sprint("u", i)), room.Create{Info: signaling.RoomInfo{RoomID: "r"}}))
			})
		}
		wg.Wait()
		created := 0
		for _, err := range errs {
			if err == nil {
				created++
			} else {
				require.ErrorIs(t, err, signaling.ErrRoomIDOccupied)
			}
		}
		assert.Equal(t, 1, created)
		assert.Len(t, c.log(), 1)
	})
}

// TestKilledHome: several users on living nodes take and leave seats while the room's home dies under them, twice.
func TestKilledHome_losesNoAcknowledgedCommand_andRepeatsNone(t *testing.T) {
	bubble(t, 4, func(t *testing.T, c *cluster) {
		c.nodes[3].create(signaling.FreeToTake)
		for i := range 6 {
			c.nodes[i%2].enter(signaling.UserID(fmt.Sprint("u", i)))
		}
		type ack struct {
			id  string
			out home.Outcome
		}
		acks := make([][]ack, 6)
		var wg sync.WaitGroup
		for i := range acks {
			wg.Go(func() {
				u, n := signaling.UserID(fmt.Sprint("u", i)), c.nodes[i%2]
				for j := range 150 {
					var a room.Action = room.TakeSeat{Index: signaling.SeatIndex(i)}
					if j%2 == 1 {
						a = room.LeaveSeat{}
					}
					id := fmt.Sprint(j)
					out, err := n.try(id, u, a)
					if !assert.NoError(t, err, "%s %s", u, id) {
						return
					}
					acks[i] = append(acks[i], ack{string(u) + "\x00" + id, out})
					time.Sleep(20 * time.Millisecond)
				}
			})
		}
		time.Sleep(500*time.Millisecond + time.Microsecond)
		c.nodes[3].kill()
		time.Sleep(700 * time.Millisecond)
		if c.nodes[2].Rooms() > 0 {
			c.nodes[2].kill()
		}
		wg.Wait()
		done := map[string]uint64{}
		for _, e := range c.log() {
			for _, d := range e.Done {
				done[d.ID] = e.Version
			}
		}
		for _, list := range acks {
			require.Len(t, list, 150)
			last := uint64(0)
			for _, a := range list {
				assert.Equal(t, a.out.Version, done[a.id], "%q: what was acknowledged is in the log, where the answer said", a.id)
				assert.Greater(t, a.out.Version, last, "in the order in which it was acknowledged")
				last = a.out.Version
			}
		}
		assert.Len(t, done, 6*150+1, "nothing else was carried out")
		c.consistent()
	})
}

func TestRetry_afterTakeover_getsTheOldOutcome(t *testing.T) {
	bubble(t, 2, func(t *testing.T, c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		a.create(signaling.ApplyToTake)
		b.enter("ann")
		b.enter("owner")
		out := b.do("1", "ann", room.TakeSeat{Index: 3, Timeout: time.Hour})
		b.do("2", "owner", room.Respond{RequestID: "1", Agree: true})
		a.kill()
		assert.Equal(t, out, b.do("1", "ann", room.TakeSeat{Index: 3, Timeout: time.Hour}), "and not: you sit already")
		assert.Equal(t, 3, c.seatOf("ann"))
		dismissed := b.do("3", "owner", room.Dismiss{})
		d := c.add()
		b.kill()
		got, err := d.try("3", "owner", room.Dismiss{})
		require.NoError(t, err, "also of the command that ended the room")
		assert.Equal(t, dismissed.Version, got.Version)
		_, err = d.try("4", "owner", room.Dismiss{})
		require.ErrorIs(t, err, signaling.ErrRoomNotExist)
		time.Sleep(2 * time.Minute)
		assert.Empty(t, c.log(), "and its remains are removed")
	})
}

func TestPausedHome_isFenced_andItsMembersKeepTheirSeats(t *testing.T) {
	bubble(t, 2, func(t *testing.T, c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		a.create(signaling.FreeToTake)
		a.enter("ann")
		b.enter("bob")
		a.do("1", "ann", room.TakeSeat{Index: 0})
		b.do("2", "bob", room.TakeSeat{Index: 1})
		a.store.Pause()
		late := make(chan error, 1)
		go func() { // it is being decided when the process stops
			_, err := a.try("late", "ann", room.SetAudio{On: true})
			late <- err
		}()
		time.Sleep(5 * time.Second)
		b.do("3", "bob", room.SetAudio{On: true})
		assert.Equal(t, 1, b.Rooms(), "the room has moved")
		assert.Equal(t, 0, c.seatOf("ann"), "somebody whose node is silent is waited for")
		time.Sleep(10 * time.Second)
		a.store.Resume()
		err := <-late
		t.Log("the late command:", err)
		synctest.Wait()
		time.Sleep(time.Second)
		assert.Zero(t, a.Rooms())
		time.Sleep(2 * grace)
		assert.Equal(t, 0, c.seatOf("ann"), "she was announced again")
		a.do("4", "ann", room.SetAudio{On: true})
		require.NoError(t, b.await(t.Context(), c.newest().Version))
		c.consistent()
		assert.Len(t, c.newest().State.Speakers(), 2)
	})
}

func TestPausedNode_ofMembersOnly_comesBackWithinGrace(t *testing.T) {
	bubble(t, 2, func(t *testing.T, c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		a.create(signaling.FreeToTake)
		b.enter("bob")
		b.do("1", "bob", room.TakeSeat{})
		for range 3 {
			b.store.Pause()
			time.Sleep(20 * time.Second)
			b.store.Resume()
			time.Sleep(20 * time.Second)
			assert.Equal(t, 0, c.seatOf("bob"))
		}
		b.do("2", "bob", room.SetAudio{On: true})
		c.consistent()
	})
}

func TestLostAcknowledgement_isNoSecondExecution(t *testing.T) {
	for name, faults := range map[string][]memstore.Fault{
		"lost before":       {memstore.Before},
		"lost after":        {memstore.After},
		"lost both ways":    {memstore.Before, memstore.After},
		"lost several ways": {memstore.Before, memstore.Before, memstore.After},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, 2, func(t *testing.T, c *cluster) {
				a, b := c.nodes[0], c.nodes[1]
				for _, f := range faults {
					c.store.FailNextAppend(f)
				}
				a.create(signaling.FreeToTake)
				assert.Len(t, c.log(), 1)
				b.enter("ann")
				for _, f := range faults {
					c.store.FailNextAppend(f)
				}
				b.do("1", "ann", room.TakeSeat{})
				b.do("2", "ann", room.LeaveSeat{})
				c.consistent()
				a.kill()
				for _, f := range faults {
					c.store.FailNextAppend(f)
				}
				b.do("3", "ann", room.TakeSeat{})
				c.consistent()
				assert.Equal(t, uint64(2), c.newest().Epoch, "one takeover")
			})
		})
	}
}

func TestSeatOfAUserWhoseNodeDied_isFreedAfterGrace_notBefore(t *testing.T) {
	for name, homeDies := range map[string]bool{"the home lives": false, "the home dies, too": true} {
		t.Run(name, func(t *testing.T) {
			bubble(t, 2, func(t *testing.T, c *cluster) {
				a, b := c.nodes[0], c.nodes[1]
				if homeDies {
					b.create(signaling.ApplyToTake)
				} else {
					a.create(signaling.ApplyToTake)
				}
				a.enter("ann")
				b.enter("owner")
				b.enter("bob")
				b.do("1", "owner", room.TakeSeat{})
				b.do("2", "bob", room.TakeSeat{Index: 1})
				b.kill()
				time.Sleep(store.HeartbeatTTL + grace - 100*time.Millisecond)
				assert.Equal(t, 0, c.seatOf("owner"))
				assert.Len(t, c.newest().State.Requests, 1)
				time.Sleep(3 * time.Second)
				assert.Equal(t, -1, c.seatOf("owner"))
				assert.Empty(t, c.newest().State.Requests)
				assert.True(t, c.newest().State.Exists())
				assert.Equal(t, 1, c.newest().Members)
				c.consistent()
			})
		})
	}
}

func TestUserWhoReturnsOnAnotherNode_keepsTheSeat(t *testing.T) {
	for name, homeDies := range map[string]bool{"the home lives": false, "the home dies, too": true} {
		t.Run(name, func(t *testing.T) {
			bubble(t, 2, func(t *testing.T, c *cluster) {
				a, b := c.nodes[0], c.nodes[1]
				if homeDies {
					b.create(signaling.FreeToTake)
				} else {
					a.create(signaling.FreeToTake)
				}
				a.follow()
				b.enter("ann")
				b.do("1", "ann", room.TakeSeat{})
				b.kill()
				time.Sleep(grace - time.Second)
				_, err := a.tryEnter("ann", "ann@2")
				require.NoError(t, err)
				time.Sleep(2 * grace)
				assert.Equal(t, 0, c.seatOf("ann"))
				for _, line := range describe(c.log())[2:] {
					assert.Empty(t, line, "for the others she was never away")
				}
				a.do("2", "ann", room.SetAudio{On: true})
				c.consistent()
			})
		})
	}
}

func TestRestartOfEverything_adoptsTheRooms_andTheirTimersRun(t *testing.T) {
	for _, how := range []string{"stopped", "killed"} {
		t.Run(how, func(t *testing.T) {
			bubble(t, 2, func(t *testing.T, c *cluster) {
				a, b := c.nodes[0], c.nodes[1]
				a.create(signaling.ApplyToTake)
				b.enter("ann")
				b.enter("bob")
				a.enter("owner")
				b.do("1", "ann", room.TakeSeat{Timeout: time.Minute})
				b.do("2", "bob", room.TakeSeat{Index: 2})
				a.do("3", "owner", room.TakeSeat{Index: 1})
				over := store.Key{App: 1, Room: "over"}
				_, err := a.Create(t.Context(), over, command("c", "owner", room.Create{Info: signaling.RoomInfo{RoomID: "over"}}))
				require.NoError(t, err)
				_, err = a.Do(t.Context(), over, room.Command{ID: "d", Action: room.Dismiss{}})
				require.NoError(t, err)
				if how == "killed" {
					a.kill()
					b.kill()
				} else {
					a.end()
					b.end()
				}
				time.Sleep(10 * time.Second)
				d := c.add()
				time.Sleep(10 * time.Second)
				assert.Equal(t, 1, d.Rooms())
				_, err = d.tryEnter("bob", "bob@2")
				require.NoError(t, err)
				_, err = d.tryEnter("ann", "ann@2")
				require.NoError(t, err)
				time.Sleep(25 * time.Second)
				s := c.newest().State
				assert.Equal(t, -1, c.seatOf("owner"), "who did not come back has no seat")
				assert.Len(t, s.Requests, 2, "who did keeps their application")
				time.Sleep(20 * time.Second)
				assert.Len(t, c.newest().State.Requests, 1, "and its time-out")
				n := c.store.Node()
				defer n.Close()
				rooms, err := n.Rooms(t.Context())
				require.NoError(t, err)
				assert.Equal(t, []store.Key{key}, rooms, "the dismissed room's log is removed")
				c.consistent()
			})
		})
	}
}

func TestOrphan_isAdoptedEvenWhenItsHeirDiesBeforeItHas(t *testing.T) {
	bubble(t, 4, func(t *testing.T, c *cluster) {
		for i := range 20 {
			k := store.Key{App: 1, Room: signaling.RoomID(fmt.Sprint("room", i))}
			_, err := c.nodes[3].Create(t.Context(), k, command("c", "owner", room.Create{Info: signaling.RoomInfo{RoomID: k.Room}}))
			require.NoError(t, err)
		}
		c.nodes[3].kill()
		c.nodes[2].kill()
		c.nodes[1].store.Pause()
		time.Sleep(10 * time.Second)
		assert.Equal(t, 20, c.nodes[0].Rooms())
		c.nodes[1].store.Resume()
		time.Sleep(5 * time.Second)
		assert.Equal(t, 20, c.nodes[0].Rooms())
	})
}
