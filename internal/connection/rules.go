package connection

import (
	"slices"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// ask gives places. A command that comes again finds those that it has already.
func (d *decision) ask(a Ask) error {
	if err := a.Check(); err != nil {
		return err
	}
	c := d.c
	switch from, ok := c.Find(a.From.RoomID); {
	case c.ID == "":
		*c = Connection{ID: a.ID, Stays: []Stay{{Room: a.From, Status: Reserved, Deadline: d.now + reserveLimit.Milliseconds()}}}
	case ok && from.Request != nil && from.Status != Connected:
		return signaling.ErrConnectionPending
	case !ok:
		return signaling.ErrConnectionNotExist
	}
	d.changed = true
	d.prune()
	c.asked = make([]error, len(a.To))
	for i, r := range a.To {
		c.asked[i] = d.place(a, r)
	}
	d.slim()
	return nil
}

// Check says what is wrong with an Ask, by the names of the fields of clients' calls.
func (a Ask) Check() error {
	bad := func(format string, args ...any) error {
		return signaling.Errorf(signaling.ErrInvalidParameter.Code, format, args...)
	}
	switch seconds := a.Timeout.Seconds(); {
	case len(a.To) < 1 || len(a.To) >= signaling.MaxConnectedRooms:
		return bad("roomIds has %d rooms; 1 to %d can be asked", len(a.To), signaling.MaxConnectedRooms-1)
	case seconds < 1 || seconds > signaling.MaxConnectionTimeout:
		return bad("timeout is in seconds, 1 to %d, and 0 means the longest", signaling.MaxConnectionTimeout)
	case !signaling.ValidText(a.Ext, signaling.MaxConnectionExtension):
		return bad("extensionInfo may have %d bytes of UTF-8 without control characters", signaling.MaxConnectionExtension)
	}
	for i, r := range a.To {
		if err := r.RoomID.Valid(); err != nil {
			return err
		}
		if r.RoomID == a.From.RoomID {
			return bad("roomIds has the asking room itself; name other rooms")
		}
		if slices.ContainsFunc(a.To[:i], func(x Room) bool { return x.RoomID == r.RoomID }) {
			return bad("roomIds has the room %s twice", r.RoomID)
		}
	}
	return nil
}

// place gives one room a place, or says why not. A room that could not be asked about has none.
func (d *decision) place(a Ask, r Room) error {
	c := d.c
	if i := c.last(r.RoomID); i >= 0 && c.Stays[i].by(a.Command, a.From.RoomID) {
		return nil
	}
	if r.Created == 0 {
		return signaling.ErrRoomNotExist
	}
	if s, ok := c.Find(r.RoomID); ok {
		if s.Status == Connected {
			return signaling.ErrConnected
		}
		return signaling.ErrConnectionPending
	}
	rooms, seats := 1, r.Seats
	for _, s := range c.Stays {
		if s.Live() {
			rooms++
			seats += s.Seats
		}
	}
	switch {
	case rooms > signaling.MaxConnectedRooms || seats > signaling.MaxConnectedUsers:
		return signaling.ErrConnectionFull
	case len(c.Stays) >= maxStays:
		return signaling.ErrConnectionTooFrequent
	}
	c.Stays = append(c.Stays, Stay{
		Room: r, Status: Reserved, Deadline: d.now + reserveLimit.Milliseconds(),
		Request: &Request{ID: a.Command, From: a.From.RoomID, Timeout: a.Timeout.Milliseconds(), Ext: a.Ext},
	})
	return nil
}

// begin asks who could be claimed. Of a new connection the room that makes it must be among them.
func (d *decision) begin(b Begin) error {
	from := d.c.live(b.From)
	if from >= 0 && d.c.Stays[from].Status == Reserved && d.c.Stays[from].Request == nil {
		if turn, ok := b.Turns[b.From]; ok {
			s := &d.c.Stays[from]
			s.Status, s.Turn, s.Deadline, s.Joined = Connected, turn, 0, d.now
			d.changed = true
		}
	}
	ready := from >= 0 && d.c.Stays[from].Status == Connected
	for i := range d.c.Stays {
		s := &d.c.Stays[i]
		if s.Status != Reserved || !s.by(b.Command, b.From) {
			continue
		}
		d.changed = true
		turn, ok := b.Turns[s.RoomID]
		if !ok || !ready {
			s.Status = 0 // forgotten
			continue
		}
		req := *s.Request
		req.FromTurn, req.Created = d.c.Stays[from].Turn, d.now
		s.Request, s.Turn, s.Status, s.Deadline = &req, turn, Asked, d.now+req.Timeout
		d.show()
	}
	if !ready && from >= 0 && d.c.Stays[from].Request == nil {
		d.c.Stays[from].Status = 0
		d.changed = true
	}
	d.forget()
	return nil
}

// forget removes the stays that have lost their places unseen.
func (d *decision) forget() {
	d.c.Stays = slices.DeleteFunc(d.c.Stays, func(s Stay) bool { return s.Status == 0 })
}

func (d *decision) answer(a Answer) error {
	i := d.c.live(a.Room)
	if i < 0 || !d.c.Stays[i].Pending() || d.c.Stays[i].Request.From != a.From {
		return d.answered(a)
	}
	s := &d.c.Stays[i]
	if !a.Accept {
		d.finish(i, signaling.Rejected, a.Command)
		return nil
	}
	req := *s.Request
	req.Ended, req.Result, req.By = d.seq(), signaling.Accepted, a.Command
	s.Request, s.Status, s.Deadline, s.Joined = &req, Connected, 0, d.now
	d.show()
	return nil
}

// answered says why there is nothing to answer; nothing at all where this very command has answered it.
func (d *decision) answered(a Answer) error {
	known := false
	for _, s := range d.c.Stays {
		if s.RoomID != a.Room || s.Request == nil || s.Request.From != a.From || s.Request.Ended == 0 {
			continue
		}
		if s.Request.By == a.Command {
			return nil
		}
		known = true
	}
	if known {
		return signaling.ErrConnectionProcessed
	}
	return signaling.ErrConnectionNotExist
}

func (d *decision) cancel(c Cancel) error {
	some, known := false, false
	for i, s := range d.c.Stays {
		if s.Request == nil || s.Request.From != c.From || !slices.Contains(c.To, s.RoomID) {
			continue
		}
		switch {
		case s.Pending():
			d.finish(i, signaling.Cancelled, c.Command)
			some = true
		case s.Request.By == c.Command && s.Request.Ended != 0:
			some = true // it comes again
		case s.Request.Ended != 0:
			known = true
		}
	}
	switch {
	case some:
		return nil
	case known:
		return signaling.ErrConnectionProcessed
	}
	return signaling.ErrConnectionNotExist
}

func (d *decision) leave(l Leave) error {
	i := d.c.live(l.Room)
	if i >= 0 && d.c.Stays[i].Status == Connected && len(d.c.Connected()) > 0 {
		d.out(i, l.Command)
		return nil
	}
	if slices.ContainsFunc(d.c.Stays, func(s Stay) bool { return s.RoomID == l.Room && s.LeftBy == l.Command && l.Command != "" }) {
		return nil
	}
	return signaling.ErrConnectionNotExist
}

func (d *decision) lose(l Lose) {
	i := d.c.live(l.Room)
	if i < 0 || d.c.Stays[i].Turn != l.Turn {
		return
	}
	switch d.c.Stays[i].Status {
	case Asked:
		d.finish(i, signaling.Timeout, "")
	case Connected:
		d.out(i, "")
	}
}

// finish ends a pending request without a connection.
func (d *decision) finish(i int, result signaling.RequestResultType, command string) {
	s := &d.c.Stays[i]
	req := *s.Request
	req.Ended, req.Result, req.By = d.seq(), result, command
	s.Request = &req
	d.gone(i)
}

// out takes a connected room out, and withdraws what it has asked.
func (d *decision) out(i int, command string) {
	id := d.c.Stays[i].RoomID
	d.c.Stays[i].LeftBy = command
	d.gone(i)
	for i, s := range d.c.Stays {
		switch {
		case s.Request == nil || s.Request.From != id:
		case s.Pending():
			d.finish(i, signaling.Cancelled, command)
		case s.Status == Reserved:
			d.c.Stays[i].Status = 0
		}
	}
	d.forget()
}

func (d *decision) gone(i int) {
	s := &d.c.Stays[i]
	s.Status, s.Deadline, s.Gone, s.GoneAt = Out, 0, d.seq(), d.now
	d.show()
}

func (d *decision) expire() {
	for i, s := range d.c.Stays {
		switch {
		case s.Status == Asked && d.now >= s.Deadline:
			d.finish(i, signaling.Timeout, "")
		case s.Status == Reserved && d.now >= s.Deadline:
			d.c.Stays[i].Status = 0
			d.changed = true
		}
	}
	d.forget()
}

// end is the end of the connection: with fewer than two rooms in it, and none that may come.
func (d *decision) end() {
	if d.c.Over {
		return
	}
	last, live := -1, 0
	for i, s := range d.c.Stays {
		if s.Live() {
			last = i
			live++
		}
	}
	if live > 1 || live == 1 && d.c.Stays[last].Status == Reserved {
		return
	}
	switch {
	case live == 0:
	case d.c.Stays[last].Pending():
		d.finish(last, signaling.Cancelled, "")
	default:
		d.gone(last)
	}
	d.c.Over, d.c.Ended = true, d.now
}

func (d *decision) renew(r Renew) {
	i := d.c.live(r.Room.RoomID)
	if i < 0 || d.c.Stays[i].Created != r.Room.Created {
		return
	}
	before := d.c.Stays[i].Room
	r.Room.Seats = before.Seats // that does not change, and what has a place keeps it
	d.c.Stays[i].Room = r.Room
	d.slim()
	if d.c.Stays[i].Room != before {
		d.show()
	}
}

// tell notes how far everybody knows.
func (d *decision) tell(t Tell) {
	if t.Seq > d.c.Told && t.Seq <= d.c.Seq {
		d.c.Told, d.changed = t.Seq, true
	}
	d.prune()
}

// prune forgets the stays that are out, that everybody knows to be, and that no command can ask about any more.
func (d *decision) prune() {
	before := len(d.c.Stays)
	d.c.Stays = slices.DeleteFunc(d.c.Stays, func(s Stay) bool {
		return s.Status == Out && s.Gone <= d.c.Told && d.now-s.GoneAt >= Kept.Milliseconds()
	})
	d.changed = d.changed || len(d.c.Stays) != before
}
