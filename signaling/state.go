package signaling

// ConnState is where a client's connection is in its life.
//
//	Idle -> Connecting -> Connected <-> LoggedIn   (a login, and a logout back)
//	every one of them  -> Closed                   (failed, or closed by its user: the end)
//
// A broken connection ends in Closed; a [Session] goes on over another one.
type ConnState int

// The states of a connection.
const (
	Idle ConnState = iota
	Connecting
	Connected // the WebSocket is open; only the login may be sent
	LoggedIn
	Closed
)

func (s ConnState) String() string {
	return name(int(s), map[int]string{0: "Idle", 1: "Connecting", 2: "Connected", 3: "LoggedIn", 4: "Closed"})
}

type connInput int

const (
	inputDial connInput = iota
	inputOpen
	inputLogin  // the server accepted the login
	inputLogout // the server accepted the logout
	inputFail   // the dial failed or the connection broke
	inputClose  // the user closed it
)

// next is the connection's transition function: pure, and every pair is decided. ok is false for an input that the
// state does not allow; the state is then unchanged.
func next(s ConnState, in connInput) (_ ConnState, ok bool) {
	switch {
	case s == Closed:
		return Closed, false
	case in == inputFail || in == inputClose:
		return Closed, true
	case s == Idle && in == inputDial:
		return Connecting, true
	case s == Connecting && in == inputOpen:
		return Connected, true
	case s == Connected && in == inputLogin:
		return LoggedIn, true
	case s == LoggedIn && in == inputLogout:
		return Connected, true
	}
	return s, false
}

// SessionState is where a [Session] is in its life.
//
//	Offline -> Online <-> Away   (the first login; a connection that is lost, and its successor)
//	every one of them -> Over    (closed by its user, ended by the server, or given up: the end)
type SessionState int

// The states of a session.
const (
	Offline SessionState = iota // before the first login
	Online
	Away // without a connection; calls wait
	Over
)

func (s SessionState) String() string {
	return name(int(s), map[int]string{0: "Offline", 1: "Online", 2: "Away", 3: "Over"})
}

type sessionInput int

const (
	sessionLogin sessionInput = iota // logged in, for the first time or again, and the rooms are restored
	sessionLost                      // the connection broke
	sessionClose                     // by its user
	sessionEnd                       // by the server, or given up
)

// nextSession is the session's transition function, as next is the connection's.
func nextSession(s SessionState, in sessionInput) (_ SessionState, ok bool) {
	switch {
	case s == Over:
		return Over, false
	case in == sessionClose || in == sessionEnd:
		return Over, true
	case in == sessionLogin && (s == Offline || s == Away):
		return Online, true
	case in == sessionLost && s == Online:
		return Away, true
	}
	return s, false
}

// step makes a transition and reports whether the state allows it.
func (s *SessionState) step(in sessionInput) bool {
	next, ok := nextSession(*s, in)
	*s = next
	return ok
}
