package webhook

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/openvoiceroom/openvoiceroom/internal/record"
	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// Codes of the documents' commands about settings.
const (
	codeParameter signaling.Code = 100002
	codeExists    signaling.Code = 100300 // there are settings already
	codeNone      signaling.Code = 100301 // there are none
)

// maxURL and maxToken bound what an app sets, in bytes. The documents give no numbers.
const (
	maxURL   = 1024
	maxToken = 128
)

// Settings are what an app has set. It wants callbacks when there is a URL.
type Settings struct {
	URL      string   `json:"url,omitempty"`
	Commands []string `json:"commands,omitempty"` // those that it wants
	Token    string   `json:"token,omitempty"`    // signs the URLs; empty: they are not signed

	Moderation *Moderation `json:"moderation,omitempty"` // nil: nobody is asked about chat messages
}

// wants reports whether the app wants to be called with a command.
func (s Settings) wants(command string) bool {
	return s.URL != "" && slices.Contains(s.Commands, command)
}

func settingsKey(app signaling.AppID) store.ValueKey {
	return store.ValueKey{Bucket: store.BucketApp, App: app, ID: "callbacks"}
}

// read returns an app's settings as the store has them now.
func (s *Service) read(ctx context.Context, app signaling.AppID) (Settings, error) {
	ctx, cancel := context.WithTimeout(ctx, storeLimit)
	defer cancel()
	set, _, err := record.Load[Settings](ctx, s.cfg.Store, settingsKey(app))
	if err != nil {
		return Settings{}, fmt.Errorf("webhook: settings of app %d: %w", app, err)
	}
	return set, nil
}

// change stores what f makes of an app's settings. Of an app without any, nothing is kept.
func (s *Service) change(ctx context.Context, app signaling.AppID, f func(*Settings) error) error {
	empty := func(set Settings) bool { return set.URL == "" && set.Token == "" && set.Moderation == nil }
	key := settingsKey(app)
	set, err := record.Update(ctx, s.cfg.Store, key, func(set *Settings, rev uint64) error {
		err := f(set)
		if err == nil && rev == 0 && empty(*set) {
			err = record.ErrKeep
		}
		return err
	})
	if err == nil && empty(set) {
		err = record.Delete(ctx, s.cfg.Store, key, func(now Settings) error {
			if !empty(now) {
				return record.ErrKeep // somebody has set something meanwhile
			}
			return nil
		})
		if errors.Is(err, record.ErrKeep) {
			return nil // the store tells
		}
	}
	if err == nil {
		s.adopt(app, set) // the others hear of it by the store
	}
	return err
}

// Get returns what an app has set. Without a URL the error is 100301.
func (s *Service) Get(ctx context.Context, app signaling.AppID) (Settings, error) {
	set, err := s.read(ctx, app)
	if err == nil && set.URL == "" {
		err = none()
	}
	return set, err
}

// Set sets URL and commands of an app that has none; else the error is 100300.
func (s *Service) Set(ctx context.Context, app signaling.AppID, to string, commands []string) error {
	return s.set(ctx, app, to, commands, func(old Settings) error {
		if old.URL != "" {
			return signaling.Errorf(codeExists, "the app has a callback already; change it with update_callback")
		}
		return nil
	})
}

// Update replaces URL and commands of an app that has some; else the error is 100301.
func (s *Service) Update(ctx context.Context, app signaling.AppID, to string, commands []string) error {
	return s.set(ctx, app, to, commands, func(old Settings) error {
		if old.URL == "" {
			return none()
		}
		return nil
	})
}

func (s *Service) set(ctx context.Context, app signaling.AppID, to string, commands []string, check func(Settings) error) error {
	if err := s.checkURL("Url", to); err != nil {
		return err
	}
	commands, err := checkCommands(commands)
	if err != nil {
		return err
	}
	return s.change(ctx, app, func(set *Settings) error {
		err := check(*set)
		set.URL, set.Commands = to, commands
		return err
	})
}

// Delete takes URL and commands away. An app without is no error (documents).
func (s *Service) Delete(ctx context.Context, app signaling.AppID) error {
	return s.change(ctx, app, func(set *Settings) error {
		set.URL, set.Commands = "", nil
		return nil
	})
}

// SetToken sets the token that signs an app's callbacks; "" ends the signing.
func (s *Service) SetToken(ctx context.Context, app signaling.AppID, token string) error {
	if !signaling.ValidText(token, maxToken) && token != "" {
		return signaling.Errorf(codeParameter, "the token has up to %d bytes of text, or is empty", maxToken)
	}
	return s.change(ctx, app, func(set *Settings) error {
		set.Token = token
		return nil
	})
}

func none() error {
	return signaling.Errorf(codeNone, "the app has no callback; set one with set_callback")
}

// ours are the parameters that are added to a URL.
var ours = []string{"SdkAppid", "CallbackCommand", "contenttype", "ClientIP", "OptPlatform", "Sign", "RequestTime"}

// checkURL refuses what cannot or must not be called. Names are looked up when they are called, and checked again.
func (s *Service) checkURL(field, text string) error {
	bad := func(format string, args ...any) error {
		return signaling.Errorf(codeParameter, field+": "+format, args...)
	}
	u, err := url.Parse(text)
	switch {
	case text == "" || len(text) > maxURL:
		return bad("1 to %d bytes are wanted", maxURL)
	case err != nil:
		return bad("it cannot be read as a URL")
	case u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
		return bad("http://host or https://host is wanted")
	case u.User != nil:
		return bad("a user name or password in it would be in logs; use set_callback_token to show that a call is ours")
	case u.Fragment != "":
		return bad("a part behind # is never sent; leave it out")
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return bad("its parameters cannot be read; percent-encode them, and separate them by &")
	}
	for name := range query {
		if slices.ContainsFunc(ours, func(o string) bool { return strings.EqualFold(o, name) }) {
			return bad("the parameter %s is added to it when it is called", name)
		}
	}
	if ip, err := netip.ParseAddr(u.Hostname()); err == nil {
		if why := s.guard.refuses(ip); why != "" {
			return bad("%s", why)
		}
	}
	return nil
}

func checkCommands(list []string) ([]string, error) {
	if len(list) == 0 {
		return nil, signaling.Errorf(codeParameter, "CallbackCommandList is required: one command at least")
	}
	var known []string
	for _, c := range list {
		if !slices.Contains(commands, c) {
			return nil, signaling.Errorf(codeParameter, "CallbackCommandList: there is no callback %.60q; docs/admin-api.md lists them", c)
		}
		if !slices.Contains(known, c) {
			known = append(known, c)
		}
	}
	return known, nil
}
