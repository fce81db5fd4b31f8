package engine_test

import (
	"context"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/audio"
	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/internal/hearing"
	"github.com/openvoiceroom/openvoiceroom/internal/speech"
	"github.com/openvoiceroom/openvoiceroom/seatgrid"
	"github.com/openvoiceroom/openvoiceroom/signaling"
	"github.com/openvoiceroom/openvoiceroom/voiceroom/voiceroomtest"
)

// song writes 48 kHz mono samples to a file.
func song(t *testing.T, samples []int16) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "song.wav")
	f, err := os.Create(path)
	require.NoError(t, err)
	require.NoError(t, audio.WriteWAV(f, samples, audio.SampleRate, 1))
	require.NoError(t, f.Close())
	return path
}

// beep returns a tone of -6 dBFS.
func beep(seconds, hz float64) []int16 {
	out := make([]int16, int(seconds*audio.SampleRate))
	for i := range out {
		out[i] = int16(16384 * math.Sin(2*math.Pi*hz*float64(i)/audio.SampleRate))
	}
	return out
}

// scaled returns samples at a volume in percent.
func scaled(samples []int16, volume int) []int16 {
	out := make([]int16, len(samples))
	for i, s := range samples {
		out[i] = int16(int(s) * volume / 100)
	}
	return out
}

// since returns what a user has heard since a moment.
func since(u *voiceroomtest.User, from time.Time) []int16 {
	return u.Speaker.Samples()[int(from.Sub(u.Speaker.Started()).Seconds()*audio.SampleRate):]
}

// musicRoom is a host whose voice is silent, and a guest. Frames come every 20 ms, so tests that sleep should do so for
// multiples of that.
func musicRoom(t *testing.T) (host, guest *voiceroomtest.User) {
	t.Helper()
	srv := voiceroomtest.NewServer(t)
	host, guest = srv.NewUser(t, "host"), srv.NewUser(t, "guest")
	host.Start(t, "room")
	guest.Join(t, "room")
	guest.Hears(t, host)
	require.NoError(t, host.Room().Microphone().SetCaptureVolume(0))
	guest.HearsNothing(t)
	time.Sleep(7 * time.Millisecond) // between frames: what a test does is never at the same time as one
	return host, guest
}

// The guest hears the file, from its beginning to its end, and so does the host.
func TestPublishedMusicIsTheFile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host, guest := musicRoom(t)
		said := speech.Guest()
		begin := time.Now()
		require.NoError(t, host.Room().Music().Start(t.Context(), engine.MusicOptions{ID: 1, Path: song(t, said), Publish: true}))
		time.Sleep(9 * time.Second)
		for _, u := range []*voiceroomtest.User{guest, host} {
			r := hearing.Compare(scaled(said, engine.DefaultMusicVolume), since(u, begin), hearing.Options{MinCorrelation: 0.99, MaxLevel: 0.3, MaxMissing: 0.5})
			require.True(t, r.OK, "%+v", r)
			t.Logf("%+v", r)
		}
		guest.HearsNothing(t)
	})
}

func TestMusicVolumes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host, guest := musicRoom(t)
		m := host.Room().Music()
		require.NoError(t, m.Start(t.Context(), engine.MusicOptions{ID: 1, Path: song(t, beep(1, 1000)), Publish: true, Loops: -1}))
		heard := func(u *voiceroomtest.User) float64 {
			time.Sleep(400 * time.Millisecond)
			s := u.Speaker.Samples()
			return hearing.ToneLevel(s[len(s)-9600:], 1000)
		}
		db := func(volume float64) float64 { return max(20*math.Log10(volume/200), -99) }
		require.InDelta(t, db(60), heard(guest), 0.3, "documents: 60 at first")
		for _, volume := range []int{100, 150, 20} {
			require.NoError(t, m.SetVolume(volume))
			require.InDelta(t, db(float64(volume)), heard(guest), 0.3)
			require.InDelta(t, db(float64(volume)), heard(host), 0.3)
		}
		require.NoError(t, m.SetPublishVolume(1, 0))
		guest.HearsNothing(t)
		require.InDelta(t, db(20), heard(host), 0.3)
		require.NoError(t, m.SetPublishVolume(1, 100))
		require.NoError(t, m.SetPlayoutVolume(1, 0))
		host.HearsNothing(t)
		require.InDelta(t, db(100), heard(guest), 0.3)
		s, err := m.Status(1)
		require.NoError(t, err)
		require.Equal(t, [3]int{100, 0, 0}, [3]int{s.PublishVolume, s.PlayoutVolume, s.Underruns})
		require.ErrorIs(t, m.SetVolume(151), engine.ErrInvalidParameter)
	})
}

