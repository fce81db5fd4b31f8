package server

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"
	"golang.org/x/time/rate"

	"github.com/openvoiceroom/openvoiceroom/internal/home"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

const (
	loginWait  = 10 * time.Second // for the handshake, and again for the login
	pingEvery  = 15 * time.Second
	pongWait   = 2*pingEvery + 5*time.Second // silence of two pings ends a session
	writeWait  = 5 * time.Second             // a client that takes no byte for so long is gone
	callLimit  = 10 * time.Second            // for one call; longer means that no node could decide
	cleanLimit = 5 * time.Second             // for telling the rooms that a session has ended
)

// session is one client's connection. Its reading goroutine handles its calls one after another, so a client's calls
// take effect in the order in which it sent them.
type session struct {
	srv     *Server
	ws      *websocket.Conn
	log     *slog.Logger
	id      string
	limiter *rate.Limiter

	out  chan []byte
	quit chan struct{} // closed by end
	over chan struct{} // closed when both goroutines have ended and the rooms know

	endOnce sync.Once
	code    int // why the connection is closed; set before quit is closed
	reason  string

	// Of the reading goroutine only:
	app   signaling.AppID
	user  signaling.UserInfo // UserID is empty before the login
	since time.Time
	bye   bool // logged out: the connection ends after the answer
	rooms map[signaling.RoomID]*membership
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
	id := rand.Text()
	ses := &session{
		srv: s, ws: ws, id: id, log: s.log.With("session", id, "remote", r.RemoteAddr),
		limiter: rate.NewLimiter(signaling.CallsPerSecond, 2*signaling.CallsPerSecond),
		out:     make(chan []byte, signaling.MaxQueue), quit: make(chan struct{}), over: make(chan struct{}),
		rooms: map[signaling.RoomID]*membership{},
	}
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		ws.Close()
		return
	}
	s.sessions[ses] = struct{}{}
	s.wg.Go(ses.run)
	s.mu.Unlock()
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
func (ses *session) run() {
	ses.srv.metrics.sessions.Inc()
	var wg sync.WaitGroup
	log := ses.log // the login adds to the field
	wg.Go(func() { ses.write(log) })
	ses.read()
	ses.end(websocket.CloseNormalClosure, "")
	wg.Wait()
	ses.clean()
	ses.srv.metrics.sessions.Dec()
	close(ses.over)
}

// end closes the connection with a code, once; queued messages are sent before it. It does not wait.
func (ses *session) end(code int, reason string) {
	ses.endOnce.Do(func() {
		if code == websocket.CloseTryAgainLater {
			ses.srv.metrics.slowReaders.Inc()
		}
		ses.code, ses.reason = code, reason
		close(ses.quit)
	})
}

// send queues a message. A client that does not read fills its queue and is cut off; it never makes others wait.
func (ses *session) send(b []byte) {
	select {
	case ses.out <- b:
	default:
		ses.end(websocket.CloseTryAgainLater, "the client does not read its messages")
	}
}

func (ses *session) notify(method string, params any) {
	b, err := signaling.EncodeNotification(method, params)
	if err != nil {
		ses.srv.log.Error("notification not encoded", "session", ses.id, "method", method, "error", err)
		return
	}
	ses.send(b)
}

func (ses *session) write(log *slog.Logger) {
	defer ses.ws.Close() // wakes the reader
	ping := time.NewTicker(pingEvery)
	defer ping.Stop()
	for {
		select {
		case b := <-ses.out:
			if !ses.writeOne(b, time.Now().Add(writeWait)) {
				return
			}
		case <-ping.C:
			if ses.ws.WriteControl(websocket.PingMessage, nil, time.Now().Add(writeWait)) != nil {
				return
			}
		case <-ses.quit:
			end := time.Now().Add(writeWait) // for all of it: a slow reader must not hold up the server's end
			for len(ses.out) > 0 && ses.code != websocket.CloseTryAgainLater {
				if !ses.writeOne(<-ses.out, end) {
					return
				}
			}
			bye := websocket.FormatCloseMessage(ses.code, ses.reason)
			if err := ses.ws.WriteControl(websocket.CloseMessage, bye, time.Now().Add(writeWait)); err != nil {
				log.Debug("close message not sent", "error", err)
			}
			return
		}
	}
}

