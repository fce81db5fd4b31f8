// Command recorder records a room into a folder, until the room is over or Ctrl-C is pressed: what is said on each seat, the
// mix of all, and what happens. The files can be played at any moment.
package main

import (
	"context"
	"errors"
	"log"
	"time"

	"github.com/openvoiceroom/openvoiceroom/audio/opus"
	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/examples/internal/stage"
	"github.com/openvoiceroom/openvoiceroom/seatgrid"
	"github.com/openvoiceroom/openvoiceroom/voiceroom/recording"
)

func main() {
	stage.MainBot(engine.Config{}, func(ctx context.Context, grid *seatgrid.Grid, args []string) error {
		if len(args) != 1 {
			return errors.New("a folder for the recording is wanted")
		}
		return record(ctx, grid, args[0])
	}, "recorder [flags] FOLDER")
}

func record(ctx context.Context, grid *seatgrid.Grid, folder string) error {
	// Without the codec there would be no mix, and no cgo would be needed.
	rec, err := recording.Start(grid, recording.Options{Dir: folder, Codec: opus.Codec})
	if err != nil {
		return err
	}
	select {
	case <-rec.Done(): // the room is over
	case <-ctx.Done():
	}
	err = rec.Stop()
	log.Printf("%v are in %s", rec.Duration().Round(time.Second), folder)
	return err
}
