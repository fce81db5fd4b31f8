package signaling_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

func TestCallsAreAnswered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := loggedIn(t, serve(t, accepting(func(ws *websocket.Conn, m signaling.Message) {
			var p signaling.RoomParams
			if err := signaling.DecodeParams(m.Params, &p); err != nil || p.RoomID != "r" {
				b, err := signaling.EncodeError(m.ID, signaling.Errorf(signaling.ErrRoomNotExist.Code, "no room %q", p.RoomID))
				send(ws, b, err)
				return
			}
			reply(ws, m.ID, signaling.Done{Version: 12})
		})))

		var done signaling.Done
		require.NoError(t, c.Call(t.Context(), signaling.MethodLeaveRoom, signaling.RoomParams{RoomID: "r"}, &done))
		assert.Equal(t, uint64(12), done.Version)
		require.NoError(t, c.Call(t.Context(), signaling.MethodLeaveRoom, signaling.RoomParams{RoomID: "r"}, nil), "an answer may be ignored")

		err := c.Call(t.Context(), signaling.MethodLeaveRoom, signaling.RoomParams{RoomID: "s"}, &done)
		require.ErrorIs(t, err, signaling.ErrRoomNotExist)
		assert.Equal(t, `room.leave: no room "s" (code 100004)`, err.Error())

		var wrong []string
		err = c.Call(t.Context(), signaling.MethodLeaveRoom, signaling.RoomParams{RoomID: "r"}, &wrong)
		assert.ErrorIs(t, err, signaling.ErrFailed, "an answer of another form")
		err = c.Call(t.Context(), signaling.MethodLeaveRoom, func() {}, nil)
		assert.Error(t, err, "what cannot be sent")
		err = c.Call(t.Context(), signaling.MethodJoinRoom, signaling.JoinParams{Offer: strings.Repeat("x", signaling.MaxFrame)}, nil)
		assert.ErrorIs(t, err, signaling.ErrInvalidParameter, "too large, and the connection lives")
		require.NoError(t, c.Call(t.Context(), signaling.MethodLeaveRoom, signaling.RoomParams{RoomID: "r"}, nil))
	})
}

func TestAnswersFindTheirCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 20
		var held []signaling.Message
		c := loggedIn(t, serve(t, accepting(func(ws *websocket.Conn, m signaling.Message) {
			held = append(held, m)
			if len(held) < n {
				return
			}
			reply(ws, 1<<40, signaling.Empty{}) // an answer to nothing
			for i := range held {               // the last first
				m := held[n-1-i]
				reply(ws, m.ID, m.Params)
				reply(ws, m.ID, signaling.Empty{}) // a second one
			}
		})))
		var wg sync.WaitGroup
		for i := range uint64(n) {
			wg.Go(func() {
				var got signaling.Done
				assert.NoError(t, c.Call(t.Context(), signaling.MethodSetAudio, signaling.Done{Version: i}, &got))
				assert.Equal(t, i, got.Version)
			})
		}
		wg.Wait()
	})
}

func TestNotificationsKeepTheirOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 500 // more than any queue holds
		var got []uint64
		cfg := serve(t, accepting(func(ws *websocket.Conn, m signaling.Message) {
			for i := range uint64(n) {
				notify(ws, signaling.NotifyRoomEvents, signaling.RoomEvents{Version: i})
				if i == n/2 {
					send(ws, []byte(`not JSON`), nil) // is passed over
					if ws.WriteMessage(websocket.BinaryMessage, []byte{1}) != nil {
						return
					}
				}
			}
			reply(ws, m.ID, signaling.Empty{})
		}))
		cfg.OnNotify = func(method string, params json.RawMessage) {
			var e signaling.RoomEvents
			assert.Equal(t, signaling.NotifyRoomEvents, method)
			assert.NoError(t, json.Unmarshal(params, &e))
			got = append(got, e.Version)
		}
		c := loggedIn(t, cfg)
		require.NoError(t, c.Call(t.Context(), signaling.MethodSnapshot, signaling.RoomParams{}, nil))
		require.Len(t, got, n, "what was sent before the answer has been delivered before it")
		for i, v := range got {
			require.Equal(t, uint64(i), v)
		}
	})
}

