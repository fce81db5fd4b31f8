package seatgrid_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/seatgrid"
	"github.com/openvoiceroom/openvoiceroom/signaling"
	"github.com/openvoiceroom/openvoiceroom/voiceroom/voiceroomtest"
)

// join connects the room of asker with that of answerer.
func join(t *testing.T, asker, answerer *voiceroomtest.User) {
	t.Helper()
	codes, err := asker.Room().Connections().RequestConnection(t.Context(), []engine.RoomID{answerer.Room().ID()}, 10*time.Second, "")
	require.NoError(t, err)
	require.Equal(t, engine.ConnectionSuccess, codes[answerer.Room().ID()])
	synctest.Wait()
	require.NoError(t, answerer.Room().Connections().AcceptConnection(t.Context(), asker.Room().ID()))
	settle()
}

// settle waits until the seats of connected rooms have been told, too: they come a moment later.
func settle() {
	time.Sleep(time.Second) // virtual
	synctest.Wait()
}

// twoRooms runs f with amy's room on one node and bob's on the other, connected, and a guest of amy's on bob's node.
func twoRooms(t *testing.T, f func(t *testing.T, srv *voiceroomtest.Server, amy, bob, guest *voiceroomtest.User)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.Config{Nodes: 2}.NewServer(t)
		amy, bob, guest := srv.NewUserOn(t, 0, "amy"), srv.NewUserOn(t, 1, "bob"), srv.NewUserOn(t, 1, "guest")
		amy.Start(t, "amys")
		bob.Start(t, "bobs")
		guest.Join(t, "amys")
		join(t, amy, bob)
		f(t, srv, amy, bob, guest)
	})
}

// rooms counts the cells of each room, in their order.
func rooms(cells []seatgrid.SeatCell) (list []string) {
	for i := 0; i < len(cells); {
		n := i
		for n < len(cells) && cells[n].RoomID == cells[i].RoomID {
			n++
		}
		list = append(list, fmt.Sprintf("%s %d", cells[i].RoomID, n-i))
		i = n
	}
	return list
}

func TestCellsSayWhoseTheyAre(t *testing.T) {
	twoRooms(t, func(t *testing.T, srv *voiceroomtest.Server, amy, bob, guest *voiceroomtest.User) {
		cells, height := guest.SeatCells(phone)
		require.Equal(t, []string{"amys 6", "bobs 6"}, rooms(cells))
		require.Equal(t, 345.0, height)
		require.Equal(t, seatgrid.SeatCell{
			RoomID: "amys", Seat: guest.Seats()[0], Rect: seatgrid.Rect{X: 18.75, Width: 70, Height: 105},
		}, cells[0])
		require.Equal(t, seatgrid.SeatCell{
			RoomID: "bobs", Seat: bob.Seats()[0], Rect: seatgrid.Rect{X: 206.25, Width: 70, Height: 105},
		}, cells[6])
		cells, _ = bob.SeatCells(phone)
		require.Equal(t, []string{"bobs 6", "amys 6"}, rooms(cells), "each has its own room first")

		cleo := srv.NewUserOn(t, 0, "cleo")
		_, err := cleo.StartVoiceRoom(t.Context(), seatgrid.RoomInfo{RoomID: "cleos", MaxSeatCount: 3})
		require.NoError(t, err)
		join(t, amy, cleo)
		cells, height = guest.SeatCells(phone)
		require.Equal(t, []string{"amys 6", "bobs 6", "cleos 3"}, rooms(cells))
		require.Equal(t, 294.0, height, "strips")
		require.Equal(t, seatgrid.Rect{X: 102.5, Y: 196, Width: 50, Height: 88}, cells[12].Rect)

		require.NoError(t, amy.Room().Connections().Disconnect(t.Context()))
		settle()
		cells, height = guest.SeatCells(phone)
		require.Equal(t, []string{"amys 10"}, rooms(cells))
		require.Equal(t, 230.0, height)
		rects, _ := guest.SeatRects(phone)
		for i, c := range cells {
			require.Equal(t, rects[i], c.Rect)
		}
		require.NoError(t, guest.LeaveVoiceRoom(t.Context()))
		cells, height = guest.SeatCells(phone)
		require.Empty(t, cells)
		require.Zero(t, height)
	})
}

// neighbour is a dealer whose cards are of connected rooms, too.
type neighbour struct{ dealer }

