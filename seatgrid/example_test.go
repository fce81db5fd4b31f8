package seatgrid_test

import (
	"bytes"
	"fmt"
	"math"
	"strconv"

	"github.com/openvoiceroom/openvoiceroom/seatgrid"
)

// Draw a grid of ten seats on a phone as text: a character is 6 points wide and 23 points high.
func ExampleLayout() {
	rects, height := seatgrid.Layout(seatgrid.LayoutGrid, nil, 10, 375)
	page := bytes.Split(bytes.Repeat(append(bytes.Repeat([]byte(" "), 63), '\n'), int(height/23)), []byte("\n"))
	for i, r := range rects {
		x, y := int(math.Round(r.X/6)), int(math.Round(r.Y/23))
		w, h := int(r.Width/6), int(r.Height/23)
		for line := y; line < y+h; line++ {
			copy(page[line][x:], bytes.Repeat([]byte("#"), w))
		}
		copy(page[y+h/2][x+w/2:], strconv.Itoa(i))
	}
	for _, line := range page {
		fmt.Printf("%s\n", bytes.TrimRight(line, " "))
	}
	// Output:
}
