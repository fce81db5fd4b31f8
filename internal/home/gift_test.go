package home_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
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

func roses(count int, to signaling.UserID) room.SendGift {
	return room.SendGift{Gift: signaling.GiftInfo{GiftID: "rose", Coins: 5}, Count: count, Receiver: signaling.UserInfo{UserID: to}, Combo: time.Second}
}

// giftsOf reads a room's totals by a node.
func (n *node) giftsOf(q home.GiftQuery) signaling.GiftTotals {
	n.c.t.Helper()
	t, err := n.Gifts(n.c.t.Context(), key, q)
	require.NoError(n.c.t, err)
	return t
}

func tally(u signaling.UserID, count int64) signaling.GiftTally {
	return signaling.GiftTally{UserID: u, UserName: "name of " + string(u), Count: count, Coins: 5 * count}
}

func TestGifts_areCounted_andReadFromEveryNode(t *testing.T) {
	bubble(t, 2, func(t *testing.T, c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		a.create(signaling.FreeToTake)
		require.Equal(t, signaling.GiftTotals{Senders: []signaling.GiftTally{}, Receivers: []signaling.GiftTally{}}, b.giftsOf(home.GiftQuery{Limit: 3}))
		a.enter("ann")
		b.enter("bob")
		b.enter("cid")
		a.do("1", "ann", roses(3, "bob"))
		b.do("1", "bob", roses(1, ""))
		b.do("2", "bob", roses(1, "bob"))
		b.do("2", "bob", roses(1, "bob")) // the same again
		_, err := b.try("3", "bob", roses(1, "dan"))
		require.ErrorIs(t, err, signaling.ErrUserNotEntered)
		_, err = b.try("1", "dan", roses(1, "ann"))
		require.ErrorIs(t, err, signaling.ErrNotInRoom)
		want := signaling.GiftTotals{
			TotalGiftsSent: 5, TotalGiftCoins: 25, TotalUniqueGiftSenders: 2,
			Senders:   []signaling.GiftTally{tally("ann", 3), tally("bob", 2)},
			Receivers: []signaling.GiftTally{tally("bob", 4), tally("owner", 1)},
		}
		require.Equal(t, want, a.giftsOf(home.GiftQuery{Limit: 3}))
		require.Equal(t, want, b.giftsOf(home.GiftQuery{Limit: 3}))
		one := b.giftsOf(home.GiftQuery{Limit: 1, User: "bob"})
		require.Equal(t, [2]int{1, 1}, [2]int{len(one.Senders), len(one.Receivers)})
		require.Equal(t, [2]signaling.GiftTally{tally("bob", 2), tally("bob", 4)}, [2]signaling.GiftTally{*one.Sent, *one.Received})
		require.Equal(t, int64(0), b.giftsOf(home.GiftQuery{User: "eve"}).Sent.Count)
	})
}

// What somebody has sent stops growing where JSON's numbers end, as the room's totals do.
func TestGifts_ofSomebodyVeryRich(t *testing.T) {
	bubble(t, 1, func(t *testing.T, c *cluster) {
		a := c.nodes[0]
		a.create(signaling.FreeToTake)
		a.enter("ann")
		castle := room.SendGift{Gift: signaling.GiftInfo{GiftID: "castle", Coins: 1 << 52}, Count: 1}
		for i := range 5 {
			a.do(fmt.Sprint(i), "ann", castle)
		}
		const most = 1<<53 - 1
		totals := a.giftsOf(home.GiftQuery{Limit: 1, User: "owner"})
		require.EqualValues(t, most, totals.TotalGiftCoins)
		require.EqualValues(t, most, totals.Senders[0].Coins)
		require.EqualValues(t, most, totals.Received.Coins)
	})
}

