package engine_test

import (
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/audio"
	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/seatgrid"
	"github.com/openvoiceroom/openvoiceroom/voiceroom/voiceroomtest"
)

// qualities keeps what a user is told of lines.
type qualities struct {
	mu   sync.Mutex
	at   []time.Time
	list [][]engine.NetworkInfo
}

func watchQuality(r *engine.Room) *qualities {
	q := &qualities{}
	r.AddObserver(&engine.RoomObserver{OnUserNetworkQualityChanged: func(infos []engine.NetworkInfo) {
		q.mu.Lock()
		defer q.mu.Unlock()
		q.at, q.list = append(q.at, time.Now()), append(q.list, infos)
	}})
	return q
}

// of returns what was said of a user last.
func (q *qualities) of(u engine.UserID) (info engine.NetworkInfo, known bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.list) == 0 {
		return info, false
	}
	last := q.list[len(q.list)-1]
	i := slices.IndexFunc(last, func(i engine.NetworkInfo) bool { return i.UserID == u })
	if i < 0 {
		return info, false
	}
	return last[i], true
}

// last returns what was said last.
func (q *qualities) last() []engine.NetworkInfo {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.list[len(q.list)-1]
}

func (q *qualities) times() []time.Time {
	q.mu.Lock()
	defer q.mu.Unlock()
	return slices.Clone(q.at)
}

// Everybody hears every 2 s how their own line is and how those of the seated are, whichever server they are at: while
// somebody speaks, and not otherwise.
func TestNetworkQualityEvents(t *testing.T) {
	for name, node := range map[string]int{"one server": 0, "two servers": 1} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := voiceroomtest.Config{Nodes: 2, Delay: 20 * time.Millisecond, Seed: 1}.NewServer(t)
				host, guest := srv.NewUser(t, "host"), srv.NewUserOn(t, node, "guest")
				host.Start(t, "room")
				guest.Join(t, "room")
				hosts, guests := watchQuality(host.Room()), watchQuality(guest.Room())

				time.Sleep(20*time.Second + time.Millisecond) // virtual
				times := guests.times()
				require.Greater(t, len(times), 7)
				for i := range times[1:] {
					require.Equal(t, engine.NetworkInterval, times[i+1].Sub(times[i]))
				}
				good := func(u engine.UserID, delay int) engine.NetworkInfo {
					return engine.NetworkInfo{UserID: u, Quality: engine.NetworkExcellent, Delay: delay}
				}
				require.Equal(t, []engine.NetworkInfo{good("guest", 40), good("host", 0)}, guests.last(),
					"the host hears nobody: what its round trip is only the host knows")
				info, _ := hosts.of("host")
				require.Equal(t, good("host", 40), info)

				srv.SetLoss(0.12)
				time.Sleep(12 * time.Second)
				for _, q := range []*qualities{hosts, guests} {
					info, _ = q.of("host")
					require.InDelta(t, 12, info.UpLoss, 6)
					require.GreaterOrEqual(t, info.Quality, engine.NetworkPoor)
				}
				info, _ = guests.of("guest")
				require.InDelta(t, 12, info.DownLoss, 6)
				require.Zero(t, info.UpLoss, "it says nothing")

				srv.SetLoss(0)
				time.Sleep(30 * time.Second)
				require.Equal(t, []engine.NetworkInfo{good("guest", 40), good("host", 0)}, guests.last())

				require.NoError(t, host.MuteMicrophone(t.Context()))
				time.Sleep(20 * time.Second)
				_, known := guests.of("host")
				require.False(t, known, "what was measured is old")
				n, m := len(guests.times()), len(hosts.times())
				time.Sleep(time.Minute)
				require.Equal(t, n, len(guests.times()), "nobody speaks")
				require.Equal(t, m, len(hosts.times()))

				require.NoError(t, host.UnmuteMicrophone(t.Context()))
				time.Sleep(10 * time.Second)
				info, known = guests.of("host")
				require.True(t, known)
				require.Equal(t, good("host", 0), info)
				srv.SetLoss(1)
				time.Sleep(20 * time.Second)
				for _, q := range []*qualities{hosts, guests} {
					info, _ = q.of("host")
					require.Equal(t, engine.NetworkDown, info.Quality)
				}
				info, _ = guests.of("guest")
				require.Equal(t, engine.NetworkDown, info.Quality)
				srv.SetLoss(0)
			})
		})
	}
}

// Who comes later is told what the others have heard before; two who hear each other know each other's round trips.
func TestNetworkQualityForNewcomers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.Config{Nodes: 2, Delay: 30 * time.Millisecond}.NewServer(t)
		host, guest := srv.NewUser(t, "host"), srv.NewUserOn(t, 1, "guest")
		host.Start(t, "room")
		require.NoError(t, host.UpdateRoomSeatMode(t.Context(), seatgrid.FreeToTake))
		guest.Join(t, "room")
		_, err := guest.TakeSeat(t.Context(), 1, time.Minute)
		require.NoError(t, err)
		require.NoError(t, guest.StartMicrophone(t.Context()))
		time.Sleep(time.Minute)
		for i, id := range []engine.UserID{"late", "later"} {
			late := srv.NewUserOn(t, i, id)
			late.Join(t, "room")
			q := watchQuality(late.Room())
			time.Sleep(13 * time.Second)
			for _, u := range []engine.UserID{"host", "guest"} {
				info, known := q.of(u)
				require.True(t, known, "%s of %s", id, u)
				require.Equal(t, engine.NetworkExcellent, info.Quality)
				require.InDelta(t, 60, info.Delay, 2)
			}
		}
	})
}

// A login without a codec has no media: its report is empty and says so.
func TestCallReportWithoutMedia(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.NewServer(t)
		host := srv.NewUser(t, "host")
		host.Start(t, "room")
		cfg := srv.EngineConfig(t, 0, "bot")
		cfg.Codec, cfg.Microphone, cfg.Speaker = nil, nil, nil
		eng, err := engine.Login(t.Context(), cfg)
		require.NoError(t, err)
		logout(t, eng)
		room, err := eng.Enter(t.Context(), "room", nil)
		require.NoError(t, err)
		r := room.CallReport()
		require.Empty(t, r.Line)
		require.Contains(t, r.String(), "Nobody was heard")
	})
}

// Somebody who only records has a report too, and a report may be asked for before anything has come.
func TestCallReportOfSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.NewServer(t)
		cfg := srv.EngineConfig(t, 0, "host")
		cfg.Microphone, cfg.Speaker = nil, audio.NewRecorder(1)
		eng, err := engine.Login(t.Context(), cfg)
		require.NoError(t, err)
		logout(t, eng)
		_, err = eng.Create(t.Context(), engine.RoomInfo{RoomID: "room"})
		require.NoError(t, err)
		room, err := eng.Enter(t.Context(), "room", nil)
		require.NoError(t, err)
		require.Contains(t, room.CallReport().String(), "Nothing was wrong")
		time.Sleep(time.Minute)
		r := room.CallReport()
		require.Contains(t, r.String(), "Nobody was heard.\nNothing was wrong.\n")
		require.InDelta(t, 30, len(r.Line), 1)
		_, err = room.Dismiss(t.Context())
		require.NoError(t, err)
		require.WithinDuration(t, time.Now(), room.CallReport().End, time.Second)
	})
}
