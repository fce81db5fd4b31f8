package follow

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/internal/store/memstore"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

type ids = []signaling.UserID

// What one node stores the other reads at once, from both ends.
func TestFollowIsSeenFromBothEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := memstore.New()
		f, _ := node(t, c)
		other, _ := node(t, c)
		require.Equal(t, signaling.FollowTypeNone, check(t, f, "ann", "bob"))
		follow(t, f, "ann", "bob")
		require.Equal(t, signaling.FollowTypeInMyFollowingList, check(t, other, "ann", "bob"))
		require.Equal(t, signaling.FollowTypeInMyFollowersList, check(t, other, "bob", "ann"))
		require.Equal(t, Counts{Following: 1}, count(t, other, "ann"))
		require.Equal(t, Counts{Followers: 1}, count(t, other, "bob"))
		changed, err := other.Follow(t.Context(), app, "ann", "bob")
		require.NoError(t, err)
		require.False(t, changed, "again")

		follow(t, other, "bob", "ann")
		require.Equal(t, signaling.FollowTypeInBothFollowersList, check(t, f, "ann", "bob"))
		require.Equal(t, Counts{1, 1, 1}, count(t, f, "ann"))
		for _, which := range []signaling.FollowList{signaling.FollowingList, signaling.FollowersList, signaling.MutualFollowersList} {
			require.Equal(t, ids{"bob"}, pages(t, f, "ann", which, 1), which)
		}

		changed, err = f.Unfollow(t.Context(), app, "ann", "bob")
		require.NoError(t, err)
		require.True(t, changed)
		changed, err = f.Unfollow(t.Context(), app, "ann", "bob")
		require.NoError(t, err)
		require.False(t, changed, "again")
		require.Equal(t, signaling.FollowTypeInMyFollowersList, check(t, other, "ann", "bob"))
		require.Equal(t, Counts{Following: 1}, count(t, other, "bob"))
		require.Empty(t, pages(t, other, "bob", signaling.FollowersList, 10))
		require.Empty(t, pages(t, other, "bob", signaling.MutualFollowersList, 10))

		types, err := f.Check(t.Context(), app+1, "ann", ids{"bob"})
		require.NoError(t, err)
		require.Equal(t, []signaling.FollowType{0}, types, "apps never meet")
	})
}

func TestRefused(t *testing.T) {
	f, s := node(t, memstore.New())
	for _, c := range []struct {
		other signaling.UserID
		code  signaling.Code
	}{{"ann", -1001}, {"", -1001}, {"a\nb", -1001}, {signaling.UserID(strings.Repeat("u", 33)), -1001}} {
		_, err := f.Follow(t.Context(), app, "ann", c.other)
		require.Equal(t, c.code, signaling.CodeOf(err), c.other)
		_, err = f.Unfollow(t.Context(), app, "ann", c.other)
		require.Equal(t, c.code, signaling.CodeOf(err), c.other)
	}
	_, writes := s.counts()
	require.Zero(t, writes)
	for _, cursor := range []string{"x", "5", "5.", ".ann", "5.a\nb", "9223372036854775808.ann"} {
		_, _, err := f.Page(t.Context(), app, "ann", signaling.FollowingList, cursor, 10)
		require.Equal(t, signaling.Code(-1001), signaling.CodeOf(err), cursor)
	}
}

func TestNobodyFollowsMoreThanTheLimit(t *testing.T) {
	f, s := node(t, memstore.New())
	var mine list
	for i := range MaxFollowing - 1 {
		mine.set(signaling.UserID(fmt.Sprint("u", i)), 1, true)
	}
	_, err := s.Put(t.Context(), mineKey(app, "ann"), mine.encode(), 0)
	require.NoError(t, err)
	follow(t, f, "ann", "bob")
	_, err = f.Follow(t.Context(), app, "ann", "cem")
	require.ErrorIs(t, err, signaling.ErrLimit)
	require.Zero(t, count(t, f, "cem"))
	_, err = f.Unfollow(t.Context(), app, "ann", "bob")
	require.NoError(t, err)
	follow(t, f, "ann", "cem")
}

// A group that has no room for another name refuses a follower, and still lets others go.
func TestAFullGroupRefusesFollowersAndLetsThemGo(t *testing.T) {
	f, s := node(t, memstore.New())
	const late = signaling.UserID("late")
	var group list
	for i := 0; len(group.encode()) < store.MaxPayload-reserve; i += 50 {
		for j := range 50 {
			group.entries = append(group.entries, entry{signaling.UserID(fmt.Sprintf("%032d", i+j)), 1})
		}
	}
	gone := group.entries[0].user
	gg := groupOf(gone)
	for name, g := range map[string]int{"late": groupOf(late), "gone": gg} {
		_, err := s.Put(t.Context(), groupKey(app, "star", g), group.encode(), 0)
		require.NoError(t, err, name)
	}
	root := list{full: true}
	_, err := s.Put(t.Context(), rootKey(app, "star"), root.encode(), 0)
	require.NoError(t, err)
	var mine list
	mine.set("star", 1, true)
	_, err = s.Put(t.Context(), mineKey(app, gone), mine.encode(), 0)
	require.NoError(t, err)

	_, err = f.Follow(t.Context(), app, late, "star")
	require.ErrorIs(t, err, signaling.ErrLimit)
	require.Equal(t, signaling.FollowTypeNone, check(t, f, late, "star"))
	changed, err := f.Unfollow(t.Context(), app, gone, "star")
	require.NoError(t, err)
	require.True(t, changed)
	require.Equal(t, signaling.FollowTypeNone, check(t, f, "star", gone))
}

