package home_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/internal/home"
	"github.com/openvoiceroom/openvoiceroom/internal/race"
	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/internal/store/memstore"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// like has a member of the node like the room.
func (n *node) like(u signaling.UserID, count int) {
	n.Like(key, n.c.created(), signaling.UserInfo{UserID: u}, count)
}

func (c *cluster) created() int64 { return c.newest().State.Info.CreateTime }

func (c *cluster) likes() int64 { return c.newest().State.Stats.TotalLikesReceived }

// likedOf is what the room has taken of a node's counts, by the log. It has one of each node that it does not forget.
func (c *cluster) likedOf(i int) (count int64) {
	for _, l := range c.newest().State.Liked {
		if l.Node == fmt.Sprint("node", i) {
			count += l.Count
		}
	}
	return count
}

// However many like the room, at however many nodes, its log grows by an entry a second.
func TestLikes_costAnEntryASecond(t *testing.T) {
	bubble(t, 3, func(t *testing.T, c *cluster) {
		c.nodes[0].create(signaling.FreeToTake)
		created := c.created()
		time.Sleep(time.Second)
		before := len(c.log())
		for range 100 { // 10 s
			for i, n := range c.nodes {
				for j := range 100 {
					n.Like(key, created, signaling.UserInfo{UserID: signaling.UserID(fmt.Sprint(i, "/", j))}, 1)
				}
			}
			time.Sleep(100 * time.Millisecond)
		}
		time.Sleep(3 * time.Second)
		list := c.log()[before:]
		require.LessOrEqual(t, len(list), 12)
		require.GreaterOrEqual(t, len(list), 9)
		require.EqualValues(t, 100*3*100, c.likes())
		for _, e := range list {
			require.Len(t, e.Events, 1)
			require.Positive(t, e.Events[0].Counted.Likes)
			require.Len(t, e.Events[0].Counted.Likers, min(signaling.MaxLikers, int(e.Events[0].Counted.Likes)))
		}
		time.Sleep(time.Minute)
		require.Len(t, c.log()[before:], len(list), "nothing more")
	})
}

// What was said is counted with the likes, or by itself in two seconds.
func TestMessages_areCounted(t *testing.T) {
	bubble(t, 2, func(t *testing.T, c *cluster) {
		n := c.nodes[0]
		n.create(signaling.FreeToTake)
		c.nodes[1].enter("ann")
		time.Sleep(time.Second)
		before := len(c.log())
		for i := range 40 {
			_, err := c.nodes[1].say("ann", fmt.Sprint(i))
			require.NoError(t, err)
			time.Sleep(100 * time.Millisecond)
		}
		time.Sleep(3 * time.Second)
		require.EqualValues(t, 40, c.newest().State.Stats.TotalMessageCount)
		require.Len(t, c.log()[before:], 2, "one entry each two seconds")
		_, err := c.nodes[1].say("ann", "39")
		require.NoError(t, err)
		time.Sleep(3 * time.Second)
		require.EqualValues(t, 40, c.newest().State.Stats.TotalMessageCount, "repeated")
	})
}

// A node that stops in good order loses nothing, whatever it has heard or counted in the last moment.
func TestStop_losesNoLikesAndMessages(t *testing.T) {
	for at, name := range []string{"of the home", "of another node"} {
		t.Run(name, func(t *testing.T) {
			bubble(t, 3, func(t *testing.T, c *cluster) {
				n := c.nodes[at]
				n.create(signaling.FreeToTake)
				n.enter("ann")
				time.Sleep(time.Second)
				for i := range 7 {
					_, err := n.say("ann", fmt.Sprint(i))
					require.NoError(t, err)
				}
				c.nodes[0].like("x", 5)
				c.nodes[0].like("y", 6)
				c.nodes[0].end()
				time.Sleep(5 * time.Second)
				require.EqualValues(t, 11, c.likes())
				require.EqualValues(t, 7, c.newest().State.Stats.TotalMessageCount)
			})
		})
	}
}

