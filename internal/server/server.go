package server

import (
	"context"
	"crypto/ecdsa"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
	"github.com/pion/transport/v5"

	"github.com/openvoiceroom/openvoiceroom/internal/account"
	"github.com/openvoiceroom/openvoiceroom/internal/adminapi"
	"github.com/openvoiceroom/openvoiceroom/internal/battle"
	"github.com/openvoiceroom/openvoiceroom/internal/connection"
	"github.com/openvoiceroom/openvoiceroom/internal/follow"
	"github.com/openvoiceroom/openvoiceroom/internal/gift"
	"github.com/openvoiceroom/openvoiceroom/internal/giftorder"
	"github.com/openvoiceroom/openvoiceroom/internal/home"
	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/internal/sfu"
	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/internal/webhook"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// Config of a server. Apps, Store and UDP are required.
type Config struct {
	Apps  map[signaling.AppID]string // each app's secret, for its UserSigs
	Store store.Store                // stays the caller's
	UDP   net.PacketConn             // the one socket for media; the server closes it

	// TCP takes media where UDP does not get through; nil: nothing does. The server closes it.
	TCP net.Listener

	// PublicKeys are of apps, named in Apps too, whose UserSigs of version 1 (ECDSA-SHA256) are taken as well.
	PublicKeys map[signaling.AppID]*ecdsa.PublicKey

	Net            transport.Net                          // the network for media; nil: the system's
	PublicIPs      []string                               // announced for media instead of the socket's own address
	URL            string                                 // where clients reach this node, told to them for later; may be empty
	AppAdmins      map[signaling.AppID][]signaling.UserID // who may use the REST API of an app besides "administrator" and those it has set there
	AllowedOrigins []string                               // browser origins besides the server's own host; "*" allows all
	Grace          time.Duration                          // how long a seat waits for a user whose connection or node has gone; default 30 s
	MultiLogin     bool                                   // a later login of a user leaves the earlier ones alone; in one room they are once
	SeatLimit      int                                    // most seats of a room; default 20
	MemberLimit    int                                    // most members of a room; default 100,000
	BarrageHistory int                                    // messages of the chat that newcomers may read; default 50, less than 0 none
	Gifts          *gift.Catalogue                        // of apps that have set none of their own; default [gift.Default]
	Logger         *slog.Logger                           // nil: nothing is logged

	// TrustedProxies are the networks of reverse proxies whose X-Forwarded-For is believed; of all others the address of the
	// connection counts.
	TrustedProxies []netip.Prefix

	outbox home.Outbox // what homes tell, instead of the callbacks: of tests

	RoomLimit int // most rooms of an app; 0: as many as they like

	// AutoDismiss says when rooms end by themselves whose app has set nothing; the same on all nodes. Empty defaults to half
	// an hour.
	AutoDismiss AutoDismiss
	Callbacks   Callbacks
}

// Callbacks are how apps' servers are called back.
type Callbacks struct {
	Retry time.Duration  // how long each is tried; default 24 h, at most [store.OutboxAge]
	Allow []netip.Prefix // networks that may be called although they are not of the internet

	// Dial connects to apps' servers; nil: the system's network, within the bounds of Allow. It is for tests.
	Dial func(ctx context.Context, network, addr string) (net.Conn, error)
}

// Server is one node. Serve its Handler; Close ends it.
type Server struct {
	cfg      Config
	log      *slog.Logger
	id       store.NodeID
	node     *home.Node
	hooks    *webhook.Service
	media    *sfu.SFU
	accounts *account.Accounts
	follows  *follow.Follows

	catalogues *gift.Catalogues // what can be sent in each app's rooms
	orders     *giftorder.Orders
	battles    atomic.Pointer[battle.Battles]
	metrics    *metrics
	rooms      *restRooms

	connections *connection.Connections

	roomCounts *roomCounts
	dismissals *dismissRules
	handler    http.Handler
	upgrader   websocket.Upgrader

	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	wg     sync.WaitGroup
	stops  []func()

	mu       sync.Mutex // protects what follows; nothing is called while it is held
	closed   bool
	links    map[*link]struct{}
	sessions map[string]*session  // by id, those whose client is away too
	users    map[userKey]*session // the one session that counts
	latest   map[userKey]lastLogin
	stays    map[stayKey]lastLogin // with MultiLogin: the newest stay of a user in a room, at any node
	replicas map[store.Key]*replica

	loginTime time.Time // of the newest login here
	swept     time.Time // when latest and stays were last freed of old ones
}

type userKey struct {
	app  signaling.AppID
	user signaling.UserID
}

// New starts a server: it joins the other nodes and takes over rooms that have none. ctx bounds the start only.
func New(ctx context.Context, cfg Config) (*Server, error) {
	if cfg.AutoDismiss.Empty == 0 {
		cfg.AutoDismiss.Empty = room.DefaultEmpty
	}
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	s := &Server{
		cfg: cfg, log: cfg.Logger, id: store.NodeID(rand.Text()),
		links: map[*link]struct{}{}, sessions: map[string]*session{}, users: map[userKey]*session{},
		latest: map[userKey]lastLogin{}, stays: map[stayKey]lastLogin{}, replicas: map[store.Key]*replica{},
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.log = s.log.With("node", s.id)
	s.accounts, s.follows = newAccounts(cfg), follow.New(cfg.Store)
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.upgrader = websocket.Upgrader{
		WriteBufferPool:  &sync.Pool{}, // of thousands of clients few are written to in the same moment
		HandshakeTimeout: loginWait, Subprotocols: []string{signaling.Subprotocol}, CheckOrigin: s.checkOrigin,
	}
	if err := s.start(ctx); err != nil {
		return nil, errors.Join(err, s.Close(ctx))
	}
	return s, nil
}

func (c Config) validate() error {
	var errs []error
	if len(c.Apps) == 0 {
		errs = append(errs, errors.New("server: no app: give at least one SDKAppID with its secret"))
	}
	for id, secret := range c.Apps {
		if id == 0 || secret == "" {
			errs = append(errs, errors.New("server: an app needs a number above 0 and a secret"))
		}
	}
	for id := range c.PublicKeys {
		if c.Apps[id] == "" {
			errs = append(errs, fmt.Errorf("server: a public key of app %d, which has no secret here", id))
		}
	}
	for id, admins := range c.AppAdmins {
		if _, known := c.Apps[id]; !known {
			errs = append(errs, fmt.Errorf("server: app %d has administrators and no secret", id))
		}
		if len(admins) > maxAppAdmins {
			errs = append(errs, fmt.Errorf("server: app %d has %d administrators: at most %d", id, len(admins), maxAppAdmins))
		}
		for _, u := range admins {
			if u.Valid() != nil {
				errs = append(errs, fmt.Errorf("server: app %d: the administrator %q is no user id", id, u))
			}
		}
	}
	if c.Store == nil {
		errs = append(errs, errors.New("server: no store"))
	}
	if err := c.AutoDismiss.Check(); err != nil {
		errs = append(errs, fmt.Errorf("server: %w", err))
	}
	if c.UDP == nil {
		errs = append(errs, errors.New("server: no UDP socket for media"))
	}
	return errors.Join(errs...)
}

func (s *Server) start(ctx context.Context) (err error) {
	s.media, err = sfu.New(sfu.Config{UDP: s.cfg.UDP, TCP: s.cfg.TCP, Net: s.cfg.Net, PublicIPs: s.cfg.PublicIPs, Logger: s.log})
	if err != nil {
		err = errors.Join(err, s.cfg.UDP.Close())
		if s.cfg.TCP != nil {
			err = errors.Join(err, s.cfg.TCP.Close())
		}
		return err
	}
	s.metrics = newMetrics(s)
	if s.catalogues, err = gift.New(gift.Config{Values: s.cfg.Store, Default: s.cfg.Gifts}); err != nil {
		return err
	}
	s.stops = append(s.stops, s.catalogues.Close)
	s.roomCounts = newRoomCounts(s.cfg.Store)
	s.orders = s.newOrders() // rooms' homes need them from their first decision on
	s.stops = append(s.stops, s.orders.Close)
	if err := s.startHooks(ctx); err != nil {
		return err
	}
	outbox := s.cfg.outbox
	if outbox == nil {
		outbox = s.hooks
	}
	if s.dismissals, err = s.newDismissRules(ctx); err != nil {
		return err
	}
	s.node, err = home.Start(ctx, home.Config{
		Store: s.cfg.Store, ID: s.id, Info: []byte(s.cfg.URL), Grace: s.cfg.Grace,
		SeatLimit: s.cfg.SeatLimit, MemberLimit: s.cfg.MemberLimit, History: s.cfg.BarrageHistory, Logger: s.log, Members: s.members,
		Outbox: outbox, Told: s.hooks.Told, Rules: s.dismissals.of, Gifts: s.orders,
	})
	if err != nil {
		return err
	}
	s.spawn(s.dismissals.follow)
	if err := s.hooks.Serve(); err != nil {
		return err
	}
	for app := range s.cfg.Apps {
		for kind, heard := range map[store.Kind]func(signaling.AppID, []byte){store.KindLogin: s.loggedInElsewhere, store.KindFollow: s.followed} {
			stop, err := s.cfg.Store.Subscribe(store.Topic{Kind: kind, App: app}, func(b []byte) { heard(app, b) })
			if err != nil {
				return err
			}
			s.stops = append(s.stops, stop)
		}
	}
	if s.connections, err = s.newConnections(); err != nil {
		return err
	}
	s.stops = append(s.stops, s.connections.Close)
	battles, err := s.newBattles()
	if err != nil {
		return err
	}
	s.stops = append(s.stops, battles.Close)
	s.battles.Store(battles)
	s.orders.Serve(s.node)
	s.rooms = &restRooms{srv: s, lists: map[signaling.AppID]*roomList{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+signaling.Path, s.accept)
	mux.HandleFunc("GET /healthz", s.healthz)
	mux.HandleFunc("GET /readyz", s.readyz)
	mux.Handle("GET /metrics", s.metrics.handler())
	mux.Handle(adminapi.Path, adminapi.New(adminapi.Config{
		Apps: s.cfg.Apps, Rooms: s.rooms, Logger: s.log, Observe: s.metrics.rested,
		Accounts: s.accounts, Users: restUsers{s}, Battles: battles, Gifts: s.catalogues, Callbacks: restCallbacks{s.hooks}, SentGifts: restGifts{s},
		AutoDismiss: s.dismissals, Proxies: s.proxies(),
	}))
	s.handler = mux
	s.wg.Go(s.forgetOldLives)
	return nil
}

// Handler serves the WebSocket endpoint ([signaling.Path]), the REST API ([adminapi.Path]), /healthz, /readyz and
// /metrics.
func (s *Server) Handler() http.Handler { return s.handler }

// ID returns this run's node id.
func (s *Server) ID() store.NodeID { return s.id }

// URLs returns where clients reach the nodes that this one knows of, its own first.
func (s *Server) URLs() []string { return s.node.URLs() }

// MediaAddr returns the address on which media arrives.
func (s *Server) MediaAddr() net.Addr { return s.cfg.UDP.LocalAddr() }

// Close tells the clients, hands the rooms to the other nodes, and waits for everything the server has started. Seats and
// requests wait for the clients to come back to another node. It is idempotent. ctx bounds the talk with the store, not
// the waiting.
func (s *Server) Close(ctx context.Context) error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	open := slices.Collect(maps.Keys(s.links))
	s.mu.Unlock()
	for _, l := range open {
		l.end(websocket.CloseGoingAway, "the server is stopping; connect to another node")
	}
	for _, l := range open {
		<-l.over
	}
	s.cancel()
	for _, stop := range s.stops {
		stop()
	}
	var errs []error
	errs = append(errs, s.stopHooks(ctx)) // before the others take this node's apps over
	if s.node != nil {
		errs = append(errs, s.node.Stop(ctx))
	}
	// Only now: this node's members have not left, and until it had stopped it would have told the rooms so.
	s.dropSessions()
	s.closeReplicas()
	if s.media != nil {
		errs = append(errs, s.media.Close())
	}
	s.wg.Wait()
	return errors.Join(errs...)
}

// spawn runs f on a goroutine that Close waits for, unless the server is closing.
func (s *Server) spawn(f func()) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	s.wg.Go(f)
	return true
}

// members returns whom this node has in a room, for the room's home.
func (s *Server) members(key store.Key) []home.Member {
	s.mu.Lock()
	r := s.replicas[key]
	s.mu.Unlock()
	if r == nil {
		return nil
	}
	return r.list()
}

func (s *Server) healthz(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Write([]byte("ok\n")) // a client that went away is no error of ours
}

// readyz answers 200 while this node can decide: its heartbeat reaches the store, which has all that was stored while the
// node was away.
func (s *Server) readyz(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	if err := s.node.Ready(r.Context()); err != nil {
		w.WriteHeader(http.StatusServiceUnavailable)
		w.Write([]byte(err.Error() + "\n"))
		return
	}
	w.Write([]byte("ready\n"))
}
