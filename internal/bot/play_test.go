package bot_test

import (
	"encoding/binary"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/audio"
	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/internal/bot"
	"github.com/openvoiceroom/openvoiceroom/internal/hearing"
	"github.com/openvoiceroom/openvoiceroom/internal/speech"
	"github.com/openvoiceroom/openvoiceroom/voiceroom"
	"github.com/openvoiceroom/openvoiceroom/voiceroom/voiceroomtest"
)

// What is in the files is heard, one after another, and then the bot leaves.
func TestPlaysAndLeaves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.NewServer(t)
		h := host(t, srv, engine.FreeToTake)
		first, second := wav(t, "first.wav", speech.Host()), wav(t, "second.wav", speech.Guest())
		began := time.Now()
		b := run(t, srv, "dj", bot.Config{Play: []string{first, second}, Quality: engine.AudioQualityDefault})
		end := b.wait()
		require.Equal(t, bot.Outcome{Text: "Everything has been played."}, end)
		length := time.Duration(len(speech.Host())+len(speech.Guest())) * time.Second / audio.SampleRate
		require.InDelta(t, length, time.Since(began), float64(2*time.Second))
		require.Equal(t, -1, seatOf(h.Grid, "dj"))
		for file, said := range map[string][]int16{first: speech.Host(), second: speech.Guest()} {
			report := hearing.Compare(said, heard(t, h.Speaker, b.at("playing dj "+file)), hearing.Options{})
			require.True(t, report.OK, "%s: %+v", file, report)
		}
		require.True(t, b.lines.closed)
		texts := b.texts()
		require.Equal(t, []string{"joined dj room", "seated host seat 0", "seated dj seat 1", "audioOn dj", "playing dj " + first, "playing dj " + second, "over dj Everything has been played."}, texts)
	})
}

func TestLoopsUntilItsTimeIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.NewServer(t)
		host(t, srv, engine.FreeToTake)
		a, b := wav(t, "a.wav", tone(t, 400, 2*time.Second)), wav(t, "b.wav", tone(t, 700, 2*time.Second))
		s := run(t, srv, "dj", bot.Config{Play: []string{a, b}, Loop: true, For: 9 * time.Second, Seat: 3})
		require.Equal(t, bot.Outcome{Text: "The 9s are over."}, s.wait())
		var played []string
		for _, e := range s.events() {
			if e.Type == bot.EventPlaying {
				played = append(played, e.Value)
			}
		}
		require.Equal(t, []string{a, b, a, b, a}, played)
		require.Contains(t, s.texts(), "seated dj seat 2")
	})
}

// An announcement is heard over the music, which is softer meanwhile, and says nothing of what was before the bot came.
func TestAnnounces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.NewServer(t)
		h := host(t, srv, engine.FreeToTake)
		music, hello := wav(t, "music.wav", tone(t, 400, time.Second)), wav(t, "hello.wav", tone(t, 1000, 2*time.Second))
		b := run(t, srv, "dj", bot.Config{
			Play: []string{music}, Loop: true, Quality: engine.AudioQualityDefault,
			Announce: map[voiceroom.EventType]string{voiceroom.EventEntered: hello, voiceroom.EventSeated: hello},
		})
		level := func(hz float64) float64 {
			samples := h.Speaker.Samples()
			return hearing.ToneLevel(samples[len(samples)-audio.SampleRate/2:], hz)
		}
		time.Sleep(3 * time.Second) // virtual
		alone := level(400)
		require.InDelta(t, -18, alone, 2)
		require.Less(t, level(1000), -60.0, "those who were here before are not announced")
		guest := srv.NewUser(t, "guest")
		guest.Join(t, "room")
		time.Sleep(1500 * time.Millisecond) // entries are told a little later
		require.InDelta(t, -18, level(1000), 2)
		require.InDelta(t, alone-10.5, level(400), 1.5, "30 % are 10.5 dB less")
		time.Sleep(3 * time.Second)
		require.Less(t, level(1000), -60.0)
		require.InDelta(t, alone, level(400), 1, "the music is as loud as before")
		b.cancel()
		require.Equal(t, bot.Outcome{Text: "Ended from outside."}, b.wait())
	})
}

