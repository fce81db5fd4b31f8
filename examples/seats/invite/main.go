// Command invite shows how the owner brings a guest to a seat, and takes the seat back.
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
	invited := make(chan seatgrid.UserInfo, 1)
	off := make(chan seatgrid.UserInfo, 1)
	b.AddObserver(&seatgrid.Observer{
		OnSeatRequestReceived: func(_ seatgrid.RequestType, user seatgrid.UserInfo) { invited <- user },
		OnKickedOffSeat:       func(user seatgrid.UserInfo) { off <- user },
	})
	for _, agree := range []bool{false, true} {
		var answer sync.WaitGroup
		var answered error
		answer.Go(func() {
			user, err := stage.Next(ctx, invited)
			if err != nil {
				answered = err
				return
			}
			fmt.Fprintln(out, "B:", user.UserID, "invites me to a seat")
			answered = b.ResponseRemoteRequest(ctx, user.UserID, agree)
		})
		res, err := a.TakeUserOnSeatByAdmin(ctx, 1, "userIdB", time.Minute)
		if answer.Wait(); err != nil || answered != nil {
			return errors.Join(err, answered)
		}
		fmt.Fprintln(out, "A:", res.Type, "by", res.User.UserID)
	}
	fmt.Fprintln(out, "A: on seat 1 is", a.Seats()[1].UserID)

	if err := a.KickUserOffSeatByAdmin(ctx, "userIdB"); err != nil {
		return err
	}
	fmt.Fprintln(out, "B: taken off the seat by", (<-off).UserID)
	return nil
}
