package battle

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

var t0 = time.UnixMilli(1767225600000)

func after(t testing.TB, cmds ...Command) Battle {
	t.Helper()
	var b Battle
	for _, c := range cmds {
		next, err := Apply(b, c, t0)
		require.NoError(t, err)
		require.Greater(t, next.Seq, b.Seq)
		b = next
	}
	return b
}

// turns is a Begin of these rooms.
func turns(ids ...signaling.RoomID) Begin {
	b := Begin{Turns: map[signaling.RoomID]uint64{}}
	for _, id := range ids {
		b.Turns[id] = 1
	}
	return b
}

var (
	create = Create{ID: "b", Operator: "amy", Rooms: rooms("r1", "r2", "r3"), Duration: time.Minute, Ext: "x"}
	begin  = turns("r1", "r2", "r3")
)

// Each arrow, and what has none.
func TestArrows(t *testing.T) {
	leave := func(id signaling.RoomID) Leave { return Leave{Command: "leaves " + string(id), Room: id} }
	accept := func(id signaling.RoomID) Answer { return Answer{"accepts " + string(id), id, true} }
	reject := func(id signaling.RoomID) Answer { return Answer{"rejects " + string(id), id, false} }
	withdraw := Cancel{"withdraws", "r1"}
	needs := create
	needs.NeedResponse, needs.Timeout, needs.Punishment = true, 30*time.Second, 20*time.Second
	created, running := after(t, create), after(t, create, begin)
	asked := after(t, needs, begin)
	half := after(t, needs, begin, accept("r2"))
	agreed := after(t, needs, begin, accept("r2"), accept("r3"))
	over := after(t, create, begin, leave("r2"), leave("r3"))
	punished, err := Apply(agreed, Expire{}, t0.Add(time.Minute))
	require.NoError(t, err)
	cancelled := after(t, needs, begin, withdraw)
	const late = time.Hour
	score := SetScores{Scores: []Score{{Room: "r1", Score: 5}}}
	all := Tell{Rooms: []signaling.RoomID{"r1", "r2", "r3"}}
	for _, row := range []struct {
		name    string
		from    Battle
		command Command
		after   time.Duration
		to      Status
		code    signaling.Code
		same    bool
	}{
		{"nothing, create", Battle{}, create, 0, Created, 0, false},
		{"nothing, begin", Battle{}, begin, 0, 0, 100411, false},
		{"nothing, scores", Battle{}, score, 0, 0, 100411, false},
		{"nothing, leave", Battle{}, leave("r1"), 0, 0, 100411, false},
		{"nothing, accept", Battle{}, accept("r2"), 0, 0, 100411, false},
		{"nothing, expire", Battle{}, Expire{}, 0, 0, 100411, false},
		{"nothing, tell", Battle{}, all, 0, 0, 100411, false},

		{"created, create", created, create, 0, 0, 100002, false},
		{"created, begin", created, begin, 0, Running, 0, false},
		{"created, begin with agreement", after(t, needs), begin, 0, Created, 0, false},
		{"created, begin too late", created, begin, 10 * time.Second, 0, 100001, false},
		{"created, begin without the inviter", created, turns("r2", "r3"), 0, 0, 100415, false},
		{"created, begin with nobody else", created, turns("r1"), 0, 0, 100412, false},
		{"created, given up", created, GiveUp{}, 0, Cancelled, 0, false},
		{"created, accept", created, accept("r2"), 0, 0, 100411, false},
		{"created, cancel", created, withdraw, 0, 0, 100411, false},
		{"created, scores", created, score, 0, 0, 100006, false},
		{"created, leave", created, leave("r1"), 0, 0, 100411, false},
		{"created, a room is lost", created, Lose{"r2", true}, 0, Created, 0, false},
		{"created, expire too early", created, Expire{}, 9 * time.Second, Created, 0, true},
		{"created, expire", created, Expire{}, 10 * time.Second, Cancelled, 0, false},
		{"created, tell", created, all, 0, Created, 0, true},

		{"asked, begin again", asked, begin, 0, Created, 0, true},
		{"asked, given up", asked, GiveUp{}, 0, Created, 0, true},
		{"asked, accept", asked, accept("r2"), 0, Created, 0, false},
		{"asked, accept again", half, accept("r2"), 0, Created, 0, true},
		{"asked, accept by another command", half, Answer{"x", "r2", true}, 0, Created, 0, true},
		{"asked, the last accepts", half, accept("r3"), 0, Running, 0, false},
		{"asked, the inviter accepts", asked, accept("r1"), 0, 0, 100414, false},
		{"asked, a stranger accepts", asked, accept("r9"), 0, 0, 100414, false},
		{"asked, accept too late", asked, accept("r2"), 30 * time.Second, 0, 100421, false},
		{"asked, reject", half, reject("r3"), 0, Cancelled, 0, false},
		{"asked, reject after accepting", half, reject("r2"), 0, 0, 100420, false},
		{"asked, cancel", half, withdraw, 0, Cancelled, 0, false},
		{"asked, an invited room cancels", half, Cancel{"x", "r2"}, 0, 0, 100414, false},
		{"asked, scores", asked, score, 0, 0, 100006, false},
		{"asked, leave", half, leave("r2"), 0, 0, 100420, false},
		{"asked, a room is lost", half, Lose{"r2", false}, 0, Cancelled, 0, false},
		{"asked, a stranger is lost", half, Lose{"r9", true}, 0, Created, 0, true},
		{"asked, expire too early", asked, Expire{}, 29 * time.Second, Created, 0, true},
		{"asked, expire", half, Expire{}, 30 * time.Second, Cancelled, 0, false},

		{"running, begin", running, begin, 0, Running, 0, true},
		{"running, accepted again", agreed, accept("r3"), 0, Running, 0, true},
		{"running, accepted by another command", agreed, Answer{"x", "r3", true}, 0, 0, 100419, false},
		{"running, cancel", agreed, withdraw, 0, 0, 100419, false},
		{"running, scores", running, score, 0, Running, 0, false},
		{"running, the scores there are", running, SetScores{Scores: []Score{{Room: "r1", Score: 0}}}, 0, Running, 0, true},
		{"running, scores of a stranger", running, SetScores{Scores: []Score{{Room: "r9", Score: 5}}}, 0, Running, 0, true},
		{"running, too high", running, SetScores{Scores: []Score{{Room: "r1", Score: math.MaxInt64}}}, 0, 0, 100002, false},
		{"running, scores at the end", running, score, time.Minute, 0, 100006, false},
		{"running, leave", running, leave("r1"), 0, Running, 0, false},
		{"running, leave again", after(t, create, begin, leave("r1")), leave("r1"), 0, Running, 0, true},
		{"running, leave twice", after(t, create, begin, leave("r1")), Leave{"x", "r1"}, 0, 0, 100414, false},
		{"running, a stranger leaves", running, leave("r9"), 0, 0, 100414, false},
		{"running, leave at the end", running, leave("r1"), time.Minute, 0, 100421, false},
		{"running, a room is lost", running, Lose{"r1", true}, 0, Running, 0, false},
		{"running, the last but one is lost", after(t, create, begin, leave("r1")), Lose{"r2", true}, 0, Ended, 0, false},
		{"running, expire too early", running, Expire{}, time.Minute - time.Millisecond, Running, 0, true},
		{"running, expire", running, Expire{}, time.Minute, Ended, 0, false},
		{"running, tell", running, all, 0, Running, 0, true},

		{"ended, begin", over, begin, 0, 0, 100001, false},
		{"ended, accept", punished, Answer{"x", "r2", true}, 0, 0, 100421, false},
		{"ended, cancel", punished, withdraw, 0, 0, 100421, false},
		{"ended, scores", over, score, 0, 0, 100006, false},
		{"ended, leave", over, leave("r1"), 0, 0, 100421, false},
		{"ended, left by the same again", over, leave("r3"), 0, Ended, 0, true},
		{"ended, expire", over, Expire{}, late, Ended, 0, true},
		{"ended, tell", over, all, 0, Ended, 0, false},
		{"ended, tell again", after(t, create, begin, leave("r2"), leave("r3"), all), all, 0, Ended, 0, true},
		{"ended, a room is lost", over, Lose{"r1", true}, 0, Ended, 0, false},

		{"punished, scores", punished, score, time.Minute, 0, 100006, false},
		{"punished, leave", punished, leave("r1"), time.Minute, Ended, 0, false},
		{"punished, expire too early", punished, Expire{}, 80*time.Second - time.Millisecond, Ended, 0, true},
		{"punished, expire", punished, Expire{}, 80 * time.Second, Ended, 0, false},
		{"punished, all is over at once", agreed, Expire{}, late, Ended, 0, false},

		{"cancelled, begin", cancelled, begin, 0, 0, 100001, false},
		{"cancelled, accept", cancelled, accept("r2"), 0, 0, 100421, false},
		{"cancelled, cancel again", cancelled, withdraw, 0, Cancelled, 0, true},
		{"cancelled, cancel by another command", cancelled, Cancel{"x", "r1"}, 0, 0, 100421, false},
		{"cancelled, leave", cancelled, leave("r2"), 0, 0, 100421, false},
		{"cancelled, scores", cancelled, score, 0, 0, 100006, false},
		{"cancelled, expire", cancelled, Expire{}, late, Cancelled, 0, true},
		{"cancelled, tell", cancelled, all, 0, Cancelled, 0, false},
	} {
		t.Run(row.name, func(t *testing.T) {
			next, err := Apply(row.from, row.command, t0.Add(row.after))
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

// A battle that ends by its time is followed by its punishment phase, one that ends otherwise is not.
func TestPunishment(t *testing.T) {
	c := create
	c.Punishment = 20 * time.Second
	b := after(t, c, begin)
	at := func(d time.Duration, cmd Command) {
		t.Helper()
		var err error
		b, err = Apply(b, cmd, t0.Add(d))
		require.NoError(t, err)
	}
	at(time.Minute, Expire{})
	require.True(t, b.Punishing() && b.Holds("r1") && !b.Over())
	require.Equal(t, b.End+20_000, b.Info().PunishEndTime)
	at(70*time.Second, Leave{"x", "r1"})
	at(70*time.Second, Lose{"r2", true})
	require.True(t, b.Over(), "one is left")
	b = after(t, c, begin, Leave{"x", "r1"}, Leave{"y", "r2"})
	require.True(t, b.Over())
	require.Zero(t, b.Info().PunishEndTime)
	for i, want := range map[int]signaling.BattleStoppedReason{0: signaling.BattleOtherExit, 2: signaling.BattleOtherExit} {
		v, ok := b.View(i)
		require.True(t, ok)
		require.Equal(t, want, v.Reason)
	}
}

// The app's server is told by the inviter's room, as long as that is there and in the battle; by it also of the end that its
// leaving makes.
func TestTeller(t *testing.T) {
	gone := func(id signaling.RoomID) Lose { return Lose{id, true} }
	leave := func(id signaling.RoomID) Leave { return Leave{"leaves " + string(id), id} }
	two := create
	two.Rooms = rooms("r1", "r2")
	needs := create
	needs.NeedResponse, needs.Timeout = true, time.Minute
	for name, row := range map[string]struct {
		b     Battle
		tells signaling.RoomID
	}{
		"the inviter":                           {after(t, create, begin), "r1"},
		"leaves three":                          {after(t, create, begin, Tell{Step: StepStart}, leave("r1")), "r2"},
		"leaves three before it has told":       {after(t, create, begin, leave("r1")), "r1"},
		"leaves three and tells then":           {after(t, create, begin, leave("r1"), Tell{Rooms: []signaling.RoomID{"r1"}, Step: StepStart}), "r2"},
		"another leaves":                        {after(t, create, begin, leave("r2")), "r1"},
		"leaves two":                            {after(t, two, begin, leave("r1")), "r1"},
		"the other leaves":                      {after(t, two, begin, leave("r2")), "r1"},
		"of two is gone":                        {after(t, two, begin, gone("r1")), "r1"},
		"of three is gone":                      {after(t, create, begin, gone("r1")), "r2"},
		"is gone after the end":                 {after(t, create, begin, leave("r2"), leave("r3"), gone("r1")), "r2"},
		"is gone when the others know":          {after(t, create, begin, leave("r2"), leave("r3"), Tell{Rooms: []signaling.RoomID{"r2"}}, gone("r1")), "r2"},
		"is gone when it has told":              {after(t, create, begin, leave("r2"), leave("r3"), Tell{Step: StepEnd}, gone("r1")), "r1"},
		"is gone while it asks":                 {after(t, needs, begin, gone("r1")), "r2"},
		"is not connected any more as it asked": {after(t, needs, begin, Lose{"r1", false}), "r1"},
	} {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, row.tells, row.b.Rooms[row.b.Teller].RoomID)
			require.False(t, row.b.Rooms[row.b.Teller].Told, "it has to be shown that")
		})
	}
}

func TestCreateIsChecked(t *testing.T) {
	with := func(f func(*Create)) Create { c := create; f(&c); return c }
	for name, c := range map[string]struct {
		create Create
		code   signaling.Code
	}{
		"nobody invited":   {with(func(c *Create) { c.Rooms = rooms("r1") }), 100002},
		"oneself":          {with(func(c *Create) { c.Rooms = rooms("r1", "r1") }), 100002},
		"somebody twice":   {with(func(c *Create) { c.Rooms = rooms("r1", "r2", "r2") }), 100002},
		"no id":            {with(func(c *Create) { c.Rooms = rooms("r1", "") }), -2105},
		"too many rooms":   {with(func(c *Create) { c.Rooms = rooms("1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11") }), 100013},
		"ten rooms":        {with(func(c *Create) { c.Rooms = rooms("1", "2", "3", "4", "5", "6", "7", "8", "9", "10") }), 0},
		"too short":        {with(func(c *Create) { c.Duration = 999 * time.Millisecond }), 100002},
		"too long":         {with(func(c *Create) { c.Duration = 24*time.Hour + time.Millisecond }), 100002},
		"a day":            {with(func(c *Create) { c.Duration = 24 * time.Hour }), 0},
		"a long extension": {with(func(c *Create) { c.Ext = strings.Repeat("x", MaxExtension+1) }), 100002},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := Apply(Battle{}, c.create, t0)
			require.Equal(t, c.code, signaling.CodeOf(err), "%v", err)
		})
	}
}

