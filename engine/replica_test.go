package engine

import (
	"context"
	"log/slog"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/audio/music"
	"github.com/openvoiceroom/openvoiceroom/internal/dispatch"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// offline is a room without a server: only what it makes of what it is told is tested.
func offline(t *testing.T, o *RoomObserver) *Room {
	t.Helper()
	log := slog.New(slog.DiscardHandler)
	r := &Room{
		music: &Music{player: music.New(music.Config{})},
		eng:   &Engine{rooms: map[RoomID]*Room{}}, log: log, id: "room", events: dispatch.New(log), joined: true,
		waiting: map[string]awaited{}, done: make(chan struct{}),
	}
	r.observers.Add(o, r.events.Inside)
	r.view.Self.UserID = "me"
	r.view.Seats = make([]SeatInfo, 3)
	t.Cleanup(func() { r.eng.wg.Wait() })
	return r
}

func TestEndsThatNobodyWaitsForAreForgotten(t *testing.T) {
	r := offline(t, &RoomObserver{})
	for i := range 10 * maxEnded {
		r.requestEnded(signaling.RequestEnded{Request: Request{RequestID: strconv.Itoa(i), From: UserInfo{UserID: "me"}}, Result: Cancelled})
	}
	r.events.Close()
	require.Len(t, r.ended, maxEnded)
	end, err := r.Await(t.Context(), strconv.Itoa(10*maxEnded-1), "me")
	require.NoError(t, err, "the newest is kept")
	require.Equal(t, Cancelled, end.Type)
}

// What a snapshot shows to have changed is told as the missed events would have told it.
func TestMissedAudioIsTold(t *testing.T) {
	var told []string
	r := offline(t, &RoomObserver{
		OnUserAudioStateChanged: func(u UserInfo, on bool, _ ChangeReason) {
			told = append(told, string(u.UserID)+" "+strconv.FormatBool(on)+" "+u.Role.String())
		},
		OnSeatListChanged: func(_ []SeatInfo, seated, _ []UserInfo) {
			for _, u := range seated {
				told = append(told, string(u.UserID)+" sits "+u.Role.String())
			}
		},
		OnRoomUserCountChanged: func(_ RoomID, n int) { told = append(told, strconv.Itoa(n)) },
	})
	r.asking = true
	r.view.Seats = []SeatInfo{{UserID: "gone", Mic: MicOn}, {UserID: "moved", Mic: MicOn}, {UserID: "silenced", Mic: MicOn}}
	now := r.view
	now.Version, now.Room.MemberCount, now.Admins = 7, 4, []UserID{"new"}
	now.Seats = []SeatInfo{{UserID: "moved", Mic: MicOn}, {UserID: "new", Mic: MicOn}, {UserID: "silenced", Mic: MicOffByAdmin}}
	require.True(t, r.caughtUp(now, nil))
	r.events.Close()
	require.ElementsMatch(t, []string{
		"moved sits GeneralUser", "new sits Administrator",
		"gone false GeneralUser", "silenced false GeneralUser", "new true Administrator", "4",
	}, told)
	require.False(t, r.asking)
}

// When a verb has returned, reads show its effect, also while a snapshot is under way, behind which its events wait.
func TestVerbsWaitForTheSnapshot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := offline(t, &RoomObserver{})
		defer r.events.Close()
		r.upToDate(t.Context()) // nothing is under way
		r.asking = true
		r.early = []signaling.RoomEvents{{Version: 6, Prev: 5}}
		seen := make(chan uint64, 1)
		go func() {
			r.upToDate(t.Context())
			seen <- r.view.Version
		}()
		synctest.Wait()
		require.Empty(t, seen)
		r.mu.Lock()
		s := r.view
		s.Version = 5
		require.True(t, r.caughtUp(s, nil))
		r.mu.Unlock()
		require.EqualValues(t, 6, <-seen)

		r.asking = true
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		r.upToDate(ctx) // who does not want to wait does not have to
	})
}

