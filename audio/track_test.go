package audio

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// chirp is what the files in testdata hold, at 48 kHz: a tone that rises or falls in a second.
func chirp(n int, from, to float64) []int16 {
	out := make([]int16, n)
	for i := range out {
		at := float64(i) / SampleRate
		out[i] = int16(8000 * math.Sin(2*math.Pi*(from*at+(to-from)*at*at/2)))
	}
	return out
}

func readTrack(t testing.TB, tr *Track) []int16 {
	t.Helper()
	out, err := readAll(tr)
	require.NoError(t, err)
	return out
}

func readAll(tr *Track) (out []int16, err error) {
	part := make([]int16, 2*777)
	for {
		n, err := tr.Read(part)
		out = append(out, part[:n]...)
		if err == io.EOF {
			return out, nil
		}
		if err != nil {
			return out, err
		}
	}
}

// side returns one channel of several.
func side(samples []int16, c, channels int) []int16 {
	var out []int16
	for i := c; i < len(samples); i += channels {
		out = append(out, samples[i])
	}
	return out
}

func testdata(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", name))
	require.NoError(t, err)
	return b
}

func TestMP3(t *testing.T) {
	for _, tt := range []struct {
		name     string
		channels int
		late     int // samples: without a tag nothing says what the encoder has put in front
		snr      float64
	}{
		{"stereo44.mp3", 2, 0, 25},
		{"vbr48.mp3", 2, 0, 33},
		{"mono22.mp3", 1, (576 + 529) * SampleRate / 22050, 19},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tr, err := OpenTrack(filepath.Join("testdata", tt.name), nil)
			require.NoError(t, err)
			defer tr.Close()
			require.Equal(t, tt.channels, tr.Channels())
			pcm := readTrack(t, tr)
			require.InDelta(t, tr.Duration().Seconds()*SampleRate, len(pcm)/tt.channels, 1)
			if tt.late == 0 {
				require.Equal(t, time.Second, tr.Duration(), "without what encoder and decoder need to begin")
			}
			for c, want := range [][]int16{chirp(40000, 300, 3000), chirp(40000, 2000, 500)}[:tt.channels] {
				require.Greater(t, snr(want, side(pcm, c, tt.channels)[tt.late:]), tt.snr, "channel %d", c)
			}
		})
	}
}

// A frame in the middle is garbage: what is around it plays, and nothing is louder than it was.
func TestMP3WithGarbage(t *testing.T) {
	for _, name := range []string{"stereo44.mp3", "vbr48.mp3", "mono22.mp3"} {
		for what, spoil := range map[string]func([]byte) []byte{
			"zeros": func(b []byte) []byte { clear(b[len(b)/2:][:700]); return b },
			"inserted": func(b []byte) []byte {
				return bytes.Join([][]byte{b[:len(b)/2], make([]byte, 5000), b[len(b)/2:]}, nil)
			},
			"taken out": func(b []byte) []byte { return append(b[:len(b)/2:len(b)/2], b[len(b)/2+900:]...) },
			"ID3": func(b []byte) []byte {
				return append([]byte("ID3\x04\x00\x00\x00\x00\x10\x00"+string(make([]byte, 2048))), b...)
			},
			"tag at the end": func(b []byte) []byte { return append(b, append([]byte("TAG"), make([]byte, 125)...)...) },
		} {
			t.Run(name+" "+what, func(t *testing.T) {
				tr, err := NewTrack(bytes.NewReader(spoil(testdata(t, name))), nil)
				require.NoError(t, err)
				pcm := readTrack(t, tr)
				require.Greater(t, len(pcm)/tr.Channels(), SampleRate*7/10)
				whole, err := OpenTrack(filepath.Join("testdata", name), nil)
				require.NoError(t, err)
				defer whole.Close()
				want := readTrack(t, whole)
				n := 15000 * tr.Channels()
				require.Greater(t, snr(want[:n], pcm[:n]), 60.0, "before it")
				require.Less(t, max(slices.Max(pcm), -slices.Min(pcm)), int16(13000))
			})
		}
	}
}

