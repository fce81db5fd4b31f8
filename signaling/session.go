package signaling

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"sync"
	"time"
)

const (
	reconnectWait = 5 * time.Second  // for one attempt's handshake
	firstWait     = time.Second      // in the first round, when there are others to ask: one that hangs costs no more
	loginWait     = 10 * time.Second // for the answer to its login
	probeWait     = 2 * time.Second
)

// SessionConfig says how to log in and stay logged in. Login is required.
type SessionConfig struct {
	DialConfig

	// Login returns what to log in with; it is asked for each login. Session fills in Resume.
	Login func(ctx context.Context) (LoginParams, error)
	// Versions returns, for each room that has been entered, the last version seen; nil: there is no room.
	Versions func() map[RoomID]uint64
	// Restore joins the rooms again that are not in res.Rooms, after each return and before the calls that wait for it.
	// It makes its calls by call, and returns when ctx ends: the new connection is gone, too.
	Restore func(ctx context.Context, res LoginResult, call CallFunc)
	// Away is told that the connection is gone, and Back that all is well again, one after another. They must not block.
	Away func(cause error)
	Back func()

	// GiveUp is for how long to try; 0 means [GiveUpAfter], less than 0 not at all.
	GiveUp time.Duration
}

// CallFunc sends a call and waits for its answer, as [Conn.Call] does.
type CallFunc func(ctx context.Context, method string, params, result any) error

// Session is a login that outlives its connections. When one is gone it opens another, at another of the servers if need
// be, goes on with the same session where the server has kept it, and then repeats the calls whose answers were lost:
// the ids of commands keep those from being carried out twice.
type Session struct {
	cfg    SessionConfig
	log    *slog.Logger
	ctx    context.Context
	cancel context.CancelFunc
	done   chan struct{}
	wg     sync.WaitGroup

	mu     sync.Mutex // protects what follows
	state  SessionState
	conn   *Conn         // nil unless Online
	turned chan struct{} // closed and replaced with each change of state
	url    string        // of the connection
	login  LoginResult   // the newest
	final  error         // the server has ended the session
	err    error         // why it is Over
}

