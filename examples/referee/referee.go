package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/examples/internal/rest"
	"github.com/openvoiceroom/openvoiceroom/examples/internal/stage"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

const (
	again     = time.Second            // after a call that failed
	codeOver  = signaling.Code(100006) // of set_battle_score: there is no such battle any more
	addPoints = 1                      // its OpType
)

// referee is in two rooms and watches their battles.
type referee struct {
	rest    rest.Client
	weights map[string]int64
	rooms   []*engine.Room
	wake    chan struct{} // capacity one: something has happened

	mu    sync.Mutex // protects what follows
	match *match     // the newest; nil: none
}

// match is a battle as the referee knows it.
type match struct {
	id      string
	open    map[engine.RoomID]bool  // rooms in which it goes on
	points  map[engine.RoomID]int64 // by the gifts that were seen
	counted map[engine.RoomID]int64 // of them, what is in the scores
	before  map[engine.RoomID]int64 // scores that were there when the referee came
	now     engine.BattleInfo       // as last told
	over    bool
	early   bool // one side has left
}

func newReferee(c rest.Client, weights map[string]int64) *referee {
	return &referee{rest: c, weights: weights, wake: make(chan struct{}, 1)}
}

// enter enters both rooms. A login may be in three.
func (r *referee) enter(ctx context.Context, eng *engine.Engine, ids ...engine.RoomID) error {
	for _, id := range ids {
		room, err := eng.Enter(ctx, id, r.observer())
		if err != nil {
			return fmt.Errorf("%s: %w", id, err)
		}
		r.rooms = append(r.rooms, room)
		if b, ok := room.Battles().Current(); ok && b.PunishEndTime == 0 {
			r.note(func() { r.begun(id, b) })
		}
	}
	return nil
}

// observer writes down what happens. The callbacks of all rooms of a login come one after another, and those of a room in
// their order: gifts before a battle or after it are not among its own.
func (r *referee) observer() *engine.RoomObserver {
	return &engine.RoomObserver{
		OnBattleStarted: func(room engine.RoomID, b engine.BattleInfo) { r.note(func() { r.begun(room, b) }) },
		OnReceiveGift: func(room engine.RoomID, g engine.GiftReceived) {
			r.note(func() {
				if r.match != nil && r.match.open[room] {
					r.match.points[room] += int64(g.Count) * r.weight(g.Gift.GiftID)
				}
			})
		},
		OnBattleScoreChanged: func(_ engine.RoomID, id string, users []engine.BattleUser) {
			r.note(func() {
				if r.match != nil && r.match.id == id && !r.match.over {
					r.match.now.Inviter, r.match.now.InviteeList = users[0], users[1:]
				}
			})
		},
		OnBattleEnded: func(room engine.RoomID, b engine.BattleInfo, reason engine.BattleStoppedReason) {
			r.note(func() {
				if r.match != nil && r.match.id == b.BattleID {
					delete(r.match.open, room)
					r.match.now, r.match.over, r.match.early = b, true, reason == engine.BattleOtherExit
				}
			})
		},
	}
}

