package room

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

func TestRequestSize_isNeverLessThanItsJSON(t *testing.T) {
	text := rapid.OneOf(rapid.String(), rapid.StringOfN(rapid.RuneFrom([]rune("<>&\"\\\u2028\u2029ab\x00\n\x7f�")), 0, 20, -1))
	rapid.Check(t, func(t *rapid.T) {
		r := signaling.Request{
			RequestID: text.Draw(t, "id"), Type: signaling.InviteToTakeSeat, To: signaling.UserID(text.Draw(t, "to")),
			From: signaling.UserInfo{
				UserID: signaling.UserID(text.Draw(t, "from")), UserName: text.Draw(t, "name"), AvatarURL: text.Draw(t, "avatar"),
				Role: signaling.GeneralUser, Level: rapid.Uint32().Draw(t, "level"),
			},
			Index: 49, Created: 9_999_999_999_999, Deadline: 9_999_999_999_999,
		}
		b, err := json.Marshal(r)
		require.NoError(t, err)
		require.GreaterOrEqual(t, requestSize(r), len(b)+1, "with the comma")
		require.Less(t, requestSize(r), len(b)+100, "and not much more")
	})
	assert.Equal(t, 6, textSize("\xff"), "what is no UTF-8 becomes an escaped U+FFFD")
}

func TestSeatBytes_isEnoughForTheLongestSeat(t *testing.T) {
	b, err := json.Marshal(signaling.SeatInfo{
		Index: MaxSeats - 1, UserID: signaling.UserID(strings.Repeat("u", 32)), UserName: strings.Repeat("n", 100),
		AvatarURL: strings.Repeat("a", 200), Locked: true, AudioLocked: true, VideoLocked: true, Mic: signaling.MicOffByAdmin,
	})
	require.NoError(t, err)
	assert.LessOrEqual(t, len(b)+1, seatBytes)
	b, err = json.Marshal(State{
		Info: signaling.RoomInfo{
			RoomID: signaling.RoomID(strings.Repeat("<", 48)), Name: strings.Repeat("<", 100), OwnerID: signaling.UserID(strings.Repeat("u", 32)),
			OwnerName: strings.Repeat("n", 100), SeatMode: 2, MaxSeatCount: 50, CreateTime: math.MaxInt64, MaxMemberCount: math.MaxInt32,
		},
		Admins: []signaling.UserID{}, Seats: []signaling.SeatInfo{{}}, Requests: []signaling.Request{{}}, Dismissed: 1,
	})
	require.NoError(t, err)
	assert.LessOrEqual(t, len(b)+10*36, restBytes)
}

func TestBattleBytes_isEnoughForTheLongestBattle(t *testing.T) {
	for _, fill := range []string{"n", "<"} {
		u := signaling.BattleUser{
			RoomID: signaling.RoomID(strings.Repeat(fill, 48)), UserID: signaling.UserID(strings.Repeat(fill, 32)), UserName: strings.Repeat(fill, 100),
			AvatarURL: strings.Repeat(fill, 200), Score: math.MinInt64, Left: true,
		}
		s := State{Battle: &Battle{ID: strings.Repeat("A", 26), Seq: math.MaxUint64, Turn: math.MaxUint64, Phase: BattlePunished, Told: BattleEnds, Tells: &ReportBattle{Created: math.MaxInt64, Timeout: math.MaxInt64, Told: BattleEnds, Ended: true, Only: true}, Created: math.MaxInt64, Deadline: math.MaxInt64, Info: &signaling.BattleInfo{
			BattleID: strings.Repeat("A", 26), DurationMS: math.MaxInt64, NeedResponse: true, ExtensionInfo: strings.Repeat(fill, 1<<10), Inviter: u,
			InviteeList: []signaling.BattleUser{u, u, u, u, u, u, u, u, u}, StartTime: math.MaxInt64, EndTime: math.MaxInt64,
			PunishmentMS: math.MaxInt64, PunishEndTime: math.MaxInt64,
		}}}
		for range 9 {
			s.Battle.Accepted = append(s.Battle.Accepted, u.RoomID)
		}
		with, err := json.Marshal(s)
		require.NoError(t, err)
		without, err := json.Marshal(State{})
		require.NoError(t, err)
		assert.LessOrEqual(t, len(with)-len(without), s.battleBytes())
		s.Battle.Info, s.Battle.Accepted = nil, nil
		with, err = json.Marshal(s)
		require.NoError(t, err)
		assert.LessOrEqual(t, len(with)-len(without), s.battleBytes())
	}
}
