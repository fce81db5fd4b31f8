package giftorder

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/internal/home"
	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// What the app says is what comes of a gift, however often the call is repeated; it is asked once.
func TestWhatTheAppSays(t *testing.T) {
	for name, c := range map[string]struct {
		answer func(Order, bool) (bool, error)
		want   error
		says   string
		shown  int
		back   State // among what may have to be given back
	}{
		"yes":                          {nil, nil, "", 1, ""},
		"no":                           {func(Order, bool) (bool, error) { return false, errNo }, signaling.ErrGiftRejected, "not enough coins", 0, ""},
		"nothing":                      {func(Order, bool) (bool, error) { return false, errHangs }, signaling.ErrGiftRejected, "no answer within 2s", 0, Unanswered},
		"nothing, but takes the coins": {func(Order, bool) (bool, error) { return true, errHangs }, signaling.ErrGiftRejected, "no answer within 2s", 0, Unanswered},
		"nonsense":                     {func(Order, bool) (bool, error) { return false, fmt.Errorf("%w: HTTP status 500", ErrNoAnswer) }, signaling.ErrGiftRejected, "HTTP status 500", 0, Unanswered},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, 2, func(t *testing.T, w *world) {
				a, b := w.nodes[0], w.nodes[1]
				w.till.answer = c.answer
				a.create("r")
				require.NoError(t, b.enter("ann"))
				begin := time.Now()
				first, err := b.send("ann", "k")
				require.Less(t, time.Since(begin), AnswerLimit+time.Second)
				for _, wait := range []time.Duration{0, 2 * time.Minute} {
					time.Sleep(wait)
					version, again := b.send("ann", "k")
					require.Equal(t, first, version)
					require.Equal(t, err, again)
				}
				if c.want != nil {
					require.ErrorIs(t, err, c.want)
					require.ErrorContains(t, err, c.says)
				} else {
					require.NoError(t, err)
				}
				require.Equal(t, c.shown, w.shown()["ann k"])
				require.Len(t, w.till.asked, 1)
				for _, n := range w.till.asked {
					require.Equal(t, 1, n)
				}
				back, err := a.Returns(t.Context(), key.App)
				require.NoError(t, err)
				if c.back == "" {
					require.Empty(t, back)
				} else {
					require.Len(t, back, 1)
					require.Equal(t, c.back, back[0].State)
					require.Equal(t, int64(10), back[0].Coins())
				}
				require.Zero(t, w.left(store.BucketGiftOrder), "nothing is open")
				time.Sleep(Repeatable + 5*time.Minute)
				require.Zero(t, w.left(store.BucketGiftDone), "keys are forgotten")
			})
		})
	}
}

// An app that is asked again, as nobody knows its first answer, should say the same again. One that says yes first and no then
// can find the order among what it may have to give back, whichever of the answers counts.
func TestAppThatContradictsItself(t *testing.T) {
	check := func(t *testing.T, w *world, asked int) {
		t.Helper()
		require.Empty(t, w.shown())
		require.Len(t, w.till.paid, 1)
		require.Zero(t, w.left(store.BucketGiftOrder))
		back, err := w.nodes[1].Returns(t.Context(), key.App)
		require.NoError(t, err)
		require.Len(t, back, 1)
		require.Equal(t, Refused, back[0].State)
		require.Equal(t, asked, w.till.asked[back[0].ID])
		require.Positive(t, w.till.paid[back[0].ID])
		require.Contains(t, back[0].Message, "not enough coins")
	}
	t.Run("to a node that dies with the first answer", func(t *testing.T) {
		inWorld(t, 2, func(t *testing.T, w *world) {
			w.till.answer = func(_ Order, again bool) (bool, error) {
				if again {
					return false, errNo
				}
				return true, nil
			}
			w.nodes[1].create("r")
			require.NoError(t, w.nodes[0].enter("ann"))
			w.nodes[0].store.DieAt(1, false) // it has stored the order, and not the answer
			_, err := w.nodes[0].send("ann", "k")
			require.Error(t, err)
			w.nodes[0].kill()
			time.Sleep(time.Minute)
			check(t, w, 2)
		})
	})
	for name, answers := range map[string][2]error{
		"to a call that is repeated, which hears no first":  {errLate, errNo},
		"to a call that is repeated, which hears yes later": {errLateNo, errLate},
	} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, 2, func(t *testing.T, w *world) {
				w.till.answer = func(_ Order, again bool) (bool, error) {
					err := answers[0]
					if again {
						err = answers[1]
					}
					return errors.Is(err, errLate), err
				}
				w.nodes[1].create("r")
				require.NoError(t, w.nodes[0].enter("ann"))
				var wg sync.WaitGroup
				for i := range 2 {
					wg.Go(func() {
						time.Sleep(time.Duration(i) * 500 * time.Millisecond)
						_, err := w.nodes[0].Send(context.Background(), Wish{Room: key, Sender: signaling.UserInfo{UserID: "ann"}, Key: "k", GiftID: "rose", Count: 2})
						assert.ErrorIs(t, err, signaling.ErrGiftRejected)
					})
				}
				wg.Wait()
				check(t, w, 2)
			})
		})
	}
}

