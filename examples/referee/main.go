// Command referee is the referee of PK battles between two connected rooms. It counts the gifts of both by weights of its
// own, adds the points to the scores by the REST API, and tells both chats who leads and who has won:
//
//	go run ./examples/referee -for 5m -weights rose=1,crown=100 amys bobs
//
// With -for it begins a battle itself and goes when that is over; without, it serves those that the rooms' owners begin.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/examples/internal/rest"
	"github.com/openvoiceroom/openvoiceroom/signaling/usersig"
)

func main() {
	url := flag.String("url", "http://127.0.0.1:8080", "the server")
	app := flag.Uint64("app", 1400000001, "the SDKAppID")
	secret := flag.String("secret", "mysecret", "its secret: the referee is a part of the app's own server")
	user := flag.String("user", "referee", "who the referee is")
	length := flag.Duration("for", 0, "how long a battle to begin, 1s to 24h; 0: owners begin them")
	list := flag.String("weights", "", "points of gifts, as rose=1,crown=100; all others are one point each")
	flag.Usage = func() {
		fmt.Fprintln(flag.CommandLine.Output(), "usage: referee [flags] ROOM ROOM")
		flag.PrintDefaults()
	}
	flag.Parse()
	if flag.NArg() != 2 {
		flag.Usage()
		os.Exit(2)
	}
	weights, err := parse(*list)
	check(err)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	eng, err := engine.Login(ctx, engine.Config{
		URL: "ws" + strings.TrimPrefix(*url, "http"), SDKAppID: engine.AppID(*app), UserID: engine.UserID(*user),
		TokenSource: func(context.Context) (string, error) {
			return usersig.Mint(engine.AppID(*app), *secret, engine.UserID(*user), time.Hour, time.Now())
		},
	})
	check(err)
	r := newReferee(rest.Client{URL: *url, App: engine.AppID(*app), Secret: *secret, HTTP: http.DefaultClient}, weights)
	err = r.enter(ctx, eng, engine.RoomID(flag.Arg(0)), engine.RoomID(flag.Arg(1)))
	if err == nil {
		err = r.serve(ctx, *length)
	}
	bye, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if errors.Is(err, context.Canceled) {
		err = nil // Ctrl-C
	}
	check(errors.Join(err, eng.Logout(bye)))
}

// parse reads the weights of gifts.
func parse(list string) (map[string]int64, error) {
	weights := map[string]int64{}
	for part := range strings.SplitSeq(list, ",") {
		if part == "" {
			continue
		}
		gift, points, _ := strings.Cut(part, "=")
		n, err := strconv.ParseInt(points, 10, 32)
		if gift == "" || err != nil || n < 0 {
			return nil, fmt.Errorf("-weights: %q is not GIFT=POINTS, with 0 points or more", part)
		}
		weights[gift] = n
	}
	return weights, nil
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}
