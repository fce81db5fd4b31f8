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
	"pgregory.net/rapid"

	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

func counted(t testing.TB, s room.State, c room.Count, at time.Time) room.State {
	t.Helper()
	next, _, err := room.Apply(s, room.Command{Action: c}, at)
	require.NoError(t, err)
	return next
}

func TestCount_takesEachLikeOnce(t *testing.T) {
	s := start(t, signaling.FreeToTake)
	say := func(node string, tally uint64, count int64) room.Count {
		return room.Count{Likes: []room.Liked{{Node: node, Tally: tally, Count: count}}}
	}
	for _, step := range []struct {
		what  string
		c     room.Count
		total int64
	}{
		{"the first of a node", say("a", 1, 5), 5},
		{"said again", say("a", 1, 5), 5},
		{"what was under way when more had been said", say("a", 1, 3), 5},
		{"more", say("a", 1, 7), 7},
		{"another node's", say("b", 4, 10), 17},
		{"a new count of a node", say("a", 2, 1), 18},
		{"the former one, late", say("a", 1, 9), 18},
		{"none", say("c", 1, 0), 18},
		{"less than none", say("c", 1, -4), 18},
		{"two at once", room.Count{Likes: []room.Liked{{Node: "a", Tally: 2, Count: 2}, {Node: "c", Tally: 1, Count: 1}}}, 20},
	} {
		before := s
		s = counted(t, s, step.c, t0)
		require.Equal(t, step.total, s.Stats.TotalLikesReceived, step.what)
		if before.Stats == s.Stats {
			require.Equal(t, before, s, step.what)
		}
	}
	s = counted(t, s, room.Count{Messages: 3}, t0)
	require.Equal(t, int64(3), s.Stats.TotalMessageCount)
	require.Equal(t, int64(2), s.LikedOf("a", 2))
	require.Zero(t, s.LikedOf("a", 1), "nobody asks for it any more")
	for _, by := range []signaling.UserID{"owner", "ann"} {
		_, _, err := room.Apply(s, cmd("x", by, room.Count{Messages: 1}), t0)
		require.ErrorIs(t, err, signaling.ErrNoPermission, "only the room's home")
	}
}

// The newest of those who have liked are named, a few of them.
func TestCount_namesSomeOfWhoHaveLiked(t *testing.T) {
	s := start(t, signaling.FreeToTake)
	c := room.Count{Likes: []room.Liked{{Node: "a", Tally: 1, Count: 9}}}
	for i := range 9 {
		c.Likers = append(c.Likers, user(signaling.UserID(fmt.Sprint("u", i))))
	}
	_, events, err := room.Apply(s, room.Command{Action: c}, t0)
	require.NoError(t, err)
	require.Equal(t, []room.Event{{Counted: &room.Counted{Likes: 9, Likers: c.Likers[6:]}}}, events)
	b, err := json.Marshal(events[0])
	require.NoError(t, err)
	var back room.Event
	require.NoError(t, json.Unmarshal(b, &back))
	require.Equal(t, events[0], back)
}

// What a room knows of nodes is bounded: those that are gone for long make way, and nothing of the others is forgotten.
func TestCount_ofManyNodes(t *testing.T) {
	s := start(t, signaling.FreeToTake)
	node := func(i int) string { return fmt.Sprintf("%026d", i) }
	say := func(i int, absent func(string) bool, at time.Time) {
		s = counted(t, s, room.Count{Likes: []room.Liked{{Node: node(i), Tally: 1, Count: 1}}, Absent: absent}, at)
	}
	all := func(string) bool { return true }
	for i := range room.MaxLikedNodes {
		say(i, all, t0.Add(time.Duration(i)*time.Second))
	}
	say(99, all, t0.Add(time.Minute))
	require.Zero(t, s.LikedOf(node(99), 1), "all others have liked a moment ago: it has to say it again")
	late := t0.Add(room.LikedIdle + 5*time.Second)
	say(99, func(n string) bool { return n == node(3) || n == node(5) || n == node(20) }, late)
	require.Equal(t, int64(1), s.LikedOf(node(99), 1))
	require.Len(t, s.Liked, room.MaxLikedNodes)
	require.Zero(t, s.LikedOf(node(3), 1), "the one that was silent for longest of those that have nobody here")
	require.Equal(t, int64(1), s.LikedOf(node(5), 1))
	require.EqualValues(t, room.MaxLikedNodes+1, s.Stats.TotalLikesReceived)
}

