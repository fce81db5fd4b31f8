package home_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/internal/home"
	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/internal/store/memstore"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// acts reads the room's whole audit log in pages, the oldest first.
func (n *node) acts(by signaling.UserID) (list []signaling.Act) {
	n.c.t.Helper()
	q := home.AuditQuery{By: by, Limit: 3}
	for {
		page, more, err := n.Audit(n.c.t.Context(), key, q)
		require.NoError(n.c.t, err)
		for _, a := range page {
			require.True(n.c.t, q.Before == 0 || a.Sequence < q.Before)
			q.Before = a.Sequence
			list = append([]signaling.Act{a}, list...)
		}
		if !more {
			return list
		}
		require.Len(n.c.t, page, 3)
	}
}

func lines(acts []signaling.Act) (list []string) {
	for _, a := range acts {
		s := fmt.Sprint(a.Operator, " ", a.Kind)
		if a.ByApp {
			s = "app:" + s
		}
		for _, u := range a.Users {
			s += " " + string(u)
		}
		if a.Role != nil {
			s += fmt.Sprint(" role ", int(*a.Role))
		}
		if a.Index != nil {
			s += fmt.Sprint(" seat ", *a.Index)
		}
		if a.Until != 0 {
			s += fmt.Sprint(" for ", time.UnixMilli(a.Until).Sub(time.UnixMilli(a.Time)))
		}
		if a.Reason != "" {
			s += " because " + a.Reason
		}
		if len(a.Keys) > 0 {
			s += " " + strings.Join(a.Keys, ",")
		}
		if len(a.Changes) > 0 {
			s += fmt.Sprint(" ", a.Changes)
		}
		list = append(list, s)
	}
	return list
}

// Every moderating act of managers and of the app is a line with who, to whom and what came of it; what changes nothing
// is none, and neither is what members do with their own.
func TestAudit_ofEveryAct(t *testing.T) {
	bubble(t, 2, func(t *testing.T, c *cluster) {
		home0, n := c.nodes[0], c.nodes[1]
		home0.create(signaling.FreeToTake)
		for _, u := range []signaling.UserID{"owner", "amy", "ann", "bob", "cid"} {
			n.enter(u)
		}
		i := 0
		do := func(by signaling.UserID, a room.Action) {
			t.Helper()
			i++
			n.do(fmt.Sprint("c", i), by, a)
		}
		yes, no, name := true, false, "tea"
		some := []signaling.UserID{"ann", "zoe"}
		do("owner", room.ChangeRole{User: "amy", Role: signaling.Administrator})
		do("owner", room.ChangeRole{User: "amy", Role: signaling.Administrator}) // is one
		do("amy", room.Mute{Users: some, Duration: time.Minute})
		do("amy", room.Mute{Users: some})
		do("amy", room.Mute{Users: some}) // are not muted
		do("amy", room.Update{MessageDisabled: &yes, Name: &name})
		do("amy", room.Update{MessageDisabled: &no})
		do("amy", room.Update{Name: &name}) // is called so
		do("ann", room.TakeSeat{Index: 1})
		do("bob", room.TakeSeat{Index: 2})
		do("amy", room.MoveUser{User: "ann", Index: 2, Policy: signaling.SwapPosition})
		do("amy", room.KickOffSeat{User: "ann"})
		do("amy", room.LockSeat{Index: 1, Lock: signaling.SeatLock{Seat: true, Audio: true}})
		do("amy", room.LockSeat{Index: 1, Lock: signaling.SeatLock{Seat: true, Audio: true}})
		do("owner", room.SetMetadata{Metadata: map[string]string{"a": "1", "b": "2"}})
		do("owner", room.SetMetadata{Metadata: map[string]string{"a": "1", "b": "3"}})
		do("owner", room.DeleteMetadata{Keys: []string{"a", "x"}})
		do("amy", room.KickOut{User: "bob", Present: true})
		do("amy", room.Ban{Users: []signaling.UserID{"zoe"}, Duration: time.Hour, Reason: "noise"})
		do("amy", room.Unban{Users: []signaling.UserID{"zoe", "yan"}})
		do("amy", room.Unban{Users: []signaling.UserID{"zoe"}})
		require.NoError(t, n.app(room.PutOnSeat{User: signaling.UserInfo{UserID: "ann"}, Index: 3}))
		require.NoError(t, n.app(room.ModifyAdmins{Users: []signaling.UserID{"cid", "amy"}, Add: true}))
		_, err := n.try("no", "ann", room.KickOut{User: "cid", Present: true})
		require.ErrorIs(t, err, signaling.ErrNeedManager)
		want := []string{
			"owner role amy role 1",
			"amy mute ann zoe for 1m0s",
			"amy unmute ann zoe",
			"amy muteAll",
			"amy updateRoom map[name:tea]",
			"amy unmuteAll",
			"amy moveUser ann bob seat 2",
			"amy kickOffSeat ann seat 2",
			"amy lockSeat bob seat 1 map[isAudioLocked:true isLocked:true]",
			"owner setMetadata a,b",
			"owner setMetadata b",
			"owner deleteMetadata a",
			"amy kick bob",
			"amy ban zoe for 1h0m0s because noise",
			"amy unban zoe",
			"app:administrator pickUserOnSeat ann seat 3",
			"app:administrator role cid role 1",
		}
		require.Equal(t, want, lines(n.acts("owner")), "at once, from any node")
		_, _, err = n.Audit(t.Context(), key, home.AuditQuery{By: "amy", Limit: 1})
		require.ErrorIs(t, err, signaling.ErrNeedOwner)

		all := n.acts("")
		between, more, err := n.Audit(t.Context(), key, home.AuditQuery{From: time.UnixMilli(all[1].Time), To: time.UnixMilli(all[3].Time), Limit: 50})
		require.NoError(t, err)
		require.False(t, more)
		for _, a := range between {
			require.True(t, a.Time >= all[1].Time && a.Time < all[3].Time)
		}

		home0.kill()
		time.Sleep(10 * time.Second)
		require.Equal(t, want, lines(n.acts("owner")))
		n.do("end", "owner", room.Dismiss{})
		want = append(want, "owner dismiss")
		require.Equal(t, want, lines(n.acts("")))
		time.Sleep(2 * time.Minute)
		require.Empty(t, c.log())
		require.Equal(t, want, lines(n.acts("")), "it outlives the room")

		n.create(signaling.FreeToTake)
		n.enter("owner")
		require.Empty(t, n.acts("owner"), "the owner of a later room has nothing to do with it")
		n.do("late", "owner", room.ChangeRole{User: "eve", Role: signaling.Administrator})
		require.Equal(t, []string{"owner role eve role 1"}, lines(n.acts("owner")))
		require.Equal(t, append(want, "owner role eve role 1"), lines(n.acts("")))
		n.end() // or it would beat every second of a month
		time.Sleep(store.AuditAge)
		n = c.add()
		n.enter("owner")
		require.Empty(t, n.acts(""), "and ends by its age, also where the room lives")
		n.do("later", "owner", room.ChangeRole{User: "eve", Role: signaling.GeneralUser})
		require.Equal(t, []string{"owner role eve role 2"}, lines(n.acts("owner")))
		_, _, err = n.Audit(t.Context(), store.Key{App: 1, Room: "never"}, home.AuditQuery{Limit: 1})
		require.ErrorIs(t, err, signaling.ErrRoomNotExist)
	})
}

