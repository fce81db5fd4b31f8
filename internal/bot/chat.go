package bot

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// chatPause is how long a line waits that came too soon.
const chatPause = time.Second

// chat says each line that comes in the room's chat, one after another. Empty ones are passed over, and what the room does not
// take is left out, with a note why.
func (b *bot) chat(ctx context.Context) error {
	in := bufio.NewReaderSize(b.cfg.Chat, signaling.MaxBarrageText+2) // a line that is just not too long, with its end
	for {
		line, whole, err := readLine(in)
		switch {
		case !whole:
			b.cfg.Note(fmt.Sprintf("A line for the chat is left out: it has more than %d bytes.", signaling.MaxBarrageText))
		case line != "":
			b.sayLine(ctx, line)
		}
		if ctx.Err() != nil || errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// readLine reads a line without its end. One that is too long is passed over, and not whole.
func readLine(in *bufio.Reader) (line string, whole bool, err error) {
	part, err := in.ReadSlice('\n')
	if !errors.Is(err, bufio.ErrBufferFull) {
		line = string(trimEnd(part))
		return line, len(line) <= signaling.MaxBarrageText, err
	}
	for errors.Is(err, bufio.ErrBufferFull) {
		_, err = in.ReadSlice('\n')
	}
	return "", false, err
}

func trimEnd(b []byte) []byte {
	for len(b) > 0 && (b[len(b)-1] == '\n' || b[len(b)-1] == '\r') {
		b = b[:len(b)-1]
	}
	return b
}

// sayLine says a line, and waits where the room has more to say than it may.
func (b *bot) sayLine(ctx context.Context, line string) {
	for {
		try, cancel := context.WithTimeout(ctx, verbWait)
		_, err := b.room.Chat().SendBarrage(try, line, nil)
		cancel()
		switch {
		case err == nil || ctx.Err() != nil:
			return
		case !errors.Is(err, engine.ErrFreqLimit):
			b.cfg.Note(fmt.Sprintf("A line for the chat is left out: %v", err))
			return
		}
		select {
		case <-time.After(chatPause):
		case <-ctx.Done():
			return
		}
	}
}