// The voice and the music are heard together.
func TestMusicBesideTheVoice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host, guest := musicRoom(t)
		require.NoError(t, host.Room().Microphone().SetCaptureVolume(100))
		require.NoError(t, host.Room().Music().Start(t.Context(), engine.MusicOptions{ID: 1, Path: song(t, beep(1, 3000)), Publish: true, Loops: -1}))
		guest.Hears(t, host)
		time.Sleep(time.Second)
		s := guest.Speaker.Samples()
		require.InDelta(t, 20*math.Log10(0.3), hearing.ToneLevel(s[len(s)-9600:], 3000), 0.5)
		require.InDelta(t, 20*math.Log10(0.2), hearing.ToneLevel(s[len(s)-9600:], host.Tone()), 0.5)
	})
}

func TestLocalMusicIsNotPublished(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host, guest := musicRoom(t)
		begin := time.Now()
		require.NoError(t, host.Room().Music().Start(t.Context(), engine.MusicOptions{ID: 1, Path: song(t, beep(3, 1000))}))
		time.Sleep(2 * time.Second)
		silent, level := hearing.Silent(since(guest, begin))
		require.True(t, silent, level)
		require.InDelta(t, 20*math.Log10(0.3), hearing.ToneLevel(since(host, begin)[48000:], 1000), 0.3)
	})
}

// Muting silences the music, too; it goes on, and after it both hear the same place again. So it is while the microphone
// is closed.
func TestMutedMusicGoesOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host, guest := musicRoom(t)
		said := append(speech.Guest(), speech.Host()...)
		begin := time.Now()
		require.NoError(t, host.Room().Music().Start(t.Context(), engine.MusicOptions{ID: 1, Path: song(t, said), Publish: true}))
		for _, c := range []struct{ off, on func() error }{
			{func() error { return host.MuteMicrophone(t.Context()) }, func() error { return host.UnmuteMicrophone(t.Context()) }},
			{func() error { return host.StopMicrophone(t.Context()) }, func() error { return host.StartMicrophone(t.Context()) }},
		} {
			require.NoError(t, c.off())
			time.Sleep(500 * time.Millisecond)
			gap := time.Now()
			time.Sleep(2 * time.Second)
			silent, level := hearing.Silent(since(guest, gap))
			require.True(t, silent, level)
			require.NoError(t, c.on())
			time.Sleep(600 * time.Millisecond)
			on := time.Now()
			time.Sleep(3 * time.Second)
			from := int(on.Sub(begin).Seconds() * audio.SampleRate)
			for _, u := range []*voiceroomtest.User{host, guest} {
				r := hearing.Compare(scaled(said[from:from+100000], 60), since(u, on), hearing.Options{MinCorrelation: 0.99})
				require.True(t, r.OK, "%+v", r)
			}
		}
	})
}

// Pause is silence, and what follows is what would have followed; a place that is sought is there within 60 ms.
func TestPauseAndSeek(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host, guest := musicRoom(t)
		m := host.Room().Music()
		said := append(speech.Guest(), speech.Host()...)
		begin := time.Now()
		require.NoError(t, m.Start(t.Context(), engine.MusicOptions{ID: 1, Path: song(t, said), Publish: true}))
		time.Sleep(3 * time.Second)
		require.NoError(t, m.Pause(1))
		paused := time.Now()
		first := hearing.Compare(scaled(said[:140000], 60), since(guest, begin), hearing.Options{})
		require.True(t, first.OK, "%+v", first)
		guest.HearsNothing(t)
		time.Sleep(time.Second + 7*time.Millisecond)
		gap := since(guest, paused)
		silent, level := hearing.Silent(gap[15000:])
		require.True(t, silent, level)

		check := func(what string, at time.Duration) {
			t.Helper()
			from := time.Now()
			time.Sleep(4 * time.Second)
			begin := int(at.Seconds() * audio.SampleRate)
			r := hearing.Compare(scaled(said[begin:begin+150000], 60), since(guest, from), hearing.Options{MinCorrelation: 0.98, MaxMissing: 4})
			require.True(t, r.OK, "%s: %+v", what, r)
			require.InDelta(t, first.DelayMS, r.DelayMS, 40, what)
		}
		require.NoError(t, m.Resume(1))
		check("resume", 3*time.Second)
		require.NoError(t, m.Seek(1, 9*time.Second))
		check("seek", 9*time.Second)
		require.NoError(t, m.Seek(1, 2*time.Second))
		check("seek back", 2*time.Second)
		s, err := m.Status(1)
		require.NoError(t, err)
		require.InDelta(t, 6, s.Position.Seconds(), 0.06)
	})
}

