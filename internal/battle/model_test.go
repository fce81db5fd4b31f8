package battle

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// act is one thing that happens in the model; what its numbers mean depends on its kind.
type act struct {
	Kind    string
	Node    int
	Room    signaling.RoomID
	Others  []signaling.RoomID
	Seconds int
	Beside  bool // the next act happens at the same time
}

var modelRooms = []signaling.RoomID{"r1", "r2", "r3", "r4", "r5"}

func drawAct() *rapid.Generator[act] {
	kinds := []string{
		"ask", "ask", "ask", "begin", "app", "accept", "accept", "accept", "accept", "reject", "cancel", "leave", "score", "score", "gift",
		"wait", "long", "die", "dismiss", "deaf", "part", "connect",
	}
	return rapid.Custom(func(t *rapid.T) act {
		return act{
			Kind:    rapid.SampledFrom(kinds).Draw(t, "kind"),
			Node:    rapid.IntRange(0, 1).Draw(t, "node"),
			Room:    rapid.SampledFrom(modelRooms).Draw(t, "room"),
			Others:  rapid.SliceOfNDistinct(rapid.SampledFrom(modelRooms), 1, 3, rapid.ID[signaling.RoomID]).Draw(t, "others"),
			Seconds: rapid.IntRange(1, 40).Draw(t, "seconds"),
			Beside:  rapid.Bool().Draw(t, "beside"),
		}
	})
}

// failed ends a model's run inside its bubble.
type failed struct{ message string }

// catcher makes a failure of a test a panic that the model's run can hand over.
type catcher struct{}

func (catcher) Errorf(format string, args ...any) { panic(failed{fmt.Sprintf(format, args...)}) }
func (catcher) FailNow()                          { panic(failed{"failed"}) }

// Whatever owners and apps do, on whichever nodes, and whichever of these die at which write: no room is ever in two battles,
// each request begins once and ends once, each timer fires once, scores are just the sum of what was added, and in the end
// all rooms show what the store says, and the app's server has been told of everything.
func TestRandomBattles_holdForRandomCommands(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		acts := rapid.SliceOfN(drawAct(), 1, 30).Draw(rt, "acts")
		var failure any
		synctest.Test(t, func(*testing.T) {
			defer func() {
				failure = recover()
			}()
			w := newWorld(catcher{})
			defer w.end()
			m := &model{w: w, live: []*node{w.node(true), w.node(false)}, added: map[string]map[signaling.RoomID]*sums{}}
			m.run(acts)
		})
		if f, ok := failure.(failed); ok {
			rt.Fatal(f.message)
		} else if failure != nil {
			panic(failure)
		}
	})
}

type model struct {
	w       *world
	live    []*node
	n       int
	died    bool // some room was dismissed: what it would have told is lost with it
	amounts int

	mu    sync.Mutex
	added map[string]map[signaling.RoomID]*sums
}

// sums are of one room in one battle. Every amount is a power of four, so that one that counted twice is seen.
type sums struct {
	sure, unsure int64
}

func (m *model) run(acts []act) {
	for len(acts) > 0 {
		now := 1
		for now < len(acts) && acts[now-1].Beside {
			now++
		}
		m.together(acts[:now])
		acts = acts[now:]
		m.exclusive()
		m.revive()
	}
	for _, n := range m.live {
		n.dieAt(-1, false)
	}
	m.revive()
	for _, id := range modelRooms {
		m.w.change(id, func(h *home) { h.deaf = false })
	}
	time.Sleep(6 * time.Minute)
	synctest.Wait()
	m.exclusive()
	m.w.agree()
	m.w.once()
	m.scores()
	docs, _ := m.w.stored()
	for _, b := range docs {
		require.True(m.w.t, b.Over(), "all have had their time")
	}
	if !m.died {
		m.w.reported()
	}
}

// scores demands that what was added counts, once, and what was refused does not.
func (m *model) scores() {
	docs, _ := m.w.stored()
	for id, rooms := range m.added {
		doc, ok := docs[id]
		for r, s := range rooms {
			if !ok { // a request without a battle, which is not kept for long
				require.Zero(m.w.t, s.sure)
				continue
			}
			i, ok := doc.Find(r)
			require.True(m.w.t, ok)
			got := doc.Rooms[i].Score
			require.Equal(m.w.t, s.sure, got&s.sure, "something that was added is lost")
			require.Zero(m.w.t, got&^(s.sure|s.unsure), "%b of %b and %b", got, s.sure, s.unsure)
		}
	}
}

// revive has another run of a node for each that has died.
func (m *model) revive() {
	for i, n := range m.live {
		n.mu.Lock()
		dead := n.dead
		n.mu.Unlock()
		if dead {
			n.kill()
			m.live[i] = m.w.node(i == 0)
		}
	}
}

// together carries out acts at the same time.
func (m *model) together(acts []act) {
	var wg sync.WaitGroup
	for _, a := range acts {
		m.n++
		f := m.act(a, fmt.Sprint(m.n))
		wg.Go(func() { f() })
	}
	wg.Wait()
	synctest.Wait()
}

