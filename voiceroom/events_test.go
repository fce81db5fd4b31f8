package voiceroom_test

import (
	"encoding/json"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/voiceroom"
	"github.com/openvoiceroom/openvoiceroom/voiceroom/voiceroomtest"
)

// What had happened before is not told as if it happened after, however late the login's callbacks are.
func TestWatchBeginsInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.NewServer(t)
		host, guest := srv.NewUser(t, "host"), srv.NewUser(t, "guest")
		own, err := voiceroom.CreateRoom(t.Context(), host.Engine, "room", voiceroom.CreateRoomParams{SeatMode: engine.FreeToTake})
		require.NoError(t, err)
		room, err := voiceroom.EnterRoom(t.Context(), guest.Engine, "room")
		require.NoError(t, err)
		synctest.Wait()
		release := make(chan struct{})
		host.Engine.Post("slow", func() { <-release })
		_, err = room.TakeSeat(t.Context(), 1, 0)
		require.NoError(t, err)
		require.NoError(t, room.MoveToSeat(t.Context(), 2))
		synctest.Wait()
		require.Equal(t, engine.UserID("guest"), own.Seats()[2].UserID, "known, but not told")
		var told []string
		remove, err := voiceroom.Watch(own.Grid, func(e voiceroom.Event) { told = append(told, e.String()) })
		require.NoError(t, err)
		close(release)
		synctest.Wait()
		require.Equal(t, []string{"seated host seat 0", "audioOn host seat 0", "seated guest seat 2"}, told)
		told = nil
		require.NoError(t, room.LeaveSeat(t.Context()))
		synctest.Wait()
		require.Equal(t, []string{"unseated guest seat 2"}, told)
		remove()

		// Removed before its turn: nothing is told.
		release = make(chan struct{})
		host.Engine.Post("slow", func() { <-release })
		remove, err = voiceroom.Watch(own.Grid, func(voiceroom.Event) { t.Error("told after the removal") })
		require.NoError(t, err)
		remove()
		close(release)
		synctest.Wait()
		require.NoError(t, own.Close())
	})
}

// What is said in the chat is among the events, this user's own too, and local lines are not.
func TestWatchTellsOfTheChat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.NewServer(t)
		host, guest := srv.NewUser(t, "host"), srv.NewUser(t, "guest")
		own, err := voiceroom.CreateRoom(t.Context(), host.Engine, "room", voiceroom.CreateRoomParams{})
		require.NoError(t, err)
		room, err := voiceroom.EnterRoom(t.Context(), guest.Engine, "room")
		require.NoError(t, err)
		_, err = room.Chat.SendBarrage(t.Context(), "before", nil)
		require.NoError(t, err)
		synctest.Wait()
		var told []voiceroom.Event
		_, err = voiceroom.Watch(own.Grid, func(e voiceroom.Event) {
			if e.Type == voiceroom.EventMessage || e.Type == voiceroom.EventCustomMessage {
				told = append(told, e)
			}
		})
		require.NoError(t, err)
		_, err = room.Chat.SendBarrage(t.Context(), "hello\nall", map[string]string{"color": "red"})
		require.NoError(t, err)
		_, err = own.Chat.SendCustomBarrage(t.Context(), "app", `{"a":1}`, nil)
		require.NoError(t, err)
		require.NoError(t, own.Chat.LocalBarrage(engine.Barrage{Text: "guest has entered the room"}))
		synctest.Wait()
		require.Len(t, told, 2)
		require.Equal(t, "message guest hello\nall", told[0].String())
		require.Equal(t, map[string]string{"color": "red"}, told[0].Extension)
		require.Equal(t, `customMessage host app {"a":1}`, told[1].String())
		b, err := json.Marshal(told[1])
		require.NoError(t, err)
		require.Contains(t, string(b), `"type":"customMessage","user":"host","name":"host","value":"{\"a\":1}","businessId":"app"}`)
	})
}

// Gifts are among the events, as text and with everything in it as JSON.
func TestWatchTellsOfGifts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.NewServer(t)
		host, guest := srv.NewUser(t, "host"), srv.NewUser(t, "guest")
		own, err := voiceroom.CreateRoom(t.Context(), host.Engine, "room", voiceroom.CreateRoomParams{})
		require.NoError(t, err)
		room, err := voiceroom.EnterRoom(t.Context(), guest.Engine, "room")
		require.NoError(t, err)
		var told []voiceroom.Event
		_, err = voiceroom.Watch(own.Grid, func(e voiceroom.Event) {
			if e.Type == voiceroom.EventGift {
				told = append(told, e)
			}
		})
		require.NoError(t, err)
		require.NoError(t, room.Gifts.SendGift(t.Context(), "cake", 2, nil))
		require.NoError(t, room.Gifts.SendGift(t.Context(), "cake", 1, nil))
		require.NoError(t, own.Gifts.SendGift(t.Context(), "rose", 1, &engine.SendGiftOptions{Receiver: "guest"}))
		synctest.Wait()
		require.Len(t, told, 3)
		require.Equal(t, "gift guest to host Cake x2", told[0].String())
		require.Equal(t, "gift host to guest Rose x1", told[2].String())
		b, err := json.Marshal(told[1])
		require.NoError(t, err)
		require.Contains(t, string(b), `"type":"gift","user":"guest","name":"guest","value":"Cake","to":"host","giftId":"cake","giftCount":1,"comboCount":3,"coins":66}`)
		require.NoError(t, room.Close())
		require.NoError(t, own.Close())
	})
}
