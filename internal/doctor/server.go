package doctor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"time"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// names of the checks that need a server.
const (
	nameAddress, nameDNS, nameTCP, nameTLS   = "address", "name", "tcp", "tls"
	nameHealth, nameReady, nameWS            = "server", "ready", "websocket"
	nameSig, nameLogin, nameRoom             = "usersig", "login", "room"
	nameMediaUDP, nameMediaLoss, nameMediaTP = "media udp", "media loss", "media tcp"
)

// server looks at the way to the server and at what is behind it.
func (e *exam) server(ctx context.Context) {
	u, ok := check(ctx, e, nameAddress, func(context.Context) (Result, *url.URL) { return address(e.cfg.URL) })
	if !ok {
		e.skip("The server's address is not known.", nameDNS, nameTCP, nameTLS, nameHealth, nameReady, nameWS)
		e.userSig(ctx, nil)
		e.skip("The server's address is not known.", nameLogin, nameRoom, nameMediaUDP, nameMediaLoss, nameMediaTP)
		return
	}
	reached := e.reach(ctx, u)
	var clock *time.Time
	spoken := false
	if reached {
		clock, _ = check(ctx, e, nameHealth, func(ctx context.Context) (Result, *time.Time) { return e.health(ctx, u) })
		check(ctx, e, nameReady, func(ctx context.Context) (Result, struct{}) { return e.ready(ctx, u), struct{}{} })
		_, spoken = check(ctx, e, nameWS, e.speaks)
	} else {
		e.skip("The server is not reached.", nameHealth, nameReady, nameWS)
	}
	allowed := e.userSig(ctx, clock)
	switch {
	case !spoken:
		e.skip("The server is not reached.", nameLogin, nameRoom, nameMediaUDP, nameMediaLoss, nameMediaTP)
	case !allowed:
		e.skip("There is no UserSig to log in with.", nameLogin, nameRoom, nameMediaUDP, nameMediaLoss, nameMediaTP)
	default:
		e.login(ctx, u)
	}
}

// address reads the server's URL.
func address(raw string) (Result, *url.URL) {
	const form = "Give --url ws://host:port, or wss://host for a server behind TLS."
	u, err := url.Parse(raw)
	switch {
	case err != nil:
		return bad(fmt.Sprintf("The server's address %q cannot be read.", raw), form), nil
	case u.Scheme == "http" || u.Scheme == "https":
		return bad(fmt.Sprintf("The server's address %q begins with %s://.", raw, u.Scheme), "Write "+strings.Replace(u.Scheme, "http", "ws", 1)+":// instead."), nil
	case u.Scheme != "ws" && u.Scheme != "wss" || u.Hostname() == "":
		return bad(fmt.Sprintf("The server's address %q is none.", raw), form), nil
	case u.Scheme == "ws" && !local(u.Hostname()):
		return warn(raw+" is not encrypted: others on the way can read the UserSig.", "Put TLS in front of the server and use wss://, except for a try in your own network."), u
	}
	return fine("%s", raw), u
}

