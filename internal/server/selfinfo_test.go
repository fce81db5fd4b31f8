package server

import (
	"context"
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// renamed reads on until a room tells of a user's new name.
func (c *raw) renamed() (signaling.RoomID, signaling.UserInfo) {
	c.t.Helper()
	for {
		m := c.next()
		if m.Method != signaling.NotifyRoomEvents {
			continue
		}
		var p signaling.RoomEvents
		require.NoError(c.t, json.Unmarshal(m.Params, &p))
		for _, e := range p.Events {
			if x, ok := e.(signaling.UserInfoChanged); ok {
				return p.RoomID, x.User
			}
		}
	}
}

// A room that cannot be told does not keep the others from it, and the call can be repeated.
func TestSelfInfoReachesEveryRoomThatCanBeReached(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		guest, name := w.login("guest"), "New Name"
		hosts := map[signaling.RoomID]*raw{}
		for _, id := range []signaling.RoomID{"a", "b", "c"} {
			hosts[id] = w.login("host of " + signaling.UserID(id))
			hosts[id].must(signaling.MethodCreateRoom, signaling.CreateRoomParams{Room: signaling.RoomInfo{RoomID: id}}, nil)
			hosts[id].must(signaling.MethodJoinRoom, signaling.JoinParams{RoomID: id}, nil)
			guest.must(signaling.MethodJoinRoom, signaling.JoinParams{RoomID: id}, nil)
		}
		w.srv.mu.Lock()
		b := w.srv.replicas[store.Key{App: app, Room: "b"}]
		w.srv.mu.Unlock()
		await := b.await
		b.await = func(context.Context, uint64) error { return errors.New("out of reach") }
		m := guest.call(signaling.MethodSetSelfInfo, signaling.SelfInfoParams{UserName: &name})
		require.ErrorIs(t, errOf(m), signaling.ErrServerTimeout)
		require.Contains(t, m.Err.Message, "call again")
		for id, host := range hosts {
			from, u := host.renamed()
			require.Equal(t, id, from)
			require.Equal(t, signaling.UserInfo{UserID: "guest", UserName: name, Role: signaling.GeneralUser}, u)
		}
		b.await = await
		guest.must(signaling.MethodSetSelfInfo, signaling.SelfInfoParams{UserName: &name}, nil)
		var list signaling.ListResult
		hosts["a"].must(signaling.MethodListMembers, signaling.ListParams{RoomID: "a", Keyword: "new name"}, &list)
		require.Len(t, list.Members, 1)
	})
}

// Absent fields stay, empty ones are removed, and who is told does not learn of a change that is none.
func TestSelfInfoChangesWhatItNames(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		c, name, avatar, none := w.login("guest"), "Name", "a.png", ""
		c.must(signaling.MethodCreateRoom, signaling.CreateRoomParams{Room: signaling.RoomInfo{RoomID: "r"}}, nil)
		c.must(signaling.MethodJoinRoom, signaling.JoinParams{RoomID: "r"}, nil)
		self := func() signaling.UserInfo {
			var s signaling.Snapshot
			c.must(signaling.MethodSnapshot, signaling.RoomParams{RoomID: "r"}, &s)
			require.Equal(t, s.Self.UserName, s.Room.OwnerName)
			return s.Self
		}
		version := func() uint64 {
			var s signaling.Snapshot
			c.must(signaling.MethodSnapshot, signaling.RoomParams{RoomID: "r"}, &s)
			return s.Version
		}
		time.Sleep(time.Second) // virtual: the entry has been told
		c.must(signaling.MethodSetSelfInfo, signaling.SelfInfoParams{UserName: &name, AvatarURL: &avatar}, nil)
		require.Equal(t, signaling.UserInfo{UserID: "guest", UserName: name, AvatarURL: avatar}, self())
		before := version()
		c.must(signaling.MethodSetSelfInfo, signaling.SelfInfoParams{UserName: &name}, nil)
		require.Equal(t, before, version())
		c.must(signaling.MethodSetSelfInfo, signaling.SelfInfoParams{UserName: &none}, nil)
		require.Equal(t, signaling.UserInfo{UserID: "guest", AvatarURL: avatar}, self())
	})
}

// Anybody in the audience can make a whole room listen this way, so it has a rate of its own.
func TestSelfInfoHasARateOfItsOwn(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		c, name := w.login("guest"), "Name"
		rename := func() error {
			return errOf(c.call(signaling.MethodSetSelfInfo, signaling.SelfInfoParams{UserName: &name}))
		}
		for range renamesBurst {
			require.NoError(t, rename())
		}
		require.ErrorIs(t, rename(), signaling.ErrFreqLimit)
		c.must(signaling.MethodPing, signaling.Empty{}, nil)
		time.Sleep(time.Second / renamesPerSecond) // virtual
		require.NoError(t, rename())
	})
}
