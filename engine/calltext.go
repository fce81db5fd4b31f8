package engine

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// From here on something is worth a word. Of 100 packets, which one speaker sends in the 2 s of a row, two are the least
// that is no accident; a device that is late for a tenth of a second is heard; packets that come 20 ms off on the average
// need more delay than there is in any case; 300 ms from mouth to ear is where talkers begin to fall into each other's
// words (ITU-T G.114 has 400 as its limit).
const (
	wordLoss     = 2.0 // per cent
	wordLate     = 2.0
	wordMadeUp   = 2.0
	wordUnplayed = 5.0
	wordJitter   = 20.0 // ms
	wordBuffer   = 80.0
	wordDelay    = 300.0
	wordWay      = 200.0 // of these: else it is not the way that is long
	wordPackets  = 25    // fewer say nothing

	// repairJitter is how much jitter a per cent lost on the speaker's line makes at most, in ms. What the server repairs is
	// up to 140 ms late (the copy of the 7th packet before): 2.8 ms of mean deviation, and in rows twice that.
	repairJitter = 6.0

	// What explains a gap that nothing else does.
	hintUnplayed = 1.0 // per cent
	hintJitter   = 5.0 // ms
)

// cause is what went wrong.
type cause int

const (
	noPath       cause = iota // this user's media connection was gone
	ownDevice                 // this device had no time to play
	ownUp                     // lost on the way from this user
	ownDown                   // lost on the way to this user
	ownIrregular              // everybody came irregularly
	theirUp                   // lost on the way from the speaker
	irregular                 // a speaker came irregularly
	far                       // a long way
	unexplained               // made up, and none of these
)

// trouble is a while of one cause.
type trouble struct {
	cause      cause
	who        UserID // "" where it is this user's own
	begin, end time.Time

	packets, lost float64
	worst         float64            // ms: the longest delay or buffer
	jitter        float64            // ms: the greatest
	seconds       map[UserID]float64 // heard meanwhile
	madeUp        map[UserID]float64 // seconds of these
}

// String says in plain words how the call was heard, what was wrong, and when.
func (r CallReport) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s in room %s, %s to %s\n", r.UserID, r.RoomID, r.Begin.Format(time.TimeOnly), r.End.Format(time.TimeOnly))
	for _, s := range r.Speakers {
		t := s.Total
		fmt.Fprintf(&b, "%s: MOS %.1f (R %.0f), %.0f ms from mouth to ear, %s %% lost, %s %% made up\n",
			s.UserID, t.MOS, t.R, t.Delay, share(t.UpLoss+t.DownLoss), share(t.Concealed))
	}
	list := r.troubles()
	if len(r.Speakers) == 0 {
		b.WriteString("Nobody was heard.\n")
	}
	if len(list) == 0 {
		b.WriteString("Nothing was wrong.\n")
	}
	for _, t := range list {
		fmt.Fprintf(&b, "%s-%s: %s\n", t.begin.Format(time.TimeOnly), t.end.Format(time.TimeOnly), t.words())
	}
	return b.String()
}

// troubles returns what was wrong, in the order of time.
func (r CallReport) troubles() []*trouble {
	var list []*trouble
	open := map[string]*trouble{}
	note := func(c cause, who UserID, begin time.Time, seconds float64) *trouble {
		key := fmt.Sprint(c, " ", who)
		end := begin.Add(time.Duration(seconds * float64(time.Second)))
		t := open[key]
		// Two rows in which nothing was wrong do not end it.
		if t == nil || begin.Sub(t.end) > time.Duration(2.5*r.Seconds*float64(time.Second)) {
			t = &trouble{cause: c, who: who, begin: begin, seconds: map[UserID]float64{}, madeUp: map[UserID]float64{}}
			open[key] = t
			list = append(list, t)
		}
		if end.After(t.end) {
			t.end = end
		}
		return t
	}
	for _, l := range r.Line {
		if l.Down {
			note(noPath, "", l.Begin, l.Seconds)
		}
		if l.Unplayed >= wordUnplayed {
			note(ownDevice, "", l.Begin, l.Seconds).add(l.Seconds, l.Unplayed)
		}
		if l.UpLoss >= wordLoss && l.Sent >= wordPackets {
			note(ownUp, "", l.Begin, l.Seconds).add(float64(l.Sent), l.UpLoss)
		}
	}
	for _, m := range r.moments() {
		m.judge(note)
	}
	slices.SortStableFunc(list, func(a, b *trouble) int {
		return cmp.Or(a.begin.Compare(b.begin), cmp.Compare(a.cause, b.cause), cmp.Compare(a.who, b.who))
	})
	return list
}

func (t *trouble) add(n, percent float64) { t.packets, t.lost = t.packets+n, t.lost+n*percent/100 }

// moment is what was heard at one time, of all speakers.
type moment struct {
	unplayed float64
	gone     bool // this user had no path, or has just got it back
	users    []UserID
	rows     []SpeakerRow
}

// moments returns the rows of all speakers by their time.
func (r CallReport) moments() []moment {
	if r.Seconds <= 0 {
		return nil
	}
	index := func(t time.Time) int { return int(t.Sub(r.Begin).Seconds() / r.Seconds) }
	at := map[int]*moment{}
	for _, s := range r.Speakers {
		for _, row := range s.Rows {
			i := index(row.Begin)
			if at[i] == nil {
				at[i] = &moment{}
			}
			at[i].users, at[i].rows = append(at[i].users, s.UserID), append(at[i].rows, row)
		}
	}
	gone := false
	for _, l := range r.Line {
		if m := at[index(l.Begin)]; m != nil {
			m.unplayed, m.gone = l.Unplayed, l.Down || gone
		}
		gone = l.Down
	}
	var list []moment
	for _, i := range slices.Sorted(maps.Keys(at)) {
		list = append(list, *at[i])
	}
	return list
}