// A second gap behind the snapshot is asked for again: in a quiet room nothing else would.
func TestGapBehindTheSnapshotIsAskedForAgain(t *testing.T) {
	r := offline(t, &RoomObserver{})
	r.asking = true
	r.early = []signaling.RoomEvents{{Version: 6, Prev: 5}, {Version: 9, Prev: 8}}
	s := r.view
	s.Version = 5
	require.False(t, r.caughtUp(s, nil))
	require.True(t, r.asking)
	require.EqualValues(t, 6, r.view.Version)
	require.Len(t, r.early, 1)
	s.Version = 9
	require.True(t, r.caughtUp(s, nil))
	require.Empty(t, r.early)
	r.events.Close()
}

// The room's end can be among what was missed: then the refusal of the snapshot is the only sign of it.
func TestRefusedSnapshotEndsTheRoom(t *testing.T) {
	for err, want := range map[error]string{signaling.ErrRoomNotExist: "dismissed", signaling.ErrNotInRoom: "kicked out"} {
		var told string
		r := offline(t, &RoomObserver{
			OnRoomDismissed:   func(RoomID, DismissedReason) { told = "dismissed" },
			OnKickedOutOfRoom: func(RoomID, KickedOutReason, string) { told = "kicked out" },
		})
		require.True(t, r.caughtUp(signaling.Snapshot{}, err))
		<-r.Done()
		r.events.Close()
		require.Equal(t, want, told)
		require.ErrorIs(t, r.Err(), err)
	}
}

// The reason may wait behind the gap that the snapshot was to close.
func TestRefusedSnapshotTellsTheReasonThatIsKnown(t *testing.T) {
	var told KickedOutReason
	r := offline(t, &RoomObserver{OnKickedOutOfRoom: func(_ RoomID, why KickedOutReason, _ string) { told = why }})
	r.asking = true
	r.early = []signaling.RoomEvents{{Version: 9, Prev: 8, Events: signaling.EventList{signaling.KickedOutOfRoom{Reason: KickedForTooManyRooms}}}}
	require.True(t, r.caughtUp(signaling.Snapshot{}, ErrNotInRoom))
	r.events.Close()
	require.Equal(t, KickedForTooManyRooms, told)
}

// A request whose end nobody can tell any more does not keep its sender waiting: what has come of it shows in the seats.
func TestWaitingEndsWithWhatTheSnapshotShows(t *testing.T) {
	for name, c := range map[string]struct {
		seats    UserID
		seatedAt UserID // who sits on a seat by now
		pending  bool
		want     RequestResultType
	}{
		"an application that was accepted":                  {"me", "me", false, Accepted},
		"an application that was not":                       {"me", "other", false, Cancelled},
		"an invitation that was accepted":                   {"other", "other", false, Accepted},
		"an invitation that was not, by a manager who sits": {"other", "me", false, Cancelled},
		"a request that is pending":                         {"me", "other", true, Rejected},
	} {
		t.Run(name, func(t *testing.T) {
			r := offline(t, &RoomObserver{})
			r.asking = true
			got := make(chan RequestEnd, 1)
			waiting := make(chan struct{})
			r.eng.wg.Go(func() {
				close(waiting)
				end, err := r.Await(t.Context(), "1", c.seats)
				require.NoError(t, err)
				got <- end
			})
			<-waiting
			now := r.view
			now.Version = 9
			now.Seats = []SeatInfo{{UserID: c.seatedAt}, {Index: 1}, {Index: 2}}
			if c.pending {
				now.Requests = []Request{{RequestID: "1", From: r.view.Self}}
			}
			r.mu.Lock()
			require.True(t, r.caughtUp(now, nil))
			r.mu.Unlock()
			if c.pending {
				require.Empty(t, got)
				r.received(signaling.RoomEvents{Version: 10, Prev: 9, Events: signaling.EventList{
					signaling.RequestEnded{Request: now.Requests[0], Result: Rejected, By: UserInfo{UserID: "host"}},
				}})
			}
			require.Equal(t, c.want, (<-got).Type)
			r.events.Close()
		})
	}
}
