package natsstore

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

// embedded is a NATS server in the process, and the lock on its data.
type embedded struct {
	srv    *server.Server
	unlock func()
}

func startEmbedded(ctx context.Context, cfg Config) (*embedded, error) {
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("natsstore: data folder: %w", err)
	}
	// The server does not look whether another one works on its files, and would spoil them.
	unlock, err := lockFile(filepath.Join(cfg.Dir, "lock"))
	if err != nil {
		return nil, fmt.Errorf("natsstore: data folder %s is in use by another process: %w", cfg.Dir, err)
	}
	opts, err := serverOptions(cfg)
	if err != nil {
		unlock()
		return nil, err
	}
	srv, err := server.NewServer(opts)
	if err != nil {
		unlock()
		return nil, fmt.Errorf("natsstore: embedded server: %w", err)
	}
	e := &embedded{srv: srv, unlock: unlock}
	srv.SetLoggerV2(serverLog{cfg.Logger}, false, false, false)
	srv.Start()
	wait := cfg.StartTimeout
	if at, ok := ctx.Deadline(); ok {
		wait = time.Until(at)
	}
	if !srv.ReadyForConnections(wait) {
		e.close()
		return nil, errors.New("natsstore: the embedded server did not come up; its own log says why")
	}
	return e, nil
}

func (e *embedded) close() {
	e.srv.Shutdown()
	e.srv.WaitForShutdown()
	e.unlock()
}

// serverOptions opens nothing to the network but what cfg asks for: no monitoring, WebSocket, MQTT or leaf nodes.
func serverOptions(cfg Config) (*server.Options, error) {
	opts := &server.Options{
		ServerName:             cfg.Prefix,
		JetStream:              true,
		StoreDir:               cfg.Dir,
		SyncAlways:             true, // acknowledged is on the disk; the default syncs every two minutes
		DontListen:             cfg.Listen == "",
		NoSigs:                 true,
		DisableJetStreamBanner: true,
	}
	var err error
	if cfg.Listen != "" {
		if opts.Host, opts.Port, err = hostPort(cfg.Listen); err != nil {
			return nil, err
		}
	}
	cl := cfg.Cluster
	if !cl.enabled() {
		return opts, nil
	}
	opts.ServerName = cl.Node
	opts.Cluster.Name = cl.Name
	if opts.Cluster.Host, opts.Cluster.Port, err = hostPort(cl.Listen); err != nil {
		return nil, err
	}
	if cl.Secret != "" {
		opts.Cluster.Username, opts.Cluster.Password = routeUser, cl.Secret
	}
	if cfg.TLS.CA != "" && cfg.TLS.Cert != "" {
		if opts.Cluster.TLSConfig, err = routeTLS(cfg.TLS); err != nil {
			return nil, err
		}
		opts.Cluster.TLSTimeout = 5
	}
	for _, r := range cl.Routes {
		u := &url.URL{Scheme: "nats-route", Host: r}
		if cl.Secret != "" {
			u.User = url.UserPassword(routeUser, cl.Secret)
		}
		opts.Routes = append(opts.Routes, u)
	}
	return opts, nil
}

const routeUser = "voiceroom"

// routeTLS asks both ends of a route for a certificate of the cluster's authority.
func routeTLS(files TLS) (*tls.Config, error) {
	cert, err := tls.LoadX509KeyPair(files.Cert, files.Key)
	if err != nil {
		return nil, fmt.Errorf("natsstore: TLS: %w", err)
	}
	pem, err := os.ReadFile(files.CA)
	if err != nil {
		return nil, fmt.Errorf("natsstore: TLS: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("natsstore: TLS: no certificate in %s", files.CA)
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{cert},
		RootCAs: pool, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert,
	}, nil
}

// hostPort splits addr for the server, to which port 0 means its default port and -1 any.
func hostPort(addr string) (string, int, error) {
	host, p, err := net.SplitHostPort(addr)
	if err != nil {
		return "", 0, fmt.Errorf("natsstore: address %q: %w", addr, err)
	}
	port, err := strconv.ParseUint(p, 10, 16)
	if err != nil {
		return "", 0, fmt.Errorf("natsstore: address %q: %w", addr, err)
	}
	if port == 0 {
		return host, server.RANDOM_PORT, nil
	}
	return host, int(port), nil
}

// serverLog passes on what an operator should hear. A fatal error of the server never ends our process.
type serverLog struct{ log *slog.Logger }

func (l serverLog) Noticef(format string, v ...any) {
	l.log.Debug("nats: " + fmt.Sprintf(format, v...))
}
func (l serverLog) Warnf(format string, v ...any)  { l.log.Warn("nats: " + fmt.Sprintf(format, v...)) }
func (l serverLog) Errorf(format string, v ...any) { l.log.Error("nats: " + fmt.Sprintf(format, v...)) }
func (l serverLog) Fatalf(format string, v ...any) { l.log.Error("nats: " + fmt.Sprintf(format, v...)) }
func (l serverLog) Debugf(string, ...any)          {}
func (l serverLog) Tracef(string, ...any)          {}
