package seatgrid_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/openvoiceroom/openvoiceroom/seatgrid"
)

// phone is the width of the documents' pictures, in points.
const phone = 375

// rows returns how many rectangles each row has.
func rows(rects []seatgrid.Rect) []int {
	var counts []int
	for i, r := range rects {
		if i == 0 || r.Y != rects[i-1].Y {
			counts = append(counts, 0)
		}
		counts[len(counts)-1]++
	}
	return counts
}

func TestRowsOfGrid(t *testing.T) {
	for seats, want := range map[int][]int{
		1: {1}, 2: {2}, 3: {3}, 4: {4}, 5: {5}, 6: {3, 3}, 7: {5, 2}, 8: {4, 4}, 9: {3, 3, 3}, 10: {5, 5},
		11: {5, 5, 1}, 12: {4, 4, 4}, 13: {5, 5, 3}, 14: {5, 5, 4}, 15: {5, 5, 5}, 16: {5, 5, 5, 1}, 20: {5, 5, 5, 5},
	} {
		t.Run(fmt.Sprint(seats), func(t *testing.T) {
			rects, height := seatgrid.Layout(seatgrid.LayoutGrid, nil, seats, phone)
			require.Equal(t, want, rows(rects))
			require.Equal(t, float64(115*len(want)), height, "105 points and 10 below, the last row too")
			for _, r := range rects {
				require.Equal(t, seatgrid.Size{Width: 70, Height: 105}, seatgrid.Size{Width: r.Width, Height: r.Height})
			}
		})
	}
}

func TestRowsOfFocus(t *testing.T) {
	for seats, want := range map[int][]int{
		1: {1}, 2: {1, 1}, 4: {1, 3}, 6: {1, 3, 2}, 8: {1, 3, 3, 1}, 9: {1, 3, 3, 2}, 10: {1, 3, 3, 3}, 11: {1, 3, 3, 3, 1},
	} {
		t.Run(fmt.Sprint(seats), func(t *testing.T) {
			rects, height := seatgrid.Layout(seatgrid.LayoutFocus, nil, seats, phone)
			require.Equal(t, want, rows(rects))
			require.Equal(t, seatgrid.Rect{X: 137.5, Y: 0, Width: 100, Height: 100}, rects[0], "large, in the middle")
			require.Equal(t, float64(110+115*(len(want)-1)), height)
		})
	}
}

func TestFiguresOfTheBuiltInModes(t *testing.T) {
	seat := func(x, y float64) seatgrid.Rect { return seatgrid.Rect{X: x, Y: y, Width: 70, Height: 105} }
	host := seatgrid.Rect{X: 137.5, Y: 0, Width: 100, Height: 100}
	tests := []struct {
		name  string
		mode  seatgrid.LayoutMode
		seats int
		want  []seatgrid.Rect
	}{
		{"grid of ten", seatgrid.LayoutGrid, 10, []seatgrid.Rect{
			seat(0, 0), seat(76.25, 0), seat(152.5, 0), seat(228.75, 0), seat(305, 0),
			seat(0, 115), seat(76.25, 115), seat(152.5, 115), seat(228.75, 115), seat(305, 115),
		}},
		{"the rest of a grid is stretched to both edges", seatgrid.LayoutGrid, 7, []seatgrid.Rect{
			seat(0, 0), seat(76.25, 0), seat(152.5, 0), seat(228.75, 0), seat(305, 0), seat(0, 115), seat(305, 115),
		}},
		{"a lone seat of a grid", seatgrid.LayoutGrid, 1, []seatgrid.Rect{seat(0, 0)}},
		{"a lone last seat of a grid", seatgrid.LayoutGrid, 11, []seatgrid.Rect{
			seat(0, 0), seat(76.25, 0), seat(152.5, 0), seat(228.75, 0), seat(305, 0),
			seat(0, 115), seat(76.25, 115), seat(152.5, 115), seat(228.75, 115), seat(305, 115), seat(0, 230),
		}},
		{"focus of six", seatgrid.LayoutFocus, 6, []seatgrid.Rect{
			host, seat(0, 110), seat(152.5, 110), seat(305, 110), seat(0, 225), seat(305, 225),
		}},
		{"vertical of three", seatgrid.LayoutVertical, 3, []seatgrid.Rect{seat(152.5, 0), seat(152.5, 115), seat(152.5, 230)}},
		{"an unknown mode is a grid", 17, 2, []seatgrid.Rect{seat(0, 0), seat(305, 0)}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			ignored := &seatgrid.SeatViewLayoutConfig{RowConfigs: []seatgrid.SeatViewLayoutRowConfig{{Count: 1}}, RowSpacing: 99}
			rects, _ := seatgrid.Layout(tt.mode, ignored, tt.seats, phone)
			require.Equal(t, tt.want, rects)
		})
	}
}

