package audio

import "math"

const (
	// LevelSilence is the level of digital silence, and the least a level can say (RFC 6464 section 3).
	LevelSilence uint8 = 127

	// VolumeSpeaking is the volume from which a member counts as speaking.
	VolumeSpeaking = 25

	// The mapping of levels to volumes: 25 sits at -45 dBov, above a quiet room's noise (-60 to -50) and below soft
	// speech (-40); 100 is reached at -15, the level of loud speech. In between, 2.5 points for each dB.
	speakingLevel  = 45
	volumePerTwoDB = 5
)

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

// Volume maps a level of RFC 6464 (-dBov) to the volume of events, 0 to 100. It is linear in dB: 0 from -55 dBov down,
// 25 ([VolumeSpeaking]) at -45 dBov, 100 from -15 dBov up.
func Volume(level uint8) int {
	return min(max(VolumeSpeaking+(speakingLevel-int(level))*volumePerTwoDB/2, 0), 100)
}
