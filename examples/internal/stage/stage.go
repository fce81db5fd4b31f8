// Package stage sets up what the small examples have in common: a room of A's that B has joined.
package stage

import (
	"context"
	"errors"
	"flag"
	"io"
	"log"
	"time"

	"github.com/openvoiceroom/openvoiceroom/audio"
	"github.com/openvoiceroom/openvoiceroom/audio/opus"
	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/seatgrid"
	"github.com/openvoiceroom/openvoiceroom/signaling/usersig"
)

// A Flow is one example: the owner A and the guest B of a room, and where it says what happens.
type Flow func(ctx context.Context, a, b *seatgrid.Grid, out io.Writer) error

// Main runs a flow with two logins at the server that the flags name.
func Main(mode seatgrid.SeatMode, flow Flow, out io.Writer) {
	url := flag.String("url", "ws://127.0.0.1:8080", "the server")
	app := flag.Uint64("app", 1400000001, "the SDKAppID")
	secret := flag.String("secret", "mysecret", "its secret; in production only your own server knows it, and mints the UserSigs")
	flag.Parse()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	login := func(user engine.UserID) (*engine.Engine, error) {
		sig, err := usersig.Mint(engine.AppID(*app), *secret, user, time.Hour, time.Now())
		if err != nil {
			return nil, err
		}
		return engine.Login(ctx, engine.Config{
			URL: *url, SDKAppID: engine.AppID(*app), UserID: user, UserSig: sig, UserName: string(user),
			Codec: opus.Codec, Microphone: audio.NewToneSource(440, 0.1), Speaker: audio.NewRecorder(1),
		})
	}
	if err := run(ctx, login, mode, flow, out); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, login func(engine.UserID) (*engine.Engine, error), mode seatgrid.SeatMode, flow Flow, out io.Writer) error {
	var grids []*seatgrid.Grid
	for _, user := range []engine.UserID{"userIdA", "userIdB"} {
		eng, err := login(user)
		if err != nil {
			return err
		}
		defer eng.Logout(context.WithoutCancel(ctx))
		grids = append(grids, seatgrid.New(eng))
	}
	return Run(ctx, grids[0], grids[1], mode, out, flow)
}

// Run opens a room of A's, lets B in, runs the flow, and closes the room.
func Run(ctx context.Context, a, b *seatgrid.Grid, mode seatgrid.SeatMode, out io.Writer, flow Flow) error {
	const room = "roomId_123456"
	if _, err := a.StartVoiceRoom(ctx, seatgrid.RoomInfo{RoomID: room, Name: "An example", SeatMode: mode}); err != nil {
		return err
	}
	_, err := b.JoinVoiceRoom(ctx, room)
	if err == nil {
		err = flow(ctx, a, b, out)
	}
	_, stop := a.StopVoiceRoom(ctx)
	return errors.Join(err, stop)
}

// Next waits for what a callback passes on, but not longer than ctx.
func Next[T any](ctx context.Context, c <-chan T) (v T, err error) {
	select {
	case v = <-c:
		return v, nil
	case <-ctx.Done():
		return v, context.Cause(ctx)
	}
}