func TestWAVTracks(t *testing.T) {
	le := binary.LittleEndian
	const seconds = 0.25
	for _, rate := range []int{8000, 11025, 44100, 48000, 96000, 192000} {
		for _, bits := range []int{8, 16, 24, 32, 33, 64} {
			for channels := 1; channels <= 2; channels++ {
				t.Run(fmt.Sprint(rate, bits, channels), func(t *testing.T) {
					var data []byte
					tag, width := wavPCM, bits
					for i := range int(seconds * float64(rate)) {
						for c := range channels {
							v := 0.5 * math.Sin(2*math.Pi*float64(500+300*c)*float64(i)/float64(rate))
							switch bits {
							case 8:
								data = append(data, byte(math.Round(v*127)+128))
							case 16:
								data = le.AppendUint16(data, uint16(int16(math.Round(v*32767))))
							case 24:
								data = append(data, le.AppendUint32(nil, uint32(int32(math.Round(v*(1<<31-1)))))[1:]...)
							case 32:
								data = le.AppendUint32(data, uint32(int32(math.Round(v*(1<<31-1)))))
							case 33:
								tag, width = wavFloat, 32
								data = le.AppendUint32(data, math.Float32bits(float32(v)))
							case 64:
								tag = wavFloat
								data = le.AppendUint64(data, math.Float64bits(v))
							}
						}
					}
					tr, err := NewTrack(bytes.NewReader(wavFile(tag, channels, rate, width, false, data)), nil)
					require.NoError(t, err)
					require.InDelta(t, seconds, tr.Duration().Seconds(), 1e-4)
					pcm := readTrack(t, tr)
					for c := range channels {
						got := side(pcm, c, channels)
						require.InDelta(t, seconds*SampleRate, len(got), 5)
						want := sine(len(got), float64(500+300*c), SampleRate, 16383)
						least := 60.0
						if bits == 8 {
							least = 36
						}
						require.Greater(t, snr(want[2000:len(got)-2000], got[2000:]), least)
					}
				})
			}
		}
	}
}

func TestWAVDownmix(t *testing.T) {
	le := binary.LittleEndian
	only := func(channels, loud int) []int16 {
		var data []byte
		for range 100 {
			for c := range channels {
				v := int16(0)
				if c == loud {
					v = 10000
				}
				data = le.AppendUint16(data, uint16(v))
			}
		}
		tr, err := NewTrack(bytes.NewReader(wavFile(wavPCM, channels, 48000, 16, false, data)), nil)
		require.NoError(t, err)
		require.Equal(t, 2, tr.Channels())
		return readTrack(t, tr)[:2]
	}
	for _, tt := range []struct {
		channels, loud int
		want           []int16
	}{
		// 5.1 is left, right, centre, low frequencies, back left, back right: 1/(1+0.707+0.707) is 0.414.
		{6, 0, []int16{4142, 0}}, {6, 1, []int16{0, 4142}}, {6, 2, []int16{2929, 2929}}, {6, 3, []int16{0, 0}},
		{6, 4, []int16{2929, 0}}, {6, 5, []int16{0, 2929}},
		{8, 6, []int16{2265, 0}}, {8, 7, []int16{0, 2265}}, {3, 2, []int16{4142, 4142}}, {4, 2, []int16{4142, 0}},
	} {
		require.Equal(t, tt.want, only(tt.channels, tt.loud), "%d channels, the sound on %d", tt.channels, tt.loud)
	}
	_, err := NewTrack(bytes.NewReader(wavFile(wavPCM, 9, 48000, 16, false, make([]byte, 180))), nil)
	require.ErrorIs(t, err, ErrFormat)
	require.ErrorContains(t, err, "9 channels")
}

// small are files of each kind, less than 13 KB.
func small(t testing.TB) map[string][]byte {
	var wav, wav44 bytes.Buffer
	require.NoError(t, WriteWAV(&wav, chirp(3000, 300, 3000), SampleRate, 2))
	require.NoError(t, WriteWAV(&wav44, chirp(3000, 300, 3000), 44100, 1))
	return map[string][]byte{
		"WAV": wav.Bytes(), "WAV of 44.1 kHz": wav44.Bytes(), "Ogg Opus": oggFile(t, 40, 30),
		"stereo44.mp3": testdata(t, "stereo44.mp3"), "vbr48.mp3": testdata(t, "vbr48.mp3"), "mono22.mp3": testdata(t, "mono22.mp3"),
	}
}

// A place that is sought is the very sample, whatever lies before it.
func TestTrackSeeks(t *testing.T) {
	for name, data := range small(t) {
		t.Run(name, func(t *testing.T) {
			tr, err := NewTrack(bytes.NewReader(data), toyCodec{})
			require.NoError(t, err)
			want := readTrack(t, tr)
			channels := tr.Channels()
			length := len(want) / channels
			for _, at := range []int{length / 2, 1, 0, length - 1, length / 3, length * 9 / 10, 961} {
				require.NoError(t, tr.SeekSample(int64(at)))
				got := readTrack(t, tr)
				require.Len(t, got, len(want)-at*channels, "from %d", at)
				for i, s := range want[at*channels:] {
					// The MP3 decoder's filters begin anew, with rounding errors of their own.
					if d := int(s) - int(got[i]); d < -2 || d > 2 {
						t.Fatalf("sample %d after %d: %d, want %d", i, at, got[i], s)
					}
				}
			}
			require.NoError(t, tr.Seek(time.Hour))
			_, err = tr.Read(make([]int16, 2))
			require.Equal(t, io.EOF, err)
			require.NoError(t, tr.Seek(-time.Hour))
			require.Equal(t, want, readTrack(t, tr))
			_, err = tr.Read(make([]int16, 2*channels+channels-1))
			if channels == 2 {
				require.ErrorIs(t, err, ErrFrameSize)
			}
		})
	}
}

