package linear

import (
	"fmt"
	"hash/maphash"
	"slices"
	"strings"

	"github.com/anishathalye/porcupine"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// The rules of seats as docs/protocol.md, section 7, tells them, for a room that is free to take. It is written down a
// second time on purpose: nothing here comes from package room, so the two cannot have one mistake in common.

const (
	seatCount = 4
	owner     = "owner" // the one manager
)

// seat is who sits there and what belongs to the place.
type seat struct {
	who    string // empty: vacant
	heard  bool   // the sitter's audio is on
	locked bool
	muted  bool // nobody is heard from here
}

// seats is the whole state; two are equal when == says so.
type seats [seatCount]seat

// op is one thing that a user asks for. A read asks what the room's log says.
type op struct {
	who  string
	verb verb
	seat int    // take (-1 any), move, lock, mute
	on   bool   // lock, mute, audio
	whom string // kick
}

type verb string

const (
	take  verb = "take"
	leave verb = "leave"
	move  verb = "move"
	kick  verb = "kick"
	lock  verb = "lock"
	mute  verb = "mute"
	audio verb = "audio"
	read  verb = "read"
)

// answer is what came of it. The zero code is a success.
type answer struct {
	unknown bool // nobody said: it happened at some time after the call, or not at all
	code    signaling.Code
	seat    int   // take
	seats   seats // read
}

func (s seats) of(who string) (int, bool) {
	i := slices.IndexFunc(s[:], func(x seat) bool { return x.who == who })
	return i, i >= 0
}

// lowest is the seat that is given to who wants any.
func (s seats) lowest() (int, bool) {
	i := slices.IndexFunc(s[:], func(x seat) bool { return x.who == "" && !x.locked })
	return i, i >= 0
}

// objections are the codes with which o may be refused: one for each reason that there is. Without any it must succeed.
// Which of several reasons is named first is nobody's business here.
func (s seats) objections(o op) (list []signaling.Code) {
	object := func(when bool, e *signaling.Error) {
		if when {
			list = append(list, e.Code)
		}
	}
	at, seated := s.of(o.who)
	switch o.verb {
	case take:
		object(seated, signaling.ErrAlreadyOnSeat)
		if o.seat == -1 {
			_, free := s.lowest()
			object(!free, signaling.ErrAllSeatsOccupied)
			return list
		}
		object(s[o.seat].who != "", signaling.ErrSeatOccupied)
		object(s[o.seat].locked && o.who != owner, signaling.ErrSeatLocked)
	case leave:
		object(!seated, signaling.ErrNotOnSeat)
	case move:
		object(!seated, signaling.ErrNotOnSeat)
		if !seated || at != o.seat {
			object(s[o.seat].who != "", signaling.ErrSeatOccupied)
			object(s[o.seat].locked && o.who != owner, signaling.ErrSeatLocked)
		}
	case kick:
		_, victim := s.of(o.whom)
		object(!victim, signaling.ErrNotOnSeat)
	case audio:
		object(!seated, signaling.ErrNotOnSeat)
		object(seated && o.on && s[at].muted, signaling.ErrSeatAudioLocked)
	}
	return list
}

// after is the room when o has succeeded; index is the seat that a take got.
func (s seats) after(o op) (next seats, index int) {
	at, seated := s.of(o.who)
	switch o.verb {
	case take:
		if index = o.seat; index == -1 {
			index, _ = s.lowest()
		}
		s[index].who = o.who
	case leave:
		s[at].who, s[at].heard = "", false
	case move:
		if at != o.seat {
			s[o.seat].who, s[o.seat].heard = o.who, s[at].heard && !s[o.seat].muted
			s[at].who, s[at].heard = "", false
		}
	case kick:
		at, _ = s.of(o.whom)
		s[at].who, s[at].heard = "", false
	case lock:
		if o.on && !s[o.seat].locked && (!seated || at != o.seat) { // who locks the own seat stays
			s[o.seat].who, s[o.seat].heard = "", false
		}
		s[o.seat].locked = o.on
	case mute:
		s[o.seat].muted = o.on
		s[o.seat].heard = s[o.seat].heard && !o.on
	case audio:
		s[at].heard = o.on
	}
	return s, index
}

// step says whether a room with these seats may answer so, and what it is then. An operation without an answer may
// have succeeded, which is when it changes something, or may happen at the very end, where nobody sees it.
func (s seats) step(o op, a answer) (bool, seats) {
	if o.verb == read {
		return a.unknown || a.seats == s, s
	}
	objections := s.objections(o)
	switch {
	case len(objections) > 0:
		return a.unknown || slices.Contains(objections, a.code), s
	case a.unknown:
		next, _ := s.after(o)
		return true, next
	}
	next, index := s.after(o)
	return a.code == 0 && (o.verb != take || a.seat == index), next
}

var hashSeed = maphash.MakeSeed()

// specification is the above for porcupine.
var specification = porcupine.Model{
	Init: func() any { return seats{} },
	Step: func(state, input, output any) (bool, any) {
		return state.(seats).step(input.(op), output.(answer))
	},
	Hash:                      func(state any) uint64 { return maphash.Comparable(hashSeed, state.(seats)) },
	DescribeOperation:         func(input, output any) string { return fmt.Sprint(input.(op), ": ", output.(answer)) },
	DescribeState:             func(state any) string { return state.(seats).String() },
	DescribeOperationMetadata: func(info any) string { return fmt.Sprint(info) },
}

func (s seats) String() string {
	var list []string
	for _, x := range s {
		text := x.who
		if x.who == "" {
			text = "–"
		}
		for _, note := range []struct {
			on   bool
			text string
		}{{x.heard, " heard"}, {x.locked, " locked"}, {x.muted, " muted"}} {
			if note.on {
				text += note.text
			}
		}
		list = append(list, text)
	}
	return strings.Join(list, " | ")
}

func (o op) String() string {
	text := o.who + " " + string(o.verb)
	switch o.verb {
	case take, move:
		text += fmt.Sprint(" ", o.seat)
	case lock, mute:
		text += fmt.Sprint(" ", o.seat, " ", o.on)
	case audio:
		text += fmt.Sprint(" ", o.on)
	case kick:
		text += " " + o.whom
	}
	return text
}

func (a answer) String() string {
	switch {
	case a.unknown:
		return "?"
	case a.code != 0:
		return a.code.String()
	case a.seats != seats{}:
		return a.seats.String()
	}
	return fmt.Sprint("ok ", a.seat)
}
