package seatgrid

import (
	"maps"
	"slices"

	"github.com/openvoiceroom/openvoiceroom/engine"
)

// stage is what the views show. It belongs to the goroutine of the callbacks.
type stage struct {
	adapter SeatViewAdapter // nil: none
	room    *engine.Room    // nil: no seats
	own     shown
	// Of connected rooms, as last told: who they are, and their seats, which may be known before.
	connected []engine.ConnectionUser
	known     map[RoomID][]SeatInfo
	others    map[RoomID]*shown // what is shown of them
}

// shown are seats of a room with their views.
type shown struct {
	seats  []SeatInfo
	views  []any // one for each seat; none without an adapter
	levels []int // of connected rooms, by seat: the volume that was shown last
}

// at returns a seat with its view; ok is false when there is no such seat.
func (s *shown) at(index SeatIndex) (seat SeatInfo, view any, ok bool) {
	i := int(index)
	if s == nil || i < 0 || i >= len(s.seats) {
		return SeatInfo{}, nil, false
	}
	if i < len(s.views) {
		view = s.views[i]
	}
	return s.seats[i], view, true
}

// show begins to show a room's seats. The callbacks of the observers come before the changes of the views that belong
// to them.
func (g *Grid) show(r *engine.Room) {
	// By the room, because what a former one has queued may come late.
	ours := func(f func(s *stage)) {
		if g.stage.room == r {
			f(&g.stage)
		}
	}
	update := func(seats []SeatInfo) { ours(func(s *stage) { s.update(&s.own, seats, s.create) }) }
	r.AddObserver(&engine.RoomObserver{
		OnSeatListChanged: func(seats []SeatInfo, _, _ []UserInfo) {
			update(seats)
			g.clearLaterSeats(r)
		},
		OnUserAudioStateChanged: func(UserInfo, bool, ChangeReason) {
			r.PostSeats("UpdateSeatView", update) // the callback has no seats, and r.Seats() may be ahead of it
		},
		OnUserVoiceVolumeChanged: func(volumes map[UserID]int) { ours(func(s *stage) { s.volumes(volumes) }) },
		OnConnectionUserListChanged: func(_ RoomID, connected, _, _ []engine.ConnectionUser) {
			ours(func(s *stage) { s.connect(connected) })
			g.clearLaterSeats(r)
		},
		OnConnectedSeatListChanged: func(_, room RoomID, seats []SeatInfo) {
			ours(func(s *stage) { s.known[room] = seats; s.showConnected(room) })
		},
		OnConnectedUserVoiceVolumeChanged: func(volumes map[RoomID]map[UserID]int) {
			ours(func(s *stage) { s.connectedVolumes(volumes) })
		},
		OnUserRoleChanged: func(RoomID, UserID, engine.Role) { g.clearLaterSeats(r) },
	})
	r.PostSeats("CreateSeatView", func(seats []SeatInfo) {
		if g.Room() != r { // it may have been left meanwhile
			return
		}
		g.stage = stage{adapter: g.stage.adapter, room: r}
		update(seats)
		// What is queued may have been before this; it ends with what is now.
		c, known := r.Connections(), map[RoomID][]SeatInfo{}
		connected := c.Connected()
		for _, u := range connected {
			if list := c.Seats(u.RoomID); list != nil {
				known[u.RoomID] = list
			}
		}
		g.stage.known = known
		g.stage.connect(connected)
		g.clearLaterSeats(r)
	})
}

// hide forgets the views of a room that is over.
func (g *Grid) hide(r *engine.Room) {
	g.eng.Post("hide", func() {
		if g.stage.room == r {
			g.stage = stage{adapter: g.stage.adapter}
		}
	})
}

// setAdapter has another adapter make all views.
func (s *stage) setAdapter(a SeatViewAdapter) {
	s.adapter, s.own.views = a, nil
	s.makeViews(&s.own, s.create)
	for _, u := range s.connected {
		if list := s.others[u.RoomID]; list != nil {
			list.views = nil
			s.makeViews(list, s.createConnected(u.RoomID))
		}
	}
}