// OpenSession connects and logs in, trying once. Close ends the session.
func OpenSession(ctx context.Context, cfg SessionConfig) (*Session, error) {
	s := &Session{cfg: cfg, log: cfg.Logger, done: make(chan struct{}), turned: make(chan struct{}), url: cfg.URL}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.cfg.GiveUp == 0 {
		s.cfg.GiveUp = GiveUpAfter
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	c, res, err := s.dial(ctx, cfg.URL, nil, dialWait)
	if err != nil {
		s.cancel()
		return nil, err
	}
	s.login = res
	s.online(c)
	s.wg.Go(func() { s.run(c) })
	return s, nil
}

// Call sends a call and waits for its answer, over as many connections as that takes. ctx bounds the waiting.
func (s *Session) Call(ctx context.Context, method string, params, result any) error {
	for {
		c, err := s.await(ctx)
		if err != nil {
			return WithOp(method, err)
		}
		if err = c.Call(ctx, method, params, result); !errors.Is(err, ErrDisconnected) {
			return err
		}
		s.lost(c)
	}
}

// await returns the connection, when there is one.
func (s *Session) await(ctx context.Context) (*Conn, error) {
	for {
		s.mu.Lock()
		c, turned, err := s.conn, s.turned, s.err
		s.mu.Unlock()
		if c != nil || err != nil {
			return c, err
		}
		select {
		case <-turned:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}

// State returns where the session is in its life.
func (s *Session) State() SessionState {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state
}

// Result returns the server's answer to the newest login.
func (s *Session) Result() LoginResult {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.login
}

// Done is closed when the session is over: closed, ended by the server, or given up.
func (s *Session) Done() <-chan struct{} { return s.done }

// Err returns why the session is over; nil while it lasts.
func (s *Session) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// Probe finds out whether the connection still works, because something suggests that it does not: if the server does
// not answer within two seconds another connection is opened. It does not wait.
func (s *Session) Probe() {
	s.mu.Lock()
	defer s.mu.Unlock()
	c := s.conn
	if s.state != Online {
		return // also when it is over: Close may have waited for everything already
	}
	s.wg.Go(func() {
		ctx, cancel := context.WithTimeout(s.ctx, probeWait)
		defer cancel()
		err := c.Call(ctx, MethodPing, Empty{}, nil)
		if err != nil && ctx.Err() != nil && s.ctx.Err() == nil {
			c.end(inputFail, &Error{Code: ErrDisconnected.Code, Message: "the server does not answer"})
		}
	})
}

// Close logs out, unless the connection is gone, and waits for what the session has started. ctx bounds the logout. It
// is idempotent, and must not be called by what the config names.
func (s *Session) Close(ctx context.Context) (err error) {
	s.mu.Lock()
	c := s.conn
	first := s.state.step(sessionClose)
	if first {
		s.err = &Error{Code: ErrDisconnected.Code, Message: "the connection was closed by this client"}
		s.turn()
	}
	s.mu.Unlock()
	if first && c != nil {
		if err = c.Call(ctx, MethodLogout, Empty{}, nil); errors.Is(err, ErrDisconnected) {
			err = nil // it is over already
		}
		c.Close()
	}
	s.cancel()
	s.wg.Wait()
	return err
}

// turn tells those who wait that something has changed; s.mu is held.
func (s *Session) turn() {
	close(s.turned)
	s.turned = make(chan struct{})
}

// online makes a connection the session's.
func (s *Session) online(c *Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state.step(sessionLogin) {
		s.conn = c
		s.turn()
	}
}

// lost notes that a connection is gone.
func (s *Session) lost(c *Conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn == c && s.state.step(sessionLost) {
		s.conn = nil
		s.turn()
	}
}

// run keeps the session alive.
func (s *Session) run(c *Conn) {
	defer close(s.done)
	for {
		<-c.Done()
		c.Close() // what it has received has been handed over
		s.lost(c)
		cause := c.Err()
		if err := s.mayReturn(); err != nil {
			s.finish(err)
			return
		}
		s.log.Info("connection lost", "cause", cause)
		if s.cfg.GiveUp < 0 { // nobody is told of a return that is not tried
			s.finish(cause)
			return
		}
		if s.cfg.Away != nil {
			s.cfg.Away(cause)
		}
		next, err := s.comeBack(cause)
		if err != nil {
			s.finish(err)
			return
		}
		c = next
		if s.cfg.Back != nil {
			s.cfg.Back()
		}
	}
}

// mayReturn gives the reason why there is nothing to come back to.
func (s *Session) mayReturn() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.final != nil {
		return s.final
	}
	return s.err
}

// finish is the end of the session; the first reason stays.
func (s *Session) finish(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state.step(sessionEnd) {
		s.err = err
		s.turn()
	}
}

// comeBack opens another connection, until it has one or must give up.
func (s *Session) comeBack(cause error) (*Conn, error) {
	ctx, cancel := context.WithTimeout(s.ctx, s.cfg.GiveUp)
	defer cancel()
	for attempt := 0; ; attempt++ {
		s.mu.Lock()
		urls := servers(s.url, s.cfg.URL, s.login.Nodes)
		s.mu.Unlock()
		select {
		case <-time.After(pause(attempt, len(urls), random())):
		case <-ctx.Done():
			if err := s.mayReturn(); err != nil {
				return nil, err
			}
			return nil, cause
		}
		url := urls[attempt%len(urls)]
		wait := reconnectWait
		if attempt < len(urls) && len(urls) > 1 {
			wait = firstWait
		}
		c, err := s.tryURL(ctx, url, wait)
		if err == nil {
			s.log.Info("connected again", "url", url, "attempts", attempt+1)
			return c, nil
		}
		s.log.Debug("not connected again", "url", url, "error", err)
		if over := s.mayReturn(); over != nil {
			return nil, over // said on the connection that has just failed: a later login must not be pushed out
		}
		if e, refused := errors.AsType[*Error](err); refused && !e.Code.Retryable() {
			return nil, err // trying again changes nothing
		}
	}
}

// tryURL opens a connection and goes on with the session on it.
func (s *Session) tryURL(ctx context.Context, url string, wait time.Duration) (*Conn, error) {
	resume := &Resume{SessionID: s.Result().SessionID}
	if s.cfg.Versions != nil {
		resume.Versions = s.cfg.Versions()
	}
	try, cancel := context.WithTimeout(ctx, wait+loginWait)
	defer cancel()
	c, res, err := s.dial(try, url, resume, wait)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	s.login, s.url = res, url
	s.mu.Unlock()
	if s.cfg.Restore != nil {
		alive, stop := context.WithCancel(ctx)
		defer stop()
		defer context.AfterFunc(s.ctx, stop)()
		s.wg.Go(func() { // an AfterFunc for Done
			select {
			case <-c.Done():
				stop()
			case <-alive.Done():
			}
		})
		s.cfg.Restore(alive, res, c.Call)
	}
	err = c.Err() // it may be gone again
	if err == nil {
		err = ctx.Err() // given up, perhaps in the middle of Restore: without its rooms a session would be no good
	}
	if err != nil {
		c.Close()
		return nil, err
	}
	s.online(c)
	if err := s.mayReturn(); err != nil { // closed meanwhile
		c.Close()
		return nil, err
	}
	return c, nil
}

// dial connects and logs in.
func (s *Session) dial(ctx context.Context, url string, resume *Resume, wait time.Duration) (*Conn, LoginResult, error) {
	var res LoginResult
	params, err := s.cfg.Login(ctx)
	if err != nil {
		return nil, res, err
	}
	params.Resume = resume
	cfg := s.cfg.DialConfig
	cfg.URL, cfg.OnNotify = url, s.notified
	handshake, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	c, err := Dial(handshake, cfg)
	if err != nil {
		return nil, res, err
	}
	if err := c.Call(ctx, MethodLogin, params, &res); err != nil {
		c.Close()
		return nil, res, err
	}
	return c, res, nil
}

// notified passes a notification on, and remembers the one after which there is no return.
func (s *Session) notified(method string, params json.RawMessage) {
	if method == NotifyKickedOff {
		var p KickedOffLine
		if err := DecodeParams(params, &p); err != nil {
			s.log.Warn("notification cannot be read", "method", method, "error", err)
		}
		s.mu.Lock()
		s.final = &Error{Code: ErrKickedOffLine.Code, Message: p.Message}
		s.mu.Unlock()
	}
	if method == NotifyNodes {
		var p NodesChanged
		if err := DecodeParams(params, &p); err != nil {
			s.log.Warn("notification cannot be read", "method", method, "error", err)
			return
		}
		s.mu.Lock()
		s.login.Nodes = p.Nodes
		s.mu.Unlock()
		return
	}
	if s.cfg.OnNotify != nil {
		s.cfg.OnNotify(method, params)
	}
}
