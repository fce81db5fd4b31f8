package sfu

import (
	"time"

	"github.com/pion/interceptor"
)

const drainEvery = 10 * time.Second

// drainRTCP throws away the reports that members send about the slots and their microphones. Nobody reads them yet, but
// pion keeps up to 100 kB of them for each; one goroutine for all peers costs less than one for each stream.
func (s *SFU) drainRTCP() {
	ticker := time.NewTicker(drainEvery)
	defer ticker.Stop()
	buf := make([]byte, receiveMTU)
	for {
		select {
		case <-ticker.C:
		case <-s.stop:
			return
		}
		for _, p := range s.allPeers() {
			p.drainRTCP(buf)
		}
	}
}

func (s *SFU) allPeers() []*Peer {
	s.mu.Lock()
	defer s.mu.Unlock()
	var peers []*Peer
	for r := range s.rooms {
		r.mu.Lock()
		for p := range r.peers {
			peers = append(peers, p)
		}
		r.mu.Unlock()
	}
	return peers
}

// drainRTCP empties the buffers of one peer and returns how many reports there were.
func (p *Peer) drainRTCP(buf []byte) int {
	n := 0
	for _, t := range p.pc.GetTransceivers() {
		sender := t.Sender()
		if sender == nil {
			continue
		}
		// Before the first packet pion has no buffer either, and asking for one would wait for the connection.
		if s, ok := sender.Track().(*slot); ok && s.wrote() {
			n += drain(sender, buf)
		}
	}
	p.mu.Lock()
	mic := p.mic
	p.mu.Unlock()
	if mic != nil {
		n += drain(mic, buf)
	}
	return n
}

// drain reads what is there.
func drain(r interface {
	SetReadDeadline(time.Time) error
	Read([]byte) (int, interceptor.Attributes, error)
}, buf []byte) int {
	// A deadline that has passed reads nothing, so it lies a moment ahead.
	if r.SetReadDeadline(time.Now().Add(100*time.Microsecond)) != nil {
		return 0
	}
	for n := 0; ; n++ {
		if _, _, err := r.Read(buf); err != nil {
			return n
		}
	}
}

// wrote reports whether the slot has sent anything.
func (s *slot) wrote() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.writer != nil && s.sent > 0
}
