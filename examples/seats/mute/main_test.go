package main

import (
	"testing"

	"github.com/openvoiceroom/openvoiceroom/examples/internal/stage/stagetest"
	"github.com/openvoiceroom/openvoiceroom/seatgrid"
)

func TestFlow(t *testing.T) {
	stagetest.Run(t, seatgrid.FreeToTake, flow,
		"B: userIdB is heard: true (BySelf)",
		"B: userIdB is heard: false (ByAdmin)",
		"B: my seat's audio is locked",
		"B: userIdB is heard: true (BySelf)",
	)
}