func TestMusicPitch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host, guest := musicRoom(t)
		m := host.Room().Music()
		require.NoError(t, m.Start(t.Context(), engine.MusicOptions{ID: 1, Path: song(t, beep(2, 600)), Publish: true, Loops: -1}))
		for _, pitch := range []float64{1, -1, 7. / 12, 0} {
			require.NoError(t, m.SetPitch(1, pitch))
			time.Sleep(time.Second)
			s := guest.Speaker.Samples()
			s = s[len(s)-9600:]
			require.InDelta(t, 20*math.Log10(0.3), hearing.ToneLevel(s, 600*math.Exp2(pitch)), 1, "pitch %g", pitch)
			if pitch != 0 {
				require.Less(t, hearing.ToneLevel(s, 600), -35.0)
			}
		}
		require.ErrorIs(t, m.SetPitch(1, 1.1), engine.ErrInvalidParameter)
	})
}

// musicLog notes a room's callbacks about music.
type musicLog struct {
	mu       sync.Mutex
	started  []engine.MusicID
	finished map[engine.MusicID][]error
	progress []time.Duration
}

func watchMusic(r *engine.Room) *musicLog {
	l := &musicLog{finished: map[engine.MusicID][]error{}}
	r.AddObserver(&engine.RoomObserver{
		OnMusicStarted: func(id engine.MusicID) { l.mu.Lock(); defer l.mu.Unlock(); l.started = append(l.started, id) },
		OnMusicProgress: func(_ engine.MusicID, at, _ time.Duration) {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.progress = append(l.progress, at)
		},
		OnMusicFinished: func(id engine.MusicID, err error) {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.finished[id] = append(l.finished[id], err)
		},
	})
	return l
}

// A file is played as often as it was said, and its end is told once, to those who look.
func TestMusicIsToldOf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host, guest := musicRoom(t)
		m, log := host.Room().Music(), watchMusic(host.Room())
		begin := time.Now()
		tones := append(beep(0.5, 1000), beep(0.5, 2000)...)
		require.NoError(t, m.Start(t.Context(), engine.MusicOptions{ID: 5, Path: song(t, tones), Publish: true, Loops: 2}))
		time.Sleep(5 * time.Second)
		heard := since(guest, begin)
		rises := 0 // of the second tone
		for i, before := 0, false; i+2400 <= len(heard); i += 2400 {
			now := hearing.ToneLevel(heard[i:i+2400], 2000) > -20
			if now && !before {
				rises++
			}
			before = now
		}
		require.Equal(t, 3, rises)
		log.mu.Lock()
		require.Equal(t, []engine.MusicID{5}, log.started)
		require.Equal(t, map[engine.MusicID][]error{5: {nil}}, log.finished)
		require.Len(t, log.progress, 10, "every 300 ms of 3 s")
		require.InDelta(t, 0.3, log.progress[0].Seconds(), 0.06)
		log.mu.Unlock()
		_, err := m.Status(5)
		require.ErrorIs(t, err, engine.ErrInvalidParameter)
	})
}

// Everything ends with the room, and the next one begins with the default volume.
func TestMusicEndsWithTheRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host, guest := musicRoom(t)
		m, log := host.Room().Music(), watchMusic(host.Room())
		file := song(t, beep(60, 1000))
		require.NoError(t, m.SetVolume(100))
		require.NoError(t, m.Start(t.Context(), engine.MusicOptions{ID: 1, Path: file, Publish: true}))
		require.NoError(t, m.Start(t.Context(), engine.MusicOptions{ID: 2, Path: file, Publish: true, Short: true}))
		time.Sleep(time.Second)
		_, err := host.StopVoiceRoom(t.Context())
		require.NoError(t, err)
		synctest.Wait()
		log.mu.Lock()
		require.Equal(t, map[engine.MusicID][]error{1: {engine.ErrMusicStopped}, 2: {engine.ErrMusicStopped}}, log.finished)
		log.mu.Unlock()
		require.ErrorIs(t, m.Start(t.Context(), engine.MusicOptions{Path: file}), engine.ErrNotInRoom)

		host.Start(t, "next")
		guest.Join(t, "next")
		guest.Hears(t, host)
		m = host.Room().Music()
		require.NoError(t, m.Start(t.Context(), engine.MusicOptions{ID: 1, Path: file, Publish: true}))
		s, err := m.Status(1)
		require.NoError(t, err)
		require.Equal(t, engine.DefaultMusicVolume, s.PublishVolume)
	})
}

