package audio

import "fmt"

// The limiter leaves everything below the knee alone and bends what is above it towards full scale.
const (
	fullScale  = 32767
	mixKnee    = 24000
	mixHeadway = fullScale - mixKnee
)

// Mixer adds up frames. It sums in 32 bits and limits softly, so that loud rooms sound pressed, never torn. A mixer
// allocates only when it is made. One goroutine uses it.
type Mixer struct {
	sum   []int32
	only  Frame // the first frame at full volume, as long as it is alone: it passes bit for bit
	added int
}

// NewMixer returns a mixer whose result has 1 or 2 channels; any other number is taken as the nearer of the two.
func NewMixer(channels int) *Mixer {
	n := FrameSamples * min(max(channels, 1), 2)
	return &Mixer{sum: make([]int32, n), only: make(Frame, n)}
}

// Channels returns the number of channels of the result.
func (m *Mixer) Channels() int { return len(m.sum) / FrameSamples }

// MaxVolume is how much louder a mixer makes a frame, in percent: 12 dB.
const MaxVolume = 400

// Add adds f at a volume in percent, 0 (nothing), 100 (as it is), up to [MaxVolume]; values outside are brought inside. f may have one
// channel or two: mono goes to both sides, stereo is halved into one. Another length is [ErrFrameSize].
func (m *Mixer) Add(f Frame, volume int) error {
	from, to := f.Channels(), m.Channels()
	if from != 1 && from != 2 {
		return fmt.Errorf("%w: %d samples", ErrFrameSize, len(f))
	}
	gain := int32(min(max(volume, 0), MaxVolume))
	if gain == 0 {
		return nil
	}
	if m.added == 0 && gain == 100 && from == to {
		copy(m.only, f)
	}
	switch {
	case from == to && gain == 100:
		for i, s := range f {
			m.sum[i] += int32(s)
		}
	case from == to:
		for i, s := range f {
			m.sum[i] += int32(s) * gain / 100
		}
	case from == 1:
		for i, s := range f {
			v := int32(s) * gain / 100
			m.sum[2*i] += v
			m.sum[2*i+1] += v
		}
	default:
		for i := range m.sum {
			m.sum[i] += (int32(f[2*i]) + int32(f[2*i+1])) * gain / 200
		}
	}
	if gain != 100 || from != to {
		m.added++ // scaled: no longer the frame as it came, so not alone
	}
	m.added++
	return nil
}

// Mix writes the sum of what was added to dst, silence if nothing was, and begins anew. dst must have the mixer's
// channels, else [ErrFrameSize] and nothing is lost.
func (m *Mixer) Mix(dst Frame) error {
	if err := dst.check(m.Channels()); err != nil {
		return err
	}
	if m.added == 1 {
		copy(dst, m.only)
	} else {
		for i, v := range m.sum {
			dst[i] = limit(v)
		}
	}
	clear(m.sum)
	m.added = 0
	return nil
}

// limit maps a sum to int16: the identity up to the knee, then over/(1+over), whose slope begins at 1 (no corner to
// hear) and which never reaches full scale.
func limit(v int32) int16 {
	switch {
	case v > mixKnee:
		over := int64(v - mixKnee)
		return int16(mixKnee + over*mixHeadway/(over+mixHeadway))
	case v < -mixKnee:
		over := -(int64(v) + mixKnee)
		return int16(-mixKnee - over*mixHeadway/(over+mixHeadway))
	}
	return int16(v)
}

// Amplify makes f louder or softer by a volume in percent, as [Mixer.Add] does, and limits it as a mixer does.
func Amplify(f Frame, volume int) {
	gain := int32(min(max(volume, 0), MaxVolume))
	if gain == 100 {
		return
	}
	for i, s := range f {
		f[i] = limit(int32(s) * gain / 100)
	}
}

// Convert copies src to dst in the number of channels that dst has: mono goes to both sides, stereo is halved into one.
// Lengths that are no frame's are [ErrFrameSize].
func Convert(dst, src Frame) error {
	to, from := dst.Channels(), src.Channels()
	if to < 1 || to > 2 || from < 1 || from > 2 {
		return fmt.Errorf("%w: from %d samples to %d", ErrFrameSize, len(src), len(dst))
	}
	switch {
	case from == to:
		copy(dst, src)
	case from == 1:
		for i, s := range src {
			dst[2*i], dst[2*i+1] = s, s
		}
	default:
		for i := range dst {
			dst[i] = int16((int32(src[2*i]) + int32(src[2*i+1])) / 2)
		}
	}
	return nil
}
