package testnet

import (
	"math/rand/v2"
	"slices"
)

// Loss says which packets of one direction of one host are lost. The zero value loses none.
type Loss struct {
	Share float64 // of the packets, 0 to 1; 1 cuts the line
	Burst float64 // mean length of a loss, in packets; up to 1 each packet is lost for itself
	List  []int   // exactly these packets, counted from 0 since the loss was set; Share and Burst are not used then
}

// loser decides packet by packet. Bursts are Gilbert's and Elliott's: a line that is good or bad, that loses everything
// while it is bad, and changes with fixed probabilities.
type loser struct {
	loss Loss
	rng  *rand.Rand
	bad  bool
	n    int
}

// lose reports whether the next packet is lost.
func (l *loser) lose() bool {
	n := l.n
	l.n++
	switch {
	case len(l.loss.List) > 0:
		return slices.Contains(l.loss.List, n)
	case l.loss.Share <= 0:
		return false
	case l.loss.Share >= 1:
		return true
	case l.loss.Burst <= 1:
		return l.rng.Float64() < l.loss.Share
	}
	leave := 1 / l.loss.Burst
	if l.bad {
		l.bad = l.rng.Float64() >= leave
	} else {
		// So that the share of the time in which the line is bad is Share.
		l.bad = l.rng.Float64() < leave*l.loss.Share/(1-l.loss.Share)
	}
	return l.bad
}
