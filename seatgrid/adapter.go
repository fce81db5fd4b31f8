package seatgrid

import (
	"slices"

	"github.com/openvoiceroom/openvoiceroom/engine"
)

// SeatViewAdapter makes the views of the seats, of whatever type, and keeps them up to date. Its methods are called on
// the goroutine of the observers' callbacks: never two at once, nor together with a callback of the same login, off
// every lock, and free to call the grid. A toolkit that draws on one goroutine of its own has to be handed over to.
//
// Where a change has a callback too, the callback comes before the view's update.
//
// One view is made for each seat, vacant ones too, and is forgotten when the room is over for this user, when the seats
// become fewer, or when another adapter is set.
type SeatViewAdapter interface {
	// CreateSeatView makes the view of a seat, which already shows what seat says.
	CreateSeatView(seat SeatInfo) any
	// UpdateSeatView: the seat of a view has changed. The seat's index never does.
	UpdateSeatView(view any, seat SeatInfo)
	// UpdateUserVolume: how loud the user on the seat of a view is, from 0 to 100. Vacant seats have none.
	UpdateUserVolume(view any, volume int, user UserInfo)
}

// SetSeatViewAdapter sets who makes the seats' views: in a room at once, otherwise when the next one is entered. nil
// sets none. It returns without waiting: the calls come in order with the callbacks, and those that were due before
// go to the former adapter.
func (g *Grid) SetSeatViewAdapter(a SeatViewAdapter) {
	g.eng.Post("SetSeatViewAdapter", func() {
		g.stage.adapter, g.stage.views = a, nil
		g.stage.makeViews()
	})
}

// ClickSeatView says that a seat's view was clicked: every observer gets OnSeatViewClicked, in order with the other
// callbacks, with the view (nil without an adapter) and the seat as the view shows it. It returns without waiting.
// Outside a room, or without such a seat, there is nothing to click.
func (g *Grid) ClickSeatView(index SeatIndex) {
	g.eng.Post("OnSeatViewClicked", func() {
		i := int(index)
		if i < 0 || i >= len(g.stage.seats) {
			return
		}
		var view any
		if g.stage.adapter != nil {
			view = g.stage.views[i]
		}
		seat := g.stage.seats[i]
		g.observers.Each(func(o *Observer) {
			if o.OnSeatViewClicked != nil {
				o.OnSeatViewClicked(view, seat)
			}
		})
	})
}

// stage is what the views show. It belongs to the goroutine of the callbacks.
type stage struct {
	adapter SeatViewAdapter // nil: none
	room    *engine.Room    // nil: no seats
	seats   []SeatInfo
	views   []any // one for each seat; none without an adapter
}

// show begins to show a room's seats. The callbacks of the observers come before the changes of the views that belong
// to them.
func (g *Grid) show(r *engine.Room) {
	// By the room, because what a former one has queued may come late.
	update := func(seats []SeatInfo) {
		if g.stage.room == r {
			g.stage.update(seats)
		}
	}
	r.AddObserver(&engine.RoomObserver{
		OnSeatListChanged: func(seats []SeatInfo, _, _ []UserInfo) { update(seats) },
		OnUserAudioStateChanged: func(UserInfo, bool, ChangeReason) {
			r.PostSeats("UpdateSeatView", update) // the callback has no seats, and r.Seats() may be ahead of it
		},
		OnUserVoiceVolumeChanged: func(volumes map[UserID]int) {
			if g.stage.room == r {
				g.stage.volumes(volumes)
			}
		},
	})
	r.PostSeats("CreateSeatView", func(seats []SeatInfo) {
		if g.Room() == r { // it may have been left meanwhile
			g.stage.room, g.stage.seats, g.stage.views = r, nil, nil
			g.stage.update(seats)
		}
	})
}

// hide forgets the views of a room that is over.
func (g *Grid) hide(r *engine.Room) {
	g.eng.Post("hide", func() {
		if g.stage.room == r {
			g.stage.room, g.stage.seats, g.stage.views = nil, nil, nil
		}
	})
}

// update shows the seats as they are now.
func (s *stage) update(seats []SeatInfo) {
	former := s.seats
	s.seats = slices.Clone(seats) // other observers have the same slice
	s.views = s.views[:min(len(s.views), len(seats))]
	for i := range s.views {
		if seats[i] != former[i] {
			s.adapter.UpdateSeatView(s.views[i], seats[i])
		}
	}
	s.makeViews()
}

// makeViews makes the views that are missing.
func (s *stage) makeViews() {
	if s.adapter == nil {
		return
	}
	for _, seat := range s.seats[len(s.views):] {
		s.views = append(s.views, s.adapter.CreateSeatView(seat))
	}
}

// volumes shows how loud users are, 0 to 100.
func (s *stage) volumes(levels map[UserID]int) {
	if s.adapter == nil {
		return
	}
	for i, seat := range s.seats {
		level, ok := levels[seat.UserID]
		if !ok || seat.UserID == "" {
			continue
		}
		user := UserInfo{UserID: seat.UserID, UserName: seat.UserName, AvatarURL: seat.AvatarURL, Role: s.room.RoleOf(seat.UserID)}
		s.adapter.UpdateUserVolume(s.views[i], min(max(level, 0), 100), user)
	}
}
