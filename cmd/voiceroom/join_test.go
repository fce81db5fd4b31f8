//go:build linux

package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/openvoiceroom/openvoiceroom/audio"
	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/internal/hearing"
	"github.com/openvoiceroom/openvoiceroom/seatgrid"
)

// terminal is the command in a terminal of its own.
type terminal struct {
	t      *testing.T
	cmd    *exec.Cmd
	keys   *os.File // the terminal's other end
	slave  *os.File
	before *unix.Termios
	done   sync.WaitGroup

	mu      sync.Mutex // protects what follows
	written bytes.Buffer
	more    chan struct{} // closed and replaced when something is written
}

func inTerminal(t *testing.T, env []string, args ...string) *terminal {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	require.NoError(t, err)
	require.NoError(t, unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0))
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	require.NoError(t, err)
	slave, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|syscall.O_NOCTTY, 0)
	require.NoError(t, err)
	term := &terminal{t: t, keys: master, slave: slave, more: make(chan struct{})}
	term.resize(80, 24)
	term.before, err = unix.IoctlGetTermios(int(slave.Fd()), unix.TCGETS)
	require.NoError(t, err)
	term.cmd = command(t, args...)
	term.cmd.Env = append(append(term.cmd.Env, "TERM=xterm-256color"), env...)
	term.cmd.Stdin, term.cmd.Stdout, term.cmd.Stderr = slave, slave, slave
	term.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true, Ctty: 0}
	require.NoError(t, term.cmd.Start())
	term.done.Go(term.read)
	t.Cleanup(func() {
		if term.cmd.ProcessState == nil {
			_ = term.cmd.Process.Kill()
			_ = term.cmd.Wait()
		}
		slave.Close()
		term.done.Wait() // the last one to hold the terminal has gone
		master.Close()
	})
	return term
}

