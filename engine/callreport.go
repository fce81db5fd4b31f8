package engine

import (
	"math"
	"time"

	"github.com/openvoiceroom/openvoiceroom/audio"
	"github.com/openvoiceroom/openvoiceroom/internal/emodel"
)

// CallReport says how a call went as this user heard it, and why where it went badly: [CallReport.String] in plain words.
// Shares are per cent, from 0 to 100, rounded to two digits behind the point.
type CallReport struct {
	RoomID  RoomID    `json:"roomId"`
	UserID  UserID    `json:"userId"`
	Begin   time.Time `json:"begin"`
	End     time.Time `json:"end"`
	Seconds float64   `json:"rowSeconds"` // that a row is long: 2 in the first eight minutes, then 4, then 8

	Line     []LineRow       `json:"line"`
	Speakers []SpeakerReport `json:"speakers"` // whoever was heard last is last; 50 at most
}

// LineRow is a while of this user's own line.
type LineRow struct {
	Begin     time.Time `json:"begin"`
	Seconds   float64   `json:"seconds"`
	Down      bool      `json:"down,omitempty"` // there was no path to the server
	RoundTrip float64   `json:"roundTripMs"`    // to the server and back; 0: unknown
	Sent      int       `json:"sentPackets"`    // that the server has reported about
	UpLoss    float64   `json:"upLossPercent"`  // of these did not reach the server
	// Unplayed is the share of the time for which the speaker was given nothing because this device had no time for it.
	Unplayed float64 `json:"unplayedPercent"`
}

// SpeakerReport is how one user was heard.
type SpeakerReport struct {
	UserID UserID       `json:"userId"`
	Total  SpeakerRow   `json:"total"`
	Rows   []SpeakerRow `json:"rows"` // in which something came, or should have come
}

// SpeakerRow is a while in which somebody was heard.
type SpeakerRow struct {
	Begin   time.Time `json:"begin"`
	Seconds float64   `json:"seconds"`
	Packets int       `json:"packets"` // that there were to hear

	// SpeakerLoss is the share lost on the speaker's line, as the server said when that last changed much; UpLoss is what
	// repair has left of it, between the speaker and this user's server; DownLoss is lost on this user's own line. Of a
	// server that does not tell them apart all is DownLoss.
	SpeakerLoss float64 `json:"speakerLossPercent"`
	UpLoss      float64 `json:"upLossPercent"`
	DownLoss    float64 `json:"downLossPercent"`
	Late        float64 `json:"latePercent"` // came when their turn was over

	Copies    float64 `json:"copiesPercent"`    // of the frames played came as a copy, sent along or asked for (NACK)
	FEC       float64 `json:"fecPercent"`       // of the frames were played from the coarse copy in the next packet
	Concealed float64 `json:"concealedPercent"` // of the time was made up, or silent for want of a packet

	Buffer float64 `json:"bufferMs"` // what was waited here for packets
	Delay  float64 `json:"delayMs"`  // from mouth to ear, as far as is known, without both ends' sound cards
	Jitter float64 `json:"jitterMs"` // RFC 3550 section 6.4.1
	Drift  float64 `json:"driftPpm"` // by how much the speaker's clock is faster; 0: unknown

	// R is the rating of ITU-T G.107, 93.2 at most; MOS the mean opinion score that it stands for, from 1 to 4.5. They
	// rate delay and what was made up, with values for Opus that are ours.
	R   float64 `json:"r"`
	MOS float64 `json:"mos"`
}

// codecDelay is what is known of the way besides the network and the buffer: a frame has to be full before it is sent, and
// Opus looks 6.5 ms ahead.
const codecDelay = audio.FrameDuration + 6500*time.Microsecond

// CallReport returns the report of this call, also after it has ended. Without a codec it is empty.
func (r *Room) CallReport() CallReport {
	if r.media == nil {
		return CallReport{RoomID: r.id}
	}
	return r.media.watch.report(time.Now())
}

func (w *watch) report(now time.Time) CallReport {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.log.report(now)
}

