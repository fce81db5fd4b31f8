package server

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// loginOn is login at another node than the first.
func (w *world) loginOn(node int, user signaling.UserID) *raw {
	w.t.Helper()
	c := w.dialAt(node)
	c.must(signaling.MethodLogin, signaling.LoginParams{SDKAppID: app, UserID: user, UserSig: w.sig(user), UserName: strings.ToUpper(string(user))}, nil)
	return c
}

// followers returns what a client has been told of its followers, up to now.
func (c *raw) followers() (told []signaling.FollowersChanged) {
	c.t.Helper()
	synctest.Wait()
	c.must(signaling.MethodPing, signaling.Empty{}, nil)
	for _, m := range c.heard {
		if m.Method == signaling.NotifyFollowers {
			var p signaling.FollowersChanged
			require.NoError(c.t, json.Unmarshal(m.Params, &p))
			told = append(told, p)
		}
	}
	c.heard = nil
	return told
}

func (c *raw) follow(method string, users ...signaling.UserID) []signaling.FollowOperationResult {
	c.t.Helper()
	var res signaling.FollowResult
	c.must(method, signaling.FollowParams{UserIDs: users}, &res)
	require.Len(c.t, res.Results, len(users))
	return res.Results
}

// Each user of a call has a result of its own, with a code of the documents and what to do.
func TestFollowResults(t *testing.T) {
	inWorldOf(t, 2, func(t *testing.T, w *world) {
		ann, bob := w.loginOn(0, "ann"), w.loginOn(1, "bob")
		res := ann.follow(signaling.MethodFollow, "bob", "ann", "nobody", "", "bob")
		require.Equal(t, []signaling.Code{0, -1001, -2200, -1001, 0}, []signaling.Code{res[0].Code, res[1].Code, res[2].Code, res[3].Code, res[4].Code})
		require.Contains(t, res[1].Message, "themselves")
		require.Contains(t, res[2].Message, "logged in")
		for i, u := range []signaling.UserID{"bob", "ann", "nobody", "", "bob"} {
			require.Equal(t, u, res[i].UserID)
		}
		require.Equal(t, []signaling.FollowersChanged{{Added: []signaling.UserInfo{{UserID: "ann", UserName: "ANN", Role: signaling.GeneralUser}}}}, bob.followers())
		require.Empty(t, ann.followers())

		res = ann.follow(signaling.MethodUnfollow, "bob", "nobody")
		require.Equal(t, []signaling.FollowOperationResult{{UserID: "bob"}, {UserID: "nobody"}}, res, "whom one does not follow can be unfollowed")
		time.Sleep(followNewsEvery) // virtual
		require.Equal(t, []signaling.FollowersChanged{{Removed: []signaling.UserID{"ann"}}}, bob.followers())
		var page signaling.FollowPage
		bob.must(signaling.MethodFollowList, signaling.FollowListParams{List: signaling.FollowersList}, &page)
		require.Equal(t, signaling.FollowPage{Users: []signaling.UserInfo{}}, page)
	})
}

// A list has the names and avatars of the profiles, in pages.
func TestFollowListHasProfiles(t *testing.T) {
	inWorldOf(t, 2, func(t *testing.T, w *world) {
		star := w.loginOn(0, "star")
		avatar := "https://example.org/a.png"
		for i := range 5 {
			fan := w.loginOn(1, signaling.UserID(fmt.Sprint("fan", i)))
			fan.follow(signaling.MethodFollow, "star")
			fan.must(signaling.MethodSetSelfInfo, signaling.SelfInfoParams{AvatarURL: &avatar}, nil)
			time.Sleep(time.Millisecond) // virtual: else ids decide the order
		}
		var page signaling.FollowPage
		star.must(signaling.MethodFollowList, signaling.FollowListParams{List: signaling.FollowersList, Limit: 3}, &page)
		require.Len(t, page.Users, 3)
		require.Equal(t, signaling.UserInfo{UserID: "fan4", UserName: "FAN4", AvatarURL: avatar, Role: signaling.GeneralUser}, page.Users[0])
		star.must(signaling.MethodFollowList, signaling.FollowListParams{List: signaling.FollowersList, NextCursor: page.NextCursor}, &page)
		require.Len(t, page.Users, 2)
		require.Equal(t, signaling.UserID("fan0"), page.Users[1].UserID)
		require.NoError(t, w.srv.accounts.Delete(t.Context(), app, "fan0"))
		page = signaling.FollowPage{}
		star.must(signaling.MethodFollowList, signaling.FollowListParams{List: signaling.FollowersList}, &page)
		require.Empty(t, page.NextCursor)
		require.Equal(t, signaling.UserInfo{UserID: "fan0", Role: signaling.GeneralUser}, page.Users[4], "an account that is gone has no name")
	})
}

