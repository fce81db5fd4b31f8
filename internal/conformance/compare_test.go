package conformance

import (
	"bytes"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func decode(t *testing.T, text string) (v any) {
	t.Helper()
	d := json.NewDecoder(bytes.NewBufferString(text))
	d.UseNumber()
	require.NoError(t, d.Decode(&v), text)
	return v
}

// What is another answer, and what is the same one.
func TestCompare(t *testing.T) {
	now := time.Unix(1700000000, 0)
	for _, c := range []struct {
		want, got string
		diff      string // empty: there is none
	}{
		{`{"A":1,"B":[true,null,"x"]}`, `{"B":[true,null,"x"],"A":1}`, ""},
		{`{"A":1}`, `{}`, "at.A: it is missing"},
		{`{}`, `{"A":1}`, "at.A: it is one too many: 1"},
		{`{"A":1}`, `{"A":"1"}`, `at.A: want 1, got "1"`},
		{`{"A":1}`, `{"A":1.0}`, `at.A: want 1, got 1.0`},
		{`{"A":""}`, `{"A":null}`, `at.A: want "", got null`},
		{`{"A":{}}`, `{"A":[]}`, "at.A: want an object, got []"},
		{`{"A":[]}`, `{"A":null}`, "at.A: want a list, got null"},
		{`[1,2]`, `[1,3]`, "at[1]: want 2, got 3"},
		{`[1]`, `[1,2]`, "at: want 1 elements, got 2: [1,2]"},
		{`false`, `true`, "at: want false, got true"},
		{`"$id"`, `"x"`, ""},
		{`"$id"`, `""`, `at: want a string that is not empty, got ""`},
		{`"$id"`, `1`, "at: want a string that is not empty, got 1"},
		{`"$string"`, `""`, ""},
		{`"$string"`, `null`, "at: want a string, got null"},
		{`"$number"`, `-5`, ""},
		{`"$number"`, `"5"`, `at: want an integer, got "5"`},
		{`"$number"`, `5.5`, "at: want an integer, got 5.5"},
		{`"$time"`, `1699999990`, ""},
		{`"$time"`, `1700000100`, "at: want Unix seconds of about now, got 1700000100"},
		{`"$time"`, `1699990000`, "at: want Unix seconds of about now, got 1699990000"},
		{`"$time"`, `1699999990000`, "at: want Unix seconds of about now, got 1699999990000"},
		{`"$time"`, `"now"`, `at: want Unix seconds of about now, got "now"`},
		{`"$in 3600"`, `1700003600`, ""},
		{`"$in 3600"`, `1700000000`, "at: want Unix seconds of 3600 s from now, got 1700000000"},
		{`"$in soon"`, `1700000000`, `at: the case says "$in soon", which is no number of seconds`},
		{`"$keep page"`, `7`, "at: want a string, got 7"},
		{`{"A?":1}`, `{"A":1}`, ""},
		{`{"A?":1}`, `{"A":2}`, "at.A: want 1, got 2"},
		{`{"A?":1}`, `{}`, ""},
	} {
		t.Run(fmt.Sprint(c.want, c.got), func(t *testing.T) {
			cmp := comparison{now: now, keep: map[string]string{}}
			cmp.compare("at", decode(t, c.want), decode(t, c.got))
			if c.diff == "" {
				assert.Empty(t, cmp.diffs)
			} else {
				assert.Equal(t, []string{c.diff}, cmp.diffs)
			}
		})
	}
	own := comparison{now: now, own: true, keep: map[string]string{}}
	own.compare("at", decode(t, `{"A?":1}`), decode(t, `{}`))
	assert.Equal(t, []string{"at.A: it is missing"}, own.diffs, "a server of ours has it")

	kept := comparison{now: now, keep: map[string]string{}}
	kept.compare("at", decode(t, `{"Next":"$keep page"}`), decode(t, `{"Next":"7-x"}`))
	assert.Empty(t, kept.diffs)
	assert.Equal(t, "7-x", kept.keep["page"])

	among := comparison{now: now, among: true, keep: map[string]string{}}
	among.compare("at", decode(t, `[{"A":1}]`), decode(t, `[{"A":2},{"A":1}]`))
	assert.Empty(t, among.diffs)
	among.compare("at", decode(t, `[{"A":1}]`), decode(t, `[{"A":2},{"A":1,"B":1}]`))
	assert.Equal(t, []string{`at[0]: {"A":1} is not among [{"A":2},{"A":1,"B":1}]`}, among.diffs)
}

// A case that says nothing, or something that nobody understands, is refused rather than played.
func TestCasesAreStrict(t *testing.T) {
	for text, want := range map[string]string{
		`cases: [{name: x, steps: [{request: {}, ok: {}}]}]`:            "",
		`cases: [{name: x, steps: [{request: {}, okay: {}}]}]`:          "field okay not found",
		`cases: [{name: x, steps: [{request: {}}]}]`:                    "a step expects one of answer, ok and code",
		`cases: [{name: x, steps: [{request: {}, ok: {}, code: 7}]}]`:   "a step expects one of answer, ok and code",
		`cases: [{name: x, steps: [{code: 7}]}]`:                        "a step has request or body",
		`cases: [{name: x, steps: [{request: {}, body: "", code: 7}]}]`: "a step has request or body",
		`cases: [{name: x, steps: [{request: {}, ok: {}, until: 7}]}]`:  "until needs code",
		`cases: [{name: x}]`:                                                                           "a case has a name and steps",
		`cases: [{steps: [{request: {}, ok: {}}]}]`:                                                    "a case has a name and steps",
		`cases: [{name: x, steps: [{client: a, params: {}}]}]`:                                         "a client's call has call, params and perhaps code",
		`cases: [{name: x, steps: [{client: a, call: room.join, ok: {}}]}]`:                            "a client's call has call, params and perhaps code",
		`cases: [{name: x, steps: [{client: a, call: room.join, params: {roomId: r}, code: 100004}]}]`: "",
	} {
		_, err := parse([]byte(text))
		if want == "" {
			assert.NoError(t, err, text)
		} else {
			assert.ErrorContains(t, err, want, text)
		}
	}
}
