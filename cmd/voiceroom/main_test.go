//go:build unix

package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/audio"
	"github.com/openvoiceroom/openvoiceroom/audio/opus"
	"github.com/openvoiceroom/openvoiceroom/internal/race"
	"github.com/openvoiceroom/openvoiceroom/internal/speech"
)

// binary is the command as it is shipped.
var binary string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "voiceroom")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		binary = filepath.Join(dir, "voiceroom")
		if out, err := exec.Command("go", "build", "-buildvcs=false", "-o", binary, ".").CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "go build: %v\n%s", err, out)
			return 1
		}
		return m.Run()
	}())
}

func command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), binary, args...)
	cmd.Dir = t.TempDir()
	cmd.Env = append(slices.DeleteFunc(os.Environ(), func(v string) bool { return strings.HasPrefix(v, "VOICEROOM_") }), "TMPDIR="+cmd.Dir)
	return cmd
}

// run returns what the command has written and its exit status.
func run(t *testing.T, args ...string) (stdout, stderr string, status int) {
	t.Helper()
	cmd := command(t, args...)
	var out, log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &log
	status = exit(t, cmd.Run())
	left, err := os.ReadDir(cmd.Dir)
	require.NoError(t, err)
	for _, e := range left {
		assert.NotContains(t, e.Name(), "voiceroom-demo", "a temporary folder is left behind")
	}
	return out.String(), log.String(), status
}

func exit(t *testing.T, err error) int {
	t.Helper()
	if err == nil {
		return 0
	}
	e, ok := errors.AsType[*exec.ExitError](err)
	require.True(t, ok, "%v", err)
	return e.ExitCode()
}

// needsOpus skips where the demo cannot run; on a CI, which is to have all that is needed, it fails.
func needsOpus(t *testing.T) {
	t.Helper()
	switch {
	case opus.Available:
	case os.Getenv("CI") == "true":
		t.Fatal("built without cgo: the demo's test needs Opus")
	default:
		t.Skip("built without cgo: the demo needs Opus")
	}
}

func TestDemoPrintsOneJSONObject(t *testing.T) {
	if race.Enabled {
		t.Skip(race.Reason)
	}
	needsOpus(t)
	dir := t.TempDir()
	own := filepath.Join(dir, "own.wav")
	writeWAV(t, own, telephone(t, speech.Host()), 8000, 2)
	records := filepath.Join(dir, "records")
	out, log, status := run(t, "demo", "--once", "--json", "--speech-a", own, "--record-dir", records)
	require.Equal(t, 0, status, "%s%s", out, log)

	var report map[string]any
	d := json.NewDecoder(strings.NewReader(out))
	require.NoError(t, d.Decode(&report), "%s", out)
	require.ErrorIs(t, d.Decode(new(any)), io.EOF, "one object and nothing else")
	require.Equal(t, []string{"directions", "ok", "steps"}, keys(report))
	require.Equal(t, true, report["ok"])
	steps := report["steps"].([]any)
	require.Greater(t, len(steps), 15)
	for _, s := range steps {
		s := s.(map[string]any)
		require.Equal(t, []string{"ms", "name", "ok"}, keys(s))
		require.Equal(t, true, s["ok"], "%v", s)
	}
	directions := report["directions"].([]any)
	require.Len(t, directions, 2)
	pairs := []string{}
	for _, d := range directions {
		d := d.(map[string]any)
		require.Equal(t, []string{"correlation", "delay_ms", "from", "gaps", "level_db", "missing_pct", "ok", "to"}, keys(d))
		require.Greater(t, d["correlation"], 0.8)
		pairs = append(pairs, fmt.Sprint(d["from"], " to ", d["to"]))
	}
	require.Equal(t, []string{"host to guest", "guest to host"}, pairs)

	for _, name := range []string{"host_said", "host_heard", "guest_said", "guest_heard"} {
		samples, err := audio.LoadFile(filepath.Join(records, name+".wav"), nil)
		require.NoError(t, err)
		require.Greater(t, len(samples), 5*audio.SampleRate, name)
	}
}

func keys(m map[string]any) []string { return slices.Sorted(maps.Keys(m)) }

// telephone makes 8 kHz stereo.
func telephone(t *testing.T, samples []int16) []int16 {
	t.Helper()
	mono, err := audio.Resample(samples, audio.SampleRate, 8000)
	require.NoError(t, err)
	stereo := make([]int16, 0, 2*len(mono))
	for _, s := range mono {
		stereo = append(stereo, s, s)
	}
	return stereo
}

