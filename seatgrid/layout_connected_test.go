package seatgrid_test

import (
	"cmp"
	"math"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/openvoiceroom/openvoiceroom/seatgrid"
)

func TestFiguresOfConnectedRooms(t *testing.T) {
	half := func(x, y float64) seatgrid.Rect { return seatgrid.Rect{X: x, Y: y, Width: 70, Height: 105} }
	strip := func(x, y float64) seatgrid.Rect { return seatgrid.Rect{X: x, Y: y, Width: 50, Height: 88} }
	left := []seatgrid.Rect{
		half(18.75, 0), half(98.75, 0), half(18.75, 115), half(98.75, 115), half(18.75, 230), half(98.75, 230),
	}
	right := []seatgrid.Rect{
		half(206.25, 0), half(286.25, 0), half(206.25, 115), half(286.25, 115), half(206.25, 230), half(286.25, 230),
	}
	six := func(y float64) []seatgrid.Rect {
		return []seatgrid.Rect{strip(12.5, y), strip(72.5, y), strip(132.5, y), strip(192.5, y), strip(252.5, y), strip(312.5, y)}
	}
	for name, tt := range map[string]struct {
		seats  []int
		width  float64
		want   [][]seatgrid.Rect
		height float64
	}{
		"6 + 6":                {[]int{6, 6}, phone, [][]seatgrid.Rect{left, right}, 345},
		"the first six of ten": {[]int{10, 20}, phone, [][]seatgrid.Rect{left, right}, 345},
		"the rest is in the middle": {[]int{3, 1}, phone, [][]seatgrid.Rect{
			{half(18.75, 0), half(98.75, 0), half(58.75, 115)}, {half(246.25, 0)},
		}, 230},
		"a room whose seats are not known yet": {[]int{6, 0}, phone, [][]seatgrid.Rect{left, nil}, 345},
		"scaled": {[]int{2, 2}, 170, [][]seatgrid.Rect{
			{{X: 5, Y: 0, Width: 35, Height: 52.5}, {X: 45, Y: 0, Width: 35, Height: 52.5}},
			{{X: 90, Y: 0, Width: 35, Height: 52.5}, {X: 130, Y: 0, Width: 35, Height: 52.5}},
		}, 57.5},
		"strips": {[]int{10, 6, 2}, phone, [][]seatgrid.Rect{six(0), six(98), {strip(132.5, 196), strip(192.5, 196)}}, 294},
		"strips, scaled": {[]int{0, 0, 6}, 175, [][]seatgrid.Rect{nil, nil, {
			{X: 0, Y: 98, Width: 25, Height: 44}, {X: 30, Y: 98, Width: 25, Height: 44}, {X: 60, Y: 98, Width: 25, Height: 44},
			{X: 90, Y: 98, Width: 25, Height: 44}, {X: 120, Y: 98, Width: 25, Height: 44}, {X: 150, Y: 98, Width: 25, Height: 44},
		}}, 147},
		"no room": {nil, phone, nil, 0},
		"no seat": {[]int{-1, 0}, phone, [][]seatgrid.Rect{nil, nil}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			rects, height := seatgrid.LayoutConnected(tt.seats, tt.width)
			require.Equal(t, tt.want, rects)
			require.Equal(t, tt.height, height)
		})
	}
}

// Whatever rooms are connected, and however wide the grid: each of the first six has its place, and no two overlap.
func TestConnectedRoomsFit(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		seats := rapid.SliceOfN(rapid.IntRange(-1, 20), 1, 9).Draw(t, "seats")
		width := rapid.OneOf(rapid.Float64Range(0, 2000), rapid.Just(0.0), rapid.Just(math.Inf(1)), rapid.Just(math.NaN())).Draw(t, "width")
		rects, height := seatgrid.LayoutConnected(seats, width)
		require.Len(t, rects, len(seats))
		n := 0
		for i, list := range rects {
			require.Len(t, list, min(max(seats[i], 0), seatgrid.ConnectedSeats))
			n += len(list)
		}
		if !(width > 0) {
			width = 0
		}
		all := slices.Concat(rects...)
		slices.SortFunc(all, func(a, b seatgrid.Rect) int { // rooms beside each other are not in the order of rows
			return cmp.Or(cmp.Compare(a.Y, b.Y), cmp.Compare(a.X, b.X))
		})
		fits(t, all, height, n, min(width, 1e6))
	})
}
