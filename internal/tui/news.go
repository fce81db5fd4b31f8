package tui

import (
	"context"
	"sync"
	"time"

	"github.com/openvoiceroom/openvoiceroom/seatgrid"
)

// What the model is told of, besides keys and sizes. Each is a fact of its own, so that one that is told late replaces
// nothing newer: they come in the order of the SDK's callbacks.
type (
	// roomMsg is the room as a whole, except for its seats.
	roomMsg struct {
		info     seatgrid.RoomInfo
		self     seatgrid.UserInfo
		requests []seatgrid.Request
		roles    map[seatgrid.UserID]role // of those who are more than a guest
		connectionMsg
	}
	// seatMsg is one seat, of a connected room where it names one.
	seatMsg struct {
		room seatgrid.RoomID
		seat seatgrid.SeatInfo
	}
	// volumeMsg is how loud a seat is, 0 to 100.
	volumeMsg struct {
		room   seatgrid.RoomID
		index  seatgrid.SeatIndex
		volume int
	}
	// saidMsg is a line of the log.
	saidMsg struct {
		at   time.Time
		text string
	}
	// awayMsg says whether the connection is gone at the moment.
	awayMsg bool
	// quitMsg says that the program is to end.
	quitMsg struct{}
	// endMsg is the last message.
	endMsg struct{ outcome Outcome }
)

// News is the queue between the SDK's callbacks and the screen. Its writers never wait: a slow terminal must not hold up
// a call. Make one with [NewNews].
type News struct {
	wake chan struct{} // capacity one: there is something to read

	mu   sync.Mutex // protects what follows
	list []any
}

// NewNews returns an empty queue.
func NewNews() *News { return &News{wake: make(chan struct{}, 1)} }

// Say adds a line to the log: for what the sound card tells.
func (n *News) Say(text string) { n.add(saidMsg{time.Now(), text}) }

func (n *News) add(m any) {
	n.mu.Lock()
	if v, ok := m.(volumeMsg); !ok || !n.newerVolume(v) {
		n.list = append(n.list, m)
	}
	n.mu.Unlock()
	select {
	case n.wake <- struct{}{}:
	default:
	}
}

// newerVolume puts a volume in the place of one that nobody has read yet, so that a terminal that hangs does not make the
// queue grow without end. Only behind the last other message: a seat that has changed must not get its former user's.
func (n *News) newerVolume(v volumeMsg) bool {
	for i := len(n.list) - 1; i >= 0; i-- {
		old, ok := n.list[i].(volumeMsg)
		if !ok {
			return false
		}
		if old.index == v.index && old.room == v.room {
			n.list[i] = v
			return true
		}
	}
	return false
}

// take waits for messages and returns all of them; ok is false when ctx has ended and nothing is left.
func (n *News) take(ctx context.Context) (list []any, ok bool) {
	for {
		n.mu.Lock()
		list, n.list = n.list, nil
		n.mu.Unlock()
		if len(list) > 0 {
			return list, true
		}
		select {
		case <-n.wake:
		case <-ctx.Done():
			return nil, false
		}
	}
}
