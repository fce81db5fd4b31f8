//go:build unix

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/audio"
	"github.com/openvoiceroom/openvoiceroom/audio/opus"
	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/internal/bot"
	"github.com/openvoiceroom/openvoiceroom/internal/hearing"
	"github.com/openvoiceroom/openvoiceroom/internal/speech"
	"github.com/openvoiceroom/openvoiceroom/seatgrid"
	"github.com/openvoiceroom/openvoiceroom/voiceroom"
)

// talker is somebody who has opened a room, speaks there without end, and listens.
type talker struct {
	*seatgrid.Grid
	says    []int16
	mic     *audio.PCMSource
	speaker *audio.Recorder
}

func talk(t *testing.T, srv *demoServer) talker {
	t.Helper()
	said := speech.Host()
	for len(said) < 30*audio.SampleRate {
		said = append(said, speech.Host()...)
	}
	u := talker{says: said, mic: audio.NewPCMSource(said, audio.PCMOptions{Loop: true}), speaker: audio.NewRecorder(1)}
	cfg := srv.user("host", nil)
	cfg.Microphone, cfg.Speaker = u.mic, u.speaker
	eng, err := engine.Login(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { _ = eng.Logout(t.Context()) })
	u.Grid = seatgrid.New(eng)
	_, err = u.StartVoiceRoom(t.Context(), seatgrid.RoomInfo{RoomID: "talk", SeatMode: seatgrid.FreeToTake})
	require.NoError(t, err)
	require.NoError(t, u.Room().Connected(t.Context()))
	require.NoError(t, u.StartMicrophone(t.Context()))
	return u
}

// until reads lines until one holds a text, and returns it; the rest is read on.
func until(t *testing.T, cmd *exec.Cmd, text string) string {
	t.Helper()
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	var log bytes.Buffer
	cmd.Stderr = &log
	require.NoError(t, cmd.Start())
	found := make(chan string, 1)
	var reading sync.WaitGroup
	t.Cleanup(reading.Wait)
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	reading.Go(func() {
		for s := bufio.NewScanner(stdout); s.Scan(); {
			if strings.Contains(s.Text(), text) && len(found) == 0 {
				found <- s.Text()
			}
		}
		close(found)
	})
	line, ok := <-found
	if !ok {
		_ = cmd.Wait() // it has ended by itself
		t.Fatalf("no line with %q: %s", text, log.String())
	}
	return line
}

// cut returns what was heard from a moment on, of samples that began at another.
func cut(t *testing.T, samples []int16, began, from time.Time) []int16 {
	t.Helper()
	at := int(from.Sub(began) * audio.SampleRate / time.Second)
	require.GreaterOrEqual(t, at, 0)
	require.Less(t, at, len(samples))
	return samples[at:]
}

// A bot that is killed while somebody speaks leaves a recording that can be played, whether it is built with cgo or without.
// The one without has played a file meanwhile, which was heard.
func TestBotIsKilled(t *testing.T) {
	needsOpus(t)
	plain := filepath.Join(t.TempDir(), "voiceroom")
	build := exec.Command("go", "build", "-buildvcs=false", "-o", plain, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)
	srv, app := serve(t)
	host := talk(t, srv) // when nothing is built any more, which would slow the speech down
	song := filepath.Join(t.TempDir(), "song.opus")
	f, err := os.Create(song)
	require.NoError(t, err)
	require.NoError(t, audio.WriteOggOpus(f, speech.Guest(), opus.Codec))

	dirs := map[bool]string{true: filepath.Join(t.TempDir(), "cgo"), false: filepath.Join(t.TempDir(), "plain")}
	full := command(t, "bot", "talk", "--url", srv.url, "--app", app, "--user", "full", "--record", dirs[true], "--events")
	until(t, full, `"audioOn","user":"host"`)
	light := command(t, "bot", "talk", "--url", srv.url, "--app", app, "--user", "light", "--record", dirs[false], "--events", "--play", song)
	light.Path = plain
	var playing voiceroom.Event
	require.NoError(t, json.Unmarshal([]byte(until(t, light, `"`+string(bot.EventPlaying)+`"`)), &playing))
	grows(t, filepath.Join(dirs[false], "seat-00.opus"), 28_000) // four seconds or so
	require.NoError(t, full.Process.Kill())
	require.NoError(t, light.Process.Kill())
	killed := time.Now()
	require.Equal(t, -1, exit(t, full.Wait()))
	require.Equal(t, -1, exit(t, light.Wait()))

	for cgo, dir := range dirs {
		types, begun := recorded(t, dir)
		require.Subset(t, types, []string{"recordingBegun talk", "seated host seat 0", "audioOn host seat 0"})
		require.NotContains(t, types, "recordingOver")
		for _, name := range []string{"seat-00.opus", "mix.opus"} {
			samples, err := audio.LoadFile(filepath.Join(dir, name), opus.Codec)
			if name == "mix.opus" && !cgo {
				require.ErrorIs(t, err, fs.ErrNotExist, "without a codec there is no mix")
				continue
			}
			require.NoError(t, err)
			missing := killed.Sub(begun) - time.Duration(len(samples))*time.Second/audio.SampleRate
			t.Logf("cgo %t, %s: %.1f s, of which the kill has taken %v", cgo, name, float64(len(samples))/audio.SampleRate, missing.Round(time.Millisecond))
			require.Less(t, missing, 3*time.Second, "1.5 s on a machine that is not busy")
			began := time.Second // past what comes before all is connected
			said := cut(t, host.says, host.mic.Started(), begun.Add(began))
			heard := cut(t, samples, begun, begun.Add(began-2*audio.FrameDuration)) // a packet has its place to a frame
			report := hearing.Compare(said[:min(len(said), len(heard))-audio.SampleRate/2], heard, hearing.Options{MaxDelay: 600 * time.Millisecond})
			if name == "mix.opus" {
				require.Greater(t, report.Correlation, 0.5, "the song is in it too: %+v", report)
				continue
			}
			require.True(t, report.OK, "%s: %+v", name, report)
		}
	}
	heard := cut(t, host.speaker.Samples(), host.speaker.Started(), playing.Time)
	length := int(killed.Sub(playing.Time).Seconds()*audio.SampleRate) - audio.SampleRate/2
	require.Greater(t, length, audio.SampleRate)
	report := hearing.Compare(speech.Guest()[:min(length, len(speech.Guest()))], heard, hearing.Options{MaxDelay: 600 * time.Millisecond})
	require.True(t, report.OK, "the song: %+v", report)
}

