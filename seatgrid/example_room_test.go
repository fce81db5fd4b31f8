package seatgrid_test

import (
	"context"
	"fmt"
	"time"

	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/seatgrid"
	"github.com/openvoiceroom/openvoiceroom/voiceroom/voiceroomtest"
)

// A guest applies for a seat, the host accepts.
func Example() {
	ctx := context.Background()
	srv, err := voiceroomtest.Config{}.Start()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer srv.Close()
	login := func(id seatgrid.UserID) *engine.Engine {
		cfg, err := srv.LoginConfig(0, id)
		if err != nil {
			panic(err)
		}
		eng, err := engine.Login(ctx, cfg)
		if err != nil {
			panic(err)
		}
		return eng
	}

	host := login("host")
	defer host.Logout(ctx)
	grid := seatgrid.New(host)
	grid.AddObserver(&seatgrid.Observer{OnSeatRequestReceived: func(t seatgrid.RequestType, u seatgrid.UserInfo) {
		fmt.Println(u.UserID, "applies")
		_ = grid.ResponseRemoteRequest(ctx, u.UserID, true)
	}})
	_, err = grid.StartVoiceRoom(ctx, seatgrid.RoomInfo{RoomID: "roomId_123456", SeatMode: seatgrid.ApplyToTake})
	fmt.Println("started:", err)

	guest := login("guest")
	defer guest.Logout(ctx)
	theirs := seatgrid.New(guest)
	_, err = theirs.JoinVoiceRoom(ctx, "roomId_123456")
	fmt.Println("joined:", err)
	res, err := theirs.TakeSeat(ctx, 1, time.Minute) // waits for the host
	fmt.Println(res.Type, "by", res.User.UserID, err)
	fmt.Println("seat 1:", theirs.Seats()[1].UserID)
	// Output:
	// started: <nil>
	// joined: <nil>
	// guest applies
	// Accepted by host <nil>
	// seat 1: guest
}
