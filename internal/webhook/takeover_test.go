package webhook

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// firsts returns what came for the first time, in the order of that, and checks that what came again is the same under
// the same id.
func firsts(t *testing.T, list []got) []int {
	t.Helper()
	byID := map[string]got{}
	var out []int
	for _, g := range list {
		first, again := byID[g.id]
		if !again {
			byID[g.id] = g
			out = append(out, g.n)
			continue
		}
		assert.Equal(t, first.body, g.body, g.id)
		assert.Equal(t, first.seq, g.seq, g.id)
	}
	return out
}

// other is a node that does not deliver an app's callbacks.
func (w *world) other(app signaling.AppID) *node {
	owner := w.owner(app)
	for _, n := range w.nodes {
		if n != owner && !n.gone {
			return n
		}
	}
	w.t.Fatal("there is no other node")
	return nil
}

// The node dies that delivers, after the change and before anybody was told of it.
func TestKill_betweenTheChangeAndTheDelivery(t *testing.T) {
	inWorld(t, 3, func(t *testing.T, w *world) {
		r := w.hook(app)
		owner, home := w.owner(app), w.other(app)
		w.put(owner, app, "r", 1, 2)
		w.kill(owner)
		w.tell(home, app, "r", 3) // to a dead node's ear
		time.Sleep(10 * time.Second)
		assert.Equal(t, []int{1, 2, 3}, firsts(t, r.all()))
		assert.Len(t, r.all(), 3)
	})
}

// It dies when the receiver has it and the store does not know.
func TestKill_betweenTheDeliveryAndItsRecord(t *testing.T) {
	inWorld(t, 2, func(t *testing.T, w *world) {
		r := w.hook(app)
		owner, home := w.owner(app), w.other(app)
		killed := false
		r.set(func(rw http.ResponseWriter, _ *http.Request, g got) {
			if g.n == 2 && !killed {
				killed = true
				owner.store.Kill()
			}
			fmt.Fprint(rw, good)
		})
		w.tell(home, app, "r", 1, 2, 3)
		synctest.Wait()
		require.True(t, killed)
		before := len(r.all())
		w.kill(owner)
		time.Sleep(10 * time.Second)
		calls := r.all()
		assert.Equal(t, []int{1, 2, 3}, firsts(t, calls))
		assert.Greater(t, len(calls), before)
		assert.Contains(t, ns(calls[before:]), 2, "again: nobody knew of it")
	})
}

// A node that is paused while it delivers, and goes on when another one has.
func TestPause_ofTheNodeThatDelivers(t *testing.T) {
	inWorld(t, 2, func(t *testing.T, w *world) {
		r := w.hook(app)
		owner, home := w.owner(app), w.other(app)
		paused, times := false, map[int]int{}
		r.set(func(rw http.ResponseWriter, _ *http.Request, g got) {
			if g.n == 2 && !paused {
				paused = true
				owner.store.Pause()
			}
			fmt.Fprint(rw, good)
		})
		w.tell(home, app, "r", 1, 2, 3)
		time.Sleep(10 * time.Second)
		w.tell(home, app, "r", 4)
		time.Sleep(time.Second)
		owner.store.Resume()
		time.Sleep(time.Minute)
		w.tell(home, app, "r", 5)
		time.Sleep(2 * time.Minute)
		assert.Equal(t, []int{1, 2, 3, 4, 5}, firsts(t, r.all()))
		for _, g := range r.all() {
			times[g.n]++
		}
		assert.Equal(t, map[int]int{1: 2, 2: 2, 3: 2, 4: 1, 5: 1}, times, "it learns where the other one is before it goes on")
		for _, n := range w.nodes {
			assert.Zero(t, n.Pending())
		}
	})
}

// A node dies that had something to tell and could not say so any more.
func TestKill_betweenTheChangeAndTheNudge(t *testing.T) {
	inWorld(t, 2, func(t *testing.T, w *world) {
		r := w.hook(app)
		home := w.other(app)
		time.Sleep(sweepEvery / 4) // the last look is over, the next one far
		w.put(home, app, "r", 1)
		w.kill(home)
		time.Sleep(sweepEvery / 4)
		assert.Equal(t, []int{1}, ns(r.all()))
	})
}

