package seatgrid_test

import (
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/seatgrid"
	"github.com/openvoiceroom/openvoiceroom/voiceroom/voiceroomtest"
)

// card is a view for tests.
type card struct {
	n    int // which of all cards that were made
	seat seatgrid.SeatInfo
}

// dealer is an adapter that tells what it is asked, as text. Only the goroutine of the callbacks writes to it, and the
// tests read while nothing runs; the race detector would tell otherwise.
type dealer struct {
	user   *voiceroomtest.User
	cards  []*card
	onCall func()

	mu    sync.Mutex // for while somebody speaks, which goes on when a test looks
	calls []string
}

func (d *dealer) called(format string, args ...any) {
	if !d.user.Engine.InCallback() {
		panic("an adapter is called off the callbacks' goroutine")
	}
	d.mu.Lock()
	d.calls = append(d.calls, fmt.Sprintf(format, args...))
	d.mu.Unlock()
	if d.onCall != nil {
		d.onCall()
	}
}

func (d *dealer) CreateSeatView(seat seatgrid.SeatInfo) any {
	c := &card{len(d.cards), seat}
	d.cards = append(d.cards, c)
	d.called("create %d %s", seat.Index, seat.UserID)
	return c
}

func (d *dealer) UpdateSeatView(view any, seat seatgrid.SeatInfo) {
	c := view.(*card)
	if c.seat.Index != seat.Index || c.seat == seat {
		panic("a view is updated with another seat, or with nothing new")
	}
	c.seat = seat
	d.called("update %d %s %s", seat.Index, seat.UserID, seat.Mic)
}

func (d *dealer) UpdateUserVolume(view any, volume int, user seatgrid.UserInfo) {
	d.called("volume %d %d %s %s", view.(*card).seat.Index, volume, user.UserID, user.Role)
}

// told returns what the adapter was asked since the last time.
func (d *dealer) told() []string {
	synctest.Wait()
	d.mu.Lock()
	defer d.mu.Unlock()
	calls := d.calls
	d.calls = nil
	return calls
}

// shows returns the seats as the last n cards show them.
func (d *dealer) shows(n int) []seatgrid.SeatInfo {
	synctest.Wait()
	var seats []seatgrid.SeatInfo
	for _, c := range d.cards[len(d.cards)-n:] {
		seats = append(seats, c.seat)
	}
	return seats
}

var tenCreated = []string{
	"create 0 host", "create 1 ", "create 2 ", "create 3 ", "create 4 ",
	"create 5 ", "create 6 ", "create 7 ", "create 8 ", "create 9 ",
}

func TestViewsAreMadeOnceAndFollowTheirSeats(t *testing.T) {
	inRoom(t, func(t *testing.T, _ *voiceroomtest.Server, host, guest *voiceroomtest.User) {
		d := &dealer{user: guest}
		guest.SetSeatViewAdapter(d)
		require.Equal(t, tenCreated, d.told(), "in a room the views are made at once")

		host.AnswerRequests(true)
		_, err := guest.TakeSeat(t.Context(), 3, 0)
		require.NoError(t, err)
		require.Equal(t, []string{"update 3 guest MicOff"}, d.told(), "only the seat that changed")
		require.NoError(t, guest.StartMicrophone(t.Context()))
		require.Equal(t, []string{"update 3 guest MicOn"}, d.told(), "the microphone is part of the seat")
		require.NoError(t, guest.StartMicrophone(t.Context()))
		require.Empty(t, d.told(), "nothing has changed")
		require.NoError(t, guest.LeaveSeat(t.Context()))
		calls := d.told()
		require.Equal(t, "update 3  MicOff", calls[len(calls)-1])
		require.Equal(t, guest.Seats(), d.shows(10))
		require.Len(t, d.cards, 10)
	})
}

func TestAdapterSetBeforeTheRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.NewServer(t)
		host, guest := srv.NewUser(t, "host"), srv.NewUser(t, "guest")
		d := &dealer{user: guest}
		guest.SetSeatViewAdapter(d)
		host.Start(t, "room")
		require.Empty(t, d.told(), "no room, no seats")
		guest.Join(t, "room")
		require.Equal(t, tenCreated, d.told())

		require.NoError(t, guest.LeaveVoiceRoom(t.Context()))
		require.NoError(t, host.MuteMicrophone(t.Context()))
		require.Empty(t, d.told(), "the room's views are forgotten")
		guest.Join(t, "room")
		require.Equal(t, tenCreated, d.told(), "another stay has views of its own")
		require.Len(t, d.cards, 20)
		require.NoError(t, host.UnmuteMicrophone(t.Context()))
		require.Equal(t, []string{"update 0 host MicOn"}, d.told())
		_, err := host.StopVoiceRoom(t.Context())
		require.NoError(t, err)
		require.Empty(t, d.told())
	})
}

func TestAdaptersFollowOneAnother(t *testing.T) {
	inRoom(t, func(t *testing.T, _ *voiceroomtest.Server, host, guest *voiceroomtest.User) {
		first, second := &dealer{user: guest}, &dealer{user: guest}
		guest.SetSeatViewAdapter(first)
		guest.SetSeatViewAdapter(second)
		require.Equal(t, tenCreated, first.told())
		require.Equal(t, tenCreated, second.told(), "the new adapter makes views of its own")
		require.NoError(t, host.MuteMicrophone(t.Context()))
		require.Empty(t, first.told())
		require.Equal(t, []string{"update 0 host MicOff"}, second.told())
		guest.SetSeatViewAdapter(nil)
		require.NoError(t, host.UnmuteMicrophone(t.Context()))
		guest.ShowVolumes(map[seatgrid.UserID]int{"host": 50})
		require.Empty(t, second.told())
	})
}

func TestAdapterMayCallTheGrid(t *testing.T) {
	inRoom(t, func(t *testing.T, _ *voiceroomtest.Server, host, guest *voiceroomtest.User) {
		first, second := &dealer{user: guest}, &dealer{user: guest}
		first.onCall = func() {
			first.onCall = nil
			guest.SetSeatViewAdapter(second)
			require.Len(t, guest.Seats(), 10)
		}
		guest.SetSeatViewAdapter(first)
		require.Equal(t, tenCreated, first.told(), "what has begun is finished first")
		require.Equal(t, tenCreated, second.told())
	})
}

// Views show the volumes of the users on their seats without anybody asking for it.
func TestViewsShowWhoSpeaks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.NewServer(t)
		host, guest := srv.NewUser(t, "host"), srv.NewUser(t, "guest")
		d := &dealer{user: guest}
		guest.SetSeatViewAdapter(d)
		host.Start(t, "room")
		guest.Join(t, "room")
		time.Sleep(time.Second) // virtual
		require.Contains(t, d.told(), "volume 0 72 host RoomOwner")
	})
}

func TestVolumesAreForOccupiedSeats(t *testing.T) {
	inRoom(t, func(t *testing.T, _ *voiceroomtest.Server, host, guest *voiceroomtest.User) {
		host.AnswerRequests(true)
		_, err := guest.TakeSeat(t.Context(), 1, 0)
		require.NoError(t, err)
		d := &dealer{user: guest}
		guest.SetSeatViewAdapter(d)
		d.told()
		guest.ShowVolumes(map[seatgrid.UserID]int{"host": 101, "guest": -1, "somebody in the audience": 30, "": 7})
		require.Equal(t, []string{"volume 0 100 host RoomOwner", "volume 1 0 guest GeneralUser"}, d.told())
		require.NoError(t, guest.LeaveSeat(t.Context()))
		d.told()
		guest.ShowVolumes(map[seatgrid.UserID]int{"guest": 30})
		require.Empty(t, d.told())
		require.NoError(t, guest.LeaveVoiceRoom(t.Context()))
		guest.ShowVolumes(map[seatgrid.UserID]int{"host": 30})
		require.Empty(t, d.told())
	})
}

