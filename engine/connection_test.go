package engine_test

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/signaling"
	"github.com/openvoiceroom/openvoiceroom/voiceroom/voiceroomtest"
)

// cohost is an owner in the own room, who notes what is told of connections.
type cohost struct {
	*engine.Connections
	room *engine.Room
	user *voiceroomtest.User

	mu   sync.Mutex
	told []string
}

// cohosts starts a room on a node for each name; the room has the owner's name.
func cohosts(t *testing.T, srv *voiceroomtest.Server, nodes int, names ...string) map[string]*cohost {
	t.Helper()
	all := map[string]*cohost{}
	for i, name := range names {
		u := srv.NewUserOn(t, i%nodes, engine.UserID(name))
		_, err := u.StartVoiceRoom(t.Context(), engine.RoomInfo{RoomID: engine.RoomID(name)})
		require.NoError(t, err)
		all[name] = watchConnection(t, u, u.Room())
	}
	return all
}

func watchConnection(t *testing.T, u *voiceroomtest.User, room *engine.Room) *cohost {
	c := &cohost{Connections: room.Connections(), room: room, user: u}
	note := c.note
	room.AddObserver(&engine.RoomObserver{ // what an observer is given is its own
		OnConnectionUserListChanged: func(_ engine.RoomID, connected, joined, left []engine.ConnectionUser) {
			clear(connected)
			clear(joined)
			clear(left)
		},
		OnConnectionRequestReceived: func(_ engine.RoomID, _ engine.ConnectionUser, list []engine.ConnectionUser, _ string) { clear(list) },
	})
	room.AddObserver(&engine.RoomObserver{
		OnConnectionUserListChanged: func(_ engine.RoomID, connected, joined, left []engine.ConnectionUser) {
			note("now %v +%v -%v", ids(connected), ids(joined), ids(left))
		},
		OnConnectionRequestReceived: func(_ engine.RoomID, inviter engine.ConnectionUser, list []engine.ConnectionUser, ext string) {
			note("asked by %s among %v: %s", inviter.RoomID, ids(list), ext)
		},
		OnConnectionRequestCancelled: func(_ engine.RoomID, inviter engine.ConnectionUser) { note("cancelled by %s", inviter.RoomID) },
		OnConnectionRequestAccept:    func(_ engine.RoomID, invitee engine.ConnectionUser) { note("%s accepts", invitee.RoomID) },
		OnConnectionRequestReject:    func(_ engine.RoomID, invitee engine.ConnectionUser) { note("%s rejects", invitee.RoomID) },
		OnConnectionRequestTimeout: func(_ engine.RoomID, inviter, invitee engine.ConnectionUser) {
			note("no answer to %s from %s", inviter.RoomID, invitee.RoomID)
		},
		OnConnectionMuted: func(_, connected engine.RoomID, muted bool) { note("%s muted: %v", connected, muted) },
	})
	return c
}

func ids(users []engine.ConnectionUser) []engine.RoomID {
	list := []engine.RoomID{}
	for _, u := range users {
		list = append(list, u.RoomID)
	}
	return list
}

func (c *cohost) note(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.told = append(c.told, fmt.Sprintf(format, args...))
}

// heard returns what has been told since.
func (c *cohost) heard() []string {
	synctest.Wait()
	c.mu.Lock()
	defer c.mu.Unlock()
	told := c.told
	c.told = nil
	return told
}

func ask(t *testing.T, c *cohost, timeout time.Duration, rooms ...engine.RoomID) {
	t.Helper()
	codes, err := c.RequestConnection(t.Context(), rooms, timeout, "pk")
	require.NoError(t, err)
	for _, id := range rooms {
		require.Equal(t, engine.ConnectionSuccess, codes[id], id)
	}
}

