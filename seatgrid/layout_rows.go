package seatgrid

// The documents show the layouts as pictures, and the platforms' SDKs differ in the numbers. These are those of iOS,
// whose SDK of the documents' time draws the seats in open source.
var (
	builtInSize = Size{Width: 70, Height: 105}
	focusSize   = Size{Width: 100, Height: 100} // of seat 0 in LayoutFocus
)

const (
	builtInRowSpacing = 10
	focusColumns      = 3 // below the first row
)

// DefaultRowConfig returns a row for five seats of 50 by 88 points in the middle, 20 points apart.
func DefaultRowConfig() SeatViewLayoutRowConfig {
	return SeatViewLayoutRowConfig{Count: 5, SeatSpacing: 20, SeatSize: Size{Width: 50, Height: 88}, Alignment: AlignCenter}
}

// DefaultLayoutConfig returns two default rows, 22 points apart: what [LayoutFree] uses when it is given no rows.
func DefaultLayoutConfig() SeatViewLayoutConfig {
	return SeatViewLayoutConfig{RowConfigs: []SeatViewLayoutRowConfig{DefaultRowConfig(), DefaultRowConfig()}, RowSpacing: 22}
}

// layoutRows returns a mode's rows for so many seats, each with as many as it gets, and the space below each row. Every
// mode is a list of rows of which the last one is repeated.
func layoutRows(mode LayoutMode, cfg *SeatViewLayoutConfig, seats int) ([]SeatViewLayoutRowConfig, float64) {
	switch mode {
	case LayoutFocus:
		return fill([]SeatViewLayoutRowConfig{
			{Count: 1, SeatSize: focusSize, Alignment: AlignCenter},
			{Count: focusColumns, SeatSize: builtInSize, Alignment: AlignSpaceBetween},
		}, seats), builtInRowSpacing
	case LayoutVertical:
		return fill([]SeatViewLayoutRowConfig{{Count: 1, SeatSize: builtInSize, Alignment: AlignCenter}}, seats), builtInRowSpacing
	case LayoutFree:
		rows, spacing := freeRows(cfg)
		return fill(rows, seats), spacing
	default:
		return fill([]SeatViewLayoutRowConfig{
			{Count: gridColumns(seats), SeatSize: builtInSize, Alignment: AlignSpaceBetween},
		}, seats), builtInRowSpacing
	}
}

// gridColumns is how many seats a row of LayoutGrid holds: what leaves the last row full, where two to five can.
func gridColumns(seats int) int {
	switch seats {
	case 1, 2:
		return 2
	case 3, 6, 9:
		return 3
	case 4, 8, 12:
		return 4
	}
	return 5
}

// fill hands out the seats to the rows, which hold one seat at least.
func fill(rows []SeatViewLayoutRowConfig, seats int) []SeatViewLayoutRowConfig {
	var filled []SeatViewLayoutRowConfig
	for i := 0; seats > 0; i++ {
		row := rows[min(i, len(rows)-1)] // a seat that is not drawn could not be taken: go on with the last row
		row.Count = min(row.Count, seats)
		seats -= row.Count
		filled = append(filled, row)
	}
	return filled
}

// freeRows returns the rows of a config with sane numbers, one at least.
func freeRows(cfg *SeatViewLayoutConfig) ([]SeatViewLayoutRowConfig, float64) {
	if cfg == nil {
		cfg = &SeatViewLayoutConfig{}
	}
	var rows []SeatViewLayoutRowConfig
	for _, row := range cfg.RowConfigs {
		if row.Count < 1 {
			continue
		}
		if row.SeatSize == (Size{}) {
			row.SeatSize = DefaultRowConfig().SeatSize
		}
		row.SeatSize = Size{Width: sane(row.SeatSize.Width), Height: sane(row.SeatSize.Height)}
		row.SeatSpacing = sane(row.SeatSpacing)
		rows = append(rows, row)
	}
	if rows == nil {
		def := DefaultLayoutConfig()
		return def.RowConfigs, def.RowSpacing
	}
	return rows, sane(cfg.RowSpacing)
}

// need is the least width that the row fits into.
func (row SeatViewLayoutRowConfig) need() float64 {
	n := float64(row.Count)
	switch row.Alignment {
	case AlignSpaceAround, AlignSpaceBetween, AlignSpaceEvenly:
		return n * row.SeatSize.Width
	default:
		return n*row.SeatSize.Width + (n-1)*row.SeatSpacing
	}
}

// place returns where the first seat begins and the gap between two, in a width that is enough.
func (row SeatViewLayoutRowConfig) place(width float64) (first, gap float64) {
	n, free := float64(row.Count), width-row.need()
	switch row.Alignment {
	case AlignSpaceBetween:
		return 0, free / max(n-1, 1) // max: a lone seat has no gaps to share the width
	case AlignSpaceAround:
		return free / n / 2, free / n
	case AlignSpaceEvenly:
		return free / (n + 1), free / (n + 1)
	case AlignStart:
		return 0, row.SeatSpacing
	case AlignEnd:
		return free, row.SeatSpacing
	default:
		return free / 2, row.SeatSpacing
	}
}

// maxPoints keeps the arithmetic finite; no screen has as many.
const maxPoints = 1e6

func sane(points float64) float64 {
	if !(points > 0) { // NaN neither
		return 0
	}
	return min(points, maxPoints)
}
