package effects

import (
	"errors"
	"fmt"
)

// ErrUnknown reports a number that is no voice changer or no reverb.
var ErrUnknown = errors.New("effects: unknown effect")

// VoiceChanger is what becomes of a voice. The numbers are the documents'.
type VoiceChanger int

const (
	VoiceNone           VoiceChanger = iota // leaves the voice alone
	VoiceChild                              // a naughty boy: pitch x1.41 (six semitones), formants x1.20
	VoiceLittleGirl                         // a small girl: pitch x1.78 (ten semitones), formants x1.30
	VoiceMan                                // an uncle: pitch x0.75 (five semitones down), formants x0.86
	VoiceHeavyMetal                         // an overdriven amplifier: 24 dB into saturation, 120 Hz to 5 kHz; pitch and formants stay
	VoiceCold                               // a blocked nose: pitch x0.94, formants x0.95, murmur at 300 Hz (+6 dB), nothing above 1.8 kHz
	VoiceForeigner                          // a foreign melody: the pitch moves twice as far around its mean, formants x1.06
	VoiceTrappedBeast                       // a caged beast: pitch x0.60, formants x0.75, a growl of 28 Hz
	VoiceFatOtaku                           // a large body: pitch x0.88, formants x0.80, +4 dB below 250 Hz
	VoiceStrongCurrent                      // an electric shock: ring modulation at 100 Hz
	VoiceHeavyMachinery                     // a machine: one note of 90 Hz whatever is said, formants x0.92, strokes at 15 Hz
	VoiceEthereal                           // floating: a chorus that moves at 0.5 Hz, no bass, +6 dB above 4 kHz; pitch and formants stay
)

// Reverb is the room that a voice seems to be in. The numbers are the documents'.
type Reverb int

const (
	ReverbNone            Reverb = iota // no room
	ReverbKTV                           // a karaoke room: 1.3 s, and an echo every 180 ms
	ReverbSmallRoom                     // a furnished room: 0.4 s
	ReverbGreatHall                     // a concert hall: 2.4 s, beginning after 30 ms
	ReverbDeep                          // a cellar: 1.8 s that soon loses its treble (0.45 s at 5 kHz), +4 dB below 200 Hz
	ReverbResonant                      // a loud, hard room: 0.9 s, half of it in reflections within 40 ms, +3 dB at 2.5 kHz
	ReverbMetallic                      // a pipe: 0.6 s in eight combs that do not mix, and ring at multiples of 120 to 227 Hz
	ReverbMagnetic                      // near the microphone: 0.3 s, faint, +6 dB below 200 Hz
	ReverbEthereal                      // an endless space: 3.5 s, bright, beginning after 40 ms
	ReverbRecordingStudio               // a studio's booth: 0.2 s, hardly heard
	ReverbMelodious                     // a singing hall: 2.0 s, whose echoes move at 0.5 Hz
	ReverbStudio2                       // a studio's live room: 0.5 s, +3 dB above 6 kHz
)

var voiceNames = [...]string{
	"none", "child", "little girl", "man", "heavy metal", "cold", "foreigner", "trapped beast", "fat otaku",
	"strong current", "heavy machinery", "ethereal",
}

var reverbNames = [...]string{
	"none", "KTV", "small room", "great hall", "deep", "resonant", "metallic", "magnetic", "ethereal",
	"recording studio", "melodious", "studio 2",
}

// String returns the documents' name in English, or the number of what is no voice changer.
func (v VoiceChanger) String() string {
	if v.check() != nil {
		return fmt.Sprintf("VoiceChanger(%d)", int(v))
	}
	return voiceNames[v]
}

func (v VoiceChanger) check() error {
	if v < 0 || int(v) >= len(voiceNames) {
		return fmt.Errorf("%w: voice changer %d, want 0 to %d", ErrUnknown, int(v), len(voiceNames)-1)
	}
	return nil
}

// String returns the documents' name in English, or the number of what is no reverb.
func (r Reverb) String() string {
	if r.check() != nil {
		return fmt.Sprintf("Reverb(%d)", int(r))
	}
	return reverbNames[r]
}

func (r Reverb) check() error {
	if r < 0 || int(r) >= len(reverbNames) {
		return fmt.Errorf("%w: reverb %d, want 0 to %d", ErrUnknown, int(r), len(reverbNames)-1)
	}
	return nil
}
