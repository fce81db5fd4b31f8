// Command join enters a room, applies for a seat and says hello.wav. It is the program of the README.
package main

import (
	"context"
	"log"
	"os"
	"time"

	"github.com/openvoiceroom/openvoiceroom/audio"
	"github.com/openvoiceroom/openvoiceroom/audio/opus"
	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/seatgrid"
)

func main() {
	ctx := context.Background()
	hello, err := audio.LoadFile("hello.wav", opus.Codec)
	check(err)
	eng, err := engine.Login(ctx, engine.Config{
		URL: "ws://127.0.0.1:8080", SDKAppID: 1400000001, UserID: "guest", UserSig: os.Getenv("USERSIG"),
		Codec: opus.Codec, Microphone: audio.NewPCMSource(hello, audio.PCMOptions{Loop: true}), Speaker: audio.NewRecorder(1),
	})
	check(err)
	defer eng.Logout(ctx)
	grid := seatgrid.New(eng)
	_, err = grid.JoinVoiceRoom(ctx, "roomId_123456")
	check(err)
	res, err := grid.TakeSeat(ctx, 1, time.Minute) // waits until the host has answered
	check(err)
	if res.Type == seatgrid.Accepted {
		check(grid.StartMicrophone(ctx))
		select {
		case <-time.After(10 * time.Second):
		case <-eng.Done(): // the server has gone, or the same user has logged in elsewhere
			log.Fatal(eng.Err())
		}
	}
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
