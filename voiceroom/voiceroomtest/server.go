package voiceroomtest

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/openvoiceroom/openvoiceroom/audio"
	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/internal/server"
	"github.com/openvoiceroom/openvoiceroom/internal/store/memstore"
	"github.com/openvoiceroom/openvoiceroom/internal/testnet"
	"github.com/openvoiceroom/openvoiceroom/signaling"
	"github.com/openvoiceroom/openvoiceroom/signaling/usersig"
)

// App and Secret are what every test server knows.
const (
	App    signaling.AppID = 1400000001
	Secret                 = "voiceroomtest"
)

// Config of a test server. The zero value is one node on a perfect network.
type Config struct {
	Nodes int           // servers that share one store; 0 means 1
	Loss  float64       // share of the media packets that are lost, 0 to 1
	Delay time.Duration // of the media, one way
	Seed  uint64        // of the losses: the same seed loses alike
	Codec audio.Codec   // nil means audio.MuLaw
	Grace time.Duration // how long a seat waits for a user whose connection or node has gone; 0 means the server's default
	Multi bool          // users may log in several times

	OwnerLeft time.Duration // a room ends so long after its owner has left, 2 min at least; 0: never, and owners may not leave

	Logger *slog.Logger // of servers and clients; nil discards
}

// Server is a voice room server inside a test.
type Server struct {
	cfg     Config
	network *testnet.Network
	cluster *memstore.Cluster
	nodes   []*node

	mu    sync.Mutex
	users int
}

type node struct {
	addr   string
	store  *memstore.Node
	server *server.Server
	http   *http.Server
	serve  sync.WaitGroup

	stopOnce sync.Once
	stopErr  error
}

// NewServer starts a server with one node. The test's cleanup ends it.
func NewServer(t testing.TB) *Server {
	t.Helper()
	return Config{}.NewServer(t)
}

// NewServer starts a server. The test's cleanup ends it, after the users that were made later.
func (cfg Config) NewServer(t testing.TB) *Server {
	t.Helper()
	s, err := cfg.Start()
	check(t, err)
	t.Cleanup(func() { check(t, s.Close()) })
	return s
}

// Start starts a server where there is no test: in an Example, or in a TestMain. Close ends it.
func (cfg Config) Start() (*Server, error) {
	if cfg.Codec == nil {
		cfg.Codec = audio.MuLaw
	}
	network, err := testnet.New(testnet.Config{Loss: testnet.Loss{Share: cfg.Loss}, Delay: cfg.Delay, Seed: cfg.Seed})
	if err != nil {
		return nil, err
	}
	s := &Server{cfg: cfg, network: network, cluster: memstore.New()}
	for i := range max(cfg.Nodes, 1) {
		n, err := s.startNode(i)
		if err != nil {
			return nil, errors.Join(err, s.Close())
		}
		s.nodes = append(s.nodes, n)
	}
	s.meet()
	return s, nil
}

// meet waits until the nodes know each other: a client that lost its node before would have been told of no other.
func (s *Server) meet() {
	for _, n := range s.nodes {
		for len(n.server.URLs()) < len(s.nodes) {
			<-time.After(time.Millisecond)
		}
	}
}

// Close ends the server. Users log out before it.
func (s *Server) Close() error {
	var errs []error
	for _, n := range slices.Backward(s.nodes) {
		errs = append(errs, n.stop())
	}
	return errors.Join(append(errs, s.network.Close())...)
}

func (s *Server) startNode(i int) (*node, error) {
	host, ip, err := s.network.Host()
	if err != nil {
		return nil, err
	}
	udp, err := host.ListenPacket("udp4", net.JoinHostPort(ip, "7000"))
	if err != nil {
		return nil, err
	}
	n := &node{addr: fmt.Sprintf("node%d.test:80", i), store: s.cluster.Node()}
	n.server, err = server.New(context.Background(), server.Config{
		Apps: map[signaling.AppID]string{App: Secret}, Store: n.store, UDP: udp, Net: host,
		URL: "ws://" + n.addr, Grace: s.cfg.Grace, MultiLogin: s.cfg.Multi, Logger: s.cfg.Logger,
		AutoDismiss: server.AutoDismiss{OwnerLeft: s.cfg.OwnerLeft},
	})
	if err != nil {
		return nil, err
	}
	listener, err := s.network.Listen(n.addr)
	if err != nil {
		return nil, err
	}
	n.http = &http.Server{Handler: n.server.Handler()}
	n.serve.Go(func() { _ = n.http.Serve(listener) }) // it ends with ErrServerClosed
	return n, nil
}

// StopNode stops the i-th node cleanly, as SIGTERM does.
func (s *Server) StopNode(t testing.TB, i int) {
	t.Helper()
	check(t, s.nodes[i].stop())
}

// KillNode cuts the i-th node off from the others and from its clients, as a power failure does.
func (s *Server) KillNode(t testing.TB, i int) {
	t.Helper()
	n := s.nodes[i]
	n.store.Kill()
	check(t, n.http.Close())
	_ = n.stop() // it cannot say good-bye any more
	n.stopErr = nil
}

func (n *node) stop() error {
	n.stopOnce.Do(func() { n.stopErr = n.stopNow() })
	return n.stopErr
}

func (n *node) stopNow() error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := n.server.Close(ctx); err != nil {
		return err
	}
	if err := n.http.Close(); err != nil {
		return err
	}
	n.serve.Wait()
	return n.store.Close()
}

// StartNode starts the i-th node again, after StopNode or KillNode: a new one at the same address, with the same store.
func (s *Server) StartNode(t testing.TB, i int) {
	t.Helper()
	n, err := s.startNode(i)
	check(t, err)
	s.nodes[i] = n
}

// SetLoss changes the share of media packets that are lost; 1 cuts the media off.
func (s *Server) SetLoss(share float64) { s.network.SetLoss(testnet.Loss{Share: share}) }

// EngineConfig returns what a user needs to log in to the i-th node, without devices: for tests of the login itself.
func (s *Server) EngineConfig(t testing.TB, i int, id engine.UserID) engine.Config {
	t.Helper()
	cfg, err := s.LoginConfig(i, id)
	check(t, err)
	return cfg
}

// LoginConfig is EngineConfig where there is no test.
func (s *Server) LoginConfig(i int, id engine.UserID) (engine.Config, error) {
	host, _, err := s.network.Host()
	if err != nil {
		return engine.Config{}, err
	}
	sig, err := usersig.Mint(App, Secret, id, 24*time.Hour, time.Now())
	return engine.Config{
		URL: "ws://" + s.nodes[i].addr, SDKAppID: App, UserID: id, UserSig: sig, UserName: string(id),
		Codec: s.cfg.Codec, Logger: s.cfg.Logger,
		Network: engine.Network{Dial: s.network.Dial, Net: host},
	}, err
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal("voiceroomtest: ", err)
	}
}

// HTTPClient returns a client that reaches the nodes at their NodeURL, for tests of what an app's own server does by the
// REST API. The test's cleanup closes its connections.
func (s *Server) HTTPClient(t testing.TB) *http.Client {
	t.Helper()
	transport := &http.Transport{DialContext: s.network.Dial}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// NodeURL returns where the i-th node serves HTTP, without a slash at the end.
func (s *Server) NodeURL(i int) string { return "http://" + s.nodes[i].addr }
