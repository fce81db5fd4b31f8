package voiceroom_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/signaling"
	"github.com/openvoiceroom/openvoiceroom/voiceroom"
	"github.com/openvoiceroom/openvoiceroom/voiceroom/voiceroomtest"
)

// gifts is what somebody is told of gifts, as people would read it.
type gifts []string

func (g *gifts) of(room *voiceroom.Room) {
	room.Room().AddObserver(&engine.RoomObserver{
		OnReceiveGift: func(_ engine.RoomID, x engine.GiftReceived) {
			*g = append(*g, fmt.Sprintf("%s gives %s %d %s (%d)", x.Sender.UserName, x.Receiver.UserName, x.Count, x.Gift.Name, x.ComboCount))
		},
		OnGiftCountChanged: func(_ engine.RoomID, count, coins int64) {
			*g = append(*g, fmt.Sprintf("%d gifts for %d coins", count, coins))
		},
	})
}

// twoGifts are two of those that the server ships with.
func twoGifts(t *testing.T, e *engine.Engine) (cheap, other engine.GiftInfo) {
	t.Helper()
	list, err := e.FetchGiftList(t.Context(), "en")
	require.NoError(t, err)
	return list[0].GiftList[0], list[0].GiftList[1]
}

// A host and two guests, on two nodes: everybody sees every gift, in one order, and it is counted.
func TestGifts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.Config{Nodes: 2}.NewServer(t)
		host, amy, bob := srv.NewUserOn(t, 0, "host"), srv.NewUserOn(t, 1, "amy"), srv.NewUserOn(t, 0, "bob")
		own, err := voiceroom.CreateRoom(t.Context(), host.Engine, "room", voiceroom.CreateRoomParams{})
		require.NoError(t, err)
		room, err := voiceroom.EnterRoom(t.Context(), amy.Engine, "room")
		require.NoError(t, err)
		third, err := voiceroom.EnterRoom(t.Context(), bob.Engine, "room")
		require.NoError(t, err)
		rose, other := twoGifts(t, amy.Engine)
		var hostSees, amySees gifts
		hostSees.of(own)
		amySees.of(room)

		require.NoError(t, room.Gifts.SendGift(t.Context(), rose.GiftID, 1, nil))
		require.NoError(t, room.Gifts.SendGift(t.Context(), rose.GiftID, 2, nil))
		require.NoError(t, third.Gifts.SendGift(t.Context(), other.GiftID, 1, &engine.SendGiftOptions{Receiver: "amy"}))
		time.Sleep(10 * time.Second)
		require.NoError(t, room.Gifts.SendGift(t.Context(), rose.GiftID, 1, nil))
		synctest.Wait()
		want := gifts{
			"amy gives host 1 " + rose.Name + " (1)", fmt.Sprintf("1 gifts for %d coins", rose.Coins),
			"amy gives host 2 " + rose.Name + " (3)", fmt.Sprintf("3 gifts for %d coins", 3*rose.Coins),
			"bob gives amy 1 " + other.Name + " (1)", fmt.Sprintf("4 gifts for %d coins", 3*rose.Coins+other.Coins),
			"amy gives host 1 " + rose.Name + " (1)", fmt.Sprintf("5 gifts for %d coins", 4*rose.Coins+other.Coins),
		}
		require.Equal(t, want, hostSees)
		require.Equal(t, want, amySees, "the sender is told as the others are")

		totals, err := third.Gifts.FetchGiftTotals(t.Context(), 10)
		require.NoError(t, err)
		require.Equal(t, int64(5), totals.TotalGiftsSent)
		require.Equal(t, int64(2), totals.TotalUniqueGiftSenders)
		require.ElementsMatch(t, []engine.GiftTally{
			{UserID: "amy", UserName: "amy", Count: 4, Coins: 4 * rose.Coins}, {UserID: "bob", UserName: "bob", Count: 1, Coins: other.Coins},
		}, totals.Senders)
		got, err := room.Gifts.GetGiftCountByAnchor(t.Context(), "host")
		require.NoError(t, err)
		require.Equal(t, engine.GiftTally{UserID: "host", UserName: "host", Count: 4, Coins: 4 * rose.Coins}, got)
	})
}

