package server

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/internal/store/memstore"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// mortal is a node's store, with which the node dies at a write.
type mortal struct {
	*memstore.Node

	mu    sync.Mutex
	armed bool
	left  int // writes until then
	after bool
}

func (d *mortal) arm(left int, after bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.armed, d.left, d.after = true, left, after
}

// disarm lets the node live, and reports whether it has died before.
func (d *mortal) disarm() (died bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	died = d.armed && d.left < 0
	d.armed = d.armed && died
	return died
}

func (d *mortal) died() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.armed && d.left < 0
}

func (d *mortal) write(do func() error) error {
	d.mu.Lock()
	dies := d.armed && d.left == 0
	if d.armed {
		d.left--
	}
	after := d.after
	d.mu.Unlock()
	if !dies {
		return do()
	}
	if after {
		_ = do() // nobody hears of it
	}
	d.Kill()
	return store.ErrClosed
}

func (d *mortal) Append(ctx context.Context, key store.Key, data []byte, last uint64) (rev uint64, err error) {
	err = d.write(func() error { rev, err = d.Node.Append(ctx, key, data, last); return err })
	return rev, err
}

func (d *mortal) Put(ctx context.Context, key store.ValueKey, data []byte, last uint64) (rev uint64, err error) {
	err = d.write(func() error { rev, err = d.Node.Put(ctx, key, data, last); return err })
	return rev, err
}

// looks is what rooms show to their owners.
func looks(owners map[signaling.RoomID]*reader) string {
	var b strings.Builder
	for _, id := range []signaling.RoomID{"a", "b", "c"} {
		var s signaling.Snapshot
		owners[id].must(signaling.MethodSnapshot, signaling.RoomParams{RoomID: id}, &s)
		if s.Connection == nil {
			s.Connection = &signaling.Connection{}
		}
		b.WriteString(string(id) + ":")
		for _, u := range s.Connection.Connected {
			b.WriteString(" " + string(u.RoomID))
		}
		for _, q := range s.Connection.Requests {
			fmt.Fprintf(&b, " %s>%s", q.Inviter.RoomID, q.Invitee.RoomID)
		}
		b.WriteString("; ")
	}
	return b.String()
}

// The node of an owner, which decides the room too, dies at each write of each kind of change: with all that there is, logs,
// takeovers and clients, the change has been made in all rooms a little later, or in none.
func TestNodeDiesWhileRoomsConnect(t *testing.T) {
	ask := func(from signaling.RoomID, to ...signaling.RoomID) (string, any) {
		return signaling.MethodRequestConnection, signaling.ConnectionRequestParams{CommandID: "x", RoomID: from, RoomIDs: to}
	}
	answer := signaling.ConnectionAnswerParams{CommandID: "y", RoomID: "a", Inviter: "b"}
	for name, c := range map[string]struct {
		setup  func(owners map[signaling.RoomID]*reader)
		change func() (method string, params any)
	}{
		"asks":    {nil, func() (string, any) { return ask("a", "b", "c") }},
		"accepts": {asks("b", "a", "c"), func() (string, any) { return signaling.MethodAcceptConnection, answer }},
		"rejects": {asks("b", "a", "c"), func() (string, any) { return signaling.MethodRejectConnection, answer }},
		"cancels": {asks("a", "b", "c"), func() (string, any) {
			return signaling.MethodCancelConnection, signaling.ConnectionCancelParams{RoomID: "a", RoomIDs: []signaling.RoomID{"b", "c"}}
		}},
		"departs":  {connects("a", "b", "c"), func() (string, any) { return signaling.MethodDisconnect, signaling.RoomParams{RoomID: "a"} }},
		"asks one": {connects("a", "b"), func() (string, any) { return ask("a", "c") }},
	} {
		run := func(t *testing.T, left int, after bool) (before, now string, done, died bool) {
			var first *mortal
			inWorldWith(t, 3, func(cfg *Config) {
				d := &mortal{Node: cfg.Store.(*memstore.Node)}
				if cfg.Store = d; first == nil {
					first = d
				}
			}, func(t *testing.T, w *world) {
				owners := map[signaling.RoomID]*reader{}
				for i, id := range []signaling.RoomID{"a", "b", "c"} {
					owners[id] = w.reader(i, signaling.UserID(id))
					owners[id].must(signaling.MethodCreateRoom, signaling.CreateRoomParams{Room: signaling.RoomInfo{RoomID: id}}, nil)
					owners[id].must(signaling.MethodJoinRoom, signaling.JoinParams{RoomID: id}, nil)
				}
				if c.setup != nil {
					c.setup(owners)
				}
				time.Sleep(3 * time.Second)
				synctest.Wait()
				before = looks(owners)
				if left >= 0 {
					first.arm(left, after)
				}
				method, params := c.change()
				_, err := owners["a"].try(method, params)
				done = err == nil
				synctest.Wait()
				if died = first.died(); died {
					w.kill(0)
					owners["a"] = w.reader(1, "a") // comes back to another node
					owners["a"].must(signaling.MethodJoinRoom, signaling.JoinParams{RoomID: "a"}, nil)
				}
				time.Sleep(30 * time.Second)
				synctest.Wait()
				now = looks(owners)
			})
			return before, now, done, died
		}
		before, after, done, _ := run(t, -1, false)
		require.True(t, done)
		require.NotEqual(t, before, after)
		deaths := 0
		for left, more := 0, true; more; left++ {
			more = false
			for _, afterwards := range []bool{false, true} {
				t.Run(fmt.Sprint(name, " ", left, afterwards), func(t *testing.T) {
					_, now, done, died := run(t, left, afterwards)
					require.Contains(t, []string{before, after}, now)
					if done {
						require.Equal(t, after, now)
					}
					if died {
						more = true
						deaths++
					}
				})
			}
		}
		require.GreaterOrEqual(t, deaths, 4, name)
	}
}