// Three rooms on two nodes: asked, accepted, rejected, timed out, cancelled, muted, and apart again.
func TestConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.Config{Nodes: 2}.NewServer(t)
		all := cohosts(t, srv, 2, "amy", "bob", "cem")
		amy, bob, cem := all["amy"], all["bob"], all["cem"]
		guest := srv.NewUserOn(t, 1, "guest")
		_, err := guest.JoinVoiceRoom(t.Context(), "amy")
		require.NoError(t, err)
		audience := watchConnection(t, guest, guest.Room())
		ctx := t.Context()

		ask(t, amy, 10*time.Second, "bob", "cem")
		require.Len(t, amy.Requests(), 2, "with the answer")
		require.Equal(t, []string{"asked by amy among [bob cem]: pk"}, bob.heard())
		require.Equal(t, engine.UserID("amy"), bob.Requests()[0].Inviter.UserID)
		require.NoError(t, bob.AcceptConnection(ctx, "amy"))
		require.Equal(t, []string{"now [amy bob] +[amy bob] -[]"}, bob.heard())
		require.Equal(t, []string{"bob accepts", "now [amy bob] +[amy bob] -[]"}, amy.heard())
		require.Equal(t, []string{"now [amy bob] +[amy bob] -[]"}, audience.heard(), "requests are the owners' business")
		require.Empty(t, audience.Requests())
		time.Sleep(11 * time.Second)
		require.Equal(t, []string{"asked by amy among [bob cem]: pk", "no answer to amy from cem"}, cem.heard())
		require.Equal(t, []string{"no answer to amy from cem"}, amy.heard())
		require.Empty(t, append(amy.Requests(), cem.Requests()...))

		ask(t, bob, 0, "cem")
		cem.heard()
		require.NoError(t, bob.CancelConnectionRequest(ctx, []engine.RoomID{"cem"}))
		require.Equal(t, []string{"cancelled by bob"}, cem.heard())
		require.ErrorIs(t, cem.AcceptConnection(ctx, "bob"), signaling.ErrConnectionProcessed)
		ask(t, bob, time.Minute, "cem")
		synctest.Wait()
		require.NoError(t, cem.RejectConnection(ctx, "bob"))
		require.Equal(t, []string{"cem rejects"}, bob.heard())
		ask(t, bob, time.Minute, "cem")
		synctest.Wait()
		require.NoError(t, cem.AcceptConnection(ctx, "bob"))
		require.Equal(t, []string{"now [amy bob cem] +[cem] -[]"}, audience.heard())
		require.Equal(t, []engine.RoomID{"amy", "bob", "cem"}, ids(cem.Connected()))
		require.NotZero(t, cem.Connected()[0].JoinConnectionTime)

		amy.heard()
		require.NoError(t, amy.MuteConnection(ctx, "cem", true))
		require.Equal(t, []string{"cem muted: true"}, audience.heard())
		require.Equal(t, []engine.RoomID{"cem"}, audience.Muted())
		require.Empty(t, bob.Muted(), "each room for itself")
		require.ErrorIs(t, audience.MuteConnection(ctx, "cem", false), engine.ErrNeedManager)
		require.ErrorIs(t, amy.MuteConnection(ctx, "zoe", true), signaling.ErrNotInConnection)
		require.ErrorIs(t, amy.MuteConnection(ctx, "amy", true), engine.ErrInvalidParameter)
		late := srv.NewUserOn(t, 1, "late")
		_, err = late.JoinVoiceRoom(ctx, "amy")
		require.NoError(t, err)
		require.Equal(t, []engine.RoomID{"amy", "bob", "cem"}, ids(late.Room().Connections().Connected()))
		require.Equal(t, []engine.RoomID{"cem"}, late.Room().Connections().Muted())

		_, err = audience.RequestConnection(ctx, []engine.RoomID{"cem"}, 0, "")
		require.ErrorIs(t, err, engine.ErrNeedOwner)
		require.ErrorIs(t, audience.Disconnect(ctx), engine.ErrNeedOwner)
		require.NoError(t, cem.Disconnect(ctx))
		require.Equal(t, []string{"now [amy bob] +[] -[cem]"}, audience.heard())
		require.Empty(t, audience.Muted())
		bob.heard()
		_, err = bob.user.StopVoiceRoom(ctx)
		require.NoError(t, err) // the last but one
		time.Sleep(3 * time.Second)
		require.Equal(t, []string{"now [] +[] -[amy bob]"}, audience.heard())
		require.ErrorIs(t, amy.Disconnect(ctx), signaling.ErrConnectionNotExist)
		require.ErrorIs(t, amy.MuteConnection(ctx, "bob", true), signaling.ErrConnectionNotExist)
		codes, err := amy.RequestConnection(ctx, []engine.RoomID{"bob"}, 0, "")
		require.NoError(t, err)
		require.Equal(t, engine.ConnectionRoomNotExist, codes["bob"])
	})
}

