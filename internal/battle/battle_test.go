package battle_test

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/openvoiceroom/openvoiceroom/internal/battle"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

var t0 = time.UnixMilli(1767225600000)

func rooms(ids ...signaling.RoomID) (list []battle.Room) {
	for _, id := range ids {
		list = append(list, battle.Room{RoomID: id, Owner: "owner of " + signaling.UserID(id)})
	}
	return list
}

func after(t testing.TB, cmds ...battle.Command) battle.Battle {
	t.Helper()
	var b battle.Battle
	for _, c := range cmds {
		next, err := battle.Apply(b, c, t0)
		require.NoError(t, err)
		require.Greater(t, next.Seq, b.Seq)
		b = next
	}
	return b
}

var (
	create = battle.Create{ID: "b", Operator: "amy", Rooms: rooms("r1", "r2", "r3"), Duration: time.Minute, Ext: "x"}
	begin  = battle.Begin{Rooms: []signaling.RoomID{"r1", "r2", "r3"}}
)

// Each arrow, and what has none.
func TestArrows(t *testing.T) {
	created, running := after(t, create), after(t, create, begin)
	over, cancelled := after(t, create, begin, battle.Leave{Room: "r2"}, battle.Leave{Room: "r3"}), after(t, create, battle.Leave{Room: "r2"}, battle.Leave{Room: "r3"})
	const late = time.Hour
	score := battle.SetScores{Scores: []battle.Score{{Room: "r1", Score: 5}}}
	for _, row := range []struct {
		name    string
		from    battle.Battle
		command battle.Command
		after   time.Duration
		to      battle.Status
		code    signaling.Code
		same    bool
	}{
		{"nothing, create", battle.Battle{}, create, 0, battle.Created, 0, false},
		{"nothing, begin", battle.Battle{}, begin, 0, 0, 100411, false},
		{"nothing, scores", battle.Battle{}, score, 0, 0, 100411, false},
		{"nothing, leave", battle.Battle{}, battle.Leave{Room: "r1"}, 0, 0, 100411, false},
		{"nothing, expire", battle.Battle{}, battle.Expire{}, 0, 0, 100411, false},
		{"nothing, tell", battle.Battle{}, battle.Tell{}, 0, 0, 100411, false},

		{"created, create", created, create, 0, 0, 100002, false},
		{"created, begin", created, begin, 0, battle.Running, 0, false},
		{"created, begin too late", created, begin, 10 * time.Second, 0, 100001, false},
		{"created, begin without the inviter", created, battle.Begin{Rooms: []signaling.RoomID{"r2", "r3"}}, 0, 0, 100415, false},
		{"created, begin with nobody else", created, battle.Begin{Rooms: []signaling.RoomID{"r1"}}, 0, 0, 100412, false},
		{"created, scores", created, score, 0, 0, 100006, false},
		{"created, leave", created, battle.Leave{Room: "r1"}, 0, battle.Created, 0, false},
		{"created, expire too early", created, battle.Expire{}, 9 * time.Second, battle.Created, 0, true},
		{"created, expire", created, battle.Expire{}, 10 * time.Second, battle.Cancelled, 0, false},
		{"created, tell", created, battle.Tell{}, 0, battle.Created, 0, true},

		{"running, begin", running, begin, 0, 0, 100001, false},
		{"running, scores", running, score, 0, battle.Running, 0, false},
		{"running, the scores there are", running, battle.SetScores{Scores: []battle.Score{{Room: "r1", Score: 0}}}, 0, battle.Running, 0, true},
		{"running, scores of a stranger", running, battle.SetScores{Scores: []battle.Score{{Room: "r9", Score: 5}}}, 0, battle.Running, 0, true},
		{"running, too high", running, battle.SetScores{Scores: []battle.Score{{Room: "r1", Score: math.MaxInt64}}}, 0, 0, 100002, false},
		{"running, scores at the end", running, score, time.Minute, 0, 100006, false},
		{"running, leave", running, battle.Leave{Room: "r1"}, 0, battle.Running, 0, false},
		{"running, a stranger leaves", running, battle.Leave{Room: "r9"}, 0, battle.Running, 0, true},
		{"running, leave at the end", running, battle.Leave{Room: "r1"}, time.Minute, battle.Ended, 0, false},
		{"running, expire too early", running, battle.Expire{}, time.Minute - time.Millisecond, battle.Running, 0, true},
		{"running, expire", running, battle.Expire{}, time.Minute, battle.Ended, 0, false},
		{"running, tell", running, battle.Tell{}, 0, battle.Running, 0, true},

		{"ended, begin", over, begin, 0, 0, 100001, false},
		{"ended, scores", over, score, 0, 0, 100006, false},
		{"ended, leave", over, battle.Leave{Room: "r1"}, 0, battle.Ended, 0, true},
		{"ended, expire", over, battle.Expire{}, late, battle.Ended, 0, true},
		{"ended, tell", over, battle.Tell{}, 0, battle.Ended, 0, false},
		{"ended, tell again", after(t, create, begin, battle.Leave{Room: "r2"}, battle.Leave{Room: "r3"}, battle.Tell{}), battle.Tell{}, 0, battle.Ended, 0, true},
		{"cancelled, begin", cancelled, begin, 0, 0, 100001, false},
		{"cancelled, scores", cancelled, score, 0, 0, 100006, false},
		{"cancelled, expire", cancelled, battle.Expire{}, late, battle.Cancelled, 0, true},
		{"cancelled, tell", cancelled, battle.Tell{}, 0, battle.Cancelled, 0, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			next, err := battle.Apply(row.from, row.command, t0.Add(row.after))
			require.Equal(t, row.code, signaling.CodeOf(err), "%v", err)
			if err != nil {
				require.Equal(t, row.from, next, "as it was")
				return
			}
			require.Equal(t, row.to, next.Status)
			require.Equal(t, row.same, next.Seq == row.from.Seq)
			if row.same {
				require.Equal(t, row.from, next)
			}
		})
	}
}

