package quality

import (
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/audio"
	"github.com/openvoiceroom/openvoiceroom/audio/opus"
	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/internal/hearing"
	"github.com/openvoiceroom/openvoiceroom/internal/speech"
	"github.com/openvoiceroom/openvoiceroom/seatgrid"
)

// talk is a host who says what mic says, and a guest who hears it in stereo.
type talk struct {
	world  *world
	mic    *engine.Microphone
	room   *engine.Room // the guest's
	heard  *audio.Recorder
	hostIP string
}

func newTalk(t *testing.T, mic audio.Source) talk {
	t.Helper()
	w := newWorld(t, call{trip: roundTrip, seed: 1})
	host, ip := w.login(t, "host", engine.Config{Microphone: mic})
	heard := audio.NewRecorder(2)
	guest, _ := w.login(t, "guest", engine.Config{Speaker: heard})
	grid, listener := seatgrid.New(host), seatgrid.New(guest)
	_, err := grid.StartVoiceRoom(t.Context(), engine.RoomInfo{RoomID: "r"})
	require.NoError(t, err)
	require.NoError(t, grid.StartMicrophone(t.Context()))
	time.Sleep(7 * time.Millisecond)
	_, err = listener.JoinVoiceRoom(t.Context(), "r")
	require.NoError(t, err)
	require.NoError(t, listener.Room().Connected(t.Context()))
	return talk{world: w, mic: grid.Room().Microphone(), room: listener.Room(), heard: heard, hostIP: ip}
}

// rate returns the packets and kbit/s that the host sends in a time, all headers above UDP included.
func (k talk) rate(d time.Duration) (packets, kilobits float64) {
	before, _ := k.world.net.Traffic(k.hostIP)
	time.Sleep(d)
	after, _ := k.world.net.Traffic(k.hostIP)
	return float64(after.Packets-before.Packets) / d.Seconds(), float64(after.Bytes-before.Bytes) * 8 / d.Seconds() / 1000
}

// last returns what was heard in the last d, left and right.
func (k talk) last(d time.Duration) (left, right []int16) {
	samples := k.heard.Samples()
	samples = samples[max(0, len(samples)-2*int(d/time.Millisecond)*audio.SampleRate/1000):]
	for i := 0; i+1 < len(samples); i += 2 {
		left, right = append(left, samples[i]), append(right, samples[i+1])
	}
	return left, right
}

// tones is 400 Hz on the left and 11 kHz on the right, in phase for ever when it is looped.
func tones() []int16 {
	samples := make([]int16, 2*audio.SampleRate)
	for i := range audio.SampleRate {
		at := 2 * math.Pi * float64(i) / audio.SampleRate
		samples[2*i] = int16(6000 * math.Sin(400*at))
		samples[2*i+1] = int16(6000 * math.Sin(11000*at))
	}
	return samples
}

// The documents' qualities: 16 kbit/s for up to 8 kHz in mono, 50 kbit/s for everything in mono, 128 kbit/s in stereo.
func TestAudioQualities(t *testing.T) {
	if !opus.Available {
		t.Skip("built without Opus (cgo): there is nothing to measure")
	}
	const packetCost = 47 * 8 * 50 / 1000.0 // kbit/s of headers and authentication, and of checks and reports beside them
	for _, c := range []struct {
		quality  engine.AudioQuality
		kilobits float64
		high     bool // 11 kHz are heard
		stereo   bool
	}{
		{engine.AudioQualitySpeech, 16, false, false},
		{engine.AudioQualityDefault, 50, true, false},
		{engine.AudioQualityMusic, 128, true, true},
	} {
		synctest.Test(t, func(t *testing.T) {
			k := newTalk(t, audio.NewPCMSource(tones(), audio.PCMOptions{Channels: 2, Loop: true}))
			require.Equal(t, engine.AudioQualityDefault, k.mic.AudioQuality())
			require.NoError(t, k.mic.SetAudioQuality(c.quality))
			time.Sleep(40 * time.Second) // until nothing is spent on losses any more
			_, kilobits := k.rate(10 * time.Second)
			require.InDelta(t, c.kilobits+packetCost, kilobits, 0.2*c.kilobits+2, "quality %d", c.quality)
			left, right := k.last(time.Second)
			low, high := hearing.ToneLevel(left, 400), hearing.ToneLevel(right, 11000)
			require.Greater(t, low, -26.0, "quality %d", c.quality)
			require.Equal(t, c.high, high > -40, "quality %d: 11 kHz at %.0f dB", c.quality, high)
			require.Equal(t, c.stereo, hearing.ToneLevel(right, 400) < low-20, "quality %d: 400 Hz left %.0f dB, right %.0f dB",
				c.quality, low, hearing.ToneLevel(right, 400))
		})
	}
}