func (x *terminal) read() {
	buf := make([]byte, 4096)
	for {
		n, err := x.keys.Read(buf)
		x.mu.Lock()
		x.written.Write(buf[:n])
		close(x.more)
		x.more = make(chan struct{})
		x.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// all returns what has been written, without styles and movements of the cursor.
func (x *terminal) all() (text string, more chan struct{}) {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.written.String(), x.more
}

// shows waits until a text has been written.
func (x *terminal) shows(text string) {
	x.t.Helper()
	late := time.NewTimer(20 * time.Second)
	defer late.Stop()
	for {
		all, more := x.all()
		if strings.Contains(ansi.Strip(all), text) {
			return
		}
		select {
		case <-more:
		case <-late.C:
			x.t.Fatalf("the terminal does not show %q:\n%s", text, ansi.Strip(all))
		}
	}
}

func (x *terminal) press(keys string) {
	x.t.Helper()
	_, err := io.WriteString(x.keys, keys)
	require.NoError(x.t, err)
}

func (x *terminal) resize(width, height uint16) {
	require.NoError(x.t, unix.IoctlSetWinsize(int(x.keys.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Col: width, Row: height}))
}

// ends waits for the command's end, and sees that the terminal is as it was before.
func (x *terminal) ends(status int, says string) {
	x.t.Helper()
	require.Equal(x.t, status, exit(x.t, x.cmd.Wait()))
	after, err := unix.IoctlGetTermios(int(x.slave.Fd()), unix.TCGETS)
	require.NoError(x.t, err)
	require.Equal(x.t, x.before, after, "the terminal is not as it was")
	x.shows(says)
	all, _ := x.all()
	require.Greater(x.t, strings.LastIndex(all, "\x1b[?1049l"), strings.LastIndex(all, "\x1b[?1049h"), "the screen that was there before is back")
	require.Greater(x.t, strings.LastIndex(all, "\x1b[?25h"), strings.LastIndex(all, "\x1b[?25l"), "the cursor is there again")
}

func TestJoinInATerminal(t *testing.T) {
	needsOpus(t)
	srv, app := serve(t)
	dir := t.TempDir()
	tone := make([]int16, 30*audio.SampleRate)
	for i := range tone {
		tone[i] = int16(i % 96 * 200) // 500 Hz and its harmonics
	}
	file := filepath.Join(dir, "tone.wav")
	writeWAV(t, file, tone, audio.SampleRate, 1)
	host := inTerminal(t, nil, "join", "talk", "--url", srv.url, "--app", app, "--user", "host", "--name", "王小明", "--create",
		"--room-name", "Evening", "--seats", "4", "--no-sound-card", "--mic-file", file)
	host.shows("Evening (talk)")
	host.shows("1 host you")
	host.shows("You can be heard now.")
	host.shows("===") // the level moves

	heard := filepath.Join(dir, "heard.wav")
	guest := inTerminal(t, []string{"NO_COLOR=1"}, "join", "talk", "--url", srv.url, "--app", app, "--user", "guest",
		"--no-sound-card", "--record", heard, "--seat", "2", "--log", filepath.Join(dir, "guest.log"))
	guest.shows("王小明")
	host.shows("guest asks for seat 2.")
	host.press("y")
	guest.shows("You sit on seat 2 now.")
	guest.resize(40, 16)
	require.NoError(t, guest.cmd.Process.Signal(syscall.SIGWINCH))
	guest.shows(">1 host 王小明")
	guest.press("?")
	guest.shows("Any key shows more")
	guest.press("q")
	all, _ := guest.all()
	require.NotContains(t, all, "\x1b[32m", "no colour was asked for")
	grows(t, heard, 3*audio.SampleRate) // a second and a half
	guest.press("\x03")
	guest.ends(0, "You have left the room.")
	host.shows("guest has left.")
	host.press("q")
	host.shows("End the room for everybody?")
	host.press("y")
	host.ends(0, "You have ended the room.")

	samples, err := audio.LoadFile(heard, nil)
	require.NoError(t, err)
	require.Greater(t, len(samples), audio.SampleRate)
	require.Greater(t, hearing.ToneLevel(samples[len(samples)-audio.SampleRate/2:], 500), -30.0, "what the host says is in the guest's record")
	log, err := os.ReadFile(filepath.Join(dir, "guest.log"))
	require.NoError(t, err)
	require.NotEmpty(t, log)
	require.NotContains(t, string(log), srv.secret)
}

// grows waits until a file has so many bytes.
func grows(t *testing.T, file string, bytes int64) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	late := time.NewTimer(20 * time.Second)
	defer late.Stop()
	for {
		if info, err := os.Stat(file); err == nil && info.Size() >= bytes {
			return
		}
		select {
		case <-tick.C:
		case <-late.C:
			t.Fatalf("%s does not grow", file)
		}
	}
}

// However it ends, the terminal is what it was before, and the exit status says how.
func TestJoinEnds(t *testing.T) {
	srv, app := serve(t)
	cfg := srv.user("boss", nil)
	cfg.Codec = nil
	eng, err := engine.Login(t.Context(), cfg)
	require.NoError(t, err)
	defer eng.Logout(t.Context())
	boss := seatgrid.New(eng)
	_, err = boss.StartVoiceRoom(t.Context(), seatgrid.RoomInfo{RoomID: "talk"})
	require.NoError(t, err)
	join := func(t *testing.T) *terminal {
		x := inTerminal(t, nil, "join", "talk", "--url", srv.url, "--app", app, "--user", "guest", "--no-sound-card")
		x.shows("2 people")
		return x
	}
	t.Run("by SIGTERM", func(t *testing.T) {
		x := join(t)
		require.NoError(t, x.cmd.Process.Signal(syscall.SIGTERM))
		x.ends(0, "You have left the room.")
	})
	t.Run("taken out", func(t *testing.T) {
		x := join(t)
		require.NoError(t, boss.Room().Members().KickRemoteUserOutOfRoom(t.Context(), "guest"))
		x.ends(1, "has taken you out of the room.")
	})
	t.Run("logged in elsewhere", func(t *testing.T) {
		x := join(t)
		other := srv.user("guest", nil)
		other.Codec = nil
		second, err := engine.Login(t.Context(), other)
		require.NoError(t, err)
		x.ends(1, "You have logged in somewhere else")
		require.NoError(t, second.Logout(t.Context()))
	})
	t.Run("plain, until the room ends", func(t *testing.T) {
		cmd := command(t, "join", "talk", "--url", srv.url, "--app", app, "--user", "guest", "--no-sound-card", "--plain")
		var out, log bytes.Buffer
		cmd.Stderr = &log
		stdout, err := cmd.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, cmd.Start())
		buf := make([]byte, 4096)
		for !strings.Contains(out.String(), "You are in the room") {
			n, err := stdout.Read(buf)
			if err != nil {
				_ = cmd.Wait() // only then all of the log is there
				require.NoError(t, err, log.String())
			}
			out.Write(buf[:n])
		}
		_, err = boss.StopVoiceRoom(t.Context())
		require.NoError(t, err)
		_, err = io.Copy(&out, stdout)
		require.NoError(t, err)
		require.Equal(t, 0, exit(t, cmd.Wait()))
		require.Contains(t, log.String(), "The host has ended the room.")
	})
}

