package webhook

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

func TestCallbacksCome_inOrder_once_withTheDocumentsURL(t *testing.T) {
	inWorld(t, 2, func(t *testing.T, w *world) {
		r := w.hook(app)
		require.NoError(t, w.nodes[0].SetToken(t.Context(), app, "xxxxyyyy"))
		synctest.Wait()
		start := time.Now()
		first := w.tell(w.nodes[0], app, "r m", 1, 2)
		second := w.tell(w.nodes[1], app, "r m", 3)
		synctest.Wait()
		calls := r.all()
		require.Equal(t, []int{1, 2, 3}, ns(calls))
		assert.Zero(t, time.Since(start), "no waiting for a sweep, whichever node has the room")
		for i, c := range calls {
			at := fmt.Sprint(c.at.Unix())
			assert.Equal(t, "SdkAppid=1400000001&CallbackCommand=Mic.CallbackAfterSeatInfoChanged&contenttype=json"+
				"&ClientIP=192.0.2.7&OptPlatform=Web&Sign="+sign("xxxxyyyy", at)+"&RequestTime="+at, c.raw)
			assert.Equal(t, i+1, c.seq)
			assert.Equal(t, 1, c.attempt)
			assert.False(t, c.replay)
		}
		assert.Equal(t, []string{idOf("r m", first, 0), idOf("r m", first, 1), idOf("r m", second, 0)}, []string{calls[0].id, calls[1].id, calls[2].id})
		time.Sleep(10 * time.Minute)
		assert.Len(t, r.all(), 3, "once")
		for _, n := range w.nodes {
			assert.Zero(t, n.Pending(), "a room that has been told everything costs nothing")
		}
	})
}

// The documents' own example.
func TestSign(t *testing.T) {
	assert.Equal(t, "17773bc39a671d7b9aa835458704d2a6db81360a5940292b587d6d760d484061", sign("xxxxyyyy", "1669872112"))
}

func TestURLs(t *testing.T) {
	c := callback{Command: memberChanged}
	now := time.Unix(1669872112, 0)
	assert.Equal(t, "https://www.example.com?SdkAppid=1400000001&CallbackCommand=Live.CallbackAfterMemberStateChanged&contenttype=json",
		urlFor(app, Settings{URL: "https://www.example.com"}, c, now))
	c = callback{Command: afterCreateRoom, IP: "2001:db8::1", Platform: "RESTAPI"}
	assert.Equal(t, "https://h/p?a=b&SdkAppid=1400000001&CallbackCommand=Live.CallbackAfterCreateRoom&contenttype=json&ClientIP=2001%3Adb8%3A%3A1&OptPlatform=RESTAPI"+
		"&Sign=17773bc39a671d7b9aa835458704d2a6db81360a5940292b587d6d760d484061&RequestTime=1669872112",
		urlFor(app, Settings{URL: "https://h/p?a=b", Token: "xxxxyyyy"}, c, now))
}

