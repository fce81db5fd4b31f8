package home_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// The app's server is told of every single one who comes or goes, the members of a crowd about once a second: the log holds
// both.
func TestCrowd_isToldToTheAppOneByOne_andToMembersInDigests(t *testing.T) {
	bubbleWith(t, 2, &ledger{}, func(t *testing.T, c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		a.create(signaling.FreeToTake)
		b.follow()
		const crowd, seconds = 1000, 10
		name := func(i int) signaling.UserID { return signaling.UserID(fmt.Sprintf("u%04d", i)) }
		for i := range crowd {
			b.enter(name(i))
			time.Sleep(seconds * time.Second / crowd)
		}
		for i := range crowd / 2 {
			_, err := b.try(fmt.Sprint("leave", i), name(i), room.Leave{})
			assert.NoError(t, err)
			time.Sleep(seconds * time.Second / crowd)
		}
		time.Sleep(2 * time.Second)
		c.keep()
		entered, left := map[signaling.UserID]int{}, map[signaling.UserID]int{}
		digests, named := 0, 0
		for _, e := range c.log() {
			for _, ev := range e.Events {
				var users []signaling.UserInfo
				told := entered
				switch ev := ev.Event.(type) {
				case signaling.UsersEntered:
					users = ev.Users
				case signaling.UsersLeft:
					users, told = ev.Users, left
				}
				if ev.For == room.ForMembers {
					digests, named = digests+1, named+len(users)
					continue
				}
				for _, u := range users {
					told[u.UserID]++
				}
			}
		}
		assert.Len(t, entered, crowd)
		assert.Len(t, left, crowd/2)
		for _, n := range entered {
			assert.Equal(t, 1, n)
		}
		for _, n := range left {
			assert.Equal(t, 1, n)
		}
		assert.LessOrEqual(t, digests, seconds*3/2+3)
		assert.LessOrEqual(t, named, 20*digests)
		c.accounted()
		c.consistent()
	})
}

// A home that dies takes the digest along that it was about to tell. The next one tells the count.
func TestCrowd_whoseHomeDies_isCountedByTheNext(t *testing.T) {
	bubble(t, 2, func(t *testing.T, c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		a.create(signaling.FreeToTake)
		b.follow()
		for i := range 300 {
			b.enter(signaling.UserID(fmt.Sprintf("u%04d", i)))
		}
		time.Sleep(2 * time.Second)
		b.enter("told at once")
		time.Sleep(200 * time.Millisecond) // the next digest is a second away
		before := len(c.log())
		for i := range 5 {
			b.enter(signaling.UserID(fmt.Sprintf("late%d", i)))
		}
		a.kill()
		time.Sleep(10 * time.Second)
		told := 0
		for _, e := range c.log()[before:] {
			for _, ev := range e.Events {
				entered, ok := ev.Event.(signaling.UsersEntered)
				if !ok {
					continue
				}
				told = entered.Count
				assert.Empty(t, entered.Users, "nobody knows who")
				assert.Equal(t, room.ForMembers, ev.For)
			}
		}
		assert.Equal(t, 306, told)
		assert.Equal(t, 306, c.newest().Members)
		list, err := b.Audience(t.Context(), key)
		assert.NoError(t, err)
		assert.Equal(t, 306, list.Total)
	})
}