// A room with a password lets those in who give it, by flag or by environment; the host has set it with the same flag.
func TestJoinWithAPassword(t *testing.T) {
	srv, app := serve(t)
	args := func(cmd, user string, more ...string) []string {
		return append([]string{cmd, "talk", "--url", srv.url, "--app", app, "--user", user}, more...)
	}
	host := inTerminal(t, []string{"VOICEROOM_PASSWORD=best friends"}, args("join", "host", "--create", "--no-sound-card")...)
	host.shows("1 host you")
	for _, guest := range [][]string{args("join", "guest", "--no-sound-card", "--plain"), args("bot", "guest", "--for", "100ms")} {
		_, log, status := run(t, guest...)
		require.Equal(t, 1, status)
		require.Contains(t, log, "give it with --password")
		_, log, status = run(t, append(guest, "--password", "foes")...)
		require.Equal(t, 1, status)
		require.Contains(t, log, "not the room's password")
	}
	out, log, status := run(t, args("bot", "guest", "--for", "100ms", "--events=text", "--password", "best friends")...)
	require.Equal(t, 0, status, log)
	require.Contains(t, out, "joined guest")
	host.shows("guest has left.")
	guest := inTerminal(t, nil, args("join", "guest", "--no-sound-card", "--password", "best friends")...)
	guest.shows("2 people")
	guest.press("q")
	guest.ends(0, "You have left the room.")
	host.press("qy")
	host.ends(0, "You have ended the room.")
	_, log, status = run(t, args("join", "host", "--create", "--no-sound-card", "--plain", "--password", strings.Repeat("p", 65))...)
	require.Equal(t, 1, status)
	require.Contains(t, log, "64 bytes")
}

func TestJoinRefuses(t *testing.T) {
	srv, app := serve(t)
	base := []string{"join", "talk", "--url", srv.url, "--no-sound-card"}
	me := append(base, "--app", app, "--user", "me")
	for name, c := range map[string]struct {
		args []string
		says string
	}{
		"no terminal":                 {me, "--plain"},
		"nobody":                      {append(base, "--plain"), "--app ID:SECRET"},
		"no user":                     {append(base, "--plain", "--app", app), "--user"},
		"a user without form":         {append(base, "--plain", "--app", app, "--user", strings.Repeat("u", 33)), "--user"},
		"no UserSig":                  {append(base, "--plain", "--usersig", "x"), "--usersig"},
		"no such room":                {append(me, "--plain"), "there is no such room"},
		"wrong secret":                {append(base, "--plain", "--app", "1400000001:wrong", "--user", "me"), "another secret"},
		"no server":                   {[]string{"join", "talk", "--plain", "--no-sound-card", "--app", app, "--user", "me", "--url", "ws://127.0.0.1:1"}, "cannot reach the server"},
		"what is for hosts":           {append(me, "--plain", "--seats", "4"), "--create"},
		"a file that is not there":    {append(me, "--plain", "--mic-file", "none.wav"), "--mic-file"},
		"a file that cannot be":       {append(me, "--plain", "--record", "none/x.wav"), "--record"},
		"two microphones":             {append(me, "--plain", "--mic-file", "x.wav", "--microphone", "y"), "--microphone"},
		"a microphone that is no one": {[]string{"join", "talk", "--plain", "--url", srv.url, "--app", app, "--user", "me", "--microphone", "theremin"}, "--microphone: "},
	} {
		t.Run(name, func(t *testing.T) {
			if strings.Contains(name, "microphone") || strings.Contains(name, "file") {
				needsOpus(t)
			}
			out, log, status := run(t, c.args...)
			require.Equal(t, 1, status, "%s%s", out, log)
			require.Empty(t, out)
			require.Contains(t, log, c.says)
			require.NotContains(t, log, srv.secret)
		})
	}
}
