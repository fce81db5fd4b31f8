package voiceroomtest_test

import (
	"context"
	"fmt"

	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/seatgrid"
	"github.com/openvoiceroom/openvoiceroom/voiceroom/voiceroomtest"
)

// Without a *testing.T the server is started and closed by hand. Tests use NewServer and NewUser.
func ExampleConfig_Start() {
	ctx := context.Background()
	srv, err := voiceroomtest.Config{Nodes: 2}.Start()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer srv.Close()
	for i, id := range []engine.UserID{"host", "guest"} {
		cfg, err := srv.LoginConfig(i, id) // the guest at the second node
		if err != nil {
			fmt.Println(err)
			return
		}
		eng, err := engine.Login(ctx, cfg)
		if err != nil {
			fmt.Println(err)
			return
		}
		defer eng.Logout(ctx)
		grid := seatgrid.New(eng)
		if id == "host" {
			_, err = grid.StartVoiceRoom(ctx, seatgrid.RoomInfo{RoomID: "room"})
		} else {
			_, err = grid.JoinVoiceRoom(ctx, "room")
		}
		fmt.Println(id, "sees", grid.Seats()[0].UserID, "on seat 0", err)
	}
	// Output:
	// host sees host on seat 0 <nil>
	// guest sees host on seat 0 <nil>
}
