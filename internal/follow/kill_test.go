package follow

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/internal/store/memstore"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// consistent demands that both ends of all relations among users tell the same, and returns who follows whom.
func consistent(t require.TestingT, ctx testing.TB, f *Follows, users []signaling.UserID) map[[2]signaling.UserID]bool {
	truth := map[[2]signaling.UserID]bool{}
	for _, a := range users {
		for _, b := range users {
			_, is, err := f.truth(ctx.Context(), app, a, b)
			require.NoError(t, err)
			truth[[2]signaling.UserID{a, b}] = is
		}
	}
	for _, a := range users {
		types, err := f.Check(ctx.Context(), app, a, users)
		require.NoError(t, err)
		var want Counts
		lists := map[signaling.FollowList][]signaling.UserID{}
		for i, b := range users {
			mine, theirs := truth[[2]signaling.UserID{a, b}], truth[[2]signaling.UserID{b, a}]
			var is signaling.FollowType
			if mine {
				is |= signaling.FollowTypeInMyFollowingList
				want.Following++
				lists[signaling.FollowingList] = append(lists[signaling.FollowingList], b)
			}
			if theirs {
				is |= signaling.FollowTypeInMyFollowersList
				want.Followers++
				lists[signaling.FollowersList] = append(lists[signaling.FollowersList], b)
			}
			if mine && theirs {
				want.Mutual++
				lists[signaling.MutualFollowersList] = append(lists[signaling.MutualFollowersList], b)
			}
			require.Equal(t, is, types[i], "%s and %s", a, b)
		}
		got, err := f.Count(ctx.Context(), app, a)
		require.NoError(t, err)
		require.Equal(t, want, got, a)
		for _, which := range []signaling.FollowList{signaling.FollowingList, signaling.FollowersList, signaling.MutualFollowersList} {
			var all []signaling.UserID
			for cursor := ""; ; {
				page, next, err := f.Page(ctx.Context(), app, a, which, cursor, 2)
				require.NoError(t, err)
				all = append(all, page...)
				if cursor = next; next == "" {
					break
				}
			}
			require.ElementsMatch(t, lists[which], all, "%s of %s", which, a)
		}
	}
	return truth
}

// settled demands that no note is left.
func settled(t require.TestingT, ctx testing.TB, f *Follows, users []signaling.UserID) {
	for _, u := range users {
		l, _, err := f.load(ctx.Context(), rootKey(app, u))
		require.NoError(t, err)
		require.Empty(t, l.notes, "notes about %s", u)
	}
}

// A plain map is the model. Nodes die at any write of a change, before or after it has come about, and others go on: then
// the change has happened or it has not, and both ends say the same, at once and later.
func TestModel(t *testing.T) {
	users := []signaling.UserID{"amy", "bob", "cem", "denny", "eve"}
	rapid.Check(t, func(rt *rapid.T) {
		c := memstore.New()
		clock := time.Now() // no bubble: rapid has none
		var nodes [2]*Follows
		var spies [2]*spy
		start := func(i int) {
			n := c.Node()
			rt.Cleanup(func() { require.NoError(rt, n.Close()) })
			spies[i] = &spy{values: n, left: -1}
			nodes[i] = New(spies[i])
			nodes[i].now = func() time.Time { return clock }
		}
		start(0)
		start(1)
		model := map[[2]signaling.UserID]bool{}
		for range rapid.IntRange(1, 25).Draw(rt, "steps") {
			i := rapid.IntRange(0, 1).Draw(rt, "node")
			a, b := rapid.SampledFrom(users).Draw(rt, "who"), rapid.SampledFrom(users).Draw(rt, "whom")
			on := rapid.Bool().Draw(rt, "follow")
			dies := rapid.IntRange(-4, 3).Draw(rt, "dies at write")
			if dies >= 0 {
				spies[i].dieAt(dies, rapid.Bool().Draw(rt, "after it"))
			}
			changed, err := nodes[i].set(t.Context(), app, a, b, on)
			pair := [2]signaling.UserID{a, b}
			switch {
			case a == b:
				require.ErrorIs(rt, err, signaling.ErrInvalidParameter)
			case err == nil:
				require.Equal(rt, model[pair] != on, changed)
				model[pair] = on
			default:
				require.ErrorIs(rt, err, errDead)
			}
			if dies >= 0 { // another run of the node
				start(i)
			}
			truth := consistent(rt, t, nodes[1-i], users)
			if err != nil && truth[pair] != model[pair] {
				require.Equal(rt, on, truth[pair])
				model[pair] = on
			}
			for _, x := range users {
				for _, y := range users {
					require.Equal(rt, model[[2]signaling.UserID{x, y}], truth[[2]signaling.UserID{x, y}], "%s and %s", x, y)
				}
			}
			clock = clock.Add(time.Duration(rapid.IntRange(0, 20).Draw(rt, "seconds")) * time.Second)
		}
		clock = clock.Add(2 * staleAfter)
		consistent(rt, t, nodes[0], users) // a reader mends
		settled(rt, t, nodes[0], users)
		consistent(rt, t, nodes[1], users)
	})
}

// The same two users from two nodes at once, and everybody else: whatever the order, both ends agree in the end.
func TestConcurrentChangesAgree(t *testing.T) {
	users := []signaling.UserID{"amy", "bob", "cem", "denny"}
	synctest.Test(t, func(t *testing.T) {
		c := memstore.New()
		var nodes [2]*Follows
		for i := range nodes {
			nodes[i], _ = node(t, c)
		}
		for round := range 20 {
			var wg sync.WaitGroup
			for i := range 24 {
				wg.Go(func() {
					a, b := users[i%4], users[(i+1+i/8)%4]
					if a == b {
						return
					}
					_, err := nodes[i%2].set(t.Context(), app, a, b, (i+round)%3 != 0)
					assert.NoError(t, err)
				})
			}
			wg.Wait()
			settled(t, t, nodes[0], users)
			consistent(t, t, nodes[round%2], users)
		}
	})
}

