package server

import (
	"context"
	"encoding/json"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/internal/store/memstore"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// watched is a node's store that counts what is read and written of accounts, and can stop to answer about them.
type watched struct {
	*memstore.Node
	gets, puts atomic.Int64
	stuck      atomic.Bool
}

func (s *watched) wait(ctx context.Context, key store.ValueKey) error {
	if key.Bucket == store.BucketAccount && s.stuck.Load() {
		<-ctx.Done()
		return context.Cause(ctx)
	}
	return nil
}

func (s *watched) Get(ctx context.Context, key store.ValueKey) (store.Value, error) {
	s.gets.Add(1)
	if err := s.wait(ctx, key); err != nil {
		return store.Value{}, err
	}
	return s.Node.Get(ctx, key)
}

func (s *watched) Put(ctx context.Context, key store.ValueKey, data []byte, last uint64) (uint64, error) {
	s.puts.Add(1)
	if err := s.wait(ctx, key); err != nil {
		return 0, err
	}
	return s.Node.Put(ctx, key, data, last)
}

// watch puts a watched store under the first node.
func (w *world) watch() *watched {
	w.t.Helper()
	s := &watched{Node: w.nodes[0].store}
	w.srv.cfg.Store = s
	w.srv.accounts = newAccounts(w.srv.cfg)
	return s
}

func (w *world) profile(user string) string {
	w.t.Helper()
	return w.admin("profile/portrait_get", `{"To_Account":["`+user+`"],"TagList":["Tag_Profile_IM_Nick","Tag_Profile_IM_Image"]}`)
}

func named(user, nick, face string) string {
	return profiles(`"UserProfileItem":[{"To_Account":"` + user + `","ProfileItem":[{"Tag":"Tag_Profile_IM_Nick","Value":"` + nick + `"},{"Tag":"Tag_Profile_IM_Image","Value":"` + face + `"}],"ResultCode":0,"ResultInfo":""}]`)
}

// self is how a room shows a client.
func (c *raw) selfIn(id signaling.RoomID) signaling.UserInfo {
	c.t.Helper()
	var s signaling.Snapshot
	c.must(signaling.MethodSnapshot, signaling.RoomParams{RoomID: id}, &s)
	return s.Self
}

func (w *world) createRoom(c *raw, id signaling.RoomID) {
	w.t.Helper()
	c.must(signaling.MethodCreateRoom, signaling.CreateRoomParams{Room: signaling.RoomInfo{RoomID: id}}, nil)
	c.must(signaling.MethodJoinRoom, signaling.JoinParams{RoomID: id}, nil)
}

// A login imports its account, with one read and one write; the next one costs a read.
func TestLoginImportsItsAccount(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		s := w.watch()
		c := w.dial()
		c.must(signaling.MethodLogin, signaling.LoginParams{SDKAppID: app, UserID: "ann", UserSig: w.sig("ann"), UserName: "Ann", AvatarURL: "a.png"}, nil)
		require.Equal(t, []int64{1, 1}, []int64{s.gets.Load(), s.puts.Load()})
		require.Equal(t, named("ann", "Ann", "a.png"), w.profile("ann"))
		c.must(signaling.MethodLogout, signaling.Empty{}, nil)

		s.gets.Store(0)
		s.puts.Store(0)
		w.createRoom(w.login("ann"), "r")
		require.Equal(t, []int64{1, 0}, []int64{s.gets.Load(), s.puts.Load()}, "who is known costs one read")
	})
}

// A login without a name of its own is shown as the profile says; one with a name is shown by that, and leaves the
// profile alone. A node that has never seen the user does the same.
func TestLoginIsShownByItsProfile(t *testing.T) {
	inWorldOf(t, 2, func(t *testing.T, w *world) {
		answers(t, restOK, w.admin("im_open_login_svc/account_import", `{"UserID":"ann","Nick":"Ann","FaceUrl":"a.png"}`))
		login := func(node int, name, avatar string) *raw {
			c := w.dialAt(node)
			c.must(signaling.MethodLogin, signaling.LoginParams{SDKAppID: app, UserID: "ann", UserSig: w.sig("ann"), UserName: name, AvatarURL: avatar}, nil)
			c.must(signaling.MethodJoinRoom, signaling.JoinParams{RoomID: "r"}, nil)
			return c
		}
		w.createRoom(w.login("host"), "r")
		require.Equal(t, signaling.UserInfo{UserID: "ann", UserName: "Ann", AvatarURL: "a.png", Role: signaling.GeneralUser}, login(1, "", "").selfIn("r"))
		require.Equal(t, signaling.UserInfo{UserID: "ann", UserName: "A.", AvatarURL: "a.png", Role: signaling.GeneralUser}, login(0, "A.", "").selfIn("r"))
		require.Equal(t, named("ann", "Ann", "a.png"), w.profile("ann"))
	})
}

