package audio

import "fmt"

// mixMaxGain keeps sums of many frames within 32 bits.
const mixMaxGain = 16

// AddRamp adds f with a factor that goes evenly over the frame from one value to another, so that a change of volume
// does not click: 0 is nothing, 1 as it is, and more, up to 16, is louder. Channels and errors are as for [Mixer.Add].
func (m *Mixer) AddRamp(f Frame, from, to float32) error {
	in, out := f.Channels(), m.Channels()
	if in != 1 && in != 2 {
		return fmt.Errorf("%w: %d samples", ErrFrameSize, len(f))
	}
	from, to = min(max(from, 0), mixMaxGain), min(max(to, 0), mixMaxGain)
	if from == 0 && to == 0 {
		return nil
	}
	gain, step := from, (to-from)/FrameSamples
	for i := range FrameSamples {
		gain += step
		switch {
		case in == out && in == 1:
			m.sum[i] += int32(gain * float32(f[i]))
		case in == out:
			m.sum[2*i] += int32(gain * float32(f[2*i]))
			m.sum[2*i+1] += int32(gain * float32(f[2*i+1]))
		case in == 1:
			v := int32(gain * float32(f[i]))
			m.sum[2*i] += v
			m.sum[2*i+1] += v
		default:
			m.sum[i] += int32(gain * (float32(f[2*i]) + float32(f[2*i+1])) / 2)
		}
	}
	m.added += 2 // scaled: not the frame as it came, even if it is alone
	return nil
}
