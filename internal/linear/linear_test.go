package linear

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"go.uber.org/goleak"

	"github.com/openvoiceroom/openvoiceroom/internal/home"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var seedFlag = flag.Uint64("linear.seed", 0, "what users and faults are chosen by; 0: another one each time")

const (
	nodeCount, roomCount, userCount = 3, 3, 6
	leastOps                        = 10 // of each user in each round
)

// TestSeatCommandsAreLinearizable. With one seed everybody asks for the same things and the same faults come in the same
// order; how they meet is up to the scheduler.
func TestSeatCommandsAreLinearizable(t *testing.T) {
	seed := *seedFlag
	if seed == 0 {
		seed = rand.Uint64()
	}
	defer func() {
		if t.Failed() {
			t.Logf("once more with the same users and faults: go test ./internal/linear -linear.seed=%d", seed)
		}
	}()
	w := newWorld(t, seed, nodeCount, roomCount, userCount)
	faults := []fault{
		{name: "none"},
		{name: "kill", inject: w.kill},
		{name: "stop", inject: w.stop},
		{name: "stall", inject: w.stall},
		{name: "cut", inject: w.cut, quiet: true},
		{name: "kill", inject: w.kill},
		{name: "cut", inject: w.cut, quiet: true},
	}
	w.rng.Shuffle(len(faults), func(i, j int) { faults[i], faults[j] = faults[j], faults[i] })
	harmful := 0
	for _, f := range faults {
		if f.inject != nil {
			harmful++
		}
		if !assert.NoError(t, w.round(f), f.name) {
			break // what there is of a history may say why
		}
	}

	total, refused, unknown, takeovers := 0, 0, 0, 0
	var wg sync.WaitGroup
	for _, r := range w.rooms {
		s := r.finish()
		t.Logf("%s: %d operations, %d of them refused, %d without an answer, at most %d at once; %d takeovers",
			r.key.Room, s.total, s.refused, s.unknown, s.most, s.takeovers)
		assert.GreaterOrEqual(t, s.most, 3, "%s: a history without concurrency shows nothing", r.key.Room)
		total, refused, unknown, takeovers = total+s.total, refused+s.refused, unknown+s.unknown, takeovers+s.takeovers
		wg.Go(func() { r.check() })
	}
	wg.Wait()
	for _, r := range w.rooms {
		w.accounted(r.key)
	}
	l := &w.losses
	t.Logf("seed %d, %v: lost %d acknowledgements, %d appends, %d answers, %d requests of %d appends and %d requests; %d late appends fenced",
		seed, time.Since(w.start).Round(time.Millisecond), l.acks.Load(), l.writes.Load(), l.replies.Load(), l.packets.Load(), l.appends.Load(), l.requests.Load(), l.fenced.Load())
	assert.GreaterOrEqual(t, total, len(faults)*roomCount*userCount*leastOps/2, "operations")
	assert.Greater(t, total-unknown, total/2, "decided")
	assert.GreaterOrEqual(t, refused, total/20, "refusals")
	assert.GreaterOrEqual(t, takeovers, harmful, "takeovers")
	assert.GreaterOrEqual(t, l.acks.Load(), int64(10), "lost acknowledgements")
	assert.GreaterOrEqual(t, l.writes.Load(), int64(4), "lost appends")
	assert.GreaterOrEqual(t, l.replies.Load(), int64(10), "lost answers")
	assert.Positive(t, l.fenced.Load(), "a node that was stalled wrote when it had been replaced")
}

type fault struct {
	name   string
	quiet  bool // the room is at rest when it begins
	inject func(context.Context, *scene) error
}

// round lets everybody act, and does something to the home of one room meanwhile. The users of that room go on until
// that is over.
func (w *world) round(f fault) error {
	ctx, cancel := context.WithTimeout(w.t.Context(), time.Minute)
	defer cancel()
	target := w.rooms[w.rng.IntN(len(w.rooms))]
	live := w.live()
	var wg sync.WaitGroup
	for _, r := range w.rooms {
		shift := w.rng.IntN(len(live))
		for i, u := range r.users {
			wg.Go(func() { u.move(ctx, live[(i+shift)%len(live)]) })
		}
	}
	wg.Wait()
	over := make(chan struct{})
	for _, r := range w.rooms {
		for _, u := range r.users {
			if f.quiet && r == target {
				u.rest.shut()
			}
			wg.Go(func() { u.act(ctx, leastOps, r != target, over) })
		}
	}
	var err error
	if f.inject != nil {
		from := w.now()
		err = f.inject(ctx, target)
		for _, r := range w.rooms {
			r.note(fmt.Sprint(f.name, " the home of ", target.key.Room), from)
		}
	}
	close(over)
	wg.Wait()
	if err == nil {
		err = ctx.Err()
	}
	return err
}

// busy waits until the room's users are at it, and returns its home.
func (w *world) busy(ctx context.Context, r *scene) (*node, home.Entry, error) {
	before := r.last().Version
	err := r.await(ctx, "users", func(e home.Entry) bool { return e.Version > before+2 })
	e := r.last()
	return w.node(e.Home), e, err
}

// replaced waits until a room has been taken over, and a few commands decided since.
func (w *world) replaced(ctx context.Context, r *scene, former home.Entry) error {
	if err := r.await(ctx, "a new home", func(e home.Entry) bool { return e.Epoch > former.Epoch }); err != nil {
		return err
	}
	// Counted from its first one: users who are fast have asked for everything before this goroutine is awake.
	r.mu.Lock()
	begun := r.begun
	r.mu.Unlock()
	return r.await(ctx, "the new home's decisions", func(e home.Entry) bool { return e.Version > begun+5 })
}

// kill: a process dies, and another one starts.
func (w *world) kill(ctx context.Context, r *scene) error {
	n, e, err := w.busy(ctx, r)
	if err != nil {
		return err
	}
	n.kill()
	w.add()
	return w.replaced(ctx, r, e)
}

// stop: a process is replaced by another one in good order.
func (w *world) stop(ctx context.Context, r *scene) error {
	n, e, err := w.busy(ctx, r)
	if err != nil {
		return err
	}
	w.add()
	n.end()
	return w.replaced(ctx, r, e)
}

// stall: what a node writes, its heartbeat included, comes so late that another node has the room by then.
func (w *world) stall(ctx context.Context, r *scene) error {
	n, e, err := w.busy(ctx, r)
	if err != nil {
		return err
	}
	n.store.stall.shut()
	err = w.replaced(ctx, r, e)
	n.store.stall.lift()
	return err
}

// cut: a node's connections break while nobody asks for anything, so it may not notice. The others hear at once that
// nobody answers for it. Its own users begin when the room has been taken over: it must not tell them what it remembers.
func (w *world) cut(ctx context.Context, r *scene) error {
	e := r.last()
	n := w.node(e.Home)
	n.wire.cut()
	defer n.wire.mend()
	for _, u := range r.users {
		if u.at == n {
			defer u.rest.lift()
		} else {
			u.rest.lift()
		}
	}
	return w.replaced(ctx, r, e)
}
