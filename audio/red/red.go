// Package red reads and writes redundant audio data (RFC 2198): RTP payloads that carry copies of earlier packets beside
// their own.
//
// Blocks have no sequence numbers, only how much older they are. [Locate] finds the packet that a copy is of.
package red

import (
	"encoding/binary"
	"errors"
)

const (
	MaxAge   = 1<<14 - 1 // how much older than the packet a copy can be, in samples: 341 ms at 48 kHz
	MaxBlock = 1<<10 - 1 // bytes of a copy
	// MaxCopies is how many copies are read from one payload. Nobody sends more than three; each costs its reader work.
	MaxCopies = 8

	headerSize = 4 // of a copy; the packet's own has 1
	more       = 0x80
)

// Copy is an earlier packet's payload.
type Copy struct {
	Age     uint32 // samples, 1 to MaxAge
	Payload []byte // 1 to MaxBlock bytes
}

// Errors of Parse.
var (
	ErrShort  = errors.New("red: the payload ends inside a header or a block")
	ErrCopies = errors.New("red: too many copies")
	ErrEmpty  = errors.New("red: no payload of the packet's own")
)

// Append appends to dst a payload of type pt with copies, the oldest first. Copies that RFC 2198 has no room for are left
// out, as are empty ones.
func Append(dst []byte, pt uint8, own []byte, copies []Copy) []byte {
	for _, c := range copies {
		if c.fits() {
			dst = binary.BigEndian.AppendUint32(dst, uint32(more|pt)<<24|c.Age<<10|uint32(len(c.Payload)))
		}
	}
	dst = append(dst, pt&^more)
	for _, c := range copies {
		if c.fits() {
			dst = append(dst, c.Payload...)
		}
	}
	return append(dst, own...)
}

func (c Copy) fits() bool {
	return c.Age >= 1 && c.Age <= MaxAge && len(c.Payload) >= 1 && len(c.Payload) <= MaxBlock
}

// Size returns how many bytes a copy of n bytes takes in a payload.
func Size(n int) int { return headerSize + n }

// Parse reads a payload: the packet's own payload, its type, and the copies of the same type in the order in which they
// came, appended to copies[:0]. Empty copies, such that are not older, and such of other types are left out. Everything
// returned is part of b. It allocates nothing if copies has room for [MaxCopies].
func Parse(b []byte, copies []Copy) (own []byte, pt uint8, _ []Copy, err error) {
	copies = copies[:0]
	n := 0 // headers of copies
	for {
		if headerSize*n >= len(b) {
			return nil, 0, copies, ErrShort
		}
		if b[headerSize*n]&more == 0 {
			break
		}
		if n++; n > MaxCopies {
			return nil, 0, copies, ErrCopies
		}
	}
	pt = b[headerSize*n]
	blocks := b[headerSize*n+1:]
	for i := range n {
		h := binary.BigEndian.Uint32(b[headerSize*i:])
		size := int(h & MaxBlock)
		if size > len(blocks) {
			return nil, 0, copies[:0], ErrShort
		}
		c := Copy{Age: h >> 10 & MaxAge, Payload: blocks[:size]}
		if c.fits() && uint8(h>>24)&^more == pt {
			copies = append(copies, c)
		}
		blocks = blocks[size:]
	}
	if len(blocks) == 0 {
		return nil, 0, copies[:0], ErrEmpty
	}
	return blocks, pt, copies, nil
}

// Locate returns the sequence number of the packet with timestamp ts among those that are missing between oldest and
// newest, numbers that do not wrap. known returns the timestamp of a packet that is there; both ends must be. Every packet
// has frame samples, and silence may lie between two (a gap in timestamps that is none in numbers), so that there is not
// always an answer.
func Locate(ts uint32, oldest, newest int64, frame uint32, known func(seq int64) (ts uint32, ok bool)) (seq int64, ok bool) {
	above, aboveTS, found := int64(0), uint32(0), false
	for seq := newest; seq >= oldest; seq-- {
		at, there := known(seq)
		if !there {
			continue
		}
		after := int32(ts - at)
		switch {
		case after == 0:
			return 0, false // it is there
		case after < 0:
			above, aboveTS, found = seq, at, true
			continue
		case !found:
			return 0, false // newer than all
		}
		before := aboveTS - ts
		if before%frame != 0 || uint32(after)%frame != 0 {
			return 0, false
		}
		// Silence only adds to the distance in time, so each neighbour bounds the number from its side.
		first := max(seq+1, above-int64(before/frame))
		last := min(above-1, seq+int64(uint32(after)/frame))
		return first, first == last
	}
	return 0, false
}
