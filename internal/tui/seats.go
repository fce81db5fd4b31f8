package tui

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/seatgrid"
)

// cell is where a seat is drawn: columns from the left, and which row of seats.
type cell struct{ x, width, row int }

// minWidth is how many columns a seat needs in a row of several; with less, each has a row of its own. Six in a row fit into
// 80 columns with one less.
const (
	minWidth      = 12
	minStripWidth = 11
)

// cells arranges the seats by the rules of package seatgrid, a point being a column: what needs more is scaled down.
func cells(mode seatgrid.LayoutMode, seats, columns int) (list []cell, rows int) {
	rects, _ := seatgrid.Layout(mode, nil, seats, float64(columns))
	list, rows = columnsOf(rects, columns)
	if mode == seatgrid.LayoutVertical { // a list reads better from the left edge
		for i := range list {
			list[i].x, list[i].width = 0, min(columns, 70)
		}
		return list, rows
	}
	if narrow(list, minWidth) {
		return cells(seatgrid.LayoutVertical, seats, columns)
	}
	return list, rows
}

func columnsOf(rects []seatgrid.Rect, columns int) (list []cell, rows int) {
	y := math.Inf(-1)
	for _, r := range rects {
		if r.Y > y {
			y = r.Y
			rows++
		}
		from, to := int(math.Round(r.X)), int(math.Round(r.X+r.Width))
		list = append(list, cell{from, min(to, columns) - from, rows - 1})
	}
	return list, rows
}

func narrow(list []cell, width int) bool {
	return slices.ContainsFunc(list, func(c cell) bool { return c.width < width })
}

// heights are how many lines a row of seats may have: a box, a name above what it does, or both in one line.
var heights = []int{4, 2, 1}

// seatLines draws the seats into at most so many lines, all of the screen's width. When even a line each is too much,
// the rows around the selected seat are shown.
func (m *model) seatLines(limit int) []string {
	if limit <= 0 {
		return nil
	}
	if len(m.seats) == 0 {
		return []string{fit(" This room shows no seats.", m.width)}
	}
	rows := m.rows()
	titles, seats, list := 0, 0, true
	for _, r := range rows {
		if r.spots == nil {
			titles++
			continue
		}
		seats++
		list = list && len(r.spots) == 1
	}
	height := heights[len(heights)-1]
	for _, h := range heights {
		if titles+seats*h <= limit && !list { // a list of seats needs no boxes
			height = h
			break
		}
	}
	if height == 1 && len(rows) > limit {
		at := slices.IndexFunc(rows, func(r row) bool {
			return slices.ContainsFunc(r.spots, func(s spot) bool { return s.own && s.index == m.chosen })
		})
		first := min(max(at-limit/2, 0), len(rows)-limit)
		rows = rows[first : first+limit]
	}
	var lines []string
	for _, r := range rows {
		lines = append(lines, m.drawRow(r, height)...)
	}
	return lines
}

func (m *model) drawRow(r row, height int) (lines []string) {
	if r.spots == nil {
		return []string{faint.Render(fit(r.title, m.width))}
	}
	parts := make([]strings.Builder, height)
	at := 0
	for _, s := range r.spots {
		for k, text := range m.drawSeat(s, s.width, height) {
			parts[k].WriteString(strings.Repeat(" ", max(s.x-at, 0)))
			parts[k].WriteString(text)
		}
		at = s.x + s.width
	}
	for k := range parts {
		lines = append(lines, fit(parts[k].String(), m.width))
	}
	return lines
}

var (
	bold     = lipgloss.NewStyle().Bold(true)
	faint    = lipgloss.NewStyle().Faint(true)
	speaking = lipgloss.NewStyle().Foreground(lipgloss.Color("2")).Bold(true)
	warning  = lipgloss.NewStyle().Foreground(lipgloss.Color("3"))
	reverse  = lipgloss.NewStyle().Reverse(true)
)

