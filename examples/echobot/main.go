// Command echobot says back what one user says, two seconds later.
package main

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/openvoiceroom/openvoiceroom/audio"
	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/examples/internal/stage"
	"github.com/openvoiceroom/openvoiceroom/seatgrid"
)

const late = 2 * time.Second

func main() {
	voice := audio.NewFeed(1, 2*late)
	// Nobody listens to the loudspeaker, but it sets the pace at which is decoded.
	cfg := engine.Config{Microphone: voice, Speaker: audio.NewNullSink(1)}
	stage.MainBot(cfg, func(ctx context.Context, grid *seatgrid.Grid, args []string) error {
		if len(args) != 1 {
			return errors.New("a user's id is wanted")
		}
		return echo(ctx, grid, engine.UserID(args[0]), voice)
	}, "echobot [flags] USER")
}

func echo(ctx context.Context, grid *seatgrid.Grid, whom engine.UserID, voice *audio.Feed) error {
	if err := stage.OnAir(ctx, grid); err != nil {
		return err
	}
	room := grid.Room()
	heard, stop, err := room.Listen(whom, time.Second)
	if err != nil {
		return err
	}
	defer stop()
	if err := heard.Start(ctx); err != nil {
		return err
	}
	// What is heard comes at the pace at which the voice is read, so what lies between them stays: two seconds of silence.
	if err := voice.Write(ctx, make([]int16, late*audio.SampleRate/time.Second)); err != nil {
		return err
	}
	frame := audio.NewFrame(1)
	for {
		if err := heard.ReadFrame(ctx, frame); errors.Is(err, io.EOF) {
			return stage.Over(room)
		} else if err != nil {
			return err
		}
		if err := voice.Write(ctx, frame); err != nil {
			return err
		}
	}
}
