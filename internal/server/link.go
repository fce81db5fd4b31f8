package server

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gorilla/websocket"
	"golang.org/x/time/rate"

	"github.com/openvoiceroom/openvoiceroom/internal/adminapi"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

const (
	loginWait  = 10 * time.Second // for the handshake, and again for the login
	maxPing    = 10 * time.Second // between two pings
	writeWait  = 5 * time.Second  // a client that takes no byte for so long is gone
	callLimit  = 10 * time.Second // for one call; longer means that no node could decide
	cleanLimit = 5 * time.Second  // for telling the rooms that a session has ended
)

// link is one connection. Its reading goroutine handles its calls one after another, so a client's calls take effect in
// the order in which it sent them. The login puts a session on it, which may outlive it.
type link struct {
	srv     *Server
	ws      *websocket.Conn
	limiter *rate.Limiter
	ip      string // of the client
	browser bool   // it sent an Origin

	ctx    context.Context // of the calls
	cancel context.CancelFunc
	out    chan []byte
	laters chan struct{} // a token for each call that is answered later
	quit   chan struct{} // closed by end
	over   chan struct{} // closed when both goroutines have ended and the session has been let go

	endOnce sync.Once
	code    int // why the connection is closed; set before quit is closed
	reason  string

	owing atomic.Bool // owed is not empty
	oweMu sync.Mutex
	owed  []*membership // see owed.go

	nodes atomic.Pointer[[]string] // the client has been told; nil before the login

	chat chatQueue

	// Of the reading goroutine only:
	log *slog.Logger
	ses *session // nil before the login
	bye bool     // logged out: the connection ends after the answer
}

func (s *Server) accept(w http.ResponseWriter, r *http.Request) {
	if !slices.Contains(websocket.Subprotocols(r), signaling.Subprotocol) {
		http.Error(w, "this is a WebSocket endpoint of the subprotocol "+signaling.Subprotocol, http.StatusBadRequest)
		return
	}
	ws, err := s.upgrader.Upgrade(w, r, nil)
	if err != nil {
		s.log.Debug("no WebSocket", "remote", r.RemoteAddr, "error", err) // Upgrade has answered
		return
	}
	ip := s.proxies().ClientIP(r)
	l := &link{
		srv: s, ws: ws, log: s.log.With("remote", remote(r, ip)), ip: ip, browser: r.Header.Get("Origin") != "",
		limiter: rate.NewLimiter(signaling.CallsPerSecond, 2*signaling.CallsPerSecond),
		out:     make(chan []byte, signaling.MaxQueue), quit: make(chan struct{}), over: make(chan struct{}),
		laters: make(chan struct{}, maxLater),
	}
	l.ctx, l.cancel = context.WithCancel(s.ctx)
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		l.cancel()
		ws.Close()
		return
	}
	s.links[l] = struct{}{}
	s.wg.Go(l.run)
	s.mu.Unlock()
}

func (s *Server) proxies() adminapi.Proxies { return s.cfg.TrustedProxies }

// remote is what the log calls a client: its address, and its port where no proxy is between.
func remote(r *http.Request, ip string) string {
	if at, err := netip.ParseAddrPort(r.RemoteAddr); err != nil || at.Addr().Unmap().WithZone("").String() == ip {
		return r.RemoteAddr
	}
	return ip
}

// checkOrigin refuses browsers on pages of other sites: a page must not use its visitor's network to get in here.
// Clients that are no browsers send no Origin.
func (s *Server) checkOrigin(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	if origin == "" || slices.Contains(s.cfg.AllowedOrigins, "*") || slices.Contains(s.cfg.AllowedOrigins, origin) {
		return true
	}
	u, err := url.Parse(origin)
	return err == nil && strings.EqualFold(u.Host, r.Host)
}

// run owns the connection from the first byte to the last.
func (l *link) run() {
	s := l.srv
	s.metrics.links.Inc()
	var wg sync.WaitGroup
	log := l.log // the login adds to the field
	wg.Go(func() { l.write(log) })
	l.read()
	l.end(websocket.CloseNormalClosure, "")
	wg.Wait()
	l.cancel()
	l.chat.wg.Wait()
	if l.ses != nil {
		l.ses.letGo(l.bye)
	}
	s.mu.Lock()
	delete(s.links, l)
	s.mu.Unlock()
	s.metrics.links.Dec()
	close(l.over)
}

// cut ends the connection without a word and at once, with whatever call is under way: its client has come back on
// another, and this one may be a dead path.
func (l *link) cut() {
	l.end(websocket.CloseGoingAway, "this session goes on over another connection")
	l.cancel()
	l.ws.Close()
}

// end closes the connection with a code, once; queued messages are sent before it. It does not wait.
func (l *link) end(code int, reason string) {
	l.endOnce.Do(func() {
		if code == websocket.CloseTryAgainLater {
			l.srv.metrics.slowReaders.Inc()
		}
		l.code, l.reason = code, reason
		close(l.quit)
	})
}

// pingEvery is how often a client is pinged. Two pings without an answer and half an interval more are a dead path: each
// side finds that out while the other still waits for a return.
func (s *Server) pingEvery() time.Duration { return min(max(s.grace()/3, time.Second), maxPing) }

// tellNodes tells a client where else it could go, when that has changed: nodes come and go in a long session.
func (l *link) tellNodes() {
	told, now := l.nodes.Load(), l.srv.node.URLs()
	if told == nil || slices.Equal(*told, now) {
		return
	}
	l.nodes.Store(&now)
	b, err := signaling.EncodeNotification(signaling.NotifyNodes, signaling.NodesChanged{Nodes: now})
	if err != nil {
		l.srv.log.Error("list of nodes not encoded", "error", err)
		return
	}
	l.send(b)
}

