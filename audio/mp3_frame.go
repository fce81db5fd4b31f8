package audio

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
)

// mp3Header is the first 4 bytes of a frame (ISO 11172-3, 2.4.1.3).
type mp3Header uint32

const (
	mp3HeaderSize = 4
	// mp3Same are the bits that all frames of a file share: sync, version, layer, rate.
	mp3Same      = 0xfffe0c00
	mp3MaxFrame  = 1441    // bytes: 320 kbit/s at 32 kHz, padded
	mp3MaxSearch = 1 << 16 // bytes before the first frame, tags left out
	mp3MaxFrames = 1 << 22 // a day; their places are kept
)

var mp3Rates = [4]int{44100, 48000, 32000, 0}

var mp3Bitrates = [2][16]int{ // kbit/s, layer III of MPEG 2 and of MPEG 1
	{0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0},
	{0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 0},
}

// version is 3 for MPEG 1, 2 for MPEG 2, 0 for MPEG 2.5.
func (h mp3Header) version() int   { return int(h >> 19 & 3) }
func (h mp3Header) mpeg1() int     { return int(h >> 19 & 1) }
func (h mp3Header) protected() int { return int(^h >> 16 & 1) }
func (h mp3Header) padding() int   { return int(h >> 9 & 1) }
func (h mp3Header) mono() bool     { return h>>6&3 == 3 }
func (h mp3Header) samples() int   { return 576 << h.mpeg1() }

func (h mp3Header) rate() int {
	rate := mp3Rates[h>>10&3]
	switch h.version() {
	case 3:
		return rate
	case 2:
		return rate / 2
	}
	return rate / 4
}

// ok tells whether this can be a frame of layer III, of a size that is known.
func (h mp3Header) ok() bool {
	return h>>21 == 0x7ff && h.version() != 1 && h>>17&3 == 1 && h.rate() > 0 && h.bitrate() > 0 && h&3 != 2
}

func (h mp3Header) bitrate() int { return mp3Bitrates[h.mpeg1()][h>>12&15] }

// size is that of the whole frame in bytes.
func (h mp3Header) size() int {
	return 72000<<h.mpeg1()*h.bitrate()/h.rate() + h.padding()
}

// sideInfo is the size of what stands before the main data, without header and checksum.
func (h mp3Header) sideInfo() int {
	switch {
	case h.mpeg1() == 1 && h.mono(), h.mpeg1() == 0 && !h.mono():
		return 17
	case h.mono():
		return 9
	}
	return 32
}

// body is where the side information begins.
func (h mp3Header) body() int { return mp3HeaderSize + 2*h.protected() }

// mp3Index is where the frames of a file are.
type mp3Index struct {
	first  mp3Header
	places []int64
	skip   int64 // samples before the sound: what encoder and decoder need to begin
	total  int64 // samples of sound
}

// indexMP3 goes through a whole file. Tags and damage between frames are passed over.
func indexMP3(r io.Reader) (*mp3Index, error) {
	x := &mp3Index{}
	b := bufio.NewReaderSize(r, 1<<16)
	pos, searched := int64(0), 0
	var delay, padding int64
	for {
		p, err := b.Peek(mp3HeaderSize)
		if err != nil && err != io.EOF {
			return nil, err
		}
		if len(p) < mp3HeaderSize {
			break
		}
		h := mp3Header(binary.BigEndian.Uint32(p))
		skip := 1
		switch {
		case len(x.places) == 0 && string(p[:3]) == "ID3":
			skip = id3Size(b)
		case x.frame(h, b):
			skip = h.size()
			whole, _ := b.Peek(skip)
			if len(x.places) == 0 && x.first == 0 {
				x.first = h
				var info bool
				if info, delay, padding = mp3Info(h, whole); info {
					break // a frame without sound
				}
			}
			if len(x.places) == mp3MaxFrames {
				return nil, fmt.Errorf("%w: an MP3 file of more than a day", ErrFormat)
			}
			x.places = append(x.places, pos)
		case x.first == 0:
			if searched++; searched > mp3MaxSearch {
				return nil, errUnknownFile
			}
		}
		n, err := b.Discard(skip)
		pos += int64(n)
		if err != nil && err != io.EOF {
			return nil, err
		}
	}
	switch {
	case x.first == 0:
		return nil, errUnknownFile
	case x.first.version() == 0:
		return nil, fmt.Errorf("%w: MP3 of MPEG 2.5 (%d Hz); convert it: ffmpeg -i IN OUT.wav", ErrFormat, x.first.rate())
	}
	x.skip = delay
	x.total = int64(len(x.places))*int64(x.first.samples()) - delay - padding
	if x.total <= 0 {
		return nil, ErrNoAudio
	}
	return x, nil
}

var errUnknownFile = fmt.Errorf("%w: neither WAV, Ogg Opus nor MP3; convert it: ffmpeg -i IN -ar 48000 OUT.wav", ErrFormat)

// frame tells whether a whole frame begins here: one like the first, or one with another of its kind behind it.
func (x *mp3Index) frame(h mp3Header, b *bufio.Reader) bool {
	if !h.ok() || x.first != 0 && (h^x.first)&mp3Same != 0 {
		return false
	}
	size := h.size()
	p, _ := b.Peek(size + mp3HeaderSize)
	switch {
	case len(p) < size:
		return false
	case len(p) < size+mp3HeaderSize: // the last one
		return x.first != 0
	}
	next := mp3Header(binary.BigEndian.Uint32(p[size:]))
	return next.ok() && (next^h)&mp3Same == 0 || x.first != 0 && !next.ok()
}

// id3Size is how long the tag is that begins here (ID3v2.4, section 3.1), perhaps as a lie.
func id3Size(b *bufio.Reader) int {
	p, _ := b.Peek(10)
	if len(p) < 10 {
		return 1
	}
	return 10 + int(p[6]&0x7f)<<21 + int(p[7]&0x7f)<<14 + int(p[8]&0x7f)<<7 + int(p[9]&0x7f)
}

// decoderDelay is by how many samples a layer III decoder is late.
const decoderDelay = 529

// mp3Info tells whether a first frame is a table of contents (Xing, VBRI) rather than sound, and how many samples the
// encoder says to leave out at both ends.
func mp3Info(h mp3Header, frame []byte) (info bool, delay, padding int64) {
	const vbri = mp3HeaderSize + 32
	if len(frame) >= vbri+4 && string(frame[vbri:vbri+4]) == "VBRI" {
		return true, 0, 0
	}
	at := mp3HeaderSize + h.sideInfo()
	if len(frame) < at+8 || string(frame[at:at+4]) != "Xing" && string(frame[at:at+4]) != "Info" {
		return false, 0, 0
	}
	flags := frame[at+7]
	at += 8
	for bit, size := range []int{4, 4, 100, 4} { // frames, bytes, places, quality
		if flags>>bit&1 != 0 {
			at += size
		}
	}
	const gap = 21 // of the two numbers behind the encoder's name
	if len(frame) < at+gap+3 {
		return true, 0, 0
	}
	g := frame[at+gap:]
	delay, padding = int64(g[0])<<4|int64(g[1])>>4, int64(g[1]&15)<<8|int64(g[2])
	if delay == 0 && padding == 0 {
		return true, 0, 0
	}
	return true, delay + decoderDelay, max(padding-decoderDelay, 0)
}
