package signaling_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
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

// fleet is servers that follow a script. It counts the connections and keeps the logins.
type fleet struct {
	told signaling.LoginResult // what every login is answered with

	mu      sync.Mutex                      // protects what follows
	servers map[string]signaling.DialConfig // by address
	dialed  []string
	logins  []signaling.LoginParams
}

// script serves one connection, the n-th of all of the fleet's (from 0), whose login has been answered.
type script func(n int, ws *websocket.Conn)

// newFleet starts a server a.test; add starts more.
func newFleet(t *testing.T, f script) *fleet {
	t.Helper()
	fl := &fleet{servers: map[string]signaling.DialConfig{}, told: signaling.LoginResult{SessionID: "s1"}}
	fl.add(t, "a.test", f)
	return fl
}

func (f *fleet) add(t *testing.T, host string, s script) {
	t.Helper()
	f.put(t, host, upgraded(func(ws *websocket.Conn) {
		n, id := f.login(ws)
		if id != 0 {
			reply(ws, id, f.told)
		}
		s(n, ws)
	}))
}

// put starts a server that handles its logins itself, instead of the one at host.
func (f *fleet) put(t *testing.T, host string, h http.Handler) {
	t.Helper()
	cfg := serve(t, h)
	f.mu.Lock()
	defer f.mu.Unlock()
	f.servers[host+":80"] = cfg
}

// remove makes a server unreachable; connections to it stay.
func (f *fleet) remove(host string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.servers, host+":80")
}

// login reads a login and leaves it unanswered.
func (f *fleet) login(ws *websocket.Conn) (n int, id int64) {
	m, ok := next(ws)
	var p signaling.LoginParams
	if !ok || m.Method != signaling.MethodLogin || json.Unmarshal(m.Params, &p) != nil {
		ws.Close()
		return -1, 0
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.logins = append(f.logins, p)
	return len(f.logins) - 1, m.ID
}

// dial finds a server by its address.
func (f *fleet) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	f.mu.Lock()
	f.dialed = append(f.dialed, addr)
	s, ok := f.servers[addr]
	f.mu.Unlock()
	if !ok {
		return nil, fmt.Errorf("nobody listens on %s", addr)
	}
	return s.NetDial(ctx, network, addr)
}

func (f *fleet) seen() (dialed []string, logins []signaling.LoginParams) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string(nil), f.dialed...), append([]signaling.LoginParams(nil), f.logins...)
}

// open logs in at a.test; change completes the config.
func (f *fleet) open(t *testing.T, change func(*signaling.SessionConfig)) *signaling.Session {
	t.Helper()
	cfg := signaling.SessionConfig{
		DialConfig: signaling.DialConfig{URL: "ws://a.test", NetDial: f.dial},
		Login: func(context.Context) (signaling.LoginParams, error) {
			return signaling.LoginParams{UserID: "u", UserSig: "sig"}, nil
		},
	}
	if change != nil {
		change(&cfg)
	}
	s, err := signaling.OpenSession(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { _ = s.Close(context.Background()) })
	return s
}

// echo answers every call with a version, and a logout.
func echo(ws *websocket.Conn) {
	for {
		m, ok := next(ws)
		if !ok {
			return
		}
		reply(ws, m.ID, signaling.Done{Version: 7})
	}
}

func refuse(ws *websocket.Conn, id int64, err *signaling.Error) {
	b, e := signaling.EncodeError(id, err)
	send(ws, b, e)
}

// The answer to a call is lost with its connection: the call is sent again, word by word, and its caller sees one answer.
func TestCallIsRepeatedOnTheNextConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calls := make(chan signaling.Message, 10)
		f := newFleet(t, func(n int, ws *websocket.Conn) {
			m, ok := next(ws)
			if !ok {
				return
			}
			calls <- m
			if n < 2 {
				return // twice
			}
			reply(ws, m.ID, signaling.Done{Version: 12})
			echo(ws)
		})
		s := f.open(t, func(c *signaling.SessionConfig) {
			c.Versions = func() map[signaling.RoomID]uint64 { return map[signaling.RoomID]uint64{"r": 5} }
		})
		var done signaling.Done
		params := signaling.TakeSeatParams{CommandID: "c1", RoomID: "r", Index: 3, Timeout: 60}
		require.NoError(t, s.Call(t.Context(), signaling.MethodTakeSeat, params, &done))
		require.EqualValues(t, 12, done.Version)
		first := <-calls
		require.Len(t, calls, 2)
		for range 2 {
			again := <-calls
			require.Equal(t, first.Method, again.Method)
			require.JSONEq(t, string(first.Params), string(again.Params))
		}
		_, logins := f.seen()
		require.Len(t, logins, 3)
		require.Nil(t, logins[0].Resume)
		for _, l := range logins[1:] {
			require.Equal(t, &signaling.Resume{SessionID: "s1", Versions: map[signaling.RoomID]uint64{"r": 5}}, l.Resume)
			require.Equal(t, "sig", l.UserSig)
		}
	})
}

