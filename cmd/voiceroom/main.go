// Command voiceroom is the client side in a terminal: a demonstration of the whole, the list of sound cards, and UserSigs
// for trying things out.
package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

type cli struct {
	Demo    demoCmd    `cmd:"" help:"Run a server and two users in this process, who talk to each other, and compare what was heard with what was said."`
	Join    joinCmd    `cmd:"" help:"Enter a room and talk there, in this terminal."`
	Devices devicesCmd `cmd:"" help:"List the sound cards: microphones and speakers, and what to call them."`
	UserSig userSigCmd `cmd:"" name:"usersig" help:"Make or check the signature that a user logs in with."`
}

// errReported ends the program with status 1 where everything has been said already.
var errReported = errors.New("failed")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	signal.Ignore(syscall.SIGPIPE) // a reader that has had enough must not keep the demo from cleaning up
	k := kong.Parse(&cli{}, kong.Name("voiceroom"), kong.UsageOnError(), kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Description("OpenVoiceRoom: voice chat rooms with seats. The server is the command voiceroomd."))
	err := k.Run()
	if errors.Is(err, errReported) {
		stop()
		os.Exit(1)
	}
	k.FatalIfErrorf(err)
}
