package server

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/internal/home"
	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// diary is an app's server that notes who comes and goes: +guest, ~guest (away), *guest (back), -guest.
type diary struct {
	mu     sync.Mutex
	lines  []string
	causes map[signaling.UserID]*room.Cause // of the newest change of a seat
}

func (d *diary) Wanted(id signaling.AppID) bool { return id == app }

func (d *diary) Record(_ store.Key, _ uint64, e home.Entry) []byte {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, ev := range e.Events {
		switch e := ev.Event.(type) {
		case signaling.UsersEntered:
			for _, u := range e.Users {
				d.lines = append(d.lines, "+"+string(u.UserID))
			}
		case signaling.UsersLeft:
			for _, u := range e.Users {
				d.lines = append(d.lines, "-"+string(u.UserID))
			}
		case signaling.SeatsChanged:
			for _, u := range e.Seated {
				d.causes[u.UserID] = ev.Cause
			}
		}
		if h := ev.Heartbeat; h != nil {
			for _, u := range h.Users {
				d.lines = append(d.lines, map[bool]string{false: "~", true: "*"}[h.Recovered]+string(u))
			}
		}
	}
	return nil
}

// since returns what has been noted since the last call.
func (d *diary) since() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	list := d.lines
	d.lines = nil
	return list
}

func TestHeartbeat_isToldOfClientsThatAreAway(t *testing.T) {
	d := &diary{causes: map[signaling.UserID]*room.Cause{}}
	inWorldTold(t, 2, d, func(t *testing.T, w *world) {
		host := w.login("host")
		w.open(host, signaling.FreeToTake)
		pass := func() { settled(); host.snapshot() } // who does not read is cut off
		guest, login, err := w.loginAt(0, "guest", nil)
		require.NoError(t, err)
		guest.must(signaling.MethodJoinRoom, signaling.JoinParams{RoomID: "r"}, nil)
		pass()
		since := guest.snapshot().Version
		assert.Equal(t, []string{"+host", "+guest"}, d.since())
		guest.drop()
		pass()
		assert.Equal(t, []string{"~guest"}, d.since())
		guest = w.resumed("guest", login.SessionID, since)
		pass()
		assert.Equal(t, []string{"*guest"}, d.since())
		require.Equal(t, since, guest.snapshot().Version-2, "two entries, of which nobody in the room is told")
		since += 2
		guest.drop()
		pass()
		guest, _, err = w.loginAt(1, "guest", &signaling.Resume{SessionID: login.SessionID, Versions: versions{"r": since}})
		require.NoError(t, err)
		pass()
		assert.Equal(t, []string{"~guest"}, d.since(), "she is logged in, and not in the room")
		guest.must(signaling.MethodJoinRoom, signaling.JoinParams{RoomID: "r", Since: since}, nil)
		pass()
		assert.Equal(t, []string{"*guest"}, d.since())
		guest.must(signaling.MethodTakeSeat, take(1), nil)
		pass()
		assert.Equal(t, &room.Cause{By: "guest", IP: d.causes["guest"].IP, Platform: signaling.PlatformUnknown}, d.causes["guest"])
		guest.must(signaling.MethodLogout, signaling.Empty{}, nil)
		guest.closed()
		pass()
		assert.Equal(t, []string{"-guest"}, d.since())

		again := w.login("guest")
		again.must(signaling.MethodJoinRoom, signaling.JoinParams{RoomID: "r"}, nil)
		pass()
		w.login("guest") // a later login ends the earlier one, which is no interrupt
		again.closed()
		pass()
		assert.Equal(t, []string{"+guest", "-guest"}, d.since())
		again = w.login("guest")
		again.must(signaling.MethodJoinRoom, signaling.JoinParams{RoomID: "r"}, nil)
		again.drop()
		pass()
		w.stop(1) // it is not the room's home
		assert.Equal(t, []string{"+guest", "~guest"}, d.since())
		for _, m := range host.heard {
			assert.NotContains(t, string(m.Params), "heartbeat")
			assert.NotContains(t, string(m.Params), "cause")
			assert.NotContains(t, string(m.Params), "platform")
		}
		assert.NotEmpty(t, host.heard)
	})
}