// drawSeat draws a seat into height lines of exactly width columns. What is said by colour is said by words too.
func (m *model) drawSeat(s spot, width, height int) []string {
	seat := s.seat
	chosen := s.own && s.index == m.chosen
	name, style := called(seat.UserName, seat.UserID), lipgloss.NewStyle()
	switch {
	case seat.UserID == "" && seat.Locked:
		name, style = "locked", faint
	case seat.UserID == "":
		name, style = "free", faint
	case s.volume > engine.Speaking && seat.Mic == engine.MicOn:
		style = speaking
	}
	label := fmt.Sprint(s.index + 1)
	if s.role != "" && seat.UserID != "" {
		label += " " + string(s.role)
	}
	if s.own && seat.UserID != "" && seat.UserID == m.room.self.UserID {
		label += " you"
	}
	if seat.UserID != "" && seat.Locked {
		label += " locked"
	}
	mark := " "
	if chosen {
		mark = ">"
	}
	switch height {
	case 4:
		return boxed(label, style.Render(fit(name, width-2)), doing(s, width-2), width, chosen)
	case 2:
		head := fit(mark+label, min(lipgloss.Width(label)+2, width))
		first := head + style.Render(fit(name, width-lipgloss.Width(head)))
		return []string{emphasize(first, chosen), " " + doing(s, width-1)}
	}
	rest := min(14, width/3)
	head := fit(mark+label, min(max(lipgloss.Width(label)+2, 4), width-rest))
	return []string{emphasize(head+style.Render(fit(name, max(width-lipgloss.Width(head)-rest, 0))), chosen) + doing(s, rest)}
}

func emphasize(s string, chosen bool) string {
	if chosen {
		return reverse.Render(ansi.Strip(s))
	}
	return s
}

// boxed draws a box of four lines; that of the selected seat is heavier.
func boxed(label, first, second string, width int, chosen bool) []string {
	b := lipgloss.RoundedBorder()
	if chosen {
		b = lipgloss.ThickBorder()
	}
	label = ansi.Truncate(" "+label+" ", max(width-3, 0), "")
	top := b.TopLeft + b.Top + label + strings.Repeat(b.Top, max(width-3-lipgloss.Width(label), 0)) + b.TopRight
	bottom := b.BottomLeft + strings.Repeat(b.Bottom, max(width-2, 0)) + b.BottomRight
	return []string{top, b.Left + first + b.Right, b.Left + second + b.Right, bottom}
}

// doing is what the user on a seat does, or what one can do with it, in exactly width columns.
func doing(s spot, width int) string {
	seat := s.seat
	switch {
	case seat.UserID == "" && seat.AudioLocked:
		return faint.Render(fit("silenced", width))
	case seat.UserID == "":
		return strings.Repeat(" ", max(width, 0))
	case seat.AudioLocked || seat.Mic == engine.MicOffByAdmin:
		return warning.Render(fit("silenced", width))
	case seat.Mic != engine.MicOn:
		return faint.Render(fit("muted", width))
	}
	return speaking.Render(meter(s.volume, width))
}

// meter is a bar for a volume of 0 to 100.
func meter(volume, width int) string {
	if width <= 0 {
		return ""
	}
	full := min(max((volume*width+50)/100, 0), width)
	return strings.Repeat("=", full) + strings.Repeat("-", width-full)
}

// selectRow selects the seat in another row that lies nearest.
func (m *model) selectRow(by int) {
	var rows [][]spot // of own seats
	at, from := -1, spot{}
	for _, r := range m.rows() {
		own := slices.DeleteFunc(slices.Clone(r.spots), func(s spot) bool { return !s.own })
		if len(own) == 0 {
			continue
		}
		for _, s := range own {
			if s.index == m.chosen {
				at, from = len(rows), s
			}
		}
		rows = append(rows, own)
	}
	if at < 0 || at+by < 0 || at+by >= len(rows) {
		return
	}
	distance := math.MaxInt
	for _, s := range rows[at+by] {
		if d := abs(2*s.x + s.width - 2*from.x - from.width); d < distance {
			m.chosen, distance = s.index, d
		}
	}
}

func abs(n int) int { return max(n, -n) }

// fit makes a text exactly width columns wide. Wide characters count twice; one that would be cut in half is left out.
func fit(s string, width int) string {
	if width <= 0 {
		return ""
	}
	if lipgloss.Width(s) > width {
		s = ansi.Truncate(s, width, "~")
	}
	return s + strings.Repeat(" ", max(width-lipgloss.Width(s), 0))
}
