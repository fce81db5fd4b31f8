//go:build !cgo

package portaudio

import "testing"

// cardThread is what the card's thread does with a line. Without cgo there is none but the fake cards'.
func cardThread(_ testing.TB, l *line) func(samples []int16, trouble bool) { return l.callback() }
