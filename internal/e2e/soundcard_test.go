//go:build linux

package e2e

import (
	"context"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/audio"
	"github.com/openvoiceroom/openvoiceroom/audio/audiotest"
	"github.com/openvoiceroom/openvoiceroom/audio/opus"
	"github.com/openvoiceroom/openvoiceroom/audio/portaudio"
	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/internal/hearing"
	"github.com/openvoiceroom/openvoiceroom/internal/speech"
	"github.com/openvoiceroom/openvoiceroom/seatgrid"
)

const second = audio.SampleRate

// phone is a call in which the host speaks into a microphone of PulseAudio and the guest's speaker is another one's.
type phone struct {
	host, guest       *seatgrid.Grid
	mic               *portaudio.Microphone
	speaker           *portaudio.Speaker
	hostsIn, guestsIn *sounds
	changes           chan string // what the cards tell
	other             []string    // of it, what told has passed over
}

func startPhone(t *testing.T, opts portaudio.Options) *phone {
	t.Helper()
	needsCards(t)
	p := &phone{hostsIn: startSounds(t, "desk", "cap"), guestsIn: startSounds(t, "ear"), changes: make(chan string, 16)}
	setCards(t, card{"desk_mic", p.hostsIn, "desk.monitor"}, card{"cap_mic", p.hostsIn, "cap.monitor"}, card{"ear_phone", p.guestsIn, "ear"})
	opts.OnLost = func(d portaudio.Device, err error) {
		t.Log("lost:", d.Name, err)
		p.changes <- "lost " + d.Name
	}
	opts.OnBack = func(d portaudio.Device) { p.changes <- "back " + d.Name }
	micOpts, speakerOpts := opts, opts
	micOpts.Device, speakerOpts.Device = "desk_mic", "ear_phone"
	p.mic, p.speaker = portaudio.NewMicrophone(micOpts), portaudio.NewSpeaker(speakerOpts)

	first, _ := openStores(t)
	url := startNode(t, first)
	p.host = seatgrid.New(call(t, url, "host", p.mic, nil))
	p.guest = seatgrid.New(call(t, url, "guest", nil, p.speaker))
	_, err := p.host.StartVoiceRoom(t.Context(), engine.RoomInfo{RoomID: "room"})
	require.NoError(t, err)
	_, err = p.guest.JoinVoiceRoom(t.Context(), "room")
	require.NoError(t, err)
	require.NoError(t, p.host.StartMicrophone(t.Context()))
	return p
}

func call(t *testing.T, url string, user engine.UserID, mic audio.Source, speaker audio.Sink) *engine.Engine {
	t.Helper()
	cfg := config(t, url, user)
	cfg.Codec, cfg.Microphone, cfg.Speaker = opus.Codec, mic, speaker
	eng, err := engine.Login(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 10*time.Second)
		defer cancel()
		require.NoError(t, eng.Logout(ctx))
	})
	return eng
}

// told waits until the cards tell something. A virtual card that has just been opened may stand still for seconds, which is
// a loss as any other: what they tell meanwhile is kept for stoodStill.
func (p *phone) told(t *testing.T, want string) {
	t.Helper()
	late := time.After(30 * time.Second)
	for {
		select {
		case got := <-p.changes:
			if got == want {
				return
			}
			p.other = append(p.other, got)
		case <-late:
			t.Fatalf("nothing is told of %q, but %q", want, p.other)
		}
	}
}

// stoodStill returns how often a card was lost that nobody had unplugged. Each time it must have come back.
func (p *phone) stoodStill(t *testing.T, card string) uint64 {
	t.Helper()
	for len(p.changes) > 0 {
		p.other = append(p.other, <-p.changes)
	}
	var lost, back uint64
	for _, what := range p.other {
		switch what {
		case "lost " + card:
			lost++
		case "back " + card:
			back++
		}
	}
	require.Equal(t, lost, back, "%q", p.other)
	require.Less(t, lost, uint64(4), "%q", p.other)
	return lost
}

// tone returns seconds of a sine.
func tone(seconds, hz float64) []int16 {
	out := make([]int16, int(seconds*second))
	for i := range out {
		out[i] = int16(8000 * math.Sin(2*math.Pi*hz*float64(i)/second))
	}
	return out
}

// hears says a tone until it is heard; the path may just have come up. It returns the tone's level in dBFS.
func hears(t *testing.T, k *talker, l *listener, hz float64) float64 {
	t.Helper()
	for range 20 {
		at := l.now()
		k.says(tone(2, hz))
		// The middle of what comes out must be nothing but the tone, whatever the delay up to half a second.
		if level := hearing.ToneLevel(l.from(at, 2*second)[second/2:3*second/2], hz); level > -16 {
			return level
		}
	}
	t.Fatalf("the tone of %g Hz is not heard", hz)
	return 0
}

