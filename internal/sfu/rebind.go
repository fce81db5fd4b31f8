package sfu

import (
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/stun/v4"
	"github.com/pion/webrtc/v4"
)

const (
	pairSilent = time.Second // a selected pair from which nothing came for so long may be left for one that is checked
	maxRemotes = 32          // addresses remembered per peer
)

// rebinder moves a member whose address has changed without its knowledge, as when a NAT forgets a binding. A lite server
// switches only when the client nominates another pair; pion's client notices nothing and never does, so the server would
// send to the old address for ever. The first check from the new address moves it, if the old one has been silent. Without
// that condition a client with two interfaces would be switched to and fro by its own checks.
type rebinder struct {
	mu       sync.Mutex
	selected string
	remotes  map[string]ice.Candidate // by address, the newest of each
}

// bindingRequest is pion's handler; true selects the pair that was checked. It runs inside the ICE agent and must not call
// it.
func (r *rebinder) bindingRequest(_ *stun.Message, _, remote ice.Candidate, _ *ice.CandidatePair) bool {
	addr := net.JoinHostPort(remote.Address(), strconv.Itoa(remote.Port()))
	r.mu.Lock()
	defer r.mu.Unlock()
	known := r.remotes[addr]
	if r.remotes == nil || len(r.remotes) >= maxRemotes && known == nil {
		last := r.remotes[r.selected]
		r.remotes = map[string]ice.Candidate{}
		if last != nil {
			r.remotes[r.selected] = last
		}
	}
	r.remotes[addr] = remote
	selected := r.remotes[r.selected]
	switch {
	case selected == nil:
		// Nothing is selected yet. A nomination that comes later replaces this one: a lite agent obeys every nomination.
	case known != nil && known != remote:
		// The same address as another candidate: an ICE restart, which has deselected the old one. Not to wait for the
		// nomination saves pion's 200 ms on the down-link.
	case addr == r.selected:
		return false
	case time.Since(selected.LastReceived()) <= pairSilent:
		return false
	}
	r.selected = addr
	return true
}

// pairSelected notes what the client has nominated.
func (r *rebinder) pairSelected(p *webrtc.ICECandidatePair) {
	if p == nil || p.Remote == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.selected = net.JoinHostPort(p.Remote.Address, strconv.Itoa(int(p.Remote.Port)))
}
