package engine

import (
	"context"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// A list that is not known to be complete any more is asked for again after a while. Everybody in the room may have to do
// so in the same moment, so it takes the longer the more they are.
const (
	audiencePause  = 2 * time.Second
	audienceSpread = 500 // of them ask in a second, about
)

// audience is the newest of a room's audience; guarded by Room.mu.
type audience struct {
	kept      bool // it has been asked for: events keep it fresh
	list      []UserInfo
	ownerHere bool
	count     int // members of the room

	asked   int               // questions under way
	journal []signaling.Event // what has come since the first of them was asked
	stale   bool              // a goroutine is going to ask again
}

func (a *audience) total() int {
	if a.ownerHere {
		return a.count - 1
	}
	return a.count
}

// FetchAudienceList asks for the room's audience: everybody but the owner, the newest first, 100 at most. From then on
// [Room.AudienceList] and [Room.AudienceCount] are kept fresh, and OnAudienceListChanged is called.
func (r *Room) FetchAudienceList(ctx context.Context) ([]UserInfo, error) {
	if err := r.fetchAudience(ctx); err != nil {
		return nil, signaling.WithOp("FetchAudienceList", err)
	}
	return r.AudienceList(), nil
}

// AudienceList returns the newest of the audience: everybody but the owner, who came in last first, 100 at most. It is
// empty before [Room.FetchAudienceList]. In a room of more than 200 members it may be some seconds behind while many come
// and go: those whom the server does not name are asked for later, the later the more members there are.
func (r *Room) AudienceList() []UserInfo {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.audience.list)
}

// AudienceCount returns how many the audience are: the members without the owner. Before [Room.FetchAudienceList] has said
// whether the owner is here, it supposes so (documents).
func (r *Room) AudienceCount() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.audience.kept {
		return r.audience.total()
	}
	return max(r.view.Room.MemberCount-1, 0)
}

func (r *Room) fetchAudience(ctx context.Context) error {
	r.mu.Lock()
	from := len(r.audience.journal)
	r.audience.asked++
	r.mu.Unlock()
	var res signaling.AudienceList
	err := r.Call(ctx, signaling.MethodListAudience, signaling.RoomParams{RoomID: r.id}, &res)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.over {
		return r.whyOver()
	}
	a := &r.audience
	events := a.journal[from:]
	if a.asked--; a.asked == 0 {
		a.journal = nil
	}
	if err != nil {
		return err
	}
	a.kept, a.list, a.count, a.ownerHere = true, res.Users, res.Count, res.Count > res.Total
	for _, e := range events { // some may be in the answer: told twice they are the same
		r.followAudience(e)
	}
	r.tellAudience()
	return nil
}

func (r *Room) audienceEntered(e signaling.UsersEntered) { r.audienceHeard(e) }
func (r *Room) audienceLeft(e signaling.UsersLeft)       { r.audienceHeard(e) }

// audienceHeard takes an event about who has come or gone; r.mu is held.
func (r *Room) audienceHeard(e signaling.Event) {
	if r.audience.asked > 0 {
		r.audience.journal = append(r.audience.journal, e)
	}
	if !r.audience.kept {
		return
	}
	before := r.audience.count
	r.followAudience(e)
	switch e := e.(type) {
	case signaling.UsersEntered:
		if e.More > 0 || e.Count != before+len(e.Users) {
			r.audienceDue()
		}
	case signaling.UsersLeft:
		few := len(r.audience.list) < signaling.AudienceLimit/2 && len(r.audience.list) < r.audience.total()
		if few || e.More > 0 || e.Count != before-len(e.Users) {
			r.audienceDue()
		}
	}
	r.tellAudience()
}

// followAudience changes the list as an event says; r.mu is held.
func (r *Room) followAudience(e signaling.Event) {
	a := &r.audience
	out := func(id UserID) {
		a.list = slices.DeleteFunc(a.list, func(u UserInfo) bool { return u.UserID == id })
	}
	switch e := e.(type) {
	case signaling.UsersEntered:
		a.count = e.Count
		for _, u := range e.Users {
			out(u.UserID)
			if u.UserID == r.view.Room.OwnerID {
				a.ownerHere = true
				continue
			}
			u.Role = r.roleOf(u.UserID)
			a.list = slices.Insert(a.list, 0, u)
		}
		a.list = a.list[:min(len(a.list), signaling.AudienceLimit)]
	case signaling.UsersLeft:
		a.count = e.Count
		for _, u := range e.Users {
			out(u.UserID)
			if u.UserID == r.view.Room.OwnerID {
				a.ownerHere = false
			}
		}
	}
}

// audienceRole follows a change of role: a new owner is no audience, the former one is. r.mu is held.
func (r *Room) audienceRole(ev signaling.RoleChanged) {
	a := &r.audience
	if !a.kept {
		return
	}
	if ev.Role == RoomOwner {
		a.ownerHere = true // only somebody who is here is made the owner
		a.list = slices.DeleteFunc(a.list, func(u UserInfo) bool { return u.UserID == ev.UserID })
		r.audienceDue() // where the former one belongs
	}
	for i := range a.list {
		if a.list[i].UserID == ev.UserID {
			a.list[i].Role = ev.Role
		}
	}
	r.tellAudience()
}

// audienceRenamed follows a change of profile; r.mu is held.
func (r *Room) audienceRenamed(u UserInfo) {
	for i, have := range r.audience.list {
		if have.UserID == u.UserID {
			u.Role = have.Role
			r.audience.list[i] = u
			r.tellAudience()
		}
	}
}

// audienceMissed follows a snapshot, which says how many there are and not who; r.mu is held.
func (r *Room) audienceMissed() {
	if r.audience.kept {
		r.audience.count = r.view.Room.MemberCount
		r.audienceDue()
	}
}

// audienceDue has the list asked for again, unless that is going to happen; r.mu is held.
func (r *Room) audienceDue() {
	if r.audience.stale || r.over {
		return
	}
	r.audience.stale = true
	pause := audiencePause + rand.N(time.Duration(r.audience.count+1)*time.Second/audienceSpread)
	r.later(func(ctx context.Context) { r.refreshAudience(ctx, pause) })
}

func (r *Room) refreshAudience(ctx context.Context, pause time.Duration) {
	for again := true; again; {
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		r.mu.Lock()
		r.audience.stale = false // what comes from now on may need another question
		r.mu.Unlock()
		err := r.fetchAudience(ctx)
		r.mu.Lock()
		again = err != nil && !r.over && !r.audience.stale
		r.audience.stale = r.audience.stale || again
		r.mu.Unlock()
	}
}

// tellAudience tells the observers; r.mu is held.
func (r *Room) tellAudience() {
	list, count := slices.Clone(r.audience.list), r.audience.total()
	r.post("OnAudienceListChanged", func(o *RoomObserver) {
		if o.OnAudienceListChanged != nil {
			o.OnAudienceListChanged(r.id, slices.Clone(list), count)
		}
	})
}
