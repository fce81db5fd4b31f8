package portaudio

import "github.com/openvoiceroom/openvoiceroom/audio"

// converter changes the channels and the rate of interleaved sound as it comes.
type converter struct {
	from, to   int // channels
	resamplers []*audio.Resampler
	single     []int16 // one channel before
	planes     [2][]int16
	mapped     []int16
}

// newConverter returns a converter; one of the numbers of channels is 1 or 2. The rate is changed where there are
// the fewer channels.
func newConverter(from, to, fromRate, toRate int) (*converter, error) {
	c := &converter{from: from, to: to}
	if fromRate == toRate {
		return c, nil
	}
	for range min(from, to, 2) {
		r, err := audio.NewResampler(fromRate, toRate)
		if err != nil {
			return nil, err
		}
		c.resamplers = append(c.resamplers, r)
	}
	return c, nil
}

// convert appends to dst what becomes of src, and returns it.
func (c *converter) convert(dst, src []int16) []int16 {
	if c.resamplers == nil {
		return remap(dst, src, c.from, c.to)
	}
	n := len(c.resamplers)
	if c.from > n {
		c.mapped = remap(c.mapped[:0], src, c.from, n)
		src = c.mapped
	}
	for ch, r := range c.resamplers {
		c.single = c.single[:0]
		for i := ch; i < len(src); i += n {
			c.single = append(c.single, src[i])
		}
		c.planes[ch] = r.Resample(c.planes[ch][:0], c.single)
	}
	if c.to == n {
		return interleave(dst, c.planes[:n])
	}
	c.mapped = interleave(c.mapped[:0], c.planes[:n])
	return remap(dst, c.mapped, n, c.to)
}

func interleave(dst []int16, planes [][]int16) []int16 {
	for i := range planes[0] {
		for _, p := range planes {
			dst = append(dst, p[i])
		}
	}
	return dst
}

// remap appends src with another number of channels. The first two of a card are left and right; the others are not
// listened to and stay silent. One channel is given to both, and two become one by their mean.
func remap(dst, src []int16, from, to int) []int16 {
	if from == to {
		return append(dst, src...)
	}
	for ; len(src) >= from; src = src[from:] {
		left, right := src[0], src[0]
		if from > 1 {
			right = src[1]
		}
		if to == 1 {
			dst = append(dst, int16((int(left)+int(right))/2))
			continue
		}
		dst = append(dst, left, right)
		for range to - 2 {
			dst = append(dst, 0)
		}
	}
	return dst
}
