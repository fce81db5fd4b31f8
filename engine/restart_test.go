package engine_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/voiceroom/voiceroomtest"
)

// Everything dies and is started again. Who comes back in time finds the seat, who does not frees it: once, after the
// grace period.
func TestRestartOfEverything(t *testing.T) {
	for name, end := range map[string]func(*testing.T, *voiceroomtest.Server, int){
		"killed":  func(t *testing.T, srv *voiceroomtest.Server, i int) { srv.KillNode(t, i) },
		"stopped": func(t *testing.T, srv *voiceroomtest.Server, i int) { srv.StopNode(t, i) },
	} {
		for _, late := range []bool{false, true} {
			if late {
				name += ", and the guest is late"
			}
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					srv := voiceroomtest.Config{Nodes: 2}.NewServer(t)
					host, guest := srv.NewUserOn(t, 1, "host"), srv.NewUserOn(t, 0, "guest")
					_, err := host.StartVoiceRoom(t.Context(), engine.RoomInfo{RoomID: "room", SeatMode: engine.FreeToTake})
					require.NoError(t, err)
					guest.Join(t, "room")
					_, err = guest.TakeSeat(t.Context(), 2, 0)
					require.NoError(t, err)
					synctest.Wait()
					seen, told := keepDiary(host), follow(host)
					guest.SetOffline(true)
					end(t, srv, 0)
					end(t, srv, 1)
					time.Sleep(time.Second) // virtual
					srv.StartNode(t, 0)
					srv.StartNode(t, 1)
					time.Sleep(15 * time.Second)
					require.Equal(t, []string{"reconnecting", "reconnected"}, told.read())
					require.Equal(t, engine.UserID("guest"), host.Seats()[2].UserID)
					if !late {
						guest.SetOffline(false)
						time.Sleep(time.Minute)
						require.Equal(t, host.Seats(), guest.Seats())
						require.NoError(t, guest.LeaveSeat(t.Context()))
						synctest.Wait()
						require.Equal(t, []string{"guest got up"}, seen.read())
						return
					}
					time.Sleep(time.Minute)
					require.Equal(t, []string{"guest got up", "guest went"}, seen.read())
					guest.SetOffline(false)
					time.Sleep(15 * time.Second)
					require.Equal(t, host.Seats(), guest.Seats())
					require.Equal(t, 2, host.RoomInfo().MemberCount, "back as audience")
					require.Equal(t, []string{"guest got up", "guest went", "guest came"}, seen.read())
				})
			})
		}
	}
}
