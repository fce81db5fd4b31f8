package engine

import (
	"errors"
	"sync/atomic"
	"time"

	"github.com/openvoiceroom/openvoiceroom/audio"
)

// ear is one slot's way from packets to frames.
type ear struct {
	buffer *audio.JitterBuffer
	meter  meter
	from   atomic.Pointer[who] // who is heard; nil: nobody, or nobody has said yet
	ssrc   atomic.Uint32       // of the newest packet
	active atomic.Bool         // a packet has come: before that there is nothing to decode
	asked  []uint16            // scratch of the goroutine that receives

	// Guarded by the line's lock:
	owner who    // who is heard, or was last
	seen  sample // at the last look

	// Of the player's goroutine:
	decoder audio.Decoder
	frame   audio.Frame
}

// who is a speaker as this room's members tell them apart. The server lets nobody hear one user from two rooms at once.
type who struct {
	room RoomID // a connected room, "" for this one
	user UserID
}

// speaker returns who is heard; without a user when that is not known.
func (e *ear) speaker() who {
	if w := e.from.Load(); w != nil {
		return *w
	}
	return who{}
}

// next decodes 20 ms; nil is silence. With a frame there may be an error: then it is made up.
func (e *ear) next(codec audio.Codec, channels int, now time.Time) (audio.Frame, error) {
	if !e.active.Load() {
		return nil, nil
	}
	payload, kind, reset := e.buffer.Pop(now)
	if kind == audio.Silence {
		return nil, nil
	}
	if e.decoder == nil {
		d, err := codec.NewDecoder(channels)
		if err != nil {
			return nil, err
		}
		e.decoder, e.frame = d, audio.NewFrame(channels)
	}
	if reset {
		e.decoder.Reset()
	}
	var err error
	switch kind {
	case audio.Packet:
		err = e.decoder.Decode(payload, e.frame)
	case audio.FEC:
		err = e.decoder.DecodeFEC(payload, e.frame)
	case audio.Conceal, audio.Comfort:
		err = e.decoder.Conceal(e.frame)
	}
	if errors.Is(err, audio.ErrPacket) { // damaged, or of another codec: told, and made up like a lost one
		if e.decoder.Conceal(e.frame) == nil {
			return e.frame, err
		}
	}
	if err != nil {
		return nil, err
	}
	e.buffer.Quiet(audio.Level(e.frame) > quietLevel)
	return e.frame, nil
}

// quietLevel is the level, in -dBov, below which a dropped frame goes unnoticed.
const quietLevel = 50