func TestScores(t *testing.T) {
	b := after(t, create, begin)
	set := func(add bool, list ...Score) {
		t.Helper()
		var err error
		b, err = Apply(b, SetScores{Add: add, Scores: list}, t0)
		require.NoError(t, err)
	}
	scores := func() (list []int64) {
		for _, r := range b.Rooms {
			list = append(list, r.Score)
		}
		return list
	}
	set(true, Score{Room: "r1", Score: 5}, Score{Room: "r2", Score: 7}, Score{Room: "r1", Score: 1})
	require.Equal(t, []int64{6, 7, 0}, scores())
	set(false, Score{Room: "r1", Score: 2}, Score{Room: "r3", Score: -4}, Score{Room: "r9", Score: 1})
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
		b, now := Battle{}, t0
		for range rapid.IntRange(1, 30).Draw(t, "n") {
			now = now.Add(time.Duration(rapid.IntRange(0, 20_000).Draw(t, "ms")) * time.Millisecond)
			var c Command
			switch rapid.IntRange(0, 9).Draw(t, "command") {
			case 0:
				made := create
				made.NeedResponse, made.Timeout = rapid.Bool().Draw(t, "needs"), 30*time.Second
				made.Punishment = time.Duration(rapid.IntRange(0, 1).Draw(t, "punish")) * 20 * time.Second
				c = made
			case 1:
				c = turns(rapid.SliceOfN(id, 0, 4).Draw(t, "in")...)
			case 2:
				c = SetScores{Add: rapid.Bool().Draw(t, "add"), Scores: []Score{{Room: id.Draw(t, "of"), Score: rapid.Int64().Draw(t, "score")}}}
			case 3:
				c = Leave{Room: id.Draw(t, "leaves")}
			case 4:
				c = Expire{}
			case 5:
				c = Answer{Room: id.Draw(t, "answers"), Accept: rapid.IntRange(0, 3).Draw(t, "accept") > 0}
			case 6:
				c = Cancel{Room: id.Draw(t, "cancels")}
			case 7:
				c = Lose{id.Draw(t, "lost"), rapid.Bool().Draw(t, "gone")}
			case 8:
				c = GiveUp{}
			default:
				c = Tell{Rooms: rapid.SliceOfN(id, 0, 4).Draw(t, "told"), Step: Step(rapid.IntRange(0, 3).Draw(t, "step"))}
			}
			before := fmt.Sprintf("%+v", b)
			next, err := Apply(b, c, now)
			require.Equal(t, before, fmt.Sprintf("%+v", b), "never modified")
			require.GreaterOrEqual(t, next.Seq, b.Seq)
			require.GreaterOrEqual(t, next.Status, b.Status)
			if err != nil {
				require.Equal(t, b, next)
			}
			if b.Over() {
				require.True(t, next.Over())
				require.Equal(t, b.Info(), next.Info(), "what has happened is not undone")
			}
			if next.Pending() {
				require.NotEmpty(t, next.waiting())
			}
			if next.Status == Running {
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
			b, err := Apply(b, Expire{}, now.Add(48*time.Hour))
			require.NoError(t, err)
			require.True(t, b.Over())
		}
	})
}

// What rooms show stays small, whatever the owners are called; usual names are all there.
func TestInfoStaysSmall(t *testing.T) {
	for fill, complete := range map[string]bool{"n": true, "<": false} {
		c := create
		c.Ext, c.Rooms = strings.Repeat(fill, MaxExtension), nil
		for i := range MaxRooms {
			id := fmt.Sprint(i) + strings.Repeat(fill, 47)
			c.Rooms = append(c.Rooms, Room{
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