func TestStates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := dial(t, serve(t, accepting(func(ws *websocket.Conn, m signaling.Message) { reply(ws, m.ID, signaling.Empty{}) })))
		assert.Equal(t, signaling.Connected, c.State())
		err := c.Call(t.Context(), signaling.MethodTakeSeat, signaling.TakeSeatParams{}, nil)
		require.ErrorIs(t, err, signaling.ErrNotLoggedIn, "it is not even sent")
		require.NoError(t, c.Call(t.Context(), signaling.MethodLogin, signaling.LoginParams{}, nil))
		assert.Equal(t, signaling.LoggedIn, c.State())
		require.NoError(t, c.Call(t.Context(), signaling.MethodTakeSeat, signaling.TakeSeatParams{}, nil))
		require.NoError(t, c.Call(t.Context(), signaling.MethodLogout, signaling.Empty{}, nil))
		assert.Equal(t, signaling.Connected, c.State())
		require.ErrorIs(t, c.Call(t.Context(), signaling.MethodTakeSeat, signaling.TakeSeatParams{}, nil), signaling.ErrNotLoggedIn)
		require.NoError(t, c.Err())
		require.NoError(t, c.Close())
		assert.Equal(t, signaling.Closed, c.State())
		<-c.Done()
		require.ErrorIs(t, c.Err(), signaling.ErrDisconnected)
		require.ErrorIs(t, c.Call(t.Context(), signaling.MethodLogin, signaling.LoginParams{}, nil), signaling.ErrDisconnected)
		require.NoError(t, c.Close(), "twice is no error")
	})
}

func TestRefusedLogin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := dial(t, serve(t, upgraded(func(ws *websocket.Conn) {
			for m, ok := next(ws); ok; m, ok = next(ws) {
				b, err := signaling.EncodeError(m.ID, signaling.ErrUserSigExpired)
				send(ws, b, err)
			}
		})))
		require.ErrorIs(t, c.Call(t.Context(), signaling.MethodLogin, signaling.LoginParams{}, nil), signaling.ErrUserSigExpired)
		assert.Equal(t, signaling.Connected, c.State(), "it may try again")
	})
}

func TestServerGoneInTheMiddleOfACall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := loggedIn(t, serve(t, accepting(func(ws *websocket.Conn, _ signaling.Message) { ws.NetConn().Close() })))
		err := c.Call(t.Context(), signaling.MethodTakeSeat, signaling.TakeSeatParams{}, nil)
		require.ErrorIs(t, err, signaling.ErrDisconnected)
		assert.ErrorContains(t, err, "seat.take", "it says which call")
		<-c.Done()
		assert.Equal(t, signaling.Closed, c.State())
		assert.True(t, signaling.CodeOf(c.Err()).Retryable())
	})
}

func TestServerSaysWhyItCloses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var heard []string
		cfg := serve(t, accepting(func(ws *websocket.Conn, _ signaling.Message) {
			notify(ws, signaling.NotifyKickedOff, signaling.KickedOffLine{Message: "m"})
			bye := websocket.FormatCloseMessage(websocket.ClosePolicyViolation, "elsewhere")
			_ = ws.WriteControl(websocket.CloseMessage, bye, time.Now().Add(time.Second))
		}))
		cfg.OnNotify = func(method string, _ json.RawMessage) { heard = append(heard, method) }
		c := loggedIn(t, cfg)
		require.Error(t, c.Call(t.Context(), signaling.MethodSnapshot, signaling.RoomParams{}, nil))
		assert.Equal(t, []string{signaling.NotifyKickedOff}, heard)
		var ce *websocket.CloseError
		require.ErrorAs(t, c.Err(), &ce)
		assert.Equal(t, websocket.ClosePolicyViolation, ce.Code)
	})
}

// TestAnswerBeforeTheEndCounts: a server answers a logout and closes; the answer must not get lost behind that.
func TestAnswerBeforeTheEndCounts(t *testing.T) {
	for range 50 { // a select picks at random
		synctest.Test(t, func(t *testing.T) {
			c := loggedIn(t, serve(t, accepting(func(ws *websocket.Conn, m signaling.Message) {
				reply(ws, m.ID, signaling.Empty{})
				ws.Close()
			})))
			require.NoError(t, c.Call(t.Context(), signaling.MethodSetAudio, signaling.AudioParams{}, nil))
		})
	}
}

func TestContextEndsACall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := loggedIn(t, serve(t, accepting(func(ws *websocket.Conn, m signaling.Message) {
			if m.Method == signaling.MethodSetAudio {
				reply(ws, m.ID, signaling.Empty{})
			}
		})))
		why := errors.New("the user went away")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(why) })
		start := time.Now()
		require.ErrorIs(t, c.Call(ctx, signaling.MethodSnapshot, signaling.RoomParams{}, nil), why)
		assert.Equal(t, time.Second, time.Since(start))
		require.ErrorIs(t, c.Call(ctx, signaling.MethodSnapshot, signaling.RoomParams{}, nil), why, "already over")
		require.NoError(t, c.Call(t.Context(), signaling.MethodSetAudio, signaling.AudioParams{}, nil), "the connection lives")
	})
}

func TestCloseEndsCallsAndWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := loggedIn(t, serve(t, accepting(func(*websocket.Conn, signaling.Message) {})))
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				err := c.Call(t.Context(), signaling.MethodSnapshot, signaling.RoomParams{}, nil)
				assert.ErrorIs(t, err, signaling.ErrDisconnected)
			})
		}
		synctest.Wait() // all three wait for their answers
		for range 2 {
			wg.Go(func() { assert.NoError(t, c.Close()) })
		}
		wg.Wait()
		assert.ErrorContains(t, c.Err(), "closed by this client")
	})
}

