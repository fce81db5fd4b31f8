package main

import (
	"testing"

	"github.com/openvoiceroom/openvoiceroom/examples/internal/stage/stagetest"
	"github.com/openvoiceroom/openvoiceroom/seatgrid"
)

func TestFlow(t *testing.T) {
	stagetest.Run(t, seatgrid.ApplyToTake, flow,
		"B: userIdA invites me to a seat",
		"A: Rejected by userIdB",
		"B: userIdA invites me to a seat",
		"A: Accepted by userIdB",
		"A: on seat 1 is userIdB",
		"B: taken off the seat by userIdA",
	)
}
