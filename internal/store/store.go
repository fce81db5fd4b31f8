package store

import (
	"context"
	"errors"
	"time"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// Errors of a store. They may be wrapped; compare with errors.Is.
var (
	// ErrConflict is Append's answer when the newest entry is not the one the caller named: somebody else has
	// appended. It is also the answer to a repeated Append whose first acknowledgement was lost, so look for the
	// command's own id in the newest entries before giving the room up.
	ErrConflict = errors.New("store: the room's newest entry is another")

	// ErrNotFound is Last's answer for a room without an entry.
	ErrNotFound = errors.New("store: no such room")

	// ErrNoResponder is Request's answer, at once, when nobody serves the topic.
	ErrNoResponder = errors.New("store: nobody serves this topic")

	// ErrTooLarge refuses an entry or a message over [MaxPayload]. Nothing was stored or sent.
	ErrTooLarge = errors.New("store: payload too large")

	// ErrClosed is the answer of a store after Close.
	ErrClosed = errors.New("store: closed")
)

// MaxPayload bounds one entry and one message. A room's state stays under 64 KB; a snapshot with its members is the
// largest thing that travels.
const MaxPayload = 256 << 10

// HeartbeatTTL is how long a beat counts in both implementations; ask [Store.HeartbeatTTL] all the same.
const HeartbeatTTL = 3 * time.Second

// NodeID names one run of one node: random, new at each start, so a node that comes back is never taken for its
// former self.
type NodeID string

// Key names a room of the whole server.
type Key struct {
	App  signaling.AppID
	Room signaling.RoomID
}

// Entry is one stored entry of a room's log.
type Entry struct {
	Data []byte    // the caller's own copy
	Rev  uint64    // grows from entry to entry of one room, not by one
	Time time.Time // when it was stored, by the store's clock
}

// Log keeps one log per room.
type Log interface {
	// Append stores data as the newest entry of the room and returns its revision. last is the revision of the
	// newest entry the caller knows, 0 when it knows of none.
	//
	// ErrConflict means that the newest entry is another, or that there is one and last is 0. ErrTooLarge means that
	// nothing was tried. After any other error the outcome is unknown: the entry may be stored now, or a moment
	// later; read Last. That includes ErrClosed when Close or Kill came while Append was under way. Append never
	// retries by itself. A cluster may also answer ErrConflict while another append to the room is still under way,
	// which then fails: Last decides here, too.
	Append(ctx context.Context, key Key, data []byte, last uint64) (rev uint64, err error)

	// Last returns the newest entry of the room, or ErrNotFound. An entry whose Append has returned before is seen.
	Last(ctx context.Context, key Key) (Entry, error)

	// Since returns the room's entries that were stored at t or after, oldest first; none is no error.
	// The zero time asks for all of them. Trimmed entries are missing.
	Since(ctx context.Context, key Key, t time.Time) ([]Entry, error)

	// After returns the room's first entries with a revision above rev, at most limit of them (1 at least), oldest first.
	// Fewer than limit mean that there were no more.
	After(ctx context.Context, key Key, rev uint64, limit int) ([]Entry, error)

	// Rooms returns the rooms that have at least one entry, in no particular order.
	Rooms(ctx context.Context) ([]Key, error)

	// Trim forgets the room's entries with a revision below before, but never the newest one.
	Trim(ctx context.Context, key Key, before uint64) error

	// Remove forgets all entries with a revision up to last, for a dismissed room. An entry appended since survives.
	// When none survives, the next Append starts with last 0, and its revision is above all former ones.
	Remove(ctx context.Context, key Key, last uint64) error
}

// Kind says what a topic carries and which fields of [Topic] name it.
type Kind string

// The kinds of topics.
const (
	KindCommand Kind = "cmd"    // to one node: Node
	KindRoom    Kind = "room"   // a room's commits: App, Room
	KindMedia   Kind = "media"  // a room's media: App, Room
	KindLogin   Kind = "login"  // logins and logouts of an app's users: App
	KindOutbox  Kind = "out"    // to who delivers what an app is told: App
	KindFollow  Kind = "follow" // who follows whom from now on: App
	KindNodes   Kind = "nodes"  // to every node: no field
	KindBarrage Kind = "chat"   // a room's chat: App, Room
)

// Topic is an address on the bus. Fields that its kind does not use are ignored.
type Topic struct {
	Kind Kind
	App  signaling.AppID
	Room signaling.RoomID
	Node NodeID
}

// Bus carries messages between nodes, the own node included.
type Bus interface {
	// Publish sends data to all subscribers of t: at most once each, and in the order of this store's calls. It does
	// not wait for anybody. data may be reused after the return. ErrTooLarge and ErrClosed are possible.
	Publish(t Topic, data []byte) error

	// Subscribe calls fn for each message published to t after Subscribe has returned, by whichever node, in order
	// and one at a time, on a goroutine of this subscription. fn may keep data, but not change it (other subscribers
	// may read the same bytes).
	//
	// cancel ends it and waits until a running fn has returned; it must not be called from inside fn. A subscriber
	// that lags behind too far (64 Ki messages or 64 MB) loses the newest, and OnReconnect tells.
	Subscribe(t Topic, fn func(data []byte)) (cancel func(), err error)

	// Request sends data to whoever serves t and waits for the reply, until ctx ends. A ctx without a deadline waits
	// for ever. ErrNoResponder comes at once when nobody serves t.
	// With an error other than ErrNoResponder, ErrTooLarge and ErrClosed the request may have been taken.
	Request(ctx context.Context, t Topic, data []byte) ([]byte, error)

	// Serve answers the requests to t: fn is called as by Subscribe, and must not block. reply may be called later,
	// from any goroutine; the first call counts, further ones and those after Close do nothing.
	// When several serve one topic, one of them gets each request.
	Serve(t Topic, fn func(data []byte, reply func([]byte))) (cancel func(), err error)

	// OnReconnect calls fn after messages may have been lost: the bus was away, or a subscriber of this store lagged
	// behind too far. Several causes may end in one call. fn is called one at a time. cancel as for Subscribe.
	OnReconnect(fn func()) (cancel func())
}

// Nodes says which nodes live.
type Nodes interface {
	// Beat says that id is alive; it counts as alive for [Store.HeartbeatTTL] after this. info is what others read by
	// Alive, at most a few hundred bytes. Beat about three times per TTL.
	Beat(ctx context.Context, id NodeID, info []byte) error

	// Alive returns the nodes that are alive, with what they told about themselves.
	Alive(ctx context.Context) (map[NodeID][]byte, error)

	// Gone ends id at once: a clean leave. An id that is gone or unknown is no error.
	Gone(ctx context.Context, id NodeID) error

	// Watch calls fn once for each node present, and then for each change: first beat, expiry, leave. A beat that only
	// renews tells nothing. fn is called in order, one at a time, on a goroutine of its own. cancel as for Subscribe.
	// An expiry is told within a second after the TTL has run out.
	Watch(fn func(id NodeID, alive bool)) (cancel func(), err error)
}

// Store is one node's access to all of it.
type Store interface {
	Log
	Bus
	Nodes
	Values

	// Outbox is a second log of each room: what the apps' servers are to be told. Its entries end by themselves after
	// [OutboxAge], the newest one too.
	Outbox() Log

	// Audit is a third log of each room: who has done what to it. Its entries end by themselves after [AuditAge], the newest
	// one too, and when there are [AuditEntries] newer ones.
	Audit() Log

	// HeartbeatTTL is how long a beat counts.
	HeartbeatTTL() time.Duration

	// Ready reports why this node must not be counted on yet when another one is stopped; nil when it may be, and from then
	// on. A node that has just started may have to fetch what was stored meanwhile.
	Ready(ctx context.Context) error

	// Close ends all subscriptions, waits for running callbacks and releases everything. It is idempotent, and must
	// not be called from a callback. It does not tell Gone.
	Close() error
}
