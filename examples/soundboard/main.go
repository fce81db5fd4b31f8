// Command soundboard plays short sounds from a folder, in the order of their names: enter 1 for the first, 2 for the second
// and so on. Several at once are mixed.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/openvoiceroom/openvoiceroom/audio"
	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/examples/internal/stage"
	"github.com/openvoiceroom/openvoiceroom/seatgrid"
)

func main() {
	stage.MainBot(engine.Config{Microphone: audio.NewSilenceSource()}, func(ctx context.Context, grid *seatgrid.Grid, args []string) error {
		if len(args) != 1 {
			return errors.New("a folder of short WAV, Ogg Opus or MP3 files is wanted")
		}
		return board(ctx, grid, args[0], os.Stdin)
	}, "soundboard [flags] FOLDER")
}

func board(ctx context.Context, grid *seatgrid.Grid, folder string, keys io.Reader) error {
	files, err := stage.Sounds(folder)
	if err != nil {
		return err
	}
	for i, file := range files {
		log.Printf("%d is %s", i+1, filepath.Base(file))
	}
	if err := stage.OnAir(ctx, grid); err != nil {
		return err
	}
	room := grid.Room()
	if err := room.Music().SetVolume(100); err != nil {
		return err
	}
	lines := stage.Lines(keys)
	for {
		select {
		case key, more := <-lines:
			if !more {
				lines = nil // nobody is there any more; what was begun is played to its end
				continue
			}
			n, err := strconv.Atoi(strings.TrimSpace(key))
			if err == nil && (n < 1 || n > len(files)) {
				err = fmt.Errorf("there are %d sounds", len(files))
			}
			if err == nil {
				// A sound that is played again begins anew. It is at most a minute long, and there are at most 8 at once.
				err = room.Music().Start(ctx, engine.MusicOptions{ID: engine.MusicID(n), Path: files[n-1], Publish: true, Short: true})
			}
			if err != nil {
				log.Print(err)
			}
		case <-room.Done():
			return stage.Over(room)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
