package music

import (
	"fmt"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/audio"
)

// sine returns a tone of an amplitude of 8000.
func sine(n int, hz float64) []int16 {
	out := make([]int16, n)
	for i := range out {
		out[i] = int16(math.Round(8000 * math.Sin(2*math.Pi*hz*float64(i)/audio.SampleRate)))
	}
	return out
}

// ramp returns samples that tell where they are: they count to 10000 again and again.
func ramp(n int) []int16 {
	out := make([]int16, n)
	for i := range out {
		out[i] = int16(i % 10000)
	}
	return out
}

// file writes mono samples to a file.
func file(t testing.TB, samples []int16) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "music.wav")
	f, err := os.Create(path)
	require.NoError(t, err)
	require.NoError(t, audio.WriteWAV(f, samples, audio.SampleRate, 1))
	require.NoError(t, f.Close())
	return path
}

// world is a player whose outputs are asked for frames every 20 ms of virtual time.
type world struct {
	*Player
	local, sent *audio.Mixer

	mu     sync.Mutex
	events []string
}

func newWorld(t *testing.T, cfg Config) *world {
	w := &world{local: audio.NewMixer(1), sent: audio.NewMixer(1)}
	note := func(format string, args ...any) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.events = append(w.events, fmt.Sprintf(format, args...))
	}
	cfg.OnStart = func(id int) { note("start %d", id) }
	cfg.OnEnd = func(id int, err error) { note("end %d: %v", id, err) }
	w.Player = New(cfg)
	t.Cleanup(w.Close)
	return w
}

func (w *world) told() []string {
	synctest.Wait()
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.events)
}

// hear returns what is heard here, and what is sent, in n frames.
func (w *world) hear(t *testing.T, n int) (local, sent []int16) {
	t.Helper()
	f := audio.NewFrame(1)
	for range n {
		time.Sleep(audio.FrameDuration)
		synctest.Wait()
		w.Local().Mix(w.local, time.Now())
		require.NoError(t, w.local.Mix(f))
		local = append(local, f...)
		w.Sent().Mix(w.sent, time.Now())
		require.NoError(t, w.sent.Mix(f))
		sent = append(sent, f...)
	}
	return local, sent
}

// TestPlays checks samples: the beginning is not faded, the volume is 60, the end comes once, and a loop has no seam.
func TestPlays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Config{Local: true, Sent: true})
		said := ramp(10500)
		require.NoError(t, w.Start(Options{ID: 7, Path: file(t, said), Loops: 2, Send: true}))
		local, sent := w.hear(t, 40)
		require.Equal(t, local, sent)
		for i := range 3 * len(said) {
			require.InDelta(t, 0.6*float64(said[i%len(said)]), local[i], 1, "sample %d", i)
		}
		require.Equal(t, make([]int16, len(local)-3*len(said)), local[3*len(said):])
		require.Equal(t, []string{"start 7", "end 7: <nil>"}, w.told())
		require.ErrorIs(t, w.Stop(7), ErrNotPlaying)
	})
}

func TestPauseIsAGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Config{Local: true})
		require.NoError(t, w.SetVolume(100))
		said := ramp(480000)
		require.NoError(t, w.Start(Options{ID: 1, Path: file(t, said)}))
		w.hear(t, 10)
		require.NoError(t, w.Pause(1))
		faded, _ := w.hear(t, 1)
		require.Less(t, faded[900], said[9600+900]/4)
		gap, _ := w.hear(t, 500)
		require.Equal(t, make([]int16, len(gap)), gap)
		s, err := w.Status(1)
		require.NoError(t, err)
		require.Equal(t, Status{Position: 220 * time.Millisecond, Duration: 10 * time.Second, Paused: true, LocalVolume: 100}, s)
		require.NoError(t, w.Resume(1))
		on, _ := w.hear(t, 2)
		require.InDelta(t, said[11*960+959], on[959], 20, "it goes on where it stood")
		require.Equal(t, said[12*960:13*960], on[960:])
	})
}

