package main

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/examples/internal/stage/stagetest"
	"github.com/openvoiceroom/openvoiceroom/seatgrid"
	"github.com/openvoiceroom/openvoiceroom/voiceroom/voiceroomtest"
)

// world is a room with its host, whose chat is read, and the bot.
func world(t *testing.T) (srv *voiceroomtest.Server, host *voiceroomtest.User, stop func() error) {
	srv = voiceroomtest.NewServer(t)
	host = srv.NewUser(t, "host")
	_, err := host.StartVoiceRoom(t.Context(), seatgrid.RoomInfo{RoomID: stagetest.Room, SeatMode: seatgrid.ApplyToTake, MaxSeatCount: 4})
	require.NoError(t, err)
	bot := stagetest.Enter(t, srv, "bot", nil, nil)
	stop = stagetest.Start(t, func(ctx context.Context) error { return chat(ctx, bot) })
	synctest.Wait()
	return srv, host, stop
}

func say(t *testing.T, u *voiceroomtest.User, text string) {
	t.Helper()
	_, err := u.Room().Chat().SendBarrage(t.Context(), text, nil)
	require.NoError(t, err)
	synctest.Wait()
}

func TestChatbot(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv, host, stop := world(t)
		guest := srv.NewUser(t, "guest")
		guest.Join(t, stagetest.Room)
		time.Sleep(4 * time.Second) // virtual
		say(t, guest, "!help")
		say(t, guest, "hello everybody, !help is not at the beginning")
		require.NoError(t, host.LockSeat(t.Context(), 2, seatgrid.SeatLockParams{LockSeat: true}))
		say(t, guest, " !Seats please")
		say(t, guest, "!queue")
		require.NoError(t, host.Room().Members().ChangeUserRole(t.Context(), "bot", engine.Administrator))
		say(t, host, "!queue")
		stagetest.Start(t, func(ctx context.Context) error { _, err := guest.TakeSeat(ctx, 1, 0); return err })
		synctest.Wait()
		say(t, host, "!queue")
		require.Equal(t, []string{
			"bot: Welcome, guest! !help says what can be asked here.",
			"guest: !help", "bot: guest: !seats: who sits where; !queue: who waits for a seat",
			"guest: hello everybody, !help is not at the beginning",
			"guest:  !Seats please", "bot: guest: 1 host, 3 locked, 2 free",
			"guest: !queue", "bot: guest: only managers see who applies, and I am none",
			"host: !queue", "bot: host: nobody waits for a seat",
			"host: !queue", "bot: host: guest",
		}, stagetest.Lines(host.Room()))
		_, err := host.StopVoiceRoom(t.Context())
		require.NoError(t, err)
		synctest.Wait()
		require.ErrorIs(t, stop(), engine.ErrRoomNotExist)
	})
}

// Who asks all the time is not answered all the time, and others still are.
func TestChatbotDoesNotFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv, host, _ := world(t)
		guest := srv.NewUser(t, "guest")
		guest.Join(t, stagetest.Room)
		time.Sleep(4 * time.Second) // virtual
		answered := func() (n int) {
			for _, line := range stagetest.Lines(host.Room()) {
				if len(line) > 4 && line[:4] == "bot:" {
					n++
				}
			}
			return n - 1 // the welcome
		}
		for range 20 {
			say(t, guest, "!seats")
		}
		require.Equal(t, 3, answered())
		say(t, host, "!seats")
		require.Equal(t, 4, answered())
		time.Sleep(askEvery) // virtual
		say(t, guest, "!seats")
		say(t, guest, "!seats")
		require.Equal(t, 5, answered())
	})
}

// A crowd that enters at once is greeted with one line.
func TestChatbotGreetsACrowdAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv, host, _ := world(t)
		for i := range 12 {
			srv.NewUser(t, engine.UserID(fmt.Sprintf("u%02d", i))).Join(t, stagetest.Room)
		}
		time.Sleep(4 * time.Second) // virtual
		require.Equal(t, []string{"bot: Welcome, u00, u01, u02, u03, u04 and 7 more! !help says what can be asked here."}, stagetest.Lines(host.Room()))
	})
}
