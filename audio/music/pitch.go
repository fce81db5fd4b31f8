package music

import (
	"io"
	"math"

	"github.com/openvoiceroom/openvoiceroom/audio"
)

// shifter changes the pitch and keeps the tempo: the sound is stretched by pieces that are laid over each other where
// they fit best (WSOLA), and then played faster or slower as a whole. That takes any sound, where package effects
// takes one voice; in return it may come late, for files are read ahead.
type shifter struct {
	read     func([]int16) (int, error)
	channels int
	ratio    float64 // of frequencies, and of lengths before the resampler
	rates    []*audio.Resampler

	in   []int16   // from sample base on
	mono []float32 // the same in one channel
	base int64
	got  int64 // samples read
	end  bool

	pieces int64
	last   int64     // where the newest piece was taken from
	tail   []float32 // its second half, which fades out
	side   []int16
	piece  [][]int16 // one hop for each channel
	out    []int16
	given  int64
	spare  []int16
}

const (
	pieceHop = 960 // half a piece: 20 ms, two periods of 100 Hz
	reach    = 480 // how far a piece may be moved: together a period of 50 Hz
	coarse   = 4   // samples a step in the first search
)

// pitchRate is the rate that makes a ratio with the resampler, in steps of 100 Hz, which are at most 4 cents off.
func pitchRate(ratio float64) int { return int(math.Round(ratio*audio.SampleRate/100)) * 100 }

// newShifter returns a shifter for a ratio of 0.5 to 2.
func newShifter(channels int, ratio float64, read func([]int16) (int, error)) (*shifter, error) {
	rate := pitchRate(ratio)
	s := &shifter{
		read: read, channels: channels, ratio: float64(rate) / audio.SampleRate,
		tail: make([]float32, pieceHop*channels), spare: make([]int16, pieceHop*channels),
	}
	for range channels {
		r, err := audio.NewResampler(rate, audio.SampleRate)
		if err != nil {
			return nil, err
		}
		s.rates = append(s.rates, r)
		s.piece = append(s.piece, make([]int16, pieceHop))
	}
	return s, nil
}

// Read is the sound's Read with another pitch: as many samples come out as go in.
func (s *shifter) Read(dst []int16) (n int, err error) {
	for n < len(dst) {
		if s.end && s.given >= s.got {
			break
		}
		if len(s.out) == 0 {
			if err := s.step(); err != nil {
				return n, err
			}
			continue
		}
		most := len(dst) - n
		if s.end {
			most = int(min(int64(most), (s.got-s.given)*int64(s.channels)))
		}
		k := copy(dst[n:n+most], s.out)
		s.out = s.out[k:]
		s.given += int64(k / s.channels)
		n += k
	}
	if n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

// step makes one hop of the stretched sound and resamples it.
func (s *shifter) step() error {
	at := int64(math.Round(float64(s.pieces) * pieceHop / s.ratio))
	if err := s.need(max(at+reach, s.last+pieceHop) + 2*pieceHop); err != nil {
		return err
	}
	if s.pieces > 0 {
		at = s.fit(at, s.last+pieceHop)
	}
	from := int(at-s.base) * s.channels
	for i := range pieceHop {
		up, down := fade[i], 1-fade[i]
		if s.pieces == 0 {
			up = 1 // it begins as it is
		}
		for c := range s.channels {
			v := up*float32(s.in[from+i*s.channels+c]) + s.tail[i*s.channels+c]
			s.piece[c][i] = int16(min(max(v, -32768), 32767))
			s.tail[i*s.channels+c] = down * float32(s.in[from+(pieceHop+i)*s.channels+c])
		}
	}
	s.last = at
	s.pieces++
	s.resample()
	next := int64(math.Round(float64(s.pieces)*pieceHop/s.ratio)) - reach
	s.forget(min(next, s.last+pieceHop))
	return nil
}

// fade is how far a piece has come in.
var fade = func() (table [pieceHop]float32) {
	for i := range table {
		table[i] = float32(0.5 - 0.5*math.Cos(math.Pi*(float64(i)+0.5)/pieceHop))
	}
	return table
}()

func (s *shifter) resample() {
	s.out = s.out[:0]
	for c, r := range s.rates {
		s.side = r.Resample(s.side[:0], s.piece[c])
		if c == 0 {
			if need := len(s.side) * s.channels; cap(s.out) < need {
				s.out = make([]int16, need)
			}
			s.out = s.out[:len(s.side)*s.channels]
		}
		for i, v := range s.side {
			s.out[i*s.channels+c] = v
		}
	}
}

// need reads until the sound is known up to a sample; behind its end is silence.
func (s *shifter) need(until int64) error {
	for s.base+int64(len(s.mono)) < until {
		k := 0
		if !s.end {
			var err error
			if k, err = s.read(s.spare); err != nil && err != io.EOF {
				return err
			}
			s.end = err == io.EOF
			s.got += int64(k / s.channels)
		}
		part := s.spare[:k]
		if k == 0 {
			part = s.spare
			clear(part)
		}
		s.in = append(s.in, part...)
		for i := 0; i < len(part); i += s.channels {
			sum := float32(0)
			for _, v := range part[i : i+s.channels] {
				sum += float32(v)
			}
			s.mono = append(s.mono, sum)
		}
	}
	return nil
}

// forget drops what lies before a sample.
func (s *shifter) forget(until int64) {
	n := int(min(until-s.base, int64(len(s.mono))))
	if n <= 0 {
		return
	}
	s.in = s.in[:copy(s.in, s.in[n*s.channels:])]
	s.mono = s.mono[:copy(s.mono, s.mono[n:])]
	s.base += int64(n)
}

// fit returns the place near at whose sound is most like what would have come next.
func (s *shifter) fit(at, next int64) int64 {
	want := s.mono[next-s.base:][:pieceHop]
	best, found := math.Inf(-1), at
	try := func(place int64, stride int) {
		if place < s.base {
			return
		}
		x := s.mono[place-s.base:][:pieceHop]
		var dot, power float32
		for i := 0; i < pieceHop; i += stride {
			dot += x[i] * want[i]
			power += x[i] * x[i]
		}
		if score := float64(dot) / math.Sqrt(float64(power)+1); score > best {
			best, found = score, place
		}
	}
	for d := int64(-reach); d <= reach; d += coarse {
		try(at+d, coarse)
	}
	rough := found
	best = math.Inf(-1)
	for d := int64(-coarse); d <= coarse; d++ {
		if place := rough + d; place >= at-reach && place <= at+reach {
			try(place, 1)
		}
	}
	return found
}
