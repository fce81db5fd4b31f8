package main

import (
	"context"
	"crypto/ecdsa"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"sync"
	"syscall"
	"time"

	"github.com/openvoiceroom/openvoiceroom/internal/server"
	"github.com/openvoiceroom/openvoiceroom/internal/store/natsstore"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

const (
	closeLimit    = 10 * time.Second // for handing over the rooms
	shutdownLimit = 3 * time.Second  // for HTTP requests that are under way
	socketBuffer  = 4 << 20          // bytes: a second of 1,000 voices; the system may give less
)

// run serves until ctx ends, and then ends everything in order.
func run(ctx context.Context, o options, apps map[signaling.AppID]string, keys map[signaling.AppID]*ecdsa.PublicKey, admins map[signaling.AppID][]signaling.UserID) (err error) {
	handler := o.handler()
	log := slog.New(handler)
	enc, err := o.encryption(log)
	if err != nil {
		return err
	}
	at, err := o.open(ctx)
	if err != nil {
		return err
	}
	defer at.close() // closed before, unless the start fails
	o.warn(log, at.udp.LocalAddr())
	st, err := natsstore.Open(ctx, o.store(log))
	if err != nil {
		return interrupted(ctx, err)
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	allow, err := o.webhookAllow()
	if err != nil {
		return err
	}
	proxies, err := o.trustedProxies()
	if err != nil {
		return err
	}
	gifts, err := o.gifts()
	if err != nil {
		return err
	}
	srv, err := server.New(ctx, server.Config{
		Apps: apps, PublicKeys: keys, AppAdmins: admins, Store: st, UDP: at.udp, TCP: at.tcp, PublicIPs: o.PublicIP, URL: o.URL, AllowedOrigins: o.AllowOrigin, TrustedProxies: proxies,
		Grace: o.Grace, MultiLogin: o.MultiLogin, SeatLimit: o.SeatLimit, MemberLimit: o.MemberLimit, Logger: log,
		BarrageHistory: o.barrageHistory(), Gifts: gifts,
		AutoDismiss: server.AutoDismiss{Empty: o.DismissEmpty, OwnerLeft: o.DismissOwnerLeft, OwnerLost: o.DismissOwnerLost},
		RoomLimit:   o.RoomLimit, Callbacks: server.Callbacks{Retry: o.WebhookRetry, Allow: allow},
	})
	if err != nil {
		return interrupted(ctx, err)
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	life, end := context.WithCancel(ctx)
	defer end()
	web := serveHTTP(srv.Handler(), handler)
	served := make(chan error, 2)
	if enc == nil {
		wg.Go(func() { served <- web.Serve(at.lis) })
	} else {
		web.TLSConfig = enc.config
		wg.Go(func() { served <- web.ServeTLS(at.lis, "", "") })
		enc.hangUp(life, &wg)
		enc.warmUp(life, &wg, at.lis.Addr(), o.ACMEDomain)
	}
	if at.acme != nil {
		port80 := serveHTTP(enc.challenges(), handler)
		wg.Go(func() { served <- port80.Serve(at.acme) })
		defer port80.Close() // before the wait
	}
	ready(handler, at, enc != nil, srv, st.ClientURL())

	select {
	case <-ctx.Done():
		log.Info("stopping")
	case err = <-served:
	}
	err = errors.Join(err, stop(web, srv))
	if err == nil {
		log.Info("stopped")
	}
	return err
}

// serveHTTP makes a server that nobody can hold up.
func serveHTTP(h http.Handler, log slog.Handler) *http.Server {
	return &http.Server{
		Handler: h, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 30 * time.Second,
		IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10, ErrorLog: slog.NewLogLogger(log, slog.LevelDebug),
	}
}

// interrupted forgives a start that failed because somebody wanted it to end.
func interrupted(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// sockets are what a node listens on.
type sockets struct {
	lis  net.Listener   // WebSocket and HTTP
	udp  net.PacketConn // media
	tcp  net.Listener   // media where UDP is blocked; nil unless it is wanted
	acme net.Listener   // the authority's questions; nil if it asks at lis
}

func (s *sockets) close() {
	if s.udp != nil {
		_ = s.udp.Close()
	}
	for _, lis := range []net.Listener{s.lis, s.tcp, s.acme} {
		if lis != nil {
			_ = lis.Close()
		}
	}
}

// open takes the ports first: that is what fails most often.
func (o options) open(ctx context.Context) (_ *sockets, err error) {
	var cfg net.ListenConfig
	var s sockets
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	listen := func(flag, addr string) (net.Listener, error) {
		lis, err := cfg.Listen(ctx, network("tcp", addr), addr)
		if err != nil {
			return nil, taken(flag+" "+addr, err)
		}
		return lis, nil
	}
	if s.lis, err = listen("--listen", o.Listen); err != nil {
		return nil, err
	}
	if o.MediaTCP != "" {
		if s.tcp, err = listen("--media-tcp", o.MediaTCP); err != nil {
			return nil, err
		}
	}
	if o.ACMEHTTP != "" {
		if s.acme, err = listen("--acme-http", o.ACMEHTTP); err != nil {
			return nil, err
		}
	}
	if s.udp, err = cfg.ListenPacket(ctx, network("udp", o.mediaAddr()), o.mediaAddr()); err != nil {
		return nil, taken("--media "+o.mediaAddr(), err)
	}
	if u, ok := s.udp.(*net.UDPConn); ok { // the system's limit is lower at times: then it is lower here
		_ = u.SetReadBuffer(socketBuffer)
		_ = u.SetWriteBuffer(socketBuffer)
	}
	return &s, nil
}

// network keeps an IPv4 address to IPv4: 0.0.0.0 would include IPv6 otherwise.
func network(name, addr string) string {
	if at, err := netip.ParseAddrPort(addr); err == nil && at.Addr().Is4() {
		return name + "4"
	}
	return name
}

func taken(flag string, err error) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%s: the address is in use, by another voiceroomd perhaps", flag)
	}
	return fmt.Errorf("%s: %w", flag, err)
}

// warn speaks of settings that work and yet surprise.
func (o options) warn(log *slog.Logger, media net.Addr) {
	if !o.encrypted() && !loopback(o.Listen) {
		log.Warn("listening in clear beyond this machine (--insecure-http); there has to be a reverse proxy with TLS in front", "listen", o.Listen)
	}
	u, err := url.Parse(o.URL)
	public := len(o.PublicIP) > 0 || o.URL != "" && err == nil && !loopback(net.JoinHostPort(u.Hostname(), "0"))
	if public && loopback(media.String()) {
		log.Warn("clients on other machines will hear nothing: media arrives on loopback; see --media", "media", media)
	}
}

// loopback tells whether only this machine reaches addr.
func loopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false
	}
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// ready writes the one line that every log level shows.
func ready(h slog.Handler, at *sockets, encrypted bool, srv *server.Server, natsURL string) {
	scheme := "ws://"
	if encrypted {
		scheme = "wss://"
	}
	r := slog.NewRecord(time.Now(), slog.LevelInfo, "ready", 0)
	r.Add("websocket", scheme+at.lis.Addr().String()+signaling.Path, "media", srv.MediaAddr().String(), "node", string(srv.ID()))
	if at.tcp != nil {
		r.Add("media_tcp", at.tcp.Addr().String())
	}
	if natsURL != "" {
		r.Add("nats", natsURL)
	}
	_ = h.Handle(context.Background(), r) // there is nowhere to complain
}

// stop turns new clients away first: those who are sent off must not come back here.
func stop(web *http.Server, srv *server.Server) error {
	ctx, cancel := context.WithTimeout(context.Background(), shutdownLimit)
	defer cancel()
	if err := web.Shutdown(ctx); err != nil {
		_ = web.Close() // a request that takes this long loses its connection
	}
	ctx, cancel = context.WithTimeout(context.Background(), closeLimit)
	defer cancel()
	return srv.Close(ctx)
}
