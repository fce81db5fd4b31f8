package report

import (
	"time"

	"github.com/pion/rtcp"
)

// ntpEpoch is how many seconds NTP's time (RFC 5905) begins before Unix'.
const ntpEpoch = 2208988800

// NTP returns a time as 32 bits of seconds and 32 bits of their fraction.
func NTP(t time.Time) uint64 {
	return uint64(t.Unix()+ntpEpoch)<<32 | uint64(t.Nanosecond())<<32/uint64(time.Second)
}

// maxTrip bounds what counts as a round trip: more is a clock that jumped, or a number made up.
const maxTrip = 10 * time.Second

// RoundTrip returns how long it took from a sender report of ours to the block that answers it (RFC 3550 section 6.4.1);
// false if it answers none, or with numbers that cannot be.
func RoundTrip(b rtcp.ReceptionReport, now time.Time) (time.Duration, bool) {
	if b.LastSenderReport == 0 {
		return 0, false
	}
	units := int32(uint32(NTP(now)>>16) - b.LastSenderReport - b.Delay) // of 1/65,536 s
	// A moment less than nothing is what the rounding of three numbers can make of a short line.
	trip := time.Duration(max(units, 0)) * time.Second >> 16
	return trip, units > -4 && trip <= maxTrip
}

// Echo remembers a sender report for the blocks about its stream. The zero value has none.
type Echo struct {
	middle uint32
	at     time.Time
}

// Take notes a sender report.
func (e *Echo) Take(ntp uint64, now time.Time) { e.middle, e.at = uint32(ntp>>16), now }

// Fill tells a block's receiver which of its reports came last and how long ago.
func (e *Echo) Fill(b *rtcp.ReceptionReport, now time.Time) {
	if since := now.Sub(e.at); e.middle != 0 && since >= 0 && since < time.Hour {
		b.LastSenderReport, b.Delay = e.middle, uint32(since<<16/time.Second)
	}
}

// Origin tells apart what of a stream was lost before its sender and what behind it, by the sender's count of packets. It
// counts from the first sender report on. The zero value is ready.
type Origin struct {
	any   bool
	sent  uint32 // at the first report
	first Counts // then
	last  Counts // at the last report
	now   Split
}

// Split is where packets were lost.
type Split struct {
	Expected uint32 // numbers that there were
	Never    uint32 // of these, never sent by the sender: they did not reach it
	Lost     uint32 // of these, sent and not received
}

// Plus adds two streams.
func (s Split) Plus(t Split) Split {
	return Split{s.Expected + t.Expected, s.Never + t.Never, s.Lost + t.Lost}
}

// Take notes the sender's count of packets, beside what has come of the stream so far.
func (o *Origin) Take(sent uint32, c Counts) {
	if !o.any {
		o.any, o.sent, o.first, o.last = true, sent, c, c
	}
	o.now.Expected = c.Expected - o.first.Expected
	// A report and packets that are sent in the same moment pass each other, so that the count may be off by some. Where
	// nothing is missing that was not missing before, it says nothing; and no more than what is.
	never := uint32(max(0, int32(o.now.Expected-(sent-o.sent))))
	switch more := int32(c.Lost - o.last.Lost); {
	case more > 0:
		o.now.Never = min(max(never, o.now.Never), o.now.Never+uint32(more))
	case more < 0:
		o.now.Never = never
	}
	o.now.Lost = uint32(max(0, int32(c.Lost-o.first.Lost-o.now.Never)))
	o.last = c
}

// Split returns what is known since the last report; false before there was one.
func (o *Origin) Split() (Split, bool) { return o.now, o.any }
