package natsstore

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"regexp"
	"strings"
	"time"
)

// Config says which NATS to use. Without a URL a server is embedded, which needs Dir.
type Config struct {
	// URL names an existing cluster: one or several addresses, separated by commas.
	URL string

	// Credentials is a file with a NATS user's credentials, TLS files secure the connection to URL (and the routes
	// of an embedded cluster). Both are optional.
	Credentials string
	TLS         TLS

	// Insecure permits connections in clear to other hosts. Media crosses the bus.
	Insecure bool

	// Dir is where an embedded server keeps its data. One process at a time may use it.
	Dir string

	// Listen is host:port of a client port of the embedded server, for a second process on this machine; port 0
	// takes any. Empty: none. It asks for no password, so a host other than loopback needs Insecure.
	Listen string

	// Cluster joins the embedded servers of several nodes. The zero value does not.
	Cluster Cluster

	// Prefix begins the name of every stream and subject, so that several servers can share a NATS cluster.
	// Letters, digits, - and _; "voiceroom" when empty.
	Prefix string

	// Replicas is how many servers keep each entry: 1 when 0; 3 is advised in a cluster.
	Replicas int

	// StartTimeout bounds Open, with the wait for a cluster's leader: 30 s when 0.
	StartTimeout time.Duration

	// Logger hears of connections lost and found, and of the embedded server's warnings. nil discards.
	Logger *slog.Logger
}

// TLS names files in PEM: the authorities to trust, and the own certificate with its key.
type TLS struct {
	CA, Cert, Key string
}

// Cluster describes an embedded server's place among others.
type Cluster struct {
	// Name is the cluster's, Node this server's: unique, and the same after a restart with the same Dir.
	Name, Node string

	// Listen is host:port for the routes of the other servers; Routes are theirs.
	Listen string
	Routes []string

	// Secret is what the servers show each other. Listening beyond loopback needs it, and all of TLS or Insecure.
	Secret string
}

func (c Cluster) enabled() bool { return c.Listen != "" || len(c.Routes) > 0 }

func (c Config) withDefaults() Config {
	if c.Prefix == "" {
		c.Prefix = "voiceroom"
	}
	if c.Replicas == 0 {
		c.Replicas = 1
	}
	if c.StartTimeout == 0 {
		c.StartTimeout = 30 * time.Second
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Cluster.enabled() && c.Listen == "" {
		c.Listen = "127.0.0.1:0" // without a client port a server never opens its routes
	}
	return c
}

var prefixRE = regexp.MustCompile(`^[A-Za-z0-9_-]{1,32}$`)

func (c Config) validate() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf("natsstore: "+format, args...)) }
	if !prefixRE.MatchString(c.Prefix) {
		bad("prefix %q: only letters, digits, - and _, at most 32", c.Prefix)
	}
	if c.Replicas < 1 || c.Replicas > 5 {
		bad("replicas %d: 1 to 5", c.Replicas)
	}
	if (c.TLS.Cert == "") != (c.TLS.Key == "") {
		bad("a TLS certificate needs its key, and a key its certificate")
	}
	if c.URL != "" {
		if c.Listen != "" || c.Cluster.enabled() {
			bad("an existing cluster (URL) and a listening embedded server exclude each other")
		}
		errs = append(errs, c.checkURLs())
		return errors.Join(errs...)
	}
	if c.Dir == "" {
		bad("the embedded server needs a data folder")
	}
	if c.Listen != "" && !c.Insecure && !loopbackAddr(c.Listen) {
		bad("listen %s: the client port has no password; use a loopback address, or permit it as insecure", c.Listen)
	}
	errs = append(errs, c.checkCluster())
	return errors.Join(errs...)
}

func (c Config) checkCluster() error {
	cl := c.Cluster
	if !cl.enabled() {
		return nil
	}
	var errs []error
	bad := func(format string, args ...any) {
		errs = append(errs, fmt.Errorf("natsstore: cluster: "+format, args...))
	}
	if cl.Name == "" || cl.Node == "" || cl.Listen == "" {
		bad("the cluster's name, this node's name and the listen address are needed")
	}
	tls := c.TLS.CA != "" && c.TLS.Cert != ""
	if cl.Listen != "" && !loopbackAddr(cl.Listen) && (cl.Secret == "" || !tls && !c.Insecure) {
		bad("listen %s: beyond loopback, routes need a secret and TLS files (or the permission of insecure routes)", cl.Listen)
	}
	for _, r := range cl.Routes {
		if !loopbackAddr(r) && !tls && !c.Insecure {
			bad("route %s is in clear: give TLS files, or permit it as insecure", r)
		}
	}
	return errors.Join(errs...)
}

// checkURLs refuses what would carry media in clear to another host.
func (c Config) checkURLs() error {
	var errs []error
	for s := range strings.SplitSeq(c.URL, ",") {
		u, err := parseURL(s)
		switch {
		case err != nil:
			errs = append(errs, err)
		case u.Scheme == "tls" || u.Scheme == "wss" || c.TLS.CA != "" || c.Insecure || loopback(u.Hostname()):
		default:
			errs = append(errs, fmt.Errorf("natsstore: %s is in clear to another host: use tls://, or permit it as insecure", u.Redacted()))
		}
	}
	return errors.Join(errs...)
}

// plain tells whether a connection may be in clear, so that addresses learnt from the server must not be followed.
func (c Config) plain() bool {
	for s := range strings.SplitSeq(c.URL, ",") {
		if u, err := parseURL(s); err != nil || u.Scheme != "tls" && u.Scheme != "wss" {
			return c.TLS.CA == ""
		}
	}
	return false
}

func parseURL(s string) (*url.URL, error) {
	s = strings.TrimSpace(s)
	if !strings.Contains(s, "://") {
		s = "nats://" + s
	}
	u, err := url.Parse(s)
	if err != nil || u.Hostname() == "" {
		return nil, errors.New("natsstore: not a NATS address") // without the text: it may hold a password
	}
	switch u.Scheme {
	case "nats", "tls", "ws", "wss":
		return u, nil
	}
	return nil, fmt.Errorf("natsstore: scheme %q: nats, tls, ws or wss", u.Scheme)
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func loopbackAddr(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	return err == nil && loopback(host)
}