// A room that the app creates for somebody shows the owner's nick name before the owner has come.
func TestOwnerOfAnAppsRoomIsNamed(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		answers(t, restOK, w.admin("im_open_login_svc/account_import", `{"UserID":"ann","Nick":"Ann","FaceUrl":"a.png"}`))
		answers(t, besideCode(`"RoomId":"r"`), w.admin("live_engine_http_srv/create_room", `{"RoomInfo":{"RoomId":"r","RoomType":"Live","Owner_Account":"ann"}}`))
		c := w.login("bob")
		c.must(signaling.MethodJoinRoom, signaling.JoinParams{RoomID: "r"}, nil)
		var s signaling.Snapshot
		c.must(signaling.MethodSnapshot, signaling.RoomParams{RoomID: "r"}, &s)
		require.Equal(t, "Ann", s.Room.OwnerName)

		// A change of the profile while the owner is out shows when the owner comes in.
		answers(t, profileOK, w.admin("profile/portrait_set", `{"From_Account":"ann","ProfileItem":[{"Tag":"Tag_Profile_IM_Nick","Value":"Anna"}]}`))
		ann := w.login("ann")
		ann.must(signaling.MethodJoinRoom, signaling.JoinParams{RoomID: "r"}, nil)
		synctest.Wait()
		c.must(signaling.MethodSnapshot, signaling.RoomParams{RoomID: "r"}, &s)
		require.Equal(t, "Anna", s.Room.OwnerName)
	})
}

// SetSelfInfo is kept: the next login is shown by it.
func TestSelfInfoIsTheProfile(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		c := w.login("ann")
		c.must(signaling.MethodSetSelfInfo, signaling.SelfInfoParams{UserName: new("Anna"), AvatarURL: new("a.png")}, nil)
		require.Equal(t, named("ann", "Anna", "a.png"), w.profile("ann"))
		c.must(signaling.MethodSetSelfInfo, signaling.SelfInfoParams{AvatarURL: new("")}, nil)
		require.Equal(t, named("ann", "Anna", ""), w.profile("ann"))
	})
}

// What portrait_set changes is seen by the rooms where the user is, at once and as by SetSelfInfo, whichever node has
// been called, and by nobody when rooms do not show it.
func TestProfileIsSeenInRooms(t *testing.T) {
	inWorldOf(t, 3, func(t *testing.T, w *world) {
		host := w.login("host")
		w.createRoom(host, "r")
		w.createRoom(host, "q")
		ann := w.dialAt(1)
		ann.must(signaling.MethodLogin, signaling.LoginParams{SDKAppID: app, UserID: "ann", UserSig: w.sig("ann"), UserName: "A."}, nil)
		for _, id := range []signaling.RoomID{"r", "q"} {
			ann.must(signaling.MethodJoinRoom, signaling.JoinParams{RoomID: id}, nil)
		}
		time.Sleep(time.Second)
		host.told()
		set := func(items string) {
			t.Helper()
			answers(t, profileOK, w.restAs("administrator", 2, "profile/portrait_set", `{"From_Account":"ann","ProfileItem":[`+items+`]}`))
			synctest.Wait()
		}
		set(`{"Tag":"Tag_Profile_IM_Image","Value":"a.png"},{"Tag":"Tag_Profile_IM_Level","Value":1}`)
		want := `userInfoChanged {"user":{"userId":"ann","userName":"A.","avatarUrl":"a.png","level":1,"userRole":2}}`
		require.Equal(t, []string{want, want}, host.told(), "in both rooms; the name that the login has given stays")
		set(`{"Tag":"Tag_Profile_IM_Nick","Value":"Anna"}`)
		want = `userInfoChanged {"user":{"userId":"ann","userName":"Anna","avatarUrl":"a.png","level":1,"userRole":2}}`
		require.Equal(t, []string{want, want}, host.told())
		require.Equal(t, "Anna", ann.selfIn("q").UserName)
		set(`{"Tag":"Tag_Profile_IM_Nick","Value":"Anna"},{"Tag":"Tag_Profile_IM_Role","Value":2},{"Tag":"Tag_Profile_IM_SelfSignature","Value":"x"}`)
		require.Empty(t, host.told())
		answers(t, restOK, w.restAs("administrator", 2, "im_open_login_svc/account_import", `{"UserID":"ann","Nick":"Ann"}`))
		synctest.Wait()
		require.Len(t, host.told(), 2)

		// A room that is entered later shows the same.
		w.createRoom(host, "s")
		ann.must(signaling.MethodJoinRoom, signaling.JoinParams{RoomID: "s"}, nil)
		require.Equal(t, "Ann", ann.selfIn("s").UserName)
	})
}

