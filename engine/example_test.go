package engine_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/voiceroom/voiceroomtest"
)

// must keeps the examples short.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

// Log in, make a room, enter it. An observer that is handed over with Enter misses nothing.
func ExampleLogin() {
	ctx := context.Background()
	srv := must(voiceroomtest.Config{}.Start())
	defer srv.Close()

	cfg := must(srv.LoginConfig(0, "denny")) // URL, SDKAppID, UserID, UserSig, Codec
	eng, err := engine.Login(ctx, cfg)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer eng.Logout(ctx)
	info, err := eng.Create(ctx, engine.RoomInfo{RoomID: "roomId_123456", Name: "Evening talk"})
	fmt.Println(info.Name, "has", info.MaxSeatCount, "seats,", err)
	room, err := eng.Enter(ctx, info.RoomID, &engine.RoomObserver{
		OnRoomDismissed: func(engine.RoomID, engine.DismissedReason) { fmt.Println("it is over") },
	})
	fmt.Println(room.Info().MemberCount, "member,", room.Self().Role == engine.RoomOwner, err)
	// Output:
	// Evening talk has 10 seats, <nil>
	// 1 member, true <nil>
}

// Errors are told apart by errors.Is; their code is the product documents' number.
func ExampleError() {
	ctx := context.Background()
	srv := must(voiceroomtest.Config{}.Start())
	defer srv.Close()
	eng := must(engine.Login(ctx, must(srv.LoginConfig(0, "denny"))))
	defer eng.Logout(ctx)

	_, err := eng.Enter(ctx, "nowhere", nil)
	fmt.Println(err)
	fmt.Println(errors.Is(err, engine.ErrRoomNotExist))
	// Output:
	// Enter: the room does not exist, or no longer (code 100004)
	// true
}