// A room is handed over while it is asked: who may answer is the new owner.
func TestConnectionRequestGoesToTheNewOwner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.Config{Nodes: 2}.NewServer(t)
		all := cohosts(t, srv, 2, "amy", "bob")
		amy, bob := all["amy"], all["bob"]
		heir := srv.NewUserOn(t, 1, "heir")
		_, err := heir.JoinVoiceRoom(t.Context(), "bob")
		require.NoError(t, err)
		next := watchConnection(t, heir, heir.Room())
		ask(t, amy, time.Minute, "bob")
		bob.heard()
		require.NoError(t, bob.room.Members().ChangeUserRole(t.Context(), "heir", engine.RoomOwner))
		require.Equal(t, []string{"cancelled by amy"}, bob.heard())
		require.Equal(t, []string{"asked by amy among [bob]: pk"}, next.heard())
		require.ErrorIs(t, bob.AcceptConnection(t.Context(), "amy"), engine.ErrNeedOwner)
		require.NoError(t, next.AcceptConnection(t.Context(), "amy"))
		time.Sleep(5 * time.Second)
		synctest.Wait()
		require.Equal(t, engine.UserID("heir"), amy.Connected()[1].UserID)
	})
}

// The node dies that decides the asked room, in the middle of a request: the request goes on, and its time-out comes.
func TestConnectionSurvivesANode(t *testing.T) {
	for name, answer := range map[string]bool{"accepted": true, "timed out": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := voiceroomtest.Config{Nodes: 3}.NewServer(t)
				all := cohosts(t, srv, 3, "amy", "bob", "cem")
				amy, bob, cem := all["amy"], all["bob"], all["cem"]
				ask(t, amy, time.Minute, "bob", "cem")
				require.Len(t, bob.heard(), 1)
				require.NoError(t, cem.AcceptConnection(t.Context(), "amy"))
				amy.heard()
				cem.heard()
				srv.KillNode(t, 1)
				time.Sleep(20 * time.Second)
				if answer {
					require.NoError(t, bob.AcceptConnection(t.Context(), "amy"))
					require.Equal(t, []string{"bob accepts", "now [amy cem bob] +[bob] -[]"}, amy.heard())
					srv.KillNode(t, 0)
					time.Sleep(20 * time.Second)
					require.NoError(t, bob.Disconnect(t.Context()))
					time.Sleep(5 * time.Second)
					require.Equal(t, []string{"now [amy cem bob] +[bob] -[]", "now [amy cem] +[] -[bob]"}, cem.heard())
					return
				}
				time.Sleep(45 * time.Second)
				require.Equal(t, []string{"no answer to amy from bob"}, bob.heard())
				require.Equal(t, []string{"no answer to amy from bob"}, amy.heard())
				require.Equal(t, []engine.RoomID{"amy", "cem"}, ids(amy.Connected()))
			})
		})
	}
}

// An owner whose client dies does not come back: the room leaves the connection, the others stay.
func TestConnectionEndsWithoutItsOwner(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.Config{Nodes: 2}.NewServer(t)
		all := cohosts(t, srv, 2, "amy", "bob", "cem")
		amy, bob, cem := all["amy"], all["bob"], all["cem"]
		ask(t, amy, time.Minute, "bob", "cem")
		require.NoError(t, bob.AcceptConnection(t.Context(), "amy"))
		require.NoError(t, cem.AcceptConnection(t.Context(), "amy"))
		amy.heard()
		require.NoError(t, cem.user.Engine.Logout(t.Context()))
		time.Sleep(20 * time.Second)
		require.Empty(t, amy.heard())
		time.Sleep(20 * time.Second)
		require.Equal(t, []string{"now [amy bob] +[] -[cem]"}, amy.heard())
	})
}

// Connected rooms hear each other, on whichever nodes, until they part, or one is muted.
func TestConnectionIsHeard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.Config{Nodes: 3}.NewServer(t)
		all := cohosts(t, srv, 3, "amy", "bob", "cem")
		amy, bob, cem := all["amy"], all["bob"], all["cem"]
		guest := srv.NewUserOn(t, 2, "guest")
		guest.Join(t, "amy")
		for _, c := range all {
			require.NoError(t, c.user.StartMicrophone(t.Context()))
		}
		guest.Hears(t, amy.user)
		guest.HearsNot(t, bob.user)
		ask(t, amy, time.Minute, "bob", "cem")
		require.NoError(t, bob.AcceptConnection(t.Context(), "amy"))
		guest.Hears(t, bob.user)
		bob.user.Hears(t, amy.user)
		guest.HearsNot(t, cem.user)
		require.NoError(t, cem.AcceptConnection(t.Context(), "amy"))
		guest.Hears(t, cem.user)
		bob.user.Hears(t, cem.user)
		require.NoError(t, amy.MuteConnection(t.Context(), "cem", true))
		time.Sleep(time.Second)
		guest.HearsNot(t, cem.user)
		bob.user.Hears(t, cem.user)
		cem.user.Hears(t, amy.user)
		require.NoError(t, amy.MuteConnection(t.Context(), "cem", false))
		guest.Hears(t, cem.user)
		require.NoError(t, bob.Disconnect(t.Context()))
		time.Sleep(time.Second)
		guest.HearsNot(t, bob.user)
		bob.user.HearsNothing(t)
		guest.Hears(t, cem.user)
	})
}

