package report

import "time"

const (
	soon   = 500 * time.Millisecond // between reports while something is lost: half a second is 25 packets
	seldom = 5 * time.Second        // between reports when nothing is, as browsers have it for audio
)

// Schedule says when a report is due. It is asked with every packet that comes; without packets there are no reports. The
// zero value is ready.
type Schedule struct{ sent, checked time.Time }

// Due reports whether to send a report now. changed, called at most once, says whether there is news; it is asked now and
// then only.
func (s *Schedule) Due(now time.Time, changed func() bool) bool {
	if s.sent.IsZero() {
		s.sent, s.checked = now, now
		return false
	}
	if now.Sub(s.checked) < soon {
		return false
	}
	s.checked = now
	if now.Sub(s.sent) < seldom && !changed() {
		return false
	}
	s.sent = now
	return true
}
