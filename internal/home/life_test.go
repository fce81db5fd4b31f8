package home_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/internal/home"
	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/internal/store/memstore"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// allRules are rules that can be told apart by when they end a room.
var allRules = room.LifeRules{Empty: 30 * time.Minute, OwnerLeft: 10 * time.Minute, OwnerLost: 20 * time.Minute}

// soon is as long as it takes to notice what is overdue.
const soon = time.Second

// lasts checks that the room lives so long from now on, and has ended a few seconds later, which a takeover takes.
func (c *cluster) lasts(d time.Duration) {
	c.t.Helper()
	if d > soon {
		time.Sleep(d - time.Second)
		synctest.Wait()
		require.True(c.t, c.newest().State.Exists(), "the room has ended too early")
	}
	time.Sleep(10 * time.Second)
	synctest.Wait()
	last := c.newest()
	require.Equal(c.t, signaling.DismissedByServer, last.State.Dismissed)
	require.Equal(c.t, []room.Event{{Event: signaling.RoomDismissed{Reason: signaling.DismissedByServer}}}, last.Events)
}

// lives checks that the room does not end.
func (c *cluster) lives() {
	c.t.Helper()
	time.Sleep(3 * time.Hour)
	synctest.Wait()
	require.True(c.t, c.newest().State.Exists())
}

func (c *cluster) say(r room.LifeRules) {
	c.rules.Store(&r)
	for _, n := range c.nodes {
		if !n.gone.Load() {
			n.RulesChanged(key.App)
		}
	}
}

func TestLife_emptyRoom_ends(t *testing.T) {
	for name, row := range map[string]struct {
		do   func(c *cluster) // leaves c with one node at least
		left time.Duration    // from then on; 0: it does not end
	}{
		"after half an hour": {func(c *cluster) {}, 30 * time.Minute},
		"whoever its home is": {func(c *cluster) {
			time.Sleep(10 * time.Minute)
			c.nodes[0].kill()
			time.Sleep(10 * time.Minute)
			c.nodes[1].kill()
		}, 10 * time.Minute},
		"as soon as a node is there again": {func(c *cluster) {
			for _, n := range c.nodes {
				n.kill()
			}
			time.Sleep(2 * time.Hour)
			c.add()
		}, soon},
		"not while somebody is here": {func(c *cluster) {
			time.Sleep(29 * time.Minute)
			c.nodes[2].enter("bob")
		}, 0},
		"from when the last one has gone on": {func(c *cluster) {
			time.Sleep(29 * time.Minute)
			c.nodes[2].enter("bob")
			c.nodes[0].kill() // the home, before that is in the log, perhaps
			time.Sleep(time.Hour)
			c.nodes[2].exit("bob", "bob@1")
		}, 30 * time.Minute},
		"after the return of nobody from a dead node": {func(c *cluster) {
			time.Sleep(29 * time.Minute)
			c.nodes[0].enter("bob")
			time.Sleep(time.Second)
			c.nodes[0].kill() // bob sat nowhere: nobody waits for him but a little
			time.Sleep(5 * time.Second)
		}, 30*time.Minute - 5*time.Second},
		"by the rules as they are then": {func(c *cluster) {
			time.Sleep(20 * time.Minute)
			c.say(room.LifeRules{Empty: 24 * time.Hour})
			time.Sleep(20 * time.Minute)
			c.say(room.LifeRules{Empty: time.Hour})
		}, 20 * time.Minute},
		"at once when a new rule has it so": {func(c *cluster) {
			time.Sleep(20 * time.Minute)
			c.say(room.LifeRules{Empty: 10 * time.Minute})
		}, soon},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, 3, func(t *testing.T, c *cluster) {
				c.nodes[0].create(signaling.FreeToTake)
				c.nodes[0].enter("ann")
				time.Sleep(time.Hour)
				c.nodes[0].exit("ann", "ann@1")
				time.Sleep(200 * time.Millisecond) // in the log
				row.do(c)
				if row.left == 0 {
					c.lives()
				} else {
					c.lasts(row.left)
				}
				c.consistent()
			})
		})
	}
}

func TestLife_roomThatNobodyEverEntered_waitsForThem(t *testing.T) {
	bubble(t, 2, func(t *testing.T, c *cluster) {
		c.say(allRules)
		c.nodes[0].create(signaling.FreeToTake)
		time.Sleep(time.Hour)
		c.nodes[0].kill()
		c.lives()
		c.nodes[1].enter("ann")
		time.Sleep(time.Hour)
		c.nodes[1].exit("ann", "ann@1")
		c.lasts(30 * time.Minute)
	})
}

