package home

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/internal/store/memstore"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// all wants to be told everything.
type all struct{}

func (all) Wanted(signaling.AppID) bool            { return true }
func (all) Record(store.Key, uint64, Entry) []byte { return []byte("0") }

// TestCopier_keepsNoMoreThanItsQueue: nothing takes what it is fed with here.
func TestCopier_keepsNoMoreThanItsQueue(t *testing.T) {
	n := &Node{cfg: Config{Outbox: all{}}.withDefaults(), stopping: true}
	n.log, n.store = n.cfg.Logger, memstore.New().Node()
	c := n.newCopiers(t.Context(), store.Key{App: 1, Room: "r"}, 0, 0)[1]
	for i := range 10 * copyQueue {
		c.feed(uint64(i+1), Entry{Tell: i%2 == 0})
	}
	require.Len(t, c.queue, copyQueue)
	assert.EqualValues(t, 1, c.queue[0].rev)
	assert.EqualValues(t, 3, c.queue[1].rev, "what is not to be told is not kept")
	assert.True(t, c.missed)
	assert.False(t, c.covers(2))
	assert.True(t, c.covers(1), "there is nothing before the first")
}

func newToldDesk(t *testing.T) *desk {
	d := newDesk(t)
	d.node.cfg.Outbox = all{}
	return d
}

// said are the heartbeats among events.
func said(events []room.Event) (list []string) {
	for _, ev := range events {
		if ev.Heartbeat != nil {
			list = append(list, fmt.Sprint(ev.Heartbeat.Recovered, ev.Heartbeat.Users))
		}
	}
	return list
}

func TestHeartbeat_whatIsSaidLaterCounts(t *testing.T) {
	ann, away := who("ann", "s1", "a"), who("ann", "s1", "a")
	away.Away = true
	for name, c := range map[string]struct {
		list []request
		want bool // she is away
	}{
		"away":                                    {[]request{{Seq: 2, Heartbeat: away}}, true},
		"away, back":                              {[]request{{Seq: 2, Heartbeat: away}, {Seq: 3, Heartbeat: ann}}, false},
		"back overtakes away":                     {[]request{{Seq: 3, Heartbeat: ann}, {Seq: 2, Heartbeat: away}}, false},
		"announced as away":                       {[]request{{Seq: 2, Announce: announces("a", away)}}, true},
		"announced before she went":               {[]request{{Seq: 3, Heartbeat: away}, {Seq: 2, Announce: announces("a", ann)}}, true},
		"announced as back":                       {[]request{{Seq: 2, Heartbeat: away}, {Seq: 3, Announce: announces("a", ann)}}, false},
		"another session comes in":                {[]request{{Seq: 2, Heartbeat: away}, {Seq: 1, Enter: who("ann", "s2", "b")}}, false},
		"another session, which ends":             {[]request{{Seq: 2, Heartbeat: away}, {Seq: 1, Enter: who("ann", "s2", "b")}, {Seq: 2, Exit: who("ann", "s2", "b")}}, true},
		"a session that nobody knows":             {[]request{{Seq: 2, Heartbeat: &Member{User: ann.User, Session: "s9", Node: "a", Away: true}}}, false},
		"enters again by the same session":        {[]request{{Seq: 2, Heartbeat: away}, {Seq: 3, Enter: ann}}, false},
		"entered before, which is heard only now": {[]request{{Seq: 3, Heartbeat: away}, {Seq: 2, Enter: ann}}, true},
	} {
		t.Run(name, func(t *testing.T) {
			d := newToldDesk(t)
			d.ask(request{Seq: 1, Enter: ann})
			for _, r := range c.list {
				d.ask(r)
			}
			assert.Equal(t, c.want, d.silent["ann"])
			_, events := d.ask(request{Seq: 9, Heartbeat: ann})
			if c.want {
				assert.Equal(t, []string{"true [ann]"}, said(events))
			} else {
				assert.Empty(t, said(events))
			}
			assert.Empty(t, d.silent)
		})
	}
}

func TestHeartbeat_atANewHome_waitsForItsNodesWord(t *testing.T) {
	d := newToldDesk(t)
	d.gatherUntil = time.Now().Add(time.Hour)
	away := who("ann", "s1", "a")
	away.Away = true
	r, _ := d.ask(request{Seq: 2, Heartbeat: away})
	assert.True(t, r.Moved, "ask again")
	d.ask(request{Seq: 1, Announce: announces("a", who("ann", "s1", "a"))})
	r, events := d.ask(request{Seq: 2, Heartbeat: away})
	assert.False(t, r.Moved)
	assert.Equal(t, []string{"false [ann]"}, said(events))
}

// TestAnnounced: whom the log would have to know, if they had come in before.
func TestAnnounced_isToldToHaveEntered_whereTheLogKnowsEverybody(t *testing.T) {
	for _, complete := range []bool{false, true} {
		d := newToldDesk(t)
		d.complete = complete
		_, events := d.ask(request{Seq: 1, Announce: announces("a", who("ann", "s1", "a"))})
		assert.Equal(t, complete, len(events) == 1)
		_, events = d.ask(request{Seq: 2, Enter: who("ann", "s1", "a")})
		assert.Equal(t, complete, len(events) == 0, "once")
	}
}

func TestRoster_tooLongForAnEntry_isLeftOut(t *testing.T) {
	d := newToldDesk(t)
	for i := range 500 {
		d.ask(request{Seq: 1, Enter: who(signaling.UserID(fmt.Sprint("user", i)), fmt.Sprint(i), "a")})
	}
	require.NotNil(t, d.roster())
	assert.Len(t, d.roster().Users, 500)
	for i := range 3000 {
		d.present[signaling.UserID(fmt.Sprint("another user", i))] = presence{}
	}
	assert.Nil(t, d.roster())
}
