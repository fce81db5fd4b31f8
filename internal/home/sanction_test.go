package home_test

import (
	"context"
	"errors"
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

// app has a command decided in the name of the app.
func (n *node) app(a room.Action) error {
	ctx, cancel := context.WithTimeout(n.c.t.Context(), 10*time.Second)
	defer cancel()
	_, err := n.Do(ctx, key, room.Command{By: signaling.UserInfo{UserID: "administrator"}, App: true, Action: a})
	return err
}

func (n *node) ban(d time.Duration, users ...signaling.UserID) {
	n.c.t.Helper()
	require.NoError(n.c.t, n.app(room.Ban{Users: users, Duration: d}))
}

// sanctioned lists who is banned and who is muted.
func (n *node) sanctioned() string {
	n.c.t.Helper()
	banned, more, err := n.Banned(n.c.t.Context(), key, 0, 100)
	require.NoError(n.c.t, err)
	require.False(n.c.t, more)
	muted, more, err := n.Muted(n.c.t.Context(), key, 0, 100)
	require.NoError(n.c.t, err)
	require.False(n.c.t, more)
	list := func(l []home.Sanctioned) (s string) {
		for _, x := range l {
			s += string(x.User) + " "
		}
		return s
	}
	return list(banned) + "/ " + list(muted)
}

// stored counts the values that are left of bans and mutes.
func (c *cluster) stored() (n int) {
	s := c.store.Node()
	defer s.Close()
	for _, b := range []store.Bucket{store.BucketBan, store.BucketMute} {
		keys, err := s.Keys(c.t.Context(), b, 1, "")
		require.NoError(c.t, err)
		n += len(keys)
	}
	return n
}

// Who is banned is out on every node and stays out until the ban ends or is taken back, whichever nodes die meanwhile:
// the home, and then all of them.
func TestBansHold(t *testing.T) {
	bubble(t, 3, func(t *testing.T, c *cluster) {
		home0, other, third := c.nodes[0], c.nodes[1], c.nodes[2]
		home0.create(signaling.FreeToTake)
		other.enter("ann")
		other.enter("bob")
		other.do("sit", "ann", room.TakeSeat{Index: 1})
		third.ban(time.Hour, "ann", "zoe")
		synctest.Wait()
		require.Equal(t, -1, c.seatOf("ann"))
		require.Equal(t, 1, c.newest().Members)
		refused := func(n *node, u signaling.UserID) {
			t.Helper()
			_, err := n.tryEnter(u, string(u)+"@again")
			require.ErrorIs(t, err, signaling.ErrMemberBanned)
			n.mu.Lock()
			delete(n.members, string(u)+"@again")
			n.mu.Unlock()
		}
		other.mu.Lock()
		delete(other.members, "ann@1") // her node has heard it
		other.mu.Unlock()
		refused(other, "ann")
		refused(home0, "ann")
		refused(third, "zoe")
		require.Equal(t, "ann zoe / ", other.sanctioned())

		home0.kill()
		time.Sleep(10 * time.Second)
		refused(other, "ann")
		require.Equal(t, "ann zoe / ", third.sanctioned())
		require.NoError(t, third.app(room.Unban{Users: []signaling.UserID{"zoe", "bob"}}))
		third.enter("zoe")

		other.kill()
		third.kill()
		fresh := c.add()
		refused(fresh, "ann")
		fresh.enter("zoe")
		fresh.ban(time.Minute, "bob") // for less than there is left of ann's
		time.Sleep(time.Minute)
		fresh.enter("bob")
		refused(fresh, "ann")
		time.Sleep(time.Hour)
		require.Equal(t, "/ ", fresh.sanctioned())
		fresh.enter("ann")
		time.Sleep(5 * time.Minute)
		require.Zero(t, c.stored(), "what has ended is not kept")
		c.consistent()
	})
}

// Its home dies between the ban's value and the entry that takes the user out: the next home does it.
func TestBanIsEnforcedByTheNextHome(t *testing.T) {
	bubble(t, 2, func(t *testing.T, c *cluster) {
		c.nodes[0].create(signaling.FreeToTake)
		c.nodes[1].enter("ann")
		c.nodes[1].do("sit", "ann", room.TakeSeat{Index: 1})
		c.nodes[1].enter("bob")
		s := c.store.Node()
		_, err := s.Put(t.Context(), store.ValueKey{Bucket: store.BucketBan, App: 1, ID: "r", Sub: "ann"},
			fmt.Appendf(nil, `{"room":%d,"until":%d}`, c.newest().State.Info.CreateTime, time.Now().Add(time.Hour).UnixMilli()), 0)
		require.NoError(t, err)
		require.NoError(t, s.Close())
		c.nodes[0].kill()
		time.Sleep(10 * time.Second)
		require.Equal(t, -1, c.seatOf("ann"))
		require.Equal(t, 1, c.newest().Members)
		kicked := 0
		for _, e := range c.nodes[1].heard() {
			for _, ev := range e.Events {
				if out, ok := ev.Event.(signaling.KickedOutOfRoom); ok {
					require.Equal(t, []signaling.UserID{"ann"}, ev.To)
					require.Equal(t, signaling.KickedByAdmin, out.Reason)
					kicked++
				}
			}
		}
		require.Equal(t, 1, kicked)
		c.consistent()
	})
}

// A home is replaced while it writes a ban, and nobody waits for the answer any more: the next home has read the values
// before, and reads them again.
func TestBanThatAReplacedHomeWrites(t *testing.T) {
	bubble(t, 2, func(t *testing.T, c *cluster) {
		c.nodes[0].create(signaling.FreeToTake)
		c.nodes[0].disk.Store(int64(1500 * time.Millisecond))
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		_, err := c.nodes[0].Do(ctx, key, room.Command{By: signaling.UserInfo{UserID: "administrator"}, App: true, Action: room.Ban{Users: []signaling.UserID{"ann"}, Duration: time.Hour}})
		require.Error(t, err)
		id := store.NodeID("node0")
		c.unheard.Store(&id)
		c.nodes[1].enter("bob")
		require.Equal(t, "/ ", c.nodes[1].sanctioned(), "not yet")
		require.EqualValues(t, "node1", c.newest().Home)
		time.Sleep(3 * time.Second)
		require.Equal(t, "ann / ", c.nodes[1].sanctioned())
		_, err = c.nodes[1].tryEnter("ann", "ann@1")
		require.ErrorIs(t, err, signaling.ErrMemberBanned)
	})
}

// A room's bans and mutes end with it, also when its home does not live to remove them, and are not those of a later
// room with its id.
func TestSanctionsEndWithTheRoom(t *testing.T) {
	for _, dies := range []bool{false, true} {
		bubble(t, 2, func(t *testing.T, c *cluster) {
			c.nodes[0].create(signaling.FreeToTake)
			c.nodes[0].enter("owner")
			c.nodes[0].ban(time.Hour, "ann", "bob")
			require.NoError(t, c.nodes[0].app(room.Mute{Users: []signaling.UserID{"cid"}, Duration: time.Hour}))
			require.Equal(t, 3, c.stored())
			c.nodes[0].do("end", "owner", room.Dismiss{})
			if dies {
				c.nodes[0].kill()
			}
			time.Sleep(2 * time.Minute)
			require.Zero(t, c.stored())
		})
	}
	bubble(t, 2, func(t *testing.T, c *cluster) {
		c.nodes[0].create(signaling.FreeToTake)
		c.nodes[0].enter("owner")
		c.nodes[0].ban(time.Hour, "ann", "bob")
		c.nodes[0].do("end", "owner", room.Dismiss{})
		time.Sleep(time.Second)
		c.nodes[1].create(signaling.FreeToTake) // before anybody has cleaned up
		c.nodes[1].enter("ann")
		require.Equal(t, "/ ", c.nodes[1].sanctioned())
		c.nodes[1].ban(time.Hour, "bob", "cid") // where the former room's value still is
		require.Equal(t, "bob cid / ", c.nodes[1].sanctioned())
		c.nodes[0].kill()
		c.nodes[1].kill()
		fresh := c.add()
		require.Equal(t, "bob cid / ", fresh.sanctioned())
		time.Sleep(5 * time.Minute)
		require.Equal(t, 2, c.stored())
	})
}

// Mutes are told when they begin, when somebody comes in with one, when they are taken back and when they run out.
func TestMutesAreTold(t *testing.T) {
	bubble(t, 2, func(t *testing.T, c *cluster) {
		c.nodes[0].create(signaling.FreeToTake)
		c.nodes[1].enter("owner")
		c.nodes[1].enter("ann")
		told := func() (list []string) {
			synctest.Wait()
			c.nodes[1].mu.Lock()
			defer c.nodes[1].mu.Unlock()
			for _, e := range c.nodes[1].told {
				for _, ev := range e.Events {
					if m, ok := ev.Event.(signaling.SendMessageDisabledChanged); ok {
						list = append(list, fmt.Sprint(ev.To, m.Users, m.Disabled))
					}
				}
			}
			c.nodes[1].told = c.nodes[1].told[len(c.nodes[1].told)-1:]
			c.nodes[1].told[0].Events = nil
			return list
		}
		mute := func(d time.Duration, users ...signaling.UserID) {
			t.Helper()
			require.NoError(t, c.nodes[1].app(room.Mute{Users: users, Duration: d}))
		}
		mute(time.Minute, "ann")
		require.Equal(t, []string{"[owner] [ann] true", "[ann] [ann] true"}, told())
		mute(2*time.Minute, "ann", "zoe")
		require.Equal(t, []string{"[owner] [ann zoe] true", "[ann] [ann] true", "[zoe] [zoe] true"}, told())
		c.nodes[1].enter("zoe")
		time.Sleep(time.Second)
		require.Equal(t, []string{"[zoe] [zoe] true"}, told())
		mute(0, "zoe", "owner")
		require.Equal(t, []string{"[owner] [zoe] false", "[zoe] [zoe] false"}, told())
		require.Equal(t, "/ ann ", c.nodes[0].sanctioned())

		c.nodes[0].kill()
		time.Sleep(10 * time.Second)
		require.Empty(t, told())
		require.Equal(t, "/ ann ", c.nodes[1].sanctioned())
		time.Sleep(2 * time.Minute)
		require.Equal(t, []string{"[owner] [ann] false", "[ann] [ann] false"}, told())
		require.Equal(t, "/ ", c.nodes[1].sanctioned())
		time.Sleep(5 * time.Minute)
		require.Zero(t, c.stored())
		c.consistent()
	})
}

// Who may do it is checked before anything is stored.
func TestRefusedSanctionsAreNotStored(t *testing.T) {
	bubble(t, 1, func(t *testing.T, c *cluster) {
		c.nodes[0].create(signaling.FreeToTake)
		c.nodes[0].enter("ann")
		_, err := c.nodes[0].try("1", "ann", room.Ban{Users: []signaling.UserID{"bob"}, Duration: time.Hour})
		require.ErrorIs(t, err, signaling.ErrNeedManager)
		_, err = c.nodes[0].try("2", "ann", room.Mute{Users: []signaling.UserID{"bob"}, Duration: time.Hour})
		require.ErrorIs(t, err, signaling.ErrNeedManager)
		require.Zero(t, c.stored())
	})
}

// faulty is a store whose values fail.
type faulty struct {
	store.Store
	fails atomic.Bool
}

func (f *faulty) Put(ctx context.Context, key store.ValueKey, data []byte, last uint64) (uint64, error) {
	rev, err := f.Store.Put(ctx, key, data, last)
	if f.fails.Load() {
		return 0, errors.New("the acknowledgement is lost")
	}
	return rev, err
}

func (f *faulty) Values(ctx context.Context, b store.Bucket, app signaling.AppID, id string) (map[store.ValueKey]store.Value, error) {
	if f.fails.Load() {
		return nil, errors.New("away")
	}
	return f.Store.Values(ctx, b, app, id)
}

// withFaults runs f with a node on such a store, and a room.
func withFaults(t *testing.T, f func(t *testing.T, n *home.Node, s *faulty)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		s := &faulty{Store: memstore.New().Node()}
		defer s.Close()
		n, err := home.Start(t.Context(), home.Config{Store: s, ID: "a", Members: func(store.Key) []home.Member { return nil }})
		require.NoError(t, err)
		defer n.Stop(t.Context())
		_, err = n.Create(t.Context(), key, command("c", "owner", room.Create{Info: signaling.RoomInfo{RoomID: "r"}}))
		require.NoError(t, err)
		f(t, n, s)
	})
}

