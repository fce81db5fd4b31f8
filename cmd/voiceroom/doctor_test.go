//go:build unix

package main

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/audio/opus"
	"github.com/openvoiceroom/openvoiceroom/internal/doctor"
	"github.com/openvoiceroom/openvoiceroom/signaling/usersig"
)

// serve starts a server in this process, and returns the flags that log in to it.
func serve(t *testing.T) (srv *demoServer, app string) {
	t.Helper()
	srv, err := startDemoServer(t.Context(), "127.0.0.1:0", filepath.Join(t.TempDir(), "data"), slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(srv.stop)
	return srv, "1400000001:" + srv.secret
}

func TestDoctorsExitStatus(t *testing.T) {
	srv, app := serve(t)
	fine := []string{"doctor", "--url", srv.url, "--no-sound-card"}
	sig, err := usersig.Mint(demoApp, srv.secret, "me", time.Hour, time.Now())
	require.NoError(t, err)
	for name, c := range map[string]struct {
		args   []string
		status int
		out    string
		log    string
	}{
		"wrong secret":        {append(fine, "--app", "1400000001:wrong"), 1, "FAIL  login", ""},
		"no UserSig":          {append(fine, "--usersig", "x"), 1, "FAIL  usersig", ""},
		"a UserSig":           {append(fine, "--usersig", sig), 0, "User me can log in", ""},
		"nobody":              {fine, 0, "give --app ID:SECRET", ""},
		"no server":           {[]string{"doctor", "--url", "ws://127.0.0.1:1", "--no-sound-card"}, 1, "FAIL  tcp", ""},
		"unknown flag":        {append(fine, "--nope"), 2, "", "--nope"},
		"an app without form": {append(fine, "--app", "7"), 2, "", "ID:SECRET"},
		"a limit of nothing":  {append(fine, "--limit", "1ms"), 2, "", "--limit"},
		"a room without form": {append(fine, "--room", "räum"), 2, "", "--room"},
	} {
		t.Run(name, func(t *testing.T) {
			if name == "a UserSig" {
				needsOpus(t)
			}
			out, log, status := run(t, c.args...)
			if c.status == 0 && !opus.Available {
				c.status = 1 // the codec is missing, and that is said
			}
			require.Equal(t, c.status, status, "%s%s", out, log)
			require.Contains(t, out, c.out)
			require.Contains(t, log, c.log)
			require.NotContains(t, out+log, srv.secret)
		})
	}
	t.Run("json", func(t *testing.T) {
		needsOpus(t)
		out, log, status := run(t, append(fine, "--json", "--app", app)...)
		require.Equal(t, 0, status, "%s%s", out, log)
		var r doctor.Report
		d := json.NewDecoder(bytes.NewBufferString(out))
		d.DisallowUnknownFields()
		require.NoError(t, d.Decode(&r))
		require.False(t, d.More(), "one object and nothing else")
		require.True(t, r.OK)
		require.Greater(t, len(r.Checks), 15)
	})
}
