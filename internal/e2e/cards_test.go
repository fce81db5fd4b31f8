//go:build linux

package e2e

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/audio"
	"github.com/openvoiceroom/openvoiceroom/audio/opus"
	"github.com/openvoiceroom/openvoiceroom/audio/portaudio"
)

// needsCards skips where no sound cards can be made up; on a CI, which is to have all that is needed, it fails.
func needsCards(t *testing.T) {
	t.Helper()
	lacks := ""
	if !portaudio.Available || !opus.Available {
		lacks = "built without cgo"
	}
	for _, tool := range []string{"pulseaudio", "pactl", "pacat", "parec"} {
		if _, err := exec.LookPath(tool); err != nil {
			lacks = tool + " is missing (Debian: apt install pulseaudio pulseaudio-utils libasound2-plugins)"
		}
	}
	switch {
	case lacks == "":
	case os.Getenv("CI") == "true":
		t.Fatal("no sound cards for the test: ", lacks)
	default:
		t.Skip("no sound cards for the test: ", lacks)
	}
}

// sounds is a PulseAudio of the test's own. Its null sinks are speakers whose monitor is what comes out of them, and
// microphones that hear what is played into them.
type sounds struct {
	t      *testing.T
	dir    string
	script string
	end    func()
}

// startSounds starts a PulseAudio with these null sinks.
func startSounds(t *testing.T, sinks ...string) *sounds {
	t.Helper()
	dir, err := os.MkdirTemp("", "cards") // a socket's path is short
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	s := &sounds{t: t, dir: dir}
	var script strings.Builder
	fmt.Fprintf(&script, "load-module module-native-protocol-unix socket=%s auth-anonymous=1\n", s.socket())
	for _, name := range sinks {
		fmt.Fprintf(&script, "load-module module-null-sink %s\n", nullSink(name))
	}
	s.script = filepath.Join(s.dir, "script.pa")
	require.NoError(t, os.WriteFile(s.script, []byte(script.String()), 0o600))
	s.start()
	t.Cleanup(func() { s.kill() })
	return s
}

func nullSink(name string) string { return "sink_name=" + name + " rate=48000 channels=1" }

func (s *sounds) socket() string { return filepath.Join(s.dir, "native") }

// command returns a command that knows nothing but this PulseAudio.
func (s *sounds) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(name, args...)
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "HOME=" + s.dir, "XDG_RUNTIME_DIR=" + s.dir,
		"PULSE_RUNTIME_PATH=" + s.dir, "PULSE_STATE_PATH=" + s.dir, "PULSE_SERVER=unix:" + s.socket(),
	}
	return cmd
}

// start returns when the daemon is ready. A second start is that of one that has been killed.
func (s *sounds) start() {
	s.t.Helper()
	// It ends by itself a minute after its last client, should the test be ended in a way that runs no cleanup.
	cmd := s.command("pulseaudio", "-n", "-F", s.script, "--daemonize=no", "--exit-idle-time=60", "--use-pid-file=no",
		"--system=false", "--log-target=stderr", "--log-level=info")
	log, err := cmd.StderrPipe()
	require.NoError(s.t, err)
	require.NoError(s.t, cmd.Start())
	started, done := make(chan struct{}), make(chan struct{})
	var said bytes.Buffer // the reader's until done
	go func() {
		defer close(done)
		ready := false
		for lines := bufio.NewScanner(log); lines.Scan(); {
			fmt.Fprintln(&said, lines.Text())
			if !ready && strings.Contains(lines.Text(), "startup complete") {
				ready = true
				close(started)
			}
		}
	}()
	s.end = func() {
		_ = cmd.Process.Kill()
		<-done
		_ = cmd.Wait()
		s.end = func() {}
	}
	select {
	case <-started:
	case <-done:
		s.t.Fatalf("PulseAudio does not start:\n%s", said.String())
	case <-time.After(30 * time.Second):
		s.end()
		s.t.Fatalf("PulseAudio does not come up:\n%s", said.String())
	}
}

// kill ends the daemon at once, as if every card of it were unplugged.
func (s *sounds) kill() {
	s.end()
	_ = os.Remove(s.socket())
}

func (s *sounds) pactl(args ...string) string {
	s.t.Helper()
	out, err := s.command("pactl", args...).CombinedOutput()
	require.NoError(s.t, err, "pactl %v: %s", args, out)
	return string(out)
}

// unplug removes a null sink, and plug makes it.
func (s *sounds) unplug(name string) {
	s.t.Helper()
	for line := range strings.Lines(s.pactl("list", "short", "modules")) {
		if strings.Contains(line, "sink_name="+name+" ") {
			id, _, _ := strings.Cut(line, "\t")
			s.pactl("unload-module", id)
			return
		}
	}
	s.t.Fatalf("there is no sink %s", name)
}

func (s *sounds) plug(name string) {
	s.t.Helper()
	s.pactl(append([]string{"load-module", "module-null-sink"}, strings.Fields(nullSink(name))...)...)
}

