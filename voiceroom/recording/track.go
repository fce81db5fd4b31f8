package recording

import (
	"bufio"
	"os"
	"slices"
	"time"

	"github.com/openvoiceroom/openvoiceroom/audio"
	"github.com/openvoiceroom/openvoiceroom/engine"
)

const (
	// held is how much of a track waits to be written: as long as a repaired packet may take, and room for those that
	// come before their time.
	held      = 128
	writeLate = 50 // frames: a second

	// A speaker's clock and ours differ, and routes change: a packet that would be this far from when it came is taken
	// for the beginning of something new. Repairs come up to some 200 ms late.
	mostEarly = 5   // frames
	mostLate  = 25  // frames
	mostOff   = 2   // frames: by one at a time, clocks that drift are kept as near
	window    = 250 // packets: 5 s, in which one at least is not late
	spurt     = 10  // frames of silence after which the next packet is placed by when it comes

	maxConceal = 5  // frames in a row that a decoder makes up; as in a call
	maxComfort = 50 // frames of a speaker's background in a silence
)

// trackChannels is for songs: who speaks in mono is heard on both sides.
const trackChannels = 2

// frame is 20 ms of a track.
type frame struct {
	at      int64 // its number since the recording's beginning; another one: the slot is empty
	user    engine.UserID
	payload []byte
}

// track is what is said on one seat.
type track struct {
	frames [held]frame
	clock  clock

	// Of what was written last:
	user    engine.UserID
	toc     byte // of the last packet
	missing int  // frames since then
	dtx     bool // it said that silence follows
}

// clock places the packets of one stream on the recording's time line.
type clock struct {
	stream uint32
	begun  bool
	ts     uint32
	at     int64 // of ts
	newest int64

	early int64 // the most, in frames, that a packet of this window would come before its time; negative is late
	seen  int   // packets in it
}

// place returns the frame to which a packet belongs that has come at now.
func (c *clock) place(stream, ts uint32, now int64) int64 {
	if c.begun && stream == c.stream {
		since := int64(int32(ts-c.ts)) + audio.FrameSamples/2
		at := c.at + since/audio.FrameSamples
		if since < 0 && since%audio.FrameSamples != 0 {
			at-- // a packet from before the clock began: division rounds towards 0
		}
		gap := at - c.newest
		if at <= now+mostEarly && at >= now-mostLate && gap < spurt {
			c.newest = max(c.newest, at)
			c.follow(at - now)
			return at
		}
	}
	*c = clock{stream: stream, begun: true, ts: ts, at: now, newest: now}
	return now
}

// follow moves the clock by a frame where it is off for a whole window: who speaks without a pause has a clock that is
// slower or faster than ours.
func (c *clock) follow(early int64) {
	if c.seen == 0 || early > c.early {
		c.early = early
	}
	if c.seen++; c.seen < window {
		return
	}
	c.seen = 0
	switch {
	case c.early >= mostOff:
		c.at--
	case c.early <= -mostOff:
		c.at++
	}
}

// put keeps a packet that has come at now, unless it is too late or there already. It is false where so much waits to be
// written that the packet has no place: the disk does not keep up.
func (t *track) put(p engine.Packet, now, written int64) (kept bool) {
	at := t.clock.place(p.Stream, p.Timestamp, now)
	switch {
	case at >= written+held:
		return false
	case at < written: // also from before the recording
		return true
	}
	f := &t.frames[at%held]
	if f.at != at || f.payload == nil {
		*f = frame{at: at, user: p.User, payload: slices.Clone(p.Payload)}
	}
	return true
}

// take returns what belongs to a frame and frees its place.
func (t *track) take(at int64) (user engine.UserID, payload []byte) {
	f := &t.frames[at%held]
	if f.at != at {
		return "", nil
	}
	user, payload = f.user, f.payload
	*f = frame{}
	return user, payload
}

// kind is what a frame without a packet is.
type kind int

const (
	silence kind = iota
	packet
	conceal // lost, or the background of a silence: the decoder makes it up
)

// next returns what is to be played of a frame: of conceal, the payload is what asks a decoder for it (a packet without a
// frame, RFC 6716 section 3.2.1). fresh says that somebody else speaks.
func (t *track) next(at int64) (payload []byte, k kind, fresh bool) {
	user, payload := t.take(at)
	if payload != nil {
		fresh = user != t.user
		t.user, t.toc, t.missing, t.dtx = user, payload[0], 0, len(payload) <= 2
		return payload, packet, fresh
	}
	t.missing++
	if t.user != "" && (t.dtx && t.missing <= maxComfort || t.lost(at)) {
		return empty(t.toc), conceal, false
	}
	return nil, silence, false
}

// empty returns 20 ms of empty frames like those of a packet of 20 ms that begins with toc (RFC 6716 section 3.2).
func empty(toc byte) []byte {
	one := []byte{toc &^ 3}
	if n := audio.FrameDuration / audio.PacketDuration(one); n > 1 {
		return []byte{toc | 3, byte(n)}
	}
	return one
}

// lost tells whether a frame is one of a few between two packets: longer ones are silence.
func (t *track) lost(at int64) bool {
	for next := at + 1; next <= at+1+int64(maxConceal-t.missing); next++ {
		if f := &t.frames[next%held]; f.at == next && f.payload != nil {
			return true
		}
	}
	return false
}

// oggFile is a file that is written a page at a time, and to the disk a tick at a time.
type oggFile struct {
	*audio.OggWriter
	file *os.File
	buf  *bufio.Writer
}

// create makes a file that is silent up to a frame.
func create(path string, channels int, silent int64) (*oggFile, error) {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return nil, err
	}
	f := &oggFile{file: file, buf: bufio.NewWriterSize(file, 64<<10)}
	f.OggWriter, err = audio.NewOggWriter(f.buf, channels)
	for ; err == nil && silent > 0; silent-- {
		err = f.WriteSilence()
	}
	if err != nil {
		file.Close()
		return nil, err
	}
	return f, nil
}

// close ends the stream and the file.
func (f *oggFile) close() error {
	err := f.Close()
	if flushed := f.buf.Flush(); err == nil {
		err = flushed
	}
	if closed := f.file.Close(); err == nil {
		err = closed
	}
	return err
}

// frames returns how many frames a time has.
func frames(d time.Duration) int64 { return int64(d / audio.FrameDuration) }