func TestCreateIsChecked(t *testing.T) {
	with := func(f func(*battle.Create)) battle.Create { c := create; f(&c); return c }
	for name, c := range map[string]struct {
		create battle.Create
		code   signaling.Code
	}{
		"nobody invited":   {with(func(c *battle.Create) { c.Rooms = rooms("r1") }), 100002},
		"oneself":          {with(func(c *battle.Create) { c.Rooms = rooms("r1", "r1") }), 100002},
		"somebody twice":   {with(func(c *battle.Create) { c.Rooms = rooms("r1", "r2", "r2") }), 100002},
		"no id":            {with(func(c *battle.Create) { c.Rooms = rooms("r1", "") }), -2105},
		"too many rooms":   {with(func(c *battle.Create) { c.Rooms = rooms("1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11") }), 100013},
		"ten rooms":        {with(func(c *battle.Create) { c.Rooms = rooms("1", "2", "3", "4", "5", "6", "7", "8", "9", "10") }), 0},
		"too short":        {with(func(c *battle.Create) { c.Duration = 999 * time.Millisecond }), 100002},
		"too long":         {with(func(c *battle.Create) { c.Duration = 24*time.Hour + time.Millisecond }), 100002},
		"a day":            {with(func(c *battle.Create) { c.Duration = 24 * time.Hour }), 0},
		"a long extension": {with(func(c *battle.Create) { c.Ext = strings.Repeat("x", battle.MaxExtension+1) }), 100002},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := battle.Apply(battle.Battle{}, c.create, t0)
			require.Equal(t, c.code, signaling.CodeOf(err), "%v", err)
		})
	}
}

