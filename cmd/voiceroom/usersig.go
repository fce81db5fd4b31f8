package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/openvoiceroom/openvoiceroom/signaling"
	"github.com/openvoiceroom/openvoiceroom/signaling/usersig"
)

type userSigCmd struct {
	Mint   mintCmd   `cmd:"" help:"Print a UserSig. In production your own server makes it, with package usersig."`
	Verify verifyCmd `cmd:"" help:"Check a UserSig; the exit status says whether it is valid."`
}

// app is ID:SECRET of --app, which may come from the environment: a secret in a process list is none.
type app struct {
	id     signaling.AppID
	secret string
}

func (a *app) UnmarshalText(text []byte) error {
	id, secret, ok := strings.Cut(string(text), ":")
	n, err := strconv.ParseUint(id, 10, 32)
	if !ok || err != nil || n == 0 || secret == "" {
		return errors.New("an app is given as ID:SECRET, for example 1400000001:mysecret")
	}
	if strings.Contains(secret, ",") {
		return errors.New("one app is wanted; a secret holds no comma, which separates several for the server")
	}
	a.id, a.secret = signaling.AppID(n), secret
	return nil
}

type mintCmd struct {
	App    app           `help:"The app and its secret." required:"" env:"VOICEROOM_APP" placeholder:"ID:SECRET"`
	User   string        `help:"Who logs in with it." required:""`
	Expire time.Duration `help:"How long it is valid." default:"24h"`
}

// Run prints the signature.
func (c *mintCmd) Run() error {
	if err := signaling.UserID(c.User).Valid(); err != nil {
		return fmt.Errorf("--user: %w", err)
	}
	sig, err := usersig.Mint(c.App.id, c.App.secret, signaling.UserID(c.User), c.Expire, time.Now())
	if err != nil {
		return err
	}
	_, err = fmt.Println(sig)
	return err
}

type verifyCmd struct {
	App   app    `help:"The app and its secret." required:"" env:"VOICEROOM_APP" placeholder:"ID:SECRET"`
	User  string `help:"Whose it should be." required:""`
	Token string `arg:"" help:"The UserSig."`
}

// Run says until when the signature is valid, or why it is not.
func (c *verifyCmd) Run() error {
	claims, err := usersig.Verify(c.Token, c.App.id, c.App.secret, signaling.UserID(c.User), time.Now())
	if err != nil {
		fmt.Fprintln(os.Stderr, "not valid:", err)
		return errReported
	}
	_, err = fmt.Println("valid until", claims.Expires.Format(time.RFC3339))
	return err
}