// A room is known for its gifts after everything was restarted, and for a week after its end; not longer.
func TestGifts_outlastTheirRoom_forAWeek(t *testing.T) {
	for _, how := range []string{"stopped", "killed", "alive"} {
		t.Run(how, func(t *testing.T) {
			bubble(t, 1, func(t *testing.T, c *cluster) {
				a := c.nodes[0]
				a.create(signaling.FreeToTake)
				a.enter("ann")
				a.do("1", "ann", roses(3, ""))
				next := a
				restart := func() {
					switch how {
					case "stopped":
						next.end()
					case "killed":
						next.kill()
					default:
						return
					}
					time.Sleep(5 * time.Second)
					next = c.add()
				}
				restart()
				want := next.giftsOf(home.GiftQuery{Limit: 9})
				require.Equal(t, []signaling.GiftTally{tally("ann", 3)}, want.Senders)
				_, err := next.tryEnter("ann", "ann@2")
				require.NoError(t, err)
				next.do("2", "ann", roses(1, ""))
				_, err = next.Do(t.Context(), key, room.Command{ID: "over", Action: room.Dismiss{}})
				require.NoError(t, err)
				restart()
				time.Sleep(2 * time.Minute)
				require.Empty(t, c.log(), "it is gone")
				want = next.giftsOf(home.GiftQuery{Limit: 9})
				require.Equal(t, []signaling.GiftTally{tally("ann", 4)}, want.Senders)
				require.Equal(t, int64(1), want.TotalUniqueGiftSenders)

				if how != "alive" {
					return
				}
				next.end() // it has no part in what follows, and beats for a week
				time.Sleep(home.GiftsKept - 5*time.Minute)
				next = c.add()
				require.NoError(t, next.TidyGifts(t.Context(), key.App))
				require.Equal(t, want, next.giftsOf(home.GiftQuery{Limit: 9}))
				time.Sleep(5 * time.Minute)
				require.NoError(t, next.TidyGifts(t.Context(), key.App))
				_, err = next.Gifts(t.Context(), key, home.GiftQuery{})
				require.ErrorIs(t, err, signaling.ErrRoomNotExist)
				left, err := next.store.Keys(t.Context(), store.BucketGift, key.App, "")
				require.NoError(t, err)
				require.Empty(t, left)
			})
		})
	}
}

// A room that is created anew counts from the beginning, and what was sent in the former one stays counted there.
func TestGifts_ofARoomCreatedAnew_areItsOwn(t *testing.T) {
	bubble(t, 2, func(t *testing.T, c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		a.create(signaling.FreeToTake)
		a.enter("ann")
		time.Sleep(time.Second)
		a.do("1", "ann", roses(3, ""))
		_, err := a.Do(t.Context(), key, room.Command{ID: "over", Action: room.Dismiss{}})
		require.NoError(t, err)
		_, err = b.Create(t.Context(), key, command("anew", "owner", room.Create{Info: signaling.RoomInfo{RoomID: "r"}}))
		require.NoError(t, err)
		b.enter("bob")
		b.do("1", "bob", roses(1, ""))
		require.Equal(t, []signaling.GiftTally{tally("bob", 1)}, a.giftsOf(home.GiftQuery{Limit: 9}).Senders)
		time.Sleep(time.Minute)
		keys, err := b.store.Keys(t.Context(), store.BucketGift, key.App, "r")
		require.NoError(t, err)
		rooms := map[string]bool{}
		for _, k := range keys {
			created, _, _ := cutDot(k.Sub)
			rooms[created] = true
		}
		require.Len(t, rooms, 2, "%v", keys)

		// A third one, in which nobody sends any, does not end with what was sent in the second.
		end := func(id string) {
			_, err := a.Do(t.Context(), key, room.Command{ID: id, Action: room.Dismiss{}})
			require.NoError(t, err)
			time.Sleep(time.Minute)
		}
		end("over too")
		require.Equal(t, []signaling.GiftTally{tally("bob", 1)}, a.giftsOf(home.GiftQuery{Limit: 9}).Senders)
		_, err = b.Create(t.Context(), key, command("third", "owner", room.Create{Info: signaling.RoomInfo{RoomID: "r"}}))
		require.NoError(t, err)
		end("over again")
		_, err = a.Gifts(t.Context(), key, home.GiftQuery{Limit: 9})
		require.ErrorIs(t, err, signaling.ErrRoomNotExist)
	})
}

