package home

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// wantsAll is an app that wants to be told of everything.
type wantsAll struct{}

func (wantsAll) Wanted(signaling.AppID) bool            { return true }
func (wantsAll) Record(store.Key, uint64, Entry) []byte { return nil }

// onDesk runs f with a desk whose room has 300 members, of whom everybody has been told, while time stands still.
func onDesk(t *testing.T, f func(t *testing.T, d *desk)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		d := newDesk(t)
		for i := range 300 {
			d.come(fmt.Sprintf("u%04d", i))
		}
		d.told()
		f(t, d)
	})
}

func (d *desk) come(u string) {
	d.ask(request{From: "a", Seq: d.seq(), Enter: who(signaling.UserID(u), u, "a")})
	d.keep()
}

func (d *desk) quit(u string) {
	d.ask(request{From: "a", Seq: d.seq(), Exit: who(signaling.UserID(u), u, "a")})
	d.keep()
}

func (d *desk) seq() uint64 { d.last++; return d.last }

// keep takes over what the last turn has left pending, as commit does.
func (d *desk) keep() { d.pending, d.pendingSize = d.turn.events, d.turn.size }

// told lets the digest fall due, and returns everything that is pending then.
func (d *desk) told() []room.Event {
	d.crowd.due = time.Now().Add(-time.Millisecond)
	if len(d.crowd.changed) == 0 {
		d.crowd.due = time.Time{}
	}
	turn, _ := d.decide(nil)
	d.pending, d.pendingSize = nil, 0
	return turn.events
}

func TestCrowd_isADigest(t *testing.T) {
	for name, c := range map[string]struct {
		do            func(d *desk)
		entered, left string
		more          int // who entered and are not named
	}{
		"one comes":                  {do: func(d *desk) { d.come("new") }, entered: "new"},
		"one goes":                   {do: func(d *desk) { d.quit("u0007") }, left: "u0007"},
		"who comes and goes at once": {do: func(d *desk) { d.come("new"); d.quit("new") }},
		"who goes and comes again":   {do: func(d *desk) { d.quit("u0007"); d.come("u0007") }, entered: "u0007", left: "u0007"},
		"goes, comes, goes":          {do: func(d *desk) { d.quit("u0007"); d.come("u0007"); d.quit("u0007") }, left: "u0007"},
		"comes, goes, comes":         {do: func(d *desk) { d.come("new"); d.quit("new"); d.come("new") }, entered: "new"},
		"they are in order":          {do: func(d *desk) { d.come("b"); d.come("c"); d.come("a") }, entered: "b,c,a"},
		"of those who go, the newest": {do: func(d *desk) {
			for i := range 25 {
				d.quit(fmt.Sprintf("u%04d", i))
			}
		}, left: "u0005,u0006,u0007,u0008,u0009,u0010,u0011,u0012,u0013,u0014,u0015,u0016,u0017,u0018,u0019,u0020,u0021,u0022,u0023,u0024"},
		"of many, the newest": {do: func(d *desk) {
			for i := range 1000 {
				d.come(fmt.Sprintf("n%04d", i))
			}
		}, entered: "n0980,n0981,n0982,n0983,n0984,n0985,n0986,n0987,n0988,n0989,n0990,n0991,n0992,n0993,n0994,n0995,n0996,n0997,n0998,n0999", more: 980},
		"the owner is always named": {do: func(d *desk) {
			d.come("owner")
			for i := range 1000 {
				d.come(fmt.Sprintf("n%04d", i))
			}
		}, entered: "n0981,n0982,n0983,n0984,n0985,n0986,n0987,n0988,n0989,n0990,n0991,n0992,n0993,n0994,n0995,n0996,n0997,n0998,n0999,owner", more: 981},
	} {
		t.Run(name, func(t *testing.T) {
			onDesk(t, func(t *testing.T, d *desk) {
				c.do(d)
				assert.Empty(t, d.pending, "not yet")
				var entered, left []string
				for i, e := range d.told() {
					assert.Equal(t, room.ForMembers, e.For)
					switch e := e.Event.(type) {
					case signaling.UsersEntered:
						assert.Equal(t, len(d.present), e.Count)
						assert.Equal(t, c.more, e.More)
						entered = ids(e.Users)
					case signaling.UsersLeft:
						assert.Zero(t, i, "they leave first")
						left = ids(e.Users)
					}
				}
				assert.Equal(t, c.entered, strings.Join(entered, ","))
				assert.Equal(t, c.left, strings.Join(left, ","))
				assert.Empty(t, d.told(), "once")
			})
		})
	}
}

func ids(users []signaling.UserInfo) (list []string) {
	for _, u := range users {
		list = append(list, string(u.UserID))
	}
	return list
}

func TestCrowd_ofAnAppThatWantsToKnow_isToldOneByOne(t *testing.T) {
	onDesk(t, func(t *testing.T, d *desk) {
		d.node.cfg.Outbox = wantsAll{}
		d.come("new")
		d.quit("u0007")
		d.come("u0007")
		d.quit("new")
		var said []string
		for _, e := range d.pending {
			assert.Equal(t, room.ForApp, e.For)
			said = append(said, fmt.Sprintf("%T %v", e.Event, e.Event))
		}
		assert.Equal(t, []string{
			"signaling.UsersEntered {[{new   0 GeneralUser}] 301 301 0}", "signaling.UsersLeft {[{u0007   0 GeneralUser}] 300 0}",
			"signaling.UsersEntered {[{u0007   0 GeneralUser}] 301 302 0}", "signaling.UsersLeft {[{new   0 GeneralUser}] 300 0}",
		}, said, "in order, and nothing but ids")
		assert.Len(t, d.told(), len(said)+2, "the members' digest comes behind it")
	})
}

