//go:build linux

package e2e

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/audio"
	"github.com/openvoiceroom/openvoiceroom/audio/opus"
	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/internal/hearing"
	"github.com/openvoiceroom/openvoiceroom/internal/race"
	"github.com/openvoiceroom/openvoiceroom/internal/server"
	"github.com/openvoiceroom/openvoiceroom/internal/speech"
	"github.com/openvoiceroom/openvoiceroom/internal/store/memstore"
	"github.com/openvoiceroom/openvoiceroom/seatgrid"
)

// withoutUDP says in a test's process of its own that its network refuses UDP.
const withoutUDP = "VOICEROOM_TEST_WITHOUT_UDP"

// inNetworkWithoutUDP runs the test again as a process in a network of its own, in which the kernel refuses to send any UDP,
// and returns true there. pion's active TCP dials on threads of its own choice, so a namespace of one thread would not do.
func inNetworkWithoutUDP(t *testing.T) bool {
	t.Helper()
	if os.Getenv(withoutUDP) == t.Name() {
		refuseUDP(t)
		return true
	}
	lacks := ""
	if !opus.Available {
		lacks = "built without cgo"
	}
	if _, err := exec.LookPath("ip"); err != nil {
		lacks = "ip is missing (Debian: apt install iproute2)"
	}
	if lacks == "" {
		self, err := os.Executable()
		require.NoError(t, err)
		cmd := exec.CommandContext(t.Context(), self, "-test.run=^"+t.Name()+"$", "-test.v", "-test.timeout=100s")
		cmd.Env = append(os.Environ(), withoutUDP+"="+t.Name())
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
		out, err := cmd.CombinedOutput()
		t.Logf("%s", out)
		if !errors.Is(err, syscall.EPERM) {
			require.NoError(t, err)
			require.Contains(t, string(out), "--- PASS: "+t.Name(), "it has run")
			return false
		}
		lacks = "a network namespace needs root: " + err.Error()
	}
	if os.Getenv("CI") == "true" {
		t.Fatal("no network without UDP for the test: ", lacks)
	}
	t.Skip("no network without UDP for the test: ", lacks)
	return false
}

// refuseUDP has the kernel refuse UDP, also to this machine: the rule comes before that of local addresses.
func refuseUDP(t *testing.T) {
	t.Helper()
	for _, args := range []string{
		"link set lo up", "link add card type veth peer name wall", "address add 10.77.0.1/24 dev card", // browsers want a card
		"link set card up", "link set wall up", "route add default via 10.77.0.2",
		"rule add pref 10 from all lookup local", "rule del pref 0", "rule add pref 5 ipproto udp prohibit",
	} {
		out, err := exec.Command("ip", strings.Fields(args)...).CombinedOutput()
		require.NoError(t, err, "ip %s: %s", args, out)
	}
	to, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	require.NoError(t, err)
	defer to.Close()
	_, err = to.WriteTo([]byte("x"), to.LocalAddr())
	require.ErrorIs(t, err, syscall.EACCES, "UDP does not get through")
}

// startNodeWithTCP serves with a port for media over TCP.
func startNodeWithTCP(t *testing.T) (url string, tcp net.Listener) {
	t.Helper()
	tcp, err := net.Listen("tcp4", "127.0.0.1:0")
	require.NoError(t, err)
	node := memstore.New().Node()
	t.Cleanup(func() { require.NoError(t, node.Close()) })
	return startNodeWith(t, node, func(c *server.Config) { c.TCP, c.AllowedOrigins = tcp, []string{"*"} }), tcp
}

// Where no UDP gets through, speech is heard over TCP as it is otherwise.
func TestSpeechWithoutUDP(t *testing.T) {
	if race.Enabled {
		t.Skip(race.Reason)
	}
	if !inNetworkWithoutUDP(t) {
		return
	}
	const talk = 6 * time.Second
	addr, _ := startNodeWithTCP(t)
	source := audio.NewPCMSource(speech.Host(), audio.PCMOptions{Loop: true})
	heard := audio.NewRecorder(1)
	host, guest := seatgrid.New(call(t, addr, "host", source, nil)), seatgrid.New(call(t, addr, "guest", nil, heard))
	_, err := host.StartVoiceRoom(t.Context(), engine.RoomInfo{RoomID: "room"})
	require.NoError(t, err)
	_, err = guest.JoinVoiceRoom(t.Context(), "room")
	require.NoError(t, err)
	began := time.Now()
	require.NoError(t, host.Room().Connected(t.Context()))
	require.NoError(t, guest.Room().Connected(t.Context()))
	t.Logf("media is connected after %v", time.Since(began).Round(time.Millisecond))
	require.NoError(t, host.StartMicrophone(t.Context()))
	<-time.After(time.Second)
	from := time.Now()
	<-time.After(talk + time.Second)
	r := hearing.Compare(spoken(source, speech.Host(), from, talk), recorded(heard, from), hearing.Options{})
	t.Logf("%+v", r)
	require.True(t, r.OK, r.Reason)
}

// So does a browser, by candidates of its own.
func TestBrowserWithoutUDP(t *testing.T) {
	if race.Enabled {
		t.Skip(race.Reason)
	}
	chromium := browser(t)
	if !inNetworkWithoutUDP(t) {
		return
	}
	const hostHz, browserHz = 660, 440
	addr, _ := startNodeWithTCP(t)
	heard := audio.NewRecorder(1)
	host := seatgrid.New(call(t, addr, "host", audio.NewToneSource(hostHz, 0.25), heard))
	_, err := host.StartVoiceRoom(t.Context(), engine.RoomInfo{RoomID: "room", SeatMode: engine.FreeToTake})
	require.NoError(t, err)
	require.NoError(t, host.StartMicrophone(t.Context()))
	begun, done := make(chan browserStats, 1), make(chan browserReport, 1)
	web := http.NewServeMux()
	web.HandleFunc("GET /", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(browserPage) })
	web.HandleFunc("POST /begun", func(_ http.ResponseWriter, r *http.Request) { take(t, r, begun) })
	web.HandleFunc("POST /done", func(_ http.ResponseWriter, r *http.Request) { take(t, r, done) })
	page := httptest.NewServer(web)
	t.Cleanup(page.Close)
	mic := filepath.Join(t.TempDir(), "mic.wav")
	file, err := os.Create(mic)
	require.NoError(t, err)
	require.NoError(t, audio.WriteWAV(file, tone(30, browserHz), audio.SampleRate, 1))
	require.NoError(t, file.Close())
	query := url.Values{
		"url": {addr}, "app": {fmt.Sprint(app)}, "user": {"browser"}, "sig": {config(t, addr, "browser").UserSig}, "room": {"room"}, "seconds": {"1"},
	}
	startBrowser(t, chromium, page.URL+"/?"+query.Encode(), mic)
	select {
	case stats := <-begun:
		require.Len(t, stats.Received, 1)
		require.Greater(t, stats.Received[0].Energy, 0.0, "it hears the host")
		require.Greater(t, stats.Received[0].Packets, 50)
		said := heard.Samples()
		require.Greater(t, hearing.ToneLevel(said[len(said)-audio.SampleRate/2:], browserHz), -18.0, "and is heard")
		t.Logf("over TCP the browser has received %+v", stats.Received)
	case report := <-done:
		t.Fatal("the browser did not come so far: ", report.Error)
	case <-time.After(60 * time.Second):
		t.Fatal("nothing is heard of the browser")
	}
}
