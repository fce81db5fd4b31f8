package bot

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/openvoiceroom/openvoiceroom/audio"
)

// earAhead is how far a reader of somebody's voice may be behind.
const earAhead = 5 * time.Second

// ear writes somebody's voice.
type ear struct {
	Ear
	stream *audio.Stream
	stop   func()
	done   chan struct{}
}

// listen begins to write what is heard.
func (b *bot) listen(ctx context.Context) error {
	for _, e := range b.cfg.Hear {
		w := &ear{Ear: e, stream: b.all, done: make(chan struct{})}
		if e.User == "" {
			w.stop = b.all.End
		} else {
			var err error
			if w.stream, w.stop, err = b.room.Listen(e.User, earAhead); err != nil {
				return err
			}
		}
		if err := w.stream.Start(ctx); err != nil {
			return err
		}
		b.ears = append(b.ears, w)
		b.wg.Go(func() { b.write(w) })
	}
	return nil
}

func (e *ear) who() string {
	if e.User == "" {
		return "what is said"
	}
	return "what " + clean(string(e.User)) + " says"
}

// write writes until the stream ends.
func (b *bot) write(e *ear) {
	defer close(e.done)
	f, buf := audio.NewFrame(1), make([]byte, 2*audio.FrameSamples)
	for {
		if err := e.stream.ReadFrame(context.Background(), f); err != nil {
			if !errors.Is(err, io.EOF) {
				b.over(Outcome{Text: "It cannot be heard: " + e.who() + ".", Err: err, Failed: true})
			}
			return
		}
		for i, s := range f {
			binary.LittleEndian.PutUint16(buf[2*i:], uint16(s))
		}
		if _, err := e.Out.Write(buf); err != nil {
			b.over(notWritten(e.who(), err))
			return
		}
	}
}

// endEars writes what is left, and closes what was written to.
func (b *bot) endEars() error {
	var errs []error
	for _, e := range b.ears {
		e.stop()
	}
	for _, e := range b.ears {
		errs = append(errs, closeSoon(e.Out, e.done))
		if n := e.stream.Dropped(); n > 0 {
			b.cfg.Note(fmt.Sprintf("%v of %s are missing: whoever reads it is too slow.", time.Duration(n)*audio.FrameDuration, e.who()))
		}
	}
	return errors.Join(errs...)
}

// errNotRaw reports a file where raw sound is wanted.
var errNotRaw = errors.New("raw sound is wanted (48 kHz, mono, 16 bits, little-endian), and this is a file with a header: play it as a file, " +
	"or take the header off: ffmpeg -i IN -f s16le -ar 48000 -ac 1 -")

// say says raw sound until its end, and returns when it has been heard.
func (b *bot) say(ctx context.Context) error {
	feed := b.voice.(*mixed).Feed
	buf, samples := make([]byte, 4*audio.FrameSamples), make([]int16, 2*audio.FrameSamples)
	left := 0 // of a sample whose end has not come
	for first := true; ; first = false {
		n, err := b.cfg.Say.Read(buf[left:])
		n += left
		if first && (bytes.HasPrefix(buf[:n], []byte("RIFF")) || bytes.HasPrefix(buf[:n], []byte("OggS")) || bytes.HasPrefix(buf[:n], []byte("ID3"))) {
			return errNotRaw
		}
		for i := range n / 2 {
			samples[i] = int16(binary.LittleEndian.Uint16(buf[2*i:]))
		}
		if write := feed.Write(ctx, samples[:n/2]); write != nil {
			return write
		}
		left = n % 2
		copy(buf, buf[n-left:n])
		switch {
		case errors.Is(err, io.EOF):
			return feed.Drain(ctx)
		case err != nil:
			return err
		}
	}
}
