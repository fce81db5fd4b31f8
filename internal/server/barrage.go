package server

import (
	"context"
	"encoding/json"
	"time"

	"github.com/openvoiceroom/openvoiceroom/internal/home"
	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// seenBarrages is how many messages a node knows again. A message whose answer was lost together with the room's home is
// sent again, within seconds, and there are 40 a second at most.
const seenBarrages = 1024

// barrageWait is how long an answer waits for the messages before it.
const barrageWait = time.Second

// barrages is what a node knows of a room's chat; guarded by replica.mu.
type barrages struct {
	last uint64 // the highest sequence
	seen map[string]bool
	ring []string // the keys of seen
	next int
	grew chan struct{} // closed when last grows; nil: nobody waits
}

// news reports whether a message has not been here before, and comes behind those that have. What a former home still
// said when it was none any more does not: the order would be another than the next home's.
func (s *barrages) news(b *signaling.Barrage) bool {
	key := string(b.Sender.UserID) + "\x00" + b.MessageID
	if b.Sequence <= s.last {
		return false
	}
	s.last = b.Sequence
	if s.grew != nil {
		close(s.grew)
		s.grew = nil
	}
	if s.seen[key] {
		return false
	}
	if s.seen == nil {
		s.seen = map[string]bool{}
	}
	if len(s.ring) < seenBarrages {
		s.ring = append(s.ring, key)
	} else {
		delete(s.seen, s.ring[s.next])
		s.ring[s.next], s.next = key, (s.next+1)%seenBarrages
	}
	s.seen[key] = true
	return true
}

// barraged passes a message on to the members here, but for its sender, who has the answer.
func (r *replica) barraged(data []byte) {
	var said home.Said
	if err := json.Unmarshal(data, &said); err != nil {
		r.srv.log.Error("chat message of another node", "room", r.key.Room, "error", err)
		return
	}
	b, err := signaling.EncodeNotification(signaling.NotifyBarrage, signaling.BarrageReceived{RoomID: r.key.Room, Barrage: said.Barrage})
	if err != nil {
		r.srv.log.Error("chat message not encoded", "error", err)
		return
	}
	sent, dropped := r.spread(&said, b)
	r.srv.metrics.barrages.Add(float64(sent))
	r.srv.metrics.barragesDropped.Add(float64(dropped))
}

// spread queues an encoded message for the members here. It allocates nothing for each, and waits for nobody.
func (r *replica) spread(said *home.Said, b []byte) (sent, dropped int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.over || said.Room != r.entry.State.Info.CreateTime || !r.barrages.news(&said.Barrage) {
		return 0, 0
	}
	for m := range r.members {
		if !m.active || m.user.UserID == said.Barrage.Sender.UserID {
			continue
		}
		if l := m.session.link.Load(); l == nil {
			continue
		} else if l.offer(b) {
			sent++
		} else {
			dropped++
		}
	}
	return sent, dropped
}

// awaitBarrage waits until a message has come by the bus: what was said before it is queued for this node's members then.
// It gives up after a while, since the bus may lose one.
func (r *replica) awaitBarrage(ctx context.Context, sequence uint64) {
	ctx, cancel := context.WithTimeout(ctx, barrageWait)
	defer cancel()
	for {
		r.mu.Lock()
		if r.over || r.barrages.last >= sequence {
			r.mu.Unlock()
			return
		}
		if r.barrages.grew == nil {
			r.barrages.grew = make(chan struct{})
		}
		grew := r.barrages.grew
		r.mu.Unlock()
		select {
		case <-grew:
		case <-ctx.Done():
			return
		}
	}
}

// offer queues what the client can do without, unless half of its queue is full: the rest is for what it cannot.
func (l *link) offer(b []byte) bool {
	if len(l.out) >= cap(l.out)/2 {
		return false
	}
	select {
	case l.out <- b:
		return true
	default:
		return false
	}
}

// sendBarrage begins to say something, and returns how it goes on: where the app is asked first, not in the connection's turn.
func (ses *session) sendBarrage(p signaling.SendBarrageParams) (func(context.Context) (signaling.SendBarrageResult, error), error) {
	m, err := ses.membership(p.RoomID)
	if err != nil {
		return nil, err
	}
	id, err := commandID(p.CommandID)
	if err != nil {
		return nil, err
	}
	b := signaling.Barrage{
		MessageID: id, Sender: ses.self(), Type: p.Type, Text: p.Text, Extension: p.Extension, BusinessID: p.BusinessID, Data: p.Data,
	}
	if err := room.CheckBarrage(b); err != nil {
		return nil, err
	}
	return func(ctx context.Context) (signaling.SendBarrageResult, error) { return ses.say(ctx, m, b) }, nil
}

func (ses *session) say(ctx context.Context, m *membership, b signaling.Barrage) (res signaling.SendBarrageResult, err error) {
	if ses.srv.hooks.Moderated(ses.app) {
		if b.Sender.Role, err = m.mayChat(); err != nil { // nobody is asked about what will not be said
			return res, err
		}
		v, err := ses.srv.hooks.Moderate(ctx, m.replica.key, b)
		if err != nil {
			return res, err
		}
		if b = v.Message; v.Replaced {
			res.Replaced = &signaling.BarrageContent{Text: b.Text, Extension: b.Extension, BusinessID: b.BusinessID, Data: b.Data}
		}
	}
	b, err = ses.srv.node.Say(ctx, m.replica.key, b)
	if err != nil {
		return signaling.SendBarrageResult{}, err
	}
	m.replica.awaitBarrage(ctx, b.Sequence)
	res.MessageID, res.Sequence, res.Timestamp = b.MessageID, b.Sequence, b.Timestamp
	return res, nil
}

// mayChat says as what a member may chat, or why not, as this node has told it. Its home decides.
func (m *membership) mayChat() (signaling.Role, error) {
	r := m.replica
	r.mu.Lock()
	defer r.mu.Unlock()
	role := r.entry.State.RoleOf(m.user.UserID)
	switch {
	case m.mute.until > time.Now().UnixMilli():
		return role, signaling.ErrMessageDisabled
	case r.entry.State.Info.MessageDisabled && !role.Manages():
		return role, signaling.ErrAllMessagesDisabled
	}
	return role, nil
}

func (ses *session) barrageHistory(ctx context.Context, p signaling.RoomParams) (signaling.BarrageHistory, error) {
	m, err := ses.membership(p.RoomID)
	if err != nil {
		return signaling.BarrageHistory{}, err
	}
	list, err := ses.srv.node.Recent(ctx, m.replica.key)
	if list == nil {
		list = []signaling.Barrage{} // a list is never null
	}
	return signaling.BarrageHistory{Barrages: list}, err
}
