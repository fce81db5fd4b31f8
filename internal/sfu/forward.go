package sfu

import (
	"sync/atomic"
	"time"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// forwarder is a room's fan-out: it takes a speaker's packets and writes them to the slots on which the speaker is heard.
// It is the product's cost, so it takes no lock but the speaker's and each slot's own and allocates
// nothing. A packet with copies is packed once for all listeners who need the same ones.
//
// Nothing outside this type knows how packets reach receivers; that is where a batched path can replace pion's.
type forwarder struct {
	routes atomic.Pointer[routes]
	count  *counters
}

// routes says who may be heard and where. It is never changed, only replaced.
type routes map[signaling.UserID]route

// route is one speaker's.
type route struct {
	speaker *speaker
	slots   []*slot
}

func newForwarder(c *counters) *forwarder {
	f := &forwarder{count: c}
	f.routes.Store(&routes{})
	return f
}

// permitted returns the route of a user who may be heard.
func (f *forwarder) permitted(user signaling.UserID) (route, bool) {
	r, ok := (*f.routes.Load())[user]
	return r, ok
}

// permittedBytes is permitted for a user id that is not a string yet; the conversion in an index does not allocate.
func (f *forwarder) permittedBytes(user []byte) (route, bool) {
	r, ok := (*f.routes.Load())[signaling.UserID(user)]
	return r, ok
}

// forward writes one packet to all slots of a route.
func (f *forwarder) forward(r route, p *packet, now time.Time) {
	r.speaker.heard(p, now)
	r.speaker.mu.Lock()
	defer r.speaker.mu.Unlock()
	r.speaker.history.Add(p.stream, p.seq, p.ts, p.payload)
	sent := uint64(0)
	for _, s := range r.slots {
		if why, ok := s.write(r.speaker, p, now); ok {
			sent++
		} else {
			f.count.drop(why)
		}
	}
	f.count.out.Add(sent)
}
