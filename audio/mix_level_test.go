package audio

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func constant(v int16) Frame {
	f := NewFrame(1)
	for i := range f {
		f[i] = v
	}
	return f
}

func TestMixer(t *testing.T) {
	for _, tt := range []struct {
		name    string
		in      []int16
		volumes []int
		want    func(int16) bool
	}{
		{"nothing is silence", nil, nil, func(v int16) bool { return v == 0 }},
		{"one passes bit for bit, however loud", []int16{-32768}, []int{100}, func(v int16) bool { return v == -32768 }},
		{"two soft ones add", []int16{1000, -300}, []int{100, 100}, func(v int16) bool { return v == 700 }},
		{"half volume", []int16{1000}, []int{50}, func(v int16) bool { return v == 500 }},
		{"volume 0 is not there", []int16{1000, 5}, []int{0, 100}, func(v int16) bool { return v == 5 }},
		{"louder", []int16{1000}, []int{150}, func(v int16) bool { return v == 1500 }},
		{"as loud as it goes", []int16{1000}, []int{900}, func(v int16) bool { return v == 4000 }},
		{"never torn", []int16{30000}, []int{400}, func(v int16) bool { return v > 30000 }},
		{"loud ones are limited, not wrapped", []int16{30000, 30000, 30000}, []int{100, 100, 100}, func(v int16) bool { return v > 30000 }},
		{"loud negative ones", []int16{-30000, -30000}, []int{100, 100}, func(v int16) bool { return v < -30000 && v > -32768 }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m, dst := NewMixer(1), NewFrame(1)
			for range 2 { // Mix begins anew
				for i, v := range tt.in {
					require.NoError(t, m.Add(constant(v), tt.volumes[i]))
				}
				require.NoError(t, m.Mix(dst))
				require.True(t, tt.want(dst[5]), dst[5])
			}
		})
	}
}

func TestMixerChannels(t *testing.T) {
	stereo := NewFrame(2)
	for i := range FrameSamples {
		stereo[2*i], stereo[2*i+1] = 100, 300
	}
	mono, dst := NewFrame(1), NewFrame(2)
	m := NewMixer(1)
	require.NoError(t, m.Add(stereo, 100))
	require.NoError(t, m.Mix(mono))
	require.Equal(t, int16(200), mono[9])

	m = NewMixer(2)
	require.NoError(t, m.Add(mono, 100))
	require.NoError(t, m.Add(stereo, 100))
	require.ErrorIs(t, m.Mix(mono), ErrFrameSize)
	require.NoError(t, m.Mix(dst))
	require.Equal(t, []int16{300, 500}, []int16(dst[:2]))
	require.ErrorIs(t, m.Add(make(Frame, 7), 100), ErrFrameSize)
	require.Equal(t, 2, NewMixer(9).Channels())
}

func TestLimitIsMonotonic(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.Int32().Draw(t, "a"), rapid.Int32().Draw(t, "b")
		if a > b {
			a, b = b, a
		}
		require.LessOrEqual(t, limit(a), limit(b))
	})
	require.Equal(t, int16(mixKnee), limit(mixKnee))
}

func TestLevel(t *testing.T) {
	require.Equal(t, LevelSilence, Level(nil))
	require.Equal(t, LevelSilence, Level(NewFrame(1)))
	require.Equal(t, uint8(0), Level(constant(-32768)))
	require.Equal(t, uint8(3), Level(sine(FrameSamples, 1000, SampleRate, 32767)), "a full-scale sine")
	require.Equal(t, uint8(23), Level(sine(FrameSamples, 1000, SampleRate, 3276.7)))
	require.Equal(t, uint8(90), Level(constant(1)))
}

func TestAmplify(t *testing.T) {
	for _, tt := range []struct {
		sample int16
		volume int
		want   int16
	}{
		{1000, 100, 1000}, {-32768, 100, -32768}, {1000, 0, 0}, {-1000, 150, -1500}, {1000, 900, 4000}, {1000, -5, 0},
		{30000, 150, limit(45000)}, {-30000, 150, limit(-45000)},
	} {
		f := constant(tt.sample)
		Amplify(f, tt.volume)
		require.Equal(t, constant(tt.want), f, "%d at %d %%", tt.sample, tt.volume)
	}
}