func cutDot(s string) (string, string, bool) {
	for i := range s {
		if s[i] == '.' {
			return s[:i], s[i+1:], true
		}
	}
	return s, "", false
}

// While the store takes no counts, the log keeps what is not counted, though the room is over.
func TestGifts_thatCannotBeCountedYet_areKeptInTheLog(t *testing.T) {
	bubble(t, 2, func(t *testing.T, c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		a.create(signaling.FreeToTake)
		a.enter("ann")
		a.stuck.Store(true)
		a.do("1", "ann", roses(3, ""))
		require.Equal(t, []signaling.GiftTally{tally("ann", 3)}, a.giftsOf(home.GiftQuery{Limit: 9}).Senders, "who asks need not wait")
		_, err := a.Do(t.Context(), key, room.Command{ID: "over", Action: room.Dismiss{}})
		require.NoError(t, err)
		time.Sleep(10 * time.Minute)
		require.NotEmpty(t, c.log())
		_, err = b.Gifts(t.Context(), key, home.GiftQuery{Limit: 9})
		require.NoError(t, err)
		a.stuck.Store(false)
		time.Sleep(time.Minute)
		require.Empty(t, c.log())
		require.Equal(t, []signaling.GiftTally{tally("ann", 3)}, b.giftsOf(home.GiftQuery{Limit: 9}).Senders)
	})
}

func TestGifts_haveARate(t *testing.T) {
	bubble(t, 1, func(t *testing.T, c *cluster) {
		a := c.nodes[0]
		a.create(signaling.FreeToTake)
		for i := range 11 {
			a.enter(signaling.UserID(fmt.Sprint("u", i)))
		}
		time.Sleep(time.Second)
		send := func(n int, u signaling.UserID) error {
			_, err := a.try(fmt.Sprint(n), u, roses(1, ""))
			return err
		}
		for i := range 10 {
			require.NoError(t, send(i, "u0"))
		}
		require.ErrorIs(t, send(10, "u0"), signaling.ErrFreqLimit, "the eleventh of a user")
		require.NoError(t, send(3, "u0"), "a repetition is none")
		for i := range 90 {
			require.NoError(t, send(i, signaling.UserID(fmt.Sprint("u", 1+i/10))))
		}
		require.ErrorIs(t, send(1, "u10"), signaling.ErrFreqLimit, "the hundred-and-first of the room")
		time.Sleep(time.Second)
		require.NoError(t, send(10, "u0"))
		require.NoError(t, send(1, "u10"))
		require.Equal(t, int64(102), a.giftsOf(home.GiftQuery{}).TotalGiftsSent)
	})
}

// Users send gifts while nodes die at some write of whatever kind, before it or after it, are paused, and cut off. In the
// end, and after a start of everything anew, what was acknowledged has been counted once, and what was not, once at most: for
// the sender, for the receiver, and in the room's totals.
func TestGifts_areCountedOnce_whateverDies(t *testing.T) {
	for seed := range uint64(8) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			bubble(t, 3, func(t *testing.T, c *cluster) { giftChaos(t, c, rand.New(rand.NewPCG(seed, 7))) })
		})
	}
}

