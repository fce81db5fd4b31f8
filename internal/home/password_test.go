package home_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/internal/home"
	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// createLocked makes the room with a password.
func (n *node) createLocked(password string) {
	n.c.t.Helper()
	kept, err := home.NewPassword(password)
	require.NoError(n.c.t, err)
	_, err = n.Create(n.c.t.Context(), key, command("create", "owner", room.Create{Info: signaling.RoomInfo{RoomID: "r", SeatMode: signaling.FreeToTake}, Password: kept}))
	require.NoError(n.c.t, err)
}

// knock enters with a password.
func (n *node) knock(u signaling.UserID, session, password string) error {
	n.follow()
	m := member(u, session)
	n.mu.Lock()
	n.members[session] = m
	n.mu.Unlock()
	m.Password = password
	_, err := n.Enter(n.c.t.Context(), key, m)
	if err != nil {
		n.mu.Lock()
		delete(n.members, session)
		n.mu.Unlock()
	}
	return err
}

func (n *node) relock(id, password string) {
	n.c.t.Helper()
	kept, err := home.NewPassword(password)
	require.NoError(n.c.t, err)
	n.do(id, "owner", room.Update{Password: &kept})
}

func TestNewPassword(t *testing.T) {
	a, err := home.NewPassword("geheim")
	require.NoError(t, err)
	b, err := home.NewPassword("geheim")
	require.NoError(t, err)
	require.NotEqual(t, a, b, "each has a salt of its own")
	none, err := home.NewPassword("")
	require.NoError(t, err)
	require.False(t, none.Set())
	for _, bad := range []string{strings.Repeat("x", 65), "a\nb", "\xff"} {
		_, err := home.NewPassword(bad)
		require.ErrorIs(t, err, signaling.ErrInvalidParameter, "%q", bad)
	}
}

func TestPassword_opensTheRoom(t *testing.T) {
	bubble(t, 2, func(t *testing.T, c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		a.createLocked("geheim")
		for _, n := range c.nodes {
			require.ErrorIs(t, n.knock("ann", "ann@1", ""), signaling.ErrPasswordNeeded)
			require.ErrorIs(t, n.knock("ann", "ann@1", "x"), signaling.ErrWrongPassword)
		}
		require.NoError(t, b.knock("ann", "ann@1", "geheim"))
		require.NoError(t, a.knock("owner", "owner@1", ""), "whose room it is")
		require.NoError(t, a.knock("owner", "owner@1", "x"), "nobody asks the owner")
		a.do("admin", "owner", room.ChangeRole{User: "amy", Role: signaling.Administrator})
		require.NoError(t, b.knock("amy", "amy@1", ""))
		require.NoError(t, a.knock("ann", "ann@2", ""), "another device of somebody who is here")

		a.relock("change", "anders")
		b.do("sit", "ann", room.TakeSeat{}) // still here
		require.ErrorIs(t, b.knock("bob", "bob@1", "geheim"), signaling.ErrWrongPassword)
		require.NoError(t, b.knock("bob", "bob@1", "anders"))
		b.exit("bob", "bob@1")
		require.ErrorIs(t, b.knock("bob", "bob@2", ""), signaling.ErrPasswordNeeded, "who was out comes in anew")
		a.relock("open", "")
		require.NoError(t, b.knock("bob", "bob@2", ""))
		require.False(t, c.newest().State.Info.HasPassword)
		a.relock("again", "geheim")
		require.True(t, c.newest().State.Info.HasPassword)
		c.consistent()

		_, err := b.try("no", "ann", room.Update{Password: &room.Password{}})
		require.ErrorIs(t, err, signaling.ErrNeedManager)
		_, err = a.try("bad", "owner", room.Update{Password: &room.Password{Salt: []byte("x"), Hash: []byte("y")}})
		require.ErrorIs(t, err, signaling.ErrInvalidParameter)
	})
}