// Many writers at once, of which some die in the middle: both ends agree at once, and later nothing is left to mend.
func TestConcurrentChangesAndKills(t *testing.T) {
	users := []signaling.UserID{"amy", "bob", "cem", "denny"}
	for seed := range uint64(30) {
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 0))
			c := memstore.New()
			f, _ := node(t, c)
			for range 4 {
				var wg sync.WaitGroup
				for range 4 {
					doomed, s := node(t, c)
					s.dieAt(random.IntN(12), random.IntN(2) == 0)
					for range 5 {
						a, b, on := users[random.IntN(4)], users[random.IntN(4)], random.IntN(3) > 0
						by := doomed
						if random.IntN(2) == 0 {
							by = f
						}
						if a == b {
							continue
						}
						wg.Go(func() {
							if _, err := by.set(t.Context(), app, a, b, on); err != nil {
								assert.ErrorIs(t, err, errDead)
							}
						})
					}
				}
				wg.Wait()
				truth := consistent(t, t, f, users)
				time.Sleep(time.Duration(random.IntN(3)) * staleAfter) // virtual
				require.Equal(t, truth, consistent(t, t, f, users))
			}
			time.Sleep(2 * staleAfter)
			consistent(t, t, f, users)
			settled(t, t, f, users)
			consistent(t, t, f, users)
		})
	}
}

// A writer that stands still in the middle is taken for dead. When it goes on its own write is refused, and it begins anew.
func TestLateWriterBeginsAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := memstore.New()
		late, s := node(t, c)
		f, _ := node(t, c)
		stands, release := make(chan struct{}), make(chan struct{})
		var once sync.Once
		s.before = func(key store.ValueKey) {
			if key == mineKey(app, "ann") {
				once.Do(func() { close(stands); <-release })
			}
		}
		done := make(chan struct{})
		go func() {
			defer close(done)
			changed, err := late.Follow(t.Context(), app, "ann", "bob")
			assert.NoError(t, err)
			assert.True(t, changed)
		}()
		<-stands
		require.Zero(t, count(t, f, "bob"), "not yet")
		time.Sleep(2 * staleAfter)
		require.Zero(t, count(t, f, "bob"), "not any more, as it seems")
		settled(t, t, f, []signaling.UserID{"bob"})
		close(release)
		<-done
		require.Equal(t, Counts{Followers: 1}, count(t, f, "bob"))
		consistent(t, t, f, []signaling.UserID{"ann", "bob"})
		settled(t, t, f, []signaling.UserID{"bob"})
		_, writes := s.counts()
		require.Equal(t, 5, writes, "announced twice, tried twice, taken over once")
	})
}

// A write that seemed to fail may come about later, unless a reader has given its writer up.
func TestWriteOfUnknownOutcome(t *testing.T) {
	for _, patience := range []time.Duration{0, 2 * staleAfter} {
		synctest.Test(t, func(t *testing.T) {
			f, s := node(t, memstore.New())
			var write func()
			s.lose = func(w func()) { write = w }
			_, err := f.Follow(t.Context(), app, "ann", "bob")
			require.ErrorIs(t, err, errDead)
			require.Zero(t, count(t, f, "bob"))
			time.Sleep(patience)
			require.Zero(t, count(t, f, "bob"))
			write()
			truth := consistent(t, t, f, []signaling.UserID{"ann", "bob"})
			require.Equal(t, patience == 0, truth[[2]signaling.UserID{"ann", "bob"}])
			time.Sleep(2 * staleAfter)
			require.Equal(t, truth, consistent(t, t, f, []signaling.UserID{"ann", "bob"}))
			settled(t, t, f, []signaling.UserID{"bob"})
		})
	}
}

// Whose node dies in a group is mended there as in the root.
func TestKillInAGroup(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := memstore.New()
		f, s := node(t, c)
		star(t, s, "star", 2000)
		for dies := range 3 {
			for _, after := range []bool{false, true} {
				doomed, s := node(t, c)
				s.dieAt(dies, after)
				fan := signaling.UserID(fmt.Sprint("fan", dies, after))
				_, err := doomed.Follow(t.Context(), app, fan, "star")
				decided := dies == 2
				if decided {
					require.NoError(t, err, "it has happened; that the index follows is nobody's error")
				} else {
					require.ErrorIs(t, err, errDead)
					decided = dies == 1 && after
				}
				want := 2000
				if decided {
					want++
				}
				time.Sleep(viewAge) // virtual, as all of it
				require.Equal(t, want, count(t, f, "star").Followers)
				require.Equal(t, decided, check(t, f, "star", fan) == signaling.FollowTypeInMyFollowersList)
				time.Sleep(2 * staleAfter)
				require.Equal(t, want, count(t, f, "star").Followers)
				l, _, err := f.load(t.Context(), groupKey(app, "star", groupOf(fan)))
				require.NoError(t, err)
				require.Empty(t, l.notes)
				_, err = f.Unfollow(t.Context(), app, fan, "star")
				require.NoError(t, err)
				time.Sleep(viewAge)
				require.Equal(t, 2000, count(t, f, "star").Followers)
			}
		}
	})
}
