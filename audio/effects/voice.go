package effects

// newVoice makes a voice changer anew, nil for none. What it does is written at its constant; the gains bring speech
// back to the level it came with.
func newVoice(v VoiceChanger, channels int) unit {
	shift := func(pitch, formant float64) unit {
		return newShifter(shifting{pitch: pitch, formant: formant, swing: 1}, channels)
	}
	switch v {
	case VoiceChild:
		return shift(1.41, 1.20)
	case VoiceLittleGirl:
		return shift(1.78, 1.30)
	case VoiceMan:
		return shift(0.75, 0.86)
	case VoiceHeavyMetal:
		return chain{highPass(120), newDrive(24), lowPass(5000)}
	case VoiceCold:
		return chain{shift(0.94, 0.95), bell(300, 6), lowPass(1800), decibels(-2)}
	case VoiceForeigner:
		return newShifter(shifting{pitch: 1, formant: 1.06, swing: 2}, channels)
	case VoiceTrappedBeast:
		return chain{shift(0.60, 0.75), tremolo(28, 0.8)}
	case VoiceFatOtaku:
		return chain{shift(0.88, 0.80), lowShelf(250, 4), decibels(-0.5)}
	case VoiceStrongCurrent:
		return ring(100)
	case VoiceHeavyMachinery:
		return chain{newShifter(shifting{pitch: 1, formant: 0.92, note: 90, swing: 1}, channels), tremolo(15, 0.5)}
	case VoiceEthereal:
		return chain{highPass(200), newChorus(0.5, channels), highShelf(4000, 6)}
	case VoiceNone:
	}
	return nil
}
