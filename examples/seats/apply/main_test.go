package main

import (
	"testing"

	"github.com/openvoiceroom/openvoiceroom/examples/internal/stage/stagetest"
	"github.com/openvoiceroom/openvoiceroom/seatgrid"
)

func TestFlow(t *testing.T) {
	stagetest.Run(t, seatgrid.ApplyToTake, flow,
		"A: userIdB applies for a seat",
		"B: Accepted by userIdA",
		"B: on seat 1 is userIdB",
		"A: userIdB applies for a seat",
		"B: Rejected by userIdA",
		"B: Cancelled",
		"A: userIdB does not want a seat any more",
	)
}
