package home_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/internal/home"
	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/internal/store/memstore"
	"github.com/openvoiceroom/openvoiceroom/internal/store/natsstore"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// Entries are counted, in whichever way, by whichever home; who comes back within the grace period has not entered
// again.
func TestViewCountOutlivesItsHome(t *testing.T) {
	bubble(t, 2, func(t *testing.T, c *cluster) {
		c.nodes[0].create(signaling.FreeToTake)
		views := func() int64 {
			info, err := c.nodes[1].Info(t.Context(), key)
			require.NoError(t, err)
			return info.ViewCount
		}
		c.nodes[1].enter("ann")
		c.nodes[1].enter("bob")
		require.EqualValues(t, 2, views(), "at once, before the log has it")
		_, err := c.nodes[1].tryEnter("ann", "ann@2") // a second device: she is there already
		require.NoError(t, err)
		c.nodes[1].exit("bob", "bob@1")
		c.nodes[1].enter("bob")
		require.EqualValues(t, 3, views())
		time.Sleep(time.Second)
		require.EqualValues(t, 3, c.newest().State.Info.ViewCount)

		c.nodes[0].kill()
		time.Sleep(10 * time.Second)
		require.EqualValues(t, 3, views(), "announced to the new home, not entered")
		c.nodes[1].enter("cid")
		require.EqualValues(t, 4, views())
		time.Sleep(time.Second)
		c.consistent()
	})
}

// One entry of the log for a crowd: counting costs none of its own.
func TestViewsRideOnPresence(t *testing.T) {
	bubble(t, 1, func(t *testing.T, c *cluster) {
		c.nodes[0].create(signaling.FreeToTake)
		for i := range 50 {
			c.nodes[0].enter(signaling.UserID(fmt.Sprint("u", i)))
		}
		time.Sleep(time.Second)
		require.Len(t, c.log(), 2)
		require.EqualValues(t, 50, c.newest().State.Info.ViewCount)
	})
}

// A list has the rooms of all nodes once each, whether they are decided here, elsewhere or, for the moment, by nobody.
func TestListedRooms(t *testing.T) {
	bubble(t, 3, func(t *testing.T, c *cluster) {
		for i := range 60 {
			id := signaling.RoomID(fmt.Sprint("r", i))
			create := command("c", "owner", room.Create{Info: signaling.RoomInfo{RoomID: id}})
			_, err := c.nodes[i%3].Create(t.Context(), store.Key{App: 1, Room: id}, create)
			require.NoError(t, err)
			_, err = c.nodes[i%3].Create(t.Context(), store.Key{App: 2, Room: id}, create)
			require.NoError(t, err)
		}
		c.nodes[0].create(signaling.FreeToTake)
		c.nodes[2].enter("ann")
		c.nodes[1].do("end", "ann", room.SetInfo{UserName: "new"})
		for _, id := range []signaling.RoomID{"r0", "r1", "r2"} {
			_, err := c.nodes[0].Do(t.Context(), store.Key{App: 1, Room: id}, room.Command{Action: room.Dismiss{}})
			require.NoError(t, err)
		}
		check := func(n *node) {
			t.Helper()
			list, err := n.Listed(t.Context(), 1)
			require.NoError(t, err)
			seen := map[signaling.RoomID]signaling.RoomInfo{}
			for _, r := range list {
				require.NotContains(t, seen, r.RoomID)
				seen[r.RoomID] = r
			}
			require.Len(t, seen, 58)
			require.NotContains(t, seen, signaling.RoomID("r1"))
			require.Equal(t, 1, seen["r"].MemberCount)
			require.EqualValues(t, 1, seen["r"].ViewCount)
		}
		for _, n := range c.nodes {
			check(n)
		}
		c.nodes[1].kill()
		check(c.nodes[0])

		c.nodes[0].reads.Store(1) // of those that have to be read
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := c.nodes[0].Listed(ctx, 1)
		require.ErrorIs(t, err, context.DeadlineExceeded, "half a list is none")
	})
}

// Rooms that are decided here are listed without the log.
func TestOwnRoomsAreListedFromMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &counted{Store: memstore.New().Node()}
		defer s.Close()
		n, err := home.Start(t.Context(), home.Config{Store: s, ID: "a", Members: func(store.Key) []home.Member { return nil }})
		require.NoError(t, err)
		defer n.Stop(t.Context())
		fill(t, n, 100)
		s.lasts = 0
		list, err := n.Listed(t.Context(), 1)
		require.NoError(t, err)
		require.Len(t, list, 100)
		require.Zero(t, s.lasts)
	})
}

type counted struct {
	store.Store
	lasts int
}

func (c *counted) Last(ctx context.Context, key store.Key) (store.Entry, error) {
	c.lasts++
	return c.Store.Last(ctx, key)
}

// fill creates rooms with seats.
func fill(t testing.TB, n *home.Node, rooms int) {
	for i := range rooms {
		id := signaling.RoomID(fmt.Sprint("room-", i))
		_, err := n.Create(t.Context(), store.Key{App: 1, Room: id}, command("c", "owner", room.Create{Info: signaling.RoomInfo{
			RoomID: id, Name: "A room like many others", CoverURL: "https://cdn.example.com/covers/" + string(id) + ".png", Categories: []int{1, 2}, MaxSeatCount: 10,
		}}))
		if err != nil {
			t.Fatal(err)
		}
	}
}

// BenchmarkListed lists 5,000 rooms, at the node that decides them and at another one.
func BenchmarkListed(b *testing.B) {
	s, err := natsstore.Open(b.Context(), natsstore.Config{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	nobody := func(store.Key) []home.Member { return nil }
	n, err := home.Start(b.Context(), home.Config{Store: s, ID: "decides", Members: nobody})
	if err != nil {
		b.Fatal(err)
	}
	fill(b, n, 5000)
	other, err := home.Start(b.Context(), home.Config{Store: s, ID: "other", Members: nobody})
	if err != nil {
		b.Fatal(err)
	}
	defer func() {
		if err := errors.Join(other.Stop(b.Context()), n.Stop(b.Context())); err != nil {
			b.Error(err)
		}
	}()
	for name, n := range map[string]*home.Node{"decided here": n, "decided elsewhere": other} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				list, err := n.Listed(b.Context(), 1)
				if err != nil || len(list) != 5000 {
					b.Fatal(len(list), err)
				}
			}
		})
	}
}
