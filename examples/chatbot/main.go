// Command chatbot greets who enters a room, and answers what is asked in its chat: !help, !seats, !queue.
package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"golang.org/x/time/rate"

	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/examples/internal/stage"
	"github.com/openvoiceroom/openvoiceroom/seatgrid"
)

// Nobody makes the bot flood the room: neither one who asks all the time, nor a crowd that enters at once.
const (
	greetEvery = 3 * time.Second // one line for all who came meanwhile
	greetMost  = 5               // of them by name
	askEvery   = 5 * time.Second // what one user may ask, after three questions at once
	sayEvery   = time.Second     // what the bot says, after ten lines at once
	maxAsking  = 1000            // users whose questions are counted
)

func main() {
	stage.MainChatBot(func(ctx context.Context, grid *seatgrid.Grid, _ []string) error { return chat(ctx, grid) }, "chatbot [flags]")
}

type chatbot struct {
	*seatgrid.Grid
	room  *engine.Room
	says  *rate.Limiter
	asked map[engine.UserID]*rate.Limiter
}

func chat(ctx context.Context, grid *seatgrid.Grid) error {
	room := grid.Room()
	c := &chatbot{Grid: grid, room: room, says: rate.NewLimiter(rate.Every(sayEvery), 10), asked: map[engine.UserID]*rate.Limiter{}}
	lines, newcomers, stop := stage.Chat(room)
	defer stop()
	var came []string
	var greet <-chan time.Time
	for {
		var say string
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-room.Done():
			return stage.Over(room)
		case b := <-lines:
			say = c.answer(b)
		case u := <-newcomers:
			if came = append(came, stage.Name(u)); len(came) == 1 {
				greet = time.After(greetEvery)
			}
		case <-greet:
			say, came = welcome(came), nil
		}
		if say != "" && c.says.Allow() {
			if err := stage.Say(ctx, room, say); err != nil {
				return err
			}
		}
	}
}

func welcome(names []string) string {
	others := ""
	if n := len(names) - greetMost; n > 0 {
		names, others = names[:greetMost], fmt.Sprintf(" and %d more", n)
	}
	return "Welcome, " + strings.Join(names, ", ") + others + "! !help says what can be asked here."
}

// answer returns what is to be said to a line, or nothing.
func (c *chatbot) answer(b engine.Barrage) string {
	command, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(b.Text)), " ")
	say := map[string]func() string{"!help": c.help, "!seats": c.seats, "!queue": c.queue}[command]
	if say == nil {
		return ""
	}
	if len(c.asked) > maxAsking {
		clear(c.asked)
	}
	if c.asked[b.Sender.UserID] == nil {
		c.asked[b.Sender.UserID] = rate.NewLimiter(rate.Every(askEvery), 3)
	}
	if !c.asked[b.Sender.UserID].Allow() {
		return ""
	}
	return stage.Name(b.Sender) + ": " + say()
}

func (c *chatbot) help() string { return "!seats: who sits where; !queue: who waits for a seat" }

func (c *chatbot) seats() string {
	var list []string
	for _, s := range c.Seats() {
		if s.UserID != "" {
			list = append(list, fmt.Sprintf("%d %s", s.Index+1, stage.Name(engine.UserInfo{UserID: s.UserID, UserName: s.UserName})))
		} else if s.Locked {
			list = append(list, fmt.Sprintf("%d locked", s.Index+1))
		}
	}
	if free := len(c.Seats()) - len(list); free > 0 {
		list = append(list, fmt.Sprintf("%d free", free))
	}
	return strings.Join(list, ", ")
}

func (c *chatbot) queue() string {
	var list []string
	for _, r := range c.PendingRequests() {
		if r.Type == engine.ApplyToTakeSeat {
			list = append(list, stage.Name(r.From))
		}
	}
	switch {
	case c.room.Self().Role == engine.GeneralUser:
		return "only managers see who applies, and I am none"
	case len(list) == 0:
		return "nobody waits for a seat"
	}
	return strings.Join(list, ", ")
}
