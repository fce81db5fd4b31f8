package audio

import "math"

// LevelSilence is the level of digital silence, and the least a level can say (RFC 6464 section 3).
const LevelSilence uint8 = 127

// Level returns the audio level of f as RFC 6464 section 3 carries it in RTP: RMS below the overload point, in -dBov,
// from 0 (loudest) to 127 (silence). An empty frame is silence.
func Level(f Frame) uint8 {
	if len(f) == 0 {
		return LevelSilence
	}
	var sum int64
	for _, s := range f {
		sum += int64(s) * int64(s)
	}
	if sum == 0 {
		return LevelSilence
	}
	dbov := 10 * math.Log10(float64(sum)/float64(len(f))/(32767*32767))
	return uint8(min(max(math.Round(-dbov), 0), float64(LevelSilence)))
}