// The home dies after its entry is in the log and before, or while, it is copied: the next home, or whoever finds the
// room dismissed, writes it down, once.
func TestAudit_ofAHomeThatDies(t *testing.T) {
	for name, fault := range map[string]memstore.Fault{"before the copy": memstore.Before, "before it hears of the copy": memstore.After} {
		for _, dismissed := range []bool{false, true} {
			t.Run(fmt.Sprint(name, " dismissed ", dismissed), func(t *testing.T) {
				bubble(t, 2, func(t *testing.T, c *cluster) {
					a, b := c.nodes[0], c.nodes[1]
					a.create(signaling.FreeToTake)
					b.enter("owner")
					b.do("1", "owner", room.ChangeRole{User: "amy", Role: signaling.Administrator})
					synctest.Wait()
					want := []string{"owner role amy role 1", "owner role amy role 2"}
					for range 20 {
						c.store.FailNextAuditAppend(memstore.Before)
					}
					b.do("2", "owner", room.ChangeRole{User: "amy", Role: signaling.GeneralUser})
					if dismissed {
						b.do("3", "owner", room.Dismiss{})
						want = append(want, "owner dismiss")
					}
					c.store.FailNextAuditAppend(fault)
					a.kill()
					time.Sleep(5 * time.Minute)
					require.Equal(t, want, lines(b.acts("")))
					if dismissed {
						require.Empty(t, c.log())
					}
				})
			})
		}
	}
}

