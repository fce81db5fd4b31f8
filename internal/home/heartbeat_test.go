package home_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/internal/home"
	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// flip has clients of the node go away, or come back.
func (n *node) flip(away func() bool) {
	n.mu.Lock()
	var list []home.Member
	for _, session := range slices.Sorted(maps.Keys(n.members)) {
		m := n.members[session]
		m.Away = away()
		n.members[session] = m
		list = append(list, m)
	}
	n.mu.Unlock()
	for _, m := range list {
		if !n.gone.Load() {
			n.Heartbeat(key, m)
		}
	}
}

func (n *node) setAway(away bool) { n.flip(func() bool { return away }) }

// pulses checks what is told of each user: in, perhaps away and back, and out; at the end as the room has it.
func (c *cluster) pulses() {
	c.t.Helper()
	synctest.Wait()
	c.keep()
	const out, in, away = "out", "in", "away"
	users := map[signaling.UserID]string{}
	step := func(rev uint64, u signaling.UserID, to string, from ...string) {
		was := users[u]
		if was == "" {
			was = out
		}
		require.Contains(c.t, from, was, "entry %d: %s goes %s", rev, u, to)
		users[u] = to
	}
	interrupts := 0
	for _, rev := range slices.Sorted(maps.Keys(c.outbox.truth)) {
		for _, ev := range c.outbox.truth[rev].Events {
			switch e := ev.Event.(type) {
			case signaling.UsersEntered:
				for _, u := range e.Users {
					step(rev, u.UserID, in, out)
				}
			case signaling.UsersLeft:
				for _, u := range e.Users {
					step(rev, u.UserID, out, in, away)
				}
			}
			if h := ev.Heartbeat; h != nil {
				for _, u := range h.Users {
					if h.Recovered {
						step(rev, u, in, away)
					} else {
						step(rev, u, away, in)
						interrupts++
					}
				}
			}
		}
	}
	count := 0
	for u, s := range users {
		if s != out {
			count++
			assert.Equal(c.t, in, s, "%s: everybody is back", u)
		}
	}
	require.Equal(c.t, c.newest().Members, count, "no ghost, and nobody forgotten")
	require.Positive(c.t, interrupts)
}

func TestHeartbeat_ofAClientThatIsAway_andComesBackOrNot(t *testing.T) {
	bubbleWith(t, 2, &ledger{}, func(t *testing.T, c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		a.create(signaling.FreeToTake)
		b.enter("ann")
		b.enter("bob")
		b.do("1", "ann", room.TakeSeat{})
		b.setAway(true)
		b.setAway(true)
		time.Sleep(time.Second)
		b.setAway(false)
		time.Sleep(time.Second)
		b.setAway(true)
		time.Sleep(time.Second)
		b.exit("ann", "ann@1")
		b.setAway(false)
		time.Sleep(time.Second)
		assert.Equal(t, []string{
			"seatsChanged", "+ann,bob(2) seatsChanged", "~ann,bob", "*ann,bob", "~ann,bob", "seatsChanged -ann(1)", "*bob",
		}, c.story())
		c.accounted()
		c.pulses()
		for _, e := range b.heard() { // what followers hear clients must be able to be told
			for _, ev := range e.Events {
				assert.True(t, (ev.Event == nil) != (ev.Heartbeat == nil))
			}
		}
	})
}

func TestHeartbeat_ofAMemberWithTwoSessions_isThatOfTheBetter(t *testing.T) {
	bubbleWith(t, 2, &ledger{}, func(t *testing.T, c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		a.create(signaling.FreeToTake)
		a.enter("ann")
		time.Sleep(time.Second)
		a.setAway(true)
		time.Sleep(time.Second)
		_, err := b.tryEnter("ann", "ann@2") // she has come back to another node
		require.NoError(t, err)
		a.exit("ann", "ann@1")
		time.Sleep(time.Second)
		b.setAway(true)
		synctest.Wait()
		_, err = a.tryEnter("ann", "ann@3")
		require.NoError(t, err)
		time.Sleep(time.Second)
		assert.Equal(t, []string{"seatsChanged", "+ann(1)", "~ann", "*ann"}, c.story(), "what is over at once is not told")
		a.setAway(true)
		synctest.Wait()
		a.exit("ann", "ann@3")
		b.exit("ann", "ann@2")
		time.Sleep(time.Second)
		assert.Equal(t, "-ann(0)", c.story()[4])
		c.pulses()
	})
}

