package main

import (
	"testing"

	"github.com/openvoiceroom/openvoiceroom/examples/internal/stage/stagetest"
	"github.com/openvoiceroom/openvoiceroom/seatgrid"
)

func TestFlow(t *testing.T) {
	stagetest.Run(t, seatgrid.FreeToTake, flow,
		"B: seat 2 is locked",
		"B: on seat 2 is userIdB",
		"B: taken off the seat by userIdA",
	)
}
