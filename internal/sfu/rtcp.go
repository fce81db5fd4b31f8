package sfu

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/rtcp"

	"github.com/openvoiceroom/openvoiceroom/internal/redundancy"
	"github.com/openvoiceroom/openvoiceroom/internal/report"
)

// shareOf is the fixed point of a share.
const shareOf = 1 << 16

// downlink is what is known of the losses on the way to one member: of all its slots, since they have one path.
type downlink struct {
	loss atomic.Uint32 // share in 1/shareOf

	mu       sync.Mutex // guards the following and the slots' reported
	estimate report.Estimate
	own      bool          // the member sends the packet of ours: its receiver reports say less
	counts   report.Counts // summed up from receiver reports
	copies   redundancy.Level
	asking   bucket
	answered time.Time // when sender reports were sent last
	trip     time.Duration
	at, seen time.Time // of the last figures of loss, and of the round trip
}

// uplink is what is known of the losses on the way from one member's microphone. The goroutine that reads it uses it.
type uplink struct {
	reception report.Reception
	estimate  report.Estimate
	schedule  report.Schedule
	recovery  *recovery
	toldLost  uint32
	toldWorst uint32
}

// takeRTCP takes a packet about one of the peer's streams, on the goroutine that decrypts. Packets about several come once
// for each: counts are totals, so that the second time changes nothing.
func (p *Peer) takeRTCP(ssrc uint32, packet []byte) {
	packets, err := rtcp.Unmarshal(packet)
	if err != nil {
		return
	}
	s := p.slotOf(ssrc)
	now := time.Now()
	for _, packet := range packets {
		switch r := packet.(type) {
		case *rtcp.ReceiverReport:
			p.reported(s, r.Reports)
			p.answerReports(r.Reports, now)
		case *rtcp.SenderReport: // of a client that speaks as well
			p.reported(s, r.Reports)
			p.answerReports(r.Reports, now)
		case *rtcp.TransportLayerNack:
			p.ask(s, r, now)
		default:
			if own, ok := report.Read(packet); ok {
				p.down.mu.Lock()
				p.down.own = true
				p.update(own.Counts)
				p.down.mu.Unlock()
			}
		}
	}
}

func (p *Peer) slotOf(ssrc uint32) *slot {
	for _, s := range p.slots {
		if ssrc != 0 && s.ssrc.Load() == ssrc {
			return s
		}
	}
	return nil
}

// reported takes the reports about a slot of a member that sends nothing better.
func (p *Peer) reported(s *slot, reports []rtcp.ReceptionReport) {
	if s == nil {
		return
	}
	d := &p.down
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, r := range reports {
		if d.own || r.SSRC != s.ssrc.Load() {
			continue
		}
		lost := int32(r.TotalLost<<8) >> 8 // 24 bits, signed
		was := s.reported
		s.reported.any, s.reported.high, s.reported.lost = true, r.LastSequenceNumber, lost
		if !was.any || r.LastSequenceNumber == was.high {
			continue
		}
		more := report.Counts{Expected: r.LastSequenceNumber - was.high, Lost: uint32(lost - was.lost)}
		if lost > was.lost {
			// How the losses lie is not told: each for itself, as by chance.
			more.Runs = more.Lost
		}
		d.counts = d.counts.Plus(more)
		p.update(d.counts)
	}
}

// update takes new totals, and lets as many copies go along as the losses ask for. The down-link's lock is held.
func (p *Peer) update(c report.Counts) {
	d := &p.down
	d.at = time.Now()
	d.estimate.Add(c, p.holes())
	loss := d.estimate.Loss()
	d.loss.Store(uint32(loss * shareOf))
	if next := d.copies.Next(d.estimate.Rising(), d.estimate.Burst()); next != d.copies {
		d.copies = next
		for _, s := range p.slots {
			s.copies.Store(uint32(next))
		}
	}
}

// holes returns what the slots never sent.
func (p *Peer) holes() (c report.Counts) {
	for _, s := range p.slots {
		s.mu.Lock()
		c = c.Plus(s.holes)
		s.mu.Unlock()
	}
	return c
}

// report tells a speaker what is lost of its packets, when it is time: on the way here, and at the listeners. Browsers
// take the receiver report, so that it has the worse of the two; the packet of ours tells them apart.
func (p *Peer) report(up *uplink, ssrc uint32, now time.Time) {
	var worst uint32
	news := func() bool {
		worst = p.worstListener()
		return up.reception.Counts().Lost != up.toldLost || worst != up.toldWorst
	}
	if !up.schedule.Due(now, news) {
		return
	}
	worst = p.worstListener()
	c := up.reception.Counts()
	up.toldLost, up.toldWorst = c.Lost, worst
	up.estimate.Add(c, report.Counts{})
	p.measured(up.estimate.Loss(), now)
	block := up.reception.Report(ssrc)
	block.FractionLost = uint8(min(255, max(uint32(up.estimate.Loss()*256), worst*256/shareOf)))
	from := uint32(1)
	if len(p.slots) > 0 {
		from = p.slots[0].ssrc.Load()
	}
	if err := p.pc.WriteRTCP([]rtcp.Packet{
		&rtcp.ReceiverReport{SSRC: from, Reports: []rtcp.ReceptionReport{block}},
		report.Packet{Counts: c, Worst: float64(worst) / shareOf}.RTCP(from),
	}); err != nil {
		p.room.log.Debug("report", "user", p.user, "error", err)
	}
}

// A speaker's redundancy is heard by everybody, so a few cannot ask for all of it: of those who lose most a tenth counts for
// no more than fewAsk. Anybody may report that everything is lost.
const (
	fewOf  = 10
	fewAsk = shareOf / 20
)

// worstListener returns the greatest loss among those who hear this member and whom only the speaker's own redundancy can
// help, but for a few of all who hear it.
func (p *Peer) worstListener() uint32 {
	from, ok := p.room.forward.permitted(p.user)
	if !ok {
		return 0
	}
	var worst uint32
	var with [257]int // listeners by their loss, in 1/256
	few := 0
	for _, place := range from.places() {
		few += len(place.slots)
		for _, s := range place.slots {
			if !s.takesCopies.Load() {
				loss := s.down.loss.Load()
				with[loss>>8]++
				worst = max(worst, loss)
			}
		}
	}
	if few /= fewOf; few == 0 {
		return worst
	}
	rest := len(with) - 1 // the loss of the worst of the others
	for ; rest > 0; rest-- {
		if few -= with[rest]; few < 0 {
			break
		}
	}
	return min(worst, max(fewAsk, uint32(rest)<<8))
}
