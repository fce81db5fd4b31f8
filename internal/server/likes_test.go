package server

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/internal/home"
	"github.com/openvoiceroom/openvoiceroom/internal/race"
	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// liked sends likes and returns how many count.
func (c *raw) liked(p signaling.LikeParams) (counted int, err error) {
	c.t.Helper()
	p.RoomID = "r"
	m := c.call(signaling.MethodSendLike, p)
	var res signaling.LikeResult
	if m.Err == nil {
		require.NoError(c.t, signaling.DecodeParams(m.Result, &res))
	}
	return res.Counted, errOf(m)
}

func (c *raw) like(count int) {
	c.t.Helper()
	n, err := c.liked(signaling.LikeParams{Count: count})
	require.NoError(c.t, err)
	require.Equal(c.t, count, n)
}

// totals returns the likes and statistics that were told since the last call, and forgets everything else.
func (c *raw) totals() (likes []signaling.LikesReceived, stats []signaling.LiveStatistics) {
	c.t.Helper()
	c.must(signaling.MethodPing, struct{}{}, nil) // behind everything that was queued
	for _, m := range c.heard {
		switch m.Method {
		case signaling.NotifyLikes:
			var p signaling.LikesReceived
			require.NoError(c.t, signaling.DecodeParams(m.Params, &p))
			likes = append(likes, p)
		case signaling.NotifyStatistics:
			var p signaling.StatisticsChanged
			require.NoError(c.t, signaling.DecodeParams(m.Params, &p))
			stats = append(stats, p.Statistics)
		}
	}
	c.heard = nil
	return likes, stats
}

func lastTotal(likes []signaling.LikesReceived) int64 {
	if len(likes) == 0 {
		return 0
	}
	return likes[len(likes)-1].Total
}

// Likes of members at every node become one total, which everybody is told once a second, and newcomers at once.
func TestLikes(t *testing.T) {
	inWorldOf(t, 2, func(t *testing.T, w *world) {
		host := w.login("host")
		w.open(host, signaling.FreeToTake)
		ann, bob := w.member(1, "ann"), w.member(1, "bob")
		time.Sleep(time.Second)
		version := host.snapshot().Version
		ann.like(5)
		bob.like(2)
		host.like(1)
		synctest.Wait()
		_, err := host.say("a message, counted with them")
		require.NoError(t, err)
		time.Sleep(2500 * time.Millisecond)
		for _, c := range []*raw{host, ann, bob} {
			likes, stats := c.totals()
			require.EqualValues(t, 8, lastTotal(likes))
			require.LessOrEqual(t, len(likes), 3)
			names := map[signaling.UserID]bool{}
			for _, l := range likes {
				for _, u := range l.Senders {
					names[u.UserID] = true
				}
			}
			require.Equal(t, map[signaling.UserID]bool{"ann": true, "bob": true, "host": true}, names)
			require.NotEmpty(t, stats)
			require.LessOrEqual(t, len(stats), 2)
		}
		time.Sleep(2 * time.Second)
		_, stats := host.totals()
		if len(stats) > 0 {
			require.EqualValues(t, 8, stats[len(stats)-1].TotalLikesReceived)
			require.EqualValues(t, 1, stats[len(stats)-1].TotalMessageCount)
		}
		cat := w.member(0, "cat")
		time.Sleep(200 * time.Millisecond)
		now := cat.snapshot()
		require.Greater(t, now.Version, version)
		require.Equal(t, signaling.LiveStatistics{TotalViewers: 4, TotalLikesReceived: 8, TotalMessageCount: 1, LiveDuration: now.Statistics.LiveDuration}, now.Statistics)
		require.InDelta(t, 5, now.Statistics.LiveDuration, 1)
		time.Sleep(4 * time.Second)
		likes, stats := ann.totals()
		require.Empty(t, likes)
		require.LessOrEqual(t, len(stats), 1)

		// Versions that were likes alone leave no gap for events.
		host.heard = nil
		before := host.snapshot().Version
		ann.like(1)
		time.Sleep(3 * time.Second)
		ann.must(signaling.MethodTakeSeat, take(3), nil)
		host.must(signaling.MethodPing, struct{}{}, nil)
		events := host.events()
		require.Equal(t, before, events[len(events)-1].Prev)
		require.Greater(t, events[len(events)-1].Version, before+1)
	})
}