// Files that are cut off give what is whole, or an error that is one of ours.
func TestTracksCutAnywhere(t *testing.T) {
	for name, data := range small(t) {
		t.Run(name, func(t *testing.T) {
			whole, err := NewTrack(bytes.NewReader(data), toyCodec{})
			require.NoError(t, err)
			want := readTrack(t, whole)
			longest := 0
			for n := range data {
				if n > 1000 && n%61 != 0 { // headers, tags and the first frames at every place, the rest here and there
					continue
				}
				tr, err := NewTrack(bytes.NewReader(data[:n]), toyCodec{})
				if err != nil {
					require.True(t, ours(err), "%d: %v", n, err)
					continue
				}
				got := readTrack(t, tr)
				require.LessOrEqual(t, len(got), len(want)+2*2500, n)
				longest = max(longest, len(got))
			}
			require.Greater(t, longest, len(want)*8/10)
		})
	}
}

// ours tells whether an error says what is wrong with a file.
func ours(err error) bool {
	return errors.Is(err, ErrFormat) || errors.Is(err, ErrNoAudio) || errors.Is(err, ErrNotOgg) || errors.Is(err, ErrNotWAV)
}

func TestTrackErrors(t *testing.T) {
	mpeg25 := bytes.Repeat(append([]byte{0xff, 0xe3, 0x40, 0xc0}, make([]byte, 206-4+2)...), 4)
	vorbis := oggPage(2, 0, 1, []byte("\x01vorbis, as older Ogg files have it"))
	vorbis = append(vorbis, oggPage(0, 0, 1, []byte("\x03vorbis"))...)
	for name, tt := range map[string]struct {
		data []byte
		is   error
		says string
	}{
		"text":            {bytes.Repeat([]byte("no sound at all. "), 10000), ErrFormat, "ffmpeg"},
		"empty":           {nil, ErrNoAudio, "empty"},
		"MPEG 2.5":        {mpeg25, ErrFormat, "MPEG 2.5"},
		"Vorbis":          {vorbis, ErrNotOgg, "no Opus"},
		"a strange rate":  {wavFile(wavPCM, 1, 44101, 16, false, make([]byte, 100)), ErrFormat, "44101 Hz"},
		"only an MP3 tag": {testdata(t, "stereo44.mp3")[:313], ErrFormat, "MP3"},
	} {
		_, err := NewTrack(bytes.NewReader(tt.data), toyCodec{})
		require.ErrorIs(t, err, tt.is, name)
		require.ErrorContains(t, err, tt.says, name)
	}
	_, err := OpenTrack(filepath.Join(t.TempDir(), "nowhere.wav"), nil)
	require.ErrorContains(t, err, "nowhere.wav")
}

func FuzzWAVTrack(f *testing.F) {
	f.Add(wavFile(wavFloat, 8, 96000, 64, true, make([]byte, 640)), int64(3))
	f.Add(wavFile(wavPCM, 6, 44100, 24, false, make([]byte, 360)), int64(9))
	fuzzTrack(f, "WAV", "WAV of 44.1 kHz")
}

func FuzzOggTrack(f *testing.F) { fuzzTrack(f, "Ogg Opus") }

func FuzzMP3(f *testing.F) {
	f.Add(slices.Concat([]byte("ID3\x04\x00\x00\x00\x00\x00\x04abcd"), testdata(f, "mono22.mp3")[:800]), int64(0))
	fuzzTrack(f, "stereo44.mp3", "vbr48.mp3", "mono22.mp3")
}

// fuzzTrack reads whatever there is: it ends, with an error of ours if with any, and gives no more than it says.
func fuzzTrack(f *testing.F, seeds ...string) {
	for _, name := range seeds {
		data := small(f)[name]
		f.Add(data[:min(len(data), 2500)], int64(100)) // short, so that there are many tries a second
	}
	f.Fuzz(func(t *testing.T, data []byte, at int64) {
		tr, err := NewTrack(bytes.NewReader(data), toyCodec{})
		if err != nil {
			if !ours(err) {
				t.Fatal(err)
			}
			return
		}
		if c := tr.Channels(); c != 1 && c != 2 {
			t.Fatal(c, "channels")
		}
		pcm, err := readAll(tr)
		if err != nil && !ours(err) {
			t.Fatal(err)
		}
		if got, most := int64(len(pcm)/tr.Channels()), int64(tr.Duration().Seconds()*SampleRate)+2; got > most {
			t.Fatalf("%d samples in %v", got, tr.Duration())
		}
		if err := tr.SeekSample(at); err != nil {
			t.Fatal(err)
		}
		if _, err := tr.Read(make([]int16, 96)); err != nil && err != io.EOF && !ours(err) {
			t.Fatal(err)
		}
	})
}
