package e2e

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/audio"
	"github.com/openvoiceroom/openvoiceroom/audio/opus"
	"github.com/openvoiceroom/openvoiceroom/internal/demo"
	"github.com/openvoiceroom/openvoiceroom/internal/speech"
)

// codec is Opus where it can be built, else the one that needs no cgo: the same path either way.
func codec() audio.Codec {
	if opus.Available {
		return opus.Codec
	}
	return audio.MuLaw
}

// scenario runs the demo's scenario, host and guest at these servers.
func scenario(t *testing.T, host, guest string) {
	t.Helper()
	cfg := demo.Config{
		Host: config(t, host, "host"), Guest: config(t, guest, "guest"), Room: "room 1.> * $",
		HostSays: speech.Host(), GuestSays: speech.Guest(), Listen: 4 * time.Second,
		OnStep: func(s demo.Step) { t.Log(s) },
	}
	cfg.Host.Codec, cfg.Guest.Codec = codec(), codec()
	report := demo.Run(t.Context(), cfg)
	for _, d := range report.Directions {
		t.Log(d)
	}
	if !report.OK {
		b, err := json.MarshalIndent(report, "", " ")
		require.NoError(t, err)
		t.Fatalf("the scenario failed: %s", b)
	}
	require.Len(t, report.Directions, 2)
}

func TestTwoUsersOnOneNodeHearEachOther(t *testing.T) {
	first, _ := openStores(t)
	node := startNode(t, first)
	scenario(t, node, node)
}

// The guest's node is another than the room's home: commands cross as requests, events as entries, speech as packets.
func TestTwoUsersOnTwoNodesHearEachOther(t *testing.T) {
	first, second := openStores(t)
	scenario(t, startNode(t, first), startNode(t, second))
}
