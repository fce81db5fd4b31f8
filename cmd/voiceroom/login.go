package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/signaling"
	"github.com/openvoiceroom/openvoiceroom/signaling/usersig"
)

// loginFlags say where to log in and as whom.
type loginFlags struct {
	URL     string `name:"url" env:"VOICEROOM_URL" default:"ws://127.0.0.1:8080" placeholder:"URL" help:"The server: ws://host:port or wss://host (default ${default})."`
	CA      string `name:"ca" env:"VOICEROOM_CA" type:"path" placeholder:"FILE" help:"Authorities (PEM) to trust for wss://, besides those that this machine knows."`
	App     string `env:"VOICEROOM_APP" placeholder:"ID:SECRET" help:"The app with its secret, to make the UserSig here: for trying things out. Better in the environment than on the command line."`
	UserSig string `name:"usersig" env:"VOICEROOM_USERSIG" placeholder:"SIG" help:"The UserSig that somebody has made for you, instead of --app."`
	User    string `env:"VOICEROOM_USER" placeholder:"ID" help:"Who you are, 1 to 32 bytes. A UserSig says it too."`
}

// passwordFlag is for rooms that are not open to everybody.
type passwordFlag struct {
	Password string `env:"VOICEROOM_PASSWORD" placeholder:"TEXT" help:"The room's password, if it has one; with --create the others will need it: 1 to 64 bytes. Better in the environment than on the command line."`
}

// tls returns how to tell that the server is the right one; nil is the system's way.
func (f loginFlags) tls() (*tls.Config, error) {
	if f.CA == "" {
		return nil, nil
	}
	text, err := os.ReadFile(f.CA)
	if err != nil {
		return nil, usageError{fmt.Errorf("--ca: %w", err)}
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool() // a system without any
	}
	if !pool.AppendCertsFromPEM(text) {
		return nil, usageError{fmt.Errorf("--ca %s: there is no certificate in it (-----BEGIN CERTIFICATE-----)", f.CA)}
	}
	return &tls.Config{RootCAs: pool}, nil
}

// identity is who logs in, and with what.
type identity struct {
	app    signaling.AppID
	user   signaling.UserID
	sig    string
	secret string // known with --app only
}

// mintedFor is for how long a UserSig that is made here is good; a login that lasts longer makes another.
const mintedFor = 24 * time.Hour

var errNoIdentity = errors.New("who are you? Give --app ID:SECRET with --user ID, or --usersig SIG " +
	"(voiceroom usersig mint makes one; all of them can be environment variables: VOICEROOM_APP, VOICEROOM_USER, VOICEROOM_USERSIG)")

// identity reads the flags. fallback is the user where --app is given without --user; empty asks for one.
func (f loginFlags) identity(fallback signaling.UserID) (identity, error) {
	id := identity{user: signaling.UserID(f.User)}
	switch {
	case f.UserSig != "": // also beside VOICEROOM_APP, which is the server's too
		claims, err := usersig.Inspect(f.UserSig)
		if err != nil {
			return id, fmt.Errorf("--usersig: %w", err)
		}
		id.sig, id.app = f.UserSig, claims.App
		if id.user == "" {
			id.user = claims.User
		}
		return id, nil
	case f.App == "":
		return id, errNoIdentity
	}
	var a app
	if err := a.UnmarshalText([]byte(f.App)); err != nil {
		return id, fmt.Errorf("--app: %w", err)
	}
	id.app, id.secret = a.id, a.secret
	if id.user == "" {
		id.user = fallback
	}
	if id.user == "" {
		return id, errors.New("--user: say who you are, for example --user alice")
	}
	if err := id.user.Valid(); err != nil {
		return id, fmt.Errorf("--user: %w", err)
	}
	sig, err := usersig.Mint(id.app, id.secret, id.user, mintedFor, time.Now())
	id.sig = sig
	return id, err
}

// tokens returns what keeps the login supplied with UserSigs; nil when only one is there.
func (id identity) tokens() engine.TokenSource {
	if id.secret == "" {
		return nil
	}
	return func(context.Context) (string, error) {
		return usersig.Mint(id.app, id.secret, id.user, mintedFor, time.Now())
	}
}