// The room ends while the app thinks: its yes is in vain, and it can find that out.
func TestRoomThatEndsMeanwhile(t *testing.T) {
	for name, anew := range map[string]bool{"for good": false, "and is created anew": true} {
		t.Run(name, func(t *testing.T) {
			inWorld(t, 2, func(t *testing.T, w *world) {
				a, b := w.nodes[0], w.nodes[1]
				a.create("r")
				require.NoError(t, b.enter("ann"))
				w.till.answer = func(Order, bool) (bool, error) {
					a.dismiss()
					if anew {
						time.Sleep(time.Millisecond)
						a.create("again")
					}
					return true, nil
				}
				_, err := b.send("ann", "k")
				require.ErrorIs(t, err, signaling.ErrRoomNotExist)
				require.Empty(t, w.shown())
				back, err := b.Returns(t.Context(), key.App)
				require.NoError(t, err)
				require.Len(t, back, 1)
				require.Equal(t, Lost, back[0].State)
				for id := range w.till.paid {
					require.Equal(t, id, back[0].ID)
				}
				time.Sleep(time.Minute)
				require.Empty(t, w.shown())
				require.Zero(t, w.left(store.BucketGiftOrder))
			})
		})
	}
}

// Who has paid need not stay to see it.
func TestSenderWhoLeavesMeanwhile(t *testing.T) {
	inWorld(t, 2, func(t *testing.T, w *world) {
		a, b := w.nodes[0], w.nodes[1]
		a.create("r")
		require.NoError(t, b.enter("ann"))
		w.till.answer = func(Order, bool) (bool, error) {
			b.mu.Lock()
			m := b.members["ann"]
			delete(b.members, "ann")
			b.mu.Unlock()
			assert.NoError(t, b.home.Exit(context.Background(), key, m))
			return true, nil
		}
		_, err := b.send("ann", "k")
		require.NoError(t, err)
		require.Equal(t, map[string]int{"ann k": 1}, w.shown())
	})
}

