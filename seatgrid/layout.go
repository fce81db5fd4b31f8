package seatgrid

import (
	"slices"
	"strconv"
)

// LayoutMode is how the seats are arranged. A grid that was told nothing uses [LayoutGrid].
type LayoutMode int

// The layout modes, in the documents' order.
const (
	LayoutFocus    LayoutMode = 0 // seat 0 large and alone in the first row, the others below in threes
	LayoutGrid     LayoutMode = 1 // rows of two to five, by the number of seats
	LayoutVertical LayoutMode = 2 // one seat in a row
	LayoutFree     LayoutMode = 3 // the rows of a SeatViewLayoutConfig
)

func (m LayoutMode) String() string {
	return name(int(m), "LayoutFocus", "LayoutGrid", "LayoutVertical", "LayoutFree")
}

// RowAlignment is where a row's seats stand in its width.
type RowAlignment int

// The alignments, in the order of the documents' SDK. What they do is flexbox's justify-content.
const (
	AlignSpaceAround  RowAlignment = 0 // the free width between the seats, half as much before the first and after the last
	AlignSpaceBetween RowAlignment = 1 // the free width between the seats, none outside; a lone seat stands at the left edge
	AlignSpaceEvenly  RowAlignment = 2 // the free width between the seats, as much before the first and after the last
	AlignStart        RowAlignment = 3 // at the left edge, SeatSpacing apart
	AlignEnd          RowAlignment = 4 // at the right edge, SeatSpacing apart
	AlignCenter       RowAlignment = 5 // in the middle, SeatSpacing apart
)

func (a RowAlignment) String() string {
	return name(int(a), "AlignSpaceAround", "AlignSpaceBetween", "AlignSpaceEvenly", "AlignStart", "AlignEnd", "AlignCenter")
}

func name(v int, names ...string) string {
	if v < 0 || v >= len(names) {
		return strconv.Itoa(v)
	}
	return names[v]
}

// Size is a width and a height in points. A point is the unit of whoever draws: a CSS pixel, an iOS point, an Android
// dp. It is a float64 because the spaces between seats seldom are whole; who draws in whole units rounds at the end.
type Size struct{ Width, Height float64 }

// Rect is where a seat goes, in points from the top left corner of the grid.
type Rect struct{ X, Y, Width, Height float64 }

// SeatViewLayoutConfig describes the rows of [LayoutFree]. Without rows it means [DefaultLayoutConfig].
type SeatViewLayoutConfig struct {
	// RowConfigs are the rows from top to bottom. When there are more seats than they hold, the last one is repeated;
	// rows that no seat is left for are not there.
	RowConfigs []SeatViewLayoutRowConfig
	RowSpacing float64 // below each row, the last one too
}

// SeatViewLayoutRowConfig describes one row. Mind that the zero value is no useful row: begin with [DefaultRowConfig].
type SeatViewLayoutRowConfig struct {
	Count       int     // how many seats the row holds; a row for fewer than one is left out
	SeatSpacing float64 // between the seats, for AlignStart, AlignEnd and AlignCenter only
	SeatSize    Size    // the zero value means DefaultRowConfig's
	Alignment   RowAlignment
}

// Layout computes where the seats go in a grid of the given width: rects[i] is seat i, and height is what all of them
// take. Seats fill rows in the order of their indexes, from left to right and from top to bottom; each has a rectangle,
// no two overlap, and none is outside the width (all of it up to the rounding of float64). It depends on nothing but
// its arguments.
//
// When a row needs more than the width, the whole layout is computed as wide as that row needs and then scaled down,
// spaces included, as a picture would be.
//
// cfg is used for [LayoutFree] only. Numbers that are negative or not numbers count as 0, and those above 1e6 as 1e6;
// an unknown mode is [LayoutGrid], an unknown alignment [AlignCenter].
func Layout(mode LayoutMode, cfg *SeatViewLayoutConfig, seats int, width float64) (rects []Rect, height float64) {
	if seats <= 0 {
		return nil, 0
	}
	rows, spacing := layoutRows(mode, cfg, seats)
	width = sane(width)
	wide := width
	for _, row := range rows {
		wide = max(wide, row.need())
	}
	scale := 1.0
	if wide > width {
		scale = width / wide
	}
	rects = make([]Rect, 0, seats)
	for _, row := range rows {
		rects = append(rects, row.rects(0, height, wide, scale)...)
		height += row.SeatSize.Height + spacing
	}
	return rects, height * scale
}

// SetLayoutMode chooses how [Grid.SeatRects] arranges the seats. cfg is used for [LayoutFree] only, and copied; nil
// there means the config that was last used so, at first [DefaultLayoutConfig]. It is this grid's own view: the room's
// other members are not told, and no room is needed.
func (g *Grid) SetLayoutMode(mode LayoutMode, cfg *SeatViewLayoutConfig) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.layout.mode = mode
	if mode == LayoutFree && cfg != nil {
		g.layout.free = &SeatViewLayoutConfig{RowConfigs: slices.Clone(cfg.RowConfigs), RowSpacing: cfg.RowSpacing}
	}
}

// SeatRects returns where the room's seats go in a grid of the given width, see [Layout]. It follows the number of
// seats; who sits on them does not matter. In no room there are none.
func (g *Grid) SeatRects(width float64) (rects []Rect, height float64) {
	seats := len(g.Seats())
	g.mu.Lock()
	chosen := g.layout // free is never written to again
	g.mu.Unlock()
	return Layout(chosen.mode, chosen.free, seats, width)
}

// chosenLayout is what SetLayoutMode was told.
type chosenLayout struct {
	mode LayoutMode
	free *SeatViewLayoutConfig // nil: the default
}
