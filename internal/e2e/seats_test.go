package e2e

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/internal/home"
	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// keepAll is a store that forgets nothing, so that a test can read a room's whole life.
type keepAll struct{ store.Store }

func (keepAll) Trim(context.Context, store.Key, uint64) error   { return nil }
func (keepAll) Remove(context.Context, store.Key, uint64) error { return nil }

// sitter takes seats and gets up again, and notes which commands were acknowledged.
type sitter struct {
	url   string
	room  *engine.Room
	acked []string // command ids
	other []error  // answers that are neither success nor one of the refusals that a race brings
}

func (s *sitter) run(ctx context.Context, until time.Time) {
	seated := false
	for time.Now().Before(until) && ctx.Err() == nil {
		id := rand.Text()
		var err error
		if seated {
			err = s.room.Call(ctx, signaling.MethodLeaveSeat, signaling.RoomParams{CommandID: id, RoomID: s.room.ID()}, nil)
		} else {
			err = s.room.Call(ctx, signaling.MethodTakeSeat, signaling.TakeSeatParams{CommandID: id, RoomID: s.room.ID(), Index: engine.AnySeat}, nil)
		}
		switch signaling.CodeOf(err) {
		case 0:
			s.acked = append(s.acked, id)
			seated = !seated
		case engine.ErrAllSeatsOccupied.Code:
		case engine.ErrAlreadyOnSeat.Code:
			seated = true // of a command whose answer was lost
		case engine.ErrNotOnSeat.Code:
			seated = false
		case signaling.ErrFreqLimit.Code, signaling.ErrServer.Code: // try again: the next round does
		default:
			s.other = append(s.other, err)
			return
		}
		// 50 calls a second are a client's limit.
		select {
		case <-time.After(25 * time.Millisecond):
		case <-ctx.Done():
		}
	}
}

func enter(t *testing.T, url string, user engine.UserID, room engine.RoomID) *sitter {
	t.Helper()
	r, err := login(t, url, user).Enter(t.Context(), room, nil)
	require.NoError(t, err)
	return &sitter{url: url, room: r}
}

// entries reads a room's log and checks that it is whole: every version once, in order, never an older epoch.
func entries(t *testing.T, st store.Store, room engine.RoomID) []home.Entry {
	t.Helper()
	raw, err := st.Since(t.Context(), store.Key{App: app, Room: room}, time.Time{})
	require.NoError(t, err)
	var list []home.Entry
	for _, r := range raw {
		var e home.Entry
		require.NoError(t, json.Unmarshal(r.Data, &e))
		if len(list) > 0 {
			before := list[len(list)-1]
			require.Equal(t, before.Version+1, e.Version, "a version is missing or twice in the log")
			require.GreaterOrEqual(t, e.Epoch, before.Epoch, "an entry of a former home came after its successor's")
		}
		list = append(list, e)
	}
	return list
}

// checkAcked finds every acknowledged command in the log exactly once.
func checkAcked(t *testing.T, log []home.Entry, sitters []*sitter) {
	t.Helper()
	times := map[string]int{}
	for _, e := range log {
		for _, d := range e.Done {
			_, id, _ := strings.Cut(d.ID, "\x00")
			times[id]++
		}
	}
	total := 0
	for _, s := range sitters {
		require.Empty(t, s.other)
		for _, id := range s.acked {
			total++
			require.Equal(t, 1, times[id], "an acknowledged command is in the log this many times")
		}
	}
	for id, n := range times {
		require.Equal(t, 1, n, "command %s is in the log twice", id)
	}
	require.Greater(t, total, 50, "too few commands for a test")
	t.Logf("%d acknowledged commands in %d entries", total, len(log))
}

// sameSeats waits until a client sees the seats of the log's newest entry.
func sameSeats(t *testing.T, r *engine.Room, want []signaling.SeatInfo) {
	t.Helper()
	changed := make(chan struct{}, 1)
	remove := r.AddObserver(&engine.RoomObserver{OnSeatListChanged: func([]engine.SeatInfo, []engine.UserInfo, []engine.UserInfo) {
		select {
		case changed <- struct{}{}:
		default:
		}
	}})
	defer remove()
	timeout := time.After(10 * time.Second)
	for !slices.Equal(r.Seats(), want) {
		select {
		case <-changed:
		case <-timeout:
			require.Equal(t, want, r.Seats(), "a client ends with other seats than the log")
		}
	}
}

// Users of two nodes take and leave few seats of one room at once: every acknowledged change is in the log once, and
// everybody ends with the same state.
func TestSeatCommandsFromTwoNodesAtOnce(t *testing.T) {
	first, second := openStores(t)
	urls := []string{startNode(t, keepAll{first}), startNode(t, keepAll{second})}
	owner := login(t, urls[0], "owner")
	_, err := owner.Create(t.Context(), engine.RoomInfo{RoomID: "room", SeatMode: engine.FreeToTake, MaxSeatCount: 3})
	require.NoError(t, err)
	var sitters []*sitter
	for i := range 8 {
		sitters = append(sitters, enter(t, urls[i%2], engine.UserID("user"+string(rune('a'+i))), "room"))
	}
	var wg sync.WaitGroup
	until := time.Now().Add(time.Second)
	for _, s := range sitters {
		wg.Go(func() { s.run(t.Context(), until) })
	}
	wg.Wait()
	log := entries(t, first, "room")
	checkAcked(t, log, sitters)
	for _, s := range sitters {
		sameSeats(t, s.room, log[len(log)-1].State.Seats)
	}
}
