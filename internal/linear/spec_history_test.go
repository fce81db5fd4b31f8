package linear

import (
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/stretchr/testify/assert"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// at is one operation of a history written by hand. to 0: nobody said what came of it.
type at struct {
	from, to int64
	op       op
	answer   answer
}

func history(list []at) (h []porcupine.Operation) {
	for _, x := range list {
		if x.to == 0 {
			x.to, x.answer = 1000, answer{unknown: true}
		}
		h = append(h, porcupine.Operation{Input: x.op, Call: x.from, Output: x.answer, Return: x.to})
	}
	return h
}

func refused(e *signaling.Error) answer { return answer{code: e.Code} }

func saw(s ...seat) (a answer) {
	copy(a.seats[:], s)
	return a
}

// TestChecker: a test that has never failed proves nothing. These are the mistakes that it is there to find.
func TestChecker_rejectsWhatMustNotHappen(t *testing.T) {
	ann, bob := op{who: "ann", verb: take}, op{who: "bob", verb: take}
	for name, list := range map[string][]at{
		"one seat for two, one after the other": {
			{1, 2, ann, answer{}},
			{3, 4, bob, answer{}},
		},
		"one seat for two at once": {
			{1, 4, ann, answer{}},
			{2, 3, bob, answer{}},
		},
		"any seat for two, and both got the same": {
			{1, 4, op{who: "ann", verb: take, seat: -1}, answer{}},
			{2, 3, op{who: "bob", verb: take, seat: -1}, answer{}},
		},
		"an acknowledged change is lost": {
			{1, 2, ann, answer{}},
			{3, 4, op{who: "ann", verb: leave}, refused(signaling.ErrNotOnSeat)},
		},
		"an acknowledged change is lost, and only the log shows it": {
			{1, 2, ann, answer{}},
			{3, 4, op{verb: read}, saw()},
		},
		"an acknowledged lock is lost": {
			{1, 2, op{who: owner, verb: lock, on: true}, answer{}},
			{3, 4, bob, answer{}},
		},
		"a command without an answer is carried out twice": {
			{1, 0, ann, answer{}},
			{2, 3, op{verb: read}, saw(seat{who: "ann"})},
			{4, 5, op{who: "ann", verb: leave}, answer{}},
			{6, 7, op{verb: read}, saw(seat{who: "ann"})},
		},
		"a refused command is carried out": {
			{1, 2, op{who: owner, verb: lock, on: true}, answer{}},
			{3, 4, ann, refused(signaling.ErrSeatLocked)},
			{5, 6, op{verb: read}, saw(seat{who: "ann", locked: true})},
		},
		"a deposed home refuses by what it remembers": {
			{1, 2, ann, answer{}},
			{3, 4, op{who: "ann", verb: leave}, answer{}},
			{5, 6, bob, refused(signaling.ErrSeatOccupied)},
		},
		"time runs backwards": {
			{1, 10, ann, answer{}},
			{2, 3, op{verb: read}, saw(seat{who: "ann"})},
			{4, 5, op{verb: read}, saw()},
		},
		"a move leaves somebody behind": {
			{1, 2, ann, answer{}},
			{3, 4, op{who: "ann", verb: move, seat: 2}, answer{}},
			{5, 6, op{verb: read}, saw(seat{who: "ann"}, seat{}, seat{who: "ann"})},
		},
		"somebody silenced is heard": {
			{1, 2, ann, answer{}},
			{3, 4, op{who: owner, verb: mute, on: true}, answer{}},
			{5, 6, op{who: "ann", verb: audio, on: true}, answer{}},
		},
	} {
		assert.Equal(t, porcupine.Illegal, porcupine.CheckOperationsTimeout(specification, history(list), time.Minute), name)
	}
}

func TestChecker_acceptsWhatMayHappen(t *testing.T) {
	ann, bob := op{who: "ann", verb: take}, op{who: "bob", verb: take}
	for name, list := range map[string][]at{
		"one of two at once": {
			{1, 4, ann, refused(signaling.ErrSeatOccupied)},
			{2, 3, bob, answer{}},
		},
		"any seat for two": {
			{1, 4, op{who: "ann", verb: take, seat: -1}, answer{seat: 1}},
			{2, 3, op{who: "bob", verb: take, seat: -1}, answer{}},
		},
		"a command without an answer has happened": {
			{1, 0, ann, answer{}},
			{2, 3, bob, refused(signaling.ErrSeatOccupied)},
		},
		"a command without an answer has not happened": {
			{1, 0, ann, answer{}},
			{2, 3, bob, answer{}},
			{4, 5, op{verb: read}, saw(seat{who: "bob"})},
		},
		"a command without an answer happens late": {
			{1, 0, ann, answer{}},
			{2, 3, op{verb: read}, saw()},
			{4, 5, op{verb: read}, saw(seat{who: "ann"})},
		},
		"either reason of a refusal": {
			{1, 2, ann, answer{}},
			{3, 4, op{who: "ann", verb: take}, refused(signaling.ErrAlreadyOnSeat)},
			{5, 6, op{who: "ann", verb: take}, refused(signaling.ErrSeatOccupied)},
		},
		"the owner's ways": {
			{1, 2, op{who: owner, verb: lock, on: true}, answer{}},
			{3, 4, op{who: owner, verb: take}, answer{}},
			{5, 6, op{who: owner, verb: audio, on: true}, answer{}},
			{7, 8, op{who: owner, verb: lock, on: true}, answer{}},
			{9, 10, op{verb: read}, saw(seat{who: owner, heard: true, locked: true})},
			{11, 12, op{who: owner, verb: mute, seat: 1, on: true}, answer{}},
			{13, 14, op{who: owner, verb: move, seat: 1}, answer{}},
			{15, 16, op{verb: read}, saw(seat{locked: true}, seat{who: owner, muted: true})},
		},
	} {
		assert.Equal(t, porcupine.Ok, porcupine.CheckOperationsTimeout(specification, history(list), time.Minute), name)
	}
}
