package engine

import (
	"slices"
	"time"
)

const (
	// maxRows is how many rows a call's report has: of 2 s each for eight minutes, then of 4 s for eight more, and so on.
	maxRows = 240
	// maxHeard is of how many speakers there are rows: the ones heard last.
	maxHeard = 50
)

// callLog is what is written down of a call.
type callLog struct {
	room       RoomID
	user       UserID
	began, end time.Time
	every      time.Duration // a row is as long
	rows       []row
	speakers   []*speakerLog // whoever was heard last is last
}

type speakerLog struct {
	user UserID
	rows []heardSpan
}

// row is a while of the own line.
type row struct {
	begin          time.Time
	length         time.Duration
	down           bool          // without a path at its end
	trip           time.Duration // 0: unknown
	sent, sentLost float64       // packets that the server has reported about
	frames         float64       // played
	framesDue      float64       // that the speaker should have asked for; 0: there is none
}

func (r *row) start() time.Time { return r.begin }

func (r *row) join(s row) {
	r.length = s.begin.Add(s.length).Sub(r.begin)
	r.down = r.down || s.down
	if s.trip > 0 {
		r.trip = s.trip
	}
	r.sent += s.sent
	r.sentLost += s.sentLost
	r.frames += s.frames
	r.framesDue += s.framesDue
}

// heardRow is what came of one speaker in one row.
type heardRow struct {
	user UserID
	hearing
}

// hearing is what came of a speaker, in packets and frames.
type hearing struct {
	expected float64 // numbers that there were
	never    float64 // of these never sent by the server
	lost     float64 // of these lost on the way from the server
	late     float64 // came after they were due
	played   float64 // frames that were there, or came as a copy
	fec      float64 // frames of which the next packet held a coarse copy
	copies   float64 // packets that came as a copy only
	missing  float64 // frames made up, or left silent
	gaps     float64 // in a row
	weight   float64 // of the following two: frames played, and at least 1
	delay    float64 // s: the jitter buffer's
	jitter   float64 // s
	drift    float64 // ppm; 0: unknown
}

type heardSpan struct {
	begin  time.Time
	length time.Duration
	trip   time.Duration // the speaker's; 0: unknown
	line   float64       // share lost on the speaker's line before it was repaired, as the server says, times expected
	hearing
}

func (h *heardSpan) start() time.Time { return h.begin }

func newHeard(was, is sample) (h hearing) {
	n := func(a, b uint64) float64 { return float64(int64(b - a)) }
	h.expected = grown(was.got.Expected, is.got.Expected)
	if is.known {
		h.never, h.lost = grown(was.where.Never, is.where.Never), grown(was.where.Lost, is.where.Lost)
	} else {
		h.lost = grown(was.got.Lost, is.got.Lost)
	}
	a, b := &was.stats, &is.stats
	h.late, h.copies, h.fec = n(a.Late, b.Late), n(a.Copies, b.Copies), n(a.FEC, b.FEC)
	h.played, h.gaps = n(a.Played, b.Played), n(a.Gaps, b.Gaps)
	// What is lost and neither copied nor made up was silence; what fades after the last packet is no loss.
	h.missing = max(0, n(a.Concealed, b.Concealed)-n(a.Faded, b.Faded), n(a.Lost, b.Lost)-h.fec)
	h.weight = max(h.played, 1)
	h.delay, h.jitter, h.drift = b.Delay.Seconds()*h.weight, b.Jitter.Seconds()*h.weight, b.Drift
	return h
}

func (h *hearing) plus(g hearing) {
	h.expected += g.expected
	h.never += g.never
	h.lost += g.lost
	h.late += g.late
	h.fec += g.fec
	h.copies += g.copies
	h.missing += g.missing
	h.gaps += g.gaps
	h.delay += g.delay
	h.jitter += g.jitter
	h.played += g.played
	h.weight += g.weight
	if g.drift != 0 {
		h.drift = g.drift
	}
}

func (h *heardSpan) join(s heardSpan) {
	h.length = s.begin.Add(s.length).Sub(h.begin)
	if s.trip > 0 {
		h.trip = s.trip
	}
	h.line += s.line
	h.plus(s.hearing)
}

func (w *watch) begin(now time.Time, room RoomID, user UserID) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.log = callLog{room: room, user: user, began: now, every: NetworkInterval}
}

func (w *watch) finish(now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.log.end = now
}

// add writes down a look.
func (w *watch) add(r row, list []heardRow) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.log.add(r, list, w.remote)
}

func (c *callLog) add(r row, list []heardRow, remote map[UserID]NetworkInfo) {
	c.rows = put[row, *row](c, c.rows, r)
	for _, h := range list {
		s := c.speaker(h.user)
		s.rows = put[heardSpan, *heardSpan](c, s.rows, heardSpan{
			r.begin, r.length, time.Duration(remote[h.user].Delay) * time.Millisecond,
			float64(remote[h.user].UpLoss) / 100 * h.expected, h.hearing,
		})
	}
	if len(c.rows) <= maxRows {
		return
	}
	c.every *= 2
	c.rows = halve[row, *row](c, c.rows)
	for _, s := range c.speakers {
		s.rows = halve[heardSpan, *heardSpan](c, s.rows)
	}
}

// speaker returns the log of one whom something has just come of.
func (c *callLog) speaker(u UserID) *speakerLog {
	i := slices.IndexFunc(c.speakers, func(s *speakerLog) bool { return s.user == u })
	s := &speakerLog{user: u}
	if i >= 0 {
		s = c.speakers[i]
		c.speakers = slices.Delete(c.speakers, i, i+1)
	}
	c.speakers = append(c.speakers, s)
	if len(c.speakers) > maxHeard {
		c.speakers = slices.Delete(c.speakers, 0, 1)
	}
	return s
}

type span[S any] interface {
	*S
	start() time.Time
	join(S)
}

// put adds what belongs into the last row to that, or another row.
func put[S any, P span[S]](c *callLog, rows []S, s S) []S {
	if n := len(rows); n > 0 {
		last := P(&rows[n-1])
		if last.start().Sub(c.began)/c.every == P(&s).start().Sub(c.began)/c.every {
			last.join(s)
			return rows
		}
	}
	return append(rows, s)
}

// halve puts rows together that belong into one.
func halve[S any, P span[S]](c *callLog, rows []S) []S {
	kept := rows[:0]
	for _, s := range rows {
		kept = put[S, P](c, kept, s)
	}
	return kept
}
