package engine

import (
	"context"
	"crypto/rand"
	"maps"
	"slices"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// maxBarrages is how many lines of a room's chat the client keeps; the oldest go.
const maxBarrages = 200

// barrages are the lines of a room's chat; guarded by Room.mu.
type barrages struct {
	list  []Barrage
	early []Barrage // came before Enter had succeeded
	used  bool      // somebody has said something, or has asked for what was said
}

// Chat is a room's chat.
type Chat struct{ room *Room }

// Chat returns the chat of the room.
func (r *Room) Chat() *Chat { return &Chat{r} }

// SendBarrage says a text to everybody in the room: 1 to 2,048 bytes without control characters but line feeds, emoji as
// they are. extension says how it is to be shown, for example; it has 2,048 bytes in all and may be nil. It returns the
// line as the others get it, which this user's observers have been told of, too: the server does not send it back.
//
// It fails with [ErrMessageDisabled] when a manager has muted this user, with [ErrAllMessagesDisabled] when only managers
// may chat, and with [ErrFreqLimit] when the room has its 40 messages a second; 8 of them are for managers. Where the app is
// asked before anything is said, it takes as long as that, two seconds at most; the line that is returned may be another than
// was sent, and [ErrMessageRejected], or a code of the app's own, says that there is none.
func (c *Chat) SendBarrage(ctx context.Context, text string, extension map[string]string) (Barrage, error) {
	return c.room.sendBarrage(ctx, "SendBarrage", signaling.SendBarrageParams{Type: BarrageText, Text: text, Extension: extension})
}

// SendCustomBarrage sends a message of the app's own to everybody in the room, as SendBarrage does: businessID (64 bytes)
// says whose it is, data (2,048 bytes of UTF-8) is the app's; one of them at least is not empty.
func (c *Chat) SendCustomBarrage(ctx context.Context, businessID, data string, extension map[string]string) (Barrage, error) {
	return c.room.sendBarrage(ctx, "SendCustomBarrage", signaling.SendBarrageParams{
		Type: BarrageCustom, BusinessID: businessID, Data: data, Extension: extension,
	})
}

func (r *Room) sendBarrage(ctx context.Context, op string, p signaling.SendBarrageParams) (Barrage, error) {
	p.CommandID, p.RoomID, p.Extension = rand.Text(), r.id, maps.Clone(p.Extension)
	var res signaling.SendBarrageResult
	if err := r.Call(ctx, signaling.MethodSendBarrage, p, &res); err != nil {
		return Barrage{}, signaling.WithOp(op, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	b := Barrage{
		MessageID: res.MessageID, Sender: r.view.Self, Sequence: res.Sequence, Timestamp: res.Timestamp,
		Type: p.Type, Text: p.Text, Extension: p.Extension, BusinessID: p.BusinessID, Data: p.Data,
	}
	if c := res.Replaced; c != nil {
		b.Text, b.Extension, b.BusinessID, b.Data = c.Text, c.Extension, c.BusinessID, c.Data
	}
	r.addBarrage(b)
	return cloneBarrage(b), nil
}

// LocalBarrage adds a line that only this client sees, behind all others: a gift, or who has entered the room. It has no
// Sequence; everything else is the caller's. Observers are told of it as of any line.
func (c *Chat) LocalBarrage(b Barrage) error {
	r := c.room
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.over {
		return signaling.WithOp("LocalBarrage", r.whyOver())
	}
	b = cloneBarrage(b)
	b.Sequence = 0
	r.insertBarrage(len(r.chat.list), b)
	return nil
}

// Barrages returns the lines of the room's chat, the newest last, 200 at most: what has come since this user is here, what
// [Chat.FetchBarrageHistory] has brought, and the local ones. After the room's end there are none.
func (c *Chat) Barrages() []Barrage {
	r := c.room
	r.mu.Lock()
	defer r.mu.Unlock()
	list := make([]Barrage, len(r.chat.list))
	for i, b := range r.chat.list {
		list[i] = cloneBarrage(b)
	}
	return list
}

// FetchBarrageHistory asks for what was said in the room lately, before this user came too: the last 50 messages, or as
// many as the server is set up for, the oldest first. Observers are told of those that are new here. The server forgets
// them when another node takes the room over.
func (c *Chat) FetchBarrageHistory(ctx context.Context) ([]Barrage, error) {
	r := c.room
	var res signaling.BarrageHistory
	if err := r.Call(ctx, signaling.MethodBarrageHistory, signaling.RoomParams{RoomID: r.id}, &res); err != nil {
		return nil, signaling.WithOp("FetchBarrageHistory", err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.chat.used = true
	for _, b := range res.Barrages {
		r.addBarrage(cloneBarrage(b))
	}
	return res.Barrages, nil
}

// barrageReceived takes a message of somebody else. It runs on the connection's reading goroutine.
func (r *Room) barrageReceived(b Barrage) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.joined {
		if len(r.chat.early) < maxBarrages {
			r.chat.early = append(r.chat.early, b)
		}
		return
	}
	r.addBarrage(b)
}

// drainBarrages takes what came before Enter had succeeded; r.mu is held.
func (r *Room) drainBarrages() {
	for _, b := range r.chat.early {
		r.addBarrage(b)
	}
	r.chat.early = nil
}

// missedBarrages asks for what was said while the connection was gone, if the chat means anything here.
func (r *Room) missedBarrages() {
	r.mu.Lock()
	due := r.joined && !r.over && r.chat.used
	r.mu.Unlock()
	if !due {
		return
	}
	r.Later(func(ctx context.Context) {
		if _, err := r.Chat().FetchBarrageHistory(ctx); err != nil {
			r.log.Debug("chat of the time without a connection not known", "error", err)
		}
	})
}

// addBarrage puts a message in its place by its number, unless it is there: after the death of a node one may come again,
// with a number of the next. r.mu is held.
func (r *Room) addBarrage(b Barrage) {
	if r.over {
		return
	}
	r.chat.used = true
	list := r.chat.list
	at := len(list)
	for i, have := range slices.Backward(list) {
		switch {
		case have.Sequence == 0: // a local line stays behind what it came behind
		case have.MessageID == b.MessageID && have.Sender.UserID == b.Sender.UserID:
			return
		case have.Sequence > b.Sequence:
			at = i
		}
	}
	if at > 0 || len(list) < maxBarrages { // else it is older than all that is kept
		r.insertBarrage(at, b)
	}
}

// insertBarrage adds a line and tells of it; r.mu is held.
func (r *Room) insertBarrage(at int, b Barrage) {
	r.chat.list = slices.Insert(r.chat.list, at, b)
	if over := len(r.chat.list) - maxBarrages; over > 0 {
		r.chat.list = slices.Delete(r.chat.list, 0, over)
	}
	b = cloneBarrage(b)
	r.post("OnReceiveBarrage", func(o *RoomObserver) {
		if o.OnReceiveBarrage != nil {
			o.OnReceiveBarrage(r.id, b)
		}
	})
}

func cloneBarrage(b Barrage) Barrage {
	b.Extension = maps.Clone(b.Extension)
	return b
}