// The newest come first, pages do not overlap, and a list that changes meanwhile loses nobody who stays.
func TestPagesAreStable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, _ := node(t, memstore.New())
		var want ids
		for i := range 25 {
			fan := signaling.UserID(fmt.Sprintf("fan%02d", i))
			follow(t, f, fan, "star")
			want = append(want, fan)
			time.Sleep(time.Millisecond) // virtual: else the ids would decide
		}
		slices.Reverse(want)
		for _, limit := range []int{1, 7, 25, 100} {
			require.Equal(t, want, pages(t, f, "star", signaling.FollowersList, limit))
		}
		first, cursor, err := f.Page(t.Context(), app, "star", signaling.FollowersList, "", 10)
		require.NoError(t, err)
		follow(t, f, "new", "star")
		_, err = f.Unfollow(t.Context(), app, first[9], "star") // the one that the cursor names
		require.NoError(t, err)
		_, err = f.Unfollow(t.Context(), app, want[12], "star")
		require.NoError(t, err)
		second, cursor, err := f.Page(t.Context(), app, "star", signaling.FollowersList, cursor, 10)
		require.NoError(t, err)
		require.Equal(t, slices.Concat(want[10:12], want[13:21]), second)
		third, cursor, err := f.Page(t.Context(), app, "star", signaling.FollowersList, cursor, 10)
		require.NoError(t, err)
		require.Equal(t, want[21:], third)
		require.Empty(t, cursor)
	})
}

// From one value to many and on: nobody is lost or counted twice, and who has many followers is followed at the same cost.
func TestManyFollowers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := memstore.New()
		f, s := node(t, c)
		fan := func(i int) signaling.UserID { return signaling.UserID(fmt.Sprint("fan", i)) }
		const n = rootSize + 300
		for i := range n {
			follow(t, f, fan(i), "star")
		}
		require.Equal(t, n, count(t, f, "star").Followers)
		for i := 0; i < n; i += 7 { // from the root and from groups; some come back, in a group then
			_, err := f.Unfollow(t.Context(), app, fan(i), "star")
			require.NoError(t, err)
			if i%2 == 0 {
				follow(t, f, fan(i), "star")
			}
		}
		want := ids{}
		for i := range n {
			if i%7 != 0 || i%2 == 0 {
				want = append(want, fan(i))
			}
		}
		time.Sleep(viewAge) // virtual
		require.Equal(t, len(want), count(t, f, "star").Followers)
		got := pages(t, f, "star", signaling.FollowersList, 100)
		require.ElementsMatch(t, want, got)
		types, err := f.Check(t.Context(), app, "star", want)
		require.NoError(t, err)
		for i, x := range types {
			require.Equal(t, signaling.FollowTypeInMyFollowersList, x, want[i])
		}

		cost := func(whom signaling.UserID) [2]int {
			r0, w0 := s.counts()
			follow(t, f, "ann", whom)
			r1, w1 := s.counts()
			return [2]int{r1 - r0, w1 - w0}
		}
		star(t, s, "big", 1000)
		star(t, s, "bigger", 100_000)
		small, big := cost("nobody"), cost("big")
		require.Equal(t, big, cost("bigger"))
		require.Equal(t, [2]int{6, 3}, big)
		require.Equal(t, [2]int{4, 3}, small)
		require.Equal(t, 100_001, count(t, f, "bigger").Followers)
	})
}

// Who goes from the root to a group while both are read is counted once.
func TestMovedWhileRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := memstore.New()
		f, s := node(t, c)
		other, _ := node(t, c)
		follow(t, f, "fan", "star")
		root, rev, err := f.load(t.Context(), rootKey(app, "star"))
		require.NoError(t, err)
		root.full = true
		_, err = s.Put(t.Context(), rootKey(app, "star"), root.encode(), rev)
		require.NoError(t, err)
		var roots atomic.Int32
		moved := make(chan struct{})
		s.reading = func(key store.ValueKey, done bool) {
			switch {
			case key == groupKey(app, "star", groupOf("fan")) && !done:
				<-moved
			case key == rootKey(app, "star") && done && roots.Add(1) == 2: // the root as one of all values
				_, err := other.Unfollow(t.Context(), app, "fan", "star")
				assert.NoError(t, err)
				follow(t, other, "fan", "star")
				close(moved)
			}
		}
		require.Equal(t, 1, count(t, f, "star").Followers)
		require.Equal(t, ids{"fan"}, pages(t, f, "star", signaling.FollowersList, 10))
		require.Equal(t, signaling.FollowTypeInMyFollowersList, check(t, f, "star", "fan"))
	})
}

// Where there are many followers a count is read once for all who ask within two seconds.
func TestViewsOfManyAreShared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, s := node(t, memstore.New())
		star(t, s, "star", 5000)
		r0, _ := s.counts()
		var wg sync.WaitGroup
		for range 50 {
			wg.Go(func() {
				c, err := f.Count(t.Context(), app, "star")
				assert.NoError(t, err)
				assert.Equal(t, 5000, c.Followers)
			})
		}
		wg.Wait()
		r1, _ := s.counts()
		require.Equal(t, 50*2+257, r1-r0)
		follow(t, f, "ann", "star")
		require.Equal(t, 5000, count(t, f, "star").Followers, "this old it may be")
		time.Sleep(viewAge) // virtual
		require.Equal(t, 5001, count(t, f, "star").Followers)

		f.views[person{app, "star"}].view.count = viewEntries // as if there were a million
		star(t, s, "another", 600)
		require.Equal(t, 600, count(t, f, "another").Followers)
		require.NotContains(t, f.views, person{app, "star"}, "memory is bounded")
	})
}
