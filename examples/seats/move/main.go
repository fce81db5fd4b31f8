// Command move shows how a guest changes seats: the old one is free and the new one taken in the same moment.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/examples/internal/stage"
	"github.com/openvoiceroom/openvoiceroom/seatgrid"
)

func main() { stage.Main(seatgrid.FreeToTake, flow, os.Stdout) }

func flow(ctx context.Context, a, b *seatgrid.Grid, out io.Writer) error {
	if _, err := b.TakeSeat(ctx, 1, time.Minute); err != nil { // at once: this room is free to take
		return err
	}
	if err := b.MoveToSeat(ctx, 3); err != nil {
		return err
	}
	seats := b.Seats()
	fmt.Fprintf(out, "B: seat 1 is free: %t, on seat 3 is %s\n", seats[1].UserID == "", seats[3].UserID)

	err := b.MoveToSeat(ctx, 0) // where the owner sits
	if !errors.Is(err, engine.ErrSeatOccupied) {
		return fmt.Errorf("moved to a seat that is taken: %w", err)
	}
	fmt.Fprintln(out, "B: seat 0 is taken")
	return nil
}