func TestLikes_areRefused(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		host := w.login("host")
		w.open(host, signaling.FreeToTake)
		ann := w.member(0, "ann")
		for _, n := range []int{-1, 0, signaling.MaxLikes + 1} {
			_, err := ann.liked(signaling.LikeParams{Count: n})
			require.ErrorIs(t, err, signaling.ErrInvalidParameter, "%d", n)
		}
		off, on := true, false
		host.must(signaling.MethodUpdateRoom, signaling.UpdateRoomParams{RoomID: "r", LikeDisabled: &off}, nil)
		for _, c := range []*raw{host, ann} {
			_, err := c.liked(signaling.LikeParams{Count: 1})
			require.ErrorIs(t, err, signaling.ErrLikesDisabled)
		}
		require.True(t, ann.snapshot().Room.LikeDisabled)
		host.must(signaling.MethodUpdateRoom, signaling.UpdateRoomParams{RoomID: "r", LikeDisabled: &on}, nil)

		// 20 a second, 200 at once.
		n, err := ann.liked(signaling.LikeParams{Count: signaling.MaxLikes})
		require.NoError(t, err)
		require.Equal(t, signaling.MaxLikes, n)
		n, err = ann.liked(signaling.LikeParams{Count: 7})
		require.NoError(t, err)
		require.Zero(t, n, "what is too much is not counted")
		for range 2 {
			time.Sleep(time.Second)
			n, err = ann.liked(signaling.LikeParams{Count: 100})
			require.NoError(t, err)
			require.Equal(t, signaling.LikesPerSecond, n)
		}
		host.like(30)
		time.Sleep(3 * time.Second)
		likes, _ := ann.totals()
		require.EqualValues(t, signaling.MaxLikes+2*signaling.LikesPerSecond+30, lastTotal(likes))
	})
}

// Who goes out and comes in again, or joins once more, likes no faster for it.
func TestLikes_areNotMoreByComingInAgain(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		host := w.login("host")
		w.open(host, signaling.FreeToTake)
		ann := w.member(0, "ann")
		ann.like(signaling.MaxLikes)
		for _, again := range []func(){
			func() { ann.must(signaling.MethodLeaveRoom, signaling.RoomParams{RoomID: "r"}, nil) },
			func() {},
		} {
			again()
			ann.must(signaling.MethodJoinRoom, signaling.JoinParams{RoomID: "r"}, nil)
			n, err := ann.liked(signaling.LikeParams{Count: signaling.MaxLikes})
			require.NoError(t, err)
			require.Zero(t, n)
		}
	})
}

// A message that is repeated after a broken connection counts once in the session that goes on, and never in another.
func TestLikes_ofARepeatedMessage(t *testing.T) {
	inWorldOf(t, 2, func(t *testing.T, w *world) {
		host := w.login("host")
		w.open(host, signaling.FreeToTake)
		ann, login, err := w.loginAt(0, "ann", nil)
		require.NoError(t, err)
		ann.must(signaling.MethodJoinRoom, signaling.JoinParams{RoomID: "r"}, nil)
		one := signaling.LikeParams{Count: 3, Seq: 1, SessionID: login.SessionID}
		send := func(c *raw, p signaling.LikeParams, want int) {
			t.Helper()
			n, err := c.liked(p)
			require.NoError(t, err)
			require.Equal(t, want, n)
		}
		send(ann, one, 3)
		send(ann, one, 0)
		since := ann.snapshot().Version
		ann.drop()
		ann = w.resumed("ann", login.SessionID, since)
		send(ann, one, 0)
		two := signaling.LikeParams{Count: 4, Seq: 2, SessionID: login.SessionID}
		send(ann, two, 4)
		ann.must(signaling.MethodJoinRoom, signaling.JoinParams{RoomID: "r", Since: ann.snapshot().Version}, nil)
		send(ann, two, 0)
		ann.drop()
		ann, other, err := w.loginAt(1, "ann", &signaling.Resume{SessionID: login.SessionID})
		require.NoError(t, err)
		ann.must(signaling.MethodJoinRoom, signaling.JoinParams{RoomID: "r", Since: since}, nil)
		send(ann, two, 0)
		send(ann, signaling.LikeParams{Count: 5, Seq: 3, SessionID: other.SessionID}, 5)
		send(ann, signaling.LikeParams{Count: 5, Seq: 3, SessionID: other.SessionID}, 0)
		ann.must(signaling.MethodJoinRoom, signaling.JoinParams{RoomID: "r"}, nil) // a new stay
		send(ann, signaling.LikeParams{Count: 6, Seq: 1, SessionID: other.SessionID}, 6)
		time.Sleep(3 * time.Second)
		likes, _ := host.totals()
		require.EqualValues(t, 3+4+5+6, lastTotal(likes))
	})
}