// The home dies when a ban or a mute, or its end, is stored, and before the entry that tells of it is. Whoever asks again has
// it done, told and written down once; of what nobody asks again for, the next home writes down what it finds.
func TestAudit_ofASanctionWhoseHomeDies(t *testing.T) {
	users := []signaling.UserID{"ann", "zoe"}
	for name, c := range map[string]struct {
		before, act room.Action
		line, state string
	}{
		"ban":    {nil, room.Ban{Users: users, Duration: time.Hour, Reason: "noise"}, "owner ban ann zoe for 1h0m0s because noise", "ann zoe / "},
		"unban":  {room.Ban{Users: users, Duration: time.Hour}, room.Unban{Users: users}, "owner unban ann zoe", "/ "},
		"mute":   {nil, room.Mute{Users: users, Duration: time.Hour}, "owner mute ann zoe for 1h0m0s", "/ ann zoe "},
		"unmute": {room.Mute{Users: users, Duration: time.Hour}, room.Mute{Users: users}, "owner unmute ann zoe", "/ "},
	} {
		for _, again := range []bool{false, true} {
			t.Run(fmt.Sprint(name, " asked again ", again), func(t *testing.T) {
				bubble(t, 2, func(t *testing.T, c2 *cluster) {
					a, b := c2.nodes[0], c2.nodes[1]
					a.create(signaling.FreeToTake)
					b.enter("owner")
					var want []string
					if c.before != nil {
						b.do("before", "owner", c.before)
						want = append(want, lines(b.acts(""))...)
					}
					a.disk.Store(int64(100 * time.Millisecond))
					ctx, cancel := context.WithTimeout(t.Context(), 150*time.Millisecond)
					defer cancel()
					_, err := b.Do(ctx, key, command("it", "owner", c.act))
					require.Error(t, err)
					a.kill()
					if again {
						b.do("it", "owner", c.act)
						b.do("it", "owner", c.act)
					} else {
						require.Equal(t, want, lines(b.acts("")), "somebody may ask again")
					}
					require.Equal(t, c.state, b.sanctioned())
					time.Sleep(time.Minute)
					got := b.acts("")
					require.Equal(t, append(want, c.line), lines(got))
					require.Less(t, time.Since(time.UnixMilli(got[len(got)-1].Time)), 2*time.Minute)
					b.kill()
					fresh := c2.add()
					require.Equal(t, c.state, fresh.sanctioned())
					time.Sleep(time.Minute)
					require.Equal(t, append(want, c.line), lines(fresh.acts("")), "and not twice")
					if c.state == "/ " {
						time.Sleep(5 * time.Minute)
						require.Zero(t, c2.stored(), "nothing is left of what was taken back")
					}
				})
			})
		}
	}
}

// A single node that starts again finds its room, and what it has not written down.
func TestAudit_afterARestartOfEverything(t *testing.T) {
	bubble(t, 1, func(t *testing.T, c *cluster) {
		c.nodes[0].create(signaling.FreeToTake)
		require.NoError(t, c.nodes[0].app(room.Mute{Users: []signaling.UserID{"ann"}, Duration: time.Hour}))
		synctest.Wait()
		for range 3 {
			c.store.FailNextAuditAppend(memstore.Before)
		}
		require.NoError(t, c.nodes[0].app(room.Ban{Users: []signaling.UserID{"bob"}, Duration: time.Hour}))
		c.nodes[0].kill()
		time.Sleep(time.Minute)
		fresh := c.add()
		require.Equal(t, []string{"app:administrator mute ann for 1h0m0s", "app:administrator ban bob for 1h0m0s"}, lines(fresh.acts("")))
	})
}

// Whatever becomes of nodes, of messages to the logs and of their answers: the audit log has the acts of the room's
// log, each once and in order, and of each command that was acknowledged there is one.
func TestAudit_underChaos(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			bubbleWith(t, 4, &ledger{}, func(t *testing.T, c *cluster) {
				over, done := make(chan struct{}), make(chan struct{})
				acked := 0
				go func() {
					defer close(done)
					rng := rand.New(rand.NewPCG(seed, 3))
					for turn := 0; ; turn++ {
						select {
						case <-over:
							return
						case <-time.After(time.Duration(rng.IntN(500)) * time.Millisecond):
						}
						c.store.FailNextAuditAppend(memstore.Fault(1 + rng.IntN(2)))
						n := c.nodes[rng.IntN(len(c.nodes))]
						if n.gone.Load() {
							continue
						}
						mute := room.Mute{Users: []signaling.UserID{signaling.UserID(fmt.Sprint("m", turn))}, Duration: time.Hour}
						ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
						_, err := n.Do(ctx, key, room.Command{ID: fmt.Sprint("mute", turn), By: signaling.UserInfo{UserID: "administrator"}, App: true, Action: mute})
						cancel()
						if err == nil {
							acked++
						}
					}
				}()
				chaos(t, c, rand.New(rand.NewPCG(seed, 4)))
				close(over)
				<-done
				time.Sleep(15 * time.Minute) // longer than all faults left over make fail
				c.keep()
				c.accountedActs(acked)
			})
		})
	}
}

// accountedActs compares the audit log with all entries that the room's log has ever held.
func (c *cluster) accountedActs(acked int) {
	c.t.Helper()
	var want []string
	for _, e := range c.outbox.everything() {
		want = append(want, lines(e.Acts)...)
	}
	var live *node
	for _, n := range c.nodes {
		if !n.gone.Load() {
			live = n
		}
	}
	got := lines(live.acts(""))
	assert.Equal(c.t, want, got)
	assert.GreaterOrEqual(c.t, len(got), acked)
	assert.Greater(c.t, acked, 10)
	seen := map[string]bool{}
	for _, l := range got {
		user := strings.Fields(l)[2]
		assert.False(c.t, seen[user], "%s twice: %s", user, l)
		seen[user] = true
	}
}