func TestCount_fitsIntoTheWorstRoom(t *testing.T) {
	for _, seats := range []int{10, 50} {
		s := full(t, seats, "n")
		for i := range room.MaxLikedNodes {
			s = counted(t, s, room.Count{Likes: []room.Liked{{Node: fmt.Sprintf("%026d", i), Tally: math.MaxUint64, Count: math.MaxInt32}}, Messages: math.MaxInt32}, t0)
		}
		s.Stats = signaling.LiveStatistics{
			TotalGiftsSent: math.MaxInt64, TotalGiftCoins: math.MaxInt64, TotalUniqueGiftSenders: math.MaxInt64, TotalLikesReceived: math.MaxInt64, TotalMessageCount: math.MaxInt64,
		}
		b, err := json.Marshal(s)
		require.NoError(t, err)
		t.Logf("%d seats: %d requests, %d nodes, %d bytes", seats, len(s.Requests), len(s.Liked), len(b))
		assert.Less(t, len(b), room.MaxStateBytes)
	}
	b, err := json.Marshal(room.Liked{Node: strings.Repeat("A", 26), Tally: math.MaxUint64, Count: math.MaxInt64, At: 99_999_999_999})
	require.NoError(t, err)
	require.LessOrEqual(t, len(b)+1, 104, "as size.go counts")
}

func TestStatistics_areFinalWithTheEnd(t *testing.T) {
	s := start(t, signaling.FreeToTake)
	s.Info.ViewCount = 7
	s = counted(t, s, room.Count{Likes: []room.Liked{{Node: "a", Tally: 1, Count: 2}}, Messages: 3}, t0)
	want := signaling.LiveStatistics{TotalViewers: 7, TotalLikesReceived: 2, TotalMessageCount: 3, LiveDuration: 90}
	require.Equal(t, want, s.Statistics(t0.Add(90*time.Second)))
	require.Zero(t, s.Record(t0).EndTime)
	s, _, err := room.Apply(s, cmd("d", "owner", room.Dismiss{}), t0.Add(90*time.Second))
	require.NoError(t, err)
	require.Equal(t, signaling.LiveRecord{
		RoomID: "r", OwnerID: "owner", CreateTime: t0.UnixMilli(), EndTime: t0.Add(90 * time.Second).UnixMilli(), Reason: signaling.DismissedByOwner, Statistics: want,
	}, s.Record(t0.Add(time.Hour)))
	require.Empty(t, s.Liked)
	_, _, err = room.Apply(s, room.Command{Action: room.Count{Messages: 1}}, t0)
	require.ErrorIs(t, err, signaling.ErrRoomNotExist)
}

// Nodes say their counts again and again, late and in any order, and begin new ones when the former have been taken.
// The total is what they have counted.
func TestCount_model(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := room.State{Info: signaling.RoomInfo{RoomID: "r", OwnerID: "owner"}}
		type tally struct {
			id          uint64
			count, past int64
		}
		nodes := map[string]*tally{"a": {id: 1}, "b": {id: 1}, "c": {id: 1}}
		name := rapid.SampledFrom([]string{"a", "b", "c"})
		var flying []room.Liked
		now := t0
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			n := name.Draw(t, "node")
			c := nodes[n]
			switch rapid.IntRange(0, 3).Draw(t, "what") {
			case 0:
				c.count += int64(rapid.IntRange(1, 5).Draw(t, "likes"))
				flying = append(flying, room.Liked{Node: n, Tally: c.id, Count: c.count})
			case 1: // all of it is taken, so a new one begins
				if c.count > 0 && s.LikedOf(n, c.id) == c.count {
					c.past, c.count, c.id = c.past+c.count, 0, c.id+uint64(rapid.IntRange(1, 3).Draw(t, "more"))
				}
			default:
				if len(flying) > 0 { // one of them arrives, perhaps not for the last time
					l := flying[rapid.IntRange(0, len(flying)-1).Draw(t, "which")]
					next, _, err := room.Apply(s, room.Command{Action: room.Count{Likes: []room.Liked{l}}}, now)
					require.NoError(t, err)
					s = next
				}
			}
			var most int64
			for _, c := range nodes {
				most += c.past + c.count
			}
			require.LessOrEqual(t, s.Stats.TotalLikesReceived, most, "nothing twice")
		}
		var want int64
		for n, c := range nodes {
			want += c.past + c.count
			next, _, err := room.Apply(s, room.Command{Action: room.Count{Likes: []room.Liked{{Node: n, Tally: c.id, Count: c.count}}}}, now)
			require.NoError(t, err)
			s = next
		}
		require.Equal(t, want, s.Stats.TotalLikesReceived, "nothing lost")
	})
}