func TestAlignments(t *testing.T) {
	// 375 points, seats of 50, 10 apart where that counts.
	for alignment, want := range map[seatgrid.RowAlignment]map[int][]float64{
		seatgrid.AlignSpaceAround:  {1: {162.5}, 3: {37.5, 162.5, 287.5}},
		seatgrid.AlignSpaceBetween: {1: {0}, 3: {0, 162.5, 325}},
		seatgrid.AlignSpaceEvenly:  {1: {162.5}, 3: {56.25, 162.5, 268.75}},
		seatgrid.AlignStart:        {1: {0}, 3: {0, 60, 120}},
		seatgrid.AlignEnd:          {1: {325}, 3: {205, 265, 325}},
		seatgrid.AlignCenter:       {1: {162.5}, 3: {102.5, 162.5, 222.5}},
		17:                         {1: {162.5}, 3: {102.5, 162.5, 222.5}},
	} {
		for n, xs := range want {
			t.Run(fmt.Sprint(alignment, " ", n), func(t *testing.T) {
				rects, height := seatgrid.Layout(seatgrid.LayoutFree, config(10, seatgrid.SeatViewLayoutRowConfig{
					Count: 3, SeatSpacing: 10, SeatSize: seatgrid.Size{Width: 50, Height: 40}, Alignment: alignment,
				}), n, phone)
				require.Len(t, rects, n)
				for i, r := range rects {
					require.Equal(t, seatgrid.Rect{X: xs[i], Y: 0, Width: 50, Height: 40}, r, "seat %d", i)
				}
				require.Equal(t, 50.0, height)
			})
		}
	}
}

func config(spacing float64, rows ...seatgrid.SeatViewLayoutRowConfig) *seatgrid.SeatViewLayoutConfig {
	return &seatgrid.SeatViewLayoutConfig{RowConfigs: rows, RowSpacing: spacing}
}

func TestFreeLayout(t *testing.T) {
	square := seatgrid.Size{Width: 50, Height: 50}
	// The example of the documents' guide.
	guide := config(10,
		seatgrid.SeatViewLayoutRowConfig{Count: 3, SeatSpacing: 10, SeatSize: square, Alignment: seatgrid.AlignCenter},
		seatgrid.SeatViewLayoutRowConfig{Count: 3, SeatSpacing: 10, SeatSize: square, Alignment: seatgrid.AlignSpaceAround},
	)
	tests := []struct {
		name   string
		cfg    *seatgrid.SeatViewLayoutConfig
		seats  int
		rows   []int
		height float64
		first  seatgrid.Rect
	}{
		{"the guide's", guide, 6, []int{3, 3}, 120, seatgrid.Rect{X: 102.5, Width: 50, Height: 50}},
		{"rows without seats are not there", guide, 2, []int{2}, 60, seatgrid.Rect{X: 132.5, Width: 50, Height: 50}},
		{"the last row is repeated", guide, 10, []int{3, 3, 3, 1}, 240, seatgrid.Rect{X: 102.5, Width: 50, Height: 50}},
		{"no config", nil, 10, []int{5, 5}, 220, seatgrid.Rect{X: 22.5, Width: 50, Height: 88}},
		{"no rows", config(99), 11, []int{5, 5, 1}, 330, seatgrid.Rect{X: 22.5, Width: 50, Height: 88}},
		{
			"a row for nobody is left out",
			config(0, seatgrid.SeatViewLayoutRowConfig{Count: 0, SeatSize: square}, seatgrid.SeatViewLayoutRowConfig{Count: 2, SeatSize: square}, seatgrid.SeatViewLayoutRowConfig{Count: -1}),
			4, []int{2, 2}, 100, seatgrid.Rect{X: 68.75, Width: 50, Height: 50},
		},
		{"a size that is not given", config(0, seatgrid.SeatViewLayoutRowConfig{Count: 2, Alignment: seatgrid.AlignStart}), 2, []int{2}, 88, seatgrid.Rect{Width: 50, Height: 88}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			rects, height := seatgrid.Layout(seatgrid.LayoutFree, tt.cfg, tt.seats, phone)
			require.Equal(t, tt.rows, rows(rects))
			require.Equal(t, tt.height, height)
			require.Equal(t, tt.first, rects[0])
		})
	}
	rects, _ := seatgrid.Layout(seatgrid.LayoutFree, guide, 6, phone)
	require.Equal(t, seatgrid.Rect{X: 37.5, Y: 60, Width: 50, Height: 50}, rects[3], "the second row spreads out")
}