// A refusal is an answer: it is not asked for twice.
func TestRefusedCallIsNotRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, func(_ int, ws *websocket.Conn) {
			m, _ := next(ws)
			refuse(ws, m.ID, signaling.Errorf(signaling.ErrSeatOccupied.Code, "taken"))
			_, _ = next(ws) // nothing comes but the close
		})
		s := f.open(t, nil)
		require.ErrorIs(t, s.Call(t.Context(), signaling.MethodTakeSeat, signaling.Empty{}, nil), signaling.ErrSeatOccupied)
	})
}

// Calls that are made while the session is away wait until Restore has brought the rooms back. Restore's own do not.
func TestCallsWaitForRestore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var order []string
		f := newFleet(t, func(n int, ws *websocket.Conn) {
			if n == 0 {
				return // gone at once
			}
			for {
				m, ok := next(ws)
				if !ok {
					return
				}
				mu.Lock()
				order = append(order, m.Method)
				mu.Unlock()
				if m.Method == signaling.MethodJoinRoom {
					time.Sleep(3 * time.Second) // virtual
				}
				reply(ws, m.ID, signaling.Done{Version: 9})
			}
		})
		f.told.Rooms = []signaling.RoomID{"kept"}
		s := f.open(t, func(c *signaling.SessionConfig) {
			c.Restore = func(ctx context.Context, res signaling.LoginResult, call signaling.CallFunc) {
				assert.Equal(t, []signaling.RoomID{"kept"}, res.Rooms)
				var done signaling.Done
				assert.NoError(t, call(ctx, signaling.MethodJoinRoom, signaling.JoinParams{RoomID: "lost"}, &done))
				assert.EqualValues(t, 9, done.Version)
			}
		})
		synctest.Wait()
		require.Equal(t, signaling.Away, s.State())
		began := time.Now()
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() { assert.NoError(t, s.Call(t.Context(), signaling.MethodSetAudio, signaling.Empty{}, nil)) })
		}
		wg.Wait()
		require.GreaterOrEqual(t, time.Since(began), 3*time.Second)
		require.Equal(t, signaling.Online, s.State())
		require.Equal(t, []string{"room.join", "audio.set", "audio.set", "audio.set"}, order)
	})
}

// A caller who has waited long enough while the session is away gets its context's error, and the call is not sent.
func TestCallersContextEndsWhileAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFleet(t, func(int, *websocket.Conn) {})
		s := f.open(t, nil)
		synctest.Wait()
		f.remove("a.test")
		ctx, cancel := context.WithTimeoutCause(t.Context(), 5*time.Second, errors.New("patience is over"))
		defer cancel()
		began := time.Now()
		err := s.Call(ctx, signaling.MethodSetAudio, signaling.Empty{}, nil)
		require.ErrorContains(t, err, "patience is over")
		require.Equal(t, 5*time.Second, time.Since(began))
		require.Equal(t, signaling.Away, s.State(), "the session goes on trying")
	})
}

// Everything that came over the old connection is handed over before anything of the new one, whoever is quicker.
func TestNotificationsKeepTheirOrderAcrossConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const each = 50
		f := newFleet(t, func(n int, ws *websocket.Conn) {
			for i := range each {
				notify(ws, signaling.NotifyRoomEvents, signaling.RoomEvents{RoomID: "r", Version: uint64(n*each + i), Events: signaling.EventList{}})
			}
			if n < 4 {
				return
			}
			echo(ws)
		})
		var mu sync.Mutex
		var got []uint64
		f.open(t, func(c *signaling.SessionConfig) {
			c.OnNotify = func(_ string, params json.RawMessage) {
				var e signaling.RoomEvents
				assert.NoError(t, signaling.DecodeParams(params, &e))
				time.Sleep(time.Duration(e.Version%3) * time.Millisecond) // virtual: the reader lags behind
				mu.Lock()
				defer mu.Unlock()
				got = append(got, e.Version)
			}
		})
		time.Sleep(time.Minute)
		mu.Lock()
		defer mu.Unlock()
		require.Subset(t, got, []uint64{4 * each, 5*each - 1})
		require.IsIncreasing(t, got)
	})
}

// A dead path is found by asking, when something suggests it: long before the server's silence says so. A path that
// works is left alone.
func TestProbe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		silent := make(chan struct{})
		f := newFleet(t, func(n int, ws *websocket.Conn) {
			for {
				m, ok := next(ws)
				if !ok {
					return
				}
				select {
				case <-silent:
					if n == 0 {
						continue
					}
				default:
				}
				reply(ws, m.ID, signaling.Empty{})
			}
		})
		back := make(chan struct{}, 10)
		s := f.open(t, func(c *signaling.SessionConfig) { c.Back = func() { back <- struct{}{} } })
		s.Probe()
		time.Sleep(10 * time.Second) // virtual
		_, logins := f.seen()
		require.Len(t, logins, 1, "the server has answered")
		close(silent)
		began := time.Now()
		for range 5 {
			s.Probe()
		}
		<-back
		require.Less(t, time.Since(began), 3*time.Second)
		time.Sleep(10 * time.Second)
		require.Empty(t, back, "once")
		require.Equal(t, signaling.Online, s.State())
		require.NoError(t, s.Close(t.Context()))
		s.Probe() // when it is over nothing is started any more
	})
}
