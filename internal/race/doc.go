// Package race tells tests whether the race detector is on, under which sound takes ten times as long to compute. What
// only measures, on one goroutine or on paths that other tests take with the detector, is left to go test without it:
//
//	if race.Enabled {
//		t.Skip(race.Reason)
//	}
package race

// Reason is why such a test is skipped.
const Reason = "it only measures, which make test does without the race detector"
