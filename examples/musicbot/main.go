// Command musicbot plays a folder of music on a seat, file after file, again and again. Enter n for the next file, p for a
// pause and to go on.
package main

import (
	"context"
	"errors"
	"io"
	"log"
	"os"
	"path/filepath"

	"github.com/openvoiceroom/openvoiceroom/audio"
	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/examples/internal/stage"
	"github.com/openvoiceroom/openvoiceroom/seatgrid"
)

func main() {
	stage.MainBot(engine.Config{Microphone: audio.NewSilenceSource()}, func(ctx context.Context, grid *seatgrid.Grid, args []string) error {
		if len(args) != 1 {
			return errors.New("a folder of WAV, Ogg Opus or MP3 files is wanted")
		}
		return play(ctx, grid, args[0], os.Stdin)
	}, "musicbot [flags] FOLDER")
}

const song engine.MusicID = 1

func play(ctx context.Context, grid *seatgrid.Grid, folder string, keys io.Reader) error {
	files, err := stage.Sounds(folder)
	if err != nil {
		return err
	}
	room := grid.Room()
	finished := make(chan error, len(files)+1)
	room.AddObserver(&engine.RoomObserver{
		OnMusicFinished: func(_ engine.MusicID, err error) {
			if !errors.Is(err, engine.ErrMusicStopped) { // by the next one
				finished <- err
			}
		},
	})
	if err := stage.OnAir(ctx, grid); err != nil {
		return err
	}
	// Music is in stereo, and as loud as it is. The documents' default is 60 %, which leaves room for a voice.
	if err := errors.Join(room.Microphone().SetAudioQuality(engine.AudioQualityMusic), room.Music().SetVolume(100)); err != nil {
		return err
	}
	lines := stage.Lines(keys)
	for i := 0; ; i++ {
		if err := next(ctx, room, files[i%len(files)]); err != nil {
			return err
		}
		if err := during(ctx, room, lines, finished); err != nil {
			return err
		}
	}
}

func next(ctx context.Context, room *engine.Room, file string) error {
	log.Print(filepath.Base(file))
	return room.Music().Start(ctx, engine.MusicOptions{ID: song, Path: file, Publish: true})
}

// during returns nil when it is the next one's turn.
func during(ctx context.Context, room *engine.Room, keys <-chan string, finished <-chan error) error {
	paused := false
	for {
		select {
		case err := <-finished:
			return err
		case key, more := <-keys:
			switch {
			case !more:
				keys = nil // nobody is there any more, and the music goes on
			case key == "n":
				return nil
			case key == "p" && !paused:
				if err := room.Music().Pause(song); err != nil {
					return err
				}
				paused = true
			case key == "p":
				if err := room.Music().Resume(song); err != nil {
					return err
				}
				paused = false
			}
		case <-room.Done():
			return stage.Over(room)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
