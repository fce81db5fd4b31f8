package redundancy

import "github.com/openvoiceroom/openvoiceroom/audio/red"

const (
	// Depth is how many packets are kept: the deepest copy, and what a listener asks for within a round trip of 200 ms. A
	// copy cannot be older than 17 packets anyway (red.MaxAge).
	Depth = 16
	// maxPayload is the size of the largest payload with copies, as of one without: more would not fit an MTU with every
	// header.
	maxPayload = 1200
	// maxAsked is how many packets are sent again in one, at most.
	maxAsked = 3
)

// History is what one stream has sent lately. One goroutine uses it at a time; it allocates nothing once its buffers have
// grown to the stream's packets.
type History struct {
	stream  uint32
	ring    [Depth]entry
	newest  uint16 // valid if any
	any     bool
	payload [levels][]byte // of the packet that was added last, made when first asked for
	made    [levels]bool
	pt      uint8 // of the blocks in payload
	asked   []byte
	copies  []red.Copy
}

// entry is one packet.
type entry struct {
	seq  uint16
	ts   uint32
	kept bool
	data []byte
}

// Add keeps a packet, whose payload is copied. It is the one that Payload and With pack from now on.
func (h *History) Add(stream uint32, seq uint16, ts uint32, payload []byte) {
	if !h.any || stream != h.stream {
		for i := range h.ring {
			h.ring[i].kept = false
		}
	}
	h.stream, h.newest, h.any = stream, seq, true
	e := &h.ring[seq%Depth]
	e.seq, e.ts, e.kept = seq, ts, true
	e.data = append(e.data[:0], payload...)
	h.made = [levels]bool{}
}

func (h *History) find(seq uint16) *entry {
	if e := &h.ring[seq%Depth]; e.kept && e.seq == seq {
		return e
	}
	return nil
}

// Payload returns the newest packet with a level's copies, in a payload for audio/red whose blocks have type pt; nil if
// there is nothing to copy. It is made once for all who
// ask with the same type, and valid until the next Add, or Payload with another type.
func (h *History) Payload(l Level, pt uint8) []byte {
	if l == None || l >= levels || !h.any {
		return nil
	}
	if pt != h.pt {
		h.pt, h.made = pt, [levels]bool{}
	}
	if !h.made[l] {
		h.made[l] = true
		h.payload[l] = h.pack(h.payload[l][:0], pt, distances[l], nil)
	}
	if len(h.payload[l]) == 0 {
		return nil
	}
	return h.payload[l]
}

// With returns the newest packet with a level's copies and the packets that are asked for by number, as far as they are
// kept and there is room; nil if there is nothing to copy. It is valid until the next call.
func (h *History) With(l Level, pt uint8, asked []uint16) []byte {
	if l >= levels || !h.any {
		return nil
	}
	h.asked = h.pack(h.asked[:0], pt, distances[l], asked)
	if len(h.asked) == 0 {
		return nil
	}
	return h.asked
}

// pack appends the newest packet with copies of those that lie the distances before it and of those asked for; nothing if
// there is none.
func (h *History) pack(dst []byte, pt uint8, distances, asked []uint16) []byte {
	own := h.find(h.newest)
	room := maxPayload - 1 - len(own.data)
	copies := h.copies[:0]
	for _, seq := range asked[:min(len(asked), maxAsked)] {
		copies, room = h.copy(copies, own, seq, room)
	}
	for _, d := range distances {
		copies, room = h.copy(copies, own, own.seq-d, room)
	}
	h.copies = copies
	if len(copies) == 0 {
		return dst
	}
	return red.Append(dst, pt, own.data, copies)
}

// copy appends a packet to copies if it is kept, not too old, fits and is not there yet.
func (h *History) copy(copies []red.Copy, own *entry, seq uint16, room int) ([]red.Copy, int) {
	e := h.find(seq)
	if e == nil || len(e.data) > red.MaxBlock || red.Size(len(e.data)) > room || len(e.data) == 0 {
		return copies, room
	}
	age := own.ts - e.ts
	if age == 0 || age > red.MaxAge {
		return copies, room
	}
	for _, c := range copies {
		if c.Age == age {
			return copies, room
		}
	}
	return append(copies, red.Copy{Age: age, Payload: e.data}), room - red.Size(len(e.data))
}
