package server

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/internal/home"
	"github.com/openvoiceroom/openvoiceroom/internal/race"
	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// slowRoom is a replica with members whose links nobody writes out.
func slowRoom(members int) (r *replica, list []*membership) {
	r, _ = inProcess(members)
	r.srv = &Server{metrics: &metrics{events: prometheus.NewCounter(prometheus.CounterOpts{Name: "x"})}}
	for m := range r.members {
		m.session.srv = r.srv
		list = append(list, m)
	}
	return r, list
}

func (r *replica) tell(members int, events ...signaling.Event) {
	e := home.Entry{Version: r.entry.Version + 1, Members: members}
	for _, ev := range events {
		e.Events = append(e.Events, room.Event{Event: ev})
	}
	r.deliver(e, true)
}

// queued takes what waits for a client.
func queued(t *testing.T, l *link) (list []signaling.RoomEvents) {
	t.Helper()
	for len(l.out) > 0 {
		m, err := signaling.DecodeMessage(<-l.out)
		require.NoError(t, err)
		var p signaling.RoomEvents
		require.NoError(t, json.Unmarshal(m.Params, &p))
		list = append(list, p)
	}
	return list
}

// A slow client is not cut off by a crowd, sees no gap, and knows the true number as soon as it has read.
func TestSlowClientIsOwedTheCount(t *testing.T) {
	r, members := slowRoom(1)
	l := members[0].session.link.Load()
	for i := range 2 * signaling.MaxQueue {
		r.tell(i+1, signaling.UsersEntered{Users: []signaling.UserInfo{{UserID: "u"}}, Count: i + 1})
	}
	select {
	case <-l.quit:
		t.Fatal("cut off")
	default:
	}
	list := queued(t, l)
	require.Len(t, list, signaling.MaxQueue/2)
	last := list[len(list)-1].Version
	require.True(t, l.owing.Load())
	l.makeUp()
	require.False(t, l.owing.Load())
	count := signaling.UsersEntered{Users: []signaling.UserInfo{}, Count: 2 * signaling.MaxQueue}
	require.Equal(t, []signaling.RoomEvents{{RoomID: "r", Version: 2 * signaling.MaxQueue, Prev: last, Events: signaling.EventList{count}}}, queued(t, l))
	l.makeUp()
	require.Empty(t, queued(t, l), "once")

	// What is no presence is told at once, with the count.
	for i := range signaling.MaxQueue {
		r.tell(i+1, signaling.UsersLeft{Users: []signaling.UserInfo{{UserID: "u"}}, Count: i + 1})
	}
	r.tell(300, signaling.SeatsChanged{Seats: []signaling.SeatInfo{{Index: 1}}})
	list = queued(t, l)
	require.Len(t, list, signaling.MaxQueue/2+1)
	require.Equal(t, list[len(list)-2].Version, list[len(list)-1].Prev)
	count.Count = 300
	require.Equal(t, signaling.EventList{signaling.SeatsChanged{Seats: []signaling.SeatInfo{{Index: 1}}}, count}, list[len(list)-1].Events)
	l.makeUp()
	require.Empty(t, queued(t, l), "it has been told")
	r.tell(301, signaling.UsersEntered{Users: []signaling.UserInfo{{UserID: "u"}}, Count: 301})
	require.Len(t, queued(t, l), 1)
}

// A client that was away is told everything by its return.
func TestClientThatWentIsOwedNothing(t *testing.T) {
	r, members := slowRoom(1)
	l := members[0].session.link.Load()
	for i := range signaling.MaxQueue {
		r.tell(i+1, signaling.UsersEntered{Users: []signaling.UserInfo{{UserID: "u"}}, Count: i + 1})
	}
	r.pause(members[0])
	queued(t, l)
	l.makeUp()
	require.Empty(t, queued(t, l))
}

// What many are told is encoded once.
func TestDeliveryAllocatesNothingForAMember(t *testing.T) {
	if race.Enabled {
		t.Skip("the race detector allocates")
	}
	cost := func(members int) float64 {
		r, list := slowRoom(members)
		entered := []signaling.UserInfo{{UserID: "u"}}
		return testing.AllocsPerRun(500, func() {
			r.tell(1, signaling.UsersEntered{Users: entered, Count: 1})
			for _, m := range list {
				l := m.session.link.Load()
				for len(l.out) > 0 {
					<-l.out
				}
			}
		})
	}
	few, many := cost(1), cost(100)
	require.Less(t, many-few, 1.0, fmt.Sprint(few, " and ", many))
}