// asks returns a setup in which a room asks others.
func asks(from signaling.RoomID, to ...signaling.RoomID) func(map[signaling.RoomID]*reader) {
	return func(owners map[signaling.RoomID]*reader) {
		owners[from].must(signaling.MethodRequestConnection, signaling.ConnectionRequestParams{RoomID: from, RoomIDs: to}, nil)
	}
}

// connects returns a setup in which rooms are connected.
func connects(from signaling.RoomID, to ...signaling.RoomID) func(map[signaling.RoomID]*reader) {
	return func(owners map[signaling.RoomID]*reader) {
		asks(from, to...)(owners)
		for _, id := range to {
			owners[id].must(signaling.MethodAcceptConnection, signaling.ConnectionAnswerParams{RoomID: id, Inviter: from}, nil)
		}
	}
}

// reader is a client that reads all the time, as clients do: who does not is cut off.
type reader struct {
	*raw
	answers chan signaling.Message
}

func (w *world) reader(node int, user signaling.UserID) *reader {
	c := &reader{raw: w.ownerAt(node, user), answers: make(chan signaling.Message, 1)}
	go func() {
		defer close(c.answers)
		for {
			_, b, err := c.ws.ReadMessage()
			if err != nil {
				return
			}
			var m struct {
				ID     int64
				Result json.RawMessage
				Error  *struct {
					Code    signaling.Code
					Message string
				}
			}
			if json.Unmarshal(b, &m) != nil || m.ID != c.lastID {
				continue
			}
			answer := signaling.Message{ID: m.ID, Result: m.Result}
			if m.Error != nil {
				answer.Err = &signaling.Error{Code: m.Error.Code, Message: m.Error.Message}
			}
			c.answers <- answer
		}
	}()
	return c
}

// try calls, and returns an error where no answer comes.
func (c *reader) try(method string, params any) (signaling.Message, error) {
	b, err := signaling.EncodeCall(c.lastID+1, method, params)
	require.NoError(c.t, err)
	synctest.Wait() // the reader looks at lastID while it works
	c.lastID++
	if err := c.ws.WriteMessage(websocket.TextMessage, b); err != nil {
		return signaling.Message{}, err
	}
	m, ok := <-c.answers
	if !ok {
		return m, signaling.ErrDisconnected
	}
	return m, errOf(m)
}

func (c *reader) must(method string, params, result any) {
	c.t.Helper()
	m, err := c.try(method, params)
	require.NoError(c.t, err)
	if result != nil {
		require.NoError(c.t, json.Unmarshal(m.Result, result))
	}
}