// What a stop breaks off counts for nothing: the next node begins with the first attempt.
func TestClose_breaksOffWhatHangs(t *testing.T) {
	inWorld(t, 2, func(t *testing.T, w *world) {
		r := w.hook(app)
		hangs := true
		r.set(func(rw http.ResponseWriter, req *http.Request, _ got) {
			r.mu.Lock()
			h := hangs
			r.mu.Unlock()
			if h {
				<-req.Context().Done()
				return
			}
			fmt.Fprint(rw, good)
		})
		owner := w.owner(app)
		w.tell(owner, app, "r", 1)
		time.Sleep(time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start := time.Now()
		require.NoError(t, owner.Close(ctx))
		assert.Equal(t, time.Second, time.Since(start), "it waits no longer than it may")
		r.mu.Lock()
		hangs = false
		r.mu.Unlock()
		w.close(owner)
		time.Sleep(time.Minute)
		calls := r.all()
		require.Equal(t, []int{1, 1}, ns(calls))
		assert.Equal(t, 1, calls[1].attempt)
	})
}

// A clean stop hands the app over and repeats nothing.
func TestClose_handsOver(t *testing.T) {
	inWorld(t, 2, func(t *testing.T, w *world) {
		r := w.hook(app)
		r.set(func(rw http.ResponseWriter, _ *http.Request, _ got) {
			time.Sleep(time.Second)
			fmt.Fprint(rw, good)
		})
		owner := w.owner(app)
		w.tell(owner, app, "r", 1, 2, 3, 4)
		time.Sleep(1500 * time.Millisecond)
		w.close(owner)
		time.Sleep(time.Minute)
		assert.Equal(t, []int{1, 2, 3, 4}, ns(r.all()))
	})
}

// Nodes die and come, receivers fail, for a while: nothing is lost, and each room's callbacks come in their order.
func TestChaos(t *testing.T) {
	for seed := range uint64(8) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			inWorld(t, 2, func(t *testing.T, w *world) {
				random := rand.New(rand.NewPCG(seed, 1))
				r := w.hook(app)
				dice := rand.New(rand.NewPCG(seed, 2))
				r.set(func(rw http.ResponseWriter, _ *http.Request, _ got) {
					r.mu.Lock()
					what := dice.IntN(10)
					r.mu.Unlock()
					switch what {
					case 0:
						panic(http.ErrAbortHandler)
					case 1:
						rw.WriteHeader(502)
					case 2:
						time.Sleep(7 * time.Second)
					default:
						fmt.Fprint(rw, good)
					}
				})
				const rooms = 7
				told := make([]int, rooms)
				for range 60 {
					i := random.IntN(rooms)
					var list []int
					for range 1 + random.IntN(3) {
						told[i]++
						list = append(list, 1000*i+told[i])
					}
					alive := w.alive()
					w.tell(alive[random.IntN(len(alive))], app, signaling.RoomID(fmt.Sprint("room", i)), list...)
					time.Sleep(time.Duration(random.IntN(3000)) * time.Millisecond)
					switch random.IntN(8) {
					case 0:
						if len(alive) > 1 {
							w.kill(alive[random.IntN(len(alive))])
						}
					case 1:
						if len(alive) > 1 {
							w.close(alive[random.IntN(len(alive))])
						}
					case 2:
						if len(alive) < 3 {
							w.start(nil)
						}
					}
				}
				time.Sleep(2 * time.Hour)
				for i := range rooms {
					var mine []got
					for _, g := range r.all() {
						if g.n/1000 == i {
							mine = append(mine, g)
						}
					}
					var want []int
					for n := range told[i] {
						want = append(want, 1000*i+n+1)
					}
					assert.Equal(t, want, firsts(t, mine), "room %d", i)
				}
			})
		})
	}
}

func (w *world) alive() []*node {
	var list []*node
	for _, n := range w.nodes {
		if !n.gone {
			list = append(list, n)
		}
	}
	return list
}
