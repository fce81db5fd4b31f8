package signaling

import (
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// GiveUpAfter is how long a [Session] tries to come back by default. By then the seat is gone, unless the server's grace
// period is set to more than that.
const GiveUpAfter = 90 * time.Second

const (
	spread     = 100 * time.Millisecond // a node's clients come to the next one within this, not in one moment
	firstPause = 300 * time.Millisecond
	maxPause   = 7 * time.Second
)

// pause is the plan of a reconnection: how long to wait before an attempt, the first being 0. An attempt is made at one
// of the known servers in turn. The first round asks all of them without a pause, for one that has died often leaves
// others; then the pauses between rounds grow with the square of their number. r is random, in [0, 1).
func pause(attempt, servers int, r float64) time.Duration {
	round, first := attempt/servers, attempt%servers == 0
	if round == 0 || !first {
		return time.Duration(r * float64(spread))
	}
	base := min(firstPause*time.Duration(round*round), maxPause)
	return time.Duration((0.5 + r) * float64(base))
}

// servers lists where a session may be, in the order in which they are asked: where it was, where it began, and what
// the server has told, as far as that is of use. A token that was sent encrypted is not sent in clear later.
func servers(last, first string, told []string) []string {
	list := []string{last}
	if first != last {
		list = append(list, first)
	}
	for _, url := range told {
		_, err := endpoint(url)
		if err == nil && !slices.Contains(list, url) && (encrypted(url) || !encrypted(first)) {
			list = append(list, url)
		}
	}
	return list
}

func encrypted(url string) bool { return len(url) > 6 && strings.EqualFold(url[:6], "wss://") }

func random() float64 { return rand.Float64() }