// A node dies at each write of its own, before and after it, as the sender's node and as the room's home at once or as one of
// them. The others take the gift to its end: shown once, or nobody has paid, or the app can find it.
func TestNodeThatDiesAtAWrite(t *testing.T) {
	for dies := range 8 {
		for _, after := range []bool{false, true} {
			for who, at := range map[string][2]int{"both": {0, 0}, "the sender's": {1, 1}, "the home": {1, 0}} {
				t.Run(fmt.Sprint(who, dies, after), func(t *testing.T) {
					inWorld(t, 3, func(t *testing.T, w *world) {
						w.nodes[0].create("r")
						sender, victim := w.nodes[at[0]], w.nodes[at[1]]
						require.NoError(t, sender.enter("ann"))
						time.Sleep(time.Second)
						victim.store.DieAt(dies, after)
						_, err := sender.send("ann", "k")
						time.Sleep(2 * time.Second)
						victim.kill()
						if err == nil {
							require.Equal(t, 1, w.shown()["ann k"], "what was acknowledged is there")
						}
						w.add()
						time.Sleep(time.Minute)
						require.Zero(t, w.left(store.BucketGiftOrder), "somebody has gone on")
						require.LessOrEqual(t, len(w.till.asked), 1, "always under the same id")
						require.Equal(t, len(w.till.paid), w.shown()["ann k"], "paid, so it is shown, once")
						last := w.nodes[len(w.nodes)-1]
						require.NoError(t, last.enter("ann"))
						_, err = last.send("ann", "k")
						require.NoError(t, err)
						time.Sleep(time.Minute)
						require.Equal(t, map[string]int{"ann k": 1}, w.shown(), "the same again is the same gift")
						totals, err := last.home.Gifts(t.Context(), key, home.GiftQuery{Limit: 1})
						require.NoError(t, err)
						require.Equal(t, int64(10), totals.Senders[0].Coins)
					})
				})
			}
		}
	}
}

// A node that stands still for minutes just before it would show a gift finds that another has, when the room's home has long
// forgotten the command.
func TestNodeThatStandsStill(t *testing.T) {
	for _, d := range []time.Duration{10 * time.Second, 45 * time.Second, 5 * time.Minute} {
		t.Run(d.String(), func(t *testing.T) {
			inWorld(t, 2, func(t *testing.T, w *world) {
				a, b := w.nodes[0], w.nodes[1]
				a.create("r")
				require.NoError(t, b.enter("ann"))
				b.mu.Lock()
				b.stands = d
				b.mu.Unlock()
				var wg sync.WaitGroup
				wg.Go(func() {
					_, err := b.Send(context.Background(), Wish{Room: key, Sender: signaling.UserInfo{UserID: "ann"}, Key: "k", GiftID: "rose", Count: 2})
					assert.NoError(t, err)
				})
				wg.Wait()
				time.Sleep(d + time.Minute)
				require.Equal(t, map[string]int{"ann k": 1}, w.shown())
				require.Zero(t, w.left(store.BucketGiftOrder))
			})
		})
	}
}

// Users send gifts, repeat what they have no answer to, and an app answers as it likes, while nodes die at writes, stand still
// and are cut off. Of each order in the end: it is shown once when the app has said yes and its sender was told so; what the
// app was paid for is shown or among what it can find; what it was not paid for is not shown.
func TestModel(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			inWorld(t, 3, func(t *testing.T, w *world) { chaos(t, w, rand.New(rand.NewPCG(seed, 3))) })
		})
	}
}