// The answer to a dismissal has the statistics, and their owner reads them later, from any node.
func TestStatistics_ofALive(t *testing.T) {
	inWorldOf(t, 2, func(t *testing.T, w *world) {
		host := w.login("host")
		w.open(host, signaling.FreeToTake)
		ann := w.member(0, "ann")
		created := host.snapshot().Room.CreateTime
		ask := func(c *raw, p signaling.StatisticsParams) (signaling.LiveRecord, error) {
			t.Helper()
			var res signaling.StatisticsResult
			m := c.call(signaling.MethodStatistics, p)
			if m.Err == nil {
				require.NoError(t, signaling.DecodeParams(m.Result, &res))
			}
			return res.Live, errOf(m)
		}
		running, err := ask(host, signaling.StatisticsParams{RoomID: "r"})
		require.NoError(t, err)
		require.Equal(t, signaling.LiveRecord{RoomID: "r", OwnerID: "host", CreateTime: created, Statistics: signaling.LiveStatistics{TotalViewers: 2, LiveDuration: running.Statistics.LiveDuration}}, running)
		time.Sleep(3 * time.Second)
		ann.said("hello")
		ann.like(7)
		host.like(2)
		duration := (time.Now().UnixMilli() - created) / 1000
		require.GreaterOrEqual(t, duration, int64(3))
		var res signaling.DismissResult
		host.must(signaling.MethodDismissRoom, signaling.RoomParams{RoomID: "r", CommandID: "end"}, &res)
		want := signaling.LiveStatistics{TotalViewers: 2, TotalLikesReceived: 9, TotalMessageCount: 1, LiveDuration: duration}
		require.Equal(t, want, res.Statistics)
		ended := time.Now().UnixMilli()
		kept := signaling.LiveRecord{RoomID: "r", OwnerID: "host", CreateTime: created, EndTime: ended, Reason: signaling.DismissedByOwner, Statistics: want}
		for range 2 {
			elsewhere, _, err := w.loginAt(1, "host", nil)
			require.NoError(t, err)
			for _, at := range []int64{0, created} {
				got, err := ask(elsewhere, signaling.StatisticsParams{RoomID: "r", CreateTime: at})
				require.NoError(t, err)
				require.Equal(t, kept, got)
			}
			time.Sleep(time.Minute) // the log is gone
		}
		ann = w.login("ann")
		_, err = ask(ann, signaling.StatisticsParams{RoomID: "r"})
		require.ErrorIs(t, err, signaling.ErrNeedOwner)
		_, err = ask(ann, signaling.StatisticsParams{RoomID: "r", CreateTime: 1})
		require.ErrorIs(t, err, signaling.ErrRoomNotExist)
		_, err = ask(ann, signaling.StatisticsParams{RoomID: "nowhere"})
		require.ErrorIs(t, err, signaling.ErrRoomNotExist)
		_, err = ask(ann, signaling.StatisticsParams{RoomID: "no room ü"})
		require.ErrorIs(t, err, signaling.ErrInvalidRoomID)
	})
}

