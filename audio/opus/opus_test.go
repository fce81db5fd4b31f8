//go:build cgo

package opus_test

import (
	"bytes"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/openvoiceroom/openvoiceroom/audio"
	"github.com/openvoiceroom/openvoiceroom/audio/opus"
	"github.com/openvoiceroom/openvoiceroom/internal/hearing"
	"github.com/openvoiceroom/openvoiceroom/internal/speech"

	"github.com/stretchr/testify/require"
)

func pair(t testing.TB, cfg audio.EncoderConfig) (audio.Encoder, audio.Decoder) {
	t.Helper()
	enc, err := opus.Codec.NewEncoder(cfg)
	require.NoError(t, err)
	dec, err := opus.Codec.NewDecoder(max(cfg.Channels, 1))
	require.NoError(t, err)
	return enc, dec
}

func packets(t testing.TB, enc audio.Encoder, pcm []int16, channels int) [][]byte {
	t.Helper()
	var out [][]byte
	f, buf := audio.NewFrame(channels), make([]byte, audio.MaxPacket)
	for i := 0; i < len(pcm); i += len(f) {
		clear(f[copy(f, pcm[i:]):])
		n, err := enc.Encode(f, buf)
		require.NoError(t, err)
		out = append(out, bytes.Clone(buf[:n]))
	}
	return out
}

// correlation compares got, which comes late by Opus's 312 samples, with want.
func correlation(want, got []int16, channels int) float64 {
	got = got[312*channels:]
	var xy, xx, yy float64
	for i := range min(len(want), len(got)) {
		x, y := float64(want[i]), float64(got[i])
		xy, xx, yy = xy+x*y, xx+x*x, yy+y*y
	}
	return xy / math.Sqrt(xx*yy)
}

func TestSpeechInSpeechOut(t *testing.T) {
	mono := speech.Host()
	stereo := make([]int16, 2*len(mono))
	for i, s := range mono {
		stereo[2*i], stereo[2*i+1] = s, s/2
	}
	for channels, pcm := range map[int][]int16{1: mono, 2: stereo} {
		t.Run(fmt.Sprint(channels), func(t *testing.T) {
			enc, dec := pair(t, audio.EncoderConfig{Channels: channels, Voice: channels == 1})
			f, bytes := audio.NewFrame(channels), 0
			var got []int16
			for _, p := range packets(t, enc, pcm, channels) {
				require.NoError(t, dec.Decode(p, f))
				got = append(got, f...)
				bytes += len(p)
			}
			c, rate := correlation(pcm, got, channels), float64(bytes)*8*audio.SampleRate*float64(channels)/float64(len(pcm))
			t.Logf("correlation %.3f at %.0f bit/s", c, rate)
			require.Greater(t, c, 0.85) // in voice mode a high-pass filter shifts phases
			require.Less(t, rate, 40000.0*float64(channels))
		})
	}
}

func TestFECRecoversBetterThanConcealment(t *testing.T) {
	pcm := speech.Host()
	enc, _ := pair(t, audio.EncoderConfig{FEC: true, ExpectedLoss: 20, Voice: true, Bitrate: 32000})
	sent := packets(t, enc, pcm, 1)
	f := audio.NewFrame(1)
	play := func(lost func(dec audio.Decoder, i int) error) []int16 {
		_, dec := pair(t, audio.EncoderConfig{})
		var out []int16
		for i, p := range sent {
			if i%10 == 5 && i+1 < len(sent) {
				require.NoError(t, lost(dec, i))
			} else {
				require.NoError(t, dec.Decode(p, f))
			}
			out = append(out, f...)
		}
		return out
	}
	whole := play(func(dec audio.Decoder, i int) error { return dec.Decode(sent[i], f) })
	fec := play(func(dec audio.Decoder, i int) error { return dec.DecodeFEC(sent[i+1], f) })
	plc := play(func(dec audio.Decoder, _ int) error { return dec.Conceal(f) })
	// Only the lost frames are compared.
	only := func(pcm []int16) (out []int16) {
		for i := 5; i+1 < len(sent); i += 10 {
			out = append(out, pcm[i*audio.FrameSamples:(i+1)*audio.FrameSamples]...)
		}
		return out
	}
	c := func(got []int16) float64 {
		return correlation(only(whole), append(make([]int16, 312), only(got)...), 1)
	}
	t.Logf("lost frames: FEC %.3f, concealment %.3f", c(fec), c(plc))
	require.Greater(t, c(fec), c(plc)+0.05)
	require.Greater(t, c(fec), 0.8)
}

