package stage

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/openvoiceroom/openvoiceroom/audio/opus"
	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/seatgrid"
	"github.com/openvoiceroom/openvoiceroom/signaling/usersig"
)

// A Bot is one example: a member of a room, with what stands behind the flags.
type Bot func(ctx context.Context, grid *seatgrid.Grid, args []string) error

// MainBot runs a bot in the room that the flags name, until it is done or Ctrl-C is pressed. cfg has its devices.
func MainBot(cfg engine.Config, bot Bot, usage string) {
	cfg.Codec = opus.Codec
	mainBot(cfg, bot, usage)
}

// MainChatBot is MainBot for one that neither hears nor speaks: it has no media at all.
func MainChatBot(bot Bot, usage string) { mainBot(engine.Config{}, bot, usage) }

func mainBot(cfg engine.Config, bot Bot, usage string) {
	url := flag.String("url", "ws://127.0.0.1:8080", "the server")
	app := flag.Uint64("app", 1400000001, "the SDKAppID")
	secret := flag.String("secret", "mysecret", "its secret; in production only your own server knows it, and mints the UserSigs")
	user := flag.String("user", "bot", "who the bot is")
	room := flag.String("room", "roomId_123456", "the room's id")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "usage:", usage)
		flag.PrintDefaults()
	}
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	cfg.URL, cfg.SDKAppID, cfg.UserID = *url, engine.AppID(*app), engine.UserID(*user)
	cfg.TokenSource = func(context.Context) (string, error) {
		return usersig.Mint(cfg.SDKAppID, *secret, cfg.UserID, time.Hour, time.Now())
	}
	eng, err := engine.Login(ctx, cfg)
	if err != nil {
		log.Fatal(err)
	}
	grid := seatgrid.New(eng)
	if _, err = grid.JoinVoiceRoom(ctx, engine.RoomID(*room)); err == nil {
		err = bot(ctx, grid, flag.Args())
	}
	if errors.Is(err, context.Canceled) {
		err = nil // Ctrl-C
	}
	bye, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err = errors.Join(err, eng.Logout(bye)); err != nil {
		log.Fatal(err)
	}
}

// OnAir takes a seat, or applies for one and waits, and opens the microphone.
func OnAir(ctx context.Context, grid *seatgrid.Grid) error {
	res, err := grid.TakeSeat(ctx, seatgrid.AnySeat, 0)
	if err != nil {
		return err
	}
	if res.Type != seatgrid.Accepted {
		return fmt.Errorf("no seat: %v by %s", res.Type, res.User.UserID)
	}
	if err := grid.Room().Connected(ctx); err != nil {
		return err
	}
	return grid.StartMicrophone(ctx)
}

// Sounds returns the sound files of a folder, by name.
func Sounds(folder string) ([]string, error) {
	all, err := os.ReadDir(folder)
	if err != nil {
		return nil, err
	}
	var sounds []string
	for _, f := range all {
		switch strings.ToLower(filepath.Ext(f.Name())) {
		case ".wav", ".opus", ".ogg", ".mp3":
			sounds = append(sounds, filepath.Join(folder, f.Name()))
		}
	}
	if len(sounds) == 0 {
		return nil, fmt.Errorf("there are no WAV, Ogg Opus or MP3 files in %s", folder)
	}
	return sounds, nil
}

// Lines returns what is typed, a line at a time. It is closed at the end.
func Lines(r io.Reader) <-chan string {
	lines := make(chan string)
	go func() {
		defer close(lines)
		for s := bufio.NewScanner(r); s.Scan(); {
			lines <- s.Text()
		}
	}()
	return lines
}

// Over returns why a room is over, once it is.
func Over(room *engine.Room) error {
	if err := room.Err(); err != nil {
		return err
	}
	return errors.New("the room is over")
}