func (n *neighbour) CreateConnectedSeatView(room seatgrid.RoomID, seat seatgrid.SeatInfo) any {
	c := &card{len(n.cards), seat}
	n.cards = append(n.cards, c)
	n.called("create %s %d %s", room, seat.Index, seat.UserID)
	return c
}

var sixOfBobs = []string{"create bobs 0 bob", "create bobs 1 ", "create bobs 2 ", "create bobs 3 ", "create bobs 4 ", "create bobs 5 "}

func TestViewsOfConnectedRooms(t *testing.T) {
	twoRooms(t, func(t *testing.T, srv *voiceroomtest.Server, amy, bob, guest *voiceroomtest.User) {
		d := &neighbour{dealer: dealer{user: guest}}
		own := func() []string { // what is told of seats, without the volumes
			var list []string
			for _, c := range d.told() {
				if len(c) < 6 || c[:6] != "volume" {
					list = append(list, c)
				}
			}
			return list
		}
		guest.SetSeatViewAdapter(d)
		require.Equal(t, append([]string{"create 0 amy"}, append(tenCreated[1:], sixOfBobs...)...), own())

		dave := srv.NewUserOn(t, 0, "dave")
		dave.Join(t, "bobs")
		bob.AnswerRequests(true)
		_, err := dave.TakeSeat(t.Context(), 5, 0)
		require.NoError(t, err)
		settle()
		require.Equal(t, []string{"update 5 dave MicOff"}, own())
		require.NoError(t, dave.StartMicrophone(t.Context()))
		time.Sleep(2 * time.Second)
		calls := d.told()
		require.Contains(t, calls, "update 5 dave MicOn")
		require.Contains(t, calls, "volume 5 72 dave GeneralUser", "who speaks there is seen here")
		require.Contains(t, calls, "volume 0 72 bob RoomOwner")
		require.Contains(t, calls, "volume 0 72 amy RoomOwner")
		require.NoError(t, dave.MoveToSeat(t.Context(), 6))
		settle()
		require.Equal(t, []string{"update 5  MicOff"}, own(), "seats behind the first six have no views")

		require.NoError(t, amy.Room().Connections().MuteConnection(t.Context(), "bobs", true))
		settle()
		require.Contains(t, d.told(), "volume 0 0 bob RoomOwner", "who is not heard any more is not shown as loud")
		settle()
		require.NotContains(t, d.told(), "volume 0 0 bob RoomOwner", "nor again and again")

		require.NoError(t, bob.Room().Connections().Disconnect(t.Context()))
		settle()
		require.Empty(t, own())
		join(t, bob, amy)
		require.Equal(t, sixOfBobs, own(), "another connection has views of its own")
		guest.SetSeatViewAdapter(&dealer{user: guest})
		settle()
		d.told()
		guest.SetSeatViewAdapter(d)
		require.Equal(t, append([]string{"create 0 amy"}, append(tenCreated[1:], sixOfBobs...)...), own())
		require.NoError(t, guest.LeaveVoiceRoom(t.Context()))
		d.told()
		guest.Join(t, "amys")
		settle()
		require.Equal(t, append([]string{"create 0 amy"}, append(tenCreated[1:], sixOfBobs...)...), own(), "who enters sees it at once")
	})
}

func TestClicksOnConnectedSeats(t *testing.T) {
	twoRooms(t, func(t *testing.T, _ *voiceroomtest.Server, amy, _, guest *voiceroomtest.User) {
		var seen []string
		guest.AddObserver(&seatgrid.Observer{
			OnSeatViewClicked: func(_ any, seat seatgrid.SeatInfo) {
				seen = append(seen, fmt.Sprint("own ", seat.Index, " ", seat.UserID))
			},
			OnConnectedSeatViewClicked: func(view any, room seatgrid.RoomID, seat seatgrid.SeatInfo) {
				if view != nil {
					require.Equal(t, seat, view.(*card).seat)
				}
				seen = append(seen, fmt.Sprint(room, " ", view != nil, " ", seat.Index, " ", seat.UserID))
			},
		})
		guest.ClickConnectedSeatView("bobs", 0) // without an adapter
		guest.SetSeatViewAdapter(&dealer{user: guest})
		guest.ClickConnectedSeatView("bobs", 0) // with one that makes none of these views
		guest.SetSeatViewAdapter(&neighbour{dealer: dealer{user: guest}})
		guest.ClickConnectedSeatView("bobs", 5)
		guest.ClickSeatView(0)
		guest.ClickConnectedSeatView("bobs", 6)
		guest.ClickConnectedSeatView("bobs", -1)
		guest.ClickConnectedSeatView("amys", 0)
		guest.ClickConnectedSeatView("cleos", 0)
		settle()
		require.NoError(t, amy.Room().Connections().Disconnect(t.Context()))
		settle()
		guest.ClickConnectedSeatView("bobs", 0)
		settle()
		require.Equal(t, []string{"bobs false 0 bob", "bobs false 0 bob", "bobs true 5 ", "own 0 amy"}, seen)
	})
}

