package room_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

var rose = signaling.GiftInfo{GiftID: "rose", Name: "Rose", Coins: 5}

// give sends gifts to somebody in the room.
func give(t *testing.T, s room.State, at time.Time, by, to signaling.UserID, gift signaling.GiftInfo, count int) (room.State, signaling.GiftReceived) {
	t.Helper()
	a := room.SendGift{Gift: gift, Count: count, Receiver: user(to), Present: true, Combo: 3 * time.Second}
	s, events, err := room.Apply(s, cmd(fmt.Sprint(at.UnixNano(), by, to), by, a), at)
	require.NoError(t, err)
	require.Len(t, events, 1)
	require.Nil(t, events[0].To, "everybody, the sender too")
	return s, events[0].Event.(signaling.GiftReceived)
}

func TestCombo(t *testing.T) {
	s := start(t, signaling.FreeToTake)
	s, g := give(t, s, t0, "ann", "owner", rose, 1)
	require.Equal(t, [2]int64{1, 1}, [2]int64{int64(g.ComboID), g.ComboCount})
	s, g = give(t, s, t0.Add(2*time.Second), "ann", "owner", rose, 10)
	require.Equal(t, [2]int64{1, 11}, [2]int64{int64(g.ComboID), g.ComboCount}, "soon enough")
	s, g = give(t, s, t0.Add(3*time.Second), "bob", "owner", rose, 1)
	require.Equal(t, [2]int64{3, 1}, [2]int64{int64(g.ComboID), g.ComboCount}, "another sender")
	s, g = give(t, s, t0.Add(3*time.Second), "ann", "bob", rose, 1)
	require.Equal(t, [2]int64{4, 1}, [2]int64{int64(g.ComboID), g.ComboCount}, "another receiver")
	s, g = give(t, s, t0.Add(3*time.Second), "ann", "owner", signaling.GiftInfo{GiftID: "car", Coins: 100}, 1)
	require.Equal(t, [2]int64{5, 1}, [2]int64{int64(g.ComboID), g.ComboCount}, "another gift")
	s, g = give(t, s, t0.Add(4999*time.Millisecond), "ann", "owner", rose, 1)
	require.Equal(t, [2]int64{1, 12}, [2]int64{int64(g.ComboID), g.ComboCount}, "the others do not end it")
	s, g = give(t, s, t0.Add(7999*time.Millisecond), "ann", "owner", rose, 1)
	require.Equal(t, [2]int64{7, 1}, [2]int64{int64(g.ComboID), g.ComboCount}, "three seconds later it is over")
	require.Len(t, s.Combos, 1, "what is over is forgotten")
	require.Equal(t, signaling.LiveStatistics{TotalGiftsSent: 16, TotalGiftCoins: 175}, s.Stats)
}

// However many send at once, the state has room for some combos only: those begun first begin anew.
func TestCombos_areBounded(t *testing.T) {
	s := start(t, signaling.FreeToTake)
	for i := range 100 {
		s, _ = give(t, s, t0, signaling.UserID(fmt.Sprint("user", i)), "owner", rose, 1)
	}
	require.Less(t, len(s.Combos), 20)
	_, g := give(t, s, t0, "user99", "owner", rose, 1)
	require.Equal(t, int64(2), g.ComboCount)
	_, g = give(t, s, t0, "user0", "owner", rose, 1)
	require.Equal(t, int64(1), g.ComboCount)
}

func TestGift_thatIsPaidFor_isShownWhateverHasChanged(t *testing.T) {
	s := then(t, start(t, signaling.FreeToTake), cmd("off", "owner", room.Update{GiftDisabled: new(true)}))
	free := room.SendGift{Gift: rose, Count: 1, Receiver: user("zoe")}
	_, _, err := room.Apply(s, cmd("1", "ann", free), t0)
	require.ErrorIs(t, err, signaling.ErrGiftDisabled)
	paid := free
	paid.Paid, paid.Order, paid.Room = true, 7, s.Info.CreateTime
	_, events, err := room.Apply(s, cmd("1", "ann", paid), t0)
	require.NoError(t, err)
	require.Equal(t, uint64(7), events[0].Order)
	require.Equal(t, "1", events[0].Event.(signaling.GiftReceived).GiftKey)

	paid.Room++
	_, _, err = room.Apply(s, cmd("1", "ann", paid), t0)
	require.ErrorIs(t, err, signaling.ErrRoomNotExist, "it was for another room of this id")
	paid.Room--
	s = then(t, s, cmd("over", "owner", room.Dismiss{}))
	require.Empty(t, s.Combos)
	_, _, err = room.Apply(s, cmd("1", "ann", paid), t0)
	require.ErrorIs(t, err, signaling.ErrRoomNotExist)
}

// The owner gets what names nobody, present or not, under the name that the room shows.
func TestGift_toNobody_isTheOwners(t *testing.T) {
	s := start(t, signaling.FreeToTake)
	s.Info.OwnerName = "Olga"
	_, events, err := room.Apply(s, cmd("1", "ann", room.SendGift{Gift: rose, Count: 2}), t0)
	require.NoError(t, err)
	g := events[0].Event.(signaling.GiftReceived)
	require.Equal(t, signaling.UserInfo{UserID: "owner", UserName: "Olga"}, g.Receiver)
	require.Equal(t, "ann", string(g.Sender.UserID))
	require.Equal(t, signaling.GeneralUser, g.Sender.Role)
}
