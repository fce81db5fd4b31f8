package bot

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"syscall"
	"time"
	"unicode"

	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/voiceroom"
)

// diary writes down what happens, a line each.
type diary struct {
	out   io.WriteCloser // nil: nobody wants to know
	text  bool
	over  func(Outcome)
	lines chan voiceroom.Event
	last  chan struct{} // closed when nothing follows
	done  chan struct{}
}

// maxLines is how many lines may wait for a reader that is slow.
const maxLines = 1024

func (d *diary) begin(wg *sync.WaitGroup, cfg Config, over func(Outcome)) {
	*d = diary{
		out: cfg.Events, text: cfg.Text, over: over,
		lines: make(chan voiceroom.Event, maxLines), last: make(chan struct{}), done: make(chan struct{}),
	}
	if d.out != nil {
		wg.Go(d.run)
	}
}

// tell takes an event. It waits for nobody, and may be called from any goroutine.
func (d *diary) tell(e voiceroom.Event) {
	if d.out == nil {
		return
	}
	select {
	case d.lines <- e:
	default:
		d.over(Outcome{Text: fmt.Sprintf("Nobody reads the events: %d are waiting.", maxLines), Failed: true})
	}
}

func (d *diary) run() {
	defer close(d.done)
	for {
		select {
		case e := <-d.lines:
			if !d.write(e) {
				return
			}
		case <-d.last:
			for {
				select {
				case e := <-d.lines:
					if !d.write(e) {
						return
					}
				default:
					return
				}
			}
		}
	}
}

func (d *diary) write(e voiceroom.Event) (ok bool) {
	line, err := d.line(e)
	if err == nil {
		_, err = d.out.Write(line)
	}
	if err != nil {
		d.over(notWritten("the events", err))
	}
	return err == nil
}

func (d *diary) line(e voiceroom.Event) ([]byte, error) {
	if d.text {
		if e.Seat != nil { // as people count
			seat := *e.Seat + 1
			e.Seat = &seat
		}
		return fmt.Appendf(nil, "%s %s\n", e.Time.Format(time.TimeOnly), clean(e.String())), nil
	}
	line, err := json.Marshal(e)
	return append(line, '\n'), err
}

// end writes what is left, and closes what was written to. Nothing is told any more.
func (d *diary) end() error {
	if d.out == nil {
		return nil
	}
	close(d.last)
	err := closeSoon(d.out, d.done)
	return err
}

// closeSoon closes what a goroutine writes to when that has ended. One that hangs is ended by it.
func closeSoon(out io.Closer, done <-chan struct{}) error {
	select {
	case <-done:
		return out.Close()
	case <-time.After(hangWait):
	}
	_ = out.Close() // what is left is lost anyway
	<-done
	return nil
}

// notWritten is the end of a bot that cannot write: a reader that has had enough is no failure.
func notWritten(what string, err error) Outcome {
	if errors.Is(err, syscall.EPIPE) || errors.Is(err, io.ErrClosedPipe) {
		return Outcome{Text: "Nobody reads " + what + " any more."}
	}
	return Outcome{Text: "It cannot be written down: " + what + ".", Err: err, Failed: true}
}

// happened is told of each event.
func (b *bot) happened(e voiceroom.Event) {
	b.diary.tell(e)
	if path := b.cfg.Announce[e.Type]; path != "" && b.known && e.User != b.self {
		b.script.want(path)
	}
	poke(b.knock)
}

func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

func (b *bot) loginObserver() *engine.Observer {
	return &engine.Observer{
		OnReconnecting: func(cause error) {
			b.cfg.Note(fmt.Sprintf("The connection is lost (%v); trying to get it back.", cause))
			b.diary.tell(voiceroom.Event{Type: EventReconnecting, Time: time.Now(), Value: fmt.Sprint(cause)})
		},
		OnReconnected: func() {
			b.cfg.Note("The connection is back.")
			b.diary.tell(voiceroom.Event{Type: EventReconnected, Time: time.Now()})
		},
		OnKickedOffLine: func(message string) {
			b.over(Outcome{Text: "The bot's user has logged in somewhere else: " + clean(message), Failed: true})
		},
		OnDisconnected: func(err error) {
			b.over(Outcome{Text: "The connection to the server did not come back.", Err: err, Failed: true})
		},
	}
}

func (b *bot) roomObserver() *engine.RoomObserver {
	return &engine.RoomObserver{
		OnSeatListChanged: func([]engine.SeatInfo, []engine.UserInfo, []engine.UserInfo) { poke(b.look) },
		OnMusicFinished:   b.script.ended,
		OnRoomDismissed: func(_ engine.RoomID, reason engine.DismissedReason) {
			if reason == engine.DismissedByServer {
				b.over(Outcome{Text: "The server has ended the room.", Failed: true})
				return
			}
			b.over(Outcome{Text: "The room's owner has ended the room."})
		},
		OnKickedOutOfRoom: func(_ engine.RoomID, reason engine.KickedOutReason, message string) {
			text := map[engine.KickedOutReason]string{
				engine.KickedByAdmin:                "The bot has been taken out of the room.",
				engine.KickedByLoginOnOtherDevice:   "The bot's user has entered the room from somewhere else.",
				engine.KickedByServer:               "The server has taken the bot out of the room.",
				engine.KickedForNetworkDisconnected: "The connection to the server did not come back.",
				engine.KickedForStatusInvalid:       "While the bot was away the room has ended, or the bot has been taken out of it.",
				engine.KickedForTooManyRooms:        "The bot's user has entered too many rooms.",
			}[reason]
			if text == "" {
				text = "The bot is out of the room."
			}
			if message = clean(message); message != "" {
				text += " (" + message + ")"
			}
			b.over(Outcome{Text: text, Failed: true})
		},
	}
}

// clean takes out of a stranger's text what would change a terminal, or the order of what is written.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) || r == 0x2028 || r == 0x2029 {
			return -1
		}
		return r
	}, s)
}