// What a receiver may do wrong, and what is said of it. Each is tried again until it is right, and what comes behind it
// waits so long.
func TestFailuresAreTriedAgain_inOrder(t *testing.T) {
	hang := func(_ http.ResponseWriter, r *http.Request, _ got) { <-r.Context().Done() }
	for name, c := range map[string]struct {
		answer func(w http.ResponseWriter, r *http.Request, g got)
		error  string
	}{
		"an error status": {func(w http.ResponseWriter, _ *http.Request, _ got) { w.WriteHeader(503) }, "HTTP status 503; 200 is wanted"},
		"another success": {func(w http.ResponseWriter, _ *http.Request, _ got) { w.WriteHeader(201); fmt.Fprint(w, good) }, "HTTP status 201"},
		"a redirect": {func(w http.ResponseWriter, r *http.Request, _ got) {
			http.Redirect(w, r, "http://169.254.169.254/", http.StatusFound)
		}, "HTTP status 302; redirects are not followed"},
		"no answer": {hang, "no answer within 5s"},
		"half an answer": {func(w http.ResponseWriter, r *http.Request, g got) {
			fmt.Fprint(w, good[:9])
			http.NewResponseController(w).Flush()
			hang(w, r, g)
		}, "no answer within 5s"},
		"nothing":    {func(http.ResponseWriter, *http.Request, got) {}, "the answer is not the documents'"},
		"garbage":    {func(w http.ResponseWriter, _ *http.Request, _ got) { fmt.Fprint(w, "\x00<html>") }, "the answer is not the documents'"},
		"other JSON": {func(w http.ResponseWriter, _ *http.Request, _ got) { fmt.Fprint(w, `{"ok":true}`) }, "the answer is not the documents'"},
		"an ErrorCode": {func(w http.ResponseWriter, _ *http.Request, _ got) {
			fmt.Fprint(w, `{"ActionStatus":"FAIL","ErrorInfo":"no disk","ErrorCode":7}`)
		}, `ActionStatus "FAIL", ErrorCode 7, ErrorInfo "no disk"`},
		"a megabyte":    {func(w http.ResponseWriter, _ *http.Request, _ got) { fmt.Fprint(w, good+strings.Repeat(" ", 1<<20)) }, "the answer is longer than 64 KiB"},
		"a broken line": {func(http.ResponseWriter, *http.Request, got) { panic(http.ErrAbortHandler) }, "EOF"},
		"a long error text": {func(w http.ResponseWriter, _ *http.Request, _ got) {
			fmt.Fprint(w, `{"ErrorCode":7,"ErrorInfo":"`+strings.Repeat("x", 9999)+`"}`)
		}, strings.Repeat("x", 200) + `"`},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, 1, func(t *testing.T, w *world) {
				r := w.hook(app)
				r.set(func(rw http.ResponseWriter, req *http.Request, g got) {
					if g.n == 1 && g.attempt < 4 {
						c.answer(rw, req, g)
						return
					}
					fmt.Fprint(rw, good)
				})
				rev := w.tell(w.nodes[0], app, "r", 1, 2)
				time.Sleep(5100 * time.Millisecond) // a first attempt that hangs is over; a fourth is not before 5250 ms
				list, _, err := w.nodes[0].Deliveries(t.Context(), app, List{Room: "r", Limit: 10})
				require.NoError(t, err)
				require.Len(t, list, 2)
				assert.Equal(t, StatePending, list[0].State)
				assert.Contains(t, list[0].Error, c.error)
				assert.Less(t, len(list[0].Error), 400)
				assert.Equal(t, Delivery{ID: idOf("r", rev, 1), Room: "r", Command: seatChanged, Recorded: list[0].Recorded, State: StatePending}, list[1])
				time.Sleep(time.Minute)
				calls := r.all()
				require.Equal(t, []int{1, 1, 1, 1, 2}, ns(calls))
				for i, g := range calls[:4] {
					assert.Equal(t, i+1, g.attempt)
					assert.Equal(t, 1, g.seq)
					assert.Equal(t, idOf("r", rev, 0), g.id, "the same each time")
				}
				for i, least := range []time.Duration{750, 1500, 3000} { // a quarter by chance
					gap := calls[i+1].at.Sub(calls[i].at)
					if gap > answerLimit {
						gap -= answerLimit
					}
					assert.InDelta(t, least*time.Millisecond*4/3, gap, float64(least*time.Millisecond)/3+1, "back-off")
				}
				assert.Equal(t, 2, w.outcome(Delivered))
				assert.Equal(t, 3, w.outcome(Retried))
			})
		})
	}
}

// After the time for retries a callback is given up, and those behind it have theirs.
func TestWhatFailsForTooLong_isGivenUp(t *testing.T) {
	inWorldWith(t, 1, func(c *Config) { c.Retry = time.Hour }, func(t *testing.T, w *world) {
		r := w.hook(app)
		n := w.nodes[0]
		r.set(func(rw http.ResponseWriter, _ *http.Request, g got) {
			if g.n == 1 && !g.replay {
				rw.WriteHeader(500)
				return
			}
			fmt.Fprint(rw, good)
		})
		start := time.Now()
		rev := w.tell(n, app, "r", 1)
		time.Sleep(30 * time.Minute)
		second := w.tell(n, app, "r", 2)
		time.Sleep(29 * time.Minute)
		assert.NotContains(t, ns(r.all()), 2)
		time.Sleep(2 * time.Minute)
		calls := r.all()
		require.Equal(t, 2, calls[len(calls)-1].n)
		assert.Equal(t, 2, calls[len(calls)-1].seq, "the gap says that one is missing")
		last := calls[len(calls)-2]
		assert.Equal(t, time.Hour, last.at.Sub(start), "the last attempt is when its time is over")
		assert.Equal(t, 1, w.outcome(Failed))

		list, _, err := n.Deliveries(t.Context(), app, List{State: StateFailed, Limit: 10})
		require.NoError(t, err)
		require.Len(t, list, 1)
		assert.Equal(t, idOf("r", rev, 0), list[0].ID)
		assert.Equal(t, last.attempt, list[0].Attempts)
		assert.Equal(t, "HTTP status 500; 200 is wanted", list[0].Error)
		assert.Equal(t, last.at.UTC(), list[0].Tried.UTC())

		count, err := n.Replay(t.Context(), app, idOf("r", rev, 0), idOf("r", second, 0))
		require.NoError(t, err)
		assert.Equal(t, 2, count)
		synctest.Wait()
		calls = r.all()[len(calls):]
		require.Equal(t, []int{1, 2}, ns(calls))
		for i, id := range []string{idOf("r", rev, 0), idOf("r", second, 0)} {
			assert.True(t, calls[i].replay)
			assert.Equal(t, id, calls[i].id)
			assert.Zero(t, calls[i].seq)
		}
		list, _, err = n.Deliveries(t.Context(), app, List{State: StateFailed, Limit: 10})
		require.NoError(t, err)
		assert.Empty(t, list, "what was replayed is delivered")
	})
}