func (ses *session) writeOne(b []byte, deadline time.Time) bool {
	ses.ws.SetWriteDeadline(deadline)
	return ses.ws.WriteMessage(websocket.TextMessage, b) == nil
}

func (ses *session) read() {
	ses.ws.SetReadLimit(signaling.MaxFrame)
	ses.ws.SetReadDeadline(time.Now().Add(loginWait))
	alive := func() {
		if ses.user.UserID != "" { // before the login only the login helps
			ses.ws.SetReadDeadline(time.Now().Add(pongWait))
		}
	}
	ses.ws.SetPongHandler(func(string) error { alive(); return nil })
	for {
		kind, b, err := ses.ws.ReadMessage()
		if err != nil {
			ses.log.Debug("connection ended", "reason", err)
			if ses.user.UserID == "" {
				ses.end(websocket.ClosePolicyViolation, "no login within 10 seconds")
			}
			if errors.Is(err, websocket.ErrReadLimit) {
				ses.end(websocket.CloseMessageTooBig, "a message may have 64 KiB")
			}
			return
		}
		if kind != websocket.TextMessage {
			ses.end(websocket.CloseUnsupportedData, "messages are JSON text")
		} else {
			ses.handle(b)
			alive()
		}
		select {
		case <-ses.quit:
			ses.discard()
			return
		default:
		}
	}
}

// discard reads on until the writer has said good-bye. A client that answers a ping just then does so before it reads
// on: if nobody took its pong, it would not read the good-bye, and each would wait for the other.
func (ses *session) discard() {
	for {
		if _, _, err := ses.ws.NextReader(); err != nil {
			return
		}
	}
}

// handle answers one message.
func (ses *session) handle(b []byte) {
	start := time.Now()
	m, err := signaling.DecodeMessage(b)
	var result any
	if err == nil && m.Method == "" {
		return // an answer: this server asks nothing
	}
	if err == nil && !ses.limiter.Allow() {
		err = signaling.ErrFreqLimit
	}
	if err == nil {
		ctx, cancel := context.WithTimeout(ses.srv.ctx, callLimit)
		result, err = ses.call(ctx, m)
		cancel()
	}
	ses.srv.metrics.called(m.Method, err, time.Since(start))
	if ses.bye {
		defer ses.end(websocket.CloseNormalClosure, "logged out") // what is queued goes first, the answer too
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
			ses.log.Error("call failed", "method", m.Method, "error", err)
		}
		answer, err = signaling.EncodeError(m.ID, err)
	}
	if err != nil {
		ses.log.Error("answer not encoded", "method", m.Method, "error", err)
		return
	}
	ses.send(answer)
}

// clean takes the session out of everything.
func (ses *session) clean() {
	s := ses.srv
	ctx, cancel := context.WithTimeout(context.WithoutCancel(s.ctx), cleanLimit)
	defer cancel()
	for id := range ses.rooms {
		if m := ses.leaveLocally(id); m != nil {
			if err := s.node.Exit(ctx, m.replica.key, m.member()); err != nil {
				ses.log.Debug("room not told that the session ended", "room", id, "error", err)
			}
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.sessions, ses)
	if key := (userKey{ses.app, ses.user.UserID}); s.users[key] == ses {
		delete(s.users, key)
	}
}

// leaveLocally forgets a membership and ends its media; nil when there is none.
func (ses *session) leaveLocally(id signaling.RoomID) *membership {
	m := ses.rooms[id]
	if m == nil {
		return nil
	}
	delete(ses.rooms, id)
	m.end()
	return m
}

// end takes a membership off the replica, which is closed with its last one, and ends its media.
func (m *membership) end() {
	m.replica.remove(m)
	m.endMedia()
	m.session.srv.release(m.replica)
}

func (m *membership) member() home.Member {
	return home.Member{User: m.user, Session: m.session.id}
}