// leaves has the owner go by their own will.
func (n *node) leaves(session string) {
	n.c.t.Helper()
	n.mu.Lock()
	delete(n.members, session)
	n.mu.Unlock()
	n.do("leave "+session+time.Now().String(), "owner", room.Leave{})
}

func TestLife_ownerGone(t *testing.T) {
	away := func(n *node, is bool) {
		n.mu.Lock()
		m := n.members["owner@1"]
		m.Away = is
		n.members["owner@1"] = m
		n.mu.Unlock()
		n.Heartbeat(key, m)
	}
	for name, row := range map[string]struct {
		do   func(c *cluster)
		left time.Duration
	}{
		"left": {func(c *cluster) { c.nodes[1].leaves("owner@1") }, 10 * time.Minute},
		"left, and the home has died with the answer": {func(c *cluster) {
			c.nodes[1].leaves("owner@1")
			c.nodes[0].kill()
		}, 10 * time.Minute},
		"left, and everything was down": {func(c *cluster) {
			c.nodes[1].leaves("owner@1")
			for _, n := range c.nodes {
				n.kill()
			}
			time.Sleep(time.Hour)
			c.add()
		}, soon},
		"left, and is back": {func(c *cluster) {
			c.nodes[1].leaves("owner@1")
			time.Sleep(9 * time.Minute)
			_, err := c.nodes[1].tryEnter("owner", "owner@2")
			require.NoError(c.t, err)
		}, 0},
		"left, is back, and leaves again": {func(c *cluster) {
			c.nodes[1].leaves("owner@1")
			time.Sleep(9 * time.Minute)
			_, err := c.nodes[1].tryEnter("owner", "owner@2")
			require.NoError(c.t, err)
			time.Sleep(9 * time.Minute)
			c.nodes[1].leaves("owner@2")
		}, 10 * time.Minute},
		"left where that ends nothing any more": {func(c *cluster) {
			c.nodes[1].leaves("owner@1")
			c.say(room.LifeRules{Empty: time.Hour})
		}, 0},
		"left, and the room is empty before that ends it": {func(c *cluster) {
			c.nodes[1].leaves("owner@1")
			c.nodes[1].exit("ann", "ann@1")
			c.say(room.LifeRules{Empty: 10 * time.Minute, OwnerLeft: time.Hour})
		}, 10 * time.Minute},
		"lost": {func(c *cluster) { away(c.nodes[1], true) }, 20 * time.Minute},
		"lost for as long as the room waits, and out then": {func(c *cluster) {
			away(c.nodes[1], true)
			time.Sleep(grace)
			c.nodes[1].exit("owner", "owner@1")
		}, 20*time.Minute - grace},
		"lost, and back": {func(c *cluster) {
			away(c.nodes[1], true)
			time.Sleep(grace)
			c.nodes[1].exit("owner", "owner@1")
			time.Sleep(18 * time.Minute)
			_, err := c.nodes[1].tryEnter("owner", "owner@2")
			require.NoError(c.t, err)
		}, 0},
		"lost for a moment, several times": {func(c *cluster) {
			for range 5 {
				away(c.nodes[1], true)
				time.Sleep(10 * time.Minute)
				away(c.nodes[1], false)
				time.Sleep(time.Second)
			}
		}, 0},
		"lost, and the home dies": {func(c *cluster) {
			away(c.nodes[1], true)
			time.Sleep(5 * time.Minute)
			c.nodes[0].kill()
		}, 15 * time.Minute},
		"lost with their node": {func(c *cluster) {
			c.nodes[2].enter("bob")
			c.nodes[1].kill() // its heartbeat ends within 3 s
			time.Sleep(4 * time.Second)
		}, 20*time.Minute - 4*time.Second},
		"lost with their node, which was the home": {func(c *cluster) {
			c.nodes[2].enter("bob")
			c.nodes[0].kill()
			time.Sleep(time.Minute) // node 1 or 2 is the home by now
			c.nodes[1].kill()
			time.Sleep(10 * time.Second)
		}, 20*time.Minute - 10*time.Second},
		"lost where that ends nothing": {func(c *cluster) {
			c.say(room.LifeRules{Empty: time.Hour, OwnerLeft: 10 * time.Minute})
			away(c.nodes[1], true)
		}, 0},
		"lost, and the rule comes later": {func(c *cluster) {
			c.say(room.LifeRules{Empty: time.Hour})
			away(c.nodes[1], true)
			time.Sleep(time.Hour)
			c.say(room.LifeRules{Empty: time.Hour, OwnerLost: 2 * time.Hour})
		}, time.Hour},
		"no owner any more": {func(c *cluster) {
			c.nodes[1].do("hand", "owner", room.ChangeRole{User: "ann", Role: signaling.RoomOwner})
			c.nodes[1].leaves("owner@1")
		}, 0},
		"and the heir is lost": {func(c *cluster) {
			c.nodes[1].do("hand", "owner", room.ChangeRole{User: "ann", Role: signaling.RoomOwner})
			c.nodes[1].exit("ann", "ann@1")
		}, 20 * time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, 3, func(t *testing.T, c *cluster) {
				c.say(allRules)
				c.nodes[0].create(signaling.FreeToTake)
				c.nodes[1].enter("owner")
				c.nodes[1].enter("ann")
				c.nodes[1].do("sit", "owner", room.TakeSeat{})
				time.Sleep(time.Hour)
				row.do(c)
				if row.left == 0 {
					c.lives()
				} else {
					c.lasts(row.left)
				}
				c.consistent()
			})
		})
	}
}

