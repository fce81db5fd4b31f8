package natsstore

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/openvoiceroom/openvoiceroom/internal/store"
)

// Store is a [store.Store] on NATS. Make one with [Open].
type Store struct {
	cfg Config
	sub subjects
	log *slog.Logger
	srv *embedded // nil for an existing cluster
	nc  *nats.Conn
	js  jetstream.JetStream

	*journal // the rooms' logs
	outbox   *journal
	audit    *journal
	values   jetstream.Stream

	closing   atomic.Bool
	caughtUp  atomic.Bool
	closeOnce sync.Once
	ctx       context.Context // ends the goroutines of Watch and OnReconnect; no call uses it
	cancel    context.CancelFunc
	wg        sync.WaitGroup

	mu     sync.Mutex // guards the fields below
	closed bool       // nothing may be added any more
	subs   map[*nats.Subscription]func()
	lost   map[chan struct{}]struct{}
	beaten map[store.NodeID]bool // whose first beat has been announced
}

var _ store.Store = (*Store)(nil)

// Open starts or connects to NATS, checks that it can do what a store needs, and creates the streams that are missing.
// The error says in words what is wrong or not granted. ctx and [Config].StartTimeout bound it.
func Open(ctx context.Context, cfg Config) (*Store, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, cfg.StartTimeout)
	defer cancel()
	life, end := context.WithCancel(context.WithoutCancel(ctx))
	s := &Store{
		cfg: cfg, sub: subjects{cfg.Prefix}, log: cfg.Logger, ctx: life, cancel: end,
		subs: make(map[*nats.Subscription]func()), lost: make(map[chan struct{}]struct{}),
		beaten: make(map[store.NodeID]bool),
	}
	if err := s.start(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Store) start(ctx context.Context) (err error) {
	if s.cfg.URL == "" {
		if s.srv, err = startEmbedded(ctx, s.cfg); err != nil {
			return err
		}
	}
	if err := s.connect(); err != nil {
		return fmt.Errorf("natsstore: connect: %w", err)
	}
	if s.js, err = jetstream.New(s.nc); err != nil {
		return fmt.Errorf("natsstore: %w", err)
	}
	return s.prepare(ctx)
}

func (s *Store) connect() (err error) {
	opts := []nats.Option{
		nats.Name("openvoiceroom"),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(250 * time.Millisecond),
		nats.ReconnectJitter(250*time.Millisecond, 250*time.Millisecond),
		// While the connection is away a message fails rather than waits: nobody wants to hear old media, and a
		// command that arrives after its deadline surprises. Until it is back, half a second later, calls fail with
		// "outbound buffer limit exceeded": on a machine that starves, too, whose server or client has given the other
		// up. Who must not fail for that asks again (internal/home).
		nats.ReconnectBufSize(-1),
		nats.PingInterval(5 * time.Second), // a silent drop is found within 15 s
		nats.MaxPingsOutstanding(2),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) {
			if err != nil && !s.closing.Load() {
				s.log.Warn("nats: connection lost", "err", err)
			}
		}),
		nats.ReconnectHandler(func(nc *nats.Conn) {
			s.log.Info("nats: connected again")
			// The client calls this before the server has heard of the subscriptions. Who asks for a snapshot when
			// told must not miss what comes after it.
			_ = nc.FlushTimeout(flushTimeout) // an error means that the connection broke anew
			s.tellLost()
		}),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) {
			s.log.Error("nats", "err", err)
			if errors.Is(err, nats.ErrSlowConsumer) {
				s.tellLost()
			}
		}),
	}
	if s.srv != nil {
		s.nc, err = nats.Connect("", append(opts, nats.InProcessServer(s.srv.srv))...)
		return err
	}
	if s.cfg.Credentials != "" {
		opts = append(opts, nats.UserCredentials(s.cfg.Credentials))
	}
	if s.cfg.TLS.CA != "" {
		opts = append(opts, nats.RootCAs(s.cfg.TLS.CA))
	}
	if s.cfg.TLS.Cert != "" {
		opts = append(opts, nats.ClientCert(s.cfg.TLS.Cert, s.cfg.TLS.Key))
	}
	if s.cfg.plain() && !s.cfg.Insecure {
		opts = append(opts, nats.IgnoreDiscoveredServers()) // they may be on other hosts
	}
	s.nc, err = nats.Connect(s.cfg.URL, opts...)
	return err
}

// minVersion is the first nats-server without the losses that Jepsen found in 2.12.1.
var minVersion = [3]int{2, 12, 6}

