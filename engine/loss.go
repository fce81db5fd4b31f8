package engine

// expectation is for how much loss the encoder prepares. It rises at once and falls slowly, and moves in steps: each step
// costs sound that a listener without losses would have had.
type expectation struct {
	smooth  float64 // per cent
	percent int     // one of lossSteps
}

// lossSteps are what the encoder is set to, in per cent. 30 is where the copies take all that they can get.
var lossSteps = [...]int{0, 2, 5, 10, 15, 20, 30}

// firstExpectation is before anything is known: so that a caller on a lossy line is understood from the first word on. It
// is gone after some 20 s without loss.
var firstExpectation = expectation{smooth: 5, percent: 5}

// next takes a report: the share of packets that are lost, 0 to 1.
func (e expectation) next(reported float64) expectation {
	percent := 100 * min(max(reported, 0), 1)
	if percent > e.smooth {
		e.smooth = percent
	} else {
		e.smooth += (percent - e.smooth) / 2
	}
	if e.smooth < 0.5 && percent == 0 {
		e.smooth = 0
	}
	if up := step(e.smooth); up > e.percent {
		e.percent = up
	}
	if down := step(e.smooth / 0.8); down < e.percent { // well below, so that it does not go to and fro
		e.percent = down
	}
	return e
}

// step returns the least step that is enough.
func step(percent float64) int {
	for _, s := range lossSteps {
		if float64(s) >= percent {
			return s
		}
	}
	return lossSteps[len(lossSteps)-1]
}