func TestBadPacketsAreErrors(t *testing.T) {
	enc, dec := pair(t, audio.EncoderConfig{})
	good := packets(t, enc, speech.Host()[:audio.FrameSamples], 1)[0]
	f := audio.NewFrame(1)
	for name, p := range map[string][]byte{
		"empty":                    nil,
		"damaged":                  {0xff, 0xff, 0xff},
		"60 ms":                    {0x18, 1, 2, 3}, // RFC 6716 table 2: SILK, 60 ms
		"10 ms":                    {0xf0, 1, 2, 3},
		"two frames, odd length":   {0xf9, 1, 2},
		"a frame count of nothing": {0xfb, 0},
	} {
		require.ErrorIs(t, dec.Decode(p, f), audio.ErrPacket, name)
	}
	require.ErrorIs(t, dec.DecodeFEC(nil, f), audio.ErrPacket)
	require.NoError(t, dec.Decode(good, f), "it goes on")
	require.ErrorIs(t, dec.Decode(good, f[:5]), audio.ErrFrameSize)
	require.ErrorIs(t, dec.DecodeFEC(good, f[:5]), audio.ErrFrameSize)
	require.ErrorIs(t, dec.Conceal(f[:5]), audio.ErrFrameSize)
	dec.Reset()
	require.NoError(t, dec.Decode(good, f))
}

func TestDecodeStaysInItsFrame(t *testing.T) {
	_, dec := pair(t, audio.EncoderConfig{})
	wide := make(audio.Frame, 10*audio.FrameSamples)
	wide[audio.FrameSamples] = 77
	require.Error(t, dec.Decode([]byte{0x18, 1, 2, 3}, wide[:audio.FrameSamples]))
	require.NoError(t, dec.Conceal(wide[:audio.FrameSamples]))
	require.Equal(t, int16(77), wide[audio.FrameSamples])
}

func TestEncoderRefuses(t *testing.T) {
	_, err := opus.Codec.NewEncoder(audio.EncoderConfig{Channels: 3})
	require.ErrorIs(t, err, audio.ErrChannels)
	_, err = opus.Codec.NewDecoder(0)
	require.ErrorIs(t, err, audio.ErrChannels)
	enc, _ := pair(t, audio.EncoderConfig{})
	_, err = enc.Encode(audio.NewFrame(2), make([]byte, 100))
	require.ErrorIs(t, err, audio.ErrFrameSize)
	_, err = enc.Encode(audio.NewFrame(1), nil)
	require.ErrorIs(t, err, audio.ErrShortBuffer)
	require.NoError(t, enc.SetBitrate(16000))
	require.NoError(t, enc.SetExpectedLoss(10))
	require.Error(t, enc.SetBitrate(-5))
	require.Error(t, enc.SetExpectedLoss(101))
}

func TestDTXSendsAlmostNothingInSilence(t *testing.T) {
	enc, _ := pair(t, audio.EncoderConfig{DTX: true, Voice: true})
	small := 0
	for _, p := range packets(t, enc, make([]int16, 2*audio.SampleRate), 1) {
		if len(p) <= 2 {
			small++
		}
	}
	require.Greater(t, small, 70, "of 100")
}

func TestOggFileRoundTrip(t *testing.T) {
	said := speech.Guest()
	path := filepath.Join(t.TempDir(), "guest.ogg")
	file, err := os.Create(path)
	require.NoError(t, err)
	require.NoError(t, audio.WriteOggOpus(file, said, opus.Codec)) // closes the file
	heard, err := audio.LoadFile(path, opus.Codec)
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(heard), len(said))
	require.Less(t, len(heard), len(said)+2*audio.FrameSamples)
	r := hearing.Compare(said, heard, hearing.Options{})
	require.True(t, r.OK, r.Reason)
	require.InDelta(t, 0, r.DelayMS, 0.1, "each sample is where it was")
}

func TestNothingIsAllocatedPerFrame(t *testing.T) {
	enc, dec := pair(t, audio.EncoderConfig{FEC: true, ExpectedLoss: 10})
	f, p := audio.Frame(speech.Host()[48000:48000+audio.FrameSamples]), make([]byte, audio.MaxPacket)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		n, _ := enc.Encode(f, p)
		_ = dec.Decode(p[:n], f)
		_ = dec.DecodeFEC(p[:n], f)
		_ = dec.Conceal(f)
	}))
}

func BenchmarkEncode(b *testing.B) {
	b.ReportAllocs()
	enc, _ := pair(b, audio.EncoderConfig{FEC: true, ExpectedLoss: 10, Voice: true})
	pcm, p := speech.Host(), make([]byte, audio.MaxPacket)
	for i := 0; b.Loop(); i++ {
		at := i * audio.FrameSamples % (len(pcm) - audio.FrameSamples)
		_, _ = enc.Encode(audio.Frame(pcm[at:at+audio.FrameSamples]), p)
	}
}

func BenchmarkDecode(b *testing.B) {
	b.ReportAllocs()
	enc, dec := pair(b, audio.EncoderConfig{Voice: true})
	sent, f := packets(b, enc, speech.Host(), 1), audio.NewFrame(1)
	for i := 0; b.Loop(); i++ {
		_ = dec.Decode(sent[i%len(sent)], f)
	}
}

func TestVersionNamesTheLibrary(t *testing.T) { require.Contains(t, opus.Version(), "libopus ") }