// The rule of the documents' app, as the owner's grid applies it when it is told to.
func TestLaterSeatsAreCleared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.Config{Nodes: 2}.NewServer(t)
		amy, bob := srv.NewUserOn(t, 0, "amy"), srv.NewUserOn(t, 1, "bob")
		ann, ben, cat := srv.NewUserOn(t, 0, "ann"), srv.NewUserOn(t, 1, "ben"), srv.NewUserOn(t, 1, "cat")
		amy.SetConnectedSeatRule(seatgrid.ConnectedSeatsFirst)
		_, err := amy.StartVoiceRoom(t.Context(), seatgrid.RoomInfo{RoomID: "amys", SeatMode: seatgrid.FreeToTake})
		require.NoError(t, err)
		bob.Start(t, "bobs")
		kicked := make(chan string, 10)
		for i, u := range []*voiceroomtest.User{ann, ben, cat} {
			u.Join(t, "amys")
			u.AddObserver(&seatgrid.Observer{OnKickedOffSeat: func(by seatgrid.UserInfo) {
				kicked <- fmt.Sprint(u.Engine.Self().UserID, " by ", by.UserID)
			}})
			_, err := u.TakeSeat(t.Context(), seatgrid.SeatIndex(4+i), 0)
			require.NoError(t, err)
		}
		require.NoError(t, amy.MoveToSeat(t.Context(), 9))
		require.Empty(t, kicked, "the room is connected with nobody")

		join(t, bob, amy)
		require.Equal(t, []seatgrid.UserID{"amy", "", "", "", "ann", "ben", "", "", "", ""}, sitting(amy))
		require.Equal(t, "cat by amy", <-kicked)
		_, err = cat.TakeSeat(t.Context(), 7, 0) // her grid knows no rule
		require.NoError(t, err)
		settle()
		require.Equal(t, "cat by amy", <-kicked)
		require.NoError(t, amy.LeaveSeat(t.Context()))
		require.ErrorIs(t, amy.MoveToSeat(t.Context(), 6), engine.ErrSeatLocked)
		_, err = amy.TakeSeat(t.Context(), 6, 0)
		require.ErrorIs(t, err, engine.ErrSeatLocked)
		_, err = amy.TakeSeat(t.Context(), 3, 0)
		require.NoError(t, err)

		// The owner is away while somebody sits down; and once back, takes them off.
		amy.SetOffline(true)
		_, err = cat.TakeSeat(t.Context(), 8, 0)
		require.NoError(t, err)
		time.Sleep(5 * time.Second)
		require.Empty(t, kicked)
		amy.SetOffline(false)
		require.Equal(t, "cat by amy", <-kicked)

		// Without the rule, and without a connection, all seats are there again.
		amy.SetConnectedSeatRule(seatgrid.ConnectedSeatsAll)
		_, err = cat.TakeSeat(t.Context(), 8, 0)
		require.NoError(t, err)
		settle()
		amy.SetConnectedSeatRule(seatgrid.ConnectedSeatsFirst)
		require.Equal(t, "cat by amy", <-kicked, "the rule holds from the moment it is chosen")
		require.NoError(t, bob.Room().Connections().Disconnect(t.Context()))
		settle()
		_, err = cat.TakeSeat(t.Context(), 9, 0)
		require.NoError(t, err)
		settle()
		require.Empty(t, kicked)
		require.Equal(t, []seatgrid.UserID{"", "", "", "amy", "ann", "ben", "", "", "", "cat"}, sitting(bobsView(t, srv)))
	})
}

// bobsView is somebody who comes late and sees the seats of amy's room.
func bobsView(t *testing.T, srv *voiceroomtest.Server) *voiceroomtest.User {
	late := srv.NewUserOn(t, 1, "late")
	late.Join(t, "amys")
	return late
}

