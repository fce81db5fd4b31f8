// Command voiceroom is the client side in a terminal: rooms to talk in, bots, a doctor for when there is no sound, a
// demonstration of the whole, the list of sound cards, and UserSigs for trying things out.
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
	Bot     botCmd     `cmd:"" help:"Be in a room without sitting there: play files, announce, record, hear, write down what happens."`
	Doctor  doctorCmd  `cmd:"" help:"Find out why there is no sound: sound card, codec, server, UserSig and media, in plain words."`
	Devices devicesCmd `cmd:"" help:"List the sound cards: microphones and speakers, and what to call them."`
	UserSig userSigCmd `cmd:"" name:"usersig" help:"Make or check the signature that a user logs in with."`
}

// exitStatus ends the program where everything has been said already.
type exitStatus int

func (exitStatus) Error() string { return "failed" }

const errReported exitStatus = 1

// exitWith ends the program. kong's status for flags that it cannot read is 80; 2 is what people know.
func exitWith(status int) {
	if status == 80 {
		status = 2
	}
	os.Exit(status)
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	signal.Ignore(syscall.SIGPIPE) // a reader that has had enough must not keep the demo from cleaning up
	k := kong.Parse(&cli{}, kong.Name("voiceroom"), kong.UsageOnError(), kong.BindTo(ctx, (*context.Context)(nil)), kong.Exit(exitWith),
		kong.Description("OpenVoiceRoom: voice chat rooms with seats. The server is the command voiceroomd."))
	err := k.Run()
	if status, ok := errors.AsType[exitStatus](err); ok {
		stop()
		os.Exit(int(status))
	}
	k.FatalIfErrorf(err)
}
