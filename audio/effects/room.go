package effects

// newReverb makes a reverb anew, nil for none. What it sounds like is written at its constant; the gains bring speech
// back to the level it came with.
func newReverb(r Reverb, channels int) unit {
	room := func(s space) unit { return newTank(s, channels) }
	switch r {
	case ReverbKTV:
		// The echoes decay, too, which makes 1.3 s of the two.
		return room(space{rt60: 1.1, treble: 0.7, from: 29, to: 67, before: 15, wet: -7, echo: 180})
	case ReverbSmallRoom:
		return room(space{rt60: 0.4, treble: 0.3, from: 6, to: 17, before: 2, wet: -7})
	case ReverbGreatHall:
		return room(space{rt60: 2.4, treble: 1.3, from: 41, to: 97, before: 30, wet: -5})
	case ReverbDeep:
		return chain{room(space{rt60: 1.8, treble: 0.45, from: 37, to: 83, before: 15, wet: -5}), lowShelf(200, 4), decibels(-1.5)}
	case ReverbResonant:
		return chain{room(space{
			rt60: 0.9, treble: 0.7, from: 17, to: 43, wet: -2, share: 0.5, early: []float64{7, 11, 16, 22, 29, 37},
		}), bell(2500, 3), decibels(-1)}
	case ReverbMetallic:
		return room(space{rt60: 0.6, treble: 0.5, from: 4.4, to: 8.4, wet: -2, combs: true})
	case ReverbMagnetic:
		return chain{room(space{rt60: 0.3, treble: 0.2, from: 7, to: 19, before: 2, wet: -11}), lowShelf(200, 6), decibels(-1.5)}
	case ReverbEthereal:
		return room(space{rt60: 3.5, treble: 2.6, from: 53, to: 113, before: 40, wet: -2})
	case ReverbRecordingStudio:
		return room(space{rt60: 0.2, treble: 0.15, from: 3.5, to: 10, before: 1, wet: -12})
	case ReverbMelodious:
		return room(space{rt60: 2.0, treble: 1.2, from: 37, to: 89, before: 20, wet: -4, drift: 0.5})
	case ReverbStudio2:
		return chain{room(space{rt60: 0.5, treble: 0.4, from: 9, to: 27, before: 8, wet: -9}), highShelf(6000, 3)}
	case ReverbNone:
	}
	return nil
}