func writeWAV(t *testing.T, name string, samples []int16, rate, channels int) {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, audio.WriteWAV(&b, samples, rate, channels))
	require.NoError(t, os.WriteFile(name, b.Bytes(), 0o644))
}

// Without --once the server stays up after the scenario, until Ctrl-C.
func TestDemoTellsWhatItDoesAndStaysUp(t *testing.T) {
	if race.Enabled {
		t.Skip(race.Reason)
	}
	needsOpus(t)
	short := filepath.Join(t.TempDir(), "short.wav") // the scenario lasts as long as its speech
	writeWAV(t, short, speech.Host()[:4*audio.SampleRate], audio.SampleRate, 1)
	cmd := command(t, "demo", "--speech-a", short)
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	var transcript strings.Builder
	for s := bufio.NewScanner(stdout); s.Scan(); {
		fmt.Fprintln(&transcript, s.Text())
		if strings.Contains(s.Text(), "stays up") {
			require.NoError(t, cmd.Process.Signal(os.Interrupt))
		}
	}
	require.Equal(t, 0, exit(t, cmd.Wait()), "%s", transcript.String())
	for _, part := range []string{
		"Server: ws://127.0.0.1:", "media on UDP 127.0.0.1:", "eSpeak", "host StartVoiceRoom", "guest hears host", "TakeSeat",
		"host hears guest", "silence at host", "guest gets OnRoomDismissed", "host -> guest: ok, correlation", "guest -> host: ok", "OK: both heard",
	} {
		require.Contains(t, transcript.String(), part)
	}
}

// A demo that is interrupted has failed, and says at which step.
func TestDemoThatFailsSaysSo(t *testing.T) {
	needsOpus(t)
	cmd := command(t, "demo", "--once", "--json", "-v")
	var out bytes.Buffer
	cmd.Stdout = &out
	stderr, err := cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	interrupted := false
	for s := bufio.NewScanner(stderr); s.Scan(); {
		if !interrupted && strings.Contains(s.Text(), "logged in") && strings.Contains(s.Text(), "user=guest") {
			interrupted = true
			require.NoError(t, cmd.Process.Signal(syscall.SIGTERM))
		}
	}
	require.True(t, interrupted)
	require.Equal(t, 1, exit(t, cmd.Wait()))
	var report struct {
		OK    bool
		Steps []struct {
			Name, Error string
			OK          bool
		}
	}
	require.NoError(t, json.Unmarshal(out.Bytes(), &report), "%s", out.String())
	require.False(t, report.OK)
	last := report.Steps[len(report.Steps)-1]
	require.False(t, last.OK)
	require.NotEmpty(t, last.Error)
}

func TestDemoRefusesBeforeItStarts(t *testing.T) {
	needsOpus(t)
	dir := t.TempDir()
	file := func(name string, b []byte) string {
		name = filepath.Join(dir, name)
		require.NoError(t, os.WriteFile(name, b, 0o644))
		return name
	}
	silent := filepath.Join(dir, "silent.wav")
	writeWAV(t, silent, make([]int16, audio.SampleRate), audio.SampleRate, 1)
	for name, tc := range map[string]struct{ flag, file, says string }{
		"missing":    {"--speech-a", filepath.Join(dir, "none.wav"), "no such file"},
		"empty":      {"--speech-b", file("empty.wav", nil), ""},
		"garbage":    {"--speech-a", file("garbage.wav", []byte(strings.Repeat("garbage", 1000))), ""},
		"silent":     {"--speech-b", silent, "silence"},
		"a folder":   {"--speech-a", dir, ""},
		"half a WAV": {"--speech-a", file("half.wav", []byte("RIFF\x24\x00\x00\x00WAVEfmt ")), ""},
	} {
		t.Run(name, func(t *testing.T) {
			out, log, status := run(t, "demo", "--once", tc.flag, tc.file)
			require.NotEqual(t, 0, status)
			require.Empty(t, out, "nothing has been started")
			require.Contains(t, log, tc.flag)
			require.Contains(t, log, tc.file)
			require.Contains(t, log, tc.says)
		})
	}
	t.Run("bad address", func(t *testing.T) {
		out, log, status := run(t, "demo", "--once", "--json", "--listen", "256.0.0.1:99999")
		require.NotEqual(t, 0, status)
		require.Empty(t, out)
		require.Contains(t, log, "--listen")
	})
	t.Run("record folder that cannot be", func(t *testing.T) {
		out, log, status := run(t, "demo", "--once", "--record-dir", file("plain", nil)+"/below")
		require.NotEqual(t, 0, status)
		require.Empty(t, out)
		require.Contains(t, log, "--record-dir")
	})
}