func sitting(u *voiceroomtest.User) (list []seatgrid.UserID) {
	for _, s := range u.Seats() {
		list = append(list, s.UserID)
	}
	return list
}

// Nobody is let onto a seat that is not used, nor asked for when no other is left.
func TestManagersRefuseLaterSeats(t *testing.T) {
	twoRooms(t, func(t *testing.T, srv *voiceroomtest.Server, amy, bob, guest *voiceroomtest.User) {
		amy.SetConnectedSeatRule(seatgrid.ConnectedSeatsFirst)
		asked := make(chan seatgrid.RequestResult, 1)
		var wg sync.WaitGroup
		defer wg.Wait()
		ask := func(index seatgrid.SeatIndex) {
			wg.Go(func() {
				res, err := guest.TakeSeat(context.WithoutCancel(t.Context()), index, time.Minute)
				require.NoError(t, err)
				asked <- res
			})
			settle()
		}
		ask(7)
		require.ErrorIs(t, amy.ResponseRemoteRequest(t.Context(), "guest", true), engine.ErrSeatLocked)
		require.NoError(t, amy.ResponseRemoteRequest(t.Context(), "guest", false), "to reject is always possible")
		require.Equal(t, seatgrid.Rejected, (<-asked).Type)
		_, err := amy.TakeUserOnSeatByAdmin(t.Context(), 6, "guest", time.Minute)
		require.ErrorIs(t, err, engine.ErrSeatLocked)

		for i := 1; i < 6; i++ {
			require.NoError(t, amy.LockSeat(t.Context(), seatgrid.SeatIndex(i), seatgrid.SeatLockParams{LockSeat: true, LockFlag: engine.LockFlagSeat}))
		}
		_, err = amy.TakeUserOnSeatByAdmin(t.Context(), seatgrid.AnySeat, "guest", time.Minute)
		require.ErrorIs(t, err, engine.ErrAllSeatsOccupied)
		ask(seatgrid.AnySeat)
		require.ErrorIs(t, amy.ResponseRemoteRequest(t.Context(), "guest", true), engine.ErrAllSeatsOccupied)
		require.NoError(t, amy.LockSeat(t.Context(), 4, seatgrid.SeatLockParams{LockFlag: engine.LockFlagSeat}))
		require.NoError(t, amy.ResponseRemoteRequest(t.Context(), "guest", true), "the request was kept")
		require.Equal(t, seatgrid.Accepted, (<-asked).Type)
		settle()
		require.Equal(t, engine.UserID("guest"), amy.Seats()[4].UserID)

		// Amy does not fit into the first six any more: she stays on the air where she is.
		require.NoError(t, bob.Room().Connections().Disconnect(t.Context()))
		settle()
		require.NoError(t, amy.MoveToSeat(t.Context(), 9))
		require.NoError(t, amy.LockSeat(t.Context(), 0, seatgrid.SeatLockParams{LockSeat: true, LockFlag: engine.LockFlagSeat}))
		join(t, bob, amy)
		require.Equal(t, engine.UserID("amy"), amy.Seats()[9].UserID)
	})
}

// An owner whose app does too much at once is refused for a moment, and then does what the rule asks.
func TestLaterSeatsAreClearedInTheEnd(t *testing.T) {
	twoRooms(t, func(t *testing.T, _ *voiceroomtest.Server, amy, _, guest *voiceroomtest.User) {
		amy.SetConnectedSeatRule(seatgrid.ConnectedSeatsFirst)
		require.NoError(t, amy.UpdateRoomSeatMode(t.Context(), seatgrid.FreeToTake))
		var wg sync.WaitGroup
		for range 20 * signaling.CallsPerSecond { // more than are let through, for as long as the kick takes
			wg.Go(func() { _ = amy.UpdateRoomSeatMode(t.Context(), seatgrid.FreeToTake) })
		}
		wg.Wait()
		require.ErrorIs(t, amy.UpdateRoomSeatMode(t.Context(), seatgrid.FreeToTake), engine.ErrFreqLimit)
		_, err := guest.TakeSeat(t.Context(), 7, 0)
		require.NoError(t, err)
		time.Sleep(3 * time.Second)
		synctest.Wait()
		require.Empty(t, guest.Seats()[7].UserID)
	})
}