func TestClickedViewsComeInOrder(t *testing.T) {
	inRoom(t, func(t *testing.T, _ *voiceroomtest.Server, host, guest *voiceroomtest.User) {
		var seen []string
		guest.AddObserver(&seatgrid.Observer{
			OnSeatViewClicked: func(view any, seat seatgrid.SeatInfo) {
				if view != nil {
					require.Equal(t, seat, view.(*card).seat, "the view shows what the observer is told")
				}
				seen = append(seen, fmt.Sprint("clicked ", view != nil, " ", seat.Index, " ", seat.UserID))
			},
			OnUserAudioStateChanged: func(seatgrid.UserInfo, bool, seatgrid.ChangeReason) { seen = append(seen, "audio") },
		})
		guest.ClickSeatView(0) // without an adapter
		guest.SetSeatViewAdapter(&dealer{user: guest})
		guest.ClickSeatView(0)
		synctest.Wait()
		require.NoError(t, host.MuteMicrophone(t.Context()))
		synctest.Wait()
		guest.ClickSeatView(9)
		for _, nowhere := range []seatgrid.SeatIndex{-1, 10} {
			guest.ClickSeatView(nowhere)
		}
		synctest.Wait()
		require.NoError(t, guest.LeaveVoiceRoom(t.Context()))
		guest.ClickSeatView(0)
		synctest.Wait()
		require.Equal(t, []string{"clicked false 0 host", "clicked true 0 host", "audio", "clicked true 9 "}, seen)
	})
}

func TestViewsEndUpAsTheSeats(t *testing.T) {
	inRoom(t, func(t *testing.T, srv *voiceroomtest.Server, host, guest *voiceroomtest.User) {
		host.AnswerRequests(true)
		done := make(chan struct{})
		go func() { // seats change while the other enters, leaves and changes adapters
			defer close(done)
			for i := range seatgrid.SeatIndex(20) {
				_, err := guest.TakeSeat(t.Context(), 1+i%9, 0)
				require.NoError(t, err)
				require.NoError(t, guest.StartMicrophone(t.Context()))
				require.NoError(t, guest.LeaveSeat(t.Context()))
			}
		}()
		other := srv.NewUser(t, "other")
		var d *dealer
		for range 10 {
			d = &dealer{user: other}
			other.SetSeatViewAdapter(d)
			other.Join(t, "room")
			require.NoError(t, other.LeaveVoiceRoom(t.Context()))
		}
		other.Join(t, "room")
		<-done
		require.Equal(t, host.Seats(), d.shows(10))
	})
}

func TestSeatRectsFollowTheRoom(t *testing.T) {
	inRoom(t, func(t *testing.T, _ *voiceroomtest.Server, host, guest *voiceroomtest.User) {
		count := func() []int {
			rects, height := guest.SeatRects(phone)
			if len(rects) == 0 {
				require.Zero(t, height)
			}
			return rows(rects)
		}
		require.Equal(t, []int{5, 5}, count(), "GRID unless said otherwise")
		guest.SetLayoutMode(seatgrid.LayoutFocus, config(0, seatgrid.SeatViewLayoutRowConfig{Count: 2}))
		require.Equal(t, []int{1, 3, 3, 3}, count())
		guest.SetLayoutMode(seatgrid.LayoutFree, nil)
		require.Equal(t, []int{5, 5}, count(), "the config of another mode was not kept")
		cfg := config(0, seatgrid.SeatViewLayoutRowConfig{Count: 4})
		guest.SetLayoutMode(seatgrid.LayoutFree, cfg)
		cfg.RowConfigs[0].Count = 1
		require.Equal(t, []int{4, 4, 2}, count(), "the config was copied")
		guest.SetLayoutMode(seatgrid.LayoutVertical, nil)
		guest.SetLayoutMode(seatgrid.LayoutFree, nil)
		require.Equal(t, []int{4, 4, 2}, count(), "without a config it stays the last")
		require.NoError(t, guest.LeaveVoiceRoom(t.Context()))
		require.Nil(t, count())
		_, err := guest.StartVoiceRoom(t.Context(), seatgrid.RoomInfo{RoomID: "small", MaxSeatCount: 3})
		require.NoError(t, err)
		require.Equal(t, []int{3}, count())
		_, err = guest.StopVoiceRoom(t.Context())
		require.NoError(t, err)
	})
}