// As a queue fills, likes give way first, then chat, and events are never dropped.
func TestQueue_dropsLikesFirst(t *testing.T) {
	l := &link{out: make(chan []byte, 16), quit: make(chan struct{})}
	var likes, chat int
	for range 16 {
		if l.offerEarly(nil) {
			likes++
		}
	}
	for range 16 {
		if l.offer(nil) {
			chat++
		}
	}
	require.Equal(t, 4, likes)
	require.Equal(t, 4, chat)
	for range 8 {
		l.send(nil)
	}
	select {
	case <-l.quit:
		t.Fatal("cut off, with a place left for the last event")
	default:
	}
	require.Len(t, l.out, 16)
}

// Who has no place for the statistics gets them when there is one; who has them is not told again.
func TestStatistics_areOwedToASlowClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, drain := inProcess(2)
		r.srv = &Server{metrics: &metrics{}}
		var slow *membership
		for m := range r.members {
			slow = m
		}
		l := slow.session.link.Load()
		for range cap(l.out) / 4 {
			l.send(nil)
		}
		r.mu.Lock()
		r.entry.State = room.State{Stats: signaling.LiveStatistics{TotalMessageCount: 1}}
		r.tally(&r.entry)
		r.mu.Unlock()
		time.Sleep(statisticsEvery)
		synctest.Wait()
		told := func() (n int) {
			r.mu.Lock()
			defer r.mu.Unlock()
			for m := range r.members {
				if m.totals == r.totals.version {
					n++
				}
			}
			return n
		}
		require.Equal(t, 1, told())
		drain()
		time.Sleep(statisticsEvery)
		synctest.Wait()
		require.Equal(t, 2, told())
		require.Len(t, l.out, 1)
		time.Sleep(time.Minute)
		require.Len(t, l.out, 1)
		r.closeTotals()
	})
}

// What a member costs in the fan-out of likes is a place in a queue, whatever an entry has besides.
func TestLikes_allocateNothingForAMember(t *testing.T) {
	if race.Enabled {
		t.Skip("the race detector allocates")
	}
	cost := func(members int) float64 {
		r, drain := inProcess(members)
		r.srv = &Server{metrics: newMetrics(&Server{})}
		r.totals.closed = true // no timer
		e := home.Entry{Version: 1, Events: []room.Event{{Counted: &room.Counted{Likes: 3, Likers: []signaling.UserInfo{{UserID: "ann"}}}}}}
		r.past.add(home.Entry{}, false)
		return testing.AllocsPerRun(1000, func() {
			e.Version++
			e.State.Stats.TotalLikesReceived++
			r.deliver(e, true)
			drain()
		})
	}
	require.Equal(t, cost(1), cost(100))
}

func TestLiker_countsWhatIsAllowed(t *testing.T) {
	var l liker
	now := time.Now()
	require.Equal(t, 200, l.take(200, now))
	require.Equal(t, 0, l.take(1, now))
	require.Equal(t, 1, l.take(1, now.Add(50*time.Millisecond)))
	require.Equal(t, 0, l.take(1, now.Add(50*time.Millisecond)))
	require.Equal(t, 200, l.take(1000, now.Add(time.Hour)))
}

// BenchmarkLikesFanOut is what 10,000 members of a node cost each second in which the room is liked.
func BenchmarkLikesFanOut(b *testing.B) {
	const members = 10_000
	r, drain := inProcess(members)
	r.srv = &Server{metrics: newMetrics(&Server{})}
	r.totals.closed = true
	r.past.add(home.Entry{}, false)
	likers := make([]signaling.UserInfo, signaling.MaxLikers)
	for i := range likers {
		likers[i] = signaling.UserInfo{UserID: signaling.UserID(fmt.Sprint(i)), UserName: "Marie-Louise", AvatarURL: "https://cdn.example.com/avatars/100000.png"}
	}
	e := home.Entry{Events: []room.Event{{Counted: &room.Counted{Likes: 10_000, Likers: likers}}}}
	b.ReportAllocs()
	for b.Loop() {
		e.Version++
		e.State.Stats.TotalLikesReceived += 10_000
		r.deliver(e, true)
		b.StopTimer()
		drain()
		b.StartTimer()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/members, "ns/member")
}
