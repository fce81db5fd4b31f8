package sfu

import (
	"sync/atomic"
	"time"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// forwarder is a room's fan-out: it takes a speaker's packets and writes them to the slots on which the speaker is heard,
// in this room and in those that are connected with it. It is the product's cost, so it takes no lock but the speaker's and
// each slot's own and allocates nothing. A packet with copies is packed once for all listeners who need the same ones.
//
// Nothing outside this type knows how packets reach receivers; that is where a batched path can replace pion's.
type forwarder struct {
	routes atomic.Pointer[routes]
	count  *counters
}

// routes are those who may be heard. It is never changed, only replaced. Where they are heard is in the speakers: each
// room that hears one changes its own part of that.
type routes map[signaling.UserID]*speaker

func newForwarder(c *counters) *forwarder {
	f := &forwarder{count: c}
	f.routes.Store(&routes{})
	return f
}

// permitted returns a user who may be heard.
func (f *forwarder) permitted(user signaling.UserID) (*speaker, bool) {
	s, ok := (*f.routes.Load())[user]
	return s, ok
}

// permittedBytes is permitted for a user id that is not a string yet; the conversion in an index does not allocate.
func (f *forwarder) permittedBytes(user []byte) (*speaker, bool) {
	s, ok := (*f.routes.Load())[signaling.UserID(user)]
	return s, ok
}

// forward writes one packet to all slots on which its speaker is heard.
func (f *forwarder) forward(from *speaker, p *packet, now time.Time) {
	from.heard(p, now)
	from.mu.Lock()
	defer from.mu.Unlock()
	from.history.Add(p.stream, p.seq, p.ts, p.payload)
	sent := uint64(0)
	for _, place := range from.places() {
		for _, s := range place.slots {
			if why, ok := s.write(from, p, now); ok {
				sent++
			} else {
				f.count.drop(why)
			}
		}
	}
	f.count.out.Add(sent)
}
