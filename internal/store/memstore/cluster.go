package memstore

import (
	"errors"
	"sync"
	"time"

	"github.com/openvoiceroom/openvoiceroom/internal/store"
)

// ErrInjected is what Append answers after [Cluster.FailNextAppend]: to the caller, the outcome is unknown.
var ErrInjected = errors.New("memstore: injected fault: no acknowledgement")

// Fault says where an injected fault hits an Append.
type Fault int

// The faults of an Append.
const (
	Before Fault = iota + 1 // the request is lost: nothing is stored
	After                   // the acknowledgement is lost: the entry is stored
)

// Cluster is what its nodes share: the logs, the bus and the heartbeats. Make one with [New].
type Cluster struct {
	// mu guards all below and the queues of the cluster's mailboxes: one lock, so that a commit, its message and a
	// heartbeat have one order for everybody. It is never held while waiting or calling out.
	mu       sync.Mutex
	rev      uint64 // one counter for all rooms, as in a stream: nobody may count on steps of one
	logs     logs
	outbox   logs
	audit    logs
	values   map[store.ValueKey]store.Value
	subs     map[store.Topic][]*mailbox[[]byte]
	serves   map[store.Topic]*servers
	beats    map[store.NodeID]*beat
	watchers map[*mailbox[change]]struct{}
	curious  map[*mailbox[struct{}]]store.Bucket // who watches values
}

// servers take turns in answering one topic.
type servers struct {
	list []*mailbox[*request]
	turn int
}

type beat struct {
	info  []byte
	timer *time.Timer
}

type change struct {
	id    store.NodeID
	alive bool
}

// New returns an empty cluster without nodes. It needs no Close: it owns no goroutine, its nodes do.
func New() *Cluster {
	c := &Cluster{
		logs:     logs{entries: make(map[store.Key][]store.Entry)},
		outbox:   logs{entries: make(map[store.Key][]store.Entry), maxAge: store.OutboxAge},
		audit:    logs{entries: make(map[store.Key][]store.Entry), maxAge: store.AuditAge, most: store.AuditEntries},
		values:   make(map[store.ValueKey]store.Value),
		subs:     make(map[store.Topic][]*mailbox[[]byte]),
		serves:   make(map[store.Topic]*servers),
		beats:    make(map[store.NodeID]*beat),
		watchers: make(map[*mailbox[change]]struct{}),
		curious:  make(map[*mailbox[struct{}]]store.Bucket),
	}
	c.logs.cluster, c.outbox.cluster, c.audit.cluster = c, c, c
	return c
}

// FailNextAppend makes one of the next Appends that would succeed fail, whichever node calls it. Several calls queue.
func (c *Cluster) FailNextAppend(f Fault) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.logs.faults = append(c.logs.faults, f)
}

// FailNextOutboxAppend is FailNextAppend for the outbox.
func (c *Cluster) FailNextOutboxAppend(f Fault) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.outbox.faults = append(c.outbox.faults, f)
}

// FailNextAuditAppend is FailNextAppend for the audit log.
func (c *Cluster) FailNextAuditAppend(f Fault) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.audit.faults = append(c.audit.faults, f)
}

// topic keeps the fields that name a topic of its kind, so that equal addresses are equal keys.
func topic(t store.Topic) store.Topic {
	switch t.Kind {
	case store.KindCommand:
		return store.Topic{Kind: t.Kind, Node: t.Node}
	case store.KindRoom, store.KindMedia, store.KindBarrage:
		return store.Topic{Kind: t.Kind, App: t.App, Room: t.Room}
	case store.KindLogin, store.KindOutbox, store.KindFollow:
		return store.Topic{Kind: t.Kind, App: t.App}
	default:
		return store.Topic{Kind: t.Kind}
	}
}
