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

// world is a room with its host, whose chat is read, a guest, and the bot, which is an administrator.
func world(t *testing.T, words ...string) (host, guest *seatgrid.Grid, stop func() error) {
	srv := voiceroomtest.NewServer(t)
	host, guest = stagetest.Reader(t, srv, "host"), stagetest.Reader(t, srv, "guest")
	_, err := host.StartVoiceRoom(t.Context(), seatgrid.RoomInfo{RoomID: stagetest.Room})
	require.NoError(t, err)
	bot := stagetest.Reader(t, srv, "bot")
	for _, g := range []*seatgrid.Grid{guest, bot} {
		_, err := g.JoinVoiceRoom(t.Context(), stagetest.Room)
		require.NoError(t, err)
	}
	require.NoError(t, host.Room().Members().ChangeUserRole(t.Context(), "bot", engine.Administrator))
	stop = stagetest.Start(t, func(ctx context.Context) error { return moderate(ctx, bot, words) })
	synctest.Wait()
	return host, guest, stop
}

func say(t *testing.T, u *seatgrid.Grid, text string) error {
	t.Helper()
	_, err := u.Room().Chat().SendBarrage(t.Context(), text, nil)
	synctest.Wait()
	return err
}

// Who writes too much is muted for a minute, and who keeps to a pace is not.
func TestFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host, guest, _ := world(t)
		for i := range 10 {
			require.NoError(t, say(t, guest, fmt.Sprint("slowly ", i)))
			time.Sleep(floodTime / 4) // virtual
		}
		before := len(host.Room().Chat().Barrages())
		for i := range floodLines - 1 {
			time.Sleep(floodTime) // virtual: it has forgotten the slow ones
			require.NoError(t, say(t, guest, fmt.Sprint("pause ", i)))
		}
		for i := range floodLines - 1 {
			require.NoError(t, say(t, guest, fmt.Sprint("fast ", i)))
		}
		require.ErrorIs(t, say(t, guest, "once more"), engine.ErrMessageDisabled)
		require.Equal(t, []string{
			"guest: pause 0", "guest: pause 1", "guest: pause 2", "guest: pause 3",
			"guest: fast 0", "guest: fast 1", "guest: fast 2", "guest: fast 3",
			"bot: guest may not write for 1m0s: too many messages",
		}, stagetest.Lines(host.Room())[before:])
		time.Sleep(floodMute) // virtual
		require.NoError(t, say(t, guest, "sorry"))
	})
}

// A listed word is one however it is written, and no part of another.
func TestListedWords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host, guest, _ := world(t, "Darn", "grüße")
		require.NoError(t, say(t, guest, "I darned my socks"))
		require.NoError(t, say(t, host, "darn! the host may say so"))
		require.NoError(t, say(t, guest, "oh, (DARN)!"))
		require.ErrorIs(t, say(t, guest, "?"), engine.ErrMessageDisabled)
		time.Sleep(wordMute) // virtual
		require.NoError(t, say(t, guest, "GRÜßE"))
		require.Equal(t, []string{
			"guest: I darned my socks", "host: darn! the host may say so", "guest: oh, (DARN)!",
			"bot: guest may not write for 2m0s: that word is not welcome here",
			"guest: GRÜßE", "bot: guest may not write for 2m0s: that word is not welcome here",
		}, stagetest.Lines(host.Room()))
	})
}

// Who goes on is taken out of the room, and comes back ten minutes later at the earliest. Who was good for as long begins anew.
func TestRepeatersAreBanned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host, guest, _ := world(t, "darn")
		out := make(chan string, 1)
		guest.Room().AddObserver(&engine.RoomObserver{OnKickedOutOfRoom: func(_ engine.RoomID, _ engine.KickedOutReason, why string) { out <- why }})
		offend := func() {
			require.NoError(t, say(t, guest, "darn"))
			time.Sleep(wordMute) // virtual
		}
		offend()
		offend()
		time.Sleep(memory) // virtual
		offend()
		offend()
		require.Empty(t, out)
		offend()
		require.Equal(t, "banned from the room: that word is not welcome here", <-out)
		lines := stagetest.Lines(host.Room())
		require.Equal(t, "bot: guest has to leave for 10m0s: that word is not welcome here, again and again", lines[len(lines)-1])
		_, err := guest.JoinVoiceRoom(t.Context(), stagetest.Room)
		require.ErrorIs(t, err, engine.ErrMemberBanned)
		time.Sleep(banTime) // virtual
		_, err = guest.JoinVoiceRoom(t.Context(), stagetest.Room)
		require.NoError(t, err)
	})
}

// A bot that may not moderate says what it needs.
func TestTheBotHasToBeAnAdministrator(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		host, guest, stop := world(t, "darn")
		require.NoError(t, host.Room().Members().ChangeUserRole(t.Context(), "bot", engine.GeneralUser))
		require.NoError(t, say(t, guest, "darn"))
		require.ErrorContains(t, stop(), "the owner has to make it one")
	})
}