func TestScores(t *testing.T) {
	b := after(t, create, begin)
	set := func(add bool, list ...battle.Score) {
		t.Helper()
		var err error
		b, err = battle.Apply(b, battle.SetScores{Add: add, Scores: list}, t0)
		require.NoError(t, err)
	}
	scores := func() (list []int64) {
		for _, r := range b.Rooms {
			list = append(list, r.Score)
		}
		return list
	}
	set(true, battle.Score{Room: "r1", Score: 5}, battle.Score{Room: "r2", Score: 7}, battle.Score{Room: "r1", Score: 1})
	require.Equal(t, []int64{6, 7, 0}, scores())
	set(false, battle.Score{Room: "r1", Score: 2}, battle.Score{Room: "r3", Score: -4}, battle.Score{Room: "r9", Score: 1})
	require.Equal(t, []int64{2, 7, -4}, scores())
	info := b.Info()
	require.Equal(t, "r1", string(info.Inviter.RoomID))
	require.Equal(t, int64(2), info.Inviter.Score)
	require.Len(t, info.InviteeList, 2)
	require.Equal(t, signaling.BattleUser{RoomID: "r3", UserID: "owner of r3", Score: -4}, info.InviteeList[1])
	require.Equal(t, info.StartTime+60_000, info.EndTime)
}

// Whatever comes in whichever order: it ends for good, never with fewer than two rooms running, on time, and what has
// happened is not undone.
func TestRandomCommands(t *testing.T) {
	id := rapid.SampledFrom([]signaling.RoomID{"r1", "r2", "r3", "r9"})
	rapid.Check(t, func(t *rapid.T) {
		b, now := battle.Battle{}, t0
		for range rapid.IntRange(1, 30).Draw(t, "n") {
			now = now.Add(time.Duration(rapid.IntRange(0, 20_000).Draw(t, "ms")) * time.Millisecond)
			var c battle.Command
			switch rapid.IntRange(0, 5).Draw(t, "command") {
			case 0:
				c = create
			case 1:
				c = battle.Begin{Rooms: rapid.SliceOfN(id, 0, 4).Draw(t, "in")}
			case 2:
				c = battle.SetScores{Add: rapid.Bool().Draw(t, "add"), Scores: []battle.Score{{Room: id.Draw(t, "of"), Score: rapid.Int64().Draw(t, "score")}}}
			case 3:
				c = battle.Leave{Room: id.Draw(t, "leaves")}
			case 4:
				c = battle.Expire{}
			default:
				c = battle.Tell{}
			}
			before := fmt.Sprintf("%+v", b)
			next, err := battle.Apply(b, c, now)
			require.Equal(t, before, fmt.Sprintf("%+v", b), "never modified")
			require.GreaterOrEqual(t, next.Seq, b.Seq)
			require.GreaterOrEqual(t, next.Status, b.Status)
			if err != nil || b.Over() && b.Told {
				require.Equal(t, b, next)
			}
			if b.Over() {
				require.True(t, next.Over())
				require.Equal(t, b.Rooms, next.Rooms)
			}
			if next.Status == battle.Running {
				in := 0
				for _, r := range next.Rooms {
					if next.Holds(r.RoomID) {
						in++
					}
				}
				require.GreaterOrEqual(t, in, 2)
			}
			b = next
		}
		if b.ID != "" {
			b, err := battle.Apply(b, battle.Expire{}, now.Add(48*time.Hour))
			require.NoError(t, err)
			require.True(t, b.Over())
		}
	})
}

// What rooms show stays small, whatever the owners are called; usual names are all there.
func TestInfoStaysSmall(t *testing.T) {
	for fill, complete := range map[string]bool{"n": true, "<": false} {
		c := create
		c.Ext, c.Rooms = strings.Repeat(fill, battle.MaxExtension), nil
		for i := range battle.MaxRooms {
			id := fmt.Sprint(i) + strings.Repeat(fill, 47)
			c.Rooms = append(c.Rooms, battle.Room{
				RoomID: signaling.RoomID(id[:48]), Owner: signaling.UserID(strings.Repeat(fill, 32)), OwnerName: strings.Repeat(fill, 100), AvatarURL: strings.Repeat(fill, 200),
			})
		}
		b := after(t, c)
		data, err := json.Marshal(b.Info())
		require.NoError(t, err)
		require.LessOrEqual(t, len(data), 12<<10)
		require.Equal(t, complete, b.Rooms[0].AvatarURL != "")
	}
}