// Members see who sits in the connected rooms, wherever these are, from when they are connected until they part; also who
// comes later, or comes back.
func TestConnectedSeats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.Config{Nodes: 2}.NewServer(t)
		all := cohosts(t, srv, 2, "amy", "bob", "cem")
		amy, bob, cem := all["amy"], all["bob"], all["cem"]
		guest, later := srv.NewUserOn(t, 1, "guest"), srv.NewUserOn(t, 0, "later")
		guest.Join(t, "amy")
		told := &cohost{}
		sits := func(seats []engine.SeatInfo) (s string) {
			for _, x := range seats {
				if x.UserID != "" {
					s += fmt.Sprintf("%d:%s ", x.Index, x.UserID)
				}
			}
			return s
		}
		guest.Room().AddObserver(&engine.RoomObserver{OnConnectedSeatListChanged: func(room, connected engine.RoomID, seats []engine.SeatInfo) {
			require.Equal(t, engine.RoomID("amy"), room)
			require.Len(t, seats, 10)
			told.note("%s %s", connected, sits(seats))
		}})
		next := func() []string {
			time.Sleep(time.Second)
			return told.heard()
		}
		seen := func(u *voiceroomtest.User, connected engine.RoomID) string {
			return sits(u.Room().Connections().Seats(connected))
		}
		require.Empty(t, seen(guest, "bob"))
		ask(t, amy, time.Minute, "bob", "cem")
		require.NoError(t, bob.AcceptConnection(t.Context(), "amy"))
		require.Equal(t, []string{"bob 0:bob "}, next())
		require.NoError(t, bob.room.Members().MoveUserToSeatByAdmin(t.Context(), "bob", 3, engine.AbortWhenOccupied))
		require.Equal(t, []string{"bob 3:bob "}, next())
		require.NoError(t, cem.AcceptConnection(t.Context(), "amy"))
		require.Equal(t, []string{"cem 0:cem "}, next(), "the other's are known")
		require.NoError(t, amy.MuteConnection(t.Context(), "bob", true))
		require.NoError(t, bob.room.Members().MoveUserToSeatByAdmin(t.Context(), "bob", 5, engine.AbortWhenOccupied))
		require.Equal(t, []string{"bob 5:bob "}, next(), "not heard, but seen")

		later.Join(t, "amy")
		time.Sleep(time.Second)
		synctest.Wait()
		require.Equal(t, "5:bob ", seen(later, "bob"))
		require.Equal(t, "0:cem ", seen(later, "cem"))
		require.Empty(t, seen(later, "amy"), "one's own are Seats")
		reconnected := make(chan struct{}, 8)
		defer guest.Engine.AddObserver(&engine.Observer{OnReconnected: func() { reconnected <- struct{}{} }})()
		isBack := func() {
			select {
			case <-reconnected:
			case <-time.After(time.Minute):
				require.Fail(t, "not back in a minute")
			}
		}
		guest.SetOffline(true)
		time.Sleep(15 * time.Second)
		require.NoError(t, bob.room.Members().MoveUserToSeatByAdmin(t.Context(), "bob", 1, engine.AbortWhenOccupied))
		time.Sleep(time.Second)
		guest.SetOffline(false)
		isBack()
		require.Equal(t, []string{"bob 1:bob "}, next())
		srv.KillNode(t, 1) // guest's, and bob's
		isBack()
		time.Sleep(20 * time.Second)
		require.NoError(t, bob.room.Members().MoveUserToSeatByAdmin(t.Context(), "bob", 2, engine.AbortWhenOccupied))
		require.Equal(t, []string{"bob 2:bob "}, next())
		require.Equal(t, "2:bob ", seen(later, "bob"))
		require.NoError(t, bob.Disconnect(t.Context()))
		synctest.Wait()
		require.Empty(t, seen(guest, "bob"))
		require.Equal(t, "0:cem ", seen(guest, "cem"))
	})
}
