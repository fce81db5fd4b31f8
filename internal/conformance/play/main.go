// Command play plays the cases of package conformance against a server, prints each difference, and exits with 1 if there
// is one: make conformance URL=http://127.0.0.1:8080 APP=1400000001:SECRET.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"time"

	"github.com/openvoiceroom/openvoiceroom/internal/conformance"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	os.Exit(run(ctx, os.Args[1:], os.Stdout, os.Stderr))
}

func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("play", flag.ContinueOnError)
	flags.SetOutput(stderr)
	url := flags.String("url", "", "the server, as in http://127.0.0.1:8080")
	app := flags.String("app", "", "an app of the server, SDKAppID:SECRET")
	only := flags.String("only", "", "only commands whose name has this in it")
	plain := flags.Bool("plain", false, "only what the documents say, and no users of an SDK: for servers of another make")
	if flags.Parse(args) != nil {
		return 2
	}
	number, secret, ok := strings.Cut(*app, ":")
	id, err := strconv.ParseUint(number, 10, 32)
	if *url == "" || !ok || secret == "" || err != nil || id == 0 {
		fmt.Fprintln(stderr, "play: give -url http://HOST:PORT and -app SDKAppID:SECRET")
		return 2
	}
	commands, err := conformance.Commands()
	if err != nil {
		fmt.Fprintln(stderr, "play:", err)
		return 2
	}
	p := &conformance.Player{
		URL: strings.TrimSuffix(*url, "/"), App: signaling.AppID(id), Secret: secret,
		Run: strconv.FormatInt(time.Now().Unix()%1e8, 36),
	}
	played, failed, left := 0, 0, 0
	for _, c := range commands {
		if !strings.Contains(c.Name, *only) {
			continue
		}
		for _, one := range c.Cases {
			if one.Fresh || *plain && (one.Only != "" || c.Ours || one.NeedsClients()) {
				left++
				continue
			}
			played++
			diffs, err := p.Play(ctx, c.Name, one)
			if err != nil {
				diffs = append(diffs, "not played to its end: "+err.Error())
			}
			for _, d := range diffs {
				fmt.Fprintf(stdout, "%s: %s: %s\n", c.Name, one.Name, d)
			}
			if len(diffs) > 0 {
				failed++
			}
			if ctx.Err() != nil {
				fmt.Fprintln(stderr, "play: interrupted")
				return 1
			}
		}
	}
	fmt.Fprintf(stdout, "%d cases played, %d differ, %d left out\n", played, failed, left)
	if failed > 0 || played == 0 {
		return 1
	}
	return 0
}