// battle returns the battle that a room shows, or is asked for.
func (m *model) battle(id signaling.RoomID) string {
	s := m.w.sees(id)
	switch {
	case s.Battle != nil:
		return s.Battle.BattleID
	case len(s.BattleRequests) > 0:
		return s.BattleRequests[0].Battle.BattleID
	}
	return "none"
}

// act returns what an act does; what fails has failed for a reason.
func (m *model) act(a act, command string) func() {
	n := m.live[a.Node]
	ids := append([]signaling.RoomID{a.Room}, a.Others...)
	battle := m.battle(a.Room)
	try := func(cmd Command) func() {
		return func() {
			if err := n.do(a.Room, battle, cmd); err != nil && signaling.CodeOf(err) == -1 { // the same again, at the other node, as a client does
				_ = m.live[1-a.Node].do(a.Room, battle, cmd)
			}
		}
	}
	switch a.Kind {
	case "ask", "begin":
		timeout := time.Duration(a.Seconds) * time.Second
		if a.Kind == "begin" {
			timeout = 0
		}
		return func() {
			if _, _, err := n.ask(command, timeout, ids...); signaling.CodeOf(err) == -1 {
				_, _, _ = m.live[1-a.Node].ask(command, timeout, ids...)
			}
		}
	case "app":
		return func() {
			ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
			defer cancel()
			_, _, _ = n.Start(ctx, app, Create{Operator: "app", Rooms: rooms(ids...), Duration: time.Duration(a.Seconds) * time.Second})
		}
	case "accept", "reject":
		return try(Answer{command, a.Room, a.Kind == "accept"})
	case "cancel":
		return try(Cancel{command, a.Room})
	case "leave":
		return try(Leave{command, a.Room})
	case "score", "gift":
		if battle == "none" || m.amounts > 24 {
			return func() {}
		}
		amount := int64(1) << (2 * m.amounts)
		m.amounts++
		return func() { m.add(n, battle, a, amount) }
	case "die":
		return func() { n.dieAt(a.Seconds/4, a.Seconds%2 == 0) }
	case "dismiss":
		m.died = true
		return func() {
			time.Sleep(time.Millisecond)
			m.w.dismiss(a.Room)
			if a.Seconds > 20 {
				time.Sleep(time.Duration(a.Seconds-20) * time.Second)
			}
			time.Sleep(time.Millisecond)
			m.w.create(a.Room)
		}
	case "deaf":
		return func() { m.w.change(a.Room, func(h *home) { h.deaf = !h.deaf }) }
	case "part":
		return func() {
			m.w.disconnect(a.Room)
			n.Disconnected(context.Background(), app, a.Room)
		}
	case "connect":
		return func() {
			m.w.disconnect(a.Room)
			m.w.mu.Lock()
			defer m.w.mu.Unlock()
			m.w.connected = append(m.w.connected, a.Room)
		}
	case "long":
		return func() { time.Sleep(time.Duration(a.Seconds) * 5 * time.Second) }
	}
	return func() { time.Sleep(time.Duration(a.Seconds) * time.Second) }
}

// add adds to a room's score, by the app or by a gift, which is told three times.
func (m *model) add(n *node, battle string, a act, amount int64) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	var b Battle
	var err error
	sure := false
	if a.Kind == "score" {
		b, err = n.SetScores(ctx, app, battle, SetScores{Add: true, Scores: []Score{{a.Room, amount}}})
		sure = err == nil && b.Holds(a.Room)
		if code := signaling.CodeOf(err); code != 0 && code != -1 || err == nil && !sure {
			return // for sure not
		}
	} else {
		created := m.w.sees(a.Room).Room.CreateTime
		for range 3 {
			_ = n.AddGifts(ctx, app, battle, AddGifts{Room: a.Room, Created: created, Gifts: []Coins{{uint64(amount), amount}}})
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.added[battle] == nil {
		m.added[battle] = map[signaling.RoomID]*sums{}
	}
	s := m.added[battle][a.Room]
	if s == nil {
		s = &sums{}
		m.added[battle][a.Room] = s
	}
	if sure {
		s.sure += amount
	} else {
		s.unsure += amount
	}
}

// exclusive demands that no room is in two battles, or in requests for two.
func (m *model) exclusive() {
	docs, _ := m.w.stored()
	in := map[string]string{}
	for id, doc := range docs {
		if doc.Asked != 0 || doc.Start != 0 {
			m.w.known[id] = true
		}
		doc, err := Apply(doc, Expire{}, time.Now())
		require.NoError(m.w.t, err)
		if doc.Asked == 0 && doc.Start == 0 { // nobody knows of it
			continue
		}
		require.True(m.w.t, doc.Over() || doc.left() > 1)
		for _, r := range doc.Rooms {
			if doc.Holds(r.RoomID) {
				room := fmt.Sprint(r.RoomID, " ", r.Created)
				require.NotContains(m.w.t, in, room, "in two battles")
				in[room] = doc.ID
			}
		}
	}
}