func TestSilence(t *testing.T) {
	t.Run("a server that says nothing is gone", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c := loggedIn(t, serve(t, accepting(func(*websocket.Conn, signaling.Message) {})))
			start := time.Now()
			require.ErrorIs(t, c.Call(t.Context(), signaling.MethodSnapshot, signaling.RoomParams{}, nil), signaling.ErrDisconnected)
			assert.Equal(t, 35*time.Second, time.Since(start), "two of the server's pings and some slack")
		})
	})
	t.Run("a server that pings is not", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var pongs atomic.Int32
			c := dial(t, serve(t, upgraded(func(ws *websocket.Conn) {
				ws.SetPongHandler(func(string) error { pongs.Add(1); return nil })
				var wg sync.WaitGroup
				wg.Go(func() {
					for range 8 {
						time.Sleep(15 * time.Second)
						_ = ws.WriteControl(websocket.PingMessage, nil, time.Now().Add(time.Second))
					}
					ws.Close()
				})
				for _, ok := next(ws); ok; _, ok = next(ws) {
				}
				wg.Wait()
			})))
			start := time.Now()
			<-c.Done()
			assert.Equal(t, 2*time.Minute, time.Since(start))
			assert.GreaterOrEqual(t, pongs.Load(), int32(7))
		})
	})
	t.Run("a server that takes nothing is gone", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			release := make(chan struct{})
			c := dial(t, serve(t, upgraded(func(*websocket.Conn) { <-release })))
			start := time.Now()
			err := c.Call(t.Context(), signaling.MethodLogin, signaling.LoginParams{}, nil)
			require.ErrorIs(t, err, signaling.ErrDisconnected)
			assert.Equal(t, 5*time.Second, time.Since(start))
			close(release)
		})
	})
}

func TestDialFails(t *testing.T) {
	t.Run("not a URL", func(t *testing.T) {
		_, err := signaling.Dial(t.Context(), signaling.DialConfig{URL: "http://room.test"})
		assert.ErrorIs(t, err, signaling.ErrInvalidParameter)
	})
	t.Run("nobody there", func(t *testing.T) {
		_, err := signaling.Dial(t.Context(), signaling.DialConfig{URL: "ws://room.test", NetDial: func(context.Context, string, string) (net.Conn, error) {
			return nil, errors.New("no route")
		}})
		require.ErrorIs(t, err, signaling.ErrDisconnected)
		assert.ErrorContains(t, err, "no route")
	})
	t.Run("another server", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			_, err := signaling.Dial(t.Context(), serve(t, http.NotFoundHandler()))
			require.ErrorIs(t, err, signaling.ErrDisconnected)
			assert.ErrorContains(t, err, "404")
		})
	})
	t.Run("another protocol", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			_, err := signaling.Dial(t.Context(), serve(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				ws, err := (&websocket.Upgrader{}).Upgrade(w, r, nil)
				if err == nil {
					defer ws.Close()
					_, _, _ = ws.NextReader()
				}
			})))
			require.ErrorIs(t, err, signaling.ErrDisconnected)
			assert.ErrorContains(t, err, signaling.Subprotocol)
		})
	})
	t.Run("a server that does not answer", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			near, far := net.Pipe()
			var wg sync.WaitGroup
			wg.Go(func() { _, _ = io.Copy(io.Discard, far) })
			start := time.Now()
			_, err := signaling.Dial(t.Context(), signaling.DialConfig{URL: "ws://room.test", NetDial: func(context.Context, string, string) (net.Conn, error) {
				return near, nil
			}})
			require.ErrorIs(t, err, signaling.ErrDisconnected)
			assert.Equal(t, 10*time.Second, time.Since(start))
			wg.Wait()
		})
	})
}

// TestRealSocket does over TCP what the other tests do over pipes.
func TestRealSocket(t *testing.T) {
	var wg sync.WaitGroup
	h := accepting(func(ws *websocket.Conn, m signaling.Message) { reply(ws, m.ID, signaling.Done{Version: 3}) })
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		wg.Add(1)
		defer wg.Done()
		h.ServeHTTP(w, r)
	}))
	defer srv.Close()
	c := loggedIn(t, signaling.DialConfig{URL: strings.Replace(srv.URL, "http", "ws", 1)})
	var done signaling.Done
	require.NoError(t, c.Call(t.Context(), signaling.MethodLeaveSeat, signaling.RoomParams{}, &done))
	assert.Equal(t, uint64(3), done.Version)
	require.NoError(t, c.Close())
	wg.Wait() // the server's side has seen the end
}
