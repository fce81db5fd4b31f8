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
	up       report.Counts // of the microphone, as the server has reported them
}

// reception is one slot's.
type reception struct {
	report.Reception
	ssrc   uint32
	fresh  bool // something has come since the last report
	echo   report.Echo
	origin report.Origin
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
		packets = r.make(p.mic.SSRC(), now)
	}
	r.mu.Unlock()
	if packets != nil {
		p.writeRTCP(packets)
		p.MeasureRoundTrip()
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
func (r *reports) make(from uint32, now time.Time) []rtcp.Packet {
	rr := &rtcp.ReceiverReport{SSRC: from}
	for i := range r.slots {
		if s := &r.slots[i]; s.fresh && len(rr.Reports) < 31 {
			s.fresh = false
			b := s.Report(s.ssrc)
			s.echo.Fill(&b, now)
			rr.Reports = append(rr.Reports, b)
		}
	}
	c := r.counts()
	r.toldLost = c.Lost
	return []rtcp.Packet{rr, report.Packet{Counts: c}.RTCP(from)}
}

// sent takes what the server says that it has sent on a slot.
func (p *Peer) sent(sr *rtcp.SenderReport, now time.Time) {
	r := &p.reports
	r.mu.Lock()
	defer r.mu.Unlock()
	for i := range r.slots {
		if s := &r.slots[i]; s.ssrc == sr.SSRC && s.ssrc != 0 {
			s.echo.Take(sr.NTPTime, now)
			s.origin.Take(sr.PacketCount, s.Counts())
		}
	}
}

// Received returns what has come on a slot since the connection began, and where the rest was lost; known is false while the
// server has not said so.
func (p *Peer) Received(slot int) (c report.Counts, where report.Split, known bool) {
	p.reports.mu.Lock()
	defer p.reports.mu.Unlock()
	s := &p.reports.slots[slot]
	where, known = s.origin.Split()
	return s.Counts(), where, known
}

// Sent returns what the server has received of the microphone since the connection began, as of its last report.
func (p *Peer) Sent() report.Counts {
	p.reports.mu.Lock()
	defer p.reports.mu.Unlock()
	return p.reports.up
}

// RoundTrip returns how long a packet takes to the server and back, 0 until it is known.
func (p *Peer) RoundTrip() time.Duration { return time.Duration(p.trip.Load()) }

// MeasureRoundTrip asks ICE, whose checks every 2 s know it once the connection is up. Before, pion may just be making it,
// and cannot be asked.
func (p *Peer) MeasureRoundTrip() {
	if p.State() != StateConnected {
		return
	}
	if s, ok := p.pc.SCTP().Transport().ICETransport().GetSelectedCandidatePairStats(); ok {
		p.trip.Store(int64(s.CurrentRoundTripTime * float64(time.Second)))
	}
}

// Ask asks the server for packets of a slot that have not come. What it still has comes as copies along with the next
// packet. It may be called from OnPacket.
func (p *Peer) Ask(slot int, seqs []uint16) {
	p.reports.mu.Lock()
	ssrc := p.reports.slots[slot].ssrc
	p.reports.mu.Unlock()
	p.writeRTCP([]rtcp.Packet{&rtcp.TransportLayerNack{
		SenderSSRC: p.mic.SSRC(), MediaSSRC: ssrc, Nacks: rtcp.NackPairsFromSequenceNumbers(seqs),
	}})
}

func (p *Peer) writeRTCP(packets []rtcp.Packet) {
	if err := p.pc.WriteRTCP(packets); err != nil {
		p.cfg.Logger.Debug("report", "error", err)
	}
}

// takeRTCP takes what the server reports about the microphone, on the goroutine that decrypts. The packet of ours says more
// than receiver reports, which are all that another server sends.
func (p *Peer) takeRTCP(_ uint32, packet []byte) {
	packets, err := rtcp.Unmarshal(packet)
	if err != nil {
		return
	}
	for _, packet := range packets {
		if own, ok := report.Read(packet); ok {
			p.own = true
			p.up.Add(own.Counts, report.Counts{})
			p.reports.mu.Lock()
			p.reports.up = own.Counts
			p.reports.mu.Unlock()
			loss := p.up.Loss()
			if p.mic.adapt(p.up.Rising(), p.up.Burst()) {
				loss *= loss // what is left: that a packet and its copy are lost
			}
			p.cfg.OnLoss(max(loss, own.Worst))
		}
		if sr, ok := packet.(*rtcp.SenderReport); ok {
			p.sent(sr, time.Now())
		}
		rr, ok := packet.(*rtcp.ReceiverReport)
		if !ok || p.own {
			continue
		}
		for _, b := range rr.Reports {
			if b.SSRC == p.mic.SSRC() {
				p.cfg.OnLoss(float64(b.FractionLost) / 256)
			}
		}
	}
}