// A dead endpoint keeps up its own app alone, and a bad room only itself.
func TestDeadEndpoint_delaysNobodyElse(t *testing.T) {
	inWorld(t, 1, func(t *testing.T, w *world) {
		dead, alive := w.hook(app), w.hook(otherApp)
		dead.set(func(_ http.ResponseWriter, r *http.Request, _ got) { <-r.Context().Done() })
		alive.set(func(rw http.ResponseWriter, _ *http.Request, g got) {
			if g.n == 999 {
				rw.WriteHeader(500)
				return
			}
			fmt.Fprint(rw, good)
		})
		n := w.nodes[0]
		for i := range 3 * inFlight {
			w.tell(n, app, signaling.RoomID(fmt.Sprint("dead", i)), i)
		}
		w.tell(n, otherApp, "bad", 999, 1000)
		start := time.Now()
		for i := range 10 {
			w.tell(n, otherApp, "good", i)
		}
		synctest.Wait()
		assert.Zero(t, time.Since(start))
		assert.Equal(t, []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, slices.DeleteFunc(ns(alive.all()), func(n int) bool { return n == 999 }))
		assert.Len(t, dead.all(), inFlight, "so many at once and no more")
		time.Sleep(answerLimit)
		synctest.Wait()
		assert.Len(t, dead.all(), 2*inFlight, "then the others have their turn")
		assert.Equal(t, 3*inFlight+1, n.Pending())
	})
}

// An app that takes its callback back, or a command, is not called with what is under way.
func TestSettingsChange_withoutARestart(t *testing.T) {
	inWorld(t, 2, func(t *testing.T, w *world) {
		r := w.hook(app)
		owner := w.owner(app)
		other := w.nodes[0]
		if other == owner {
			other = w.nodes[1]
		}
		require.NoError(t, other.Update(t.Context(), app, "http://app1400000001:80/hook?v=2", []string{afterCreateRoom}))
		synctest.Wait()
		w.tell(other, app, "r", 1)
		synctest.Wait()
		assert.Empty(t, r.all())
		assert.Equal(t, 1, w.outcome(Unwanted))
		require.NoError(t, other.Update(t.Context(), app, "http://app1400000001:80/hook?v=2", []string{seatChanged}))
		synctest.Wait()
		w.tell(other, app, "r", 2)
		synctest.Wait()
		require.Equal(t, []int{2}, ns(r.all()))
		assert.Equal(t, "2", r.all()[0].query.Get("v"))
		assert.NotContains(t, r.all()[0].raw, "Sign")
		require.NoError(t, other.Delete(t.Context(), app))
		synctest.Wait()
		w.tell(other, app, "r", 3)
		time.Sleep(time.Minute)
		assert.Len(t, r.all(), 1)
		assert.False(t, owner.Wanted(app))
	})
}

// What nobody told of is found by looking, and what is about nothing is forgotten.
func TestSweep(t *testing.T) {
	inWorld(t, 1, func(t *testing.T, w *world) {
		r := w.hook(app)
		n := w.nodes[0]
		w.put(n, app, "r", 1)
		time.Sleep(sweepEvery + lookEvery)
		require.Equal(t, []int{1}, ns(r.all()))
		w.put(n, app, "r", 2)
		n.store.Disconnect() // the nudge was lost with the bus
		synctest.Wait()
		require.Equal(t, []int{1, 2}, ns(r.all()))
		keys, err := n.store.Keys(t.Context(), store.BucketDelivery, app, "")
		require.NoError(t, err)
		require.Len(t, keys, 1)
		time.Sleep(store.OutboxAge + time.Hour)
		keys, err = n.store.Keys(t.Context(), store.BucketDelivery, app, "")
		require.NoError(t, err)
		assert.Empty(t, keys)
		w.tell(n, app, "r", 3)
		synctest.Wait()
		require.Equal(t, []int{1, 2, 3}, ns(r.all()))
		assert.Equal(t, 1, r.all()[2].seq, "a room that was quiet for a week begins anew")
	})
}

