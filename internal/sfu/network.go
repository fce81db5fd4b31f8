package sfu

import (
	"sync"
	"time"

	"github.com/pion/rtcp"
	"github.com/pion/webrtc/v4"

	"github.com/openvoiceroom/openvoiceroom/internal/netquality"
	"github.com/openvoiceroom/openvoiceroom/internal/report"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

const (
	// answerEvery is how often a member's reports are answered by sender reports at most: clients of ours report twice a
	// second while they lose something, and each answer is as large as the report.
	answerEvery = 250 * time.Millisecond
	// freshFor is how long a figure says something: reports come every 5 s while somebody speaks.
	freshFor = 15 * time.Second
)

// way is what is known of the way from a member's microphone.
type way struct {
	mu   sync.Mutex
	loss float64
	at   time.Time
}

// measured notes the loss on the way from the member, with each report to it: twice a second at most.
func (p *Peer) measured(loss float64, now time.Time) {
	p.up.mu.Lock()
	p.up.loss, p.up.at = loss, now
	p.up.mu.Unlock()
	if p.room.onReport != nil {
		p.room.onReport()
	}
}

// answerReports tells a member what it has been sent on the slots that its reports are about, so that it can tell its own
// line's losses from those before the server; and takes the round trip, which the reports after such an answer give.
func (p *Peer) answerReports(blocks []rtcp.ReceptionReport, now time.Time) {
	d := &p.down
	d.mu.Lock()
	for _, b := range blocks {
		if trip, ok := report.RoundTrip(b, now); ok && p.slotOf(b.SSRC) != nil {
			d.trip, d.seen = trip, now
		}
	}
	due := len(blocks) > 0 && now.Sub(d.answered) >= answerEvery
	if due {
		d.answered = now
	}
	d.mu.Unlock()
	if !due {
		return
	}
	var packets []rtcp.Packet
	for _, b := range blocks {
		if s := p.slotOf(b.SSRC); s != nil && len(packets) < len(p.slots) {
			packets = append(packets, s.report(now))
		}
	}
	if len(packets) == 0 {
		return
	}
	if err := p.pc.WriteRTCP(packets); err != nil {
		p.room.log.Debug("report", "user", p.user, "error", err)
	}
}

// report returns a sender report about what was sent on the slot (RFC 3550 section 6.4.1).
func (s *slot) report(now time.Time) *rtcp.SenderReport {
	s.mu.Lock()
	defer s.mu.Unlock()
	since := min(max(now.Sub(s.lastAt), 0), time.Hour)
	return &rtcp.SenderReport{
		SSRC: s.ssrc.Load(), NTPTime: report.NTP(now), RTPTime: s.lastTS + uint32(since*frameTicks/(20*time.Millisecond)),
		PacketCount: uint32(s.sent), OctetCount: s.octets,
	}
}

// Network returns what is known of the line of a user who has media here; false for others.
func (r *Room) Network(u signaling.UserID) (netquality.Figures, bool) {
	r.mu.Lock()
	p := r.newest[u]
	r.mu.Unlock()
	if p == nil {
		return netquality.Nothing(), false
	}
	return p.network(time.Now()), true
}

func (p *Peer) network(now time.Time) netquality.Figures {
	f := netquality.Nothing()
	switch p.pc.ConnectionState() {
	case webrtc.PeerConnectionStateDisconnected, webrtc.PeerConnectionStateFailed:
		f.Down = true
		return f
	}
	p.up.mu.Lock()
	if now.Sub(p.up.at) < freshFor {
		f.UpLoss = p.up.loss
	}
	p.up.mu.Unlock()
	d := &p.down
	d.mu.Lock()
	defer d.mu.Unlock()
	if now.Sub(d.at) < freshFor {
		f.DownLoss = d.estimate.Loss()
	}
	if now.Sub(d.seen) < freshFor {
		f.RoundTrip = d.trip
	}
	return f
}
