package linear

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/anishathalye/porcupine"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/internal/home"
)

// summary is what a history is made of.
type summary struct{ total, refused, unknown, most, takeovers int }

// finish ends the history: with a read of the log when all is over, and what nobody knows may happen until after that.
func (r *scene) finish() (s summary) {
	t := r.w.t
	call := r.w.now()
	last, err := r.w.server.Last(t.Context(), r.key)
	require.NoError(t, err)
	var e home.Entry
	require.NoError(t, json.Unmarshal(last.Data, &e))
	r.record(userCount, "", op{who: "log", verb: read}, call, answer{seats: seatsOf(e.State)})
	end := r.w.now() + 1
	for _, i := range r.open {
		r.history[i].Return = end
	}
	s = summary{total: len(r.history), unknown: len(r.open), takeovers: int(e.Epoch) - 1}
	for _, o := range r.history {
		if o.Output.(answer).code != 0 {
			s.refused++
		}
		atOnce := 0
		for _, p := range r.history {
			if !p.Output.(answer).unknown && p.Call <= o.Call && o.Call < p.Return {
				atOnce++
			}
		}
		s.most = max(s.most, atOnce)
	}
	return s
}

// check is where all of it is for.
func (r *scene) check() {
	t := r.w.t
	result, info := porcupine.CheckOperationsVerbose(specification, r.history, 20*time.Second)
	if result == porcupine.Ok {
		return
	}
	if result == porcupine.Unknown {
		t.Errorf("%s: the checker did not come to an end; the history has too many operations at once, or too many without an answer", r.key.Room)
	} else {
		t.Errorf("%s: no order of these operations explains what was answered", r.key.Room)
	}
	r.explain(info)
	info.AddAnnotations(r.notes)
	picture, err := os.CreateTemp("", "linear-"+string(r.key.Room)+"-*.html")
	if assert.NoError(t, err) {
		assert.NoError(t, porcupine.Visualize(specification, info, picture))
		assert.NoError(t, picture.Close())
		t.Logf("%s: the history as a picture: %s", r.key.Room, picture.Name())
	}
}

// explain logs where the longest order that the checker found comes to its end: what it ended with, the seats then, and
// the answers that came first among those that do not fit.
func (r *scene) explain(info porcupine.LinearizationInfo) {
	var longest []int
	for _, ids := range slices.Concat(info.PartialLinearizations()...) {
		if len(ids) > len(longest) {
			longest = ids
		}
	}
	line := func(o porcupine.Operation) string {
		return fmt.Sprintf("%12v to %12v at %s: %s", time.Duration(o.Call), time.Duration(o.Return), o.Metadata, specification.DescribeOperation(o.Input, o.Output))
	}
	rest := map[int]bool{}
	for i := range r.history {
		rest[i] = true
	}
	var text strings.Builder
	state := specification.Init()
	for i, id := range longest {
		delete(rest, id)
		_, state = specification.Step(state, r.history[id].Input, r.history[id].Output)
		if i >= len(longest)-10 {
			fmt.Fprintln(&text, line(r.history[id]))
		}
	}
	fmt.Fprintf(&text, "then the seats are %v, and there is no place for\n", state)
	left := slices.SortedFunc(maps.Keys(rest), func(a, b int) int { return cmp.Compare(r.history[a].Return, r.history[b].Return) })
	for _, id := range left[:min(len(left), 5)] {
		fmt.Fprintln(&text, line(r.history[id]))
	}
	r.w.t.Logf("%s: %d of %d operations can be put in order, at the end of it\n%s", r.key.Room, len(longest), len(r.history), &text)
}
