package server

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/internal/home"
	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// waitFor lets virtual time pass; who is there keeps its connection by asking.
func waitFor(d time.Duration, there ...*raw) {
	for range d / time.Second {
		time.Sleep(time.Second) // virtual
		for _, c := range there {
			c.must(signaling.MethodPing, signaling.Empty{}, nil)
		}
	}
}

// seated is a room with its owner and a guest who sits on seat 2 and loses the connection.
func (w *world) seatedAndAway(t *testing.T) (host *raw, login signaling.LoginResult, since uint64) {
	t.Helper()
	host = w.login("host")
	guest, login, err := w.loginAt(0, "guest", nil)
	require.NoError(t, err)
	w.open(host, signaling.FreeToTake)
	guest.must(signaling.MethodJoinRoom, signaling.JoinParams{RoomID: "r"}, nil)
	guest.must(signaling.MethodTakeSeat, take(2), nil)
	settled()
	since = guest.snapshot().Version
	guest.drop()
	return host, login, since
}

// Who was taken out while away is told so on the return, nothing of what came later, and is not let in again by it.
func TestTakenOutWhileAway(t *testing.T) {
	inWorldOf(t, 2, func(t *testing.T, w *world) {
		host, login, since := w.seatedAndAway(t)
		host.must(signaling.MethodKickOut, signaling.UserParams{RoomID: "r", UserID: "guest"}, nil)
		host.must(signaling.MethodTakeSeat, take(7), nil)
		settled()
		require.Equal(t, 1, host.snapshot().Room.MemberCount)

		other, _, err := w.loginAt(1, "guest", &signaling.Resume{SessionID: login.SessionID})
		require.NoError(t, err)
		m := other.call(signaling.MethodJoinRoom, signaling.JoinParams{RoomID: "r", Since: since})
		require.ErrorIs(t, errOf(m), signaling.ErrNotInRoom, "at another node, which has not had the room")
		other.drop()

		guest := w.resumed("guest", login.SessionID, since)
		require.Len(t, guest.events(), 1)
		var kicked bool
		for _, e := range guest.events()[0].Events {
			switch e := e.(type) {
			case signaling.KickedOutOfRoom:
				kicked = true
			case signaling.SeatsChanged:
				require.Empty(t, e.Seated, "that was later")
			}
		}
		require.True(t, kicked)
		told := guest.events()[0].Version
		guest.drop()
		guest = w.resumed("guest", login.SessionID, told)
		require.Empty(t, guest.events(), "of a room that it is out of")
		m = guest.call(signaling.MethodJoinRoom, signaling.JoinParams{RoomID: "r", Since: since})
		require.ErrorIs(t, errOf(m), signaling.ErrNotInRoom)
		m = guest.call(signaling.MethodSnapshot, signaling.RoomParams{RoomID: "r"})
		require.ErrorIs(t, errOf(m), signaling.ErrNotInRoom)
		guest.must(signaling.MethodJoinRoom, signaling.JoinParams{RoomID: "r"}, nil)
		settled()
		require.Equal(t, 2, host.snapshot().Room.MemberCount, "a wish of its own")
	})
}

// Who was away when the room ended is told so on the return, once.
func TestDismissedWhileAway(t *testing.T) {
	inWorldOf(t, 2, func(t *testing.T, w *world) {
		host, login, since := w.seatedAndAway(t)
		host.must(signaling.MethodDismissRoom, signaling.RoomParams{RoomID: "r"}, nil)
		host.must(signaling.MethodCreateRoom, signaling.CreateRoomParams{Room: signaling.RoomInfo{RoomID: "r"}}, nil)
		guest := w.resumed("guest", login.SessionID, since)
		require.Len(t, guest.events(), 1)
		list := guest.events()[0].Events
		require.IsType(t, signaling.RoomDismissed{}, list[len(list)-1])
		m := guest.call(signaling.MethodSnapshot, signaling.RoomParams{RoomID: "r"})
		require.ErrorIs(t, errOf(m), signaling.ErrRoomNotExist, "the new room with its id is another")
	})
}