func TestLeave_ofTheOwner_isRefusedWhereItEndsNothing(t *testing.T) {
	bubble(t, 2, func(t *testing.T, c *cluster) {
		a := c.nodes[0]
		a.create(signaling.FreeToTake)
		a.enter("owner")
		a.do("sit", "owner", room.TakeSeat{})
		_, err := a.try("1", "owner", room.Leave{OwnerMay: true}) // nobody believes that
		require.ErrorIs(t, err, signaling.ErrOwnerCannotLeave)
		c.say(allRules)
		a.leaves("owner@1")
		require.Equal(t, -1, c.seatOf("owner"))
		require.Equal(t, signaling.UserID("owner"), c.newest().State.Info.OwnerID)
	})
}

// countingStore counts what is asked of it.
type countingStore struct {
	store.Store
	values, appends atomic.Int64
}

func (s *countingStore) Values(ctx context.Context, b store.Bucket, app signaling.AppID, id string) (map[store.ValueKey]store.Value, error) {
	s.values.Add(1)
	return s.Store.Values(ctx, b, app, id)
}

func (s *countingStore) Append(ctx context.Context, key store.Key, data []byte, last uint64) (uint64, error) {
	s.appends.Add(1)
	return s.Store.Append(ctx, key, data, last)
}

// Thousands of rooms that nobody is in cost a node that starts one append each, to become their home, and no other read
// or write until they end; a change of the rules costs none.
func TestLife_ofThousandsOfIdleRooms(t *testing.T) {
	const rooms = 2000
	synctest.Test(t, func(t *testing.T) {
		cluster := memstore.New()
		rules := room.LifeRules{Empty: time.Hour}
		start := func(id store.NodeID) (*home.Node, *countingStore) {
			s := &countingStore{Store: cluster.Node()}
			n, err := home.Start(t.Context(), home.Config{
				Store: s, ID: id, Members: func(store.Key) []home.Member { return nil },
				Rules: func(signaling.AppID) room.LifeRules { return rules },
			})
			require.NoError(t, err)
			return n, s
		}
		a, s := start("a")
		for i := range rooms {
			key := store.Key{App: 1, Room: signaling.RoomID(fmt.Sprint("r", i))}
			by := signaling.UserInfo{UserID: "owner"}
			_, err := a.Create(t.Context(), key, room.Command{ID: "c", By: by, Action: room.Create{Info: signaling.RoomInfo{RoomID: key.Room}}})
			require.NoError(t, err)
			m := home.Member{User: by, Session: "s"}
			_, err = a.Enter(t.Context(), key, m)
			require.NoError(t, err)
			require.NoError(t, a.Exit(t.Context(), key, m))
		}
		time.Sleep(time.Second)
		require.NoError(t, a.Stop(t.Context()))
		require.NoError(t, s.Close())
		b, s := start("b")
		time.Sleep(time.Minute)
		require.Equal(t, rooms, b.Rooms())
		require.EqualValues(t, rooms, s.appends.Load())
		b.RulesChanged(1)
		time.Sleep(time.Minute)
		require.Zero(t, s.values.Load())
		require.EqualValues(t, rooms, s.appends.Load())
		time.Sleep(time.Hour)
		require.Zero(t, b.Rooms())
		require.EqualValues(t, 2*rooms, s.appends.Load())
		left, err := s.Rooms(t.Context())
		require.NoError(t, err)
		require.Empty(t, left)
		require.NoError(t, b.Stop(t.Context()))
		require.NoError(t, s.Close())
	})
}
