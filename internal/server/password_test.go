package server

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// A room's password is asked for at every entry, and shown by nothing: not to members, in lists, to the app's server, in its
// callbacks.
func TestPassword_isAskedForAndNotShown(t *testing.T) {
	inWorldOf(t, 2, func(t *testing.T, w *world) {
		h := w.hook(t)
		const first, second = "Sesam-öffne-dich", "another-word"
		var seen []string
		note := func(m signaling.Message) signaling.Message {
			seen = append(seen, string(m.Result))
			return m
		}
		host := w.login("host")
		require.NoError(t, errOf(note(host.call(signaling.MethodCreateRoom, signaling.CreateRoomParams{Room: signaling.RoomInfo{RoomID: "r"}, Password: first}))))
		require.NoError(t, errOf(note(host.call(signaling.MethodJoinRoom, signaling.JoinParams{RoomID: "r"}))))
		_, login, err := w.loginAt(1, "nobody", nil)
		require.NoError(t, err)
		require.NotEmpty(t, login.SessionID)

		guest := w.dialAt(1)
		guest.must(signaling.MethodLogin, signaling.LoginParams{SDKAppID: app, UserID: "guest", UserSig: w.sig("guest")}, nil)
		join := func(password string) error {
			return errOf(note(guest.call(signaling.MethodJoinRoom, signaling.JoinParams{RoomID: "r", Password: password})))
		}
		require.ErrorIs(t, join(""), signaling.ErrPasswordNeeded)
		require.ErrorIs(t, join("x"), signaling.ErrWrongPassword)
		require.NoError(t, join(first))
		note(guest.call(signaling.MethodSnapshot, signaling.RoomParams{RoomID: "r"}))
		note(guest.call(signaling.MethodGetRoom, signaling.GetRoomParams{RoomID: "r"}))
		note(guest.call(signaling.MethodListRooms, signaling.ListRoomsParams{}))
		require.Contains(t, seen[len(seen)-1], `"hasPassword":true`)

		host.must(signaling.MethodUpdateRoom, map[string]any{"roomId": "r", "password": second}, nil)
		settled()
		seen = append(seen, guest.told()...)
		require.Contains(t, seen[len(seen)-1], "roomUpdated")
		require.ErrorIs(t, errOf(guest.call(signaling.MethodUpdateRoom, map[string]any{"roomId": "r", "password": ""})), signaling.ErrNeedManager)
		guest.must(signaling.MethodLeaveRoom, signaling.RoomParams{RoomID: "r"}, nil)
		require.ErrorIs(t, join(first), signaling.ErrWrongPassword)
		require.NoError(t, join(second))

		seen = append(seen, w.rest("get_room_info", `{"RoomId":"r"}`), w.rest("get_room_list", `{"Next":""}`))
		answers(t, restOK, w.rest("update_room_info", `{"RoomInfo":{"RoomId":"r","RoomName":"New"}}`))
		settled()
		h.mu.Lock()
		seen = append(seen, h.bodies...)
		h.mu.Unlock()
		require.Contains(t, seen[len(seen)-1], `"RoomName":"New"`)
		for _, text := range seen {
			require.NotContains(t, text, first)
			require.NotContains(t, text, second)
			require.NotContains(t, text, "salt")
			require.NotContains(t, text, `"hash"`)
		}
	})
}

// One session cannot have its node derive keys all the time.
func TestPasswords_areBounded(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		host, eve := w.login("host"), w.login("eve")
		w.open(host, signaling.FreeToTake)
		for i := range 20 {
			err := errOf(eve.call(signaling.MethodCreateRoom, signaling.CreateRoomParams{Room: signaling.RoomInfo{RoomID: signaling.RoomID(strings.Repeat("e", i+1))}, Password: "x"}))
			if i < passwordsBurst {
				require.NoError(t, err)
			} else {
				require.ErrorIs(t, err, signaling.ErrFreqLimit)
			}
		}
		require.ErrorIs(t, errOf(eve.call(signaling.MethodJoinRoom, signaling.JoinParams{RoomID: "r", Password: "x"})), signaling.ErrFreqLimit)
		require.NoError(t, errOf(eve.call(signaling.MethodJoinRoom, signaling.JoinParams{RoomID: "r"})))
		time.Sleep(time.Second / passwordsPerSecond)
		require.NoError(t, errOf(eve.call(signaling.MethodJoinRoom, signaling.JoinParams{RoomID: "r", Password: "needless"})))
		require.ErrorIs(t, errOf(eve.call(signaling.MethodCreateRoom, signaling.CreateRoomParams{Room: signaling.RoomInfo{RoomID: "q"}, Password: "\n"})), signaling.ErrFreqLimit)
		time.Sleep(time.Second)
		require.ErrorIs(t, errOf(eve.call(signaling.MethodCreateRoom, signaling.CreateRoomParams{Room: signaling.RoomInfo{RoomID: "q"}, Password: "\n"})), signaling.ErrInvalidParameter)
	})
}

// Somebody knocks while the room gets a new home, to which their node says whom it has.
func TestPassword_isAskedForWhileTheHomeDies(t *testing.T) {
	inWorldOf(t, 2, func(t *testing.T, w *world) {
		host := w.login("host")
		host.must(signaling.MethodCreateRoom, signaling.CreateRoomParams{Room: signaling.RoomInfo{RoomID: "r"}, Password: "geheim"}, nil)
		login := func(u signaling.UserID) *raw {
			c, _, err := w.loginAt(1, u, nil)
			require.NoError(t, err)
			return c
		}
		guest, eve := login("guest"), login("eve")
		guest.must(signaling.MethodJoinRoom, signaling.JoinParams{RoomID: "r", Password: "geheim"}, nil)
		w.nodes[0].store.Pause() // as if it were dead; eve's call waits
		defer w.nodes[0].store.Resume()
		knocked := make(chan error, 1)
		go func() {
			knocked <- errOf(eve.call(signaling.MethodJoinRoom, signaling.JoinParams{RoomID: "r"}))
		}()
		require.ErrorIs(t, <-knocked, signaling.ErrPasswordNeeded)
		for range 3 {
			settled()
			require.ErrorIs(t, errOf(eve.call(signaling.MethodJoinRoom, signaling.JoinParams{RoomID: "r"})), signaling.ErrPasswordNeeded)
		}
		var list signaling.ListResult
		guest.must(signaling.MethodListMembers, signaling.ListParams{RoomID: "r"}, &list)
		require.Equal(t, 1, list.Total)
	})
}
