package adminapi_test

import (
	"context"
	"encoding/json"
	"net"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/internal/server"
	"github.com/openvoiceroom/openvoiceroom/internal/store/memstore"
	"github.com/openvoiceroom/openvoiceroom/signaling"
	"github.com/openvoiceroom/openvoiceroom/signaling/usersig"
)

const exampleSecret = "mysecret" // of the examples' app

// What docs/admin-api.md shows works, typed into a shell: voiceroom makes the UserSig, curl calls a server.
func TestExamplesOfTheDocuments(t *testing.T) {
	for _, tool := range []string{"bash", "curl"} {
		if _, err := exec.LookPath(tool); err != nil {
			require.Empty(t, os.Getenv("CI"), "CI needs %s", tool)
			t.Skip(err)
		}
	}
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "admin-api.md"))
	require.NoError(t, err)
	var before, calls []string
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		for line := range strings.Lines(block[1]) {
			switch {
			case strings.HasPrefix(line, "curl "):
				calls = append(calls, line)
			case regexp.MustCompile(`^[A-Z]+=`).MatchString(line):
				before = append(before, line)
			}
		}
	}
	require.Equal(t, strings.Count(string(text), "\ncurl "), len(calls), "an example that no shell runs")
	require.NotEmpty(t, calls)

	bin := t.TempDir()
	build := exec.CommandContext(t.Context(), "go", "build", "-o", bin, "../../cmd/voiceroom")
	out, err := build.CombinedOutput()
	require.NoError(t, err, string(out))

	url := serveExamples(t)
	in := false
	for _, line := range calls {
		if !in && strings.Contains(line, `"vince"`) {
			in = true
			join(t, url, "talk", "vince")
		}
		script := strings.ReplaceAll(strings.Join(before, "")+line, "http://127.0.0.1:8080", url)
		sh := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", script)
		sh.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"), "no_proxy=*")
		var stderr strings.Builder
		sh.Stderr = &stderr
		out, err := sh.Output()
		require.NoError(t, err, "%s%s", line, &stderr)
		var a answer
		require.NoError(t, json.Unmarshal(out, &a), "%s%s", line, out)
		require.Zero(t, a.ErrorCode, "%s%s", line, out)
	}
}

// serveExamples runs a node on loopback, and returns its URL.
func serveExamples(t *testing.T) string {
	t.Helper()
	udp, err := net.ListenPacket("udp4", "127.0.0.1:0")
	require.NoError(t, err)
	node := memstore.New().Node()
	t.Cleanup(func() { require.NoError(t, node.Close()) })
	srv, err := server.New(t.Context(), server.Config{Apps: map[signaling.AppID]string{app: exampleSecret}, Store: node, UDP: udp})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, srv.Close(context.Background())) })
	web := httptest.NewServer(srv.Handler())
	t.Cleanup(web.Close)
	return web.URL
}

// join has a user enter a room by the WebSocket, until the test ends.
func join(t *testing.T, url string, room signaling.RoomID, user signaling.UserID) {
	t.Helper()
	c, err := signaling.Dial(t.Context(), signaling.DialConfig{URL: "ws" + strings.TrimPrefix(url, "http")})
	require.NoError(t, err)
	t.Cleanup(func() { c.Close() }) // the server may have closed it before
	sig, err := usersig.Mint(app, exampleSecret, user, time.Hour, time.Now())
	require.NoError(t, err)
	require.NoError(t, c.Call(t.Context(), signaling.MethodLogin, signaling.LoginParams{SDKAppID: app, UserID: user, UserSig: sig}, nil))
	require.NoError(t, c.Call(t.Context(), signaling.MethodJoinRoom, signaling.JoinParams{RoomID: room}, nil))
}
