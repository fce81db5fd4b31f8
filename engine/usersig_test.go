package engine_test

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/signaling"
	"github.com/openvoiceroom/openvoiceroom/signaling/usersig"
	"github.com/openvoiceroom/openvoiceroom/voiceroom/voiceroomtest"
)

func mint(t *testing.T, id engine.UserID, d time.Duration) string {
	t.Helper()
	sig, err := usersig.Mint(voiceroomtest.App, voiceroomtest.Secret, id, d, time.Now())
	require.NoError(t, err)
	return sig
}

// backend is an app's server that makes UserSigs, and can fail.
type backend struct {
	t     *testing.T
	id    engine.UserID
	valid time.Duration

	mu     sync.Mutex
	answer func() (string, error) // nil: a new one
	asked  []time.Time
}

func (b *backend) source(context.Context) (string, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.asked = append(b.asked, time.Now())
	if b.answer != nil {
		return b.answer()
	}
	return mint(b.t, b.id, b.valid), nil
}

// answers makes the backend say something else from now on; nil: new UserSigs again.
func (b *backend) answers(f func() (string, error)) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.answer = f
}

func always(sig string, err error) func() (string, error) {
	return func() (string, error) { return sig, err }
}

func (b *backend) times() []time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return append([]time.Time(nil), b.asked...)
}

// told is what the login's observer has heard, with when.
type told struct {
	will    chan time.Duration
	expired chan time.Time
	gone    chan error
}

// quiet logs in a user without media, which makes hours of virtual time cheap.
func quiet(t *testing.T, srv *voiceroomtest.Server, id engine.UserID, change func(*engine.Config)) (*engine.Engine, told) {
	t.Helper()
	cfg := srv.EngineConfig(t, 0, id)
	cfg.Codec = nil
	change(&cfg)
	eng, err := engine.Login(t.Context(), cfg)
	require.NoError(t, err)
	logout(t, eng)
	heard := told{make(chan time.Duration, 10), make(chan time.Time, 10), make(chan error, 10)}
	eng.AddObserver(&engine.Observer{
		OnUserSigWillExpire: func(left time.Duration) { heard.will <- left },
		OnUserSigExpired:    func() { heard.expired <- time.Now() },
		OnDisconnected:      func(err error) { heard.gone <- err },
	})
	return eng, heard
}

// With a TokenSource a login lasts for as many UserSigs as it takes, and nobody notices.
func TestTokenSourceKeepsTheLoginAlive(t *testing.T) {
	for name, c := range map[string]struct{ valid, every, lasts time.Duration }{
		"a tenth before the end of a short one":   {10 * time.Minute, 9 * time.Minute, 175 * time.Minute},
		"five minutes before the end of a longer": {12 * time.Hour, 12*time.Hour - 5*time.Minute, 40 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := voiceroomtest.NewServer(t)
				b := &backend{t: t, id: "denny", valid: c.valid}
				began := time.Now()
				eng, heard := quiet(t, srv, "denny", func(c *engine.Config) { c.UserSig, c.TokenSource = "", b.source })
				_, err := eng.Create(t.Context(), engine.RoomInfo{RoomID: "room"})
				require.NoError(t, err)
				room, err := eng.Enter(t.Context(), "room", nil)
				require.NoError(t, err)
				time.Sleep(c.lasts)
				for i, at := range b.times() {
					require.InDelta(t, float64(time.Duration(i)*c.every), float64(at.Sub(began)), float64(time.Duration(i+1)*time.Second))
				}
				require.Len(t, b.times(), 1+int(c.lasts/c.every))
				require.NoError(t, room.Err())
				_, err = room.Dismiss(t.Context())
				require.NoError(t, err)
				require.Empty(t, heard.will)
				require.Empty(t, heard.expired)
			})
		})
	}
}

// A backend that fails is asked again at a bounded rate; the observer is told when half of the time is gone.
func TestFailingTokenSource(t *testing.T) {
	unavailable := errors.New("503")
	for name, c := range map[string]struct {
		answers func() (string, error)
		heals   bool
	}{
		"that recovers":            {always("", unavailable), true},
		"that does not recover":    {always("", unavailable), false},
		"that says nothing":        {always("", nil), true},
		"that says nonsense":       {always("nonsense", nil), false},
		"whose UserSigs are old":   {func() (string, error) { return mint(t, "denny", time.Second), nil }, true},
		"whose users are mixed up": {func() (string, error) { return mint(t, "vince", time.Hour), nil }, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := voiceroomtest.NewServer(t)
				b := &backend{t: t, id: "denny", valid: time.Hour}
				began := time.Now()
				eng, heard := quiet(t, srv, "denny", func(c *engine.Config) { c.UserSig, c.TokenSource = "", b.source })
				b.answers(c.answers)
				left := <-heard.will
				require.InDelta(t, float64(150*time.Second), float64(left), float64(2*time.Second))
				require.InDelta(t, float64(time.Hour-150*time.Second), float64(time.Since(began)), float64(2*time.Second))
				tries := len(b.times())
				require.Greater(t, tries, 10)
				require.Less(t, tries, 25)
				if c.heals {
					b.answers(nil)
					time.Sleep(time.Hour / 2)
					require.Len(t, b.times(), tries+1)
					require.Empty(t, heard.expired)
					return
				}
				require.InDelta(t, float64(time.Hour), float64((<-heard.expired).Sub(began)), float64(2*time.Second))
				err := <-heard.gone
				over := time.Since(began) - time.Hour
				require.Greater(t, over, 29*time.Second, "the server's grace period")
				require.Less(t, over, 30*time.Second+signaling.GiveUpAfter+time.Second, "and as long as any return may take")
				<-eng.Done()
				require.Equal(t, err, eng.Err())
				require.Empty(t, heard.will, "told once")
				require.Empty(t, heard.expired)
			})
		})
	}
}