// The quality changes while one speaks: the tone never stops, and nothing clicks.
func TestAudioQualityChangesLive(t *testing.T) {
	if !opus.Available {
		t.Skip("built without Opus (cgo): there is nothing to measure")
	}
	synctest.Test(t, func(t *testing.T) {
		k := newTalk(t, audio.NewToneSource(400, 0.25))
		require.ErrorIs(t, k.mic.SetAudioQuality(3), engine.ErrInvalidParameter)
		require.ErrorIs(t, k.mic.SetAudioQuality(-1), engine.ErrInvalidParameter)
		time.Sleep(5 * time.Second)
		was := engine.AudioQualityDefault
		for _, q := range []engine.AudioQuality{
			engine.AudioQualityMusic, engine.AudioQualitySpeech, engine.AudioQualityMusic, engine.AudioQualityDefault,
			engine.AudioQualitySpeech, engine.AudioQualityDefault,
		} {
			require.NoError(t, k.mic.SetAudioQuality(q))
			time.Sleep(2 * time.Second)
			left, _ := k.last(2 * time.Second)
			least, click := continuity(left)
			t.Logf("%d to %d: least %.1f dB, click %.4f", was, q, least, click)
			softest := -13.0 // the tone has -12
			if q == engine.AudioQualitySpeech {
				softest = -25 // for some ms: Opus's own way from its music part to its speech part
			}
			require.Greater(t, least, softest, "from %d to %d there is a hole", was, q)
			require.Less(t, click, 0.002, "from %d to %d it clicks", was, q)
			was = q
		}
		stats, _ := k.room.AudioStats("host")
		require.Zero(t, stats.Lost)
	})
}

// continuity judges a tone of 400 Hz: the level of its softest 10 ms in dB, and the largest step that is not the tone's, of
// full scale: what a listener hears as a click.
func continuity(s []int16) (least, click float64) {
	const window = 480
	k := 2 * math.Cos(2*math.Pi*400/audio.SampleRate)
	for at := 0; at+window <= len(s); at += window {
		least = min(least, hearing.ToneLevel(s[at:at+window], 400))
	}
	for i := 2; i < len(s); i++ {
		click = max(click, math.Abs(float64(s[i])-k*float64(s[i-1])+float64(s[i-2]))/math.MaxInt16)
	}
	return least, click
}

// In silence next to nothing is sent, and the background of the speaker's room goes on.
func TestSilenceCostsNothing(t *testing.T) {
	if !opus.Available {
		t.Skip("built without Opus (cgo): there is nothing to measure")
	}
	said := speech.Host()
	silence := make([]int16, 10*audio.SampleRate)
	seed := uint32(1)
	noisy := append(append([]int16(nil), said...), silence...)
	for i := range noisy { // a room at -58 dBov
		seed = seed*1664525 + 1013904223
		noisy[i] += int16(int32(seed>>16)%140 - 70)
	}
	synctest.Test(t, func(t *testing.T) {
		k := newTalk(t, audio.NewPCMSource(noisy, audio.PCMOptions{Silence: true}))
		time.Sleep(time.Duration(len(said)) * time.Second / audio.SampleRate)
		time.Sleep(2 * time.Second)
		before, _ := k.room.AudioStats("host")
		packets, _ := k.rate(6 * time.Second)
		after, _ := k.room.AudioStats("host")
		require.Less(t, packets, 15.0, "and that is mostly checks of the path")
		require.Zero(t, after.Concealed-before.Concealed)
		require.Zero(t, after.Lost-before.Lost)
		require.Greater(t, after.Comfort-before.Comfort, uint64(250))
		left, _ := k.last(6 * time.Second)
		for at := 0; at+audio.SampleRate/2 <= len(left); at += audio.SampleRate / 2 {
			level := 20 * math.Log10(rms(left[at:at+audio.SampleRate/2])/math.MaxInt16)
			require.InDelta(t, -58, level, 8, "the background after %d s of silence", 2+at/audio.SampleRate)
		}
	})
}

func rms(s []int16) float64 {
	sum := 0.0
	for _, v := range s {
		sum += float64(v) * float64(v)
	}
	return math.Sqrt(sum / float64(len(s)))
}
