package connection

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// looks is what all rooms show.
func (w *world) looks() string {
	var b strings.Builder
	for _, id := range []signaling.RoomID{"r1", "r2", "r3", "r4", "r5"} {
		fmt.Fprintf(&b, "%s%v", id, w.with(id))
		for _, q := range w.sees(id).Requests {
			fmt.Fprintf(&b, " %s>%s", q.Inviter.RoomID, q.Invitee.RoomID)
		}
		b.WriteString("; ")
	}
	return b.String()
}

// changes are one of each kind, in a world in which r1 and r2 are connected, r1 has asked r3, and r4 and r5 are free.
func changes() map[string]func(n *node) error {
	return map[string]func(n *node) error{
		"asked, and a connection made": func(n *node) error { _, err := n.ask("x", "r4", 5*time.Minute, "r5"); return err },
		"asked into the connection":    func(n *node) error { _, err := n.ask("x", "r2", 5*time.Minute, "r4", "r5"); return err },
		"accepted":                     func(n *node) error { return n.do("r3", Answer{"x", "r3", "r1", true}) },
		"rejected":                     func(n *node) error { return n.do("r3", Answer{"x", "r3", "r1", false}) },
		"cancelled":                    func(n *node) error { return n.do("r1", Cancel{"x", "r1", []signaling.RoomID{"r3"}}) },
		"left by who asks":             func(n *node) error { return n.do("r1", Leave{"x", "r1"}) },
		"left by the other":            func(n *node) error { return n.do("r2", Leave{"x", "r2"}) },
		"timed out":                    func(*node) error { time.Sleep(4 * time.Minute); synctest.Wait(); return nil },
	}
}

// Wherever a node dies in the midst of a change, before a write or after it: a moment later all rooms show the change, or
// none does, and what was answered with success has happened. And the same command once more makes it happen.
func TestDeathBetweenAnyTwoWrites(t *testing.T) {
	setup := func(w *world) (first, second *node) {
		first, second = w.node(true), w.node(false)
		first.asks("1", "r1", 4*time.Minute, "r2", "r3")
		first.must("r2", Answer{"2", "r2", "r1", true})
		settle()
		w.agree()
		return first, second
	}
	for name, change := range changes() {
		var before, after string
		inWorld(t, func(t *testing.T, w *world) {
			n, _ := setup(w)
			before = w.looks()
			require.NoError(t, change(n))
			settle()
			after = w.looks()
			w.agree()
		})
		require.NotEqual(t, before, after)
		deaths := 0
		for left, more := 0, true; more; left++ {
			for _, afterwards := range []bool{false, true} {
				t.Run(fmt.Sprint(name, " ", left, afterwards), func(t *testing.T) {
					inWorld(t, func(t *testing.T, w *world) {
						first, second := setup(w)
						first.DieAt(left, afterwards)
						err := change(first)
						if err != nil {
							require.False(t, errors.Is(err, signaling.ErrConnectionNotExist) || errors.Is(err, signaling.ErrConnectionProcessed), "%v", err)
						}
						synctest.Wait() // the other rooms are shown it after the answer
						more = first.Dead()
						first.kill()
						time.Sleep(40 * time.Second)
						synctest.Wait()
						w.agree()
						got := w.looks()
						require.Contains(t, []string{before, after}, got)
						if err == nil {
							require.Equal(t, after, got)
						}
						if more {
							deaths++
						}
						if name != "timed out" {
							require.NoError(t, change(second), "the answer may have been lost")
							settle()
							require.Equal(t, after, w.looks())
						}
						for id := range w.rooms {
							w.endedOnce(id)
						}
					})
				})
			}
		}
		require.GreaterOrEqual(t, deaths, 8, name)
	}
}

// endedOnce demands that a room was told of each request's beginning once at most, of its end once at most, and that
// those who are connected come and go in turn.
func (w *world) endedOnce(id signaling.RoomID) (ends map[string]signaling.RequestResultType) {
	w.mu.Lock()
	defer w.mu.Unlock()
	begun, in := map[string]bool{}, map[string]bool{}
	ends = map[string]signaling.RequestResultType{}
	name := func(q signaling.ConnectionRequest) string {
		return fmt.Sprint(q.RequestID, " ", q.Inviter.RoomID, ">", q.Invitee.RoomID, " ", q.Created)
	}
	user := func(u signaling.ConnectionUser) string { return fmt.Sprint(u.RoomID, " ", u.JoinConnectionTime) }
	for _, e := range w.rooms[id].events {
		switch e := e.(type) {
		case signaling.ConnectionRequestReceived:
			require.False(w.t, begun[name(e.Request)], "%s: %s twice", id, name(e.Request))
			begun[name(e.Request)] = true
		case signaling.ConnectionRequestEnded:
			_, twice := ends[name(e.Request)]
			require.False(w.t, twice, "%s: %s ended twice", id, name(e.Request))
			require.True(w.t, begun[name(e.Request)] || e.Request.Inviter.RoomID == id)
			ends[name(e.Request)] = e.Result
		case signaling.ConnectionUserListChanged:
			for _, u := range e.Left {
				require.True(w.t, in[user(u)], "%s: %s was not there", id, user(u))
				delete(in, user(u))
			}
			for _, u := range e.Joined {
				require.False(w.t, in[user(u)], "%s: %s joins twice", id, user(u))
				in[user(u)] = true
			}
			require.Len(w.t, e.Connected, len(in))
		}
	}
	pending := w.rooms[id].state.View(signaling.UserInfo{UserID: w.rooms[id].state.Info.OwnerID}, 1, 1).Connection
	for q := range begun {
		_, over := ends[q]
		still := pending != nil && slices.ContainsFunc(pending.Requests, func(x signaling.ConnectionRequest) bool { return name(x) == q })
		require.NotEqual(w.t, over, still, "%s: %s is pending or has ended", id, q)
	}
	return ends
}