// card is a device that PortAudio shall know: a PCM of ALSA that leads to one of these daemons.
type card struct {
	name   string
	sounds *sounds
	device string
}

// setCards makes these the only sound cards of this process.
func setCards(t *testing.T, cards ...card) {
	t.Helper()
	var conf strings.Builder
	for _, c := range cards {
		fmt.Fprintf(&conf, "pcm.%s { type pulse server \"unix:%s\" device \"%s\" }\n", c.name, c.sounds.socket(), c.device)
	}
	// PortAudio 19.6 asserts that at least one device of ALSA's list cannot be opened.
	conf.WriteString("pcm.nowhere { type hw card 31 }\n")
	name := filepath.Join(t.TempDir(), "asound.conf")
	require.NoError(t, os.WriteFile(name, []byte(conf.String()), 0o600))
	t.Setenv("ALSA_CONFIG_PATH", name)
	t.Setenv("JACK_NO_START_SERVER", "1")
	list, err := portaudio.Devices(t.Context())
	require.NoError(t, err)
	for _, c := range cards {
		found := false
		for _, d := range list {
			found = found || d.Name == c.name
		}
		require.True(t, found, "ALSA does not lead to PulseAudio (is libasound2-plugins there?): %s is not in %+v", c.name, list)
	}
}

// talker says something into a virtual microphone, in real time, and is silent otherwise.
type talker struct {
	t    *testing.T
	say  chan []int16
	done chan struct{}
	end  context.CancelFunc
	cmd  *exec.Cmd
}

func startTalker(t *testing.T, s *sounds, sink string) *talker {
	t.Helper()
	cmd := s.command("pacat", "--playback", "--raw", "--device="+sink, "--rate=48000", "--channels=1", "--format=s16le", "--latency-msec=100")
	stdin, err := cmd.StdinPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	ctx, cancel := context.WithCancel(t.Context())
	k := &talker{t: t, say: make(chan []int16), done: make(chan struct{}), end: cancel, cmd: cmd}
	go k.run(ctx, stdin)
	t.Cleanup(k.stop)
	return k
}

func (k *talker) run(ctx context.Context, w io.WriteCloser) {
	defer close(k.done)
	defer w.Close()
	pacer := audio.NewPacer(0)
	var words []int16
	for {
		if _, err := pacer.Wait(ctx); err != nil {
			return
		}
		select {
		case words = <-k.say:
		default:
		}
		f := audio.NewFrame(1)
		words = words[copy(f, words):]
		if err := binary.Write(w, binary.LittleEndian, []int16(f)); err != nil {
			return
		}
	}
}

// says begins to say something and does not wait for its end.
func (k *talker) says(words []int16) {
	k.t.Helper()
	select {
	case k.say <- words:
	case <-k.done:
		k.t.Fatal("nobody talks into the microphone any more")
	case <-time.After(10 * time.Second):
		k.t.Fatal("the virtual microphone takes nothing")
	}
}

func (k *talker) stop() {
	k.end()
	_ = k.cmd.Process.Kill()
	<-k.done
	_ = k.cmd.Wait()
}

// listener records what comes out of a virtual speaker.
type listener struct {
	t    *testing.T
	cmd  *exec.Cmd
	done chan struct{}

	mu    sync.Mutex // protects what follows
	heard []int16
	more  chan struct{} // closed and replaced when there is more
}

func startListener(t *testing.T, s *sounds, sink string) *listener {
	t.Helper()
	cmd := s.command("parec", "--raw", "--device="+sink+".monitor", "--rate=48000", "--channels=1", "--format=s16le", "--latency-msec=20")
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	l := &listener{t: t, cmd: cmd, done: make(chan struct{}), more: make(chan struct{})}
	go l.run(stdout)
	t.Cleanup(l.stop)
	return l
}

func (l *listener) run(r io.Reader) {
	defer close(l.done)
	f := make([]int16, 240)
	for binary.Read(r, binary.LittleEndian, f) == nil {
		l.mu.Lock()
		l.heard = append(l.heard, f...)
		close(l.more)
		l.more = make(chan struct{})
		l.mu.Unlock()
	}
}

// now returns the place in the recording.
func (l *listener) now() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.heard)
}

// from waits until n samples after a place have been recorded, and returns them.
func (l *listener) from(at, n int) []int16 {
	l.t.Helper()
	timeout := time.After(time.Duration(n)*time.Second/audio.SampleRate + 20*time.Second)
	for {
		l.mu.Lock()
		heard, more := l.heard, l.more
		l.mu.Unlock()
		if len(heard) >= at+n {
			return heard[at : at+n]
		}
		select {
		case <-more:
		case <-l.done:
			l.t.Fatal("the recording has ended")
		case <-timeout:
			l.t.Fatalf("the virtual speaker stands still: %d samples of %d", len(heard), at+n)
		}
	}
}

func (l *listener) stop() {
	_ = l.cmd.Process.Kill()
	<-l.done
	_ = l.cmd.Wait()
}
