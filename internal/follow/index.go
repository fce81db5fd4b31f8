package follow

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// The index of a user's followers begins as one value, the root. When that has rootSize entries it is full, for ever:
// whoever it knows stays there until they unfollow, everybody else goes to the value of their group. So nothing ever moves
// from one value to another.
const (
	rootSize = 512
	groups   = 256
)

// staleAfter is when the writer of a note is taken for dead. That it lives after all is no harm.
const staleAfter = 30 * time.Second

// reserve is what is left free in a value for notes of those who unfollow.
const reserve = 16 << 10

func mineKey(app signaling.AppID, user signaling.UserID) store.ValueKey {
	return store.ValueKey{Bucket: store.BucketFollow, App: app, ID: string(user)}
}

func rootKey(app signaling.AppID, user signaling.UserID) store.ValueKey {
	return store.ValueKey{Bucket: store.BucketFollow, App: app, ID: string(user), Sub: "by"}
}

func groupKey(app signaling.AppID, user signaling.UserID, group int) store.ValueKey {
	return store.ValueKey{Bucket: store.BucketFollow, App: app, ID: string(user), Sub: fmt.Sprintf("by%02x", group)}
}

// groupOf is a follower's group. It is in the stored keys: it never changes.
func groupOf(follower signaling.UserID) int {
	h := fnv.New32a()
	h.Write([]byte(follower))
	sum := h.Sum32()
	return int((sum ^ sum>>16) % groups)
}

// place returns the value of other's index in which user is or would be.
func (f *Follows) place(ctx context.Context, app signaling.AppID, user, other signaling.UserID) (store.ValueKey, list, uint64, error) {
	for pause := time.Millisecond; ; pause = min(2*pause, maxPause) {
		key := rootKey(app, other)
		root, rev, err := f.load(ctx, key)
		if err != nil || root.knows(user) || !root.full && len(root.entries) < rootSize {
			return key, root, rev, err
		}
		if !root.full {
			root.full = true
			if _, err = f.values.Put(ctx, key, root.encode(), rev); err != nil && !errors.Is(err, store.ErrConflict) {
				return key, root, rev, err
			}
		}
		if err == nil { // full, and without this user: so it stays
			key = groupKey(app, other, groupOf(user))
			l, rev, err := f.load(ctx, key)
			return key, l, rev, err
		}
		if err := wait(ctx, pause); err != nil {
			return key, root, rev, err
		}
	}
}

// announce notes in other's index that user is about to follow or unfollow, in place of the note old, and returns the new
// note's id. It always writes: a reader who is about to remove an old note has to notice.
func (f *Follows) announce(ctx context.Context, app signaling.AppID, user, other signaling.UserID, on bool, old uint64) (uint64, error) {
	id := max(rand.Uint64(), 1)
	for pause := time.Millisecond; ; pause = min(2*pause, maxPause) {
		key, l, rev, err := f.place(ctx, app, user, other)
		if err != nil {
			return old, err
		}
		l.drop(old)
		l.notes = append(l.notes, note{user, id, f.now().UnixMilli()})
		data := l.encode()
		if on && len(data) > store.MaxPayload-reserve {
			return old, ErrTooManyFollowers
		}
		if _, err = f.values.Put(ctx, key, data, rev); err == nil {
			return id, nil
		}
		if !errors.Is(err, store.ErrConflict) {
			return old, err
		}
		if err := wait(ctx, pause); err != nil {
			return old, err
		}
	}
}

// settle takes over into other's index what user's own value says, and removes the note.
func (f *Follows) settle(ctx context.Context, app signaling.AppID, user, other signaling.UserID, id uint64) error {
	for pause := time.Millisecond; ; pause = min(2*pause, maxPause) {
		key, l, rev, err := f.place(ctx, app, user, other)
		if err != nil {
			return err
		}
		if !l.drop(id) {
			return nil // a reader has done it
		}
		at, is, err := f.truth(ctx, app, user, other) // after the index was read: a later change has a note of its own
		if err != nil {
			return err
		}
		l.set(user, at, is)
		if _, err = f.values.Put(ctx, key, l.encode(), rev); !errors.Is(err, store.ErrConflict) {
			return err
		}
		if err := wait(ctx, pause); err != nil {
			return errors.Join(errCannotBeSettled, err)
		}
	}
}

// truth says whether user follows other, and since when.
func (f *Follows) truth(ctx context.Context, app signaling.AppID, user, other signaling.UserID) (at int64, is bool, err error) {
	mine, _, err := f.load(ctx, mineKey(app, user))
	at, is = mine.find(other)
	return at, is, err
}

// read returns a value of user's index as it truly is, without notes, and mends it where a note is old.
func (f *Follows) read(ctx context.Context, app signaling.AppID, user signaling.UserID, key store.ValueKey) (list, error) {
	stored, rev, err := f.load(ctx, key)
	if err != nil || len(stored.notes) == 0 {
		return stored, err
	}
	l := stored.clone()
	l.notes = nil
	old := false
	for i, n := range stored.notes {
		old = old || f.stale(n)
		if slices.ContainsFunc(stored.notes[:i], func(m note) bool { return m.user == n.user }) {
			continue
		}
		at, is, err := f.truth(ctx, app, n.user, user)
		if err != nil {
			return list{}, err
		}
		l.set(n.user, at, is)
	}
	if old {
		_ = f.mend(ctx, app, user, key, stored, rev) // the next reader may have more luck
	}
	return l, nil
}

// stale reports whether the note's writer should have been done long ago.
func (f *Follows) stale(n note) bool { return f.now().UnixMilli()-n.at > staleAfter.Milliseconds() }

// mend settles what old notes tell of. Their writers have certainly failed when their own values have been stored anew.
func (f *Follows) mend(ctx context.Context, app signaling.AppID, user signaling.UserID, key store.ValueKey, l list, rev uint64) error {
	l = l.clone()
	for _, n := range slices.Clone(l.notes) {
		if !f.stale(n) {
			continue
		}
		mine, last, err := f.load(ctx, mineKey(app, n.user))
		if err != nil {
			return err
		}
		if _, err := f.values.Put(ctx, mineKey(app, n.user), mine.encode(), last); err != nil {
			return err
		}
		at, is := mine.find(user)
		l.set(n.user, at, is)
		l.drop(n.id)
	}
	_, err := f.values.Put(ctx, key, l.encode(), rev)
	return err
}
