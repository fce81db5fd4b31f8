// Command appserver is an app's own server, as small as one can be: it gives its users UserSigs, opens and ends rooms for
// them by the REST API, and knows from callbacks who is in which room.
//
//	voiceroomd --app 1400000001:mysecret --webhook-allow 127.0.0.0/8
//	appserver --app 1400000001:mysecret --token a-long-token --user ann:pass1 --user bob:pass2
//	curl -u ann:pass1 http://127.0.0.1:8090/usersig
//	curl -u ann:pass1 -d '{"name":"Jazz","seats":8}' http://127.0.0.1:8090/rooms
//	curl -u ann:pass1 http://127.0.0.1:8090/rooms
package main

import (
	"context"
	"errors"
	"flag"
	"log"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/openvoiceroom/openvoiceroom/examples/internal/rest"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		log.Fatal("appserver: ", err)
	}
}

func run(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("appserver", flag.ContinueOnError)
	listen := flags.String("listen", "127.0.0.1:8090", "where users and callbacks come to")
	server := flags.String("server", "http://127.0.0.1:8080", "the voice room server")
	self := flags.String("self", "http://127.0.0.1:8090", "how the voice room server reaches this one")
	app := flags.String("app", "", "SDKAppID:SECRET, as the voice room server has it")
	token := flags.String("token", "", "what signs callbacks; make up a long one")
	users := map[string]string{}
	flags.Func("user", "NAME:PASSWORD of somebody who may come; repeatable", func(s string) error {
		name, password, ok := strings.Cut(s, ":")
		if !ok || password == "" || signaling.UserID(name).Valid() != nil {
			return errors.New("NAME:PASSWORD is wanted")
		}
		users[name] = password
		return nil
	})
	if err := flags.Parse(args); err != nil {
		return err
	}
	number, secret, _ := strings.Cut(*app, ":")
	id, err := strconv.ParseUint(number, 10, 32)
	if err != nil || id == 0 || secret == "" {
		return errors.New("--app SDKAppID:SECRET is wanted")
	}
	if *token == "" || len(users) == 0 {
		return errors.New("--token, and --user at least once, are wanted")
	}
	a := newApp(rest.Client{URL: *server, App: signaling.AppID(id), Secret: secret, HTTP: http.DefaultClient}, users, *token)
	web := &http.Server{Addr: *listen, Handler: a.handler(), ReadTimeout: 10 * time.Second}
	var wg sync.WaitGroup
	defer wg.Wait()
	failed := make(chan error, 1)
	wg.Go(func() { failed <- web.ListenAndServe() })
	if err := a.subscribe(ctx, *self+"/callback"); err != nil {
		return errors.Join(err, web.Close())
	}
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
		return web.Shutdown(context.WithoutCancel(ctx))
	}
}
