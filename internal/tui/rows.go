package tui

import (
	"slices"

	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/seatgrid"
)

// row is a row of seats, or the title above those of a room.
type row struct {
	title string
	spots []spot // nil: a title
}

// spot is a seat where it is drawn.
type spot struct {
	cell
	own    bool // of this room
	index  int
	seat   seatgrid.SeatInfo
	volume int
	role   role
}

// ownSpots and spotsOf return the seats of a room that are shown, without places.
func (m *model) ownSpots() (list []spot) {
	for i, seat := range m.seats[:m.shown()] {
		list = append(list, spot{own: true, index: i, seat: seat, volume: m.volumes[i], role: m.room.roles[seat.UserID]})
	}
	return list
}

func (m *model) spotsOf(u engine.ConnectionUser) (list []spot) {
	o := m.others[u.RoomID]
	if o == nil {
		return nil // not known yet
	}
	for i, seat := range o.seats {
		s := spot{index: i, seat: seat, volume: o.volumes[i]}
		if seat.UserID == u.UserID {
			s.role = roleOf(engine.RoomOwner)
		}
		list = append(list, s)
	}
	return list
}

// rows returns the seats from top to bottom: those of this room, and while others are connected theirs, too, by the rules
// of package seatgrid.
func (m *model) rows() []row {
	own := m.ownSpots()
	if !m.connected() {
		list, n := cells(m.layout, len(own), m.width)
		return place(own, list, n)
	}
	titles, spots := []string{m.ownTitle()}, [][]spot{own}
	for _, u := range m.room.rooms {
		titles, spots = append(titles, m.otherTitle(u)), append(spots, m.spotsOf(u))
	}
	var counts []int
	for _, list := range spots {
		counts = append(counts, len(list))
	}
	rects, _ := seatgrid.LayoutConnected(counts, float64(m.width))
	if len(spots) == 2 && m.layout != seatgrid.LayoutVertical {
		left, n := columnsOf(rects[0], m.width)
		right, k := columnsOf(rects[1], m.width)
		if !narrow(left, minWidth) && !narrow(right, minWidth) {
			half := m.width / 2
			both := append(place(own, left, n), place(spots[1], right, k)...)
			rows := []row{{title: fit(titles[0], half) + fit(titles[1], m.width-half)}}
			for i := range max(n, k) { // those of the two rooms are beside each other
				var r row
				if i < n {
					r.spots = both[i].spots
				}
				if i < k {
					r.spots = append(r.spots, both[n+i].spots...)
				}
				rows = append(rows, r)
			}
			return rows
		}
	}
	var rows []row
	for i, list := range spots {
		rows = append(rows, row{title: titles[i]})
		at, n := columnsOf(rects[i], m.width)
		if len(spots) == 2 || m.layout == seatgrid.LayoutVertical || narrow(slices.Concat(stripCells(rects, m.width)...), minStripWidth) {
			if i > 0 { // nobody here can sit there, and lines are scarce
				list = slices.DeleteFunc(list, func(s spot) bool { return s.seat.UserID == "" })
			}
			at, n = cells(seatgrid.LayoutVertical, len(list), m.width)
		}
		rows = append(rows, place(list, at, n)...)
	}
	return rows
}

// stripCells returns the columns of every room's seats.
func stripCells(rects [][]seatgrid.Rect, columns int) (all [][]cell) {
	for _, list := range rects {
		c, _ := columnsOf(list, columns)
		all = append(all, c)
	}
	return all
}

// place puts seats into rows.
func place(list []spot, at []cell, rows int) []row {
	out := make([]row, rows)
	for i, s := range list {
		s.cell = at[i]
		out[s.row].spots = append(out[s.row].spots, s)
	}
	return out
}
