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
	lis, udp, err := o.open(ctx)
	if err != nil {
		return err
	}
	defer lis.Close() // closed before, unless the start fails
	defer udp.Close()
	o.warn(log, udp.LocalAddr())
	st, err := natsstore.Open(ctx, o.store(log))
	if err != nil {
		return interrupted(ctx, err)
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	srv, err := server.New(ctx, server.Config{
		Apps: apps, PublicKeys: keys, AppAdmins: admins, Store: st, UDP: udp, PublicIPs: o.PublicIP, URL: o.URL, AllowedOrigins: o.AllowOrigin,
		Grace: o.Grace, MultiLogin: o.MultiLogin, SeatLimit: o.SeatLimit, MemberLimit: o.MemberLimit, Logger: log,
	})
	if err != nil {
		return interrupted(ctx, err)
	}
	web := &http.Server{
		Handler: srv.Handler(), ReadHeaderTimeout: 5 * time.Second, WriteTimeout: 30 * time.Second,
		IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10, ErrorLog: slog.NewLogLogger(handler, slog.LevelDebug),
	}
	var wg sync.WaitGroup
	served := make(chan error, 1)
	wg.Go(func() { served <- web.Serve(lis) })
	ready(handler, lis.Addr(), srv, st.ClientURL())

	select {
	case <-ctx.Done():
		log.Info("stopping")
	case err = <-served:
	}
	err = errors.Join(err, stop(web, srv))
	wg.Wait()
	if err == nil {
		log.Info("stopped")
	}
	return err
}

// interrupted forgives a start that failed because somebody wanted it to end.
func interrupted(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// open takes the ports first: that is what fails most often.
func (o options) open(ctx context.Context) (net.Listener, net.PacketConn, error) {
	var cfg net.ListenConfig
	lis, err := cfg.Listen(ctx, network("tcp", o.Listen), o.Listen)
	if err != nil {
		return nil, nil, taken("--listen "+o.Listen, err)
	}
	udp, err := cfg.ListenPacket(ctx, network("udp", o.mediaAddr()), o.mediaAddr())
	if err != nil {
		return nil, nil, errors.Join(taken("--media "+o.mediaAddr(), err), lis.Close())
	}
	if u, ok := udp.(*net.UDPConn); ok { // the system's limit is lower at times: then it is lower here
		_ = u.SetReadBuffer(socketBuffer)
		_ = u.SetWriteBuffer(socketBuffer)
	}
	return lis, udp, nil
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
	if !loopback(o.Listen) {
		log.Warn("listening in clear beyond this machine; put a reverse proxy with TLS in front", "listen", o.Listen)
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
func ready(h slog.Handler, at net.Addr, srv *server.Server, natsURL string) {
	r := slog.NewRecord(time.Now(), slog.LevelInfo, "ready", 0)
	r.Add("websocket", "ws://"+at.String()+signaling.Path, "media", srv.MediaAddr().String(), "node", string(srv.ID()))
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
