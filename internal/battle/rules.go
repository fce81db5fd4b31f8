package battle

import (
	"encoding/json"
	"maps"
	"slices"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

func (b *Battle) create(c Create, now int64) error {
	bad := func(format string, args ...any) error {
		return signaling.Errorf(signaling.ErrBadRequest.Code, format, args...)
	}
	switch {
	case b.ID != "":
		return bad("the battle exists already")
	case len(c.Rooms) < 2:
		return bad("a battle needs an invited room")
	case len(c.Rooms) > MaxRooms:
		return signaling.Errorf(signaling.ErrLimit.Code, "a battle may have %d rooms, the inviting one included", MaxRooms)
	case c.Duration < MinDuration || c.Duration > MaxDuration:
		return bad("Duration is %d ms; it is %d to %d", c.Duration.Milliseconds(), MinDuration.Milliseconds(), MaxDuration.Milliseconds())
	case c.Punishment < 0 || c.Punishment > maxPunish:
		return bad("the punishment lasts %v; it may last %v", c.Punishment, maxPunish)
	case c.NeedResponse && (c.Timeout <= 0 || c.Timeout > maxTimeout):
		return bad("the invited have %v to answer; they may have %v", c.Timeout, maxTimeout)
	case !signaling.ValidText(c.Ext, MaxExtension):
		return bad("ExtensionInfo may have %d bytes of UTF-8 without control characters", MaxExtension)
	}
	seen := map[signaling.RoomID]bool{}
	for _, r := range c.Rooms {
		if err := r.RoomID.Valid(); err != nil {
			return err
		}
		if seen[r.RoomID] {
			return bad("the room %s is named twice", r.RoomID)
		}
		seen[r.RoomID] = true
	}
	*b = Battle{
		ID: c.ID, Command: c.Command, Operator: c.Operator, IP: c.IP, Platform: c.Platform, Connection: c.Connection, Rooms: slices.Clone(c.Rooms),
		Duration: c.Duration.Milliseconds(), Punish: c.Punishment.Milliseconds(), Needs: c.NeedResponse, Ext: c.Ext, Created: now, Status: Created,
	}
	if c.NeedResponse {
		b.Timeout = c.Timeout.Milliseconds()
	}
	b.slim()
	return nil
}

// slim leaves out avatars, and then names, that are too much for a room to show. Without them there is always enough.
func (b *Battle) slim() {
	size := func() int {
		data, err := json.Marshal(b.Info())
		if err != nil {
			return 0 // there is nothing in it that could fail
		}
		return len(data)
	}
	for i := 0; i < len(b.Rooms) && size() > maxInfo; i++ {
		b.Rooms[i].AvatarURL = ""
	}
	for i := 0; i < len(b.Rooms) && size() > maxInfo; i++ {
		b.Rooms[i].OwnerName = ""
	}
}

// begin starts the battle, or asks for it. A command that comes again finds that it has.
func (b *Battle) begin(c Begin, now int64) (changed bool, err error) {
	if b.Pending() || b.Status == Running {
		return false, nil
	}
	if b.Status != Created || now >= b.Deadline().UnixMilli() {
		return false, errLate
	}
	turns := maps.Clone(c.Turns)
	if _, ok := turns[b.Rooms[0].RoomID]; !ok {
		return false, signaling.ErrBattlingElsewhere
	}
	b.Rooms = slices.DeleteFunc(b.Rooms, func(r Room) bool { _, ok := turns[r.RoomID]; return !ok || r.Left })
	if len(b.Rooms) < 2 {
		return false, signaling.ErrBattleNoRooms
	}
	for i := range b.Rooms {
		b.Rooms[i].Turn = turns[b.Rooms[i].RoomID]
	}
	if b.Needs {
		b.Asked = now
		return true, nil
	}
	b.start(now)
	return true, nil
}

func (b *Battle) start(now int64) { b.Status, b.Start, b.End = Running, now, now+b.Duration }

// invited returns which of the rooms was asked, or why the battle is not to be answered.
func (b *Battle) invited(id signaling.RoomID) (int, error) {
	i, ok := b.Find(id)
	switch {
	case b.Status == Created && b.Asked == 0, b.Status == Cancelled && b.Asked == 0: // nobody knows of it
		return i, signaling.ErrBattleNotExist
	case !ok:
		return i, signaling.ErrNotInBattle
	case b.Status == Running:
		return i, signaling.ErrBattling
	case b.Status != Created:
		return i, signaling.ErrBattleOver
	}
	return i, nil
}

func (b *Battle) answer(c Answer, now int64) (changed bool, err error) {
	i, err := b.invited(c.Room)
	switch {
	case i == 0:
		return false, signaling.ErrNotInBattle
	case i > 0 && b.Rooms[i].Answer == c.Command && c.Command != "": // it comes again
		return false, nil
	case err != nil:
		return false, err
	case b.Rooms[i].Accepted && !c.Accept:
		return false, signaling.Errorf(signaling.ErrBattleNotStarted.Code, "this room has accepted; the battle begins when the others have, too")
	case b.Rooms[i].Accepted:
		return false, nil
	}
	b.Rooms[i].Answer = c.Command
	if !c.Accept {
		b.close(now, signaling.Rejected, c.Room)
		return true, nil
	}
	b.Rooms[i].Accepted = true
	if len(b.waiting()) == 0 {
		b.start(now)
	}
	return true, nil
}

func (b *Battle) cancel(c Cancel, now int64) (changed bool, err error) {
	i, err := b.invited(c.Room)
	switch {
	case i > 0:
		return false, signaling.ErrNotInBattle
	case i == 0 && b.EndedBy == c.Command && c.Command != "": // it comes again
		return false, nil
	case err != nil:
		return false, err
	}
	b.EndedBy = c.Command
	b.close(now, signaling.Cancelled, b.waiting()...)
	return true, nil
}

// waiting returns the invited rooms that have not accepted.
func (b Battle) waiting() (list []signaling.RoomID) {
	for _, r := range b.Rooms[1:] {
		if !r.Accepted {
			list = append(list, r.RoomID)
		}
	}
	return list
}

// HasEnded reports whether the battle has ended, begun or not; its punishment phase may go on.
func (b Battle) HasEnded() bool { return b.Status == Ended || b.Status == Cancelled }

// close ends a request without a battle.
func (b *Battle) close(at int64, result signaling.RequestResultType, with ...signaling.RoomID) {
	b.Status, b.End, b.Result, b.With = Cancelled, at, result, with
}

func (b *Battle) setScores(c SetScores) (changed bool, err error) {
	if b.Status != Running {
		return false, errNotNow
	}
	for _, s := range c.Scores {
		i, ok := b.Find(s.Room)
		if !ok || b.Rooms[i].Left {
			continue
		}
		score := &b.Rooms[i].Score
		before := *score
		if s.Score < -maxScore || s.Score > maxScore {
			return false, tooMuch(s.Room)
		}
		if *score = s.Score; c.Add {
			*score += before
		}
		if *score < -maxScore || *score > maxScore {
			return false, tooMuch(s.Room)
		}
		changed = changed || *score != before
	}
	return changed, nil
}

func tooMuch(id signaling.RoomID) error {
	return signaling.Errorf(signaling.ErrBadRequest.Code, "the score of room %s may be %d at most, and as much below 0", id, int64(maxScore))
}

func (b *Battle) leave(c Leave, now int64) (changed bool, err error) {
	i, ok := b.Find(c.Room)
	switch {
	case b.Asked == 0 && b.Start == 0: // nobody knows of it
		return false, signaling.ErrBattleNotExist
	case !ok:
		return false, signaling.ErrNotInBattle
	case b.Rooms[i].LeftBy == c.Command && c.Command != "": // it comes again
		return false, nil
	case b.Pending():
		return false, signaling.ErrBattleNotStarted
	case b.Over():
		return false, signaling.ErrBattleOver
	case b.Rooms[i].Left:
		return false, signaling.ErrNotInBattle
	}
	b.Rooms[i].LeftBy = c.Command
	b.out(i, now)
	return true, nil
}

// lose takes a room out. That it is gone is noted of one that is out already, too.
func (b *Battle) lose(c Lose, now int64) (changed bool) {
	i, ok := b.Find(c.Room)
	if !ok {
		return false
	}
	if c.Gone && !b.Rooms[i].Lost {
		b.Rooms[i].Lost = true
		changed = true
	}
	switch {
	case b.Over() || b.Rooms[i].Left:
		return changed
	case b.Pending():
		b.close(now, signaling.Cancelled, b.waiting()...)
	default:
		b.out(i, now)
	}
	return true
}

// out takes a room out. One alone cannot go on.
func (b *Battle) out(i int, now int64) {
	b.Rooms[i].Left, b.Rooms[i].LeftAt = true, now
	if b.left() > 1 {
		return
	}
	switch {
	case b.Status == Created:
		b.Status, b.End = Cancelled, now
	case b.Status == Running:
		b.Status, b.End, b.Reason = Ended, now, signaling.BattleOtherExit
	default:
		b.Punished = true
	}
}

// expire ends what is overdue, as of when it was due.
func (b *Battle) expire(now int64) (changed bool) {
	for due := b.Deadline(); !due.IsZero() && now >= due.UnixMilli(); due = b.Deadline() {
		switch {
		case b.Pending():
			b.close(due.UnixMilli(), signaling.Timeout, b.waiting()...)
		case b.Status == Created:
			b.Status, b.End = Cancelled, due.UnixMilli()
		case b.Status == Running:
			b.Status, b.Reason = Ended, signaling.BattleTimeOver
		default:
			b.Punished = true
		}
		changed = true
	}
	return changed
}

// tell notes who knows of the end; of rooms that are gone nobody has to.
func (b *Battle) tell(c Tell) (changed bool) {
	if c.Step > b.Reported {
		b.Reported, changed = c.Step, true
	}
	all := b.Over()
	for i := range b.Rooms {
		r := &b.Rooms[i]
		if !r.Told && (r.Left || b.Over()) && slices.Contains(c.Rooms, r.RoomID) {
			r.Told, changed = true, true
		}
		all = all && (r.Told || r.Lost)
	}
	if all && !b.Told {
		b.Told, changed = true, true
	}
	return changed
}

// pickTeller has another room tell the app's server when the one that does is gone, or leaves the others to go on and has
// told what there was. The inviter is the first; all that it tells is in one order, so it also tells of the end that its
// leaving makes. Of two rooms it tells of that even when it is dismissed: its own end says so.
func (b *Battle) pickTeller() {
	r := b.Rooms[b.Teller]
	switch {
	case b.Reported == StepEnd:
		return
	case r.Lost && len(b.Rooms) > 2:
	case r.Left && !r.Lost && !b.HasEnded() && b.Reported == b.Step():
	default:
		return
	}
	next := slices.IndexFunc(b.Rooms, func(r Room) bool { return !r.Lost && !r.Left })
	if next < 0 {
		next = slices.IndexFunc(b.Rooms, func(r Room) bool { return !r.Lost })
	}
	if next >= 0 && next != b.Teller {
		b.Teller = next
		b.Rooms[next].Told, b.Told = false, false // it has to be shown that
	}
}
