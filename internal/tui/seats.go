package tui

import (
	"fmt"
	"math"
	"strings"

	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/seatgrid"
)

// cell is where a seat is drawn: columns from the left, and which row of seats.
type cell struct{ x, width, row int }

// minWidth is how many columns a seat needs in a row of several; with less, each has a row of its own.
const minWidth = 12

// cells arranges the seats by the rules of package seatgrid, a point being a column: what needs more is scaled down.
func cells(mode seatgrid.LayoutMode, seats, columns int) (list []cell, rows int) {
	rects, _ := seatgrid.Layout(mode, nil, seats, float64(columns))
	y := math.Inf(-1)
	for _, r := range rects {
		if r.Y > y {
			y = r.Y
			rows++
		}
		from, to := int(math.Round(r.X)), int(math.Round(r.X+r.Width))
		list = append(list, cell{from, min(to, columns) - from, rows - 1})
	}
	for _, c := range list {
		if c.width < minWidth && mode != seatgrid.LayoutVertical {
			return cells(seatgrid.LayoutVertical, seats, columns)
		}
	}
	if mode == seatgrid.LayoutVertical { // a list reads better from the left edge
		for i := range list {
			list[i].x, list[i].width = 0, min(columns, 70)
		}
	}
	return list, rows
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
	list, rows := cells(m.layout, len(m.seats), m.width)
	height := heights[len(heights)-1]
	for _, h := range heights {
		if rows*h <= limit {
			height = h
			break
		}
	}
	if list[0].width == m.width || rows == len(list) { // a list of seats needs no boxes
		height = 1
	}
	first := 0
	if shown := limit / height; rows > shown {
		first = min(max(list[m.chosen].row-shown/2, 0), rows-shown)
		rows = first + shown
	}
	var lines []string
	for row := first; row < rows; row++ {
		parts := make([]strings.Builder, height)
		at := 0
		for i, c := range list {
			if c.row != row {
				continue
			}
			for k, text := range m.drawSeat(i, c.width, height) {
				parts[k].WriteString(strings.Repeat(" ", c.x-at))
				parts[k].WriteString(text)
			}
			at = c.x + c.width
		}
		for k := range parts {
			lines = append(lines, fit(parts[k].String(), m.width))
		}
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
func (m *model) drawSeat(i, width, height int) []string {
	seat := m.seats[i]
	chosen := i == m.chosen
	name, style := called(seat.UserName, seat.UserID), lipgloss.NewStyle()
	switch {
	case seat.UserID == "" && seat.Locked:
		name, style = "locked", faint
	case seat.UserID == "":
		name, style = "free", faint
	case m.volumes[i] > engine.Speaking && seat.Mic == engine.MicOn:
		style = speaking
	}
	label := fmt.Sprint(i + 1)
	if r := m.room.roles[seat.UserID]; r != "" && seat.UserID != "" {
		label += " " + string(r)
	}
	if seat.UserID != "" && seat.UserID == m.room.self.UserID {
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
		return boxed(label, style.Render(fit(name, width-2)), m.doing(i, width-2), width, chosen)
	case 2:
		head := fit(mark+label, min(lipgloss.Width(label)+2, width))
		first := head + style.Render(fit(name, width-lipgloss.Width(head)))
		return []string{emphasize(first, chosen), " " + m.doing(i, width-1)}
	}
	doing := min(14, width/3)
	head := fit(mark+label, min(max(lipgloss.Width(label)+2, 4), width-doing))
	return []string{emphasize(head+style.Render(fit(name, max(width-lipgloss.Width(head)-doing, 0))), chosen) + m.doing(i, doing)}
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
func (m *model) doing(i, width int) string {
	seat := m.seats[i]
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
	return speaking.Render(meter(m.volumes[i], width))
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
	list, _ := cells(m.layout, len(m.seats), m.width)
	if m.chosen >= len(list) {
		return
	}
	from := list[m.chosen]
	best, distance := -1, math.MaxInt
	for i, c := range list {
		d := abs(2*c.x + c.width - 2*from.x - from.width)
		if c.row == from.row+by && d < distance {
			best, distance = i, d
		}
	}
	if best >= 0 {
		m.chosen = best
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
