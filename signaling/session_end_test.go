package signaling_test

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// A refusal of the return that nothing can change ends the session with it, and every call that waits.
func TestRefusedReturnEndsTheSession(t *testing.T) {
	for _, code := range []*signaling.Error{
		signaling.ErrKickedOffLine, signaling.ErrUserSigExpired, signaling.ErrUserSigInvalid, signaling.ErrAppNotFound,
	} {
		t.Run(code.Code.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFleet(t, func(int, *websocket.Conn) {})
				s := f.open(t, nil)
				f.put(t, "a.test", upgraded(func(ws *websocket.Conn) {
					_, id := f.login(ws)
					refuse(ws, id, signaling.Errorf(code.Code, "no"))
					_, _ = next(ws)
				}))
				require.ErrorIs(t, s.Call(t.Context(), signaling.MethodSetAudio, signaling.Empty{}, nil), code)
				<-s.Done()
				require.ErrorIs(t, s.Err(), code)
				require.Equal(t, signaling.Over, s.State())
				_, logins := f.seen()
				require.Len(t, logins, 2, "asked once")
				require.NoError(t, s.Close(t.Context()))
				require.ErrorIs(t, s.Err(), code, "the first reason stays")
			})
		})
	}
}

// Servers that are dead, refuse for the moment, answer nothing or speak something else are passed over; those that a
// login has named are tried as well.
func TestReturnTriesEveryServerAlongThePlan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, func(int, *websocket.Conn) {})
		f.told.Nodes = []string{"ws://a.test", "nonsense", "ws://dead.test", "ws://busy.test", "ws://mute.test", "ws://web.test", "ws://good.test"}
		var busy int
		f.put(t, "busy.test", upgraded(func(ws *websocket.Conn) {
			_, id := f.login(ws)
			busy++
			refuse(ws, id, signaling.ErrServer)
			_, _ = next(ws)
		}))
		f.put(t, "mute.test", upgraded(func(ws *websocket.Conn) {
			f.login(ws)
			_, _ = next(ws)
		}))
		f.put(t, "web.test", http.NotFoundHandler())
		f.add(t, "good.test", func(_ int, ws *websocket.Conn) { echo(ws) })
		back := make(chan struct{}, 10)
		s := f.open(t, func(c *signaling.SessionConfig) { c.Back = func() { back <- struct{}{} } })
		f.remove("a.test")
		began := time.Now()
		<-back
		require.Less(t, time.Since(began), 16*time.Second, "one waits for the mute server's login, the others cost nothing")
		dialed, _ := f.seen()
		require.Equal(t, []string{"a.test:80", "a.test:80", "dead.test:80", "busy.test:80", "mute.test:80", "web.test:80", "good.test:80"}, dialed[:7])
		require.Equal(t, 1, busy)
		require.NoError(t, s.Close(t.Context()))
	})
}

// The last server that worked is asked first.
func TestReturnBeginsWhereTheSessionWas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, func(int, *websocket.Conn) {})
		f.told.Nodes = []string{"ws://b.test"}
		f.add(t, "b.test", func(n int, ws *websocket.Conn) {
			if n == 1 {
				time.Sleep(time.Second) // virtual
				return
			}
			echo(ws)
		})
		back := make(chan struct{}, 10)
		f.open(t, func(c *signaling.SessionConfig) { c.Back = func() { back <- struct{}{} } })
		f.remove("a.test")
		<-back
		<-back
		dialed, _ := f.seen()
		require.Equal(t, []string{"a.test:80", "a.test:80", "b.test:80", "b.test:80"}, dialed)
	})
}

// After the notice of a later login there is no return, at whatever moment it comes: that would push out the later one.
func TestKickedOffLineIsFinal(t *testing.T) {
	kick := func(ws *websocket.Conn) {
		notify(ws, signaling.NotifyKickedOff, signaling.KickedOffLine{Message: "elsewhere"})
	}
	for name, serves := range map[string]script{
		"while online": func(_ int, ws *websocket.Conn) { kick(ws) },
		"while the rooms are restored": func(n int, ws *websocket.Conn) {
			if n > 0 {
				_, _ = next(ws) // the join
				kick(ws)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFleet(t, serves)
				f.told.Nodes = []string{"ws://b.test"} // it knows nothing of it
				f.add(t, "b.test", func(_ int, ws *websocket.Conn) { echo(ws) })
				told := make(chan string, 10)
				s := f.open(t, func(c *signaling.SessionConfig) {
					c.OnNotify = func(method string, _ json.RawMessage) { told <- method }
					c.Restore = func(ctx context.Context, _ signaling.LoginResult, call signaling.CallFunc) {
						assert.Error(t, call(ctx, signaling.MethodJoinRoom, signaling.JoinParams{RoomID: "r"}, nil))
					}
				})
				<-s.Done()
				require.ErrorIs(t, s.Err(), signaling.ErrKickedOffLine)
				require.ErrorContains(t, s.Err(), "elsewhere")
				require.Equal(t, signaling.NotifyKickedOff, <-told)
				time.Sleep(time.Minute) // virtual
				dialed, _ := f.seen()
				require.NotContains(t, dialed, "b.test:80")
			})
		})
	}
}

