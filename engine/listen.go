package engine

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/openvoiceroom/openvoiceroom/audio"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// Packet is 20 ms of what somebody says, encoded: as it came from the network, or as it goes there.
type Packet struct {
	RoomID    RoomID // the connected room in which User speaks, "" for this one
	User      UserID
	Timestamp uint32 // at 48 kHz; of one user it goes on by 960 a packet, until another Stream begins
	Stream    uint32 // what Timestamp counts in; another number means that it cannot be compared with those before
	Payload   []byte // valid until the function returns
}

// TapPackets has f called with every packet that is heard in this room, one's own included, until remove is called. Packets come as they
// come: out of order, and twice where copies repair losses. f is called by those who receive and send, several at once, and
// must return soon: it may keep nothing but copies. Nothing is decoded for it, so it works without a codec.
func (r *Room) TapPackets(f func(Packet)) (remove func()) {
	if r.media == nil {
		return func() {}
	}
	return r.media.taps.add(f)
}

// taps are the functions that packets are shown to.
type taps struct {
	list atomic.Pointer[[]*func(Packet)]

	mu sync.Mutex // protects the change of list
}

func (t *taps) add(f func(Packet)) (remove func()) {
	t.change(func(list []*func(Packet)) []*func(Packet) { return append(list, &f) })
	return func() {
		t.change(func(list []*func(Packet)) []*func(Packet) {
			return slices.DeleteFunc(list, func(other *func(Packet)) bool { return other == &f })
		})
	}
}

func (t *taps) change(next func([]*func(Packet)) []*func(Packet)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var list []*func(Packet)
	if old := t.list.Load(); old != nil {
		list = slices.Clone(*old)
	}
	if list = next(list); len(list) == 0 {
		t.list.Store(nil)
		return
	}
	t.list.Store(&list)
}

// show calls the functions. Without any it costs one load.
func (t *taps) show(speaker func() who, stream, ts uint32, payload []byte) {
	list := t.list.Load()
	if list == nil {
		return
	}
	w := speaker()
	p := Packet{RoomID: w.room, User: w.user, Timestamp: ts, Stream: stream, Payload: payload}
	if p.User == "" {
		return
	}
	for _, f := range *list {
		(*f)(p)
	}
}

// Listen returns what one user says whom this room lets be heard, of a connected room too, as a stream that holds as much sound as capacity, in the speaker's
// channels: a frame every 20 ms, silent ones included, from the moment when it is started until the room is over, stop is
// called or the speaker fails; then it ends with io.EOF. Volumes and mutes do not change it. It needs a Config.Speaker, which sets the pace:
// audio.NewNullSink is one for bots ([ErrInvalidParameter] without).
func (r *Room) Listen(u UserID, capacity time.Duration) (s *audio.Stream, stop func(), err error) {
	if r.media == nil || r.eng.cfg.Speaker == nil {
		return nil, nil, signaling.WithOp("Listen", signaling.Errorf(ErrInvalidParameter.Code,
			"Config.Speaker is missing: it sets the pace at which is decoded; a bot takes audio.NewNullSink(1)"))
	}
	l := &listener{user: u, stream: audio.NewStream(r.eng.cfg.Speaker.Channels(), capacity)}
	if !r.media.listeners.add(l) {
		l.stream.End()
	}
	return l.stream, func() { r.media.listeners.remove(l) }, nil
}

// listener is one stream.
type listener struct {
	user   UserID
	stream *audio.Stream
	fed    bool // in this round; the player's
}

// listeners are the streams of a room.
type listeners struct {
	list atomic.Pointer[[]*listener]

	mu   sync.Mutex // protects what follows and the change of list
	over bool
}

// add is false when the room is over.
func (l *listeners) add(n *listener) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over {
		return false
	}
	list := []*listener{n}
	if old := l.list.Load(); old != nil {
		list = append(slices.Clone(*old), n)
	}
	l.list.Store(&list)
	return true
}

func (l *listeners) remove(n *listener) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n.stream.End()
	old := l.list.Load()
	if old == nil {
		return
	}
	list := slices.DeleteFunc(slices.Clone(*old), func(other *listener) bool { return other == n })
	l.list.Store(&list)
}

// end ends all streams: the room is over.
func (l *listeners) end() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.over = true
	if old := l.list.Swap(nil); old != nil {
		for _, n := range *old {
			n.stream.End()
		}
	}
}

// feed gives a frame of one user to who listens to that one.
func (l *listeners) feed(u UserID, f audio.Frame) {
	list := l.list.Load()
	if list == nil {
		return
	}
	for _, n := range *list {
		if n.user == u && !n.fed {
			n.fed = n.stream.Put(f) == nil
		}
	}
}

// rest gives silence to those whose user has said nothing in this round, and begins the next.
func (l *listeners) rest(silence audio.Frame) {
	list := l.list.Load()
	if list == nil {
		return
	}
	for _, n := range *list {
		if !n.fed {
			_ = n.stream.Put(silence) // its channels are the player's
		}
		n.fed = false
	}
}
