package connection

import (
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

func drawAct() *rapid.Generator[act] {
	rooms := []signaling.RoomID{"r1", "r2", "r3", "r4", "r5"}
	return rapid.Custom(func(t *rapid.T) act {
		return act{
			Kind:    rapid.SampledFrom([]string{"ask", "ask", "ask", "accept", "accept", "accept", "reject", "cancel", "leave", "wait", "die", "dismiss", "away", "deaf"}).Draw(t, "kind"),
			Node:    rapid.IntRange(0, 1).Draw(t, "node"),
			Room:    rapid.SampledFrom(rooms).Draw(t, "room"),
			Others:  rapid.SliceOfNDistinct(rapid.SampledFrom(rooms), 1, 3, rapid.ID[signaling.RoomID]).Draw(t, "others"),
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

// Whatever owners do, on whichever nodes, and whichever of these die at which write: no room is ever connected, or asked,
// in two connections, each request begins once and ends once, and in the end all rooms show what the store says.
func TestModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		acts := rapid.SliceOfN(drawAct(), 1, 30).Draw(rt, "acts")
		var failure any
		synctest.Test(t, func(*testing.T) {
			defer func() {
				failure = recover()
			}()
			w := newWorld(catcher{})
			defer w.end()
			m := &model{w: w, live: []*node{w.node(true), w.node(false)}}
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
	w    *world
	live []*node
	n    int
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
		n.DieAt(-1, false)
	}
	m.revive()
	for _, id := range m.ids() {
		m.w.change(id, func(h *home) { h.deaf, h.empty = false, false })
	}
	time.Sleep(2 * time.Minute)
	synctest.Wait()
	m.exclusive()
	m.w.agree()
	for _, id := range m.ids() {
		m.w.endedOnce(id)
		require.Empty(m.w.t, m.w.sees(id).Requests, "all requests have had their time")
	}
}

// revive has another run of a node for each that has died.
func (m *model) revive() {
	for i, n := range m.live {
		if n.Dead() {
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

// act returns what an act does; what fails has failed for a reason.
func (m *model) act(a act, command string) func() {
	n := m.live[a.Node]
	inviter := func() signaling.RoomID {
		for _, q := range m.w.sees(a.Room).Requests {
			if q.Invitee.RoomID == a.Room {
				return q.Inviter.RoomID
			}
		}
		return a.Others[0]
	}
	try := func(cmd Command) {
		err := n.do(a.Room, cmd)
		for err != nil && signaling.CodeOf(err) == -1 { // the same again, at the other node, as a client does
			n = m.live[1-a.Node]
			if err = n.do(a.Room, cmd); signaling.CodeOf(err) == -1 {
				return
			}
		}
	}
	switch a.Kind {
	case "ask":
		return func() {
			if _, err := n.ask(command, a.Room, time.Duration(a.Seconds)*time.Second, a.Others...); signaling.CodeOf(err) == -1 {
				_, _ = m.live[1-a.Node].ask(command, a.Room, time.Duration(a.Seconds)*time.Second, a.Others...)
			}
		}
	case "accept", "reject":
		cmd := Answer{command, a.Room, inviter(), a.Kind == "accept"}
		return func() { try(cmd) }
	case "cancel":
		return func() { try(Cancel{command, a.Room, a.Others}) }
	case "leave":
		return func() { try(Leave{command, a.Room}) }
	case "die":
		return func() { n.DieAt(a.Seconds/4, a.Seconds%2 == 0) }
	case "dismiss":
		return func() {
			m.w.endedOnce(a.Room)
			time.Sleep(time.Millisecond)
			m.w.dismiss(a.Room)
			if a.Seconds > 20 {
				time.Sleep(time.Duration(a.Seconds-20) * time.Second)
			}
			time.Sleep(time.Millisecond)
			m.w.create(a.Room, 6)
		}
	case "away":
		return func() { m.w.change(a.Room, func(h *home) { h.empty = !h.empty }) }
	case "deaf":
		return func() { m.w.change(a.Room, func(h *home) { h.deaf = !h.deaf }) }
	}
	return func() { time.Sleep(time.Duration(a.Seconds) * time.Second) }
}

func (m *model) ids() []signaling.RoomID {
	return []signaling.RoomID{"r1", "r2", "r3", "r4", "r5"}
}

// exclusive demands that no room is connected, or asked, in two connections.
func (m *model) exclusive() {
	docs, _ := m.w.stored()
	in := map[string]string{}
	for _, doc := range docs {
		doc, _, err := Apply(doc, Expire{}, time.Now())
		require.NoError(m.w.t, err)
		rooms, seats := 0, 0
		for _, s := range doc.Stays {
			if s.Live() {
				rooms++
				seats += s.Seats
			}
			if s.Status == Asked || s.Status == Connected {
				room := fmt.Sprint(s.RoomID, " ", s.Created)
				require.NotContains(m.w.t, in, room, "in two connections")
				in[room] = doc.ID
			}
		}
		require.LessOrEqual(m.w.t, rooms, signaling.MaxConnectedRooms)
		require.LessOrEqual(m.w.t, seats, signaling.MaxConnectedUsers)
		require.LessOrEqual(m.w.t, len(doc.Stays), maxStays)
	}
}
