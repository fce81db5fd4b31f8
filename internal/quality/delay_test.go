package quality

import (
	"slices"
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
	"github.com/openvoiceroom/openvoiceroom/seatgrid"
)

// addedGoal is how long a sound may take from the microphone to the loudspeaker where the network and the cards take no
// time.
const addedGoal = 60 * time.Millisecond

// added returns how long each of some pieces of speech has taken, in a call without a network in between whose speaker
// wants a frame phase after a packet has come: found in what was heard, not counted from what buffers say. A frame is whole
// when its last sample has been captured, so its first one has waited for as long as it lasts.
func added(t *testing.T, phase, settle time.Duration, pieces int) (delays []time.Duration) {
	t.Helper()
	if !opus.Available {
		t.Skip("built without Opus (cgo): there is nothing to measure")
	}
	const piece = 2 * time.Second
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, call{seed: 1})
		source := audio.NewPCMSource(speech.Host(), audio.PCMOptions{Loop: true})
		heard := audio.NewRecorder(1)
		host, _ := w.login(t, "host", engine.Config{Microphone: source})
		guest, _ := w.login(t, "guest", engine.Config{Speaker: heard})
		grid, listener := seatgrid.New(host), seatgrid.New(guest)
		_, err := grid.StartVoiceRoom(t.Context(), engine.RoomInfo{RoomID: "r"})
		require.NoError(t, err)
		require.NoError(t, grid.StartMicrophone(t.Context()))
		for source.Started().IsZero() {
			time.Sleep(time.Microsecond)
		}
		time.Sleep(phase)
		_, err = listener.JoinVoiceRoom(t.Context(), "r")
		require.NoError(t, err)
		require.NoError(t, listener.Room().Connected(t.Context()))
		require.InDelta(t, phase, heard.Started().Sub(source.Started())%audio.FrameDuration, float64(10*time.Microsecond))
		time.Sleep(settle + time.Duration(pieces)*piece + time.Second)

		said, samples := speech.Host(), heard.Samples()
		for i := range pieces {
			from := settle + time.Duration(i)*piece // since the source began
			at := int(from.Microseconds()) * 48 / 1000
			var words []int16
			for n := range int(piece.Microseconds()) * 48 / 1000 {
				words = append(words, said[(at+n)%len(said)])
			}
			ahead := from - heard.Started().Sub(source.Started())
			r := hearing.Compare(words, samples[int(ahead.Microseconds())*48/1000:], hearing.Options{MinCorrelation: 0.7})
			require.True(t, r.OK, "%+v", r)
			delays = append(delays, audio.FrameDuration+time.Duration(r.DelayMS*float64(time.Millisecond)))
		}
	})
	return delays
}

// settled is how long a call is given until its delay is what the line needs.
const settled = 20 * time.Second

// allAdded returns the added delays for evenly spread phases: in which one a call is, is chance.
func allAdded(t *testing.T, phases int) (delays []time.Duration) {
	t.Helper()
	step := audio.FrameDuration / time.Duration(phases)
	for i := range phases {
		delays = append(delays, added(t, time.Duration(i)*step+step/2, settled, 3)...)
	}
	slices.Sort(delays)
	return delays
}

// quantile returns what a share of sorted values is at most.
func quantile(sorted []time.Duration, share float64) time.Duration {
	return sorted[min(int(share*float64(len(sorted))), len(sorted)-1)]
}

// From the microphone to the loudspeaker speech takes as long as is said, whatever the phase between the two cards.
func TestAddedDelay(t *testing.T) {
	if race.Enabled {
		t.Skip(race.Reason)
	}
	delays := allAdded(t, 2)
	t.Log(delays)
	require.LessOrEqual(t, delays[len(delays)-1], addedGoal)
	// Less would be more than physics allows: a frame, what Opus looks ahead, and half a frame for what comes late.
	require.Greater(t, delays[0], audio.FrameDuration+6*time.Millisecond+10*time.Millisecond)
	first := added(t, 5*time.Millisecond, time.Second, 1)
	require.InDelta(t, 71.5, first[0].Seconds()*1000, 1, "a call begins with 20 ms more")
}