func TestSpeechGoesFromSoundCardToSoundCard(t *testing.T) {
	for name, opts := range map[string]portaudio.Options{
		"as it comes":                           {},
		"in stereo, at 44.1 kHz, with patience": {Channels: 2, Rate: 44100, Latency: portaudio.LatencyHigh},
	} {
		t.Run(name, func(t *testing.T) {
			p := startPhone(t, opts)
			host := startTalker(t, p.hostsIn, "desk")
			said, guest := startListener(t, p.hostsIn, "desk"), startListener(t, p.guestsIn, "ear")
			level := hears(t, host, guest, 440)
			require.InDelta(t, 20*math.Log10(8000.0/32768), level, 2)

			t.Logf("a tone of -12.2 dBFS comes out with %.1f", level)

			// What else the machine does can be heard. It may spoil some of the tries, a mistake spoils them all.
			for try := range 3 {
				logStats(t, "microphone", p.mic.Stats())
				logStats(t, "speaker", p.speaker.Stats())
				saidAt, at := said.now(), guest.now()
				words := speech.Host()[:5*second]
				host.says(words)
				// The recorders are late by up to a second, each by its own.
				limits := hearing.Options{MaxDelay: 2 * time.Second}
				in := hearing.Compare(words, said.from(saidAt, len(words)+2*second), limits)
				out := hearing.Compare(words, guest.from(at, len(words)+2*second), limits)
				t.Logf("try %d: from microphone to speaker in %.0f ms: %+v", try, out.DelayMS-in.DelayMS, out)
				if out.OK {
					require.Empty(t, p.changes, "nothing is lost")
					return
				}
			}
			t.Fatal("what comes out is not what was said")
		})
	}
}

func logStats(t *testing.T, what string, s portaudio.Stats) {
	t.Helper()
	t.Logf("%s: %d Hz, %d channel(s), latency %v, queued %v, %d underruns, %d overruns, %d losses",
		what, s.Rate, s.Channels, s.Latency, s.Queued.Round(time.Millisecond), s.Underruns, s.Overruns, s.Losses)
}

// Switching to another microphone must not publish somebody who is muted, nor close the microphone.
func TestMuteOutlivesAChangeOfMicrophone(t *testing.T) {
	p := startPhone(t, portaudio.Options{})
	desk, clip := startTalker(t, p.hostsIn, "desk"), startTalker(t, p.hostsIn, "cap")
	guest := startListener(t, p.guestsIn, "ear")
	hears(t, desk, guest, 440)

	require.NoError(t, p.host.MuteMicrophone(t.Context()))
	guest.from(guest.now(), second) // what was under way has come out
	require.NoError(t, p.mic.SetDevice(t.Context(), "cap_mic"))
	at := guest.now()
	clip.says(tone(2, 660))
	silent, level := hearing.Silent(guest.from(at, 3*second))
	require.True(t, silent, "%g dBFS", level)

	require.NoError(t, p.host.UnmuteMicrophone(t.Context()))
	hears(t, clip, guest, 660)
	at = guest.now()
	desk.says(tone(2, 440))
	require.Less(t, hearing.ToneLevel(guest.from(at, 3*second), 440), -50.0, "the other microphone is not heard")
	require.Empty(t, p.changes)
}

// A card that is unplugged in the middle of a call costs nothing but its sound, and is heard again when it is back.
func TestCallOutlivesItsSoundCards(t *testing.T) {
	p := startPhone(t, portaudio.Options{})
	guest := startListener(t, p.guestsIn, "ear")
	host := startTalker(t, p.hostsIn, "desk")
	hears(t, host, guest, 440)

	began := time.Now()
	p.guestsIn.unplug("ear")
	p.told(t, "lost ear_phone")
	t.Log("the speaker's loss was told after", time.Since(began))
	guest.stop()
	p.guestsIn.plug("ear")
	began = time.Now()
	p.told(t, "back ear_phone")
	t.Log("its return was told after", time.Since(began))
	guest = startListener(t, p.guestsIn, "ear")
	hears(t, host, guest, 550)

	began = time.Now()
	p.hostsIn.kill() // the microphone, with its whole sound system
	p.told(t, "lost desk_mic")
	t.Log("the microphone's loss was told after", time.Since(began))
	host.stop()
	silent, level := hearing.Silent(guest.from(guest.now(), second))
	require.True(t, silent, "%g dBFS", level)
	require.Equal(t, engine.MicOn, p.guest.Seats()[0].Mic, "for the others nothing has happened")
	p.hostsIn.start()
	began = time.Now()
	p.told(t, "back desk_mic")
	t.Log("its return was told after", time.Since(began))
	host = startTalker(t, p.hostsIn, "desk")
	hears(t, host, guest, 660)

	require.Equal(t, 1+p.stoodStill(t, "ear_phone"), p.speaker.Stats().Losses)
	require.Equal(t, 1+p.stoodStill(t, "desk_mic"), p.mic.Stats().Losses)
}

func TestSoundCardsKeepTheContract(t *testing.T) {
	needsCards(t)
	s := startSounds(t, "desk")
	setCards(t, card{"desk_mic", s, "desk.monitor"}, card{"desk_speaker", s, "desk"})
	startTalker(t, s, "desk") // keeps the card awake: null sinks that nobody uses wake up slowly
	audiotest.CheckSource(t, portaudio.NewMicrophone(portaudio.Options{Device: "desk_mic"}))
	audiotest.CheckSink(t, portaudio.NewSpeaker(portaudio.Options{Device: "desk_speaker"}))

	err := portaudio.NewMicrophone(portaudio.Options{Device: "theremin"}).Start(t.Context())
	require.ErrorIs(t, err, audio.ErrNoDevice)
	require.ErrorContains(t, err, "ALSA:desk_mic")
	s.kill()
	err = portaudio.NewMicrophone(portaudio.Options{Device: "desk_mic"}).Start(t.Context())
	require.ErrorIs(t, err, audio.ErrNoDevice)
}