func TestSeekIsExact(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Config{Local: true})
		require.NoError(t, w.SetVolume(100))
		said := ramp(480000)
		require.NoError(t, w.Start(Options{ID: 1, Path: file(t, said), Start: time.Second, End: 9 * time.Second, Loops: -1}))
		first, _ := w.hear(t, 5)
		require.Equal(t, said[48000:48000+5*960], first)
		require.NoError(t, w.Seek(1, 3*time.Second))
		after, _ := w.hear(t, 5)
		require.Less(t, after[900], said[48000+5*960+900]/4, "it fades out")
		require.InDelta(t, said[3*48000+959], after[2*960-1], 20, "a frame later it is there, fading in")
		require.Equal(t, said[3*48000+960:3*48000+4*960], after[2*960:])
		s, err := w.Status(1)
		require.NoError(t, err)
		require.Equal(t, 3*time.Second+80*time.Millisecond, s.Position)

		require.NoError(t, w.Seek(1, time.Hour)) // its end is where it begins again
		over, _ := w.hear(t, 4)
		require.Equal(t, said[48000+960:48000+3*960], over[2*960:])
		require.NoError(t, w.Seek(1, 0))
		begin, _ := w.hear(t, 4)
		require.Equal(t, said[48000+960:48000+3*960], begin[2*960:])
	})
}

// Seeking in the second of two times does not make it three.
func TestSeekCountsOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Config{Local: true})
		require.NoError(t, w.Start(Options{ID: 1, Path: file(t, ramp(48000)), Loops: 1}))
		w.hear(t, 75) // one and a half
		require.NoError(t, w.Seek(1, 0))
		w.hear(t, 45)
		require.Equal(t, []string{"start 1"}, w.told())
		w.hear(t, 10)
		require.Equal(t, []string{"start 1", "end 1: <nil>"}, w.told())
	})
}

// One long piece at a time, short sounds beside it.
func TestLongAndShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Config{Local: true, Sent: true})
		song, clap := file(t, sine(480000, 440)), file(t, sine(4800, 1000))
		require.NoError(t, w.Start(Options{ID: 1, Path: song, Send: true}))
		w.hear(t, 5)
		require.NoError(t, w.Start(Options{ID: 2, Path: song}))
		_, sent := w.hear(t, 5)
		require.Equal(t, make([]int16, len(sent)), sent, "the second is not sent")
		require.Equal(t, []string{"start 1", "end 1: music: stopped", "start 2"}, w.told())
		for i := range MaxShort {
			require.NoError(t, w.Start(Options{ID: 10 + i, Path: clap, Short: true, Send: true}))
		}
		err := w.Start(Options{ID: 99, Path: clap, Short: true})
		require.ErrorIs(t, err, ErrTooMany)
		require.NoError(t, w.Start(Options{ID: 10, Path: clap, Short: true, Send: true}), "again")
		_, sent = w.hear(t, 10)
		require.Greater(t, slices.Max(sent), int16(24000), "eight at once are limited")
		require.Len(t, w.told(), 3+MaxShort+2+MaxShort)
		_, err = w.Status(2)
		require.NoError(t, err, "the long one goes on")
	})
}

// When the microphone was closed for a while, what is sent is where the host hears it.
func TestSentFollowsLocal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Config{Local: true, Sent: true})
		require.NoError(t, w.Start(Options{ID: 1, Path: file(t, ramp(48000*30)), Send: true}))
		w.hear(t, 5)
		f := audio.NewFrame(1)
		for range 200 { // nobody asks for what is sent
			time.Sleep(audio.FrameDuration)
			synctest.Wait()
			w.Local().Mix(w.local, time.Now())
			require.NoError(t, w.local.Mix(f))
		}
		w.hear(t, 20)
		n, err := w.find(1)
		require.NoError(t, err)
		require.InDelta(t, n.local.at.Load(), n.sent.at.Load(), apart)
		require.Zero(t, n.sent.underruns.Load())
	})
}

// With a place nobody listens at, a piece ends where somebody does.
func TestEndsWhereSomebodyListens(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Config{Local: true, Sent: true})
		require.NoError(t, w.Start(Options{ID: 1, Path: file(t, ramp(9600)), Send: true}))
		f := audio.NewFrame(1)
		for range 50 {
			time.Sleep(audio.FrameDuration)
			w.Sent().Mix(w.sent, time.Now())
			require.NoError(t, w.sent.Mix(f))
		}
		require.Equal(t, []string{"start 1", "end 1: <nil>"}, w.told())
	})
}

// slow gives samples only when it is let.
type slow struct {
	memory
	let chan struct{}
}

func (s *slow) Read(dst []int16) (int, error) {
	<-s.let
	return s.memory.Read(dst)
}

// A slow disk is silence that is counted, and stalls nobody.
func TestSlowDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, Config{Local: true})
		require.NoError(t, w.Start(Options{ID: 1, Path: file(t, ramp(100))}))
		n, err := w.find(1)
		require.NoError(t, err)
		let := make(chan struct{}, 100)
		d := newDeck(&tape{sound: &slow{memory{samples: sine(96000, 440), channels: 1}, let}, end: 96000}, &n.paused, 100, func() {})
		n.wg.Go(func() { d.run(t.Context()) })
		for range 3 {
			let <- struct{}{}
		}
		f, m := audio.NewFrame(1), audio.NewMixer(1)
		for i := range 10 {
			synctest.Wait()
			begin := time.Now()
			d.next(m, begin)
			require.Zero(t, time.Since(begin))
			require.NoError(t, m.Mix(f))
			require.Equal(t, i < 3, audio.Level(f) < audio.LevelSilence, i)
		}
		require.EqualValues(t, 7, d.underruns.Load())
		close(let)
	})
}

