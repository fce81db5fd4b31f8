package server

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/signaling"
	"github.com/openvoiceroom/openvoiceroom/signaling/usersig"
)

func (w *world) sigFor(user signaling.UserID, d time.Duration) string {
	w.t.Helper()
	sig, err := usersig.Mint(app, secret, user, d, time.Now())
	require.NoError(w.t, err)
	return sig
}

// loginFor logs in with a UserSig that is good for a while.
func (w *world) loginFor(user signaling.UserID, d time.Duration, resume *signaling.Resume) (*raw, signaling.LoginResult) {
	w.t.Helper()
	c := w.dial()
	var res signaling.LoginResult
	c.must(signaling.MethodLogin, signaling.LoginParams{SDKAppID: app, UserID: user, UserSig: w.sigFor(user, d), Resume: resume}, &res)
	return c, res
}

// pass lets virtual time pass, while the client answers pings and notes the notifications.
func (c *raw) pass(d time.Duration) (told []string) {
	c.t.Helper()
	for end := time.Now().Add(d); time.Now().Before(end); {
		time.Sleep(min(2*time.Second, time.Until(end)))
		c.lastID++
		b, err := signaling.EncodeCall(c.lastID, signaling.MethodPing, signaling.Empty{})
		require.NoError(c.t, err)
		c.send(string(b))
		for {
			m := c.next()
			if m.ID == c.lastID {
				break
			}
			told = append(told, m.Method+" "+string(m.Params))
		}
	}
	return told
}

const expiredNotice = `session.userSigExpired {"graceMs":30000}`

// At its expiry the client is told; everything goes on for the grace period, then the session is over, and its seat free
// at once.
func TestSessionEndsAfterItsUserSig(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		w.rooms("r")
		c, res := w.loginFor("guest", time.Minute, nil)
		require.Equal(t, time.Minute, time.Duration(res.ExpiresAt-res.ServerTime)*time.Millisecond)
		c.must(signaling.MethodJoinRoom, signaling.JoinParams{RoomID: "r"}, nil)
		c.must(signaling.MethodTakeSeat, signaling.TakeSeatParams{RoomID: "r", Index: 1}, nil)
		c.pass(55 * time.Second)
		require.Equal(t, []string{expiredNotice}, c.pass(10*time.Second))
		c.must(signaling.MethodSetAudio, signaling.AudioParams{RoomID: "r", On: true}, nil)
		c.pass(20 * time.Second)
		require.Equal(t, websocket.ClosePolicyViolation, c.closed())
		synctest.Wait()
		var s signaling.JoinResult
		w.login("witness").must(signaling.MethodJoinRoom, signaling.JoinParams{RoomID: "r"}, &s)
		require.Empty(t, s.Snapshot.Seats[1].UserID)
		_, again := w.loginFor("guest", time.Hour, &signaling.Resume{SessionID: res.SessionID})
		require.False(t, again.Resumed, "nothing is kept for it")
	})
}

func TestRenewedSessionGoesOn(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		c, first := w.loginFor("guest", time.Minute, nil)
		renew := func(d time.Duration) (res signaling.RenewResult) {
			c.must(signaling.MethodRenew, signaling.RenewParams{UserSig: w.sigFor("guest", d)}, &res)
			return res
		}
		c.pass(30 * time.Second)
		require.Equal(t, first.ExpiresAt+30_000, renew(time.Minute).ExpiresAt)
		require.Empty(t, c.pass(50*time.Second), "before it expires")
		require.Equal(t, []string{expiredNotice}, c.pass(20*time.Second))
		res := renew(time.Minute)
		require.Empty(t, c.pass(55*time.Second), "and in the grace period")
		require.Equal(t, res.ExpiresAt, renew(time.Second).ExpiresAt, "an older one takes nothing away")
		require.Equal(t, []string{expiredNotice}, c.pass(20*time.Second), "each expiry is told")
	})
}

// A client that is away when its UserSig expires comes back with a newer one to all that it had, and with the old one
// not at all.
func TestUserSigExpiresWhileItsClientIsAway(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		c, first := w.loginFor("guest", time.Minute, nil)
		old := w.sigFor("guest", time.Minute)
		c.pass(50 * time.Second)
		require.NoError(t, c.ws.Close())
		time.Sleep(20 * time.Second) // virtual
		m := w.dial().call(signaling.MethodLogin, signaling.LoginParams{
			SDKAppID: app, UserID: "guest", UserSig: old, Resume: &signaling.Resume{SessionID: first.SessionID},
		})
		require.ErrorIs(t, errOf(m), signaling.ErrUserSigExpired)
		c, res := w.loginFor("guest", time.Minute, &signaling.Resume{SessionID: first.SessionID})
		require.True(t, res.Resumed)
		require.Greater(t, res.ExpiresAt, first.ExpiresAt)
		require.Empty(t, c.pass(55*time.Second))
		require.Equal(t, []string{expiredNotice}, c.pass(10*time.Second))
		require.NoError(t, c.ws.Close())
		time.Sleep(25 * time.Second) // virtual: the session's end comes while nobody is there
		synctest.Wait()
		_, res = w.loginFor("guest", time.Minute, &signaling.Resume{SessionID: res.SessionID})
		require.False(t, res.Resumed)
	})
}

// A session that has ended leaves no timer behind.
func TestExpiryOfAnEndedSession(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		c, _ := w.loginFor("guest", time.Minute, nil)
		w.srv.mu.Lock()
		ses := w.srv.users[userKey{app, "guest"}]
		w.srv.mu.Unlock()
		c.must(signaling.MethodLogout, signaling.Empty{}, nil)
		c.closed()
		synctest.Wait()
		require.False(t, ses.sig.timer.Stop(), "it has been stopped")
		ses.validUntil(time.Now().Add(time.Hour))
		require.False(t, ses.sig.timer.Stop(), "and is not started again")
	})
}
