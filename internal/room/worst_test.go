package room_test

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// full fills a room with users whose texts are as long as they may be, made of fill.
func full(t testing.TB, seats int, fill string) room.State {
	long := func(n int) string { return strings.Repeat(fill, n)[:n] }
	who := func(i int) signaling.UserInfo {
		return signaling.UserInfo{UserID: signaling.UserID(fmt.Sprintf("%032d", i)), UserName: long(100), AvatarURL: long(200), Level: math.MaxUint32}
	}
	owner := who(9999)
	s, _, err := room.Apply(room.State{}, room.Command{ID: "c", By: owner, Action: room.Create{
		Info: signaling.RoomInfo{
			RoomID: signaling.RoomID(long(48)), Name: long(100), MaxSeatCount: seats, MaxMemberCount: math.MaxInt32, Notice: long(100), CoverURL: long(200), BackgroundURL: long(200),
			Categories: []int{math.MinInt32, math.MinInt32, math.MinInt32}, ActivityStatus: math.MinInt32, CustomInfo: long(500), Hidden: true, MessageDisabled: true, LikeDisabled: true, GiftDisabled: true,
		}, SeatLimit: seats, Unlimited: true,
	}}, t0)
	require.NoError(t, err)
	s.Info.ViewCount, s.Info.MemberCount = math.MaxInt64, math.MaxInt32
	s.Info.HasPassword, s.Password = true, room.Password{Salt: make([]byte, room.PasswordSalt), Hash: make([]byte, room.PasswordHash)}
	s.Life = room.Life{Empty: math.MaxInt64, OwnerHere: true, OwnerLeft: math.MaxInt64, OwnerLost: math.MaxInt64}
	s.Info.SeatMode = signaling.FreeToTake
	for i := range seats {
		s.Seats[i].Locked, s.Seats[i].AudioLocked, s.Seats[i].VideoLocked = false, true, true
		s, _, err = room.Apply(s, room.Command{ID: "x", By: who(i), Action: room.TakeSeat{Index: -1}}, t0)
		require.NoError(t, err)
		s.Seats[i].Locked = true
	}
	s.Stats = signaling.LiveStatistics{
		TotalViewers: math.MaxInt64, TotalGiftsSent: math.MaxInt64, TotalGiftCoins: math.MaxInt64, TotalUniqueGiftSenders: math.MaxInt64,
		TotalLikesReceived: math.MaxInt64, TotalMessageCount: math.MaxInt64, LiveDuration: math.MaxInt64,
	}
	s.Gifts, s.Info.GiftDisabled = math.MaxInt64, false
	for i := range 50 {
		send := room.SendGift{Gift: signaling.GiftInfo{GiftID: long(20)}, Count: 1, Receiver: who(i), Present: true, Combo: time.Minute}
		s, _, err = room.Apply(s, room.Command{ID: "x", By: who(i), Action: send}, t0)
		require.NoError(t, err)
	}
	s.Info.SeatMode, s.Info.GiftDisabled = signaling.ApplyToTake, true
	for i := range 10 {
		s.Admins = append(s.Admins, who(1000+i).UserID)
	}
	// Somebody applies for a seat that the owner frees, again and again.
	for i := range room.MaxRequests + 1 {
		s.Seats[0] = signaling.SeatInfo{}
		next, _, err := room.Apply(s, room.Command{ID: fmt.Sprintf("%064d", i), By: who(2000 + i), Action: room.TakeSeat{Timeout: time.Hour}}, t0)
		if err != nil {
			require.ErrorIs(t, err, signaling.ErrLimit)
			break
		}
		s = next
	}
	s.Seats[0] = s.Seats[1]
	s.Seats[0].Index = 0
	return s
}

func TestState_ofTheWorstLegalSize_staysUnder64KB(t *testing.T) {
	for _, seats := range []int{10, 20, 50} {
		s := full(t, seats, "n")
		b, err := json.Marshal(s)
		require.NoError(t, err)
		t.Logf("%d seats: %d requests, %d bytes", seats, len(s.Requests), len(b))
		assert.Less(t, len(b), room.MaxStateBytes)
	}
}

