//go:build linux

package e2e

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
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
	"github.com/openvoiceroom/openvoiceroom/internal/store/memstore"
	"github.com/openvoiceroom/openvoiceroom/seatgrid"
)

//go:embed testdata/browser.html
var browserPage []byte

// browser finds a Chromium, or skips the test; on a CI it has to be there.
func browser(t *testing.T) string {
	t.Helper()
	if !opus.Available {
		t.Skip("built without Opus (cgo): there is nothing to say to a browser")
	}
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	if os.Getenv("CI") == "true" {
		t.Fatal("no browser for the test (Debian: apt install chromium)")
	}
	t.Skip("no browser is installed (Debian: apt install chromium)")
	return ""
}

// browserStats is what the page reports.
type browserStats struct {
	Received []struct {
		Codec              string
		Packets, Lost      int
		Concealed, Samples float64
		Energy             float64
	}
	Sent struct {
		Codec          string
		Packets, Bytes int
	}
}

type browserReport struct {
	Error                   string
	Before, Repaired, After browserStats
	Offer, Answer           string
}

// A browser that nobody here has written speaks with copies and hears through a line that loses every tenth packet.
func TestBrowserSendsAndTakesCopies(t *testing.T) {
	if race.Enabled {
		t.Skip(race.Reason)
	}
	chromium := browser(t)
	const hostHz, browserHz, seconds = 660, 440, 6
	const lossy = 0.1

	node := memstore.New().Node()
	t.Cleanup(func() { require.NoError(t, node.Close()) })
	var media int
	addr := startNodeWith(t, node, func(c *server.Config) {
		c.AllowedOrigins = []string{"*"}
		media = c.UDP.LocalAddr().(*net.UDPAddr).Port
	})
	host := seatgrid.New(call(t, addr, "host", audio.NewToneSource(hostHz, 0.25), nil))
	_, err := host.StartVoiceRoom(t.Context(), engine.RoomInfo{RoomID: "room", SeatMode: engine.FreeToTake})
	require.NoError(t, err)
	require.NoError(t, host.StartMicrophone(t.Context()))
	heard := audio.NewRecorder(1)
	guest := seatgrid.New(call(t, addr, "guest", nil, heard))
	_, err = guest.JoinVoiceRoom(t.Context(), "room")
	require.NoError(t, err)
	var copies atomic.Int64
	defer guest.Room().TapPackets(countCopies("browser", &copies))()
	way := startLossyWay(t, media, lossy)
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
	cfg := config(t, addr, "browser")
	query := url.Values{
		"url": {addr}, "app": {fmt.Sprint(app)}, "user": {"browser"}, "sig": {cfg.UserSig}, "room": {"room"}, "red": {"1"},
		"port": {fmt.Sprint(way.port())}, "seconds": {fmt.Sprint(seconds)},
	}
	startBrowser(t, chromium, page.URL+"/?"+query.Encode(), mic)

	var report browserReport
	select {
	case <-begun:
		way.lossy.Store(true)
		at := len(heard.Samples())
		report = <-done
		require.Empty(t, report.Error)
		// What the browser says is its microphone, all the time. Its imitation of one is none of a sound card's: where the
		// machine is busy it leaves holes.
		said := heard.Samples()[at+audio.SampleRate:]
		windows, whole := 0, 0
		for i := 0; i+4800 <= len(said) && i < 10*audio.SampleRate; i += 4800 {
			windows++
			if hearing.ToneLevel(said[i:i+4800], browserHz) > -18 {
				whole++
			}
		}
		t.Logf("%d of %d windows have the browser's tone", whole, windows)
		require.GreaterOrEqual(t, whole, windows*8/10)
	case report = <-done:
		t.Fatal("the browser did not come so far: ", report.Error)
	case <-time.After(60 * time.Second):
		t.Fatal("nothing is heard of the browser")
	}
	t.Logf("the browser sent %+v; received %+v, and before losses %+v", report.After.Sent, report.After.Received, report.Before.Received)
	// The statistics name the codec inside. 50 kbit/s are some 125 bytes a packet, and with a copy twice as much.
	require.Greater(t, report.After.Sent.Bytes/report.After.Sent.Packets, 200, "the browser sends copies: %s", report.Answer)
	require.Zero(t, copies.Load(), "where nothing is lost, a listener is spared them")
	require.Len(t, report.After.Received, 1)
	before, repaired, after := report.Before.Received[0], report.Repaired.Received[0], report.After.Received[0]
	concealed := (after.Concealed - repaired.Concealed) / (after.Samples - repaired.Samples)
	dropped, of, copied := way.counts()
	t.Logf("%d of %d packets to the browser were dropped, %d had copies along; it concealed %.2f %%, and %.2f %% before copies came",
		dropped, of, copied, 100*concealed, 100*(repaired.Concealed-before.Concealed)/(repaired.Samples-before.Samples))
	require.Greater(t, dropped, of/20, "the line did lose packets")
	require.Greater(t, copied, of/3, "copies came along")
	require.Less(t, concealed, 0.03, "without copies it is some 6 %: the tenth that is lost, less what in-band FEC repairs")
	require.Greater(t, after.Energy, before.Energy)
}

