package room_test

import (
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// Each of what a room says of itself: a change is one event with the whole room, the same again is nothing, and what
// breaks a limit changes nothing, neither in an update nor at the room's creation.
func TestUpdateOfEachField(t *testing.T) {
	long := func(n int) *string { return new(strings.Repeat("x", n)) }
	for name, c := range map[string]struct {
		good room.Update
		bad  []room.Update
		code signaling.Code
		want func(*signaling.RoomInfo)
	}{
		"name": {room.Update{Name: long(100)}, []room.Update{{Name: long(101)}, {Name: new("a\x00")}}, -2107,
			func(i *signaling.RoomInfo) { i.Name = *long(100) }},
		"seat mode": {room.Update{SeatMode: new(signaling.FreeToTake)}, []room.Update{{SeatMode: new(signaling.SeatMode(3))}, {SeatMode: new(signaling.SeatMode(-1))}}, -1001,
			func(i *signaling.RoomInfo) { i.SeatMode = signaling.FreeToTake }},
		"members": {room.Update{MaxMembers: new(400)}, []room.Update{{MaxMembers: new(-1)}, {MaxMembers: new(math.MaxInt32 + 1)}}, -1001,
			func(i *signaling.RoomInfo) { i.MaxMemberCount = 400 }},
		"notice": {room.Update{Notice: long(100)}, []room.Update{{Notice: long(101)}, {Notice: new("a\n")}}, -1001,
			func(i *signaling.RoomInfo) { i.Notice = *long(100) }},
		"cover": {room.Update{CoverURL: long(200)}, []room.Update{{CoverURL: long(201)}, {CoverURL: new("a\n")}, {CoverURL: new("\xff")}}, -1001,
			func(i *signaling.RoomInfo) { i.CoverURL = *long(200) }},
		"background": {room.Update{BackgroundURL: long(200)}, []room.Update{{BackgroundURL: long(201)}}, -1001,
			func(i *signaling.RoomInfo) { i.BackgroundURL = *long(200) }},
		"custom": {room.Update{CustomInfo: long(500)}, []room.Update{{CustomInfo: long(501)}}, -1001,
			func(i *signaling.RoomInfo) { i.CustomInfo = *long(500) }},
		"categories": {room.Update{Categories: &[]int{1, -2, math.MaxInt32}}, []room.Update{{Categories: &[]int{math.MaxInt32 + 1}}, {Categories: &[]int{math.MinInt32 - 1}}}, -1001,
			func(i *signaling.RoomInfo) { i.Categories = []int{1, -2, math.MaxInt32} }},
		"three categories": {room.Update{Categories: &[]int{1, 2, 3}}, []room.Update{{Categories: &[]int{1, 2, 3, 4}}}, 100009,
			func(i *signaling.RoomInfo) { i.Categories = []int{1, 2, 3} }},
		"activity": {room.Update{ActivityStatus: new(-7)}, []room.Update{{ActivityStatus: new(math.MaxInt32 + 1)}, {ActivityStatus: new(math.MinInt32 - 1)}}, -1001,
			func(i *signaling.RoomInfo) { i.ActivityStatus = -7 }},
		"hidden": {room.Update{Hidden: new(true)}, nil, 0, func(i *signaling.RoomInfo) { i.Hidden = true }},
		"chat":   {room.Update{MessageDisabled: new(true)}, nil, 0, func(i *signaling.RoomInfo) { i.MessageDisabled = true }},
	} {
		t.Run(name, func(t *testing.T) {
			before := stage(t)
			want := before.Info
			c.want(&want)
			after, events, err := room.Apply(before, cmd("1", "amy", c.good), t0)
			require.NoError(t, err)
			require.Equal(t, want, after.Info)
			require.Len(t, events, 1)
			require.Nil(t, events[0].To)
			require.Equal(t, want, events[0].Event.(signaling.RoomUpdated).Room)
			_, events, err = room.Apply(after, cmd("2", "owner", c.good), t0)
			require.NoError(t, err)
			require.Empty(t, events, "as it is already")

			create := room.Create{Info: signaling.RoomInfo{RoomID: "new"}, SeatLimit: 20}
			c.good.Give(&create.Info)
			made, _, err := room.Apply(room.State{}, cmd("1", "owner", create), t0)
			require.NoError(t, err)
			want = made.Info
			c.want(&want)
			require.Equal(t, want, made.Info)
			for _, bad := range c.bad {
				_, _, err := room.Apply(before, cmd("3", "owner", bad), t0)
				require.Equal(t, c.code, signaling.CodeOf(err), "%v", err)
				create := room.Create{Info: signaling.RoomInfo{RoomID: "new"}, SeatLimit: 20}
				bad.Give(&create.Info)
				_, _, err = room.Apply(room.State{}, cmd("3", "owner", create), t0)
				require.Equal(t, c.code, signaling.CodeOf(err), "%v", err)
			}
		})
	}
}

func TestUpdateCanTakeAwayWhatIsThere(t *testing.T) {
	s := then(t, stage(t), cmd("1", "owner", room.Update{CoverURL: new("c"), BackgroundURL: new("b"), CustomInfo: new("x"), Categories: &[]int{1}, Hidden: new(true), MessageDisabled: new(true), ActivityStatus: new(1)}))
	s = then(t, s, cmd("2", "owner", room.Update{CoverURL: new(""), BackgroundURL: new(""), CustomInfo: new(""), Categories: &[]int{}, Hidden: new(false), MessageDisabled: new(false), ActivityStatus: new(0)}))
	require.Equal(t, stage(t).Info, s.Info)
	_, _, err := room.Apply(s, cmd("3", "owner", room.Update{Name: new("")}), t0)
	require.ErrorIs(t, err, signaling.ErrInvalidRoomName)
}

// What a client says of what the server counts is not believed, and a list of its own stays its own.
func TestCreateCountsForItself(t *testing.T) {
	categories := []int{1}
	s := then(t, room.State{}, cmd("1", "owner", room.Create{Info: signaling.RoomInfo{
		RoomID: "r", OwnerID: "x", OwnerName: "x", CreateTime: 1, MemberCount: 7, ViewCount: 7, Categories: categories,
	}, SeatLimit: 20}))
	require.Zero(t, s.Info.ViewCount)
	require.Zero(t, s.Info.MemberCount)
	require.EqualValues(t, "owner", s.Info.OwnerID)
	categories[0] = 2
	require.Equal(t, []int{1}, s.Info.Categories)
}
