// Command apply shows how a guest gets a seat by asking: accepted, rejected, and withdrawn.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/openvoiceroom/openvoiceroom/examples/internal/stage"
	"github.com/openvoiceroom/openvoiceroom/seatgrid"
)

func main() { stage.Main(seatgrid.ApplyToTake, flow, os.Stdout) }

func flow(ctx context.Context, a, b *seatgrid.Grid, out io.Writer) error {
	asked := make(chan seatgrid.UserInfo, 1)
	withdrawn := make(chan seatgrid.UserInfo, 1)
	a.AddObserver(&seatgrid.Observer{
		OnSeatRequestReceived:  func(_ seatgrid.RequestType, user seatgrid.UserInfo) { asked <- user },
		OnSeatRequestCancelled: func(_ seatgrid.RequestType, user seatgrid.UserInfo) { withdrawn <- user },
	})

	// A answers, on a goroutine of its own because TakeSeat waits for the answer. A callback may answer, too.
	for _, agree := range []bool{true, false} {
		var answer sync.WaitGroup
		var answered error
		answer.Go(func() {
			user, err := stage.Next(ctx, asked)
			if err != nil {
				answered = err
				return
			}
			fmt.Fprintln(out, "A:", user.UserID, "applies for a seat")
			answered = a.ResponseRemoteRequest(ctx, user.UserID, agree)
		})
		res, err := b.TakeSeat(ctx, 1, time.Minute)
		if answer.Wait(); err != nil || answered != nil {
			return errors.Join(err, answered)
		}
		fmt.Fprintln(out, "B:", res.Type, "by", res.User.UserID)
		if res.Type == seatgrid.Accepted {
			fmt.Fprintln(out, "B: on seat 1 is", b.Seats()[1].UserID)
			if err := b.LeaveSeat(ctx); err != nil {
				return err
			}
		}
	}

	// B thinks better of it.
	var second sync.WaitGroup
	var cancelled error
	second.Go(func() {
		if _, cancelled = stage.Next(ctx, asked); cancelled != nil {
			return
		}
		cancelled = b.CancelRequest(ctx, "") // an application is to nobody in particular
	})
	res, err := b.TakeSeat(ctx, 1, time.Minute)
	if second.Wait(); err != nil || cancelled != nil {
		return errors.Join(err, cancelled)
	}
	fmt.Fprintln(out, "B:", res.Type)
	fmt.Fprintln(out, "A:", (<-withdrawn).UserID, "does not want a seat any more")
	return nil
}
