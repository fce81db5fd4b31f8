package home_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/internal/home"
	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// byApp has a command decided that the app's server wants.
func (n *node) byApp(id string, a room.Action) error {
	ctx, cancel := context.WithTimeout(n.c.t.Context(), 10*time.Second)
	defer cancel()
	cmd := command(id, "administrator", a)
	cmd.App = true
	out, err := n.Do(ctx, key, cmd)
	if err == nil && n.await != nil {
		err = n.await(ctx, out.Version)
	}
	return err
}

func (n *node) addRobots(id string, users ...signaling.UserID) error {
	var a room.AddRobots
	for _, u := range users {
		a.Robots = append(a.Robots, signaling.UserInfo{UserID: u, UserName: "name of " + string(u)})
	}
	return n.byApp(id, a)
}

func (n *node) whoIsHere() string {
	page, err := n.List(n.c.t.Context(), key, home.Query{Limit: 50})
	require.NoError(n.c.t, err)
	require.Equal(n.c.t, page.Total, len(page.Members))
	return names(page.Members)
}

// Robots are members like others to everybody else, whoever the room's home is, and nothing times them out.
func TestRobots_outliveEverything(t *testing.T) {
	for name, outbox := range map[string]*ledger{"untold": nil, "told": {}} {
		t.Run(name, func(t *testing.T) {
			bubbleWith(t, 3, outbox, func(t *testing.T, c *cluster) {
				a, b, last := c.nodes[0], c.nodes[1], c.nodes[2]
				a.create(signaling.FreeToTake)
				b.enter("ann")
				b.exit("ann", "ann@1")
				last.follow()
				require.NoError(t, b.addRobots("1", "r1", "r2"))
				require.NoError(t, b.addRobots("1", "r1", "r2"), "the command once more")
				require.NoError(t, a.byApp("2", room.PutOnSeat{User: signaling.UserInfo{UserID: "r1"}, Index: 2}))
				time.Sleep(time.Hour)
				require.Equal(t, []string{"seatsChanged ", "+ann(1) -ann(0) +r1,r2(2) ", "seatsChanged "}, told(c))
				for _, n := range []*node{a, b} {
					require.Equal(t, "r1,r2", n.whoIsHere())
					n.kill()
					time.Sleep(10 * time.Second)
				}
				require.Equal(t, "r1,r2", last.whoIsHere())
				require.Equal(t, 2, c.seatOf("r1"))
				time.Sleep(48 * time.Hour / 10)
				require.Equal(t, 2, c.newest().Members)
				require.True(t, c.newest().State.Exists(), "a room with robots does not end")
				last.kill()
				time.Sleep(time.Hour)
				z := c.add()
				time.Sleep(time.Minute)
				require.Equal(t, "r1,r2", z.whoIsHere())
				sight, err := z.Look(t.Context(), key)
				require.NoError(t, err)
				require.Equal(t, []signaling.UserID{"r1", "r2"}, sight.Robots)
				require.Equal(t, 2, c.seatOf("r1"))

				_, err = z.tryEnter("r1", "r1@1")
				require.ErrorIs(t, err, signaling.ErrNoPermission, "a robot has no client")
				z.mu.Lock()
				clear(z.members)
				z.mu.Unlock()
				require.NoError(t, z.byApp("3", room.RemoveRobots{Users: []signaling.UserID{"r2", "x"}}))
				z.enter("owner")
				require.Equal(t, "owner,r1", z.whoIsHere())
				z.do("4", "owner", room.KickOut{User: "r1"})
				require.Equal(t, "owner", z.whoIsHere())
				require.NoError(t, z.addRobots("5", "r1"), "and again")
				require.Equal(t, "owner,r1", z.whoIsHere())
				require.ErrorIs(t, z.addRobots("6", "owner"), signaling.ErrNoPermission)
				require.NoError(t, z.byApp("7", room.RemoveRobots{Users: []signaling.UserID{"r1"}}))
				z.exit("owner", "owner@1")
				c.lasts(room.DefaultEmpty)
				c.consistent()
			})
		})
	}
}

// told is what the log has told, without what concerns nobody.
func told(c *cluster) (lines []string) {
	for _, l := range describe(c.log()) {
		if l != "" {
			lines = append(lines, l)
		}
	}
	return lines
}

func TestRobot_thatOwnsTheRoom_isNeitherLeftNorLost(t *testing.T) {
	bubble(t, 2, func(t *testing.T, c *cluster) {
		c.say(allRules)
		c.nodes[0].create(signaling.FreeToTake)
		c.nodes[1].enter("ann")
		require.NoError(t, c.nodes[0].addRobots("1", "owner"))
		time.Sleep(time.Second)
		c.nodes[0].kill()
		c.lives()
		require.Equal(t, "ann,owner", c.nodes[1].whoIsHere())
		require.NoError(t, c.nodes[1].byApp("2", room.RemoveRobots{Users: []signaling.UserID{"owner"}}))
		c.lasts(allRules.OwnerLost)
	})
}

func TestRobots_countAsMembers(t *testing.T) {
	bubble(t, 1, func(t *testing.T, c *cluster) {
		a := c.nodes[0]
		a.create(signaling.FreeToTake)
		two := 2
		require.NoError(t, a.byApp("1", room.Update{MaxMembers: &two}))
		a.enter("ann")
		require.ErrorIs(t, a.addRobots("2", "r1", "r2"), signaling.ErrRoomFull)
		require.Equal(t, "ann", a.whoIsHere(), "all or none")
		require.NoError(t, a.addRobots("3", "r1"))
		_, err := a.tryEnter("bob", "bob@1")
		require.ErrorIs(t, err, signaling.ErrRoomFull)
		require.NoError(t, a.byApp("4", room.Ban{Users: []signaling.UserID{"r1"}, Duration: time.Hour}))
		synctest.Wait()
		require.Equal(t, "ann", a.whoIsHere(), "a ban takes robots out, too")
		require.ErrorIs(t, a.addRobots("5", "r1"), signaling.ErrMemberBanned)
		info, err := a.Info(t.Context(), key)
		require.NoError(t, err)
		require.EqualValues(t, 2, info.ViewCount)
	})
}
