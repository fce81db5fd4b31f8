// Command leaderboard keeps the list of who has given most in a room. It says it when somebody writes !top, and when it goes.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/time/rate"

	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/examples/internal/stage"
	"github.com/openvoiceroom/openvoiceroom/seatgrid"
)

const (
	places   = 5
	known    = 100 // senders whom the server is asked for at the beginning
	sayEvery = 5 * time.Second
	byeWait  = 3 * time.Second
)

func main() {
	stage.MainChatBot(func(ctx context.Context, grid *seatgrid.Grid, _ []string) error { return lead(ctx, grid, os.Stdout) }, "leaderboard [flags]")
}

// board is who has given what.
type board struct {
	room    *engine.Room
	senders map[engine.UserID]engine.GiftTally
	gifts   int64 // in the room, with all that are in senders
}

func lead(ctx context.Context, grid *seatgrid.Grid, out io.Writer) error {
	b := &board{room: grid.Room()}
	lines, _, stop := stage.Chat(b.room)
	defer stop()
	given := make(chan engine.GiftReceived, 256)
	defer b.room.AddObserver(&engine.RoomObserver{OnReceiveGift: func(_ engine.RoomID, g engine.GiftReceived) {
		select {
		case given <- g:
		default: // the next one shows that this was missed
		}
	}})()
	if err := b.read(ctx); err != nil {
		return err
	}
	says := rate.NewLimiter(rate.Every(sayEvery), 1)
	for {
		select {
		case <-ctx.Done():
			bye, cancel := context.WithTimeout(context.WithoutCancel(ctx), byeWait)
			defer cancel()
			return stage.Say(bye, b.room, b.top())
		case <-b.room.Done(): // nobody is there any more who could be told
			fmt.Fprintln(out, b.top())
			return stage.Over(b.room)
		case g := <-given:
			if err := b.add(ctx, g); err != nil {
				return err
			}
		case l := <-lines:
			if strings.TrimSpace(l.Text) == "!top" && says.Allow() {
				if err := stage.Say(ctx, b.room, b.top()); err != nil {
					return err
				}
			}
		}
	}
}

// read asks the server, which counts for as long as there is the room, whoever comes and goes.
func (b *board) read(ctx context.Context) error {
	totals, err := b.room.Gifts().FetchGiftTotals(ctx, known)
	if errors.Is(err, engine.ErrFreqLimit) {
		b.gifts = -1 // the next gift asks again
		return nil
	}
	if err != nil {
		return err
	}
	b.gifts, b.senders = totals.TotalGiftsSent, map[engine.UserID]engine.GiftTally{}
	for _, t := range totals.Senders {
		b.senders[t.UserID] = t
	}
	return nil
}

// add counts a gift: not one that was in what the server said, and what was missed is asked for.
func (b *board) add(ctx context.Context, g engine.GiftReceived) error {
	switch before := g.TotalGiftsSent - int64(g.Count); {
	case before < b.gifts:
		return nil
	case before > b.gifts:
		return b.read(ctx)
	}
	t, counted := b.senders[g.Sender.UserID]
	if !counted && len(b.senders) >= known { // perhaps one of those behind the hundred first
		return b.read(ctx)
	}
	t.UserID, t.UserName = g.Sender.UserID, g.Sender.UserName
	t.Count, t.Coins = t.Count+int64(g.Count), t.Coins+int64(g.Count)*g.Gift.Coins
	b.senders[t.UserID], b.gifts = t, g.TotalGiftsSent
	return nil
}

func (b *board) top() string {
	list := slices.SortedFunc(maps.Values(b.senders), func(x, y engine.GiftTally) int { // as the server does
		return cmp.Or(cmp.Compare(y.Coins, x.Coins), cmp.Compare(y.Count, x.Count), cmp.Compare(x.UserID, y.UserID))
	})
	if len(list) == 0 {
		return "Nobody has given anything yet."
	}
	var words []string
	for i, t := range list[:min(len(list), places)] {
		words = append(words, fmt.Sprintf("%d. %s, %d coins", i+1, stage.Name(engine.UserInfo{UserID: t.UserID, UserName: t.UserName}), t.Coins))
	}
	return strings.Join(words, "; ")
}