// recorded returns the events of a recording, and its beginning.
func recorded(t *testing.T, dir string) (types []string, begun time.Time) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(dir, "events.jsonl"))
	require.NoError(t, err)
	for line := range bytes.Lines(data) {
		var e voiceroom.Event
		require.NoError(t, json.Unmarshal(line, &e), "%s", line)
		types = append(types, e.String())
		if begun.IsZero() {
			begun = e.Time
		}
	}
	return types, begun
}

// Neither a standard input that says nothing nor a standard output that nobody reads keeps a bot from ending.
func TestBotEndsWhoeverSleeps(t *testing.T) {
	needsOpus(t)
	srv, app := serve(t)
	talk(t, srv)
	cmd := command(t, "bot", "talk", "--url", srv.url, "--app", app, "--user", "bot", "--say", "-", "--hear", "host=-")
	stdin, err := cmd.StdinPipe()
	require.NoError(t, err)
	defer stdin.Close()
	r, w, err := os.Pipe()
	require.NoError(t, err)
	defer r.Close()
	cmd.Stdout = w
	stderr, err := cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	w.Close()
	var log strings.Builder
	for s := bufio.NewScanner(stderr); s.Scan(); {
		log.WriteString(s.Text() + "\n")
		if s.Text() == "On seat 2." {
			require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
		}
	}
	require.Equal(t, 0, exit(t, cmd.Wait()), log.String())
	require.Contains(t, log.String(), "Ended from outside.")
}

func TestBotRefuses(t *testing.T) {
	srv, app := serve(t)
	me := []string{"bot", "talk", "--url", srv.url, "--app", app, "--user", "me"}
	garbage := filepath.Join(t.TempDir(), "garbage.wav")
	require.NoError(t, os.WriteFile(garbage, []byte("no sound"), 0o600))
	for name, c := range map[string]struct {
		args   []string
		says   string
		status int
	}{
		"nobody":               {[]string{"bot", "talk", "--url", srv.url}, "--app ID:SECRET", 2},
		"a room without form":  {[]string{"bot", "räum", "--url", srv.url, "--app", app, "--user", "me"}, "", 2},
		"no such room":         {me, "there is no such room", 1},
		"no server":            {append(me, "--url", "ws://127.0.0.1:1"), "cannot reach the server", 1},
		"seat 0":               {append(me, "--seat", "0"), "-1 is any", 2},
		"seat of letters":      {append(me, "--seat", "front"), "-1 is any", 2},
		"no file":              {append(me, "--play", "none.wav"), "none.wav", 1},
		"a file without sound": {append(me, "--play", garbage), "garbage.wav", 1},
		"no such event":        {append(me, "--announce", "sneezed=a.wav"), "sneezed", 2},
		"nothing to loop":      {append(me, "--loop"), "--play", 2},
		"events of a kind":     {append(me, "--events=xml"), "json or as text", 2},
		"hearing nobody":       {append(me, "--hear", "x"), "--hear alice=alice.raw", 2},
		"all on one output":    {append(me, "--hear", "a=-", "--events"), "standard output", 2},
		"what is for hosts":    {append(me, "--seats", "4"), "--create", 2},
		"back in time":         {append(me, "--for", "-1s"), "--for", 2},
		"no folder":            {append(me, "--create", "--record", filepath.Join(garbage, "below")), "not a directory", 1},
	} {
		t.Run(name, func(t *testing.T) {
			out, log, status := run(t, c.args...)
			require.Equal(t, c.status, status, "%s", log)
			require.Empty(t, strings.Split(out, "Usage:")[0])
			require.Contains(t, log, c.says)
		})
	}
	out, _, status := run(t, append(me, "--create", "--seat", "-1", "--events=text", "--for", "100ms")...)
	require.Equal(t, 0, status)
	require.Contains(t, out, "seated me seat 1")
}