// send queues a message. A client that does not read fills its queue and is cut off; it never makes others wait.
func (l *link) send(b []byte) {
	select {
	case l.out <- b:
	default:
		l.end(websocket.CloseTryAgainLater, "the client does not read its messages")
	}
}

func (l *link) write(log *slog.Logger) {
	defer l.ws.Close() // wakes the reader
	ping := time.NewTicker(l.srv.pingEvery())
	defer ping.Stop()
	for {
		select {
		case b := <-l.out:
			if !l.writeOne(b, time.Now().Add(writeWait)) {
				return
			}
			if l.owing.Load() && len(l.out) == 0 {
				l.makeUp()
			}
		case <-ping.C:
			l.tellNodes()
			if l.owing.Load() && len(l.out) == 0 {
				l.makeUp()
			}
			if l.ws.WriteControl(websocket.PingMessage, nil, time.Now().Add(writeWait)) != nil {
				return
			}
		case <-l.quit:
			end := time.Now().Add(writeWait) // for all of it: a slow reader must not hold up the server's end
			for len(l.out) > 0 && l.code != websocket.CloseTryAgainLater {
				if !l.writeOne(<-l.out, end) {
					return
				}
			}
			bye := websocket.FormatCloseMessage(l.code, l.reason)
			if err := l.ws.WriteControl(websocket.CloseMessage, bye, time.Now().Add(writeWait)); err != nil {
				log.Debug("close message not sent", "error", err)
			}
			return
		}
	}
}

func (l *link) writeOne(b []byte, deadline time.Time) bool {
	l.ws.SetWriteDeadline(deadline)
	return l.ws.WriteMessage(websocket.TextMessage, b) == nil
}

func (l *link) read() {
	l.ws.SetReadLimit(signaling.MaxFrame)
	l.ws.SetReadDeadline(time.Now().Add(loginWait))
	alive := func() {
		if l.ses != nil { // before the login only the login helps
			l.ws.SetReadDeadline(time.Now().Add(l.srv.pingEvery() * 5 / 2))
		}
	}
	l.ws.SetPongHandler(func(string) error { alive(); return nil })
	for {
		kind, b, err := l.ws.ReadMessage()
		if err != nil {
			l.log.Debug("connection ended", "reason", err)
			if l.ses == nil {
				l.end(websocket.ClosePolicyViolation, "no login within 10 seconds")
			}
			if errors.Is(err, websocket.ErrReadLimit) {
				l.end(websocket.CloseMessageTooBig, "a message may have 64 KiB")
			}
			return
		}
		if kind != websocket.TextMessage {
			l.end(websocket.CloseUnsupportedData, "messages are JSON text")
		} else {
			l.handle(b)
			alive()
		}
		select {
		case <-l.quit:
			l.discard()
			return
		default:
		}
	}
}

// discard reads on until the writer has said good-bye. A client that answers a ping just then does so before it reads
// on: if nobody took its pong, it would not read the good-bye, and each would wait for the other.
func (l *link) discard() {
	for {
		if _, _, err := l.ws.NextReader(); err != nil {
			return
		}
	}
}

// call carries out one call and returns its result.
func (l *link) call(ctx context.Context, m signaling.Message) (any, error) {
	switch {
	case m.Method == signaling.MethodLogin:
		return with(ctx, m, l.login)
	case l.ses == nil:
		return nil, signaling.ErrNotLoggedIn
	case m.Method == signaling.MethodLogout:
		l.bye = true // the answer goes out before the close
		return signaling.Empty{}, nil
	}
	return l.ses.call(ctx, m)
}

// handle answers one message.
func (l *link) handle(b []byte) {
	start := time.Now()
	m, err := signaling.DecodeMessage(b)
	var result any
	if err == nil && m.Method == "" {
		return // an answer: this server asks nothing
	}
	if err == nil && !l.limiter.Allow() {
		err = signaling.ErrFreqLimit
	}
	if err == nil && l.ses != nil && m.Method == signaling.MethodSendBarrage {
		l.sendBarrage(m, start)
		return
	}
	if err == nil {
		ctx, cancel := context.WithTimeout(l.ctx, callLimit)
		result, err = l.call(ctx, m)
		cancel()
	}
	if f, ok := result.(later); ok && err == nil {
		if l.answerLater(m, start, f) {
			return
		}
		err = signaling.ErrServer
	}
	l.answer(m, start, result, err)
}

// answer answers a call with what has come of it. It may be called from any goroutine after the login.
func (l *link) answer(m signaling.Message, start time.Time, result any, err error) {
	l.srv.metrics.called(m.Method, err, time.Since(start))
	if m.Method == signaling.MethodLogout && l.bye {
		defer l.end(websocket.CloseNormalClosure, "logged out") // what is queued goes first, the answer too
	}
	if m.ID == 0 && m.Method != "" {
		return // without an id no answer is asked for, whatever has come of it
	}
	var answer []byte
	if err == nil {
		answer, err = signaling.EncodeResult(m.ID, result)
	}
	if err != nil {
		if code := signaling.CodeOf(err); code == signaling.ErrServer.Code || code == signaling.ErrFailed.Code {
			l.log.Error("call failed", "method", m.Method, "error", err)
		}
		answer, err = signaling.EncodeError(m.ID, err)
	}
	if err != nil {
		l.log.Error("answer not encoded", "method", m.Method, "error", err)
		return
	}
	l.send(answer)
}
