package engine_test

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/voiceroom/voiceroomtest"
)

// likesTold is what a user is told of a room's likes and statistics.
type likesTold struct {
	totals  []int64
	senders map[engine.UserID]bool
	stats   []engine.LiveStatistics
	flags   engine.LiveStatisticsFlag // all of them
}

func followLikes(u *voiceroomtest.User) (read func() likesTold) {
	var mu sync.Mutex
	told := likesTold{senders: map[engine.UserID]bool{}}
	u.Room().AddObserver(&engine.RoomObserver{
		OnReceiveLikes: func(_ engine.RoomID, total int64, senders []engine.UserInfo) {
			mu.Lock()
			defer mu.Unlock()
			told.totals = append(told.totals, total)
			for _, u := range senders {
				told.senders[u.UserID] = true
			}
		},
		OnLiveStatisticsChanged: func(_ engine.RoomID, s engine.LiveStatistics, flags engine.LiveStatisticsFlag) {
			mu.Lock()
			defer mu.Unlock()
			told.stats, told.flags = append(told.stats, s), told.flags|flags
		},
	})
	return func() likesTold {
		mu.Lock()
		defer mu.Unlock()
		was := told
		told = likesTold{senders: map[engine.UserID]bool{}}
		return was
	}
}

func like(t *testing.T, u *voiceroomtest.User, count int) {
	t.Helper()
	require.NoError(t, u.Room().SendLike(count))
}

// Everybody sees the room liked, whoever likes it and wherever, and its owner gets the statistics at the end.
func TestSendLike(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.Config{Nodes: 2}.NewServer(t)
		host, guest := srv.NewUserOn(t, 0, "host"), srv.NewUserOn(t, 1, "guest")
		host.Start(t, "room")
		created := host.RoomInfo().CreateTime
		guest.Join(t, "room")
		time.Sleep(time.Second)
		hosts, guests := followLikes(host), followLikes(guest)
		for range 50 { // ten taps a second
			like(t, guest, 1)
			time.Sleep(100 * time.Millisecond)
		}
		like(t, host, 7)
		_, err := guest.Room().Chat().SendBarrage(t.Context(), "hello", nil)
		require.NoError(t, err)
		time.Sleep(6 * time.Second)
		for _, read := range []func() likesTold{hosts, guests} {
			told := read()
			require.EqualValues(t, 57, told.totals[len(told.totals)-1])
			require.LessOrEqual(t, len(told.totals), 9, "about once a second")
			require.IsIncreasing(t, told.totals)
			require.Equal(t, map[engine.UserID]bool{"host": true, "guest": true}, told.senders)
			require.Equal(t, engine.LiveStatisticsLikes|engine.LiveStatisticsMessages, told.flags)
			last := told.stats[len(told.stats)-1]
			require.EqualValues(t, 1, last.TotalMessageCount)
			require.EqualValues(t, 57, last.TotalLikesReceived)
		}
		late := srv.NewUser(t, "late")
		late.Join(t, "room")
		require.EqualValues(t, 57, late.Room().Statistics().TotalLikesReceived)
		time.Sleep(time.Second)
		require.Equal(t, engine.LiveStatisticsViewers, hosts().flags)
		for _, u := range []*voiceroomtest.User{host, guest, late} {
			want := engine.LiveStatistics{TotalViewers: 3, TotalLikesReceived: 57, TotalMessageCount: 1, LiveDuration: (time.Now().UnixMilli() - created) / 1000}
			got := u.Room().Statistics()
			require.InDelta(t, want.LiveDuration, got.LiveDuration, 1)
			want.LiveDuration = got.LiveDuration
			require.Equal(t, want, got)
		}
		for _, n := range []int{0, -1, 201} {
			require.ErrorIs(t, guest.Room().SendLike(n), engine.ErrInvalidParameter)
		}

		// Off, and on again.
		require.NoError(t, host.Room().SetLiveInfo(t.Context(), engine.RoomInfo{LikeDisabled: true}, engine.LiveModifyEnableLike))
		synctest.Wait()
		require.ErrorIs(t, guest.Room().SendLike(1), engine.ErrLikesDisabled)
		require.NoError(t, host.Room().SetLiveInfo(t.Context(), engine.RoomInfo{}, engine.LiveModifyEnableLike))
		synctest.Wait()

		// What the owner has liked in the last moment is in.
		like(t, host, 1)
		like(t, host, 2)
		room := host.Room()
		duration := (time.Now().UnixMilli() - created) / 1000
		stats, err := host.StopVoiceRoom(t.Context())
		require.NoError(t, err)
		want := engine.LiveStatistics{TotalViewers: 3, TotalLikesReceived: 60, TotalMessageCount: 1, LiveDuration: duration}
		require.Equal(t, want, stats)
		require.ErrorIs(t, room.SendLike(1), engine.ErrRoomNotExist)
		time.Sleep(2 * time.Minute) // nothing is left of the room
		live, err := host.Engine.FetchLiveStatistics(t.Context(), "room", 0)
		require.NoError(t, err)
		require.Equal(t, engine.LiveRecord{
			RoomID: "room", OwnerID: "host", CreateTime: created, EndTime: live.EndTime, Reason: engine.DismissedByOwner, Statistics: want,
		}, live)
		_, err = guest.Engine.FetchLiveStatistics(t.Context(), "room", created)
		require.ErrorIs(t, err, engine.ErrNeedOwner)
		_, err = host.Engine.FetchLiveStatistics(t.Context(), "room", created+1)
		require.ErrorIs(t, err, engine.ErrRoomNotExist)
	})
}