func TestBadOptions(t *testing.T) {
	song := file(t, ramp(48000))
	both := Config{Local: true, Sent: true}
	for name, tt := range map[string]struct {
		cfg Config
		o   Options
		is  error
	}{
		"no file":         {both, Options{Path: "nowhere.wav"}, fs.ErrNotExist},
		"loops":           {both, Options{Path: song, Loops: -2}, ErrOption},
		"backwards":       {both, Options{Path: song, Start: 2, End: 1}, ErrOption},
		"behind the end":  {both, Options{Path: song, Start: time.Hour}, ErrOption},
		"nothing to send": {Config{Local: true}, Options{Path: song, Send: true}, ErrOption},
		"nobody hears":    {Config{Sent: true}, Options{Path: song}, ErrOption},
		"long short":      {both, Options{Path: file(t, make([]int16, 61*48000)), Short: true}, audio.ErrFormat},
	} {
		p := New(tt.cfg)
		require.ErrorIs(t, p.Start(tt.o), tt.is, name)
		require.ErrorIs(t, p.Seek(0, 0), ErrNotPlaying)
		require.ErrorIs(t, p.SetVolume(151), ErrOption)
		require.ErrorIs(t, p.SetPitch(0, math.NaN()), ErrOption)
		p.Close()
		require.ErrorIs(t, p.Start(Options{Path: song, Send: tt.cfg.Sent}), ErrClosed)
	}
}

// A file that ends earlier than it says is played again from its start, and one that is gone is an error.
func TestTapeThatShrinks(t *testing.T) {
	m := &memory{samples: ramp(100), channels: 1}
	tp := &tape{sound: m, end: 1000, loops: 1}
	require.NoError(t, tp.seek(0))
	out := make([]int16, 500)
	n, err := tp.read(out)
	require.NoError(t, err)
	require.Equal(t, append(ramp(100), ramp(100)...), out[:n])
	m.samples = nil
	tp = &tape{sound: m, end: 1000, loops: -1}
	require.NoError(t, tp.seek(0))
	_, err = tp.read(out)
	require.ErrorIs(t, err, audio.ErrNoAudio)
}

func TestMixAllocatesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := New(Config{Local: true})
		defer p.Close()
		require.NoError(t, p.Start(Options{ID: 1, Path: file(t, sine(48000, 440)), Loops: -1}))
		synctest.Wait() // as many frames as this takes have been read ahead
		m, f := audio.NewMixer(1), audio.NewFrame(1)
		heard := 0
		require.Zero(t, testing.AllocsPerRun(ahead-1, func() {
			p.Local().Mix(m, time.Now())
			_ = m.Mix(f)
			if audio.Level(f) < audio.LevelSilence {
				heard++
			}
		}))
		require.Equal(t, ahead, heard)
	})
}

// Whatever starts and stops pieces at the same time: each is told to begin once and to end once after that, and of two with
// one id the first ends before the second begins. What is told may call the player.
func TestToldInOrder(t *testing.T) {
	path := file(t, ramp(audio.SampleRate))
	for range 20 {
		var mu sync.Mutex
		playing := map[int]bool{}
		var wrong []string
		var p *Player
		p = New(Config{
			Sent: true,
			OnStart: func(id int) {
				mu.Lock()
				if playing[id] {
					wrong = append(wrong, fmt.Sprintf("%d begins twice", id))
				}
				playing[id] = true
				mu.Unlock()
				if id == 2 {
					_ = p.Stop(2)
				}
			},
			OnEnd: func(id int, _ error) {
				mu.Lock()
				defer mu.Unlock()
				if !playing[id] {
					wrong = append(wrong, fmt.Sprintf("%d ends before it begins", id))
				}
				playing[id] = false
			},
		})
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				for range 5 {
					if i%4 == 3 {
						_ = p.Stop(1)
						continue
					}
					_ = p.Start(Options{ID: 1 + i%2, Path: path, Send: true, Short: i%4 == 1})
				}
			})
		}
		wg.Wait()
		p.Close()
		require.Empty(t, wrong)
		require.NotContains(t, slices.Collect(maps.Values(playing)), true, "each has ended")
	}
}
