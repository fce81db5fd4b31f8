// Command voiceroomd is the server of OpenVoiceRoom: WebSocket signalling, the rooms and their media, in one process
// and with its store inside.
//
//	voiceroomd --app 1400000001:a-long-secret
//
// Every flag is an environment variable as well (--listen is VOICEROOM_LISTEN), and a key of the YAML file that --config
// names (listen). voiceroomd --help lists them, voiceroomd --print-config shows what is in effect.
//
// voiceroomd webhooks asks a running server what became of the callbacks of an app.
//
// When it serves, it writes one log line with the message "ready" and the addresses, whatever the log level is.
// SIGTERM and SIGINT end it cleanly; a second one ends it at once. It exits with 0 after a clean end, with 1 when it
// could not start or go on, and with 2 when the flags make no sense.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == "webhooks" {
		webhooks(os.Args[2:])
		return
	}
	o, show, err := parse(os.Args[1:])
	if err != nil {
		fail(2, err)
	}
	fmt.Print(show)
	apps, err := o.apps()
	keys, keysErr := o.publicKeys(apps)
	err = errors.Join(o.check(), err, keysErr)
	if err != nil {
		fail(2, err)
	}
	admins, err := o.appAdmins(apps)
	if err != nil {
		fail(2, err)
	}
	if o.PrintConfig {
		return
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // from then on a second signal has its usual effect
	if err := run(ctx, o, apps, keys, admins); err != nil {
		fail(1, err)
	}
}

// fail says on standard error what is wrong, one problem a line.
func fail(status int, err error) {
	fmt.Fprintf(os.Stderr, "voiceroomd: %v\n", err)
	if status == 2 {
		fmt.Fprintln(os.Stderr, "voiceroomd --help explains the flags.")
	}
	os.Exit(status)
}
