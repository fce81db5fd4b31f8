// Command tworooms opens a room and connects it with another one, so that the guests of each hear both. Start it twice:
//
//	go run ./examples/tworooms -room amys
//	go run ./examples/tworooms -room bobs -with amys
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/openvoiceroom/openvoiceroom/audio"
	"github.com/openvoiceroom/openvoiceroom/audio/opus"
	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/examples/internal/stage"
	"github.com/openvoiceroom/openvoiceroom/seatgrid"
	"github.com/openvoiceroom/openvoiceroom/signaling/usersig"
)

func main() {
	url := flag.String("url", "ws://127.0.0.1:8080", "the server")
	app := flag.Uint64("app", 1400000001, "the SDKAppID")
	secret := flag.String("secret", "mysecret", "its secret; in production only your own server knows it, and mints the UserSigs")
	room := flag.String("room", "amys", "the room to open; its owner has the same name")
	with := flag.String("with", "", "the room to connect it with")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	sig, err := usersig.Mint(engine.AppID(*app), *secret, engine.UserID(*room), time.Hour, time.Now())
	check(err)
	eng, err := engine.Login(ctx, engine.Config{
		URL: *url, SDKAppID: engine.AppID(*app), UserID: engine.UserID(*room), UserSig: sig,
		Codec: opus.Codec, Microphone: audio.NewToneSource(440, 0.1), Speaker: audio.NewNullSink(1),
	})
	check(err)
	grid := seatgrid.New(eng)
	check(open(ctx, grid, engine.RoomID(*room)))
	check(connect(ctx, grid, engine.RoomID(*with), os.Stdout))

	bye, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	_, err = grid.StopVoiceRoom(bye) // the other room's guests hear this one no longer
	check(err)
	check(eng.Logout(bye))
}

// open opens a room and speaks in it.
func open(ctx context.Context, grid *seatgrid.Grid, id engine.RoomID) error {
	if _, err := grid.StartVoiceRoom(ctx, seatgrid.RoomInfo{RoomID: id}); err != nil {
		return err
	}
	return grid.StartMicrophone(ctx)
}

// connect accepts what asks the room, asks another if one is named, and says what comes of it, until ctx ends.
func connect(ctx context.Context, grid *seatgrid.Grid, with engine.RoomID, out io.Writer) error {
	room := grid.Room()
	connections := room.Connections()
	speaking := map[engine.UserID]bool{}
	remove := room.AddObserver(&engine.RoomObserver{
		OnConnectionRequestReceived: func(_ engine.RoomID, inviter engine.ConnectionUser, _ []engine.ConnectionUser, _ string) {
			if err := connections.AcceptConnection(ctx, inviter.RoomID); err != nil {
				fmt.Fprintln(out, "not accepted:", err)
			}
		},
		OnConnectionRequestTimeout: func(_ engine.RoomID, _, invitee engine.ConnectionUser) {
			fmt.Fprintln(out, "no answer from", invitee.RoomID)
		},
		OnConnectionUserListChanged: func(_ engine.RoomID, connected, _, _ []engine.ConnectionUser) {
			fmt.Fprint(out, "connected:") // this room, too; nobody when all others have left
			for _, u := range connected {
				fmt.Fprint(out, " ", u.RoomID)
			}
			fmt.Fprintln(out)
		},
		OnConnectedUserVoiceVolumeChanged: func(volumes map[engine.RoomID]map[engine.UserID]int) {
			for id, users := range volumes {
				for user, volume := range users {
					if speaks := volume > engine.Speaking; speaks != speaking[user] { // told three times a second
						speaking[user] = speaks
						fmt.Fprintf(out, "%s speaks in %s: %v\n", user, id, speaks)
					}
				}
			}
		},
	})
	defer remove()
	if with != "" {
		codes, err := connections.RequestConnection(ctx, []engine.RoomID{with}, 30*time.Second, "")
		if err != nil {
			return err
		}
		if code := codes[with]; code != engine.ConnectionSuccess {
			return fmt.Errorf("%s cannot be asked: %v", with, code)
		}
	}
	select {
	case <-ctx.Done():
		return nil
	case <-room.Done():
		return stage.Over(room)
	}
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
