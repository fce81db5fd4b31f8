package follow

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

const (
	// viewAge is how old the followers of somebody who has many may be in counts and lists. Reading 100,000 takes 257 reads.
	viewAge = 2 * time.Second
	// viewEntries bounds the followers in memory, of all users together.
	viewEntries = 1 << 20
	// readers is how many values of one view are read at once.
	readers = 16
)

// view is all followers of a user as they were at one moment.
type view struct {
	root   list
	groups []list // of a full root
	count  int

	once     sync.Once
	timeline []entry // newest first, made when a list is asked for
}

type cachedView struct {
	ready chan struct{} // closed when view and err are there
	view  *view
	err   error
	at    time.Time
}

func (v *view) find(user signaling.UserID) (at int64, ok bool) {
	if at, ok = v.root.find(user); !ok && v.groups != nil {
		at, ok = v.groups[groupOf(user)].find(user)
	}
	return at, ok
}

func (v *view) newestFirst() []entry {
	v.once.Do(func() {
		v.timeline = slices.Clone(v.root.entries)
		for _, g := range v.groups {
			v.timeline = append(v.timeline, g.entries...)
		}
		slices.SortFunc(v.timeline, byTime)
	})
	return v.timeline
}

// byTime puts the newest first. Of the same millisecond the ids decide, so that the order is the same at every node.
func byTime(a, b entry) int {
	return cmp.Or(cmp.Compare(b.at, a.at), strings.Compare(string(a.user), string(b.user)))
}

// followers returns all followers of a user. Of somebody with few they are exact, else at most viewAge old.
func (f *Follows) followers(ctx context.Context, app signaling.AppID, user signaling.UserID) (*view, error) {
	for {
		root, err := f.read(ctx, app, user, rootKey(app, user))
		if err != nil {
			return nil, err
		}
		if !root.full {
			return &view{root: root, count: len(root.entries)}, nil
		}
		c, mine := f.cached(person{app, user})
		if mine {
			c.view, c.err = f.readAll(ctx, app, user)
			f.keep(person{app, user}, c)
			close(c.ready)
			return c.view, c.err
		}
		select {
		case <-c.ready:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
		if c.err == nil {
			return c.view, nil
		}
		if err := wait(ctx, maxPause); err != nil { // it may have been that reader's own time that was over
			return nil, err
		}
	}
}

// cached returns the view that there is or is being read, or one that the caller has to read.
func (f *Follows) cached(p person) (c *cachedView, mine bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	c = f.views[p]
	if c != nil {
		select {
		case <-c.ready:
			if c.err == nil && f.now().Sub(c.at) < viewAge {
				return c, false
			}
		default:
			return c, false
		}
	}
	c = &cachedView{ready: make(chan struct{}), at: f.now()}
	f.views[p] = c
	return c, true
}

// keep forgets old views, and where there are too many followers in memory others too.
func (f *Follows) keep(p person, c *cachedView) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if c.err != nil {
		delete(f.views, p)
		return
	}
	c.at = f.now()
	room := viewEntries - c.view.count
	maps.DeleteFunc(f.views, func(other person, o *cachedView) bool {
		select {
		case <-o.ready:
		default:
			return false // being read, or this one
		}
		if f.now().Sub(o.at) >= viewAge || o.view.count > room {
			return true
		}
		room -= o.view.count
		return false
	})
}

// readAll reads the index of somebody with many followers.
func (f *Follows) readAll(ctx context.Context, app signaling.AppID, user signaling.UserID) (*view, error) {
	select { // a few at a time: whoever asks about many stars must not keep the store from all others
	case f.turns <- struct{}{}:
		defer func() { <-f.turns }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	lists := make([]list, 1+groups)
	err := f.each(ctx, len(lists), func(ctx context.Context, i int) (err error) {
		key := rootKey(app, user)
		if i > 0 {
			key = groupKey(app, user, i-1)
		}
		lists[i], err = f.read(ctx, app, user, key)
		return err
	})
	if err != nil {
		return nil, err
	}
	v := &view{root: lists[0], groups: lists[1:]}
	for i := range v.groups {
		g := &v.groups[i]
		// Who has moved from the root to a group while they were read is in both.
		g.entries = slices.DeleteFunc(g.entries, func(e entry) bool { _, both := v.root.find(e.user); return both })
		v.count += len(g.entries)
	}
	v.count += len(v.root.entries)
	return v, nil
}

// each calls fn for 0 to n-1, some side by side, until one fails.
func (f *Follows) each(ctx context.Context, n int, fn func(context.Context, int) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	next := make(chan int)
	for range min(n, readers) {
		wg.Go(func() {
			for i := range next {
				if err := fn(ctx, i); err != nil {
					cancel(err)
				}
			}
		})
	}
	for i := range n {
		if ctx.Err() != nil {
			break
		}
		next <- i
	}
	close(next)
	wg.Wait()
	return context.Cause(ctx)
}

// Check says for each of others how user and they stand to each other, at this moment.
func (f *Follows) Check(ctx context.Context, app signaling.AppID, user signaling.UserID, others []signaling.UserID) ([]signaling.FollowType, error) {
	mine, _, err := f.load(ctx, mineKey(app, user))
	if err != nil {
		return nil, err
	}
	root, _, err := f.load(ctx, rootKey(app, user))
	if err != nil {
		return nil, err
	}
	loaded := map[store.ValueKey]list{rootKey(app, user): root}
	types := make([]signaling.FollowType, len(others))
	for i, other := range others {
		key := rootKey(app, user)
		if root.full && !root.knows(other) {
			key = groupKey(app, user, groupOf(other))
		}
		l, ok := loaded[key]
		if !ok {
			if l, _, err = f.load(ctx, key); err != nil {
				return nil, err
			}
			loaded[key] = l
		}
		_, follower := l.find(other)
		if l.noted(other) {
			if _, follower, err = f.truth(ctx, app, other, user); err != nil {
				return nil, err
			}
		}
		if _, following := mine.find(other); following {
			types[i] |= signaling.FollowTypeInMyFollowingList
		}
		if follower {
			types[i] |= signaling.FollowTypeInMyFollowersList
		}
	}
	return types, nil
}

// Counts are what anybody may know of a user's relations.
type Counts struct{ Following, Followers, Mutual int }

// Count counts a user's relations. Of more than 512 followers it is at most 2 s old.
func (f *Follows) Count(ctx context.Context, app signaling.AppID, user signaling.UserID) (c Counts, err error) {
	mine, _, err := f.load(ctx, mineKey(app, user))
	if err != nil {
		return c, err
	}
	v, err := f.followers(ctx, app, user)
	if err != nil {
		return c, err
	}
	c.Following, c.Followers = len(mine.entries), v.count
	for _, e := range mine.entries {
		if _, mutual := v.find(e.user); mutual {
			c.Mutual++
		}
	}
	return c, nil
}
