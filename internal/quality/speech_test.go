package quality

import (
	"encoding/json"
	"flag"
	"math"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/audio"
	"github.com/openvoiceroom/openvoiceroom/audio/opus"
	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/internal/hearing"
	"github.com/openvoiceroom/openvoiceroom/internal/race"
	"github.com/openvoiceroom/openvoiceroom/internal/speech"
	"github.com/openvoiceroom/openvoiceroom/internal/testnet"
	"github.com/openvoiceroom/openvoiceroom/seatgrid"
)

var update = flag.Bool("update", false, "write the golden speech scores anew")

const (
	goldenScores = "testdata/speech.json"
	// scoreMargin is how many points a score may fall: a build of libopus differs from the next by tenths. With losses it
	// matters which frames they hit, and one packet more or less before them makes that others.
	scoreMargin = 1.0
	lossyMargin = 5.0
	goldenSeeds = 5 // over which golden scores with losses are averaged
)

// lines are the calls whose speech is scored: the loss of the listener's down-link, and how the speaker encodes.
var lines = []struct {
	name    string
	quality engine.AudioQuality
	down    testnet.Loss
}{
	{"clean-speech", engine.AudioQualitySpeech, testnet.Loss{}},
	{"clean-default", engine.AudioQualityDefault, testnet.Loss{}},
	{"clean-music", engine.AudioQualityMusic, testnet.Loss{}},
	{"random-10", engine.AudioQualityDefault, testnet.Loss{Share: 0.1}},
	{"random-20", engine.AudioQualityDefault, testnet.Loss{Share: 0.2}},
	{"random-30", engine.AudioQualityDefault, testnet.Loss{Share: 0.3}},
	{"bursts-10", engine.AudioQualityDefault, testnet.Loss{Share: 0.1, Burst: 3}},
}

// speechScore returns the OVR speech score of what is heard of some speech that is said over and over: of the third
// time, when a call has settled, losses included.
func speechScore(t *testing.T, quality engine.AudioQuality, down testnet.Loss, seed uint64) (score float64) {
	t.Helper()
	if !opus.Available {
		t.Skip("built without Opus (cgo): there is nothing to measure")
	}
	const settle = 2 // times
	said := speech.Host()
	once := time.Duration(len(said)) * time.Second / audio.SampleRate
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, call{trip: roundTrip, seed: seed})
		source := audio.NewPCMSource(said, audio.PCMOptions{Loop: true})
		heard := audio.NewRecorder(1)
		host, _ := w.login(t, "host", engine.Config{Microphone: source})
		guest, guestIP := w.login(t, "guest", engine.Config{Speaker: heard})
		grid, listener := seatgrid.New(host), seatgrid.New(guest)
		_, err := grid.StartVoiceRoom(t.Context(), engine.RoomInfo{RoomID: "r"})
		require.NoError(t, err)
		require.NoError(t, grid.Room().Microphone().SetAudioQuality(quality))
		_, err = listener.JoinVoiceRoom(t.Context(), "r")
		require.NoError(t, err)
		require.NoError(t, listener.Room().Connected(t.Context()))
		time.Sleep(7 * time.Millisecond)
		require.NoError(t, grid.StartMicrophone(t.Context()))
		w.net.SetHostLoss(guestIP, testnet.Loss{}, down)
		time.Sleep((settle+1)*once + time.Second)
		w.net.SetHostLoss(guestIP, testnet.Loss{}, testnet.Loss{})
		played := heard.Samples()[max(0, int(source.Started().Sub(heard.Started()).Microseconds())*48/1000):]
		score, err = hearing.Score(said, played[settle*len(said):], 400*time.Millisecond)
		require.NoError(t, err)
	})
	return score
}

func readScores(t *testing.T) (golden map[string]float64) {
	t.Helper()
	b, err := os.ReadFile(goldenScores)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(b, &golden))
	return golden
}

// least returns what a score must come to at least.
func least(name string, golden map[string]float64) float64 {
	if strings.HasPrefix(name, "clean-") {
		return golden[name] - scoreMargin
	}
	return golden[name] - lossyMargin
}

// What is heard of speech does not get worse unnoticed. A change that is meant to cost something, or that makes it better,
// renews the figures: go test ./internal/quality -run TestSpeechScores -update
func TestSpeechScores(t *testing.T) {
	if race.Enabled {
		t.Skip(race.Reason)
	}
	if *update {
		renewScores(t)
	}
	golden := readScores(t)
	require.Len(t, golden, len(lines), "renew %s: see the comment of this test", goldenScores)
	for _, l := range lines {
		score := speechScore(t, l.quality, l.down, 1)
		t.Logf("%s: %.2f, golden %.2f", l.name, score, golden[l.name])
		require.GreaterOrEqual(t, score, least(l.name, golden),
			"%s: speech is heard worse than before; if that is meant, see the comment of this test", l.name)
	}
}

func renewScores(t *testing.T) {
	t.Helper()
	golden := map[string]float64{}
	for _, l := range lines {
		var scores []float64
		for seed := range uint64(goldenSeeds) {
			scores = append(scores, speechScore(t, l.quality, l.down, seed+1))
		}
		t.Log(l.name, scores)
		sum := 0.0
		for _, s := range scores {
			sum += s / goldenSeeds
		}
		golden[l.name] = math.Round(100*sum) / 100
	}
	b, err := json.MarshalIndent(golden, "", "  ")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(goldenScores, append(b, '\n'), 0o600))
}
