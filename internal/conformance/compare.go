package conformance

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Strings of expected answers that stand for what differs from run to run.
//
//	$id          any string but the empty one
//	$string      any string
//	$time        Unix seconds, now or up to ten minutes ago
//	$in 3600     Unix seconds, so many seconds from now, give or take a minute
//	$number      any integer
//	$keep NAME   any string; ${NAME} is this string from then on
//
// A field whose name ends in ? is one that the documents do not have: servers of ours have it, others may.
// ErrorInfo of a failure is for people, and any text will do.

// comparison collects where an answer differs from what was expected.
type comparison struct {
	now   time.Time
	own   bool // a server of ours
	among bool // lists may have more elements
	keep  map[string]string
	diffs []string
}

func (c *comparison) differ(at, format string, args ...any) {
	c.diffs = append(c.diffs, at+": "+fmt.Sprintf(format, args...))
}

// compare walks through both. Numbers are json.Number.
func (c *comparison) compare(at string, want, got any) {
	switch want := want.(type) {
	case map[string]any:
		m, ok := got.(map[string]any)
		if !ok {
			c.differ(at, "want an object, got %s", text(got))
			return
		}
		for _, field := range slices.Sorted(maps.Keys(want)) {
			name, ours := strings.CutSuffix(field, "?")
			if v, ok := m[name]; ok {
				c.compare(at+"."+name, want[field], v)
			} else if !ours || c.own {
				c.differ(at+"."+name, "it is missing")
			}
		}
		for _, name := range slices.Sorted(maps.Keys(m)) {
			_, documented := want[name]
			_, ours := want[name+"?"]
			if !documented && !ours {
				c.differ(at+"."+name, "it is one too many: %s", text(m[name]))
			}
		}
	case []any:
		list, ok := got.([]any)
		if !ok {
			c.differ(at, "want a list, got %s", text(got))
			return
		}
		c.list(at, want, list)
	case string:
		c.text(at, want, got)
	default:
		if want != got {
			c.differ(at, "want %s, got %s", text(want), text(got))
		}
	}
}

func (c *comparison) list(at string, want, got []any) {
	if c.among {
		for i, w := range want {
			if !slices.ContainsFunc(got, func(g any) bool {
				try := comparison{now: c.now, own: c.own, keep: map[string]string{}}
				try.compare("", w, g)
				return len(try.diffs) == 0
			}) {
				c.differ(fmt.Sprintf("%s[%d]", at, i), "%s is not among %s", text(w), text(got))
			}
		}
		return
	}
	if len(want) != len(got) {
		c.differ(at, "want %d elements, got %d: %s", len(want), len(got), text(got))
		return
	}
	for i := range want {
		c.compare(fmt.Sprintf("%s[%d]", at, i), want[i], got[i])
	}
}

func (c *comparison) text(at, want string, got any) {
	word, rest, _ := strings.Cut(want, " ")
	s, isString := got.(string)
	n, isNumber := got.(json.Number)
	seconds, err := strconv.ParseInt(string(n), 10, 64)
	isNumber = isNumber && err == nil
	off := time.Unix(seconds, 0).Sub(c.now)
	switch word {
	case "$id":
		if !isString || s == "" {
			c.differ(at, "want a string that is not empty, got %s", text(got))
		}
	case "$string":
		if !isString {
			c.differ(at, "want a string, got %s", text(got))
		}
	case "$keep":
		if !isString {
			c.differ(at, "want a string, got %s", text(got))
		}
		c.keep[rest] = s
	case "$number":
		if !isNumber {
			c.differ(at, "want an integer, got %s", text(got))
		}
	case "$time":
		if !isNumber || off < -10*time.Minute || off > 2*time.Second {
			c.differ(at, "want Unix seconds of about now, got %s", text(got))
		}
	case "$in":
		span, err := strconv.Atoi(rest)
		if err != nil {
			c.differ(at, "the case says %q, which is no number of seconds", want)
		}
		if ahead := off - time.Duration(span)*time.Second; !isNumber || ahead < -time.Minute || ahead > time.Minute {
			c.differ(at, "want Unix seconds of %d s from now, got %s", span, text(got))
		}
	default:
		if !isString || s != want {
			c.differ(at, "want %s, got %s", text(want), text(got))
		}
	}
}

// text shows a value as JSON, not more of it than a line holds.
func text(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	if len(b) > 400 {
		return string(b[:400]) + "…"
	}
	return string(b)
}
