package e2e

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/audio"
	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/internal/hearing"
	"github.com/openvoiceroom/openvoiceroom/seatgrid"
)

// voice is somebody who says something over and over, and keeps what is heard.
type voice struct {
	*seatgrid.Grid
	eng   *engine.Engine
	says  []int16
	mic   *audio.PCMSource
	heard *audio.Recorder
}

// speak logs a user in who says something; change may change the login.
func speak(t *testing.T, url string, user engine.UserID, says []int16, change func(*engine.Config)) *voice {
	t.Helper()
	v := &voice{says: says, mic: audio.NewPCMSource(says, audio.PCMOptions{Loop: true}), heard: audio.NewRecorder(1)}
	cfg := config(t, url, user)
	cfg.Codec, cfg.Microphone, cfg.Speaker = codec(), v.mic, v.heard
	if change != nil {
		change(&cfg)
	}
	var err error
	v.eng, err = engine.Login(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = v.eng.Logout(ctx) // its node may be dead by now
	})
	v.Grid = seatgrid.New(v.eng)
	return v
}

// spoken returns what a source in a loop has said from a time on.
func spoken(s *audio.PCMSource, said []int16, from time.Time, d time.Duration) (out []int16) {
	at := int(from.Sub(s.Started()).Microseconds()) * 48 / 1000
	for i := range int(d.Microseconds()) * 48 / 1000 {
		out = append(out, said[(at+i)%len(said)])
	}
	return out
}

func recorded(r *audio.Recorder, from time.Time) []int16 {
	return r.Samples()[int(from.Sub(r.Started()).Microseconds())*48/1000:]
}

// hears compares what one says from a time on with what another hears of it: the same voice, as loud, without holes, and
// soon. It waits until it has been said.
func (v *voice) hears(t *testing.T, other *voice, from time.Time, d time.Duration) {
	t.Helper()
	<-time.After(time.Until(from.Add(d + 400*time.Millisecond))) // what is said in the end is heard later
	// A few words are few windows to compare: one that the jitter buffer has stretched weighs much.
	r := hearing.Compare(spoken(other.mic, other.says, from, d), recorded(v.heard, from), hearing.Options{MinCorrelation: 0.7, MaxMissing: 5})
	t.Logf("%s hears %s: %+v", v.eng.Self().UserID, other.eng.Self().UserID, r)
	require.True(t, r.OK, r.Reason)
}
