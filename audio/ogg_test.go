package audio

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"
)

// toyCodec decodes a packet to 20 ms of its last byte; the first byte is an Opus TOC for 20 ms, which Ogg files need.
type toyCodec struct{ muLaw }

type toyDecoder struct{ Decoder }

func (toyCodec) NewDecoder(int) (Decoder, error) { return toyDecoder{}, nil }

func (toyDecoder) Reset() {}

func (toyDecoder) Decode(p []byte, f Frame) error {
	if p[0] != 0xf8 {
		return ErrPacket
	}
	for i := range f {
		f[i] = int16(p[len(p)-1])
	}
	return nil
}

// oggFile has n packets of size bytes, the i-th with the last byte i, each on a page of its own.
func oggFile(t testing.TB, n, size int) []byte {
	var buf bytes.Buffer
	w, err := newOggWriter(&buf, 1)
	require.NoError(t, err)
	for i := range n {
		p := make([]byte, size)
		p[0], p[size-1] = 0xf8, byte(i)
		require.NoError(t, w.WritePacket(p))
	}
	require.NoError(t, w.Close())
	return buf.Bytes()
}

func TestOggOpus(t *testing.T) {
	for _, size := range []int{2, 254, 255, 256, 510, 1275} {
		o, err := ReadOggOpus(bytes.NewReader(oggFile(t, 10, size)))
		require.NoError(t, err)
		require.Len(t, o.Packets, 10)
		require.Equal(t, []int{1, 3840, 10*FrameSamples - 3840, size}, []int{o.Channels, o.PreSkip, o.Samples, len(o.Packets[9])})
		pcm, err := o.Decode(toyCodec{})
		require.NoError(t, err)
		require.Len(t, pcm, 6*FrameSamples)
		require.Equal(t, []int16{4, 9}, []int16{pcm[0], pcm[len(pcm)-1]}, "80 ms are skipped")
	}
}

func TestOggOpusTrimsTheEnd(t *testing.T) {
	o := &OggOpus{PreSkip: 100, Samples: 1000, Gain: 2, Packets: [][]byte{{0xf8, 1}, {0xf8, 2}}}
	pcm, err := o.Decode(toyCodec{})
	require.NoError(t, err)
	require.Len(t, pcm, 1000)
	require.Equal(t, []int16{2, 4}, []int16{pcm[859], pcm[860]}, "with the gain")
}

func TestOggOpusManyPacketsOnAPage(t *testing.T) {
	// RFC 3533: three packets, of which the third goes on on the next page.
	var j packetJoiner
	page := func(flags byte, table ...byte) []byte {
		p := make([]byte, oggHeaderSize)
		p[oggFlags], p[oggSegments] = flags, byte(len(table))
		return append(p, table...)
	}
	body := bytes.Repeat([]byte{7}, 300)
	got, err := j.split(body[:2+3+255], page(0, 2, 3, 255))
	require.NoError(t, err)
	require.Len(t, got, 2)
	got, err = j.split(body[:11], page(oggContinued, 10, 1))
	require.NoError(t, err)
	require.Len(t, got, 2)
	require.Len(t, got[0], 265)

	got, err = (&packetJoiner{}).split(body[:11], page(oggContinued, 10, 1))
	require.NoError(t, err)
	require.Len(t, got, 1, "the rest of a packet whose beginning was lost is left out")
	_, err = (&packetJoiner{}).split(make([]byte, 255*255), page(0, bytes.Repeat([]byte{255}, 255)...))
	require.ErrorIs(t, err, ErrFormat)
}

// oggPage builds a page by hand (RFC 3533 section 6).
func oggPage(flags byte, granule uint64, serial byte, packets ...[]byte) []byte {
	p := append([]byte("OggS"), 0, flags)
	p = binary.LittleEndian.AppendUint64(p, granule)
	p = append(p, serial, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, byte(len(packets)))
	for _, b := range packets {
		p = append(p, byte(len(b)))
	}
	for _, b := range packets {
		p = append(p, b...)
	}
	crc := uint32(0)
	for _, b := range p {
		crc ^= uint32(b) << 24
		for range 8 {
			crc = crc<<1 ^ crc>>31*0x04c11db7
		}
	}
	binary.LittleEndian.PutUint32(p[22:], crc)
	return p
}

func TestOggOpusAsOtherProgramsWriteIt(t *testing.T) {
	head := []byte("OpusHead\x01\x02\x38\x01\x80\xbb\x00\x00\x00\x01\x00") // pre-skip 312, gain +1 dB
	packet := func(v byte) []byte { return []byte{0xf8, v} }
	const begin = 7 * FrameSamples // cut out of a longer stream
	file := bytes.Join([][]byte{
		oggPage(2, 0, 1, head),
		oggPage(2, 0, 9, []byte("another stream")),
		oggPage(0, 0, 1, []byte("OpusTags, with whatever")),
		oggPage(0, begin+3*FrameSamples, 1, packet(100), packet(100), packet(100)),
		oggPage(0, 5, 9, packet(5)),
		oggPage(4, begin+4*FrameSamples+100, 1, packet(100), packet(100)), // the last packet has 100 samples
	}, nil)
	o, err := ReadOggOpus(bytes.NewReader(file))
	require.NoError(t, err)
	require.Equal(t, 2, o.Channels)
	require.Len(t, o.Packets, 5)
	require.Equal(t, 4*FrameSamples+100-312, o.Samples)
	pcm, err := o.Decode(toyCodec{})
	require.NoError(t, err)
	require.Len(t, pcm, o.Samples)
	require.Equal(t, int16(112), pcm[0], "1 dB up")
}

func TestOggOpusErrors(t *testing.T) {
	whole := oggFile(t, 10, 20)
	_, err := ReadOggOpus(bytes.NewReader(whole[:20]))
	require.ErrorIs(t, err, ErrNotOgg)
	_, err = ReadOggOpus(bytes.NewReader(oggFile(t, 3, 20)))
	require.ErrorIs(t, err, ErrNoAudio, "shorter than the pre-skip")
	o, err := ReadOggOpus(bytes.NewReader(whole[:len(whole)-100]))
	require.NoError(t, err)
	require.Less(t, len(o.Packets), 10, "cut off: what is whole")
	o.Packets[0] = []byte{1}
	_, err = o.Decode(toyCodec{})
	require.ErrorIs(t, err, ErrFormat)
	require.ErrorContains(t, err, "--framesize 20")
}

func FuzzReadOggOpus(f *testing.F) {
	f.Add(oggFile(f, 6, 3))
	f.Add(oggFile(f, 6, 300))
	f.Fuzz(func(t *testing.T, data []byte) {
		o, err := ReadOggOpus(bytes.NewReader(data))
		if err != nil {
			return
		}
		pcm, err := o.Decode(toyCodec{})
		if err == nil && len(pcm) > o.Samples {
			t.Fatalf("%d samples, want at most %d", len(pcm), o.Samples)
		}
	})
}
