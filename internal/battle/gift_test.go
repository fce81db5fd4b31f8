package battle

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// The gifts of a room's log, told in its order, and told again: each counts once, in the room and the battle that it was for.
func TestGiftsCountOnce(t *testing.T) {
	now := time.UnixMilli(1_000_000)
	b, err := Apply(Battle{}, Create{ID: "b", Rooms: []Room{{RoomID: "r1", Created: 1}, {RoomID: "r2", Created: 2}}, Duration: time.Minute}, now)
	require.NoError(t, err)
	add := func(c AddGifts, at time.Time) (changed bool) {
		t.Helper()
		next, err := Apply(b, c, at)
		require.NoError(t, err, "whoever tells cannot do anything about it")
		changed = next.Seq != b.Seq
		b = next
		return changed
	}
	gifts := AddGifts{Room: "r1", Created: 1, Gifts: []Coins{{5, 10}, {7, 1}}}
	require.False(t, add(gifts, now), "it has not begun")
	b, err = Apply(b, turns("r1", "r2"), now)
	require.NoError(t, err)
	require.True(t, add(gifts, now))
	require.False(t, add(gifts, now), "the same again")
	require.True(t, add(AddGifts{Room: "r1", Created: 1, Gifts: []Coins{{5, 10}, {7, 1}, {9, 100}}}, now), "some of it is new")
	require.False(t, add(AddGifts{Room: "r1", Created: 3, Gifts: []Coins{{11, 1}}}, now), "of another room of this id")
	require.False(t, add(AddGifts{Room: "r3", Gifts: []Coins{{11, 1}}}, now), "not in it")
	require.True(t, add(AddGifts{Room: "r2", Created: 2, Gifts: []Coins{{3, 4}}}, now), "each room has its own log")
	b, err = Apply(b, SetScores{Add: true, Scores: []Score{{"r1", 1000}}}, now)
	require.NoError(t, err)
	require.True(t, add(AddGifts{Room: "r1", Created: 1, Gifts: []Coins{{10, maxScore}}}, now))
	require.Equal(t, [2]int64{maxScore, 4}, [2]int64{b.Rooms[0].Score, b.Rooms[1].Score}, "there is an end to it")
	add(AddGifts{Room: "r2", Created: 2, Gifts: []Coins{{4, 1}}}, now.Add(time.Minute))
	require.Equal(t, int64(4), b.Rooms[1].Score, "it is over")
}