func giftChaos(t *testing.T, c *cluster, rng *rand.Rand) {
	var mu sync.Mutex // of rng and c.nodes; held for moments only
	intN := func(n int) int {
		mu.Lock()
		defer mu.Unlock()
		return rng.IntN(n)
	}
	live := func() *node {
		mu.Lock()
		defer mu.Unlock()
		alive := slices.DeleteFunc(slices.Clone(c.nodes), func(n *node) bool { return n.gone.Load() || n.store.Doomed() })
		return alive[rng.IntN(len(alive))]
	}
	c.nodes[0].create(signaling.FreeToTake)
	for _, n := range c.nodes {
		n.follow()
	}
	const users, each = 5, 25
	acked := make([]map[string]int64, users) // by key, how many
	var wg sync.WaitGroup
	for i := range users {
		acked[i] = map[string]int64{}
		wg.Go(func() {
			u := &rider{id: signaling.UserID(fmt.Sprint("u", i))}
			for j := range each {
				id, count := fmt.Sprint(j), 1+intN(9)
				to := signaling.UserID("")
				if intN(2) == 0 {
					to = u.id
				}
				for {
					u.move(live)
					_, err := u.at.try(id, u.id, roses(count, to))
					if err == nil {
						acked[i][id] = int64(count)
						break
					}
					switch signaling.CodeOf(err) {
					case signaling.ErrServer.Code, signaling.ErrNotInRoom.Code, signaling.ErrFreqLimit.Code:
					default:
						assert.NoError(t, err)
						return
					}
					if u.at.store.Doomed() {
						u.at = nil
					}
					time.Sleep(50 * time.Millisecond)
				}
				time.Sleep(time.Duration(20+intN(200)) * time.Millisecond)
			}
		})
	}
	over := make(chan struct{})
	go func() { wg.Wait(); close(over) }()
	for done := false; !done; {
		n := live()
		switch intN(4) {
		case 0:
			n.store.Pause()
			time.Sleep(time.Duration(intN(6000)) * time.Millisecond)
			n.store.Resume()
		case 1, 2:
			n.store.DieAt(intN(12), intN(2) == 0)
			time.Sleep(3 * time.Second)
			n.kill()
			mu.Lock()
			c.add().follow() // before anybody enters by it
			mu.Unlock()
		}
		select {
		case <-over:
			done = true
		case <-time.After(time.Duration(intN(1500)) * time.Millisecond):
		}
	}
	time.Sleep(10 * time.Second)
	synctest.Wait()
	// What the log's events say, which is what members were told, is the truth.
	sent, received := map[signaling.UserID]int64{}, map[signaling.UserID]int64{}
	seen := map[string]int64{}
	var total int64
	for _, e := range c.log() {
		for _, ev := range e.Events {
			if g, ok := ev.Event.(signaling.GiftReceived); ok {
				name := string(g.Sender.UserID) + " " + g.GiftKey
				require.Zero(t, seen[name], "%s was shown twice", name)
				seen[name] = int64(g.Count)
				sent[g.Sender.UserID] += int64(g.Count)
				received[g.Receiver.UserID] += int64(g.Count)
				total += int64(g.Count)
			}
		}
	}
	for i, list := range acked {
		require.Len(t, list, each)
		for id, count := range list {
			require.Equal(t, count, seen[fmt.Sprint("u", i, " ", id)])
		}
	}
	check := func(n *node) {
		got := n.giftsOf(home.GiftQuery{Limit: 100})
		require.Equal(t, [3]int64{total, 5 * total, int64(len(sent))}, [3]int64{got.TotalGiftsSent, got.TotalGiftCoins, got.TotalUniqueGiftSenders})
		for _, list := range []struct {
			want map[signaling.UserID]int64
			got  []signaling.GiftTally
		}{{sent, got.Senders}, {received, got.Receivers}} {
			counts := map[signaling.UserID]int64{}
			for _, x := range list.got {
				require.Equal(t, 5*x.Count, x.Coins)
				counts[x.UserID] = x.Count
			}
			require.Equal(t, maps.Collect(maps.All(list.want)), counts)
		}
	}
	n := live()
	check(n)
	for _, n := range c.nodes {
		n.kill()
	}
	time.Sleep(5 * time.Second)
	n = c.add()
	check(n)
	_, err := n.Do(context.Background(), key, room.Command{ID: "over", Action: room.Dismiss{}})
	require.NoError(t, err)
	time.Sleep(5 * time.Minute)
	require.Empty(t, c.log())
	check(n)
}