// The seat of who does not return becomes free after the grace period, exactly once, and not a moment earlier.
func TestGraceEndsOnce(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		host, login, since := w.seatedAndAway(t)
		waitFor(20*time.Second, host)
		guest := w.resumed("guest", login.SessionID, since)
		waitFor(20*time.Second, host, guest)
		require.Equal(t, signaling.UserID("guest"), host.snapshot().Seats[2].UserID, "the return has stopped the clock")
		guest.drop()
		waitFor(29*time.Second, host)
		require.Equal(t, signaling.UserID("guest"), host.snapshot().Seats[2].UserID)
		host.heard = nil
		waitFor(60*time.Second, host)
		host.snapshot()
		freed := 0
		for _, e := range host.events() {
			for _, ev := range e.Events {
				if c, ok := ev.(signaling.SeatsChanged); ok && len(c.Left) > 0 {
					freed++
				}
			}
		}
		require.Equal(t, 1, freed)
		require.Zero(t, metric(t, w.srv, "voiceroom_sessions_away"))
		_, res, err := w.loginAt(0, "guest", &signaling.Resume{SessionID: login.SessionID, Versions: versions{"r": since}})
		require.NoError(t, err)
		require.False(t, res.Resumed, "too late")
	})
}

// After a restart of everything the seat waits for the grace period, too, and no longer.
func TestGraceEndsAfterARestart(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.seatedAndAway(t)
		w.stop(0)
		w.nodes[0] = w.start(w.nodes[0].addr)
		began := time.Now()
		host, _, err := w.loginAt(0, "host", nil)
		require.NoError(t, err)
		host.must(signaling.MethodJoinRoom, signaling.JoinParams{RoomID: "r"}, nil)
		require.Equal(t, signaling.UserID("guest"), host.snapshot().Seats[2].UserID)
		for host.snapshot().Seats[2].UserID != "" {
			waitFor(time.Second, host)
		}
		require.InDelta(t, 30, time.Since(began).Seconds(), 5)
	})
}

// Who logs in anew instead of going on gives up what the former session had: that is a departure.
func TestFreshLoginEndsTheSessionThatIsAway(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		host, login, _ := w.seatedAndAway(t)
		_, again, err := w.loginAt(0, "guest", nil)
		require.NoError(t, err)
		require.NotEqual(t, login.SessionID, again.SessionID)
		settled()
		require.Empty(t, host.snapshot().Seats[2].UserID)
		require.Zero(t, metric(t, w.srv, "voiceroom_sessions_away"))
	})
}

// A version that the history does not reach makes the client ask for a snapshot: a version without the one before it.
// One that is newer than the room's makes nothing worse.
func TestResumeFromAnywhere(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		host, login, since := w.seatedAndAway(t)
		for range maxPast/2 + 1 {
			host.must(signaling.MethodTakeSeat, take(4), nil)
			host.must(signaling.MethodLeaveSeat, signaling.RoomParams{RoomID: "r"}, nil)
			time.Sleep(50 * time.Millisecond) // virtual: within the rate, and the pings
		}
		guest := w.resumed("guest", login.SessionID, since)
		require.Len(t, guest.events(), 1)
		gap := guest.events()[0]
		require.Empty(t, gap.Events)
		require.NotEqual(t, since, gap.Prev)
		require.Greater(t, gap.Version, since)
		now := guest.snapshot().Version
		require.Equal(t, gap.Version, now)

		for _, version := range []uint64{now + 1000, 1<<64 - 1, 0} {
			guest.drop()
			guest = w.resumed("guest", login.SessionID, version)
			require.Equal(t, now, guest.snapshot().Version)
		}
		host.must(signaling.MethodTakeSeat, take(4), nil)
		guest.heard = nil
		guest.snapshot()
		require.Len(t, guest.events(), 1)
		require.Equal(t, now, guest.events()[0].Prev)
	})
}

// The limits are tests: a client reads 256 KiB at a time, and one that cannot read what it missed would lose its
// connection by it, come back, and miss the same.
func TestWhatWasMissedFitsIntoAMessage(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		host := w.dial()
		long := signaling.LoginParams{
			SDKAppID: app, UserID: "host", UserSig: w.sig("host"), UserName: strings.Repeat("n", 100), AvatarURL: strings.Repeat("a", 200),
		}
		host.must(signaling.MethodLogin, long, nil)
		guest, login, err := w.loginAt(0, "guest", nil)
		require.NoError(t, err)
		w.open(host, signaling.FreeToTake)
		guest.must(signaling.MethodJoinRoom, signaling.JoinParams{RoomID: "r"}, nil)
		host.must(signaling.MethodTakeSeat, take(0), nil)
		since := guest.snapshot().Version
		guest.drop()
		for i := range maxPast - 10 {
			host.must(signaling.MethodMoveSeat, signaling.MoveSeatParams{RoomID: "r", Index: signaling.SeatIndex(1 + i%2)}, nil)
			time.Sleep(30 * time.Millisecond) // virtual
		}
		guest = w.resumed("guest", login.SessionID, since)
		for _, m := range guest.heard {
			require.Less(t, len(m.Params), 2*signaling.MaxFrame)
		}
		require.Len(t, guest.events(), 1)
		m := guest.call(signaling.MethodJoinRoom, signaling.JoinParams{RoomID: "r", Since: since})
		require.NoError(t, errOf(m))
		require.Less(t, len(m.Result), 2*signaling.MaxFrame)
	})
}