// A killed home loses what was said in two seconds; of likes at other nodes nothing.
func TestKilledHome_losesNoLikesOfOthers(t *testing.T) {
	bubble(t, 3, func(t *testing.T, c *cluster) {
		n := c.nodes[0]
		n.create(signaling.FreeToTake)
		c.nodes[1].enter("ann")
		time.Sleep(time.Second)
		for range 30 {
			c.nodes[1].like("ann", 3)
			time.Sleep(50 * time.Millisecond)
		}
		n.kill()
		for range 30 {
			c.nodes[2].like("bob", 1)
			time.Sleep(50 * time.Millisecond)
		}
		time.Sleep(10 * time.Second)
		require.EqualValues(t, 30*3+30, c.likes())
		c.consistent()
	})
}

// A room's statistics are final with its end, and stay when its log is gone, whoever dies in between.
func TestLive_isKept(t *testing.T) {
	for name, end := range map[string]func(c *cluster){
		"its home lives":         func(*cluster) {},
		"its home dies at once":  func(c *cluster) { c.nodes[0].kill() },
		"its home stops at once": func(c *cluster) { c.nodes[0].end() },
		"the room is created anew, and its home dead": func(c *cluster) {
			c.nodes[0].kill()
			create := command("again", "bob", room.Create{Info: signaling.RoomInfo{RoomID: "r"}})
			_, err := c.nodes[1].Create(c.t.Context(), key, create)
			require.NoError(c.t, err)
		},
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, 2, func(t *testing.T, c *cluster) {
				n, other := c.nodes[0], c.nodes[1]
				_, err := other.Live(t.Context(), key, 0)
				require.ErrorIs(t, err, signaling.ErrRoomNotExist)
				n.create(signaling.FreeToTake)
				created := c.created()
				n.enter("owner")
				other.enter("ann")
				time.Sleep(10 * time.Second)
				n.like("owner", 4)
				_, err = other.say("ann", "hello")
				require.NoError(t, err)
				running, err := other.Live(t.Context(), key, 0)
				require.NoError(t, err)
				require.EqualValues(t, 10, running.Statistics.LiveDuration)
				require.Zero(t, running.EndTime)
				n.disk.Store(int64(500 * time.Millisecond)) // who dies now has not written it
				ended := time.Now()
				n.do("end", "owner", room.Dismiss{})
				want := signaling.LiveRecord{
					RoomID: "r", OwnerID: "owner", CreateTime: created, EndTime: ended.UnixMilli(), Reason: signaling.DismissedByOwner,
					Statistics: signaling.LiveStatistics{TotalViewers: 2, TotalLikesReceived: 4, TotalMessageCount: 1, LiveDuration: 10},
				}
				end(c)
				for range 3 { // at once, and when the log is gone
					got, err := other.Live(t.Context(), key, created)
					require.NoError(t, err)
					require.Equal(t, want, got)
					time.Sleep(2 * time.Minute)
				}
				newest, err := other.Live(t.Context(), key, 0)
				require.NoError(t, err)
				if newest.CreateTime == created {
					require.Equal(t, want, newest)
				} else {
					require.Zero(t, newest.EndTime)
				}
				_, err = other.Live(t.Context(), key, 77)
				require.ErrorIs(t, err, signaling.ErrRoomNotExist)
			})
		})
	}
}

// After 30 days they are forgotten.
func TestLive_isForgotten(t *testing.T) {
	bubble(t, 1, func(t *testing.T, c *cluster) {
		n := c.nodes[0]
		n.create(signaling.FreeToTake)
		n.enter("owner")
		created := c.created()
		n.do("end", "owner", room.Dismiss{})
		time.Sleep(time.Minute)
		n.end() // without nodes a month passes at once
		for _, step := range []struct {
			after time.Duration
			app   signaling.AppID
			gone  bool
		}{{0, key.App, false}, {home.RecordAge - 2*time.Minute, key.App, false}, {2 * time.Minute, key.App + 1, false}, {0, key.App, true}} {
			time.Sleep(step.after)
			n := c.add()
			require.NoError(t, n.ForgetLives(t.Context(), step.app))
			_, err := n.Live(t.Context(), key, created)
			require.Equal(t, step.gone, err != nil)
			n.end()
		}
	})
}