// countCopies counts the packets of a user that come a second time.
func countCopies(u engine.UserID, n *atomic.Int64) func(engine.Packet) {
	var newest uint32
	return func(p engine.Packet) {
		if p.User != u {
			return
		}
		if newest != 0 && int32(p.Timestamp-newest) <= 0 {
			n.Add(1)
		}
		newest = p.Timestamp
	}
}

func take[T any](t *testing.T, r *http.Request, to chan<- T) {
	var v T
	if err := json.NewDecoder(r.Body).Decode(&v); err != nil {
		t.Error(err)
		return
	}
	to <- v
}

// startBrowser opens a page in a browser whose microphone is a file, and ends it with all its processes.
func startBrowser(t *testing.T, chromium, address, mic string) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, chromium, "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run",
		"--disable-background-networking", "--user-data-dir="+t.TempDir(), "--use-fake-ui-for-media-stream",
		"--use-fake-device-for-media-stream", "--use-file-for-fake-audio-capture="+mic,
		"--autoplay-policy=no-user-gesture-required", address)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	require.NoError(t, cmd.Start())
	t.Cleanup(func() {
		cancel()
		_ = cmd.Wait() // killed
	})
}

// lossyWay is a way to the server's media on which packets to the browser can get lost.
type lossyWay struct {
	lossy atomic.Bool
	share float64
	front *net.UDPConn // the browser's side
	back  *net.UDPConn // the server's side

	mu      sync.Mutex
	browser *net.UDPAddr
	dropped int
	of      int
	copied  int // of these, packets that have copies along
}

func startLossyWay(t *testing.T, server int, share float64) *lossyWay {
	t.Helper()
	loopback := net.IPv4(127, 0, 0, 1)
	front, err := net.ListenUDP("udp4", &net.UDPAddr{IP: loopback})
	require.NoError(t, err)
	back, err := net.DialUDP("udp4", nil, &net.UDPAddr{IP: loopback, Port: server})
	require.NoError(t, err)
	w := &lossyWay{share: share, front: front, back: back}
	var carry sync.WaitGroup
	carry.Go(w.up)
	carry.Go(w.down)
	t.Cleanup(func() {
		front.Close()
		back.Close()
		carry.Wait()
	})
	return w
}

func (w *lossyWay) port() int { return w.front.LocalAddr().(*net.UDPAddr).Port }

func (w *lossyWay) counts() (dropped, of, copied int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.dropped, w.of, w.copied
}

func (w *lossyWay) up() {
	buf := make([]byte, 2048)
	for {
		n, from, err := w.front.ReadFromUDP(buf)
		if err != nil {
			return
		}
		w.mu.Lock()
		w.browser = from
		w.mu.Unlock()
		_, _ = w.back.Write(buf[:n]) // the server has gone at the end
	}
}

func (w *lossyWay) down() {
	buf := make([]byte, 2048)
	random := rand.New(rand.NewPCG(1, 2))
	for {
		n, err := w.back.Read(buf)
		if err != nil {
			return
		}
		w.mu.Lock()
		to := w.browser
		// Only RTP is lost (RFC 7983): a lost check or handshake measures something else.
		drop := false
		if w.lossy.Load() && n > 1 && buf[0]>>6 == 2 && (buf[1] < 192 || buf[1] > 223) {
			w.of++
			if buf[1]&0x7f == 63 {
				w.copied++
			}
			if drop = random.Float64() < w.share; drop {
				w.dropped++
			}
		}
		w.mu.Unlock()
		if !drop && to != nil {
			_, _ = w.front.WriteToUDP(buf[:n], to)
		}
	}
}
