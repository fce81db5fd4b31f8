package seatgrid

import "slices"

// ConnectedSeats is how many seats of each room are shown while rooms are connected, the first ones (documents: 6 + 6 seats,
// KSGConnectMaxSeatCount).
const ConnectedSeats = 6

const (
	halfColumns     = 2  // of a room's half, with two rooms
	halfSeatSpacing = 10 // there
	stripSpacing    = 10 // between the seats of a room's strip, with more rooms
)

// LayoutConnected computes where seats go while rooms are connected, in a grid of the given width. seats are how many each
// room has, the own one first; of each the first [ConnectedSeats] are shown: rects[r][i] is seat i of room r. The
// documents have two rooms side by side: the own one has the left half of the width and the other the right one, in rows
// of two. The numbers of those rows are ours, and so is the rest: with more rooms than two, or one, each is a strip of
// its own, from top to bottom, with the seats of [DefaultRowConfig] in one row. A room without seats keeps its place.
//
// What does not fit into the width is scaled down as [Layout] does; the modes of [Layout] do not matter here.
func LayoutConnected(seats []int, width float64) (rects [][]Rect, height float64) {
	shown := make([]int, len(seats))
	for i, n := range seats {
		shown[i] = min(max(n, 0), ConnectedSeats)
	}
	width = sane(width)
	if len(seats) == 2 {
		return halves(shown, width)
	}
	return strips(shown, width)
}

func halves(seats []int, width float64) (rects [][]Rect, height float64) {
	row := SeatViewLayoutRowConfig{Count: halfColumns, SeatSpacing: halfSeatSpacing, SeatSize: builtInSize, Alignment: AlignCenter}
	half := max(width/2, row.need()+2*halfSeatSpacing) // so that the rooms are told apart when they are scaled, too
	scale := min(width/2/half, 1)
	for room, n := range seats {
		y, list := 0.0, []Rect(nil)
		for _, r := range fill([]SeatViewLayoutRowConfig{row}, n) {
			list = append(list, r.rects(float64(room)*half, y, half, scale)...)
			y += r.SeatSize.Height + builtInRowSpacing
		}
		rects, height = append(rects, list), max(height, y)
	}
	return rects, height * scale
}

func strips(seats []int, width float64) (rects [][]Rect, height float64) {
	row := SeatViewLayoutRowConfig{Count: ConnectedSeats, SeatSpacing: stripSpacing, SeatSize: DefaultRowConfig().SeatSize, Alignment: AlignCenter}
	wide := max(width, row.need()) // as if all had six seats: a newcomer changes the size of nobody's
	scale := width / wide
	for _, n := range seats {
		row.Count = n
		rects = append(rects, row.rects(0, height, wide, scale))
		height += row.SeatSize.Height + builtInRowSpacing
	}
	return rects, height * scale
}

// rects returns a row's rectangles in a width that is enough, x and y being its corner before all is scaled.
func (row SeatViewLayoutRowConfig) rects(x, y, width, scale float64) (list []Rect) {
	if row.Count == 0 {
		return nil
	}
	first, gap := row.place(width)
	for i := range row.Count {
		list = append(list, Rect{
			X: (x + first + float64(i)*(row.SeatSize.Width+gap)) * scale, Y: y * scale,
			Width: row.SeatSize.Width * scale, Height: row.SeatSize.Height * scale,
		})
	}
	return list
}

// SeatCell is a seat with its place in the grid, and whose it is.
type SeatCell struct {
	RoomID RoomID // of the seat: the grid's room, or one that is connected with it
	Seat   SeatInfo
	Rect   Rect
}

// SeatCells returns the seats that are shown in a grid of the given width: all of the room's where [Grid.SeatRects] says, and
// while the room is connected the first [ConnectedSeats] of each room where [LayoutConnected] says, the own ones first and
// the others by the time when they were connected. Seats of other rooms are there as soon as they are known; no verb of
// the grid applies to them. Whoever sits on a seat behind the first six is heard and not shown, see
// [Grid.SetConnectedSeatRule]. In no room there are none.
func (g *Grid) SeatCells(width float64) (cells []SeatCell, height float64) {
	r := g.Room()
	if r == nil {
		return nil, 0
	}
	rooms, lists := []RoomID{r.ID()}, [][]SeatInfo{r.Seats()}
	c := r.Connections()
	for _, u := range c.Connected() {
		if u.RoomID != r.ID() {
			rooms, lists = append(rooms, u.RoomID), append(lists, c.Seats(u.RoomID))
		}
	}
	var rects [][]Rect
	if len(rooms) == 1 {
		g.mu.Lock()
		chosen := g.layout // free is never written to again
		g.mu.Unlock()
		rects = make([][]Rect, 1)
		rects[0], height = Layout(chosen.mode, chosen.free, len(lists[0]), width)
	} else {
		var counts []int
		for _, seats := range lists {
			counts = append(counts, len(seats))
		}
		rects, height = LayoutConnected(counts, width)
	}
	for i, list := range rects {
		for k, rect := range list {
			cells = append(cells, SeatCell{RoomID: rooms[i], Seat: lists[i][k], Rect: rect})
		}
	}
	return slices.Clip(cells), height
}
