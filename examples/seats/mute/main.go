// Command mute shows how the owner silences a seat, and who may be heard again when.
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
	heard := make(chan string, 1)
	b.AddObserver(&seatgrid.Observer{
		OnUserAudioStateChanged: func(user seatgrid.UserInfo, hasAudio bool, reason seatgrid.ChangeReason) {
			heard <- fmt.Sprintf("B: %s is heard: %t (%s)", user.UserID, hasAudio, reason)
		},
	})
	unlocked := make(chan struct{}, 1) // B learns of it a moment after A's call has returned
	locked := false
	b.Room().AddObserver(&engine.RoomObserver{
		OnSeatListChanged: func(seats []engine.SeatInfo, _, _ []engine.UserInfo) {
			if locked && !seats[1].AudioLocked {
				unlocked <- struct{}{}
			}
			locked = seats[1].AudioLocked
		},
	})
	if _, err := b.TakeSeat(ctx, 1, time.Minute); err != nil {
		return err
	}
	if err := b.StartMicrophone(ctx); err != nil {
		return err
	}
	fmt.Fprintln(out, <-heard)

	if err := a.LockSeat(ctx, 1, seatgrid.SeatLockParams{LockAudio: true, LockFlag: engine.LockFlagAudio}); err != nil {
		return err
	}
	fmt.Fprintln(out, <-heard)
	if err := b.UnmuteMicrophone(ctx); !errors.Is(err, engine.ErrSeatAudioLocked) {
		return fmt.Errorf("unmuted on a locked seat: %w", err)
	}
	fmt.Fprintln(out, "B: my seat's audio is locked")

	// The lock's release unmutes nobody: that is B's own business.
	if err := a.LockSeat(ctx, 1, seatgrid.SeatLockParams{LockAudio: false, LockFlag: engine.LockFlagAudio}); err != nil {
		return err
	}
	<-unlocked
	if err := b.UnmuteMicrophone(ctx); err != nil {
		return err
	}
	fmt.Fprintln(out, <-heard)
	return nil
}
