package server

import (
	"flag"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/internal/store/memstore"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

var updateDocs = flag.Bool("update-docs", false, "write docs/operating.md's table of metrics anew")

// The table of metrics in docs/operating.md is what /metrics says.
func TestOperatingHasTheMetrics(t *testing.T) {
	udp, err := net.ListenPacket("udp4", "127.0.0.1:0")
	require.NoError(t, err)
	node := memstore.New().Node()
	s, err := New(t.Context(), Config{Apps: map[signaling.AppID]string{1: "secret"}, Store: node, UDP: udp})
	require.NoError(t, err)
	defer func() {
		require.NoError(t, s.Close(t.Context()))
		require.NoError(t, node.Close())
	}()
	m := s.metrics
	m.called("session.login", nil, time.Millisecond) // what has labels is there only when it was used
	m.rested("create_room", 0, time.Millisecond)
	m.calledBack("Live.CallbackAfterCreateRoom", "delivered", time.Millisecond)
	const operating = "../../docs/operating.md"
	text, err := os.ReadFile(operating)
	require.NoError(t, err)
	head, rest, ok := strings.Cut(string(text), "<!-- metrics -->\n")
	require.True(t, ok)
	got, tail, ok := strings.Cut(rest, "<!-- end of metrics -->\n")
	require.True(t, ok)
	want := "| metric | type | labels | meaning |\n|---|---|---|---|\n" + strings.Join(described(t, m), "")
	if *updateDocs {
		require.NoError(t, os.WriteFile(operating, []byte(head+"<!-- metrics -->\n"+want+"<!-- end of metrics -->\n"+tail), 0o644))
		return
	}
	require.Equal(t, want, got, "go test ./internal/server -run Operating -update-docs writes it anew")
}

func described(t *testing.T, m *metrics) (rows []string) {
	t.Helper()
	families, err := m.registry.Gather()
	require.NoError(t, err)
	for _, f := range families {
		if !strings.HasPrefix(f.GetName(), "voiceroom_") {
			continue
		}
		labels := map[string][]string{}
		for _, one := range f.GetMetric() {
			for _, l := range one.GetLabel() {
				labels[l.GetName()] = append(labels[l.GetName()], l.GetValue())
			}
		}
		var names []string
		for name, values := range labels {
			if slices.Sort(values); name == "reason" {
				name += ": " + strings.Join(values, ", ")
			}
			names = append(names, name)
		}
		slices.Sort(names)
		rows = append(rows, fmt.Sprintf("| `%s` | %s | %s | %s |\n", f.GetName(), strings.ToLower(f.GetType().String()), strings.Join(names, "; "), f.GetHelp()))
	}
	return rows
}
