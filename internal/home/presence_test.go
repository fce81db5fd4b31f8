package home

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// desk is a home without its goroutine and store: it decides what it is given, in the order in which it is given.
type desk struct {
	t testing.TB
	*home

	turn *turn  // the last one
	last uint64 // of what node "a" has said
}

func newDesk(t testing.TB) *desk {
	n := &Node{cfg: Config{ID: "a"}.withDefaults(), alive: map[store.NodeID]bool{"a": true, "b": true}}
	n.log = n.cfg.Logger
	s, _, err := room.Apply(room.State{}, room.Command{
		ID: "c", By: signaling.UserInfo{UserID: "owner"},
		Action: room.Create{Info: signaling.RoomInfo{RoomID: "r", SeatMode: signaling.FreeToTake}, SeatLimit: 20},
	}, time.Now())
	require.NoError(t, err)
	return &desk{t: t, home: n.newHome(store.Key{App: 1, Room: "r"}, Entry{Version: 1, State: s}, 1)}
}

// ask decides one request and commits it; each has one answer.
func (d *desk) ask(req request) (reply, []room.Event) {
	d.t.Helper()
	answers := 0
	var got reply
	turn, rest := d.decide([]call{{request: req, answer: func(r reply) { got = r; answers++ }}})
	require.Empty(d.t, rest)
	d.turn = turn
	d.entry.State = turn.state
	turn.answerAll(d.entry)
	require.Equal(d.t, 1, answers)
	return got, turn.events
}

func (d *desk) here() (list []string) {
	for u, p := range d.present {
		for _, s := range p.sessions {
			list = append(list, fmt.Sprint(u, "/", s.id))
		}
	}
	return list
}

func who(u signaling.UserID, session string, node store.NodeID) *Member {
	return &Member{User: signaling.UserInfo{UserID: u}, Session: session, Node: node}
}

func announces(node store.NodeID, list ...*Member) *announcement {
	a := &announcement{Node: node}
	for _, m := range list {
		a.Members = append(a.Members, *m)
	}
	return a
}

func TestPresence_whateverOvertakesWhat(t *testing.T) {
	ann := who("ann", "s1", "a")
	for name, c := range map[string]struct {
		list []request
		want []string
	}{
		"enter":                                   {[]request{{Seq: 1, Enter: ann}}, []string{"ann/s1"}},
		"enter, exit":                             {[]request{{Seq: 1, Enter: ann}, {Seq: 2, Exit: ann}}, nil},
		"exit overtakes the enter before it":      {[]request{{Seq: 2, Exit: ann}, {Seq: 1, Enter: ann}}, nil},
		"exit, enter again":                       {[]request{{Seq: 1, Enter: ann}, {Seq: 2, Exit: ann}, {Seq: 3, Enter: ann}}, []string{"ann/s1"}},
		"enter again overtakes the exit":          {[]request{{Seq: 1, Enter: ann}, {Seq: 3, Enter: ann}, {Seq: 2, Exit: ann}}, []string{"ann/s1"}},
		"announced before the exit, heard after":  {[]request{{Seq: 1, Enter: ann}, {Seq: 3, Exit: ann}, {Seq: 2, Announce: announces("a", ann)}}, nil},
		"listed before the enter, heard after":    {[]request{{Seq: 2, Enter: ann}, {Seq: 1, Announce: announces("a")}}, []string{"ann/s1"}},
		"not announced any more":                  {[]request{{Seq: 1, Enter: ann}, {Seq: 2, Announce: announces("a")}}, nil},
		"not announced by another node":           {[]request{{Seq: 1, Enter: ann}, {Seq: 2, Announce: announces("b")}}, []string{"ann/s1"}},
		"two sessions, the old one exits":         {[]request{{Seq: 1, Enter: ann}, {Seq: 1, Enter: who("ann", "s2", "b")}, {Seq: 2, Exit: ann}}, []string{"ann/s2"}},
		"new session, old one announced late":     {[]request{{Seq: 1, Enter: who("ann", "s2", "b")}, {Seq: 1, Announce: announces("a", ann)}, {Seq: 2, Exit: ann}}, []string{"ann/s2"}},
		"left by wish, announced before it heard": {[]request{{Seq: 1, Enter: ann}, {Seq: 2, From: "a", Command: &room.Command{By: ann.User, Action: room.Leave{}}}, {Seq: 3, Announce: announces("a", ann)}}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t)
			for _, r := range c.list {
				d.ask(r)
			}
			assert.Equal(t, c.want, d.here())
			sessions := 0
			for _, n := range d.nodes {
				sessions += n
			}
			assert.Equal(t, len(c.want), sessions)
		})
	}
}

func TestEnter_ofOneWhoWasAnnouncedFirst_isTold(t *testing.T) {
	d := newDesk(t)
	ann := who("ann", "s1", "a")
	_, events := d.ask(request{Seq: 1, Announce: announces("a", ann)})
	assert.Empty(t, events)
	_, events = d.ask(request{Seq: 2, Enter: ann})
	assert.Len(t, events, 1)
	_, events = d.ask(request{Seq: 3, Enter: ann})
	assert.Empty(t, events, "once")
}

func TestEnter_intoAFullRoom_isRefused_exceptForMembers(t *testing.T) {
	d := newDesk(t)
	d.node.cfg.MemberLimit = 1
	d.ask(request{Seq: 1, Enter: who("ann", "s1", "a")})
	r, _ := d.ask(request{Seq: 2, Enter: who("bob", "s2", "a")})
	assert.Equal(t, signaling.ErrRoomFull.Code, r.Code)
	r, _ = d.ask(request{Seq: 3, Enter: who("ann", "s3", "b")})
	assert.Zero(t, r.Code)
}

func TestAnnouncements_areCutIntoPartsThatCoverEverybodyOnce(t *testing.T) {
	var all []Member
	for i := range 2000 {
		all = append(all, Member{User: signaling.UserInfo{UserID: signaling.UserID(fmt.Sprint(i * 7919 % 2000)), UserName: strings.Repeat("<", 100)}, Session: fmt.Sprint(i)})
	}
	parts := announcements("a", all)
	assert.Greater(t, len(parts), 5)
	seen := 0
	for i, p := range parts {
		seen += len(p.Members)
		for _, m := range p.Members {
			for j, q := range parts {
				require.Equal(t, i == j, q.covers(m.User.UserID))
			}
			require.Equal(t, store.NodeID("a"), m.Node)
		}
	}
	assert.Equal(t, 2000, seen)
	assert.Len(t, announcements("a", nil), 1, "nobody is news, too")
	assert.True(t, announcements("a", nil)[0].covers("anybody"))
}

func TestDismissal_getsATurnOfItsOwn(t *testing.T) {
	d := newDesk(t)
	var batch []call
	for i := range 3 {
		batch = append(batch, call{request: request{Seq: uint64(i), Enter: who(signaling.UserID(fmt.Sprint("u", i)), fmt.Sprint("s", i), "a")}})
	}
	batch = append(batch, call{request: request{Command: &room.Command{ID: "d", Action: room.Dismiss{}}}})
	turn, rest := d.decide(batch)
	assert.Len(t, turn.calls, 3)
	assert.True(t, turn.flush)
	require.Len(t, rest, 1)
}
