package engine_test

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
	"github.com/openvoiceroom/openvoiceroom/voiceroom/voiceroomtest"
)

// diary is what an observer has been told that everybody in the room is told.
type diary struct {
	mu    sync.Mutex
	lines []string
}

func keepDiary(u *voiceroomtest.User) *diary {
	d := &diary{}
	add := func(format string, args ...any) {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.lines = append(d.lines, fmt.Sprintf(format, args...))
	}
	u.Room().AddObserver(&engine.RoomObserver{
		OnSeatListChanged: func(seats []engine.SeatInfo, seated, left []engine.UserInfo) {
			for _, s := range seated {
				add("%s sat down", s.UserID)
			}
			for _, l := range left {
				add("%s got up", l.UserID)
			}
		},
		OnUserAudioStateChanged: func(u engine.UserInfo, has bool, why engine.ChangeReason) {
			add("audio of %s: %t, %v", u.UserID, has, why)
		},
		OnRemoteUserEnterRoom: func(_ engine.RoomID, u engine.UserInfo) { add("%s came", u.UserID) },
		OnRemoteUserLeaveRoom: func(_ engine.RoomID, u engine.UserInfo) { add("%s went", u.UserID) },
	})
	return d
}

func (d *diary) read() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]string(nil), d.lines...)
}

// A seated speaker with a request to answer loses the connection, in three ways. Seat, request and events are as if
// nothing had happened, and the audio comes back.
func TestReturn(t *testing.T) {
	for _, c := range []struct {
		name  string
		lose  func(t *testing.T, srv *voiceroomtest.Server, owner *voiceroomtest.User)
		heals time.Duration // by when the owner is back
	}{
		{"socket reset", func(_ *testing.T, _ *voiceroomtest.Server, owner *voiceroomtest.User) { owner.ResetConnection() }, time.Second},
		{"silent drop", func(_ *testing.T, _ *voiceroomtest.Server, owner *voiceroomtest.User) { owner.SilenceConnection() }, 40 * time.Second},
		{"killed node", func(t *testing.T, srv *voiceroomtest.Server, _ *voiceroomtest.User) { srv.KillNode(t, 0) }, 10 * time.Second},
		{"hung node", func(t *testing.T, srv *voiceroomtest.Server, owner *voiceroomtest.User) {
			owner.SilenceConnection()
			srv.KillNode(t, 0)
		}, 20 * time.Second},
		{"stopped node", func(t *testing.T, srv *voiceroomtest.Server, _ *voiceroomtest.User) { srv.StopNode(t, 0) }, 10 * time.Second},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := voiceroomtest.Config{Nodes: 2}.NewServer(t)
				owner, witness, guest := srv.NewUserOn(t, 0, "owner"), srv.NewUserOn(t, 1, "witness"), srv.NewUserOn(t, 1, "guest")
				owner.Start(t, "room")
				witness.Join(t, "room")
				guest.Join(t, "room")
				asked := make(chan engine.UserID, 10)
				owner.AddObserver(&seatgrid.Observer{OnSeatRequestReceived: func(_ seatgrid.RequestType, u engine.UserInfo) { asked <- u.UserID }})
				applied := make(chan seatgrid.RequestResult, 1)
				go func() {
					res, err := guest.TakeSeat(context.Background(), 3, 0)
					require.NoError(t, err)
					applied <- res
				}()
				require.Equal(t, engine.UserID("guest"), <-asked)
				synctest.Wait()
				seen, told := keepDiary(witness), keepDiary(owner)
				back := make(chan struct{}, 1)
				owner.Engine.AddObserver(&engine.Observer{OnReconnected: func() { back <- struct{}{} }})
				ended := make(chan any, 10)
				owner.AddObserver(&seatgrid.Observer{
					OnKickedOutOfRoom: func(_ engine.RoomID, r engine.KickedOutReason, _ string) { ended <- r },
					OnRoomDismissed:   func(engine.RoomID) { ended <- "dismissed" },
				})

				lost := time.Now()
				c.lose(t, srv, owner)
				late := srv.NewUserOn(t, 1, "late") // while the owner is away
				late.Join(t, "room")
				<-back
				t.Log("back after", time.Since(lost))
				require.Less(t, time.Since(lost), c.heals)
				witness.Hears(t, owner)
				t.Log("heard after", time.Since(lost))
				require.Equal(t, engine.UserID("owner"), owner.Seats()[0].UserID)
				require.Equal(t, owner.Seats(), witness.Seats())
				require.Len(t, owner.PendingRequests(), 1, "the request waits")

				require.NoError(t, owner.ResponseRemoteRequest(t.Context(), "guest", true))
				require.Equal(t, seatgrid.Accepted, (<-applied).Type)
				require.Error(t, owner.ResponseRemoteRequest(t.Context(), "guest", true), "answered once")
				require.NoError(t, guest.StartMicrophone(t.Context()))
				guest.Hears(t, owner)
				owner.Hears(t, guest)
				late.Hears(t, owner)

				synctest.Wait()
				require.Equal(t, seen.read(), told.read(), "no event lost, none twice")
				require.Contains(t, told.read(), "late came")
				require.NotContains(t, seen.read(), "owner got up")
				require.NotContains(t, seen.read(), "owner went")
				require.Empty(t, asked, "the request was not announced again")
				require.Empty(t, ended)
			})
		})
	}
}