func TestHeartbeat_ofADeadNode(t *testing.T) {
	bubbleWith(t, 3, &ledger{}, func(t *testing.T, c *cluster) {
		a, b, d := c.nodes[0], c.nodes[1], c.nodes[2]
		a.create(signaling.FreeToTake)
		a.enter("owner")
		b.enter("ann")
		b.enter("bob")
		b.do("1", "ann", room.TakeSeat{})
		b.kill()
		time.Sleep(10 * time.Second)
		_, err := d.tryEnter("ann", "ann@2")
		require.NoError(t, err)
		time.Sleep(grace)
		story := c.story()
		assert.Equal(t, "+owner,ann,bob(3) seatsChanged", story[1])
		assert.Equal(t, []string{"~ann,bob", "*ann", "-bob(2)"}, story[2:])
		c.accounted()
		c.pulses()
	})
}

// TestHeartbeat_overTakeover: the room's home dies, with members of its own and while others are away.
func TestHeartbeat_overTakeover_leavesNoGhost(t *testing.T) {
	bubbleWith(t, 3, &ledger{}, func(t *testing.T, c *cluster) {
		a, b, d := c.nodes[0], c.nodes[1], c.nodes[2]
		a.create(signaling.FreeToTake)
		a.enter("ann") // in the audience: nothing but the log knows of her
		a.enter("eve")
		b.enter("bob")
		d.enter("cat")
		time.Sleep(time.Second)
		b.setAway(true)
		time.Sleep(time.Second)
		d.setAway(true)
		time.Sleep(time.Second)
		a.kill()
		d.setAway(false) // the first that the new home hears of her
		time.Sleep(8 * time.Second)
		_, err := b.tryEnter("eve", "eve@2")
		require.NoError(t, err)
		time.Sleep(time.Minute)
		// bob's interrupt has been told, and he is away still.
		assert.Equal(t, []string{
			"seatsChanged", "+ann,eve,bob,cat(4)", "~bob", "~cat", "*cat", "~ann,eve", "*eve", "-ann(3)",
		}, c.story())
		b.setAway(false)
		time.Sleep(time.Second)
		c.accounted()
		c.pulses()
	})
}

// TestRestartOfEverything: nobody is where they were.
func TestHeartbeat_afterARestartOfEverything(t *testing.T) {
	bubbleWith(t, 1, &ledger{}, func(t *testing.T, c *cluster) {
		a := c.nodes[0]
		a.create(signaling.FreeToTake)
		a.enter("ann")
		a.enter("bob")
		a.do("1", "ann", room.TakeSeat{})
		a.enter("eve") // a moment before the end: nobody has written that down
		a.kill()
		time.Sleep(time.Hour)
		b := c.add()
		time.Sleep(5 * time.Second)
		_, err := b.tryEnter("bob", "bob@2")
		require.NoError(t, err)
		time.Sleep(time.Minute)
		story := c.story()
		assert.Equal(t, []string{"seatsChanged", "+ann,bob(2) seatsChanged"}, story[:2])
		assert.Equal(t, []string{"~ann,bob", "*bob", "seatsChanged -ann(1)"}, story[2:])
		c.accounted()
		c.pulses()
	})
}

// TestRoster: the entries of those who came long ago have been trimmed when the home dies.
func TestRoster_outlivesTheTrimmedLog(t *testing.T) {
	bubbleWith(t, 2, &ledger{}, func(t *testing.T, c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		a.create(signaling.FreeToTake)
		a.enter("ghost")
		b.enter("ann")
		b.enter("bob")
		b.setAway(true)
		b.flip(func() bool { return false })
		for i := range 600 {
			b.do(fmt.Sprint("t", i), "ann", room.TakeSeat{})
			b.do(fmt.Sprint("l", i), "ann", room.LeaveSeat{})
			time.Sleep(400 * time.Millisecond)
		}
		require.NotContains(t, fmt.Sprint(describe(c.log())), "ghost", "the log has forgotten her")
		a.kill()
		time.Sleep(2 * time.Minute)
		assert.Equal(t, "-ghost(2)", c.story()[len(c.story())-1])
		c.accounted()
		c.pulses()
	})
}

func TestHeartbeat_ofAnAppThatWantsNothing_isNotTold(t *testing.T) {
	l := &ledger{}
	l.unwanted.Store(true)
	bubbleWith(t, 2, l, func(t *testing.T, c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		a.create(signaling.FreeToTake)
		b.enter("ann")
		time.Sleep(time.Second)
		entries := len(c.log())
		b.setAway(true)
		time.Sleep(time.Second)
		b.setAway(false)
		a.enter("bob")
		time.Sleep(time.Second)
		synctest.Wait()
		assert.Equal(t, []string{"+bob(2) "}, describe(c.log())[entries:])
		assert.Nil(t, c.newest().Roster)
		b.kill()
		time.Sleep(time.Minute)
		assert.Equal(t, []string{"+bob(2) ", "-ann(1) "}, describe(c.log())[entries:])
	})
}