func local(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// hostPort is where the server listens.
func hostPort(u *url.URL) string {
	port := u.Port()
	if port == "" {
		port = map[string]string{"ws": "80", "wss": "443"}[u.Scheme]
	}
	return net.JoinHostPort(u.Hostname(), port)
}

func (e *exam) dial(ctx context.Context, network, addr string) (net.Conn, error) {
	if e.cfg.Network.Dial != nil {
		return e.cfg.Network.Dial(ctx, network, addr)
	}
	return new(net.Dialer).DialContext(ctx, network, addr)
}

// reach finds the server's host and connects to it.
func (e *exam) reach(ctx context.Context, u *url.URL) bool {
	_, err := netip.ParseAddr(u.Hostname())
	if err == nil || e.cfg.Network.Dial != nil {
		e.skip("There is no name to look up.", nameDNS)
	} else if _, ok := check(ctx, e, nameDNS, func(ctx context.Context) (Result, struct{}) { return lookUp(ctx, u.Hostname()), struct{}{} }); !ok {
		e.skip("The server's name is not known.", nameTCP, nameTLS)
		return false
	}
	if _, ok := check(ctx, e, nameTCP, func(ctx context.Context) (Result, struct{}) { return e.connect(ctx, hostPort(u)), struct{}{} }); !ok {
		e.skip("The server is not reached.", nameTLS)
		return false
	}
	if u.Scheme == "ws" {
		e.skip("The address is ws://, without TLS.", nameTLS)
		return true
	}
	_, ok := check(ctx, e, nameTLS, func(ctx context.Context) (Result, struct{}) { return e.encrypt(ctx, u), struct{}{} })
	return ok
}

func lookUp(ctx context.Context, host string) Result {
	list, err := net.DefaultResolver.LookupHost(ctx, host)
	if err != nil {
		var e *net.DNSError
		if errors.As(err, &e) && e.IsNotFound {
			return bad("Nobody knows the name "+host+".", "Is it spelt right? A new name takes a while until everybody knows it.")
		}
		return bad("The name "+host+" cannot be looked up: "+err.Error()+".", "Check this machine's network and its name server.")
	}
	return fine("%s is %s.", host, strings.Join(list, ", "))
}

func (e *exam) connect(ctx context.Context, addr string) Result {
	began := time.Now()
	conn, err := e.dial(ctx, "tcp", addr)
	switch {
	case err == nil:
		conn.Close()
		return fine("%s answers after %s.", addr, rounded(time.Since(began)))
	case errors.Is(err, syscall.ECONNREFUSED):
		return bad("Nothing listens at "+addr+".", "Is voiceroomd running there? Its --listen has to be an address that is reached from here: 127.0.0.1 is its own machine only.")
	case errors.Is(err, context.DeadlineExceeded) || ctx.Err() != nil:
		return bad("Nothing comes back from "+addr+".", "Is the host up? A firewall that swallows packets looks like this: let TCP through to that port.")
	}
	return bad("There is no connection to "+addr+": "+err.Error()+".", "Check the network between here and there.")
}

func rounded(d time.Duration) time.Duration {
	if d > 10*time.Millisecond {
		return d.Round(time.Millisecond)
	}
	return d.Round(10 * time.Microsecond)
}

// get asks the server's HTTP side.
func (e *exam) get(ctx context.Context, u *url.URL, path string) (*http.Response, string, error) {
	target := url.URL{Scheme: map[string]string{"ws": "http", "wss": "https"}[u.Scheme], Host: u.Host, Path: path}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), nil)
	if err != nil {
		return nil, "", err
	}
	transport := &http.Transport{DialContext: e.dial, TLSClientConfig: e.cfg.TLS, DisableKeepAlives: true, Proxy: http.ProxyFromEnvironment}
	defer transport.CloseIdleConnections()
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return nil, "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 4096))
	return resp, strings.TrimSpace(string(body)), err
}

// health asks whether this is a voiceroomd, and what time it is there.
func (e *exam) health(ctx context.Context, u *url.URL) (Result, *time.Time) {
	resp, body, err := e.get(ctx, u, "/healthz")
	if err != nil {
		return bad("It does not answer HTTP: "+err.Error()+".", "Something else may listen there, or TLS is expected: try wss://."), nil
	}
	switch {
	case strings.Contains(body, "HTTP request to an HTTPS server"):
		return bad("The server wants TLS.", "Use wss:// rather than ws://."), nil
	case resp.StatusCode == http.StatusNotFound:
		return warn("There is a web server that does not know /healthz.", "A reverse proxy may keep it back. If nothing below works either, it is no voiceroomd, or the proxy leads elsewhere."), serverTime(resp)
	case resp.StatusCode >= 500:
		return bad(fmt.Sprintf("It answers %s.", resp.Status), "If there is a reverse proxy: does it reach voiceroomd? Otherwise look into the server's log."), serverTime(resp)
	case resp.StatusCode != http.StatusOK || body != "ok":
		return bad(fmt.Sprintf("It answers %s, and not as voiceroomd does.", resp.Status), "Something else listens there: check the port."), serverTime(resp)
	}
	return fine("It is up."), serverTime(resp)
}

func serverTime(resp *http.Response) *time.Time {
	at, err := http.ParseTime(resp.Header.Get("Date"))
	if err != nil {
		return nil
	}
	return &at
}

func (e *exam) ready(ctx context.Context, u *url.URL) Result {
	resp, body, err := e.get(ctx, u, "/readyz")
	switch {
	case err != nil:
		return bad("It does not answer: "+err.Error()+".", "")
	case resp.StatusCode == http.StatusNotFound:
		return warn("It does not say whether it is ready.", "A reverse proxy may keep /readyz back.")
	case resp.StatusCode != http.StatusOK:
		return bad("It is up and cannot decide anything: "+body, "Its store is away or slow. Look at its log, and at NATS if it uses one.")
	}
	return fine("It is ready.")
}

// speaks opens the connection that everything goes over.
func (e *exam) speaks(ctx context.Context) (Result, struct{}) {
	began := time.Now()
	c, err := signaling.Dial(ctx, signaling.DialConfig{URL: e.cfg.URL, TLS: e.cfg.TLS, NetDial: e.cfg.Network.Dial})
	if err != nil {
		return bad("There is no WebSocket: "+plain(err)+".", "If there is a reverse proxy, it has to pass WebSockets on (the headers Upgrade and Connection, and "+signaling.Path+")."), struct{}{}
	}
	defer c.Close()
	return fine("It speaks %s, after %s.", signaling.Subprotocol, rounded(time.Since(began))), struct{}{}
}

// plain is an error without its code and operation.
func plain(err error) string {
	e, ok := errors.AsType[*signaling.Error](err)
	if !ok {
		return err.Error()
	}
	text := e.Message
	if text == "" {
		text = e.Code.String()
	}
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}
