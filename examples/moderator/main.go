// Command moderator keeps a room's chat readable: it mutes who floods it or uses a listed word, and bans who goes on.
package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/examples/internal/stage"
	"github.com/openvoiceroom/openvoiceroom/seatgrid"
)

const (
	floodLines = 5 // are too many
	floodTime  = 5 * time.Second
	floodMute  = time.Minute
	wordMute   = 2 * time.Minute
	warnings   = 2 // mutes; the next offence is a ban
	banTime    = 10 * time.Minute
	memory     = 10 * time.Minute // after which a user begins anew
	maxUsers   = 10_000           // who are watched at once
)

func main() {
	stage.MainChatBot(func(ctx context.Context, grid *seatgrid.Grid, words []string) error {
		return moderate(ctx, grid, words)
	},
		"moderator [flags] [WORD...] (make its user an administrator of the room first)")
}

// record is what a user has done lately.
type record struct {
	lines    []time.Time // the newest last
	offences int
	last     time.Time
}

type moderator struct {
	room  *engine.Room
	words []string
	users map[engine.UserID]*record
}

func moderate(ctx context.Context, grid *seatgrid.Grid, words []string) error {
	m := &moderator{room: grid.Room(), users: map[engine.UserID]*record{}}
	for _, w := range words {
		m.words = append(m.words, strings.ToLower(w))
	}
	lines, _, stop := stage.Chat(m.room)
	defer stop()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-m.room.Done():
			return stage.Over(m.room)
		case b := <-lines:
			err := m.look(ctx, b, time.Now())
			if errors.Is(err, engine.ErrNeedManager) {
				return errors.New("the bot is no administrator of the room: the owner has to make it one")
			}
			if err != nil && !errors.Is(err, engine.ErrNoPermission) { // somebody became an administrator meanwhile
				return err
			}
		}
	}
}

// look judges a line. Managers write what they like.
func (m *moderator) look(ctx context.Context, b engine.Barrage, now time.Time) error {
	if b.Sender.Role != engine.GeneralUser {
		return nil
	}
	u := m.user(b.Sender.UserID, now)
	u.lines = slices.DeleteFunc(append(u.lines, now), func(t time.Time) bool { return now.Sub(t) >= floodTime })
	mute, why := time.Duration(0), ""
	switch {
	case m.listed(b.Text):
		mute, why = wordMute, "that word is not welcome here"
	case len(u.lines) >= floodLines:
		mute, why = floodMute, "too many messages"
	default:
		return nil
	}
	u.lines, u.offences = nil, u.offences+1
	who, says := b.Sender.UserID, ""
	var err error
	if u.offences > warnings {
		delete(m.users, who)
		says = fmt.Sprintf("%s has to leave for %v: %s, again and again", stage.Name(b.Sender), banTime, why)
		err = m.room.Members().BanUser(ctx, who, banTime, why)
	} else {
		says = fmt.Sprintf("%s may not write for %v: %s", stage.Name(b.Sender), mute, why)
		err = m.room.Members().MuteUser(ctx, who, mute)
	}
	if err != nil {
		return err
	}
	return stage.Say(ctx, m.room, says)
}

// user returns a user's record. Of a crowd those are forgotten who have been quiet for long.
func (m *moderator) user(id engine.UserID, now time.Time) *record {
	if u := m.users[id]; u != nil && now.Sub(u.last) < memory {
		u.last = now
		return u
	}
	if len(m.users) >= maxUsers {
		maps.DeleteFunc(m.users, func(_ engine.UserID, u *record) bool { return now.Sub(u.last) >= memory || u.offences == 0 })
	}
	m.users[id] = &record{last: now}
	return m.users[id]
}

// listed tells whether a text has one of the words, whatever stands around it.
func (m *moderator) listed(text string) bool {
	letters := func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }
	for _, w := range strings.FieldsFunc(strings.ToLower(text), letters) {
		if slices.Contains(m.words, w) {
			return true
		}
	}
	return false
}