// TestLikesChaos has members like a room while its nodes stop, die, are cut off and lose acknowledgements. What a living
// node has counted is counted once; of a killed one nothing is invented, and no more is missing than of its last seconds.
func TestLikesChaos(t *testing.T) {
	for seed := range uint64(8) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			bubble(t, 5, func(t *testing.T, c *cluster) { likesChaos(t, c, rand.New(rand.NewPCG(seed, 2))) })
		})
	}
}

func likesChaos(t *testing.T, c *cluster, rng *rand.Rand) {
	c.nodes[0].create(signaling.FreeToTake)
	created := c.created()
	for _, n := range c.nodes {
		n.follow()
	}
	type counter struct {
		mu     sync.Mutex // held for moments only
		sum    int64
		over   bool
		killed bool
	}
	counts := make([]*counter, len(c.nodes))
	var wg sync.WaitGroup
	over := make(chan struct{})
	for i, n := range c.nodes {
		k := &counter{}
		counts[i] = k
		each := 20 + rng.IntN(200)
		wg.Go(func() {
			for j := 1; ; j++ {
				select {
				case <-over:
					return
				case <-time.After(time.Duration(each) * time.Millisecond):
				}
				k.mu.Lock()
				if k.over {
					k.mu.Unlock()
					return
				}
				n.Like(key, created, signaling.UserInfo{UserID: "u"}, j%7+1)
				k.sum += int64(j%7 + 1)
				k.mu.Unlock()
			}
		})
	}
	goes := func(k *counter, killed bool, n *node) {
		k.mu.Lock()
		k.over, k.killed = true, killed
		k.mu.Unlock()
		if killed {
			n.kill()
		} else {
			n.end()
		}
	}
	deaths := 3
	for range 40 {
		i := rng.IntN(len(c.nodes))
		n := c.nodes[i]
		if n.gone.Load() {
			continue
		}
		switch rng.IntN(5) {
		case 0:
			n.store.Pause()
			time.Sleep(time.Duration(rng.IntN(8000)) * time.Millisecond)
			n.store.Resume()
		case 1:
			c.store.FailNextAppend(memstore.Before)
			c.store.FailNextAppend(memstore.After)
		case 2:
			n.store.Disconnect()
		case 3:
			if deaths > 0 {
				deaths--
				goes(counts[i], rng.IntN(2) == 0, n)
			}
		}
		time.Sleep(time.Duration(rng.IntN(1500)) * time.Millisecond)
	}
	close(over)
	wg.Wait()
	time.Sleep(20 * time.Second)
	synctest.Wait()
	var want int64
	for i, k := range counts {
		taken := c.likedOf(i)
		if k.killed {
			require.LessOrEqual(t, taken, k.sum, "nothing is invented")
			want += taken
			continue
		}
		require.Equal(t, k.sum, taken, "node %d", i)
		want += k.sum
	}
	require.Equal(t, want, c.likes())
	var sum int64
	for _, e := range c.log() {
		for _, ev := range e.Events {
			if ev.Counted != nil {
				sum += ev.Counted.Likes
			}
		}
	}
	require.Equal(t, want, sum, "the entries tell of each once")
	c.consistent()
}

// What every like passes allocates nothing.
func TestLike_allocatesNothing(t *testing.T) {
	if race.Enabled {
		t.Skip("the race detector allocates")
	}
	bubble(t, 1, func(t *testing.T, c *cluster) {
		n := c.nodes[0]
		n.create(signaling.FreeToTake)
		created := c.created()
		users := make([]signaling.UserInfo, 100)
		for i := range users {
			users[i].UserID = signaling.UserID(fmt.Sprint(i))
		}
		n.Like(key, created, users[0], 1)
		i := 0
		require.Zero(t, testing.AllocsPerRun(1000, func() {
			i++
			n.Like(key, created, users[i%len(users)], 1)
		}))
	})
}