// prepare checks what NATS grants and makes the streams.
func (s *Store) prepare(ctx context.Context) error {
	if v := s.nc.ConnectedServerVersion(); !atLeast(v, minVersion) {
		return fmt.Errorf("natsstore: nats-server is %s; 2.12.6 or newer is needed", v)
	}
	if have := s.nc.MaxPayload(); have < store.MaxPayload {
		return fmt.Errorf("natsstore: the server's max_payload is %d; %d is needed", have, store.MaxPayload)
	}
	if err := s.checkBus(ctx); err != nil {
		return fmt.Errorf("natsstore: this user must be allowed to publish and subscribe under %s.> and _INBOX.>: %w", s.cfg.Prefix, err)
	}
	if err := s.checkJetStream(ctx); err != nil {
		return err
	}
	for _, j := range []struct {
		into  **journal
		names logSubjects
		cfg   jetstream.StreamConfig
	}{{&s.journal, s.sub.logs(), s.logConfig()}, {&s.outbox, s.sub.outbox(), s.outboxConfig()}, {&s.audit, s.sub.audit(), s.auditConfig()}} {
		stream, err := s.ensurePatiently(ctx, j.cfg)
		if err != nil {
			return err
		}
		*j.into = &journal{store: s, names: j.names, stream: stream}
	}
	values, err := s.ensurePatiently(ctx, s.valuesConfig())
	if err != nil {
		return err
	}
	s.values = values
	_, err = s.ensurePatiently(ctx, s.beatsConfig())
	return err
}

// Outbox implements [store.Store].
func (s *Store) Outbox() store.Log { return s.outbox }

// Audit implements [store.Store].
func (s *Store) Audit() store.Log { return s.audit }

// checkBus asks itself a question: permissions that are missing do not show otherwise.
func (s *Store) checkBus(ctx context.Context) error {
	subject := s.cfg.Prefix + ".check." + nats.NewInbox()[len(nats.InboxPrefix):]
	sub, err := s.nc.Subscribe(subject, func(m *nats.Msg) { _ = m.Respond(nil) })
	if err != nil {
		return err
	}
	defer func() { _ = sub.Unsubscribe() }()
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	_, err = s.nc.RequestWithContext(ctx, subject, nil)
	return err
}

// checkJetStream waits while a cluster that has just started elects its leader.
func (s *Store) checkJetStream(ctx context.Context) error {
	for {
		try, cancel := context.WithTimeout(ctx, 2*time.Second)
		_, err := s.js.AccountInfo(try)
		cancel()
		switch {
		case err == nil:
			return nil
		case errors.Is(err, jetstream.ErrJetStreamNotEnabled), errors.Is(err, jetstream.ErrJetStreamNotEnabledForAccount):
			if s.srv == nil || !s.cfg.Cluster.enabled() {
				return fmt.Errorf("natsstore: the server has no JetStream for this account: %w", err)
			}
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("natsstore: JetStream does not answer ($JS.API.> granted? a leader elected?): %w", err)
		}
	}
}

// atLeast compares a server version; a pre-release counts as its release.
func atLeast(version string, want [3]int) bool {
	version, _, _ = strings.Cut(strings.TrimPrefix(version, "v"), "-")
	parts := strings.Split(version, ".")
	for i, w := range want {
		if i >= len(parts) {
			return false
		}
		n, err := strconv.Atoi(parts[i])
		if err != nil || n < w {
			return false
		}
		if n > w {
			return true
		}
	}
	return true
}

// ClientURL is where a second process of this machine reaches an embedded server with [Config].Listen; empty without.
func (s *Store) ClientURL() string {
	if s.srv == nil || s.cfg.Listen == "" {
		return ""
	}
	return s.srv.srv.ClientURL()
}

// HeartbeatTTL is [store.HeartbeatTTL].
func (s *Store) HeartbeatTTL() time.Duration { return store.HeartbeatTTL }

// Close implements [store.Store]: it sends what Publish has taken, then ends everything, the embedded server included.
func (s *Store) Close() error {
	s.closeOnce.Do(s.shutdown)
	return nil
}

func (s *Store) shutdown() {
	s.mu.Lock()
	s.closed = true
	cancels := make([]func(), 0, len(s.subs))
	for _, c := range s.subs {
		cancels = append(cancels, c)
	}
	s.mu.Unlock()
	if s.nc != nil && s.nc.IsConnected() {
		_ = s.nc.FlushTimeout(2 * time.Second) // at most once: what cannot leave now is lost
	}
	s.closing.Store(true)
	s.cancel()
	for _, c := range cancels {
		c()
	}
	s.wg.Wait()
	if s.nc != nil {
		s.nc.Close()
	}
	if s.srv != nil {
		s.srv.close()
	}
}

// wrap gives an error of NATS its name here.
func (s *Store) wrap(op string, err error) error {
	switch {
	case err == nil:
		return nil
	case s.closing.Load(), errors.Is(err, nats.ErrConnectionClosed):
		return store.ErrClosed
	default:
		return fmt.Errorf("natsstore: %s: %w", op, err)
	}
}
