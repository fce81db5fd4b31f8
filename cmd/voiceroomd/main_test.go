package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// binary is the command as it is shipped.
var binary string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "voiceroomd")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		binary = filepath.Join(dir, "voiceroomd")
		build := exec.Command("go", "build", "-buildvcs=false", "-o", binary, ".")
		build.Env = append(os.Environ(), "CGO_ENABLED=0") // it must not need a C compiler
		if out, err := build.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "go build: %v\n%s", err, out)
			return 1
		}
		return m.Run()
	}())
}

// patience is far more than anything here takes.
const patience = 30 * time.Second

// process is a running voiceroomd.
type process struct {
	t     *testing.T
	cmd   *exec.Cmd
	ready map[string]string // the attributes of its ready line
	log   chan string       // what else it wrote; closed when the process has closed its standard error
	ended chan struct{}
}

func command(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), binary, args...)
	cmd.Dir = t.TempDir()
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "VOICEROOM_") {
			cmd.Env = append(cmd.Env, v)
		}
	}
	return cmd
}

// start runs voiceroomd on free ports until it is ready.
func start(t *testing.T, args ...string) *process {
	t.Helper()
	args = append([]string{"--listen=127.0.0.1:0", "--log-format=json", "--log-level=error", "--app=1400000001:secret"}, args...)
	p := &process{t: t, cmd: command(t, args...), log: make(chan string, 10000), ended: make(chan struct{})}
	stderr, err := p.cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, p.cmd.Start())
	line := make(chan string, 1)
	go func() {
		defer close(p.ended)
		defer close(p.log)
		first := true
		for s := bufio.NewScanner(stderr); s.Scan(); {
			chatter := strings.Contains(s.Text(), `"level":"DEBUG"`) || strings.Contains(s.Text(), `"level":"INFO"`) && !strings.Contains(s.Text(), `"msg":"ready"`)
			if first && !chatter {
				first = false
				line <- s.Text()
			} else {
				p.log <- s.Text()
			}
		}
		close(line)
	}()
	t.Cleanup(func() { <-p.ended }) // the test's context has killed it by then
	select {
	case l := <-line:
		require.NoError(t, json.Unmarshal([]byte(l), &p.ready), "the first line: %s", l)
	case <-time.After(patience):
		t.Fatal("no line")
	}
	require.Equal(t, "ready", p.ready["msg"], "%v", p.ready)
	return p
}

// signal sends a signal and returns the exit status.
func (p *process) signal(sig os.Signal) int {
	p.t.Helper()
	require.NoError(p.t, p.cmd.Process.Signal(sig))
	select {
	case <-p.ended:
	case <-time.After(patience):
		p.t.Fatal("it does not end")
	}
	err := p.cmd.Wait()
	if p.cmd.ProcessState.ExitCode() == 0 {
		require.NoError(p.t, err)
	}
	return p.cmd.ProcessState.ExitCode()
}

func (p *process) get(path string) (int, string) {
	p.t.Helper()
	at := strings.TrimPrefix(p.ready["websocket"], "ws://")
	at, _, _ = strings.Cut(at, "/")
	client := &http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get("http://" + at + path)
	require.NoError(p.t, err)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	require.NoError(p.t, err)
	return resp.StatusCode, string(body)
}

func TestServesAndEnds(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	p := start(t, "--data="+data)

	assert.True(t, strings.HasSuffix(p.ready["websocket"], "/v1/signaling"), p.ready["websocket"])
	assert.NotEmpty(t, p.ready["node"])
	host, port, err := net.SplitHostPort(p.ready["media"])
	require.NoError(t, err)
	assert.Equal(t, "127.0.0.1", host)
	assert.NotEqual(t, "0", port, "the line names the port that was chosen")

	for path, want := range map[string]string{"/healthz": "ok\n", "/readyz": "ready\n"} {
		status, body := p.get(path)
		assert.Equal(t, http.StatusOK, status, path)
		assert.Equal(t, want, body, path)
	}
	status, body := p.get("/metrics")
	assert.Equal(t, http.StatusOK, status)
	assert.Contains(t, body, "go_goroutines")
	status, _ = p.get("/nothing")
	assert.Equal(t, http.StatusNotFound, status)
	status, _ = p.get("/v1/signaling")
	assert.Equal(t, http.StatusBadRequest, status, "no WebSocket")

	t.Run("the data has one user", func(t *testing.T) {
		out, status := runOnce(t, "--app=1:s", "--listen=127.0.0.1:0", "--data="+data)
		assert.Equal(t, 1, status)
		assert.Contains(t, out, "in use by another process")
	})
	t.Run("the port has one user", func(t *testing.T) {
		at := strings.TrimSuffix(strings.TrimPrefix(p.ready["websocket"], "ws://"), "/v1/signaling")
		out, status := runOnce(t, "--app=1:s", "--listen="+at)
		assert.Equal(t, 1, status)
		assert.Contains(t, out, "--listen "+at+": the address is in use")
	})
	t.Run("the media port has one user", func(t *testing.T) {
		out, status := runOnce(t, "--app=1:s", "--listen=127.0.0.1:0", "--media="+p.ready["media"])
		assert.Equal(t, 1, status)
		assert.Contains(t, out, "--media "+p.ready["media"]+": the address is in use")
	})

	begin := time.Now()
	require.Equal(t, 0, p.signal(syscall.SIGTERM))
	assert.Less(t, time.Since(begin), closeLimit+shutdownLimit)
	assert.Empty(t, p.log, "nothing to complain about")

	again := start(t, "--data="+data)
	assert.NotEqual(t, p.ready["node"], again.ready["node"], "a node is one run")
	require.Equal(t, 0, again.signal(os.Interrupt))
}

