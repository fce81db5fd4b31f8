package signaling

// ConnState is where a client's connection is in its life.
//
//	Idle -> Connecting -> Connected <-> LoggedIn   (a login, and a logout back)
//	every one of them  -> Closed                   (failed, or closed by its user: the end)
//
// A broken connection ends in Closed; going on with the same session over a new one is the resume of
// docs/protocol.md, for which the login message has its field.
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