// A node that has not heard of the settings yet, by which another one has recorded a callback, asks before it leaves it out.
func TestUnwanted_isAskedOfTheStore(t *testing.T) {
	inWorld(t, 1, func(t *testing.T, w *world) {
		r := w.hook(app)
		w.nodes[0].adopt(app, Settings{})
		w.tell(w.nodes[0], app, "r", 1)
		synctest.Wait()
		assert.Equal(t, []int{1}, ns(r.all()))
	})
}

// What is told while a room's last look is under way is not forgotten.
func TestNudge_inTheLastMoment(t *testing.T) {
	late := &lateStore{}
	inWorldWith(t, 1, func(c *Config) { late.Store, c.Store = c.Store, late }, func(t *testing.T, w *world) {
		r := w.hook(app)
		n := w.nodes[0]
		time.Sleep(time.Second)
		looks := 0
		late.after = func() {
			if looks++; looks == 2 { // it has found one, delivered it, and finds no more
				w.tell(n, app, "r", 2)
			}
		}
		w.tell(n, app, "r", 1)
		synctest.Wait()
		assert.Equal(t, []int{1, 2}, ns(r.all()))
	})
}

// lateStore does something after it has looked for the newest entry of an outbox, and before it says what it has seen.
type lateStore struct {
	store.Store
	after func()
}

func (s *lateStore) Outbox() store.Log { return lateLog{s.Store.Outbox(), s} }

type lateLog struct {
	store.Log
	s *lateStore
}

func (l lateLog) Last(ctx context.Context, key store.Key) (store.Entry, error) {
	e, err := l.Log.Last(ctx, key)
	if l.s.after != nil {
		l.s.after()
	}
	return e, err
}

// What waits for its first delivery is not replayed.
func TestReplay_leavesOutWhatIsPending(t *testing.T) {
	inWorld(t, 1, func(t *testing.T, w *world) {
		r := w.hook(app)
		n := w.nodes[0]
		r.set(func(rw http.ResponseWriter, _ *http.Request, g got) {
			if g.n == 2 && !g.replay {
				rw.WriteHeader(500)
				return
			}
			fmt.Fprint(rw, good)
		})
		rev := w.tell(n, app, "r", 1, 2, 3)
		synctest.Wait()
		count, err := n.Replay(t.Context(), app, idOf("r", rev, 0), idOf("r", rev, 2))
		require.NoError(t, err)
		assert.Equal(t, 1, count)
		_, err = n.Replay(t.Context(), app, idOf("r", rev, 1), idOf("r", rev, 2))
		require.ErrorContains(t, err, "waiting for its first delivery")
		synctest.Wait()
		calls := r.all()
		require.Equal(t, []int{1, 2, 1}, ns(calls))
		assert.True(t, calls[2].replay)
		assert.Equal(t, 1, n.Pending())
	})
}

// Replays that fail are listed, and one may be killed in the middle: the rest comes.
func TestReplay_ofMany(t *testing.T) {
	inWorld(t, 2, func(t *testing.T, w *world) {
		r := w.hook(app)
		owner, other := w.owner(app), w.other(app)
		var list []int
		for i := range 3 * turnLimit {
			list = append(list, i+1)
		}
		rev := w.tell(other, app, "r", list...)
		synctest.Wait()
		require.Len(t, r.all(), len(list))
		killed := false
		r.set(func(rw http.ResponseWriter, _ *http.Request, g got) {
			if g.n == turnLimit+5 && !killed {
				killed = true
				owner.store.Kill()
			}
			if g.n == 2*turnLimit {
				rw.WriteHeader(500)
				return
			}
			fmt.Fprint(rw, good)
		})
		count, err := other.Replay(t.Context(), app, idOf("r", rev, 0), idOf("r", rev, len(list)-1))
		require.NoError(t, err)
		assert.Equal(t, len(list), count)
		synctest.Wait()
		require.True(t, killed)
		w.kill(owner)
		time.Sleep(10 * time.Second)
		again := r.all()[len(list):]
		assert.Equal(t, list, firsts(t, again))
		assert.Less(t, len(again), len(list)+turnLimit+1, "from where it was saved")
		bad, _, err := other.Deliveries(t.Context(), app, List{State: StateFailed, Limit: 10})
		require.NoError(t, err)
		require.Len(t, bad, 1)
		assert.Equal(t, idOf("r", rev, 2*turnLimit-1), bad[0].ID)
		assert.Equal(t, "replay: HTTP status 500; 200 is wanted", bad[0].Error)
		keys, err := other.store.Keys(t.Context(), store.BucketDelivery, app, "r")
		require.NoError(t, err)
		assert.Len(t, keys, 2, "the place, and what has failed")
	})
}
