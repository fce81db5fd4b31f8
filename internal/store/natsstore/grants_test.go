package natsstore_test

import (
	"bytes"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/internal/store/natsstore"
	"github.com/openvoiceroom/openvoiceroom/internal/store/storetest"
)

// startGranting runs a NATS with the user of docs/operating.md and returns its address.
func startGranting(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../../docs/operating.md")
	require.NoError(t, err)
	_, rest, ok := strings.Cut(string(text), "```\n# nats-server.conf\n")
	require.True(t, ok)
	conf, _, ok := strings.Cut(rest, "```\n")
	require.True(t, ok)
	file := filepath.Join(t.TempDir(), "nats-server.conf")
	require.NoError(t, os.WriteFile(file, []byte(conf), 0o600))
	opts, err := server.ProcessConfigFile(file)
	require.NoError(t, err)
	opts.Host, opts.Port, opts.StoreDir, opts.NoSigs, opts.NoLog = "127.0.0.1", server.RANDOM_PORT, t.TempDir(), true, true
	ns, err := server.NewServer(opts)
	require.NoError(t, err)
	ns.Start()
	t.Cleanup(func() { ns.Shutdown(); ns.WaitForShutdown() })
	require.True(t, ns.ReadyForConnections(30*time.Second))
	return strings.Replace(ns.ClientURL(), "nats://", "nats://voiceroom:change-me@", 1)
}

// A NATS that grants what docs/operating.md lists, and nothing else, is enough for the whole contract.
func TestGrantsAreEnough(t *testing.T) {
	for _, c := range storetest.Cases() {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			at := startGranting(t)
			var log lockedBuffer
			var pair [2]store.Store
			for i := range pair {
				st, err := natsstore.Open(t.Context(), natsstore.Config{URL: at, Logger: slog.New(slog.NewTextHandler(&log, nil))})
				require.NoError(t, err)
				t.Cleanup(func() { require.NoError(t, st.Close()) })
				pair[i] = st
			}
			c.Run(t, pair)
			assert.NotContains(t, strings.ToLower(log.String()), "permission")
		})
	}
}

// A grant that is missing is told at the start.
func TestMissingGrantIsTold(t *testing.T) {
	at := strings.Replace(startGranting(t), "change-me", "wrong", 1)
	_, err := natsstore.Open(t.Context(), natsstore.Config{URL: at})
	require.ErrorContains(t, err, "uthorization")
	_, err = natsstore.Open(t.Context(), natsstore.Config{URL: strings.Replace(at, "wrong", "change-me", 1), Prefix: "other"})
	require.ErrorContains(t, err, "must be allowed to publish and subscribe under other.>")
}

// lockedBuffer is written by many.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
