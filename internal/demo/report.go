package demo

import (
	"fmt"
	"strings"

	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/internal/hearing"
)

// Report is what the demo prints as JSON.
type Report struct {
	OK         bool        `json:"ok"`
	Steps      []Step      `json:"steps"`
	Directions []Direction `json:"directions"`

	Calls []engine.CallReport `json:"calls,omitempty"` // of those who got into the room
}

// Step is one thing that was done or waited for.
type Step struct {
	Name  string  `json:"name"`
	OK    bool    `json:"ok"`
	MS    float64 `json:"ms"`
	Error string  `json:"error,omitempty"`
}

// Direction says how one user heard another.
type Direction struct {
	From string `json:"from"`
	To   string `json:"to"`
	hearing.Report
}

func (d Direction) String() string {
	verdict := "ok"
	if !d.OK {
		verdict = "NOT OK"
		if d.Reason != "" {
			verdict += " (" + d.Reason + ")"
		}
	}
	return fmt.Sprintf("%s -> %s: %s, correlation %.2f, level %+.1f dB, missing %.1f %%, gaps %d, delay %.0f ms",
		d.From, d.To, verdict, d.Correlation, d.LevelDB, d.MissingPct, d.Gaps, d.DelayMS)
}

func (s Step) String() string {
	line := fmt.Sprintf("%-34s %8.1f ms", s.Name, s.MS)
	if !s.OK {
		line = strings.TrimRight(line, " ") + "  FAILED: " + s.Error
	}
	return line
}
