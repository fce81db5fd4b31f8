package engine

import (
	"cmp"
	"math"
	"slices"
	"time"
)

const (
	// GiftLineTime is how long a line of a [GiftStrip] stays behind the newest gift in it.
	GiftLineTime = 3 * time.Second
	// maxGiftsWaiting bounds the lines that wait for a free row. In a shower of gifts the least of them are passed over.
	maxGiftsWaiting = 50
)

// GiftLine is one line of a [GiftStrip]: the gifts of one kind that somebody gives somebody, one soon after the other.
type GiftLine struct {
	Sender, Receiver UserInfo
	Gift             GiftInfo
	Count            int64     // so far
	Row              int       // from 0; a line stays in its row
	Until            time.Time // when it goes, unless another gift comes

	combo uint64
}

func (l GiftLine) coins() int64 {
	if l.Gift.Coins > 0 && l.Count > math.MaxInt64/l.Gift.Coins {
		return math.MaxInt64
	}
	return l.Count * l.Gift.Coins
}

// GiftStrip says how the gifts of a room are shown in a few rows: those of one combo are one line with a growing count, a
// line goes when nothing has been added to it for [GiftLineTime], and the next ones wait until a row is free (the vendor's
// interfaces merge and queue alike; they play gifts with a ResourceURL full screen instead). It draws nothing and knows no
// clock, and is not to be used from several goroutines at once: callbacks are one.
type GiftStrip struct {
	rows    []GiftLine // by row; Count is 0 where there is none
	waiting []GiftLine // in the order in which they began
}

// NewGiftStrip makes a strip of so many rows, 1 at least.
func NewGiftStrip(rows int) *GiftStrip { return &GiftStrip{rows: make([]GiftLine, max(rows, 1))} }

// Add shows a gift.
func (s *GiftStrip) Add(g GiftReceived, now time.Time) {
	line := GiftLine{Sender: g.Sender, Receiver: g.Receiver, Gift: g.Gift, Count: g.ComboCount, combo: g.ComboID}
	if line.Count == 0 || line.combo == 0 { // a server that counts no combos
		line.Count = int64(max(g.Count, 1))
	}
	for _, list := range [][]GiftLine{s.rows, s.waiting} {
		if i := slices.IndexFunc(list, func(l GiftLine) bool { return l.Count > 0 && l.combo != 0 && l.combo == line.combo }); i >= 0 {
			list[i].Count = max(list[i].Count, line.Count)
			if !list[i].Until.IsZero() {
				list[i].Until = now.Add(GiftLineTime)
			}
			return
		}
	}
	s.waiting = append(s.waiting, line)
	s.fill(now)
	if len(s.waiting) > maxGiftsWaiting {
		least := 0
		for i, l := range s.waiting {
			if cmp.Less(l.coins(), s.waiting[least].coins()) {
				least = i
			}
		}
		s.waiting = slices.Delete(s.waiting, least, least+1)
	}
}

// fill gives free rows to who waits.
func (s *GiftStrip) fill(now time.Time) {
	for row := range s.rows {
		if s.rows[row].Count == 0 && len(s.waiting) > 0 {
			s.rows[row] = s.waiting[0]
			s.rows[row].Row, s.rows[row].Until = row, now.Add(GiftLineTime)
			s.waiting = slices.Delete(s.waiting, 0, 1)
		}
	}
}

// Advance takes away the lines whose time is over, gives their rows to those that wait, and returns the former, by rows.
func (s *GiftStrip) Advance(now time.Time) (ended []GiftLine) {
	for row, l := range s.rows {
		if l.Count > 0 && !now.Before(l.Until) {
			ended = append(ended, l)
			s.rows[row] = GiftLine{}
		}
	}
	s.fill(now)
	return ended
}

// Lines returns what is shown now, by rows.
func (s *GiftStrip) Lines() []GiftLine {
	return slices.DeleteFunc(slices.Clone(s.rows), func(l GiftLine) bool { return l.Count == 0 })
}

// Next returns when [GiftStrip.Advance] has something to do, if no gift comes before; the zero time: never.
func (s *GiftStrip) Next() (at time.Time) {
	for _, l := range s.rows {
		if l.Count > 0 && (at.IsZero() || l.Until.Before(at)) {
			at = l.Until
		}
	}
	return at
}