// What is refused, and with which words.
func TestGiftsThatAreRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.NewServer(t)
		host, amy := srv.NewUser(t, "host"), srv.NewUser(t, "amy")
		own, err := voiceroom.CreateRoom(t.Context(), host.Engine, "room", voiceroom.CreateRoomParams{})
		require.NoError(t, err)
		room, err := voiceroom.EnterRoom(t.Context(), amy.Engine, "room")
		require.NoError(t, err)
		rose, _ := twoGifts(t, amy.Engine)
		for _, count := range []int{-1, 0, signaling.MaxGiftCount + 1} {
			require.ErrorIs(t, room.Gifts.SendGift(t.Context(), rose.GiftID, count, nil), engine.ErrInvalidParameter)
		}
		require.ErrorIs(t, room.Gifts.SendGift(t.Context(), "a unicorn", 1, nil), signaling.ErrGiftNotFound)
		require.ErrorIs(t, room.Gifts.SendGift(t.Context(), rose.GiftID, 1, &engine.SendGiftOptions{Receiver: "bob"}), engine.ErrUserNotEntered)
		require.ErrorIs(t, room.Room().SetLiveInfo(t.Context(), engine.RoomInfo{GiftDisabled: true}, engine.LiveModifyEnableGift), engine.ErrNeedManager)
		require.NoError(t, own.Room().SetLiveInfo(t.Context(), engine.RoomInfo{GiftDisabled: true}, engine.LiveModifyEnableGift))
		require.ErrorIs(t, own.Gifts.SendGift(t.Context(), rose.GiftID, 1, nil), signaling.ErrGiftDisabled, "the host's, too")
		require.NoError(t, own.Room().SetLiveInfo(t.Context(), engine.RoomInfo{}, engine.LiveModifyEnableGift))
		require.NoError(t, room.Gifts.SendGift(t.Context(), rose.GiftID, 1, nil))
		_, err = room.Gifts.FetchGiftTotals(t.Context(), signaling.MaxGiftTop+1)
		require.ErrorIs(t, err, engine.ErrInvalidParameter)
	})
}

// The room's node dies, and the sender's; the SDK repeats what it has no answer to, and an app that asks again with the same
// key sends nothing twice. Who was away meanwhile is told.
func TestGiftsAreSentOnce_whicheverNodeDies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.Config{Nodes: 2}.NewServer(t)
		host, amy := srv.NewUserOn(t, 0, "host"), srv.NewUserOn(t, 1, "amy")
		own, err := voiceroom.CreateRoom(t.Context(), host.Engine, "room", voiceroom.CreateRoomParams{})
		require.NoError(t, err)
		room, err := voiceroom.EnterRoom(t.Context(), amy.Engine, "room")
		require.NoError(t, err)
		rose, _ := twoGifts(t, amy.Engine)
		var hostSees, amySees gifts
		hostSees.of(own)
		amySees.of(room)
		send := func(key string) error {
			return room.Gifts.SendGift(t.Context(), rose.GiftID, 1, &engine.SendGiftOptions{Key: key})
		}
		require.NoError(t, send("first"))
		srv.KillNode(t, 0)
		require.NoError(t, send("second"), "the other node takes the room over")
		require.NoError(t, send("first"))
		srv.StartNode(t, 0)
		time.Sleep(10 * time.Second)
		srv.KillNode(t, 1)
		require.NoError(t, send("second"), "by the other node")
		require.NoError(t, send("third"))
		srv.StartNode(t, 1)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		require.Len(t, amySees, 6, "%v", amySees)
		require.Equal(t, amySees, hostSees)
		totals, err := own.Gifts.FetchGiftTotals(t.Context(), 1)
		require.NoError(t, err)
		require.Equal(t, int64(3), totals.TotalGiftsSent)
		require.Equal(t, int64(3), totals.Senders[0].Count)
	})
}

// An app that wants gifts in its chat has them there, as local lines with the documents' keys.
func TestGiftsInChat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.NewServer(t)
		host, amy := srv.NewUser(t, "host"), srv.NewUser(t, "amy")
		own, err := voiceroom.CreateRoom(t.Context(), host.Engine, "room", voiceroom.CreateRoomParams{})
		require.NoError(t, err)
		room, err := voiceroom.EnterRoom(t.Context(), amy.Engine, "room")
		require.NoError(t, err)
		rose, _ := twoGifts(t, amy.Engine)
		room.Room().Gifts().ShowGiftsInChat(true)
		require.NoError(t, own.Gifts.SendGift(t.Context(), rose.GiftID, 7, &engine.SendGiftOptions{Receiver: "amy"}))
		synctest.Wait()
		require.Empty(t, own.Chat.Barrages())
		line := room.Chat.Barrages()[0]
		require.Equal(t, "host", line.Sender.UserName)
		require.Zero(t, line.Sequence, "a local one")
		require.Equal(t, map[string]string{
			"TYPE": "GIFTMESSAGE", "gift_name": rose.Name, "gift_count": "7", "gift_icon_url": rose.IconURL, "gift_receiver_username": "amy",
		}, line.Extension)
		room.Room().Gifts().ShowGiftsInChat(false)
		require.NoError(t, own.Gifts.SendGift(t.Context(), rose.GiftID, 1, nil))
		synctest.Wait()
		require.Len(t, room.Chat.Barrages(), 1)
	})
}
