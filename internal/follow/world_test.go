package follow

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/internal/store/memstore"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const app signaling.AppID = 1400000001

var errDead = errors.New("this node is dead")

// values are embedded under a name that is not that of their method.
type values = store.Values

// spy counts what is done with the store, and can have its node die at a write.
type spy struct {
	values

	mu          sync.Mutex
	reads       int
	writes      int
	left        int  // writes until it dies; less than 0: it lives
	acknowledge bool // the last write comes about: only its answer is lost
	dead        bool
	before      func(store.ValueKey)                // called before each write
	reading     func(key store.ValueKey, done bool) // called before and after each read
	lose        func(write func())                  // gets the next write of a user's own list, which its caller takes for failed
}

func (s *spy) Get(ctx context.Context, key store.ValueKey) (store.Value, error) {
	s.mu.Lock()
	s.reads++
	dead, reading := s.dead, s.reading
	s.mu.Unlock()
	if dead {
		return store.Value{}, errDead
	}
	if reading != nil {
		reading(key, false)
	}
	v, err := s.values.Get(ctx, key)
	if reading != nil {
		reading(key, true)
	}
	return v, err
}

func (s *spy) Put(ctx context.Context, key store.ValueKey, data []byte, last uint64) (uint64, error) {
	s.mu.Lock()
	s.writes++
	was, before := s.dead, s.before
	s.dead = s.dead || s.left == 0
	dies := s.dead && !was
	s.left--
	lose := s.lose
	if key.Sub != "" {
		lose = nil
	} else if lose != nil {
		s.lose = nil
	}
	through := !s.dead || dies && s.acknowledge
	s.mu.Unlock()
	if before != nil {
		before(key)
	}
	if lose != nil {
		lose(func() { _, _ = s.values.Put(ctx, key, data, last) }) // it may be too late, which is the point
		return 0, errDead
	}
	if !through {
		return 0, errDead
	}
	rev, err := s.values.Put(ctx, key, data, last)
	if dies {
		return 0, errDead
	}
	return rev, err
}

// dieAt has the node die at its n-th write from now, counted from 0.
func (s *spy) dieAt(n int, acknowledge bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.left, s.acknowledge = n, acknowledge
}

func (s *spy) counts() (reads, writes int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.reads, s.writes
}

// node is a new run of a node on a cluster, with what watches it.
func node(t testing.TB, c *memstore.Cluster) (*Follows, *spy) {
	t.Helper()
	n := c.Node()
	t.Cleanup(func() { require.NoError(t, n.Close()) })
	s := &spy{values: n, left: -1}
	return New(s), s
}

func follow(t testing.TB, f *Follows, user, other signaling.UserID) {
	t.Helper()
	changed, err := f.Follow(t.Context(), app, user, other)
	require.NoError(t, err)
	require.True(t, changed)
}

func count(t testing.TB, f *Follows, user signaling.UserID) Counts {
	t.Helper()
	c, err := f.Count(t.Context(), app, user)
	require.NoError(t, err)
	return c
}

func check(t testing.TB, f *Follows, user, other signaling.UserID) signaling.FollowType {
	t.Helper()
	types, err := f.Check(t.Context(), app, user, []signaling.UserID{other})
	require.NoError(t, err)
	require.Len(t, types, 1)
	return types[0]
}

// pages reads one of user's lists, limit users at a time.
func pages(t testing.TB, f *Follows, user signaling.UserID, which signaling.FollowList, limit int) []signaling.UserID {
	t.Helper()
	all := []signaling.UserID{}
	for cursor := ""; ; {
		users, next, err := f.Page(t.Context(), app, user, which, cursor, limit)
		require.NoError(t, err)
		all = append(all, users...)
		if next == "" {
			return all
		}
		require.Len(t, users, limit)
		cursor = next
	}
}

// star stores the index of somebody with n followers, without the followers' own values.
func star(t testing.TB, values store.Values, user signaling.UserID, n int) {
	t.Helper()
	var root list
	var lists [groups]list
	for i := range n {
		fan := signaling.UserID(fmt.Sprintf("user_%08d", i))
		e := entry{fan, 1795406400000 + int64(i)}
		if i < rootSize {
			root.entries = append(root.entries, e)
		} else {
			g := groupOf(fan)
			lists[g].entries = append(lists[g].entries, e)
		}
	}
	root.full = n >= rootSize
	_, err := values.Put(t.Context(), rootKey(app, user), root.encode(), 0)
	require.NoError(t, err)
	for g, l := range lists {
		if len(l.entries) > 0 {
			_, err := values.Put(t.Context(), groupKey(app, user, g), l.encode(), 0)
			require.NoError(t, err)
		}
	}
}