// A crowd that comes in is greeted a few times, not for minutes.
func TestACrowdIsGreetedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.NewServer(t)
		h := host(t, srv, engine.FreeToTake)
		hello := wav(t, "hello.wav", tone(t, 1000, 3*time.Second))
		b := run(t, srv, "dj", bot.Config{Announce: map[voiceroom.EventType]string{voiceroom.EventEntered: hello}})
		time.Sleep(2 * time.Second) // virtual
		for _, id := range []engine.UserID{"a", "b", "c", "d", "e", "f", "g"} {
			srv.NewUser(t, id).Join(t, "room")
		}
		time.Sleep(8 * time.Second)
		samples := h.Speaker.Samples()
		require.Less(t, hearing.ToneLevel(samples[len(samples)-audio.SampleRate/2:], 1000), -60.0)
		require.Contains(t, b.texts(), "entered g")
		b.cancel()
		b.wait()
	})
}

// pcm is raw sound as a program writes it, in pieces that end in the middle of a sample.
type pcm struct {
	io.Reader
	piece int
}

func (p pcm) Read(b []byte) (int, error) { return p.Reader.Read(b[:min(len(b), p.piece)]) }
func (pcm) Close() error                 { return nil }

// What one bot is given as raw sound, another one gives back.
func TestSaysAndHears(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.NewServer(t)
		host(t, srv, engine.FreeToTake)
		var one, all lines
		ear := run(t, srv, "ear", bot.Config{Hear: []bot.Ear{{User: "mouth", Out: &one}, {Out: &all}}})
		time.Sleep(time.Second) // virtual
		began := time.Now()
		raw := make([]byte, 0, 2*len(speech.Host()))
		for _, s := range speech.Host() {
			raw = binary.LittleEndian.AppendUint16(raw, uint16(s))
		}
		r, w := io.Pipe()
		feeding := make(chan error, 1)
		go func() {
			_, err := w.Write(raw)
			w.Close()
			feeding <- err
		}()
		mouth := run(t, srv, "mouth", bot.Config{Say: pcm{r, 777}})
		require.Equal(t, bot.Outcome{Text: "Everything has been played."}, mouth.wait())
		require.NoError(t, <-feeding)
		require.InDelta(t, len(speech.Host())/audio.SampleRate, time.Since(began).Seconds(), 2.5, "it was heard in its time")
		ear.cancel()
		ear.wait()
		for name, out := range map[string]*lines{"one": &one, "all": &all} {
			require.True(t, out.closed)
			samples := make([]int16, out.text.Len()/2)
			for i := range samples {
				samples[i] = int16(binary.LittleEndian.Uint16(out.text.Bytes()[2*i:]))
			}
			report := hearing.Compare(speech.Host(), samples, hearing.Options{MaxDelay: 3 * time.Second})
			require.True(t, report.OK, "%s: %+v", name, report)
		}
	})
}

// Without a codec a file's packets are sent as they are, and an announcement stops them for a while.
func TestPlaysWithoutACodec(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.NewServer(t)
		h := host(t, srv, engine.FreeToTake)
		music, hello := opusFile(t, "music.opus", 'm', 200), opusFile(t, "hello.opus", 'h', 100)
		type sent struct {
			letter byte
			number int
		}
		got := make(chan sent, 1000)
		defer h.Room().TapPackets(func(p engine.Packet) {
			if p.User == "dj" && len(p.Payload) > 3 {
				got <- sent{p.Payload[1], int(p.Payload[2])}
			}
		})()
		b := runWith(t, srv, "dj", nil, bot.Config{Play: []string{music}, For: 10 * time.Second, Announce: map[voiceroom.EventType]string{voiceroom.EventEntered: hello}})
		time.Sleep(2 * time.Second) // virtual
		srv.NewUser(t, "guest").Join(t, "room")
		require.Equal(t, bot.Outcome{Text: "The 10s are over."}, b.wait())
		close(got)
		var order []byte
		counts := map[byte]int{}
		for p := range got {
			require.Equal(t, counts[p.letter], p.number, "packets of %c", p.letter)
			counts[p.letter]++
			if len(order) == 0 || order[len(order)-1] != p.letter {
				order = append(order, p.letter)
			}
		}
		require.Equal(t, "mhm", string(order))
		require.Equal(t, map[byte]int{'m': 200, 'h': 100}, counts)
	})
}
