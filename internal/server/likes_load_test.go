package server

import (
	"bytes"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

const (
	likeSeconds = 10
	likeDrivers = 4
	likeGoal    = 50 // per cent of a core, the clients included
)

// likes has every client like the room once a second, and measures what that costs the node.
func (l *load) likes(name string, id signaling.RoomID, clients []*loadClient) {
	snapshot := func() (s signaling.Snapshot) {
		require.NoError(l.t, clients[0].call(signaling.MethodSnapshot, signaling.RoomParams{RoomID: id}, &s))
		return s
	}
	frames := func() (n int64) {
		for _, c := range clients {
			n += c.frames.Load()
		}
		return n
	}
	before, cpu, told, start := snapshot(), cpuTime(), frames(), time.Now()
	took := make([][]time.Duration, likeDrivers)
	var refused atomic.Int64
	var wg sync.WaitGroup
	for d := range likeDrivers {
		wg.Go(func() {
			mine := clients[d*len(clients)/likeDrivers : (d+1)*len(clients)/likeDrivers]
			pace := time.NewTicker(10 * time.Millisecond) // a hundredth of them each time
			defer pace.Stop()
			for step := range likeSeconds * 100 {
				<-pace.C
				for i := step % 100; i < len(mine); i += 100 {
					begin := time.Now()
					if mine[i].call(signaling.MethodSendLike, signaling.LikeParams{RoomID: id, Count: 1}, nil) != nil {
						refused.Add(1)
					}
					took[d] = append(took[d], time.Since(begin))
				}
			}
		})
	}
	wg.Wait()
	ran := time.Since(start)
	used := cpuTime() - cpu
	<-time.After(4 * time.Second) // the last are counted and told
	after := snapshot()
	all := slices.Concat(took...)
	slices.Sort(all)
	figure(name+"/likes", float64(len(all))/ran.Seconds(), "/s", 0)
	figure(name+"/likes-cpu", 100*used.Seconds()/ran.Seconds(), "%core", likeGoal)
	figure(name+"/likes-answer/p50", us(all[len(all)/2]), "us", 0)
	figure(name+"/likes-answer/p99", us(all[len(all)*99/100]), "us", 0)
	figure(name+"/likes-log-entries", float64(after.Version-before.Version)/ran.Seconds(), "/s", 1.5)
	figure(name+"/likes-notifications", float64(frames()-told)/float64(len(clients))/ran.Seconds(), "/s/member", 2)
	lost := int64(len(all)) - refused.Load() - (after.Statistics.TotalLikesReceived - before.Statistics.TotalLikesReceived)
	figure(name+"/likes-refused", float64(refused.Load()), "of-"+fmt.Sprint(len(all)), 0)
	figure(name+"/likes-lost", float64(lost), "of-"+fmt.Sprint(len(all)), 0)
}

// A room of 200 in small: what does not depend on the machine. Whoever likes it, an entry and a message a second.
func TestLargeRoomIsLikedForAnEntryASecond(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		const members, seconds = 200, 10
		l := newLoad(t, w.srv)
		defer l.close()
		var totals atomic.Int64
		clients := l.loginAll(members, "u", func(frame []byte) {
			if bytes.Contains(frame, []byte(signaling.NotifyLikes)) {
				totals.Add(1)
			}
		})
		l.own(clients[0], "large")
		for _, c := range clients[1:] {
			require.NoError(t, c.call(signaling.MethodJoinRoom, signaling.JoinParams{RoomID: "large"}, nil))
		}
		time.Sleep(5 * time.Second)
		var before, after signaling.Snapshot
		require.NoError(t, clients[0].call(signaling.MethodSnapshot, signaling.RoomParams{RoomID: "large"}, &before))
		for range seconds * 10 {
			for i, c := range clients {
				if i%2 == 0 {
					require.NoError(t, c.call(signaling.MethodSendLike, signaling.LikeParams{RoomID: "large", Count: 1}, nil))
				}
			}
			time.Sleep(100 * time.Millisecond)
		}
		time.Sleep(3 * time.Second)
		synctest.Wait()
		require.NoError(t, clients[0].call(signaling.MethodSnapshot, signaling.RoomParams{RoomID: "large"}, &after))
		require.EqualValues(t, members/2*seconds*10, after.Statistics.TotalLikesReceived)
		require.LessOrEqual(t, after.Version-before.Version, uint64(seconds+2))
		require.LessOrEqual(t, totals.Load(), int64(members*(seconds+2)))
		require.GreaterOrEqual(t, totals.Load(), int64(members*(seconds-1)))
		l.logout(clients)
	})
}