// How long to try is the user's choice. Each end has its reason, and calls that wait get it.
func TestGiveUp(t *testing.T) {
	for _, c := range []struct {
		name   string
		giveUp time.Duration
		least  time.Duration
		most   time.Duration
		away   int
	}{
		{"by default", 0, signaling.GiveUpAfter, signaling.GiveUpAfter, 1},
		{"earlier", 10 * time.Second, 10 * time.Second, 10 * time.Second, 1},
		{"at once", -1, 0, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFleet(t, func(int, *websocket.Conn) {})
				away := make(chan error, 10)
				began := time.Now()
				s := f.open(t, func(cfg *signaling.SessionConfig) {
					cfg.GiveUp = c.giveUp
					cfg.Away = func(cause error) { away <- cause }
					cfg.Back = func() { t.Error("it never comes back") }
				})
				f.remove("a.test")
				require.ErrorIs(t, s.Call(t.Context(), signaling.MethodSetAudio, signaling.Empty{}, nil), signaling.ErrDisconnected)
				<-s.Done()
				require.GreaterOrEqual(t, time.Since(began), c.least)
				require.LessOrEqual(t, time.Since(began), c.most+time.Second)
				require.ErrorIs(t, s.Err(), signaling.ErrDisconnected)
				require.Len(t, away, c.away, "who does not try to come back is not told of trying")
			})
		})
	}
}

// A session whose rooms cannot be restored in time is given up like one without a connection: it would have no rooms, and
// nobody would ever know.
func TestGiveUpWhileRestoring(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, func(n int, ws *websocket.Conn) {
			for n > 0 {
				if _, ok := next(ws); !ok {
					return
				}
			}
		})
		s := f.open(t, func(c *signaling.SessionConfig) {
			c.GiveUp = 20 * time.Second
			c.Restore = func(ctx context.Context, _ signaling.LoginResult, call signaling.CallFunc) {
				assert.Error(t, call(ctx, signaling.MethodJoinRoom, signaling.JoinParams{RoomID: "r"}, nil))
			}
			c.Back = func() { t.Error("without its rooms it is not back") }
		})
		began := time.Now()
		<-s.Done()
		require.InDelta(t, 20, time.Since(began).Seconds(), 1)
		require.ErrorIs(t, s.Err(), signaling.ErrDisconnected)
	})
}

// mute reads and says nothing.
func mute(ws *websocket.Conn) {
	for {
		if _, ok := next(ws); !ok {
			return
		}
	}
}

// Close ends the session at every moment, for every caller, and leaves nothing behind: a goroutine that stayed would
// keep the bubble from ending.
func TestCloseAtAnyMoment(t *testing.T) {
	breaks := func(int, *websocket.Conn) {}
	for _, c := range []struct {
		name   string
		first  script                       // serves the first login
		second func(t *testing.T, f *fleet) // what there is to come back to
		state  signaling.SessionState
	}{
		{"while online", func(_ int, ws *websocket.Conn) { echo(ws) }, func(*testing.T, *fleet) {}, signaling.Online},
		{"while nobody is there", breaks, func(_ *testing.T, f *fleet) { f.remove("a.test") }, signaling.Away},
		{"while a login is under way", breaks, func(t *testing.T, f *fleet) { f.put(t, "a.test", upgraded(mute)) }, signaling.Away},
		{"while the rooms are restored", breaks, func(t *testing.T, f *fleet) {
			f.add(t, "a.test", func(_ int, ws *websocket.Conn) { mute(ws) })
		}, signaling.Away},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFleet(t, c.first)
				s := f.open(t, func(cfg *signaling.SessionConfig) {
					cfg.Restore = func(ctx context.Context, _ signaling.LoginResult, call signaling.CallFunc) {
						assert.Error(t, call(ctx, signaling.MethodJoinRoom, signaling.Empty{}, nil), "nobody answers")
					}
				})
				c.second(t, f)
				time.Sleep(time.Second) // virtual
				require.Equal(t, c.state, s.State())
				waits := make(chan error, 1)
				if c.state == signaling.Away {
					go func() { waits <- s.Call(context.Background(), signaling.MethodSetAudio, signaling.Empty{}, nil) }()
					synctest.Wait()
				} else {
					waits <- signaling.ErrDisconnected
				}
				began := time.Now()
				var wg sync.WaitGroup
				for range 4 {
					wg.Go(func() { assert.NoError(t, s.Close(t.Context())) })
				}
				wg.Wait()
				require.Less(t, time.Since(began), time.Second)
				require.ErrorIs(t, <-waits, signaling.ErrDisconnected)
				<-s.Done()
				require.ErrorContains(t, s.Err(), "closed by this client")
				require.ErrorIs(t, s.Call(t.Context(), signaling.MethodSetAudio, signaling.Empty{}, nil), signaling.ErrDisconnected)
				require.NoError(t, s.Close(t.Context()))
			})
		})
	}
}