// Many changes at once at several nodes end with the newest.
func TestNewestNameWins(t *testing.T) {
	inWorldOf(t, 2, func(t *testing.T, w *world) {
		c := w.login("ann")
		w.createRoom(c, "r")
		for i := range 20 {
			name := string(rune('a' + i))
			answers(t, profileOK, w.restAs("administrator", i%2, "profile/portrait_set", `{"From_Account":"ann","ProfileItem":[{"Tag":"Tag_Profile_IM_Nick","Value":"`+name+`"}]}`))
		}
		synctest.Wait()
		require.Equal(t, "t", c.selfIn("r").UserName)
	})
}

// A store that does not answer keeps nobody out: the login goes on after a second, and is imported and named when the
// store is back.
func TestLoginWithoutTheStoresAnswer(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		answers(t, restOK, w.admin("im_open_login_svc/account_import", `{"UserID":"ann","Nick":"Ann"}`))
		s := w.watch()
		s.stuck.Store(true)
		start := time.Now()
		ann, bob := w.login("ann"), w.login("bob")
		require.Equal(t, 2*accountWait, time.Since(start))
		w.createRoom(ann, "r")
		require.Empty(t, ann.selfIn("r").UserName)
		stay := func(d time.Duration) {
			for range d / (5 * time.Second) {
				time.Sleep(5 * time.Second)
				ann.must(signaling.MethodPing, signaling.Empty{}, nil)
				bob.must(signaling.MethodPing, signaling.Empty{}, nil)
			}
		}
		stay(10 * time.Second)
		s.stuck.Store(false)
		stay(cleanLimit + profilePause)
		require.Equal(t, "Ann", ann.selfIn("r").UserName)
		require.Contains(t, w.admin("im_open_login_svc/account_check", `{"CheckItem":[{"UserID":"bob"}]}`), `"AccountStatus":"Imported"`)

		// And a server whose store stays away can be stopped.
		s.stuck.Store(true)
		w.login("carl")
	})
}

// account_delete ends the login at once, at whichever node, with the seat; who was away does not come back as if nothing
// had been; a login anew begins with an empty profile.
func TestDeletedAccountIsLoggedOut(t *testing.T) {
	inWorldOf(t, 2, func(t *testing.T, w *world) {
		host := w.login("host")
		w.createRoom(host, "r")
		host.must(signaling.MethodUpdateRoom, map[string]any{"roomId": "r", "seatMode": 1}, nil)
		login := func(user signaling.UserID, resume *signaling.Resume) (*raw, signaling.Message) {
			c := w.dialAt(1)
			return c, c.call(signaling.MethodLogin, signaling.LoginParams{SDKAppID: app, UserID: user, UserSig: w.sig(user), UserName: "Name", Resume: resume})
		}
		ann, m := login("ann", nil)
		require.NoError(t, errOf(m))
		ann.must(signaling.MethodJoinRoom, signaling.JoinParams{RoomID: "r"}, nil)
		ann.must(signaling.MethodTakeSeat, map[string]any{"roomId": "r", "index": 1}, nil)
		away, m := login("away", nil)
		require.NoError(t, errOf(m))
		var res signaling.LoginResult
		require.NoError(t, json.Unmarshal(m.Result, &res))
		away.must(signaling.MethodJoinRoom, signaling.JoinParams{RoomID: "r"}, nil)
		require.NoError(t, away.ws.Close())
		time.Sleep(time.Second)
		host.told()

		require.Contains(t, w.admin("voiceroom_console/account_delete", `{"DeleteItem":[{"UserID":"ann"},{"UserID":"away"}]}`), `"ErrorCode":0`)
		time.Sleep(time.Second)
		require.Equal(t, signaling.NotifyKickedOff, ann.until(signaling.NotifyKickedOff).Method)
		require.Equal(t, websocket.ClosePolicyViolation, ann.closed())
		time.Sleep(time.Second) // virtual: the connection has been read to its end, and the room told
		var left []string
		for _, e := range host.told() {
			left = append(left, e[:len("usersLeft")])
		}
		require.Contains(t, left, "usersLeft")
		require.Contains(t, left, "seatsChan")
		var list signaling.ListResult
		host.must(signaling.MethodListMembers, signaling.ListParams{RoomID: "r"}, &list)
		require.Len(t, list.Members, 1)

		_, m = login("away", &signaling.Resume{SessionID: res.SessionID})
		require.ErrorIs(t, errOf(m), signaling.ErrKickedOffLine)
		answers(t, profileFail(40003, ""), w.profile("ann"))
		_, m = login("ann", nil)
		require.NoError(t, errOf(m))
		require.Contains(t, w.profile("ann"), `"Value":"Name"`, "a new account")
	})
}

// until reads up to a notification.
func (c *raw) until(method string) signaling.Message {
	c.t.Helper()
	for {
		if m := c.next(); m.Method == method {
			return m
		}
	}
}
