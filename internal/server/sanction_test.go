package server

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/internal/home"
	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// A node that has lost events does not know who was muted in them: it asks before it shows a snapshot.
func TestSnapshotAfterALossHasTheMute(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		host := w.login("host")
		host.must(signaling.MethodCreateRoom, signaling.CreateRoomParams{Room: signaling.RoomInfo{RoomID: "r"}}, nil)
		host.must(signaling.MethodJoinRoom, signaling.JoinParams{RoomID: "r"}, nil)
		ann := w.member(0, "ann")
		host.must(signaling.MethodMute, signaling.MuteParams{RoomID: "r", Users: []signaling.UserID{"ann"}, Duration: 60}, nil)
		synctest.Wait()
		until := func() int64 {
			var s signaling.Snapshot
			ann.must(signaling.MethodSnapshot, signaling.RoomParams{RoomID: "r"}, &s)
			return s.MutedUntil
		}
		want := time.Now().Add(time.Minute).UnixMilli()
		require.Equal(t, want, until())

		w.srv.mu.Lock()
		r := w.srv.replicas[store.Key{App: app, Room: "r"}]
		w.srv.mu.Unlock()
		forget := func() {
			r.mu.Lock()
			defer r.mu.Unlock()
			for m := range r.members {
				m.mute = mute{}
			}
		}
		forget()
		require.Zero(t, until(), "the test makes it forget")
		r.mu.Lock()
		e := r.entry
		r.mu.Unlock()
		e.Events = nil
		r.deliver(e, false)
		require.Equal(t, want, until())
		forget()
		require.Zero(t, until(), "it asked once")
	})
}

func TestMuteIsKnownByTheNewestWord(t *testing.T) {
	muted := func(version uint64, until int64, who ...signaling.UserID) home.Entry {
		return home.Entry{Version: version, Events: []room.Event{{Event: signaling.SendMessageDisabledChanged{Users: who, Disabled: until != 0, Until: until}}}}
	}
	m := &membership{replica: &replica{}, user: signaling.UserInfo{UserID: "ann"}}
	m.muteKnown(7, 3)
	require.Equal(t, mute{until: 7, version: 3}, m.mute)
	m.mute.follow(muted(4, 0, "bob"), true, "ann")
	require.Equal(t, mute{until: 7, version: 3}, m.mute, "another's")
	m.mute.follow(muted(5, 0, "bob", "ann"), true, "ann")
	require.Equal(t, mute{version: 5}, m.mute)
	m.muteKnown(7, 4)
	require.Equal(t, mute{version: 5}, m.mute, "an event was faster")
	m.mute.follow(home.Entry{Version: 9}, false, "ann")
	require.Equal(t, mute{version: 5, unknown: true}, m.mute)
	m.muteKnown(8, 8)
	require.True(t, m.mute.unknown, "that was before the loss")
}