// Following has a rate of its own, and so has asking.
func TestFollowRates(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.login("bob")
		ann := w.login("ann")
		twenty := make([]signaling.UserID, signaling.MaxFollowUsers)
		for i := range twenty {
			twenty[i] = "bob"
		}
		ann.follow(signaling.MethodFollow, twenty...)
		require.ErrorIs(t, errOf(ann.call(signaling.MethodUnfollow, signaling.FollowParams{UserIDs: twenty[:1]})), signaling.ErrFreqLimit)
		time.Sleep(time.Second / followsPerSecond) // virtual
		ann.follow(signaling.MethodUnfollow, "bob")
		require.ErrorIs(t, errOf(ann.call(signaling.MethodFollow, signaling.FollowParams{UserIDs: twenty[:1]})), signaling.ErrFreqLimit)

		for i := range followAsksBurst {
			method := []string{signaling.MethodCheckFollow, signaling.MethodFollowInfo}[i%2]
			ann.must(method, signaling.FollowParams{UserIDs: twenty[:1]}, nil)
		}
		for _, method := range []string{signaling.MethodCheckFollow, signaling.MethodFollowInfo} {
			require.ErrorIs(t, errOf(ann.call(method, signaling.FollowParams{UserIDs: twenty[:1]})), signaling.ErrFreqLimit, method)
		}
		require.ErrorIs(t, errOf(ann.call(signaling.MethodFollowList, signaling.FollowListParams{List: signaling.FollowingList})), signaling.ErrFreqLimit)
		ann.must(signaling.MethodPing, signaling.Empty{}, nil)
	})
}

// Who is followed by many at once gets one message a second, with fifty of them at most, and who changes their mind counts
// as they are now.
func TestManyNewFollowersAreOneMessage(t *testing.T) {
	inWorldOf(t, 2, func(t *testing.T, w *world) {
		star := w.loginOn(0, "star")
		var fans []*raw
		for i := range followNewsMost + 10 {
			fan := w.loginOn(1, signaling.UserID(fmt.Sprintf("fan%02d", i)))
			fan.follow(signaling.MethodFollow, "star")
			fans = append(fans, fan)
		}
		told := star.followers()
		require.Len(t, told, 1, "the first at once")
		require.Len(t, told[0].Added, 1)
		fans[1].follow(signaling.MethodUnfollow, "star")
		time.Sleep(followNewsEvery) // virtual
		told = star.followers()
		require.Len(t, told, 1)
		require.Len(t, told[0].Added, followNewsMost-1)
		require.Equal(t, []signaling.UserID{"fan01"}, told[0].Removed)
		time.Sleep(2 * followNewsEvery)
		require.Empty(t, star.followers())
		fans[2].follow(signaling.MethodUnfollow, "star")
		require.Equal(t, []signaling.FollowersChanged{{Removed: []signaling.UserID{"fan02"}}}, star.followers())
	})
}

// Who is away is told nothing, and the list tells later; a session that ends with news pending leaves nothing behind.
func TestFollowedWhileAway(t *testing.T) {
	inWorldOf(t, 2, func(t *testing.T, w *world) {
		ann := w.loginOn(1, "ann")
		bob := w.dial()
		var login signaling.LoginResult
		bob.must(signaling.MethodLogin, signaling.LoginParams{SDKAppID: app, UserID: "bob", UserSig: w.sig("bob")}, &login)
		bob.ws.Close()
		synctest.Wait()
		ann.follow(signaling.MethodFollow, "bob")
		synctest.Wait() // the node knows of it
		back := w.dial()
		back.must(signaling.MethodLogin, signaling.LoginParams{SDKAppID: app, UserID: "bob", UserSig: w.sig("bob"), Resume: &signaling.Resume{SessionID: login.SessionID}}, &login)
		require.True(t, login.Resumed)
		time.Sleep(2 * followNewsEvery) // virtual
		require.Empty(t, back.followers())
		var page signaling.FollowPage
		back.must(signaling.MethodFollowList, signaling.FollowListParams{List: signaling.FollowersList}, &page)
		require.Len(t, page.Users, 1)
		ann.follow(signaling.MethodUnfollow, "bob")
		ann.follow(signaling.MethodFollow, "bob") // waits to be told
		back.must(signaling.MethodLogout, signaling.Empty{}, nil)
	})
}

// While the store is away a call says that it may be repeated.
func TestFollowWithoutStore(t *testing.T) {
	inWorldOf(t, 2, func(t *testing.T, w *world) {
		w.loginOn(0, "bob")
		ann := w.loginOn(1, "ann")
		w.nodes[1].store.Kill()
		for _, method := range []string{signaling.MethodFollow, signaling.MethodUnfollow, signaling.MethodCheckFollow, signaling.MethodFollowInfo} {
			err := errOf(ann.call(method, signaling.FollowParams{UserIDs: []signaling.UserID{"bob"}}))
			require.ErrorIs(t, err, signaling.ErrServer, method)
			require.Contains(t, err.Error(), "call again", method)
		}
		w.nodes[1].gone = true
		require.Error(t, w.nodes[1].srv.Close(t.Context()))
		require.NoError(t, w.nodes[1].web.Close())
		<-w.nodes[1].served
	})
}