func TestConvert(t *testing.T) {
	mono, stereo := NewFrame(1), NewFrame(2)
	for i := range mono {
		mono[i], stereo[2*i], stereo[2*i+1] = int16(i), int16(i), int16(i+10)
	}
	got := NewFrame(2)
	require.NoError(t, Convert(got, mono))
	require.Equal(t, []int16{0, 0, 1, 1, 2, 2}, []int16(got[:6]))
	require.NoError(t, Convert(got, stereo))
	require.Equal(t, stereo, got)
	half := NewFrame(1)
	require.NoError(t, Convert(half, stereo))
	require.Equal(t, []int16{5, 6, 7}, []int16(half[:3]))
	require.NoError(t, Convert(half, mono))
	require.Equal(t, mono, half)
	loud := NewFrame(2)
	for i := range loud {
		loud[i] = -32768
	}
	require.NoError(t, Convert(half, loud))
	require.Equal(t, constant(-32768), half)
	for _, wrong := range []Frame{nil, mono[:959], make(Frame, 3*FrameSamples)} {
		require.ErrorIs(t, Convert(half, wrong), ErrFrameSize)
		require.ErrorIs(t, Convert(wrong, half), ErrFrameSize)
	}
	require.Zero(t, testing.AllocsPerRun(100, func() { Amplify(loud, 120); _ = Convert(half, loud) }))
}

func TestMuLaw(t *testing.T) {
	_, err := MuLaw.NewEncoder(EncoderConfig{Channels: 2})
	require.ErrorIs(t, err, ErrChannels)
	_, err = MuLaw.NewDecoder(2)
	require.ErrorIs(t, err, ErrChannels)
	enc, err := MuLaw.NewEncoder(EncoderConfig{})
	require.NoError(t, err)
	dec, err := MuLaw.NewDecoder(1)
	require.NoError(t, err)

	in, out, packet := Frame(sine(FrameSamples, 440, SampleRate, 20000)), NewFrame(1), make([]byte, MaxPacket)
	n, err := enc.Encode(in, packet)
	require.NoError(t, err)
	require.Equal(t, FrameSamples, n)
	require.NoError(t, dec.Decode(packet[:n], out))
	require.Greater(t, snr(in, out), 35.0)

	before := Level(out)
	for range 5 {
		require.NoError(t, dec.Conceal(out))
		require.Greater(t, Level(out), before, "each is softer than the one before")
		before = Level(out)
	}
	require.NoError(t, dec.DecodeFEC(packet, out))
	require.Equal(t, LevelSilence, Level(out), "faded out")
	require.NoError(t, dec.Decode(packet[:n], out))
	dec.Reset()
	require.NoError(t, dec.Conceal(out))
	require.Equal(t, LevelSilence, Level(out))

	require.ErrorIs(t, dec.Decode(packet[:5], out), ErrPacket)
	_, err = enc.Encode(in, packet[:5])
	require.ErrorIs(t, err, ErrShortBuffer)
	_, err = enc.Encode(in[:5], packet)
	require.ErrorIs(t, err, ErrFrameSize)
}

func TestMuLawVectors(t *testing.T) {
	// G.711 table 2a: the extremes and zero of both signs.
	for in, want := range map[int16]byte{32767: 0x80, -32768: 0x00, 0: 0xff, -1: 0x7f, 8: 0xfe} {
		require.Equal(t, want, muCompress(in), in)
	}
	for i := range 256 {
		if i != 0x7f { // minus zero
			require.Equal(t, byte(i), muCompress(muExpand[i]))
		}
	}
}

func TestEncoderConfig(t *testing.T) {
	cfg, err := EncoderConfig{}.WithDefaults()
	require.NoError(t, err)
	require.Equal(t, 1, cfg.Channels)
	for _, bad := range []EncoderConfig{{Channels: 3}, {Bitrate: 5}, {Complexity: 11}, {ExpectedLoss: 101}, {ExpectedLoss: -1}} {
		_, err := bad.WithDefaults()
		require.Error(t, err)
	}
}

// snr returns the ratio of want to the error in got, in dB.
func snr(want, got []int16) float64 {
	var signal, noise float64
	for i := range want {
		d := float64(got[i]) - float64(want[i])
		signal += float64(want[i]) * float64(want[i])
		noise += d * d
	}
	return 10 * math.Log10(signal/noise)
}