// judge notes what was wrong at a moment.
func (m moment) judge(note func(c cause, who UserID, begin time.Time, seconds float64) *trouble) {
	if m.gone {
		return // that says it
	}
	packets, lost, uneven := 0.0, 0.0, 0
	for _, row := range m.rows {
		packets += float64(row.Packets)
		lost += float64(row.Packets) * row.DownLoss / 100
		if row.uneven() {
			uneven++
		}
	}
	lossy := packets >= wordPackets && 100*lost/packets >= wordLoss
	all := uneven > 1 && uneven == len(m.rows)
	for i, row := range m.rows {
		slow := m.unplayed >= wordUnplayed
		u, explained := m.users[i], slow
		say := func(c cause, who UserID) *trouble {
			explained = true
			t := note(c, who, row.Begin, row.Seconds)
			t.seconds[u] += row.Seconds
			t.madeUp[u] += row.Seconds * row.Concealed / 100
			t.worst, t.jitter = max(t.worst, row.Buffer), max(t.jitter, row.Jitter)
			return t
		}
		if lossy && row.Packets > 0 {
			say(ownDown, "").add(float64(row.Packets), row.DownLoss)
		}
		theirs := row.uneven() || row.UpLoss >= wordLoss || row.Concealed >= wordMadeUp && !lossy
		switch {
		// What the server has repaired comes late: it looks irregular.
		case row.Packets >= wordPackets && theirs && row.lostBefore():
			say(theirUp, u).add(float64(row.Packets), max(row.SpeakerLoss, row.UpLoss))
		case row.uneven() && slow: // whoever does not play in time is late himself, and not the packets
		case row.uneven() && all:
			say(ownIrregular, "").add(float64(row.Packets), row.Late)
		case row.uneven():
			say(irregular, u).add(float64(row.Packets), row.Late)
		case row.Delay >= wordDelay && row.Delay-row.Buffer >= wordWay:
			t := say(far, u)
			t.worst = max(t.worst, row.Delay)
		}
		if explained || row.Concealed < wordMadeUp || row.Packets < wordPackets {
			continue
		}
		switch {
		case m.unplayed >= hintUnplayed:
			say(ownDevice, "").add(row.Seconds, m.unplayed)
		case row.Jitter >= hintJitter:
			say(irregular, u).add(float64(row.Packets), row.Late)
		default:
			say(unexplained, u)
		}
	}
}

// lostBefore reports whether losses on the speaker's line explain what is heard, and jitter too if there is any.
func (r SpeakerRow) lostBefore() bool {
	if max(r.SpeakerLoss, 2*r.UpLoss) < wordLoss {
		return false
	}
	return r.Jitter <= max(hintJitter, repairJitter*max(r.SpeakerLoss, r.UpLoss))
}

// uneven reports whether packets came irregularly enough to be heard, or waited for.
func (r SpeakerRow) uneven() bool {
	return r.Packets >= wordPackets && (r.Late >= wordLate && r.Late > r.UpLoss+r.DownLoss || r.Jitter >= wordJitter && r.Buffer >= wordBuffer)
}

// words says it.
func (t *trouble) words() string {
	lost := 0.0
	if t.packets > 0 {
		lost = 100 * t.lost / t.packets
	}
	switch t.cause {
	case noPath:
		return "your connection for media was gone: you heard nobody, and nobody heard you."
	case ownDevice:
		return fmt.Sprintf("this device was too slow: for %s %% of the time it had nothing ready to play.", share(lost))
	case ownUp:
		return fmt.Sprintf("%s %% of your packets were lost on the way to the server; others may have heard gaps.", share(lost))
	case ownDown:
		return fmt.Sprintf("%s %% of the packets were lost on the way to you, on your own line; %s.", share(lost), t.made())
	case ownIrregular:
		return fmt.Sprintf("packets came irregularly from everybody, by %.0f ms, so probably on your own line: up to %.0f ms were waited for them; %s.", t.jitter, t.worst, t.made())
	case theirUp:
		return fmt.Sprintf("%s %% of the packets from %s were lost between %s and the server; %s.", share(lost), t.who, t.who, t.made())
	case irregular:
		return fmt.Sprintf("packets from %s came irregularly, by %.0f ms: up to %.0f ms were waited for them; %s.", t.who, t.jitter, t.worst, t.made())
	case far:
		return fmt.Sprintf("what %s said took up to %.0f ms from mouth to ear: the way is long.", t.who, t.worst)
	}
	return t.made() + ", and no loss, delay or slowness says why."
}

// made says how much was made up of what was said meanwhile.
func (t *trouble) made() string {
	var parts []string
	for _, u := range slices.Sorted(maps.Keys(t.seconds)) {
		if percent := 100 * t.madeUp[u] / t.seconds[u]; percent >= 0.05 {
			parts = append(parts, fmt.Sprintf("%s %% of what %s said", share(percent), u))
		}
	}
	switch {
	case len(parts) == 0:
		return "nothing was made up"
	case len(parts) == 1:
		return parts[0] + " was made up"
	}
	return strings.Join(parts[:len(parts)-1], ", ") + " and " + parts[len(parts)-1] + " were made up"
}

// share is a share in words: whole per cents from 10 on.
func share(percent float64) string {
	if percent >= 10 {
		return fmt.Sprintf("%.0f", percent)
	}
	return fmt.Sprintf("%.1f", percent)
}