func TestTooNarrowIsScaledDown(t *testing.T) {
	// Five seats of 70 need 350: half the width, half of everything.
	rects, height := seatgrid.Layout(seatgrid.LayoutGrid, nil, 7, 175)
	require.Equal(t, 115.0, height)
	require.Equal(t, seatgrid.Rect{X: 140, Y: 0, Width: 35, Height: 52.5}, rects[4])
	require.Equal(t, seatgrid.Rect{X: 140, Y: 57.5, Width: 35, Height: 52.5}, rects[6], "the last row's seats are no larger")
	for _, width := range []float64{0, -5, math.NaN(), math.Inf(-1)} {
		rects, height = seatgrid.Layout(seatgrid.LayoutGrid, nil, 3, width)
		require.Equal(t, make([]seatgrid.Rect, 3), rects, "nothing is drawn before there is a width")
		require.Zero(t, height)
	}
}

func TestNoSeats(t *testing.T) {
	for _, seats := range []int{0, -1} {
		rects, height := seatgrid.Layout(seatgrid.LayoutFocus, nil, seats, phone)
		require.Empty(t, rects)
		require.Zero(t, height)
	}
}

func TestNamesOfLayouts(t *testing.T) {
	require.Equal(t, "LayoutFocus LayoutGrid LayoutVertical LayoutFree 4 -1", fmt.Sprint(
		seatgrid.LayoutFocus, seatgrid.LayoutGrid, seatgrid.LayoutVertical, seatgrid.LayoutFree, seatgrid.LayoutMode(4), seatgrid.LayoutMode(-1)))
	require.Equal(t, "AlignSpaceAround AlignSpaceBetween AlignSpaceEvenly AlignStart AlignEnd AlignCenter 6", fmt.Sprint(
		seatgrid.AlignSpaceAround, seatgrid.AlignSpaceBetween, seatgrid.AlignSpaceEvenly, seatgrid.AlignStart, seatgrid.AlignEnd, seatgrid.AlignCenter, seatgrid.RowAlignment(6)))
}

// fits is what Layout promises, whatever it is asked.
func fits(t require.TestingT, rects []seatgrid.Rect, height float64, seats int, width float64) {
	const rounding = 1e-9
	near := rounding * (width + height + 1)
	require.Len(t, rects, seats, "every seat has a rectangle")
	for i, r := range rects {
		for _, v := range []float64{r.X, r.Y, r.Width, r.Height} {
			if math.IsNaN(v) || math.IsInf(v, 0) || v < 0 {
				require.Fail(t, "no rectangle", "seat %d: %+v", i, r)
			}
		}
		if r.X+r.Width > width+near || r.Y+r.Height > height+near {
			require.Fail(t, "outside", "seat %d: %+v in %g x %g", i, r, width, height)
		}
		for j, o := range rects[:i] {
			across := min(o.X+o.Width, r.X+r.Width) - max(o.X, r.X)
			down := min(o.Y+o.Height, r.Y+r.Height) - max(o.Y, r.Y)
			if across > near && down > near {
				require.Fail(t, "overlap", "seats %d and %d: %+v, %+v", j, i, o, r)
			}
			right, below := r.X >= o.X+o.Width-near, r.Y >= o.Y+o.Height-near
			if !below && (!right || r.Y != o.Y) {
				require.Fail(t, "out of order", "seat %d is neither right of seat %d nor below it: %+v, %+v", i, j, o, r)
			}
		}
	}
}

