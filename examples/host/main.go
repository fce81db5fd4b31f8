// Command host opens a room, accepts whoever applies for a seat, and plays welcome.wav to them.
package main

import (
	"context"
	"log"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/openvoiceroom/openvoiceroom/audio"
	"github.com/openvoiceroom/openvoiceroom/audio/opus"
	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/seatgrid"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	welcome, err := audio.LoadFile("welcome.wav", opus.Codec)
	check(err)
	eng, err := engine.Login(ctx, engine.Config{
		URL: "ws://127.0.0.1:8080", SDKAppID: 1400000001, UserID: "host", UserSig: os.Getenv("USERSIG"),
		Codec: opus.Codec, Microphone: audio.NewPCMSource(welcome, audio.PCMOptions{Loop: true}), Speaker: audio.NewRecorder(1),
	})
	check(err)
	grid := seatgrid.New(eng)
	grid.AddObserver(&seatgrid.Observer{
		OnSeatRequestReceived: func(_ seatgrid.RequestType, user seatgrid.UserInfo) {
			log.Printf("%s applies", user.UserID)
			if err := grid.ResponseRemoteRequest(ctx, user.UserID, true); err != nil {
				log.Print(err)
			}
		},
		OnUserAudioStateChanged: func(user seatgrid.UserInfo, hasAudio bool, _ seatgrid.ChangeReason) {
			log.Printf("%s is heard: %v", user.UserID, hasAudio)
		},
	})
	_, err = grid.StartVoiceRoom(ctx, seatgrid.RoomInfo{RoomID: "roomId_123456", Name: "Evening talk"})
	check(err)
	check(grid.StartMicrophone(ctx))
	log.Print("the room is open; Ctrl-C ends it")
	select {
	case <-ctx.Done():
	case <-eng.Done(): // the server has gone, or the same user has logged in elsewhere
		log.Fatal(eng.Err())
	}

	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	stats, err := grid.StopVoiceRoom(ctx)
	check(err)
	log.Printf("%d s, %d viewers, %d messages, %d likes", stats.LiveDuration, stats.TotalViewers, stats.TotalMessageCount, stats.TotalLikesReceived)
	check(eng.Logout(ctx))
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