func (c *callLog) report(now time.Time) CallReport {
	r := CallReport{
		RoomID: c.room, UserID: c.user, Begin: c.began.Round(0), End: c.end.Round(0), Seconds: c.every.Seconds(),
		Line: make([]LineRow, 0, len(c.rows)), Speakers: make([]SpeakerReport, 0, len(c.speakers)),
	}
	if c.end.IsZero() {
		r.End = now.Round(0)
	}
	for _, row := range c.rows {
		r.Line = append(r.Line, row.public())
	}
	for _, s := range c.speakers {
		r.Speakers = append(r.Speakers, s.report(c.rows))
	}
	return r
}

func (r row) public() LineRow {
	l := LineRow{
		Begin: r.begin.Round(0), Seconds: r.length.Seconds(), Down: r.down, RoundTrip: milliseconds(r.trip.Seconds()),
		Sent: int(r.sent), UpLoss: percentOf(r.sentLost, r.sent),
	}
	// One frame more or less is a matter of the moment of the look.
	if missing := r.framesDue - r.frames; missing > 1 {
		l.Unplayed = percentOf(missing, r.framesDue)
	}
	return l
}

func (s *speakerLog) report(own []row) SpeakerReport {
	r := SpeakerReport{UserID: s.user, Rows: make([]SpeakerRow, 0, len(s.rows))}
	var all heardSpan
	var here, there mean // trips, where they are known
	i := 0
	for n, h := range s.rows {
		for i < len(own)-1 && own[i].begin.Before(h.begin) {
			i++
		}
		t := time.Duration(0)
		if i < len(own) {
			t = own[i].trip
		}
		here.add(t.Seconds(), h.weight)
		there.add(h.trip.Seconds(), h.weight)
		r.Rows = append(r.Rows, h.public((t+h.trip).Seconds()/2))
		if n == 0 {
			all = h
		} else {
			all.join(h)
		}
	}
	r.Total = all.public((here.value() + there.value()) / 2)
	return r
}

// mean is of what is above 0.
type mean struct{ sum, weight float64 }

func (m *mean) add(v, weight float64) {
	if v > 0 {
		m.sum, m.weight = m.sum+v*weight, m.weight+weight
	}
}

func (m mean) value() float64 { return m.sum / max(m.weight, 1e-9) }

// public returns a row; network is how long a packet takes from the speaker to here, in seconds.
func (h heardSpan) public(network float64) SpeakerRow {
	r := SpeakerRow{
		Begin: h.begin.Round(0), Seconds: h.length.Seconds(), Packets: int(h.expected),
		SpeakerLoss: percentOf(h.line, h.expected),
		UpLoss:      percentOf(h.never, h.expected), DownLoss: percentOf(h.lost, h.expected), Late: percentOf(h.late, h.expected),
		Drift: math.Round(10*h.drift) / 10,
	}
	frames := h.played + h.fec + h.missing
	r.Copies, r.FEC, r.Concealed = percentOf(h.copies, h.played), percentOf(h.fec, frames), percentOf(h.missing, frames)
	if h.weight > 0 {
		r.Buffer, r.Jitter = milliseconds(h.delay/h.weight), milliseconds(h.jitter/h.weight)
	}
	delay := h.delay/max(h.weight, 1) + network + codecDelay.Seconds()
	r.Delay = milliseconds(delay)
	e := emodel.Line{Delay: time.Duration(delay * float64(time.Second))}
	if frames > 0 {
		e.Lost = h.missing / frames
	}
	if h.gaps > 0 {
		e.Burst = h.missing / h.gaps * (1 - e.Lost) // by chance a gap has 1/(1-share) frames
	}
	r.R, r.MOS = math.Round(10*e.R())/10, math.Round(100*e.MOS())/100
	return r
}

func milliseconds(s float64) float64 { return math.Round(s*1e4) / 10 }

func percentOf(part, whole float64) float64 {
	if whole <= 0 {
		return 0
	}
	return math.Round(min(part/whole, 1)*1e4) / 100
}