// A bot without a sound card plays to the room.
func TestBotPlaysMusic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.NewServer(t)
		guest := srv.NewUser(t, "guest")
		cfg := srv.EngineConfig(t, 0, "bot")
		cfg.Microphone = audio.NewSilenceSource()
		eng, err := engine.Login(t.Context(), cfg)
		require.NoError(t, err)
		logout(t, eng)
		grid := seatgrid.New(eng)
		_, err = grid.StartVoiceRoom(t.Context(), engine.RoomInfo{RoomID: "room"})
		require.NoError(t, err)
		guest.Join(t, "room")
		m, log := grid.Room().Music(), watchMusic(grid.Room())
		require.NoError(t, m.Start(t.Context(), engine.MusicOptions{ID: 1, Path: filepath.Join("..", "audio", "testdata", "stereo44.mp3"), Publish: true, Loops: 1}))
		time.Sleep(3 * time.Second)
		log.mu.Lock()
		require.Empty(t, log.finished, "it waits for the microphone")
		log.mu.Unlock()
		begin := time.Now()
		require.NoError(t, grid.StartMicrophone(t.Context()))
		time.Sleep(3 * time.Second)
		log.mu.Lock()
		require.Equal(t, map[engine.MusicID][]error{1: {nil}}, log.finished)
		log.mu.Unlock()
		heard := since(guest, begin)
		loud := 0
		for i := 0; i+audio.FrameSamples <= len(heard); i += audio.FrameSamples {
			if audio.Level(heard[i:i+audio.FrameSamples]) < 30 {
				loud++
			}
		}
		require.InDelta(t, 100, loud, 3, "two seconds of it")
		require.ErrorIs(t, m.Start(t.Context(), engine.MusicOptions{ID: 1, Path: "x"}), engine.ErrInvalidParameter, "nobody would hear it")
	})
}

// packets is a microphone that encodes by itself.
type packets struct{ audio.Source }

func (packets) ReadPacket(context.Context, []byte) (int, uint8, error) {
	return 0, audio.LevelSilence, nil
}

func TestMusicErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.NewServer(t)
		host := srv.NewUser(t, "host")
		host.Start(t, "room")
		m := host.Room().Music()
		err := m.Start(t.Context(), engine.MusicOptions{ID: 1, Path: "nowhere.mp3"})
		require.ErrorIs(t, err, engine.ErrInvalidParameter)
		require.ErrorIs(t, err, fs.ErrNotExist)
		require.ErrorContains(t, err, "nowhere.mp3")
		bad := filepath.Join(t.TempDir(), "bad.mp3")
		require.NoError(t, os.WriteFile(bad, []byte("this is no music"), 0o600))
		require.ErrorIs(t, m.Start(t.Context(), engine.MusicOptions{ID: 1, Path: bad}), audio.ErrFormat)
		require.ErrorIs(t, m.Stop(1), engine.ErrInvalidParameter)

		eng, err := engine.Login(t.Context(), srv.EngineConfig(t, 0, "deaf"))
		require.NoError(t, err)
		logout(t, eng)
		room, err := eng.Enter(t.Context(), "room", nil)
		require.NoError(t, err)
		require.ErrorIs(t, room.Music().Start(t.Context(), engine.MusicOptions{Path: bad, Publish: true}), signaling.ErrNoMic)

		cfg := srv.EngineConfig(t, 0, "packets")
		cfg.Microphone = packets{audio.NewSilenceSource()}
		eng, err = engine.Login(t.Context(), cfg)
		require.NoError(t, err)
		logout(t, eng)
		room, err = eng.Enter(t.Context(), "room", nil)
		require.NoError(t, err)
		require.ErrorContains(t, room.Music().Start(t.Context(), engine.MusicOptions{Path: bad, Publish: true}), "encoded already")
	})
}
