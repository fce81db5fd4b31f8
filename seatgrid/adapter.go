package seatgrid

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
	g.eng.Post("SetSeatViewAdapter", func() { g.stage.setAdapter(a) })
}

// ClickSeatView says that a seat's view was clicked: every observer gets OnSeatViewClicked, in order with the other
// callbacks, with the view (nil without an adapter) and the seat as the view shows it. It returns without waiting.
// Outside a room, or without such a seat, there is nothing to click.
func (g *Grid) ClickSeatView(index SeatIndex) {
	g.eng.Post("OnSeatViewClicked", func() {
		seat, view, ok := g.stage.own.at(index)
		if !ok {
			return
		}
		g.observers.Each(func(o *Observer) {
			if o.OnSeatViewClicked != nil {
				o.OnSeatViewClicked(view, seat)
			}
		})
	})
}

// ConnectedSeatViewAdapter is a [SeatViewAdapter] that makes views for the seats of connected rooms, too: for the first
// [ConnectedSeats] of each, while it is connected. UpdateSeatView and UpdateUserVolume are called for them as for the own
// seats; of their users it is known whether they own their room, and no other role. Volumes are of those who are heard
// here.
type ConnectedSeatViewAdapter interface {
	SeatViewAdapter
	// CreateConnectedSeatView makes the view of a seat of that room. It is forgotten when the room is connected no longer
	// (see OnConnectionUserListChanged of [engine.RoomObserver]), and in the cases of CreateSeatView.
	CreateConnectedSeatView(room RoomID, seat SeatInfo) any
}

// ClickConnectedSeatView says that the view of a connected room's seat was clicked: every observer gets
// OnConnectedSeatViewClicked, as [Grid.ClickSeatView] does it for own seats. No verb of the grid applies to such a seat.
// Of a room that is not connected, and behind the first [ConnectedSeats], there is nothing to click.
func (g *Grid) ClickConnectedSeatView(room RoomID, index SeatIndex) {
	g.eng.Post("OnConnectedSeatViewClicked", func() {
		seat, view, ok := g.stage.others[room].at(index)
		if !ok {
			return
		}
		g.observers.Each(func(o *Observer) {
			if o.OnConnectedSeatViewClicked != nil {
				o.OnConnectedSeatViewClicked(view, room, seat)
			}
		})
	})
}