// create makes the view of an own seat.
func (s *stage) create(seat SeatInfo) any { return s.adapter.CreateSeatView(seat) }

// createConnected makes the views of a connected room's seats; nil when the adapter makes none.
func (s *stage) createConnected(room RoomID) func(SeatInfo) any {
	a, ok := s.adapter.(ConnectedSeatViewAdapter)
	if !ok {
		return nil
	}
	return func(seat SeatInfo) any { return a.CreateConnectedSeatView(room, seat) }
}

// update shows seats as they are now.
func (s *stage) update(list *shown, seats []SeatInfo, create func(SeatInfo) any) {
	former := list.seats
	list.seats = slices.Clone(seats) // other observers have the same slice
	list.views = list.views[:min(len(list.views), len(seats))]
	for i := range list.views {
		if seats[i] != former[i] {
			s.adapter.UpdateSeatView(list.views[i], seats[i])
		}
	}
	s.makeViews(list, create)
}

// makeViews makes the views that are missing.
func (s *stage) makeViews(list *shown, create func(SeatInfo) any) {
	if s.adapter == nil || create == nil {
		return
	}
	for _, seat := range list.seats[len(list.views):] {
		list.views = append(list.views, create(seat))
	}
}

// volumes shows how loud users are, 0 to 100.
func (s *stage) volumes(levels map[UserID]int) {
	if s.adapter == nil {
		return
	}
	for i, seat := range s.own.seats {
		level, ok := levels[seat.UserID]
		if !ok || seat.UserID == "" {
			continue
		}
		s.adapter.UpdateUserVolume(s.own.views[i], min(max(level, 0), 100), onSeat(seat, s.room.RoleOf(seat.UserID)))
	}
}

func onSeat(seat SeatInfo, role engine.Role) UserInfo {
	return UserInfo{UserID: seat.UserID, UserName: seat.UserName, AvatarURL: seat.AvatarURL, Role: role}
}

// connect shows the seats of these rooms besides the own ones, and of no others.
func (s *stage) connect(connected []engine.ConnectionUser) {
	s.connected = slices.DeleteFunc(slices.Clone(connected), func(u engine.ConnectionUser) bool { return u.RoomID == s.room.ID() })
	gone := func(id RoomID) bool {
		return !slices.ContainsFunc(s.connected, func(u engine.ConnectionUser) bool { return u.RoomID == id })
	}
	maps.DeleteFunc(s.known, func(id RoomID, _ []SeatInfo) bool { return gone(id) })
	maps.DeleteFunc(s.others, func(id RoomID, _ *shown) bool { return gone(id) })
	for _, u := range s.connected {
		s.showConnected(u.RoomID)
	}
}

// showConnected shows the seats of a connected room, once they are known.
func (s *stage) showConnected(room RoomID) {
	seats, known := s.known[room]
	if !known || !slices.ContainsFunc(s.connected, func(u engine.ConnectionUser) bool { return u.RoomID == room }) {
		return
	}
	if s.others == nil {
		s.others = map[RoomID]*shown{}
	}
	list := s.others[room]
	if list == nil {
		list = &shown{levels: make([]int, ConnectedSeats)}
		s.others[room] = list
	}
	s.update(list, seats[:min(len(seats), ConnectedSeats)], s.createConnected(room))
}

// connectedVolumes shows how loud users of connected rooms are. Who is not among them is not heard here.
func (s *stage) connectedVolumes(levels map[RoomID]map[UserID]int) {
	for _, u := range s.connected {
		list := s.others[u.RoomID]
		if list == nil || len(list.views) == 0 {
			continue
		}
		for i, seat := range list.seats {
			level, heard := levels[u.RoomID][seat.UserID]
			if seat.UserID == "" || !heard && list.levels[i] == 0 {
				list.levels[i] = 0
				continue
			}
			list.levels[i] = min(max(level, 0), 100)
			role := engine.GeneralUser
			if seat.UserID == u.UserID {
				role = engine.RoomOwner
			}
			s.adapter.UpdateUserVolume(list.views[i], list.levels[i], onSeat(seat, role))
		}
	}
}
