package signaling

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
)

// TestTransitions decides every state with every input. What is not in the table must be refused and change nothing.
func TestTransitions(t *testing.T) {
	inputs := map[connInput]string{
		inputDial: "dial", inputOpen: "open", inputLogin: "login", inputLogout: "logout", inputFail: "fail", inputClose: "close",
	}
	type arrow struct {
		from ConnState
		in   connInput
	}
	allowed := map[arrow]ConnState{
		{Idle, inputDial}:        Connecting,
		{Idle, inputFail}:        Closed,
		{Idle, inputClose}:       Closed,
		{Connecting, inputOpen}:  Connected,
		{Connecting, inputFail}:  Closed,
		{Connecting, inputClose}: Closed,
		{Connected, inputLogin}:  LoggedIn,
		{Connected, inputFail}:   Closed,
		{Connected, inputClose}:  Closed,
		{LoggedIn, inputLogout}:  Connected,
		{LoggedIn, inputFail}:    Closed,
		{LoggedIn, inputClose}:   Closed,
	}
	for from := Idle; from <= Closed; from++ {
		for in := inputDial; in <= inputClose; in++ {
			want, ok := allowed[arrow{from, in}]
			if !ok {
				want = from
			}
			t.Run(fmt.Sprintf("%v->%s->%v", from, inputs[in], want), func(t *testing.T) {
				got, accepted := next(from, in)
				assert.Equal(t, want, got)
				assert.Equal(t, ok, accepted)
			})
		}
	}
	assert.Len(t, inputs, int(inputClose)+1, "an input without a name is an input without a test")
}

// The session's states: every arrow that exists, and nothing else happens.
func TestSessionTransitions(t *testing.T) {
	type arrow struct {
		from SessionState
		in   sessionInput
	}
	allowed := map[arrow]SessionState{
		{Offline, sessionLogin}: Online,
		{Offline, sessionClose}: Over,
		{Offline, sessionEnd}:   Over,
		{Online, sessionLost}:   Away,
		{Online, sessionClose}:  Over,
		{Online, sessionEnd}:    Over,
		{Away, sessionLogin}:    Online,
		{Away, sessionClose}:    Over,
		{Away, sessionEnd}:      Over,
	}
	for from := Offline; from <= Over; from++ {
		for in := sessionLogin; in <= sessionEnd; in++ {
			want, ok := allowed[arrow{from, in}]
			if !ok {
				want = from
			}
			t.Run(fmt.Sprintf("%v->%d->%v", from, in, want), func(t *testing.T) {
				got := from
				assert.Equal(t, ok, got.step(in))
				assert.Equal(t, want, got)
			})
		}
	}
}

// The plan of a reconnection: every server at once, then pauses that grow and stop growing.
func TestPause(t *testing.T) {
	for _, c := range []struct {
		attempt, servers int
		r                float64
		want             time.Duration
	}{
		{0, 1, 0, 0}, {0, 1, 0.5, 50 * time.Millisecond},
		{1, 2, 0.5, 50 * time.Millisecond},  // the second server, without a pause
		{1, 1, 0.5, 300 * time.Millisecond}, // the only server again
		{1, 1, 0, 150 * time.Millisecond},
		{2, 2, 0.5, 300 * time.Millisecond},
		{3, 2, 0.5, 50 * time.Millisecond},
		{2, 1, 0.5, 1200 * time.Millisecond},
		{3, 1, 0.5, 2700 * time.Millisecond},
		{4, 1, 0.5, 4800 * time.Millisecond},
		{5, 1, 0.5, 7 * time.Second}, {1000, 1, 0.5, 7 * time.Second},
	} {
		assert.Equal(t, c.want, pause(c.attempt, c.servers, c.r), "attempt %d of %d servers", c.attempt, c.servers)
	}
}

func TestServers(t *testing.T) {
	assert.Equal(t, []string{"ws://b", "ws://a", "ws://c"}, servers("ws://b", "ws://a", []string{"ws://a", "ws://b", "", "ws://c"}))
	assert.Equal(t, []string{"ws://a"}, servers("ws://a", "ws://a", nil))
	assert.Equal(t, []string{"ws://a"}, servers("ws://a", "ws://a", []string{"b:80", "http://b", "://"}), "a wrong --url of a node ends no session")
	assert.Equal(t, []string{"wss://a", "WSS://b"}, servers("wss://a", "wss://a", []string{"ws://a", "WSS://b", "ws://c"}), "no token in clear")
	assert.Equal(t, []string{"ws://a", "wss://b"}, servers("ws://a", "ws://a", []string{"wss://b"}))
}