// A connection that breaks again and again costs no like and doubles none; without one they wait.
func TestSendLike_overBrokenConnections(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.NewServer(t)
		host, guest := srv.NewUser(t, "host"), srv.NewUser(t, "guest")
		host.Start(t, "room")
		guest.Join(t, "room")
		want := 0
		for i := range 60 {
			like(t, guest, i%4+1)
			want += i%4 + 1
			time.Sleep(300 * time.Millisecond)
			if i%5 == 0 {
				guest.ResetConnection()
			}
		}
		guest.SetOffline(true)
		for range 10 {
			like(t, guest, 3)
			want += 3
			time.Sleep(time.Second)
		}
		guest.SetOffline(false)
		time.Sleep(30 * time.Second)
		require.EqualValues(t, want, host.Room().Statistics().TotalLikesReceived)
		require.EqualValues(t, want, guest.Room().Statistics().TotalLikesReceived)
	})
}

// A member whose node is killed likes the room at another, and nothing is counted twice. A node that stops in good order
// loses nothing of what it has counted.
func TestSendLike_whenTheNodeGoes(t *testing.T) {
	for name, end := range map[string]func(*testing.T, *voiceroomtest.Server){
		"killed":  func(t *testing.T, srv *voiceroomtest.Server) { srv.KillNode(t, 1) },
		"stopped": func(t *testing.T, srv *voiceroomtest.Server) { srv.StopNode(t, 1) },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := voiceroomtest.Config{Nodes: 2}.NewServer(t)
				host, guest := srv.NewUserOn(t, 0, "host"), srv.NewUserOn(t, 1, "guest")
				host.Start(t, "room")
				guest.Join(t, "room")
				liked, before := 0, 0
				for i := range 100 {
					if i == 50 {
						before = liked
						end(t, srv)
					}
					like(t, guest, 1)
					liked++
					time.Sleep(100 * time.Millisecond)
				}
				time.Sleep(30 * time.Second)
				total := host.Room().Statistics().TotalLikesReceived
				require.LessOrEqual(t, total, int64(liked), "none twice")
				if name == "killed" { // of a second at the node, and a message that had no answer
					require.GreaterOrEqual(t, total, int64(liked-25))
				} else {
					require.GreaterOrEqual(t, total, int64(liked-12))
				}
				require.Greater(t, total, int64(before), "it goes on")
				require.Equal(t, total, guest.Room().Statistics().TotalLikesReceived)
			})
		})
	}
}
