//go:build linux

package e2e

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
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
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// twoNamespaces skips where networks cannot be made up; on a CI, which is to have all that is needed, it fails.
func twoNamespaces(t *testing.T) (a, b *namespace) {
	t.Helper()
	lacks := ""
	if !opus.Available {
		lacks = "built without cgo"
	}
	if _, err := exec.LookPath("ip"); err != nil {
		lacks = "ip is missing (Debian: apt install iproute2)"
	}
	if lacks == "" {
		var err error
		if a, err = newNamespace(t); err != nil {
			lacks = "a network namespace needs root: " + err.Error()
		}
	}
	switch {
	case lacks == "":
	case os.Getenv("CI") == "true":
		t.Fatal("no lossy line for the test: ", lacks)
	default:
		t.Skip("no lossy line for the test: ", lacks)
	}
	b, err := newNamespace(t)
	require.NoError(t, err)
	return a, b
}

// A server, a speaker beside it and a listener behind a line that takes 30 ms and loses a tenth in each direction, on the
// kernel's own sockets: the speech is heard, and what is made up is close to what internal/quality finds on virtual time.
func TestSpeechOverARealLossyLine(t *testing.T) {
	if race.Enabled {
		t.Skip(race.Reason)
	}
	const (
		before   = 500 * time.Millisecond // of talk, without loss
		settle   = 2000 * time.Millisecond
		measured = 10 * time.Second
		most     = 3.0 // per cent made up; the goal on virtual time is 1, and this machine may be busy
	)
	near, far := twoNamespaces(t)
	line := newLossyLink(t, near, far, 30*time.Millisecond)
	url := startNodeIn(t, near)
	source := audio.NewPCMSource(speech.Host(), audio.PCMOptions{Loop: true})
	heard := audio.NewRecorder(1)
	hostConfig, guestConfig := config(t, url, "host"), config(t, url, "guest")
	hostConfig.Microphone, guestConfig.Speaker = source, heard
	host, guest := loginIn(t, near, hostConfig), loginIn(t, far, guestConfig)
	grid, listener := seatgrid.New(host), seatgrid.New(guest)
	_, err := grid.StartVoiceRoom(t.Context(), engine.RoomInfo{RoomID: "room"})
	require.NoError(t, err)
	_, err = listener.JoinVoiceRoom(t.Context(), "room")
	require.NoError(t, err)
	require.NoError(t, grid.Room().Connected(t.Context()))
	require.NoError(t, listener.Room().Connected(t.Context()))
	require.NoError(t, grid.StartMicrophone(t.Context()))

	<-time.After(before)
	line.loss.Store(100)
	<-time.After(settle)
	from := time.Now()
	was, ok := listener.Room().AudioStats("host")
	require.True(t, ok)
	<-time.After(measured)
	is, _ := listener.Room().AudioStats("host")
	line.loss.Store(0)

	good := is.Played + is.FEC + is.Comfort - was.Played - was.FEC - was.Comfort
	made := max(0, 100*(1-float64(good)/float64(measured/audio.FrameDuration))) // a frame more may fall into the time
	lost := 100 * float64(line.lost[0].Load()) / float64(line.all[0].Load())
	require.InDelta(t, 10, lost, 5, "the line loses what it is said to")
	t.Logf("%d copies, delay %v; from the listener %d of %d frames are lost", is.Copies-was.Copies, is.Delay, line.lost[1].Load(), line.all[1].Load())
	verdict := "met"
	if made > most {
		verdict = "missed"
	}
	t.Logf("real-line/lost %.2f %% - -", lost) // make quality prints these two
	t.Logf("real-line/concealed %.2f %% %.2f %s", made, most, verdict)
	require.Greater(t, is.Copies-was.Copies, uint64(20), "it is the copies that repair it")
	require.LessOrEqual(t, made, most)

	r := hearing.Compare(spoken(source, speech.Host(), from, 8*time.Second), recorded(heard, from), hearing.Options{MinCorrelation: 0.7, MaxMissing: 2 * most})
	t.Logf("%+v", r)
	require.True(t, r.OK, r.Reason)
	require.Greater(t, r.DelayMS, 30.0, "the line takes its time")
}

// startNodeIn serves at 10.77.0.1 in a namespace.
func startNodeIn(t *testing.T, n *namespace) (url string) {
	t.Helper()
	var udp *net.UDPConn
	var l net.Listener
	var err, err2 error
	n.do(func() {
		udp, err = net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(10, 77, 0, 1)})
		l, err2 = net.Listen("tcp4", "10.77.0.1:0")
	})
	require.NoError(t, err)
	require.NoError(t, err2)
	url = fmt.Sprint("ws://", l.Addr())
	node := memstore.New().Node()
	srv, err := server.New(t.Context(), server.Config{
		Apps: map[signaling.AppID]string{app: secret}, Store: node, UDP: udp, URL: url,
	})
	require.NoError(t, err)
	web := &http.Server{Handler: srv.Handler()}
	served := make(chan struct{})
	go func() { defer close(served); _ = web.Serve(l) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		require.NoError(t, srv.Close(ctx))
		require.NoError(t, web.Close())
		<-served
		require.NoError(t, node.Close())
	})
	return url
}

// loginIn logs a user in whose network is a namespace.
func loginIn(t *testing.T, n *namespace, cfg engine.Config) *engine.Engine {
	t.Helper()
	cfg.Codec, cfg.Network = opus.Codec, engine.Network{Dial: n.dial, Net: n.host(t)}
	eng, err := engine.Login(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		require.NoError(t, eng.Logout(ctx))
	})
	return eng
}