// A ban whose value may be stored or not is an error for who asked, and nobody comes in before it is known which.
func TestBanWithAnUnknownOutcome(t *testing.T) {
	withFaults(t, func(t *testing.T, n *home.Node, s *faulty) {
		_, err := n.Enter(t.Context(), key, member("ann", "ann@1"))
		require.NoError(t, err)
		s.fails.Store(true)
		_, err = n.Do(t.Context(), key, room.Command{By: signaling.UserInfo{UserID: "administrator"}, App: true, Action: room.Ban{Users: []signaling.UserID{"ann"}, Duration: time.Hour}})
		require.ErrorIs(t, err, signaling.ErrServer)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err = n.Enter(ctx, key, member("bob", "bob@1"))
		require.ErrorIs(t, err, signaling.ErrServer)
		s.fails.Store(false)
		_, err = n.Enter(t.Context(), key, member("bob", "bob@2"))
		require.NoError(t, err)
		page, err := n.List(t.Context(), key, home.Query{Limit: 10})
		require.NoError(t, err)
		require.Len(t, page.Members, 1, "it was stored, so ann is out")
		require.EqualValues(t, "bob", page.Members[0].UserID)
		_, err = n.Enter(t.Context(), key, member("ann", "ann@2"))
		require.ErrorIs(t, err, signaling.ErrMemberBanned)
	})
}

