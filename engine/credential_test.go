package engine

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// The server's clock counts: this machine's may be hours off.
func TestExpiryIsASpanOfTheServersClock(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCredential(Config{UserSig: "first"})
		defer c.end()
		server := time.Now().Add(-36 * time.Hour)
		at := func(d time.Duration) int64 { return server.Add(d).UnixMilli() }
		sig, err := c.userSig(t.Context())
		require.NoError(t, err)
		require.Equal(t, "first", sig)
		c.loggedIn(signaling.LoginResult{ExpiresAt: at(time.Hour), ServerTime: at(0)})
		require.Equal(t, time.Hour, time.Until(c.expires))
		require.Equal(t, 5*time.Minute, c.margin)

		time.Sleep(30 * time.Minute) // virtual; the connection comes back with the same UserSig
		c.loggedIn(signaling.LoginResult{ExpiresAt: at(time.Hour), ServerTime: at(40 * time.Minute)})
		require.Equal(t, 20*time.Minute, time.Until(c.expires), "of which the server knows better how much is left")
		require.Equal(t, 5*time.Minute, c.margin, "not a tenth of the rest")

		require.False(t, c.renewed("second", signaling.RenewResult{ExpiresAt: at(time.Hour), ServerTime: at(40 * time.Minute)}))
		require.Equal(t, "first", c.sig)
		require.True(t, c.renewed("third", signaling.RenewResult{ExpiresAt: at(2 * time.Hour), ServerTime: at(115 * time.Minute)}))
		require.Equal(t, "third", c.sig)
		require.Equal(t, 30*time.Second, c.margin)
	})
}

// What to log in with: the UserSig at hand until it is old, then a new one, and if there is none, the old one for as long
// as it lasts.
func TestUserSigToLogInWith(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		down := errors.New("down")
		err, asked := error(nil), 0
		c := newCredential(Config{UserSig: "old", TokenSource: func(context.Context) (string, error) {
			asked++
			return "new", err
		}})
		defer c.end()
		server := time.Now()
		shows := func(want string) {
			t.Helper()
			sig, got := c.userSig(t.Context())
			require.Equal(t, want, sig)
			require.Equal(t, want == "", errors.Is(got, down))
		}
		shows("old")
		c.loggedIn(signaling.LoginResult{ExpiresAt: server.Add(time.Hour).UnixMilli(), ServerTime: server.UnixMilli()})
		time.Sleep(54 * time.Minute) // virtual
		shows("old")
		require.Zero(t, asked, "a crowd that comes back at once is no burden for the backend")
		time.Sleep(2 * time.Minute)
		shows("new")
		err = down
		shows("old")
		time.Sleep(5 * time.Minute)
		shows("")
		require.Equal(t, 3, asked)
	})
}