// What goes over the bus and into the log is not the password, and what is kept does not open the room.
func TestPassword_isNowhere(t *testing.T) {
	bubble(t, 2, func(t *testing.T, c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		var bus []string
		stop, err := b.store.Subscribe(store.Topic{Kind: store.KindRoom, App: key.App, Room: key.Room}, func(d []byte) { bus = append(bus, string(d)) })
		require.NoError(t, err)
		defer stop()
		a.createLocked("geheim")
		require.NoError(t, b.knock("ann", "ann@1", "geheim"))
		synctest.Wait()
		asked, err := json.Marshal(home.Member{Password: "geheim"})
		require.NoError(t, err)
		log, err := json.Marshal(c.log())
		require.NoError(t, err)
		require.Contains(t, string(log), `"hasPassword":true`)
		require.NotEmpty(t, bus)
		for _, text := range append(bus, string(log), string(asked)) {
			require.NotContains(t, text, "geheim")
		}
		m := member("eve", "eve@1")
		raw, err := json.Marshal(c.newest().State.Password)
		require.NoError(t, err)
		m.Password = string(raw)[:60]
		_, err = b.Enter(t.Context(), key, m)
		require.ErrorIs(t, err, signaling.ErrWrongPassword)
		view, err := json.Marshal(c.newest().State.View(signaling.UserInfo{UserID: "owner"}, 1, 1))
		require.NoError(t, err)
		require.NotContains(t, string(view), `"salt"`)
	})
}

func TestPassword_isNotGuessed(t *testing.T) {
	bubble(t, 2, func(t *testing.T, c *cluster) {
		a, b := c.nodes[0], c.nodes[1]
		a.createLocked("geheim")
		for i := range 5 {
			require.ErrorIs(t, c.nodes[i%2].knock("eve", "eve@1", fmt.Sprint(i)), signaling.ErrWrongPassword)
			time.Sleep(time.Second)
		}
		for range 100 {
			require.ErrorIs(t, b.knock("eve", "eve@1", "geheim"), signaling.ErrTooFrequent)
		}
		require.NoError(t, b.knock("ann", "ann@1", "geheim"), "another user")
		time.Sleep(54 * time.Second)
		require.ErrorIs(t, b.knock("eve", "eve@1", "geheim"), signaling.ErrTooFrequent)
		time.Sleep(time.Second)
		require.ErrorIs(t, b.knock("eve", "eve@1", "x"), signaling.ErrWrongPassword)
		require.NoError(t, b.knock("eve", "eve@1", "geheim"))
	})
}

// Who comes back within the grace period needs no password, also where the room has another home, which has never seen
// them, and another password by now.
func TestPassword_isNotAskedOfWhoComesBack(t *testing.T) {
	for name, killed := range map[string][]int{"from a dead node": {1}, "from a dead home": {0, 1}} {
		t.Run(name, func(t *testing.T) {
			bubble(t, 3, func(t *testing.T, c *cluster) {
				a, b, left := c.nodes[0], c.nodes[1], c.nodes[2]
				a.create(signaling.FreeToTake)
				require.NoError(t, b.knock("early", "early@1", "")) // before there was a password
				a.enter("owner")
				time.Sleep(time.Second)
				a.relock("lock", "geheim")
				require.NoError(t, b.knock("ann", "ann@1", "geheim"))
				require.NoError(t, b.knock("bob", "bob@1", "geheim"))
				time.Sleep(time.Second)
				b.exit("bob", "bob@1")
				a.relock("change", "anders")
				time.Sleep(time.Second)
				for _, i := range killed {
					c.nodes[i].kill()
				}
				time.Sleep(5 * time.Second)
				require.NoError(t, left.knock("ann", "ann@2", ""))
				require.NoError(t, left.knock("early", "early@2", ""))
				for _, u := range []signaling.UserID{"bob", "eve"} {
					err := left.knock(u, string(u)+"@2", "")
					require.True(t, errors.Is(err, signaling.ErrPasswordNeeded), "%s: %v", u, err)
				}
				time.Sleep(time.Minute)
				c.consistent()
			})
		})
	}
}

// Who is just coming in may be refused: a new home must not take the word of their node for it that they are here.
func TestPassword_isAskedOfWhoIsComingInAtATakeover(t *testing.T) {
	bubble(t, 3, func(t *testing.T, c *cluster) {
		a, b, left := c.nodes[0], c.nodes[1], c.nodes[2]
		a.createLocked("geheim")
		require.NoError(t, b.knock("ann", "ann@1", "geheim"))
		time.Sleep(time.Second)
		m := member("eve", "eve@1")
		m.Entering = true
		b.mu.Lock()
		b.members["eve@1"] = m
		b.mu.Unlock()
		a.kill()
		time.Sleep(5 * time.Second)
		require.Equal(t, 1, c.newest().Members)
		for _, n := range []*node{b, left} {
			require.ErrorIs(t, n.knock("eve", "eve@1", ""), signaling.ErrPasswordNeeded)
		}
		require.NoError(t, left.knock("ann", "ann@2", ""), "who is in the room")
	})
}