func entry(version uint64, events ...room.Event) home.Entry {
	return home.Entry{Version: version, Events: events}
}

func public(n int) (list []room.Event) {
	for i := range n {
		list = append(list, room.Event{Event: signaling.UsersLeft{Count: i}})
	}
	return list
}

// The limits are tests. A busy room keeps its newest past only, in entries and in events; one entry is always kept, for
// without it the history would not know where it is.
func TestHistoryIsBounded(t *testing.T) {
	var h history
	for v := range uint64(3 * maxPast) {
		h.add(entry(v+1, public(1)...), true)
	}
	require.Len(t, h.list, maxPast)
	require.True(t, h.reaches(2*maxPast))
	require.False(t, h.reaches(2*maxPast-1))

	h = history{}
	h.add(entry(1, public(maxPastEvents)...), false)
	require.Equal(t, maxPastEvents, h.events)
	h.add(entry(2, public(1)...), true)
	require.Equal(t, 1, h.events, "the older one has to go")
	h.add(entry(3, public(2*maxPastEvents)...), true)
	require.Len(t, h.list, 1)
	require.True(t, h.reaches(2))

	h.add(entry(9, public(1)...), false)
	require.Len(t, h.list, 1, "a gap is the beginning")
	require.Equal(t, 1, h.events)
	require.False(t, h.reaches(3))
	require.True(t, h.reaches(8))
	require.True(t, h.reaches(100))
	require.False(t, new(history).reaches(0))

	h = history{}
	h.add(entry(5, public(1)...), false)
	for v := range uint64(2 * maxPast) { // likes, for minutes
		h.add(entry(6+v, room.Event{Counted: &room.Counted{Likes: 1}}), true)
	}
	h.add(entry(6+2*maxPast, public(1)...), true)
	h.add(entry(7+2*maxPast), true)
	require.Len(t, h.list, 2, "what tells nothing takes no place")
	for since, want := range map[uint64]int{4: 2, 5: 1, 100: 1, 6 + 2*maxPast: 0, 7 + 2*maxPast: 0} {
		seen, known := h.visible("u", since)
		require.True(t, known, "%d", since)
		require.Len(t, seen, want, "%d", since)
	}
	_, known := h.visible("u", 8+2*maxPast)
	require.False(t, known, "there is no such version")
}

// A user sees public events and its own, up to the moment when it is taken out.
func TestHistoryIsCutAtTheExpulsion(t *testing.T) {
	own := func(u signaling.UserID) room.Event {
		return room.Event{To: []signaling.UserID{u}, Event: signaling.KickedOffSeat{Index: 1}}
	}
	out := room.Event{To: []signaling.UserID{"u"}, Event: signaling.KickedOutOfRoom{}}
	var h history
	h.add(entry(5, public(1)...), false)
	h.add(entry(6, own("u"), own("v"), room.Event{}), true)
	h.add(entry(7, append(public(1), out)...), true)
	h.add(entry(8, public(3)...), true)
	count := func(u signaling.UserID, since uint64) int {
		seen, known := h.visible(u, since)
		require.True(t, known)
		return len(seen)
	}
	require.Equal(t, 4, count("u", 4), "one, own, and the entry of its end")
	require.Equal(t, 3, count("u", 5))
	require.Equal(t, 6, count("v", 4))
	require.Equal(t, 3, count("v", 7))
	require.Zero(t, count("v", 8))
	_, known := h.visible("u", 3)
	require.False(t, known, "version 4 is not here")
	require.True(t, h.expelled("u", 6))
	require.False(t, h.expelled("u", 7))
	require.False(t, h.expelled("v", 0))
}

// The limit is a test: few events can be large.
func TestHistoryThatIsTooMuchForAMessage(t *testing.T) {
	crowd := signaling.UsersEntered{}
	for range 100 {
		crowd.Users = append(crowd.Users, signaling.UserInfo{UserID: "u", UserName: strings.Repeat("n", 100), AvatarURL: strings.Repeat("a", 200)})
	}
	var h history
	h.add(entry(1, room.Event{Event: crowd}), false)
	_, known := h.visible("u", 0)
	require.True(t, known)
	h.add(entry(2, room.Event{Event: crowd}), true)
	_, known = h.visible("u", 0)
	require.False(t, known)
	_, known = h.visible("u", 1)
	require.True(t, known, "but the second half is not")
}