func TestCrowd_isToldBeforeASeatChanges(t *testing.T) {
	onDesk(t, func(t *testing.T, d *desk) {
		d.come("new")
		d.ask(request{From: "a", Seq: d.seq(), Command: &room.Command{ID: "1", By: signaling.UserInfo{UserID: "new"}, Action: room.TakeSeat{Index: 1}}})
		require.Len(t, d.turn.events, 2)
		assert.IsType(t, signaling.UsersEntered{}, d.turn.events[0].Event)
		assert.IsType(t, signaling.SeatsChanged{}, d.turn.events[1].Event)
		assert.True(t, d.turn.changed, "and the seat waits for nothing")
	})
}

func TestCrowd_withTheLongestNames_staysSmall(t *testing.T) {
	onDesk(t, func(t *testing.T, d *desk) {
		for i := range 100 {
			u := signaling.UserInfo{UserID: signaling.UserID(fmt.Sprintf("%032d", i)), UserName: strings.Repeat("\u2028", 33), AvatarURL: strings.Repeat("<", 200)}
			d.ask(request{From: "a", Seq: d.seq(), Enter: &Member{User: u, Session: string(u.UserID), Node: "a"}})
		}
		list := d.told()
		require.Len(t, list, 1)
		b, err := json.Marshal(list)
		require.NoError(t, err)
		assert.Less(t, len(b), 2*digestBytes)
		e := list[0].Event.(signaling.UsersEntered)
		assert.NotEmpty(t, e.Users)
		assert.Equal(t, 100, len(e.Users)+e.More)
	})
}

func TestCrowd_ofARoomThatEnds_isForgotten(t *testing.T) {
	onDesk(t, func(t *testing.T, d *desk) {
		d.come("new")
		_, events := d.ask(request{Command: &room.Command{ID: "d", Action: room.Dismiss{}}})
		last := events[len(events)-1]
		assert.IsType(t, signaling.RoomDismissed{}, last.Event)
		assert.Empty(t, d.told())
	})
}

func TestAudience(t *testing.T) {
	d := newDesk(t)
	d.come("owner")
	for i := range 150 {
		d.come(fmt.Sprintf("u%03d", i))
	}
	d.quit("u148")
	d.ask(request{From: "a", Seq: d.seq(), Command: &room.Command{ID: "1", By: signaling.UserInfo{UserID: "owner"}, Action: room.ChangeRole{User: "u149", Role: signaling.Administrator}}})
	r, _ := d.ask(request{Audience: true})
	require.NotNil(t, r.Audience)
	assert.Equal(t, 149, r.Audience.Total, "without the owner")
	require.Len(t, r.Audience.Users, signaling.AudienceLimit)
	assert.Equal(t, []string{"u149", "u147", "u146"}, ids(r.Audience.Users)[:3], "the newest first")
	assert.Equal(t, signaling.Administrator, r.Audience.Users[0].Role)
	d.come("u010")
	d.quit("owner")
	r, _ = d.ask(request{Audience: true})
	assert.NotEqual(t, "u010", ids(r.Audience.Users)[0], "a second session is no new arrival")
	assert.Equal(t, 149, r.Audience.Total)
	assert.Len(t, d.arrivals, len(d.present))
}

// A new home learns from the nodes who came when.
func TestAudience_ofANewHome(t *testing.T) {
	d := newDesk(t)
	member := func(u string, since int64) *Member {
		m := who(signaling.UserID(u), "s"+u, "b")
		m.Since = since
		return m
	}
	d.ask(request{Seq: 1, Announce: announces("b", member("a", 3000), member("b", 1000), member("c", 2000), member("d", 2000))})
	d.come("new")
	r, _ := d.ask(request{Audience: true})
	assert.Equal(t, []string{"new", "a", "d", "c", "b"}, ids(r.Audience.Users))
}

// BenchmarkEnter is what one more member costs a room's home that has so many.
func BenchmarkEnter(b *testing.B) {
	for _, members := range []int{1000, 10_000} {
		b.Run(fmt.Sprint(members), func(b *testing.B) {
			d := newDesk(b)
			for i := range members {
				d.come(fmt.Sprint("u", i))
			}
			i := 0
			for b.Loop() {
				i++
				d.come(fmt.Sprint("n", i))
				d.quit(fmt.Sprint("n", i))
			}
		})
	}
}

// BenchmarkList is one page of a large room's members, and its audience.
func BenchmarkList(b *testing.B) {
	for _, members := range []int{1000, 10_000} {
		d := newDesk(b)
		for i := range members {
			d.come(fmt.Sprint("u", i))
		}
		turn, _ := d.decide(nil)
		b.Run(fmt.Sprint("search/", members), func(b *testing.B) {
			for b.Loop() {
				d.list(turn, Query{Keyword: "name", Limit: 50})
			}
		})
		b.Run(fmt.Sprint("page/", members), func(b *testing.B) {
			for b.Loop() {
				d.list(turn, Query{Limit: 50})
			}
		})
		b.Run(fmt.Sprint("audience/", members), func(b *testing.B) {
			for b.Loop() {
				d.audience(turn)
			}
		})
	}
}
