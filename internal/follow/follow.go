package follow

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// MaxFollowing is how many users one may follow (documents: 5000; followers have no limit there, and none here that an app
// comes to: 1.6 million at least).
const MaxFollowing = 5000

// maxPause bounds the wait between two attempts at a value that others change too.
const maxPause = 50 * time.Millisecond

// settleWait bounds the last step of a change, which goes on when its caller has gone.
const settleWait = 5 * time.Second

// Errors of a change. Nothing has happened then.
var (
	ErrOneself          = signaling.Errorf(signaling.ErrInvalidParameter.Code, "nobody can follow themselves")
	ErrTooMany          = signaling.Errorf(signaling.ErrLimit.Code, "a user may follow %d others; unfollow somebody first", MaxFollowing)
	ErrTooManyFollowers = signaling.Errorf(signaling.ErrLimit.Code, "this user has as many followers as the server can keep")
	errCannotBeSettled  = errors.New("follow: the index follows later")
)

// Follows are the relations of all apps. Its methods may be called from many goroutines, on many nodes at once.
type Follows struct {
	values store.Values
	now    func() time.Time

	mu    sync.Mutex // protects views; nothing is called while it is held
	views map[person]*cachedView
	turns chan struct{} // full while as many large views are read as may be at once
}

type person struct {
	app  signaling.AppID
	user signaling.UserID
}

// New makes Follows.
func New(values store.Values) *Follows {
	return &Follows{values: values, now: time.Now, views: map[person]*cachedView{}, turns: make(chan struct{}, 2)}
}

// Follow makes user a follower of other, and reports whether that is new. After an error that has no code of the documents
// it may have happened; the same call again says.
func (f *Follows) Follow(ctx context.Context, app signaling.AppID, user, other signaling.UserID) (changed bool, err error) {
	return f.set(ctx, app, user, other, true)
}

// Unfollow is the opposite of Follow.
func (f *Follows) Unfollow(ctx context.Context, app signaling.AppID, user, other signaling.UserID) (changed bool, err error) {
	return f.set(ctx, app, user, other, false)
}

func (f *Follows) set(ctx context.Context, app signaling.AppID, user, other signaling.UserID, on bool) (changed bool, err error) {
	if err := other.Valid(); err != nil {
		return false, err
	}
	if user == other {
		return false, ErrOneself
	}
	var noted uint64 // the note in the index, if there is one
	defer func() {
		if noted == 0 {
			return
		}
		// It is no error of the change: a reader does it when this cannot.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), settleWait)
		defer cancel()
		_ = f.settle(ctx, app, user, other, noted)
	}()
	for pause := time.Millisecond; ; pause = min(2*pause, maxPause) {
		mine, rev, err := f.load(ctx, mineKey(app, user)) // before the note: who removes that has us refused below
		if err != nil {
			return false, err
		}
		if _, is := mine.find(other); is == on {
			return false, nil
		}
		if on && len(mine.entries) >= MaxFollowing {
			return false, ErrTooMany
		}
		if noted, err = f.announce(ctx, app, user, other, on, noted); err != nil {
			return false, err
		}
		mine.set(other, f.now().UnixMilli(), on)
		_, err = f.values.Put(ctx, mineKey(app, user), mine.encode(), rev)
		if err == nil {
			return true, nil
		}
		if !errors.Is(err, store.ErrConflict) {
			noted = 0 // it may come about yet, so the note has to stay
			return false, err
		}
		if err := wait(ctx, pause); err != nil {
			return false, err
		}
	}
}

// load returns a list with its revision; one that is not there is empty and has revision 0.
func (f *Follows) load(ctx context.Context, key store.ValueKey) (list, uint64, error) {
	v, err := f.values.Get(ctx, key)
	if errors.Is(err, store.ErrNotFound) {
		return list{}, 0, nil
	}
	if err != nil {
		return list{}, 0, err
	}
	l, err := decode(v.Data)
	return l, v.Rev, err
}

// wait lets the others pass: some of the pause at random, or all would come back at once.
func wait(ctx context.Context, pause time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(pause/2 + rand.N(pause/2+1)):
		return nil
	}
}
