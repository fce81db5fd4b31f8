package rtc

import (
	"sync"
	"time"

	"github.com/pion/rtcp"

	"github.com/openvoiceroom/openvoiceroom/internal/report"
)

// reports is what this end tells the server about what it receives. Slots are read on goroutines of their own, so there is
// a lock; the counts are of the connection, which has one path.
type reports struct {
	mu       sync.Mutex // guards the following
	schedule report.Schedule
	slots    []reception // by slot
	toldLost uint32
}

// reception is one slot's.
type reception struct {
	report.Reception
	ssrc  uint32
	fresh bool // something has come since the last report
}

// received counts a packet of a slot and reports to the server when it is time.
func (p *Peer) received(slot int, ssrc uint32, seq uint16, now time.Time) {
	r := &p.reports
	r.mu.Lock()
	s := &r.slots[slot]
	s.ssrc, s.fresh = ssrc, true
	s.Add(seq)
	var packets []rtcp.Packet
	if r.schedule.Due(now, func() bool { return r.counts().Lost != r.toldLost }) {
		packets = r.make(p.mic.SSRC())
	}
	r.mu.Unlock()
	if packets != nil {
		p.writeRTCP(packets)
	}
}

func (r *reports) counts() (c report.Counts) {
	for i := range r.slots {
		c = c.Plus(r.slots[i].Counts())
	}
	return c
}

// make returns a report of what has come since the last one. A receiver report has room for 31 streams; of more, the rest
// is in the totals only. The lock is held.
func (r *reports) make(from uint32) []rtcp.Packet {
	rr := &rtcp.ReceiverReport{SSRC: from}
	for i := range r.slots {
		if s := &r.slots[i]; s.fresh && len(rr.Reports) < 31 {
			s.fresh = false
			rr.Reports = append(rr.Reports, s.Report(s.ssrc))
		}
	}
	c := r.counts()
	r.toldLost = c.Lost
	return []rtcp.Packet{rr, report.Packet{Counts: c}.RTCP(from)}
}

func (p *Peer) writeRTCP(packets []rtcp.Packet) {
	if err := p.pc.WriteRTCP(packets); err != nil {
		p.cfg.Logger.Debug("report", "error", err)
	}
}

// takeRTCP takes what the server reports about the microphone, on the goroutine that decrypts.
func (p *Peer) takeRTCP(ssrc uint32, compound []byte) {
	if ssrc != p.mic.SSRC() {
		return
	}
	packets, err := rtcp.Unmarshal(compound)
	if err != nil {
		return
	}
	loss, heard := 0.0, false
	for _, packet := range packets {
		switch r := packet.(type) {
		case *rtcp.ReceiverReport: // of any server
			for _, b := range r.Reports {
				if b.SSRC == ssrc {
					loss, heard = float64(b.FractionLost)/256, true
				}
			}
		default:
			if own, ok := report.Read(packet); ok {
				p.up.Add(own.Counts, report.Counts{})
				loss, heard = max(p.up.Loss(), own.Worst), true
			}
		}
	}
	if heard {
		p.cfg.OnLoss(loss)
	}
}
