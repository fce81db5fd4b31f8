package sfu

import (
	"encoding/binary"
	"errors"
	"sync"
	"time"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// A relay message carries packets of one node's speakers to the other nodes of a room. Its cost is per message and not per
// packet, so with more than two speakers a tick's packets travel together; one or two go at once, for the tick would delay
// them.
//
// The message is relayVersion, then packets up to its end, all numbers big-endian:
//
//	user   length (1 byte, 1 to 64) and bytes
//	flags  1 byte: 1 marker, 2 the level is valid
//	level  1 byte: voice bit and -dBov, RFC 6464
//	stream 4 bytes: the speaker's SSRC
//	seq    2 bytes
//	ts     4 bytes, 48 kHz
//	opus   length (2 bytes, 1 to 1,200) and bytes
const (
	relayVersion  = 1
	relayTick     = 20 * time.Millisecond
	relayAtOnce   = 2                      // speakers whose packets do not wait
	activeFor     = 100 * time.Millisecond // a speaker counts as active for so long after a packet
	maxRelayBatch = 32 * 1024              // bytes in a message that we send
	maxRelayIn    = 256 * 1024             // bytes in a message that we read
	maxUserLen    = 64                     // bytes
	relayFixed    = 1 + 1 + 1 + 4 + 2 + 4 + 2

	flagMarker = 1
	flagLevel  = 2
)

var errRelay = errors.New("sfu: malformed relay message")

// appendRelay appends one packet to a message, which it begins if b is empty.
func appendRelay(b []byte, user signaling.UserID, p *packet) []byte {
	if len(b) == 0 {
		b = append(b, relayVersion)
	}
	var flags byte
	if p.marker {
		flags |= flagMarker
	}
	if p.hasLevel {
		flags |= flagLevel
	}
	b = append(b, byte(len(user)))
	b = append(b, user...)
	b = append(b, flags, p.level)
	b = binary.BigEndian.AppendUint32(b, p.stream)
	b = binary.BigEndian.AppendUint16(b, p.seq)
	b = binary.BigEndian.AppendUint32(b, p.ts)
	b = binary.BigEndian.AppendUint16(b, uint16(len(p.payload)))
	return append(b, p.payload...)
}

// readRelay calls each for every packet of a message, until one is malformed. User and payload are parts of b; the packet
// is reused.
func readRelay(b []byte, each func(user []byte, p *packet)) error {
	if len(b) < 1 || len(b) > maxRelayIn || b[0] != relayVersion {
		return errRelay
	}
	b = b[1:]
	var p packet
	for len(b) > 0 {
		n := int(b[0])
		if n == 0 || n > maxUserLen || len(b) < n+relayFixed {
			return errRelay
		}
		user, rest := b[1:1+n], b[1+n:]
		size := int(binary.BigEndian.Uint16(rest[12:]))
		if size == 0 || size > maxPayload || len(rest) < 14+size || rest[0]&^(flagMarker|flagLevel) != 0 {
			return errRelay
		}
		p = packet{
			marker: rest[0]&flagMarker != 0, hasLevel: rest[0]&flagLevel != 0, level: rest[1],
			stream: binary.BigEndian.Uint32(rest[2:]), seq: binary.BigEndian.Uint16(rest[6:]), ts: binary.BigEndian.Uint32(rest[8:]),
			payload: rest[14 : 14+size],
		}
		each(user, &p)
		b = rest[14+size:]
	}
	return nil
}

// relay collects a room's local packets for the other nodes.
type relay struct {
	send  func([]byte)
	count *counters

	mu      sync.Mutex // guards the following; held during send, which keeps the order
	closed  bool
	buf     []byte
	packets uint64
	active  []activity
	timer   *time.Timer
	armed   bool
}

// activity is when a speaker last sent.
type activity struct {
	user signaling.UserID
	at   time.Time
}

func newRelay(send func([]byte), c *counters) *relay { return &relay{send: send, count: c} }

// add takes one packet; it is sent before add returns or within a tick.
func (r *relay) add(user signaling.UserID, p *packet, now time.Time) {
	if len(user) == 0 || len(user) > maxUserLen {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return
	}
	r.buf = appendRelay(r.buf, user, p)
	r.packets++
	if r.speaking(user, now) <= relayAtOnce || len(r.buf) > maxRelayBatch-maxPayload-maxUserLen-relayFixed {
		r.flush()
		return
	}
	if r.armed {
		return
	}
	r.armed = true
	if r.timer == nil {
		r.timer = time.AfterFunc(relayTick, r.tick)
	} else {
		r.timer.Reset(relayTick)
	}
}

// speaking notes that user has sent and returns how many speakers are active.
func (r *relay) speaking(user signaling.UserID, now time.Time) int {
	kept, found := r.active[:0], false
	for _, a := range r.active {
		if a.user == user {
			a.at, found = now, true
		}
		if now.Sub(a.at) < activeFor {
			kept = append(kept, a)
		}
	}
	if !found {
		kept = append(kept, activity{user, now})
	}
	r.active = kept
	return len(kept)
}

func (r *relay) tick() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.armed = false
	if !r.closed {
		r.flush()
	}
}

func (r *relay) flush() {
	if len(r.buf) == 0 {
		return
	}
	r.send(r.buf)
	r.count.relayOut.Add(r.packets)
	r.buf, r.packets = r.buf[:0], 0
}

// close ends the relay: send is not called any more once it has returned.
func (r *relay) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.closed = true
	if r.timer != nil {
		r.timer.Stop()
	}
}