// Lists come in pages by id, without who has ended.
func TestBannedInPages(t *testing.T) {
	bubble(t, 2, func(t *testing.T, c *cluster) {
		c.nodes[0].create(signaling.FreeToTake)
		for i := range 6 {
			var users []signaling.UserID
			for j := range 20 {
				users = append(users, signaling.UserID(fmt.Sprintf("u%03d", i*20+j)))
			}
			c.nodes[1].ban(time.Hour, users...)
		}
		c.nodes[1].ban(time.Second, "u050")
		time.Sleep(2 * time.Second)
		var all []home.Sanctioned
		for more := true; more; {
			var page []home.Sanctioned
			var err error
			page, more, err = c.nodes[1].Banned(t.Context(), key, len(all), 50)
			require.NoError(t, err)
			all = append(all, page...)
		}
		require.Len(t, all, 119)
		for i, b := range all[50:] {
			require.EqualValues(t, fmt.Sprintf("u%03d", i+51), b.User)
		}
		page, more, err := c.nodes[1].Banned(t.Context(), key, 500, 50)
		require.NoError(t, err)
		require.Empty(t, page)
		require.False(t, more)
	})
}

// A dismissed room waits for half a minute, also where a mute ends in it: without a pause in which time could go on, this
// test would not end.
func TestMuteThatEndsAfterTheRoom(t *testing.T) {
	bubble(t, 1, func(t *testing.T, c *cluster) {
		n := c.nodes[0]
		n.create(signaling.FreeToTake)
		n.enter("owner")
		require.NoError(t, n.app(room.Mute{Users: []signaling.UserID{"ann"}, Duration: 5 * time.Second}))
		n.do("end", "owner", room.Dismiss{})
		time.Sleep(time.Minute)
		require.Zero(t, n.Rooms())
		require.Zero(t, c.stored())
	})
}

// What was done is written down also when the room ends before anybody asks again, and the wait for that ends.
func TestActOfAnUnknownOutcome_beforeTheRoomsEnd(t *testing.T) {
	withFaults(t, func(t *testing.T, n *home.Node, s *faulty) {
		app := func(a room.Action) error {
			_, err := n.Do(t.Context(), key, room.Command{By: signaling.UserInfo{UserID: "administrator"}, App: true, Action: a})
			return err
		}
		s.fails.Store(true)
		require.ErrorIs(t, app(room.Ban{Users: []signaling.UserID{"ann"}, Duration: time.Hour}), signaling.ErrServer)
		s.fails.Store(false)
		require.NoError(t, app(room.Dismiss{}))
		time.Sleep(2 * time.Minute)
		require.Zero(t, n.Rooms())
		acts, _, err := n.Audit(t.Context(), key, home.AuditQuery{Limit: 10})
		require.NoError(t, err)
		var kinds []signaling.ActKind
		for _, a := range acts {
			kinds = append(kinds, a.Kind)
		}
		require.Equal(t, []signaling.ActKind{signaling.ActBan, signaling.ActDismiss}, kinds, "the newest first")
	})
}
