package quality

import (
	"context"
	"net"
	"net/http"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/openvoiceroom/openvoiceroom/audio"
	"github.com/openvoiceroom/openvoiceroom/audio/opus"
	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/internal/server"
	"github.com/openvoiceroom/openvoiceroom/internal/speech"
	"github.com/openvoiceroom/openvoiceroom/internal/store/memstore"
	"github.com/openvoiceroom/openvoiceroom/internal/testnet"
	"github.com/openvoiceroom/openvoiceroom/seatgrid"
	"github.com/openvoiceroom/openvoiceroom/signaling"
	"github.com/openvoiceroom/openvoiceroom/signaling/usersig"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	app    signaling.AppID = 1400000001
	secret                 = "quality"
)

// call is one speaker who talks to one listener without a pause.
type call struct {
	up   testnet.Loss  // of the speaker
	down testnet.Loss  // of the listener
	trip time.Duration // there and back between a user and the server
	talk time.Duration
	seed uint64
}

// figures is what came of a call, from the moment when the loss began.
type figures struct {
	concealed float64       // per cent of the time in which no frame of the speaker's was played: made up, or silence where something was said
	fec       float64       // per cent of the time in which a coarse copy was played (in-band FEC)
	lost      float64       // per cent of the packets that did not reach the listener
	late      uint64        // packets that came after they were due
	down, up  float64       // kbit/s to the listener, from the speaker: everything above UDP
	p50, p95  time.Duration // of the jitter buffer's delay
}

// run makes the call on virtual time.
func (c call) run(t *testing.T) (f figures) {
	t.Helper()
	if !opus.Available {
		t.Skip("built without Opus (cgo): there is nothing to measure")
	}
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, c)
		host, hostIP := w.login(t, "host", engine.Config{
			Microphone: audio.NewPCMSource(speech.Host(), audio.PCMOptions{Loop: true}),
		})
		guest, guestIP := w.login(t, "guest", engine.Config{Speaker: audio.NewRecorder(1)})
		grid := seatgrid.New(host)
		_, err := grid.StartVoiceRoom(t.Context(), engine.RoomInfo{RoomID: "r"})
		require.NoError(t, err)
		require.NoError(t, grid.StartMicrophone(t.Context()))
		// Frames are not played in the same instant in which packets come: it would be anybody's guess which is first.
		time.Sleep(7 * time.Millisecond)
		listener := seatgrid.New(guest)
		_, err = listener.JoinVoiceRoom(t.Context(), "r")
		require.NoError(t, err)
		in := listener.Room()
		require.NoError(t, in.Connected(t.Context()))
		time.Sleep(30*time.Second + 3*time.Millisecond) // until delay and expectations have settled

		w.net.SetHostLoss(hostIP, c.up, testnet.Loss{})
		w.net.SetHostLoss(guestIP, testnet.Loss{}, c.down)
		before, ok := in.AudioStats("host")
		require.True(t, ok)
		upBefore, _ := w.net.Traffic(hostIP)
		_, downBefore := w.net.Traffic(guestIP)
		var delays []time.Duration
		for range c.talk / (100 * time.Millisecond) {
			time.Sleep(100 * time.Millisecond)
			stats, _ := in.AudioStats("host")
			delays = append(delays, stats.Delay)
		}
		after, _ := in.AudioStats("host")
		up, _ := w.net.Traffic(hostIP)
		_, down := w.net.Traffic(guestIP)
		frames := float64(c.talk / audio.FrameDuration)
		slices.Sort(delays)
		f = figures{
			concealed: 100 * (1 - float64(after.Played-before.Played+after.FEC-before.FEC+after.Comfort-before.Comfort)/frames),
			fec:       100 * float64(after.FEC-before.FEC) / frames,
			late:      after.Late - before.Late,
			down:      float64(down.Bytes-downBefore.Bytes) * 8 / c.talk.Seconds() / 1000,
			up:        float64(up.Bytes-upBefore.Bytes) * 8 / c.talk.Seconds() / 1000,
			p50:       delays[len(delays)/2],
			p95:       delays[len(delays)*95/100],
		}
		if n := down.Packets - downBefore.Packets; n > 0 {
			f.lost = 100 * float64(down.Lost-downBefore.Lost) / float64(n)
		}
		w.net.SetHostLoss(hostIP, testnet.Loss{}, testnet.Loss{})
		w.net.SetHostLoss(guestIP, testnet.Loss{}, testnet.Loss{})
	})
	return f
}

// world is a server on a virtual network.
type world struct {
	net  *testnet.Network
	addr string
}

func newWorld(t *testing.T, c call) *world {
	t.Helper()
	network, err := testnet.New(testnet.Config{Delay: c.trip / 2, Seed: c.seed})
	require.NoError(t, err)
	w := &world{net: network, addr: "node.test:80"}
	host, ip, err := network.Host()
	require.NoError(t, err)
	udp, err := host.ListenPacket("udp4", net.JoinHostPort(ip, "7000"))
	require.NoError(t, err)
	node := memstore.New().Node()
	srv, err := server.New(t.Context(), server.Config{
		Apps: map[signaling.AppID]string{app: secret}, Store: node, UDP: udp, Net: host, URL: "ws://" + w.addr,
	})
	require.NoError(t, err)
	listener, err := network.Listen(w.addr)
	require.NoError(t, err)
	web := &http.Server{Handler: srv.Handler()}
	var serve sync.WaitGroup
	serve.Go(func() { _ = web.Serve(listener) })
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		require.NoError(t, srv.Close(ctx))
		require.NoError(t, web.Close())
		serve.Wait()
		require.NoError(t, node.Close())
		require.NoError(t, network.Close())
	})
	return w
}

func (w *world) login(t *testing.T, id engine.UserID, cfg engine.Config) (*engine.Engine, string) {
	t.Helper()
	e, ip, _ := w.irregularLogin(t, id, cfg)
	return e, ip
}

// irregularLogin is login with the host's network, which can be made to deliver irregularly.
func (w *world) irregularLogin(t *testing.T, id engine.UserID, cfg engine.Config) (*engine.Engine, string, *irregular) {
	t.Helper()
	inner, ip, err := w.net.Host()
	require.NoError(t, err)
	host := newIrregular(inner, 1)
	cfg.URL, cfg.SDKAppID, cfg.UserID, cfg.UserName = "ws://"+w.addr, app, id, string(id)
	cfg.UserSig, err = usersig.Mint(app, secret, id, 24*time.Hour, time.Now())
	require.NoError(t, err)
	cfg.Codec, cfg.Network = opus.Codec, engine.Network{Dial: w.net.Dial, Net: host}
	e, err := engine.Login(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		require.NoError(t, e.Logout(ctx))
	})
	return e, ip, host
}
