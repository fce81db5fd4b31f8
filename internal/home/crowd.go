package home

import (
	"cmp"
	"slices"
	"time"

	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// In a large room everybody would be told of everybody: ten thousand who come in within seconds would be ten thousand
// names to each of ten thousand. So the members of a large room get a digest of who has come and gone: at most one a second,
// with the true count and the newest names. The app's server is told of every single one all the same.
const (
	crowdFrom   = 200         // more members than this make a large room
	digestEvery = time.Second // at most, while nothing else is told
	digestUsers = 20          // named in one event
	digestBytes = 8 << 10     // and what they take in it, about
	departLimit = 1024        // who is overdue departs so many at a time: a turn has to stay short
)

// crowd is what the members of a large room have not been told yet.
type crowd struct {
	changed map[signaling.UserID]coming
	due     time.Time // zero: nothing
	told    time.Time // when the newest digest was made
}

// coming is one user who came or went: whether the members know them as here, and whether they are.
type coming struct {
	user     signaling.UserInfo
	order    int64 // as in [presence]
	was, is  bool
	returned bool // went and came again
}

// tellPresence tells that a user has come in, or has gone. Nobody is told anything after a room's end.
func (h *home) tellPresence(t *turn, p presence, here bool) {
	if !t.state.Exists() {
		return
	}
	e := room.Event{Event: signaling.UsersLeft{Users: []signaling.UserInfo{p.user}, Count: len(h.present)}}
	if here {
		e.Event = signaling.UsersEntered{Users: []signaling.UserInfo{p.user}, Count: len(h.present), ViewCount: h.views}
	}
	if len(h.crowd.changed) == 0 && len(h.present) <= crowdFrom {
		t.size += size(e)
		t.events = coalesce(t.events, e)
		return
	}
	h.crowd.note(t.now, p, here)
	if !h.tellsWho(t.state) {
		return
	}
	e.For, p.user = room.ForApp, signaling.UserInfo{UserID: p.user.UserID, Role: p.user.Role}
	if here {
		e.Event = signaling.UsersEntered{Users: []signaling.UserInfo{p.user}, Count: len(h.present), ViewCount: h.views}
	} else {
		e.Event = signaling.UsersLeft{Users: []signaling.UserInfo{p.user}, Count: len(h.present)}
	}
	t.size += size(e)
	t.events = coalesce(t.events, e)
}

func (c *crowd) note(now time.Time, p presence, here bool) {
	if c.changed == nil {
		c.changed = map[signaling.UserID]coming{}
	}
	if c.due.IsZero() {
		c.due = latest(now.Add(presenceDelay), c.told.Add(digestEvery))
	}
	before, known := c.changed[p.user.UserID]
	next := coming{user: p.user, order: p.order, was: !here, is: here}
	if known {
		next.was, next.returned = before.was, before.was && here
	}
	c.changed[p.user.UserID] = next
}

// settle adds the digest of what is pending to the events. What everybody is told of comes behind it, so that nobody
// sits down before they have come in.
func (h *home) settle(t *turn) {
	if len(h.crowd.changed) == 0 {
		return
	}
	entered, left := h.crowd.take(t.now)
	if !t.state.Exists() {
		return
	}
	var events []room.Event
	if len(left) > 0 {
		names := named(left, t.state.Info.OwnerID)
		events = append(events, room.Event{For: room.ForMembers, Event: signaling.UsersLeft{Users: names, Count: len(h.present) - len(entered), More: len(left) - len(names)}})
	}
	if len(entered) > 0 {
		names := named(entered, t.state.Info.OwnerID)
		events = append(events, room.Event{For: room.ForMembers, Event: signaling.UsersEntered{Users: names, Count: len(h.present), ViewCount: h.views, More: len(entered) - len(names)}})
	}
	h.note(t, events)
}

// take empties the crowd. Who came and went again meanwhile was never there for the others; who went and came again is
// in both lists, and they leave first.
func (c *crowd) take(now time.Time) (entered, left []coming) {
	for _, u := range c.changed {
		if u.was && (!u.is || u.returned) {
			left = append(left, u)
		}
		if u.is && (!u.was || u.returned) {
			entered = append(entered, u)
		}
	}
	*c = crowd{told: now}
	return entered, left
}

// named picks those whose names go into a digest: the newest, for these are who the members' lists show, and the owner,
// by whom the audience is counted. They are in the order in which they came in.
func named(list []coming, owner signaling.UserID) []signaling.UserInfo {
	slices.SortFunc(list, func(a, b coming) int {
		if owns := a.user.UserID == owner; owns != (b.user.UserID == owner) {
			if owns {
				return -1
			}
			return 1
		}
		return cmp.Compare(b.order, a.order)
	})
	names := make([]signaling.UserInfo, 0, min(len(list), digestUsers))
	bytes := 0
	for _, u := range list {
		bytes += size(room.Event{Event: signaling.UserInfoChanged{User: u.user}})
		if len(names) == digestUsers || len(names) > 0 && bytes > digestBytes {
			break
		}
		names = append(names, u.user)
	}
	slices.Reverse(names)
	return names
}

// coalesce adds to the last event if it is of the same kind: a crowd that comes in is one event.
func coalesce(list []room.Event, e room.Event) []room.Event {
	if len(list) == 0 || list[len(list)-1].For != e.For {
		return append(list, e)
	}
	last := &list[len(list)-1]
	switch ev := e.Event.(type) {
	case signaling.UsersEntered:
		if l, same := last.Event.(signaling.UsersEntered); same {
			ev.Users = append(l.Users, ev.Users...)
			last.Event = ev
			return list
		}
	case signaling.UsersLeft:
		if l, same := last.Event.(signaling.UsersLeft); same {
			ev.Users = append(l.Users, ev.Users...)
			last.Event = ev
			return list
		}
	}
	return append(list, e)
}