// A connection comes with other rooms' names, and metadata and requests after it: together they stay in their bounds, too.
func TestState_ofAConnectedRoom_staysUnder64KB(t *testing.T) {
	for _, seats := range []int{10, 20, 50} {
		s := full(t, seats, "n")
		s.Requests = nil
		owner := s.Info.OwnerID
		show := room.ShowConnection{Room: s.Info.CreateTime, ID: strings.Repeat("n", 26), Turn: 1, Seq: 1}
		for i := range signaling.MaxConnectedRooms {
			id := signaling.RoomID(fmt.Sprintf("%048d", i))
			if i == 0 {
				id = s.Info.RoomID
			}
			show.Users = append(show.Users, room.ConnectedRoom{Created: math.MaxInt64, ConnectionUser: signaling.ConnectionUser{
				RoomID: id, UserID: owner, UserName: strings.Repeat("n", 100), AvatarURL: strings.Repeat("n", 200), JoinConnectionTime: math.MaxInt64,
			}})
			show.Connected = append(show.Connected, id)
		}
		show.Asks = []room.ConnectionAsk{{ID: strings.Repeat("n", 64), From: s.Info.RoomID, To: show.Connected[1], Ext: strings.Repeat("<", signaling.MaxConnectionExtension)}}
		do := func(c room.Command) error {
			next, _, err := room.Apply(s, c, t0)
			s = next
			return err
		}
		require.NoError(t, do(room.Command{By: signaling.UserInfo{UserID: "app"}, App: true, Action: show}))
		for i := range room.MaxMetadataKeys {
			if err := do(room.Command{By: signaling.UserInfo{UserID: owner}, Action: room.SetMetadata{Metadata: map[string]string{fmt.Sprintf("%050d", i): strings.Repeat("v", 1600)}}}); err != nil {
				require.ErrorIs(t, err, signaling.ErrLimit)
			}
		}
		s.Seats[0] = signaling.SeatInfo{}
		for i := range room.MaxRequests {
			by := signaling.UserInfo{UserID: signaling.UserID(fmt.Sprintf("%032d", 5000+i)), UserName: strings.Repeat("n", 100), AvatarURL: strings.Repeat("n", 200)}
			if err := do(room.Command{ID: fmt.Sprintf("%064d", i), By: by, Action: room.TakeSeat{Timeout: time.Hour}}); err != nil {
				require.ErrorIs(t, err, signaling.ErrLimit)
				require.Greater(t, i, 5, "of applications there is always room for a few")
				break
			}
		}
		s.Seats[0] = s.Seats[1]
		b, err := json.Marshal(s)
		require.NoError(t, err)
		t.Logf("%d seats: %d requests, %d keys, %d bytes", seats, len(s.Requests), len(s.Metadata), len(b))
		assert.Less(t, len(b), room.MaxStateBytes)
	}
}

func TestState_ofUsualUsers_holds200Requests(t *testing.T) {
	s := start(t, signaling.ApplyToTake)
	for i := range 16 {
		s.Seats = append(s.Seats, signaling.SeatInfo{Index: signaling.SeatIndex(4 + i)})
	}
	who := func(i int) signaling.UserInfo {
		return signaling.UserInfo{UserID: signaling.UserID(fmt.Sprint("user_", 100000+i)), UserName: "Marie-Louise", AvatarURL: fmt.Sprintf("https://cdn.example.com/avatars/%d.png", 100000+i)}
	}
	id := func(i int) string { return fmt.Sprintf("0b9e1d3c-6a2f-4c1e-9a57-%012d", i) }
	for i := range room.MaxRequests {
		var err error
		s, _, err = room.Apply(s, room.Command{ID: id(i), By: who(i), Action: room.TakeSeat{Index: -1, Timeout: time.Minute}}, t0)
		require.NoError(t, err, i)
	}
	_, _, err := room.Apply(s, room.Command{ID: id(999), By: who(999), Action: room.TakeSeat{Index: -1}}, t0)
	require.ErrorIs(t, err, signaling.ErrLimit)
	b, err := json.Marshal(s)
	require.NoError(t, err)
	assert.Less(t, len(b), room.MaxStateBytes)
}

// TestEntries_ofTheWorstRoom_fitIntoTheLog: an entry holds the events of one turn and the state after them. Names of
// nothing but "<" take six times their length in JSON.
func TestEntries_ofTheWorstRoom_fitIntoTheLog(t *testing.T) {
	for _, fill := range []string{"n", "<"} {
		for name, c := range map[string]room.Command{
			"dismissed by the server": {Action: room.Dismiss{Reason: signaling.DismissedByServer}},
			"dismissed by the owner":  {By: signaling.UserInfo{UserID: signaling.UserID(fmt.Sprintf("%032d", 9999)), UserName: strings.Repeat("n", 100), AvatarURL: strings.Repeat("n", 200)}, Action: room.Dismiss{}},
			"expired":                 {Action: room.Expire{}},
		} {
			t.Run(fill+" "+name, func(t *testing.T) {
				s := full(t, 50, fill)
				next, events, err := room.Apply(s, c, t0.Add(2*time.Hour))
				require.NoError(t, err)
				require.NotEmpty(t, events)
				b, err := json.Marshal(struct {
					S room.State
					E []room.Event
				}{next, events})
				require.NoError(t, err)
				t.Logf("%d requests, %d bytes", len(s.Requests), len(b))
				assert.Less(t, len(b), 200<<10, "the log takes 256 KB, and a turn may hold 48 KB of other events")
			})
		}
	}
}

func BenchmarkApply(b *testing.B) {
	for name, s := range map[string]room.State{"small": start(b, signaling.FreeToTake), "worst": full(b, 50, "n")} {
		s.Info.SeatMode = signaling.FreeToTake
		s.Seats[0] = signaling.SeatInfo{}
		b.Run(name+"/take+leave", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				next, _, err := room.Apply(s, cmd("1", "ann", room.TakeSeat{}), t0)
				if err != nil {
					b.Fatal(err)
				}
				if _, _, err = room.Apply(next, cmd("2", "ann", room.LeaveSeat{}), t0); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