func chaos(t *testing.T, w *world, rng *rand.Rand) {
	var mu sync.Mutex // of rng; held for moments only
	intN := func(n int) int {
		mu.Lock()
		defer mu.Unlock()
		return rng.IntN(n)
	}
	live := func() *node {
		w.mu.Lock()
		defer w.mu.Unlock()
		var alive []*node
		for _, n := range w.nodes {
			if !n.doomed() {
				alive = append(alive, n)
			}
		}
		return alive[intN(len(alive))]
	}
	w.till.answer = func(Order, bool) (bool, error) {
		switch intN(8) {
		case 0:
			return false, errNo
		case 1:
			return intN(2) == 0, errHangs
		}
		return true, nil
	}
	w.nodes[0].create("r")
	const users, each = 4, 12
	type told struct {
		shown, refused bool
	}
	results := make([]map[string]told, users)
	var wg sync.WaitGroup
	for i := range users {
		results[i] = map[string]told{}
		wg.Go(func() {
			u := signaling.UserID(fmt.Sprint("u", i))
			var at *node
			for j := range each {
				for {
					if at == nil || at.doomed() {
						if at = live(); at.enter(u) != nil {
							at = nil
							time.Sleep(100 * time.Millisecond)
							continue
						}
					}
					_, err := at.send(u, fmt.Sprint(j))
					code := signaling.CodeOf(err)
					if err == nil || code == signaling.ErrGiftRejected.Code {
						results[i][fmt.Sprint(j)] = told{err == nil, err != nil}
						break
					}
					if code == signaling.ErrNotInRoom.Code {
						at = nil
					}
					time.Sleep(50 * time.Millisecond)
				}
				time.Sleep(time.Duration(intN(300)) * time.Millisecond)
			}
		})
	}
	over := make(chan struct{})
	go func() { wg.Wait(); close(over) }()
	for done := false; !done; {
		n := live()
		switch intN(4) {
		case 0:
			n.store.Pause()
			time.Sleep(time.Duration(intN(6000)) * time.Millisecond)
			n.store.Resume()
		case 1, 2:
			n.store.DieAt(intN(10), intN(2) == 0)
			time.Sleep(3 * time.Second)
			n.kill()
			w.add()
		}
		select {
		case <-over:
			done = true
		case <-time.After(time.Duration(intN(2000)) * time.Millisecond):
		}
	}
	time.Sleep(2 * time.Minute)
	synctest.Wait()
	require.Zero(t, w.left(store.BucketGiftOrder), "nothing is open")
	shown := w.shown()
	ids := map[string]int{}
	for name, n := range shown {
		require.Equal(t, 1, n, "%s was shown twice", name)
	}
	created := int64(0)
	info, err := live().home.Info(t.Context(), key)
	require.NoError(t, err)
	created = info.CreateTime
	list, err := live().Returns(t.Context(), key.App)
	require.NoError(t, err)
	back := map[string]bool{}
	for _, o := range list {
		back[o.ID] = true
	}
	for i := range users {
		require.Len(t, results[i], each)
		for k, r := range results[i] {
			u := signaling.UserID(fmt.Sprint("u", i))
			id := orderID(name{key, u, k}, created)
			ids[id]++
			was := shown[string(u)+" "+k] == 1
			_, paid := w.till.paid[id]
			require.Equal(t, r.shown, was, "%s %s: told %+v", u, k, r)
			if was {
				require.True(t, paid, "%s %s was shown for nothing", u, k)
			}
			// The app may have been paid and then, asked again because nobody knew, have said no: then it knows itself.
			if paid && !was && w.till.asked[id] == 1 {
				require.True(t, back[id], "%s %s is paid, and nobody can find it", u, k)
			}
		}
	}
	for id := range w.till.asked {
		require.Equal(t, 1, ids[id], "asked about something that nobody has sent")
	}
}

// slowly is a store whose deletions take their time, as those on a disk do.
type slowly struct{ store.Store }

func (s slowly) Delete(ctx context.Context, k store.ValueKey, last uint64) error {
	select {
	case <-time.After(10 * time.Millisecond):
	case <-ctx.Done():
		return ctx.Err()
	}
	return s.Store.Delete(ctx, k, last)
}

// As many gifts are forgotten in a minute as some busy rooms have in one.
func TestTidy_keepsUp(t *testing.T) {
	inWorld(t, 1, func(t *testing.T, w *world) {
		n := w.nodes[0]
		old := &Orders{cfg: Config{Values: slowly{n.store}}, ctx: t.Context()}
		old.homes.Store(n.homes.Load())
		for i := range 6000 {
			_, err := n.store.Put(t.Context(), name{key, "ann", fmt.Sprint(i)}.in(store.BucketGiftDone), []byte("{}"), 0)
			require.NoError(t, err)
		}
		done := seen{}
		require.NoError(t, old.tidy(key.App, done))
		n.Close() // else it does it
		time.Sleep(Repeatable + 3*tidyEvery)
		require.NoError(t, old.tidy(key.App, done))
		require.Zero(t, w.left(store.BucketGiftDone))
	})
}
