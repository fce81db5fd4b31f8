// Command lock shows how the owner keeps a seat from being taken.
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
	// LockFlag says which lock is meant, so that the seat's other locks stay as they are.
	locked := seatgrid.SeatLockParams{LockSeat: true, LockFlag: engine.LockFlagSeat}
	if err := a.LockSeat(ctx, 2, locked); err != nil {
		return err
	}
	_, err := b.TakeSeat(ctx, 2, time.Minute)
	if !errors.Is(err, engine.ErrSeatLocked) {
		return fmt.Errorf("took a locked seat: %w", err)
	}
	fmt.Fprintln(out, "B: seat 2 is locked")

	open := seatgrid.SeatLockParams{LockSeat: false, LockFlag: engine.LockFlagSeat}
	if err := a.LockSeat(ctx, 2, open); err != nil {
		return err
	}
	if _, err := b.TakeSeat(ctx, 2, time.Minute); err != nil {
		return err
	}
	fmt.Fprintln(out, "B: on seat 2 is", b.Seats()[2].UserID)

	// Locking a seat that is taken frees it first.
	off := make(chan seatgrid.UserInfo, 1)
	b.AddObserver(&seatgrid.Observer{OnKickedOffSeat: func(user seatgrid.UserInfo) { off <- user }})
	if err := a.LockSeat(ctx, 2, locked); err != nil {
		return err
	}
	fmt.Fprintln(out, "B: taken off the seat by", (<-off).UserID)
	return nil
}
