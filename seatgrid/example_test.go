package seatgrid_test

import (
	"bytes"
	"fmt"
	"strconv"

	"github.com/openvoiceroom/openvoiceroom/seatgrid"
)

// Draw a grid of ten seats on a phone as text: a character is 8 points wide and 23 points high.
func ExampleLayout() {
	rects, height := seatgrid.Layout(seatgrid.LayoutGrid, nil, 10, 390)
	page := bytes.Split(bytes.Repeat(append(bytes.Repeat([]byte(" "), 49), '\n'), int(height/23)), []byte("\n"))
	for i, r := range rects {
		x, y := int(r.X/8), int(r.Y/23)
		w, h := int(r.Width/8), int(r.Height/23)
		for line := y; line < y+h; line++ {
			copy(page[line][x:], bytes.Repeat([]byte("#"), w))
		}
		copy(page[y+h/2][x+w/2:], strconv.Itoa(i))
	}
	for _, line := range page {
		fmt.Printf("%s\n", bytes.TrimRight(line, " "))
	}
	// Output:
	// ########  ########  ########  ########  ########
	// ########  ########  ########  ########  ########
	// ####0###  ####1###  ####2###  ####3###  ####4###
	// ########  ########  ########  ########  ########
	//
	// ########  ########  ########  ########  ########
	// ########  ########  ########  ########  ########
	// ####5###  ####6###  ####7###  ####8###  ####9###
	// ########  ########  ########  ########  ########
}