// Without a TokenSource the app is told in time, and when it is too late, and can help itself at both moments.
func TestRenewUserSig(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.NewServer(t)
		began := time.Now()
		near := func(want time.Duration) {
			t.Helper()
			require.InDelta(t, float64(want), float64(time.Since(began)), float64(2*time.Second))
		}
		eng, heard := quiet(t, srv, "denny", func(c *engine.Config) { c.UserSig = mint(t, "denny", 10*time.Minute) })
		ctx := t.Context()
		require.InDelta(t, float64(time.Minute), float64(<-heard.will), float64(time.Second))
		near(9 * time.Minute)
		require.ErrorIs(t, eng.RenewUserSig(ctx, "nonsense"), engine.ErrUserSigInvalid)
		require.NoError(t, eng.RenewUserSig(ctx, mint(t, "denny", time.Second)), "it changes nothing")
		require.NoError(t, eng.RenewUserSig(ctx, mint(t, "denny", 10*time.Minute)))

		<-heard.will // at 18 minutes, and nobody does anything
		near(18 * time.Minute)
		<-heard.expired
		near(19 * time.Minute)
		time.Sleep(20 * time.Second)
		require.NoError(t, eng.RenewUserSig(ctx, mint(t, "denny", 10*time.Minute)), "in the grace period it is not too late")

		<-heard.expired
		near(29*time.Minute + 20*time.Second)
		require.ErrorIs(t, <-heard.gone, engine.ErrUserSigExpired)
		near(29*time.Minute + 50*time.Second)
		<-eng.Done()
		require.ErrorIs(t, eng.Err(), engine.ErrUserSigExpired)
		require.ErrorIs(t, eng.RenewUserSig(ctx, mint(t, "denny", time.Minute)), engine.ErrUserSigExpired)
		require.Len(t, heard.will, 1, "the third")
		require.Empty(t, heard.expired)
	})
}

// A connection that is gone when the UserSig expires comes back with a fresh one, and the seat has waited.
func TestReturnWithAFreshUserSig(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.Config{Grace: 2 * time.Minute}.NewServer(t)
		b := &backend{t: t, id: "denny", valid: time.Minute}
		var conn net.Conn
		eng, heard := quiet(t, srv, "denny", func(c *engine.Config) {
			c.UserSig, c.TokenSource, c.GiveUp = "", b.source, 10*time.Minute
			dial := c.Network.Dial
			c.Network.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
				to, err := dial(ctx, network, addr)
				conn = to
				return to, err
			}
		})
		back := make(chan struct{}, 1)
		eng.AddObserver(&engine.Observer{OnReconnected: func() { back <- struct{}{} }})
		_, err := eng.Create(t.Context(), engine.RoomInfo{RoomID: "room", SeatMode: engine.FreeToTake})
		require.NoError(t, err)
		room, err := eng.Enter(t.Context(), "room", nil)
		require.NoError(t, err)
		require.NoError(t, room.Call(t.Context(), "seat.take", map[string]any{"roomId": "room", "index": 1}, nil))
		b.answers(always("", errors.New("no network")))
		time.Sleep(50 * time.Second)
		require.NoError(t, conn.Close())
		time.Sleep(20 * time.Second) // the UserSig has expired by now
		b.answers(nil)
		<-back
		require.Equal(t, engine.UserID("denny"), room.Seats()[1].UserID)
		require.NoError(t, room.Call(t.Context(), "seat.leave", map[string]any{"roomId": "room"}, nil))
		time.Sleep(10 * time.Minute)
		require.NoError(t, eng.Err())
		require.Empty(t, heard.gone)
	})
}

func TestLoginWithoutAUserSigFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.NewServer(t)
		cfg := srv.EngineConfig(t, 0, "denny")
		cfg.UserSig = ""
		down := errors.New("the backend is down")
		cfg.TokenSource = func(context.Context) (string, error) { return "", down }
		_, err := engine.Login(t.Context(), cfg)
		require.ErrorIs(t, err, down)
		cfg.TokenSource = func(ctx context.Context) (string, error) { <-ctx.Done(); return "", context.Cause(ctx) }
		began := time.Now()
		_, err = engine.Login(t.Context(), cfg)
		require.ErrorIs(t, err, context.DeadlineExceeded, "a source that hangs holds nothing up for ever")
		require.Equal(t, 10*time.Second, time.Since(began))
	})
}

// A source that hangs does not hold up the end of the login.
func TestLogoutWhileTheTokenSourceHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.NewServer(t)
		hanging := make(chan struct{})
		eng, _ := quiet(t, srv, "denny", func(c *engine.Config) {
			c.UserSig = mint(t, "denny", time.Minute)
			c.TokenSource = func(ctx context.Context) (string, error) {
				close(hanging)
				<-ctx.Done()
				return "", context.Cause(ctx)
			}
		})
		<-hanging
		began := time.Now()
		require.NoError(t, eng.Logout(t.Context()))
		require.Zero(t, time.Since(began))
	})
}