func TestSecondNodeUsesTheFirstOnesStore(t *testing.T) {
	one := start(t, "--data="+t.TempDir(), "--nats-listen=127.0.0.1:0")
	require.NotEmpty(t, one.ready["nats"], "the line says where")
	two := start(t, "--nats="+one.ready["nats"])
	status, body := two.get("/readyz")
	assert.Equal(t, http.StatusOK, status, body)
	assert.Equal(t, 0, two.signal(syscall.SIGTERM))
	assert.Equal(t, 0, one.signal(syscall.SIGTERM))
}

func TestSecondSignalEndsAtOnce(t *testing.T) {
	p := start(t, "--data="+t.TempDir(), "--log-level=info")
	at := strings.TrimSuffix(strings.TrimPrefix(p.ready["websocket"], "ws://"), "/v1/signaling")
	half, err := net.Dial("tcp", at)
	require.NoError(t, err)
	defer half.Close()
	_, err = io.WriteString(half, "GET /metrics HTTP/1.1\r\n") // a request that is under way holds up the clean end
	require.NoError(t, err)
	status, _ := p.get("/healthz") // accepted after it, so the first one has been, too
	require.Equal(t, http.StatusOK, status)

	begin := time.Now()
	again := time.NewTicker(50 * time.Millisecond) // the first takes the second's meaning a moment later
	defer again.Stop()
	for ended := false; !ended; {
		require.NoError(t, p.cmd.Process.Signal(syscall.SIGTERM))
		select {
		case <-p.ended:
			ended = true
		case <-again.C:
		}
	}
	require.Error(t, p.cmd.Wait())
	assert.Equal(t, -1, p.cmd.ProcessState.ExitCode(), "a signal ended it")
	assert.Less(t, time.Since(begin), shutdownLimit)
}

// runOnce runs voiceroomd to its end and returns what it said.
func runOnce(t *testing.T, args ...string) (string, int) {
	t.Helper()
	cmd := command(t, args...)
	return finish(t, cmd)
}

func finish(t *testing.T, cmd *exec.Cmd) (string, int) {
	t.Helper()
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	require.NotNil(t, cmd.ProcessState, "%v", err)
	return out.String(), cmd.ProcessState.ExitCode()
}

func TestEnvironment(t *testing.T) {
	cmd := command(t, "--listen=nowhere")
	cmd.Env = append(cmd.Env, "VOICEROOM_APP=x:geheim", "VOICEROOM_SEAT_LIMIT=99", "VOICEROOM_VERSION=1")
	out, status := finish(t, cmd)
	assert.Equal(t, 2, status)
	assert.Contains(t, out, "--seat-limit 99")
	assert.Contains(t, out, "--app, number 1")
	assert.NotContains(t, out, "geheim")
}

func TestHelpAndVersion(t *testing.T) {
	out, status := runOnce(t, "--help")
	assert.Equal(t, 0, status)
	for _, want := range []string{"--listen", "--media", "--app-file", "--nats-listen", "--cluster-route", "--log-format", "Addresses", "$VOICEROOM_GRACE"} {
		assert.Contains(t, out, want)
	}
	out, status = runOnce(t, "--version")
	assert.Equal(t, 0, status)
	assert.True(t, strings.HasPrefix(out, "voiceroomd "), out)
}