func TestLayoutKeepsItsPromises(t *testing.T) {
	points := rapid.OneOf(rapid.Float64Range(0, 500), rapid.Just(0.0), rapid.Float64())
	row := rapid.Custom(func(t *rapid.T) seatgrid.SeatViewLayoutRowConfig {
		return seatgrid.SeatViewLayoutRowConfig{
			Count: rapid.IntRange(-1, 12).Draw(t, "count"), SeatSpacing: points.Draw(t, "spacing"),
			SeatSize:  seatgrid.Size{Width: points.Draw(t, "seat width"), Height: points.Draw(t, "seat height")},
			Alignment: seatgrid.RowAlignment(rapid.IntRange(-1, 6).Draw(t, "alignment")),
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		mode := seatgrid.LayoutMode(rapid.IntRange(-1, 4).Draw(t, "mode"))
		cfg := rapid.Ptr(rapid.Custom(func(t *rapid.T) seatgrid.SeatViewLayoutConfig {
			return *config(points.Draw(t, "row spacing"), rapid.SliceOfN(row, 0, 6).Draw(t, "rows")...)
		}), true).Draw(t, "config")
		seats := rapid.IntRange(1, 50).Draw(t, "seats")
		width := rapid.OneOf(rapid.Float64Range(0, 2000), rapid.Just(0.0), rapid.Float64Range(0, 1e-6)).Draw(t, "width")
		rects, height := seatgrid.Layout(mode, cfg, seats, width)
		fits(t, rects, height, seats, width)
		again, sameHeight := seatgrid.Layout(mode, cfg, seats, width)
		require.Equal(t, rects, again)
		require.Equal(t, height, sameHeight)
		if mode != seatgrid.LayoutFree {
			other, _ := seatgrid.Layout(mode, nil, seats, width)
			require.Equal(t, rects, other, "only LayoutFree reads the config")
		}
	})
}

func TestEveryAlignmentForEveryCount(t *testing.T) {
	for mode := seatgrid.LayoutFocus; mode <= seatgrid.LayoutFree; mode++ {
		for alignment := seatgrid.AlignSpaceAround; alignment <= seatgrid.AlignCenter; alignment++ {
			for seats := 1; seats <= 50; seats++ {
				row := seatgrid.DefaultRowConfig()
				row.Alignment = alignment
				rects, height := seatgrid.Layout(mode, config(22, row), seats, phone)
				fits(t, rects, height, seats, phone)
			}
		}
	}
}

func FuzzLayout(f *testing.F) {
	f.Add(int(seatgrid.LayoutFree), 10, 375.0, 10.0, 3, 10.0, 50.0, 50.0, int(seatgrid.AlignCenter))
	f.Add(int(seatgrid.LayoutGrid), 11, 100.0, 0.0, 0, 0.0, 0.0, 0.0, 0)
	f.Add(int(seatgrid.LayoutFree), 200, math.MaxFloat64, math.Inf(1), math.MaxInt, math.NaN(), 5e-324, -1.0, int(seatgrid.AlignSpaceBetween))
	f.Fuzz(func(t *testing.T, mode, seats int, width, rowSpacing float64, count int, spacing, w, h float64, alignment int) {
		seats = min(seats, 200) // beyond, only memory is measured
		rects, height := seatgrid.Layout(seatgrid.LayoutMode(mode), config(rowSpacing,
			seatgrid.SeatViewLayoutRowConfig{Count: 1},
			seatgrid.SeatViewLayoutRowConfig{Count: count, SeatSpacing: spacing, SeatSize: seatgrid.Size{Width: w, Height: h}, Alignment: seatgrid.RowAlignment(alignment)},
		), seats, width)
		if math.IsNaN(width) || width < 0 {
			width = 0
		}
		fits(t, rects, height, max(seats, 0), min(width, 1e6))
	})
}
