package main

import (
	"testing"

	"github.com/openvoiceroom/openvoiceroom/examples/internal/stage/stagetest"
	"github.com/openvoiceroom/openvoiceroom/seatgrid"
)

func TestFlow(t *testing.T) {
	stagetest.Run(t, seatgrid.FreeToTake, flow,
		"B: seat 1 is free: true, on seat 3 is userIdB",
		"B: seat 0 is taken",
	)
}