func (r *referee) note(f func()) {
	r.mu.Lock()
	f()
	r.mu.Unlock()
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// begun notes a battle, of which each room tells.
func (r *referee) begun(room engine.RoomID, b engine.BattleInfo) {
	if r.match == nil || r.match.id != b.BattleID {
		r.match = &match{
			id: b.BattleID, open: map[engine.RoomID]bool{}, points: map[engine.RoomID]int64{}, counted: map[engine.RoomID]int64{},
			before: map[engine.RoomID]int64{}, now: b,
		}
		for _, u := range b.Users() {
			r.match.before[u.RoomID] = u.Score
		}
	}
	r.match.open[room] = true
}

func (r *referee) weight(gift string) int64 {
	if n, ok := r.weights[gift]; ok {
		return n
	}
	return 1
}

// serve begins a battle of that length and serves it, or serves all that others begin.
func (r *referee) serve(ctx context.Context, length time.Duration) error {
	var settings struct {
		Response struct{ CoinsScoreBattles bool }
	}
	if err := r.rest.Call(ctx, "voiceroom_console/get_gift_settings", struct{}{}, &settings); err != nil {
		return err
	}
	if settings.Response.CoinsScoreBattles {
		return errors.New("the server itself adds gifts to the scores, so they would count twice; set_gift_settings with CoinsScoreBattles false ends that")
	}
	if length > 0 {
		if err := r.begin(ctx, length); err != nil {
			return err
		}
	}
	lead, of, told := engine.RoomID(""), "", ""
	for {
		var retry <-chan time.Time
		id, err := r.score(ctx)
		if id != of {
			lead, of = "", id
		}
		if err != nil && ctx.Err() == nil {
			retry = time.After(again)
		}
		r.mu.Lock()
		m := r.match
		var now match
		if m != nil {
			now = *m
		}
		r.mu.Unlock()
		if m != nil && now.id == id {
			if best := leader(now.now); !now.over && best != "" && best != lead {
				lead = best
				r.say(ctx, fmt.Sprintf("%s takes the lead: %s", best, standing(now.now)))
			}
			if now.over && told != now.id {
				told = now.id
				r.say(ctx, verdict(now))
				if length > 0 {
					return nil
				}
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-r.rooms[0].Done():
			return stage.Over(r.rooms[0])
		case <-r.rooms[1].Done():
			return stage.Over(r.rooms[1])
		case <-r.wake:
		case <-retry:
		}
	}
}

// begin begins a battle between the rooms, which are connected.
func (r *referee) begin(ctx context.Context, length time.Duration) error {
	to := r.rooms[1].ID()
	var answer struct {
		Response struct {
			Result []struct {
				ResultCode    int
				ResultMessage string
			}
		}
	}
	err := r.rest.Call(ctx, "live_engine_http_pk/create_battle", map[string]any{
		"FromRoomId": r.rooms[0].ID(), "ToRoomIdList": []engine.RoomID{to}, "Duration": length.Milliseconds(),
	}, &answer)
	if err != nil {
		return err
	}
	for _, room := range answer.Response.Result {
		if room.ResultCode != 0 {
			return fmt.Errorf("no battle with %s: %s", to, room.ResultMessage)
		}
	}
	return nil
}

// score adds what was given to the scores, and returns the id of the battle that this was about.
func (r *referee) score(ctx context.Context) (id string, err error) {
	type line struct {
		RoomID engine.RoomID `json:"RoomId"`
		Score  int64
	}
	var list []line
	r.mu.Lock()
	m := r.match
	if m != nil {
		id = m.id
		for room, points := range m.points {
			if add := points - m.counted[room]; add != 0 {
				list = append(list, line{room, add})
			}
		}
	}
	r.mu.Unlock()
	if len(list) == 0 {
		return id, nil
	}
	err = r.rest.Call(ctx, "live_engine_http_pk/set_battle_score", map[string]any{"BattleId": id, "OpType": addPoints, "ScoreList": list}, nil)
	if err == nil || signaling.CodeOf(err) == codeOver { // what comes after the end counts for nothing
		for _, l := range list {
			m.counted[l.RoomID] += l.Score // only this goroutine reads or writes it
		}
		return id, nil
	}
	return id, errors.Join(err, r.recount(ctx, m)) // perhaps it was added all the same
}

// recount reads how much of the points is in the scores, to which nobody else adds.
func (r *referee) recount(ctx context.Context, m *match) error {
	type side struct {
		RoomID engine.RoomID `json:"RoomId"`
		Score  int64
	}
	var answer struct {
		Response struct {
			FromRoomInfo side
			ToRoomList   []side
		}
	}
	err := r.rest.Call(ctx, "live_engine_http_pk/get_battle_info", map[string]any{"BattleId": m.id}, &answer)
	if err != nil {
		return err
	}
	for _, s := range append(answer.Response.ToRoomList, answer.Response.FromRoomInfo) {
		m.counted[s.RoomID] = s.Score - m.before[s.RoomID]
	}
	return nil
}

// say writes into both chats.
func (r *referee) say(ctx context.Context, text string) {
	for _, room := range r.rooms {
		if err := stage.Say(ctx, room, text); err != nil && ctx.Err() == nil {
			fmt.Printf("%s was not told %q: %v\n", room.ID(), text, err)
		}
	}
}

// leader is the room with the highest score; none when two have it.
func leader(b engine.BattleInfo) (best engine.RoomID) {
	top := int64(-1 << 62)
	for _, u := range b.Users() {
		switch {
		case u.Left || u.Score < top:
		case u.Score == top:
			best = ""
		default:
			best, top = u.RoomID, u.Score
		}
	}
	return best
}

func standing(b engine.BattleInfo) string {
	var parts []string
	for _, u := range b.Users() {
		parts = append(parts, fmt.Sprintf("%s %d", u.RoomID, u.Score))
	}
	return strings.Join(parts, " : ")
}

func verdict(m match) string {
	best := leader(m.now)
	switch {
	case m.early:
		return "The battle has ended early: " + standing(m.now)
	case best == "":
		return "A draw: " + standing(m.now)
	}
	return fmt.Sprintf("%s wins: %s", best, standing(m.now))
}
