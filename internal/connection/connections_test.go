package connection

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

func settle() {
	time.Sleep(5 * time.Second)
	synctest.Wait()
}

// Three rooms are connected, one after the other, and part; each sees the same, and the end leaves nothing.
func TestRoomsConnectAndPart(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		n, other := w.node(true), w.node(false)
		n.asks("c1", "r1", time.Minute, "r2")
		require.Equal(t, []string{"r1 asks r2"}, w.told("r1"), "before the answer")
		synctest.Wait()
		require.Equal(t, []string{"r1 asks r2"}, w.told("r2"))
		q := w.sees("r2").Requests[0]
		require.Equal(t, "ext", q.ExtensionInfo)
		require.Len(t, q.InviteeList, 1)
		require.Equal(t, signaling.UserID("owner of r1"), q.Inviter.UserID)
		require.Zero(t, q.Inviter.JoinConnectionTime)

		other.must("r2", Answer{"a", "r2", "r1", true})
		synctest.Wait()
		require.Equal(t, []string{"r1>r2 Accepted", "+r1+r2"}, w.told("r2"))
		require.Equal(t, []string{"r1>r2 Accepted", "+r1+r2"}, w.told("r1"))
		w.agree()
		time.Sleep(time.Second)
		other.asks("c2", "r2", time.Minute, "r3", "r4") // any of them may ask
		synctest.Wait()
		require.Len(t, w.sees("r3").Requests[0].InviteeList, 2)
		n.must("r3", Answer{"b", "r3", "r2", true})
		synctest.Wait()
		n.must("r4", Answer{"c", "r4", "r2", false})
		synctest.Wait()
		require.Equal(t, []signaling.RoomID{"r1", "r2", "r3"}, w.with("r1"))
		require.Equal(t, []string{"+r3"}, w.told("r1"), "who asks whom is no business of the others")
		require.Equal(t, []string{"r2 asks r3", "r2 asks r4", "r2>r3 Accepted", "+r3", "r2>r4 Rejected"}, w.told("r2"))
		require.Equal(t, []string{"r2 asks r4", "r2>r4 Rejected"}, w.told("r4"))
		w.told("r3")

		n.must("r1", Leave{"d", "r1"})
		synctest.Wait()
		require.Equal(t, []string{"-r1-r2-r3"}, w.told("r1"))
		require.Equal(t, []string{"-r1"}, w.told("r2"))
		require.Equal(t, []signaling.RoomID{"r2", "r3"}, w.with("r3"), "the others stay")
		n.must("r3", Leave{"e", "r3"})
		settle()
		require.Equal(t, []string{"-r2-r3"}, w.told("r2"), "the last one is connected with nobody")
		w.agree()
		time.Sleep(Kept + time.Minute)
		docs, claimed := w.stored()
		require.Empty(t, docs)
		require.Empty(t, claimed)
		n.asks("c3", "r3", time.Minute, "r1")
	})
}

// A request ends once: by an answer, by who asked, or in time. What comes after that is refused.
func TestRequestsEndOnce(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		n := w.node(true)
		for name, end := range map[string]struct {
			cmd    Command
			by     signaling.RoomID
			result string
		}{
			"rejected":  {Answer{"end", "r2", "r1", false}, "r2", "Rejected"},
			"cancelled": {Cancel{"end", "r1", []signaling.RoomID{"r2", "r3"}}, "r1", "Cancelled"},
			"timed out": {nil, "", "Timeout"},
		} {
			w.told("r1")
			w.told("r2")
			n.asks(name, "r1", 10*time.Second, "r2")
			synctest.Wait()
			if end.cmd != nil {
				n.must(end.by, end.cmd)
				n.must(end.by, end.cmd) // it comes again: the answer was lost
			} else {
				time.Sleep(10*time.Second - time.Millisecond)
				synctest.Wait()
				require.Len(t, w.sees("r2").Requests, 1)
				time.Sleep(time.Millisecond)
			}
			synctest.Wait()
			want := []string{"r1 asks r2", "r1>r2 " + end.result}
			require.Equal(t, want, w.told("r1"), name)
			require.Equal(t, want, w.told("r2"), name)
			for _, late := range []struct {
				by  signaling.RoomID
				cmd Command
			}{{"r2", Answer{"late", "r2", "r1", true}}, {"r2", Answer{"late", "r2", "r1", false}}, {"r1", Cancel{"late", "r1", []signaling.RoomID{"r2"}}}} {
				require.ErrorIs(t, n.do(late.by, late.cmd), signaling.ErrConnectionProcessed, name)
			}
			settle()
			w.agree()
		}
		require.ErrorIs(t, n.do("r3", Answer{"x", "r3", "r1", true}), signaling.ErrConnectionNotExist)
		require.ErrorIs(t, n.do("r2", Leave{"x", "r2"}), signaling.ErrConnectionNotExist)
		require.ErrorIs(t, n.do("r2", Answer{"x", "r2", "r3", true}), signaling.ErrConnectionNotExist)
	})
}

// Rooms that cannot be asked: why, and the others are asked all the same.
func TestWhyRoomsAreNotAsked(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		n := w.node(true)
		n.asks("1", "r1", time.Minute, "r2")
		n.must("r2", Answer{"2", "r2", "r1", true})
		w.create("mute", 0)
		w.create("hall", 40)
		n.asks("3", "r3", time.Minute, "r4")
		results, err := n.ask("4", "r1", time.Minute, "r2", "r4", "r3", "none", "mute", "hall", "r5")
		require.NoError(t, err)
		for i, want := range []error{
			signaling.ErrConnected, signaling.ErrConnectionPending, signaling.ErrConnectionPending, signaling.ErrRoomNotExist,
			signaling.ErrSeatsNotSupported, signaling.ErrConnectionFull, nil,
		} {
			require.ErrorIs(t, results[i], want, i)
		}
		results, err = n.ask("5", "r3", time.Minute, "r1")
		require.NoError(t, err)
		require.ErrorIs(t, results[0], signaling.ErrConnectedElsewhere)
		_, err = n.ask("6", "r4", time.Minute, "r5")
		require.ErrorIs(t, err, signaling.ErrConnectionPending, "it is asked itself, and has to answer first")
		_, err = n.ask("7", "mute", time.Minute, "r5")
		require.ErrorIs(t, err, signaling.ErrSeatsNotSupported)
		_, err = n.ask("8", "hall", time.Minute, "none")
		require.NoError(t, err)
		for _, to := range [][]signaling.RoomID{{}, {"r1"}, {"r2", "r2"}, {"1", "2", "3", "4", "5", "6", "7", "8", "9"}} {
			_, err = n.ask("9", "r1", time.Minute, to...)
			require.ErrorIs(t, err, signaling.ErrInvalidParameter)
		}
		_, err = n.ask("9", "r1", time.Minute, "raum ü")
		require.ErrorIs(t, err, signaling.ErrInvalidRoomID)
		_, err = n.ask("9", "r1", time.Millisecond, "r2")
		require.ErrorIs(t, err, signaling.ErrInvalidParameter)
		_, err = n.Ask(t.Context(), app, "somebody", Ask{Command: "10", From: Room{RoomID: "r1"}, To: []Room{{RoomID: "r5"}}, Timeout: time.Minute})
		require.ErrorIs(t, err, signaling.ErrNeedOwner)
		_, err = n.Change(t.Context(), app, "r1", "somebody", Leave{"11", "r1"})
		require.ErrorIs(t, err, signaling.ErrNeedOwner)
		settle()
		w.agree()
		got, err := n.OfRoom(t.Context(), app, "r2")
		require.NoError(t, err)
		require.Len(t, got.Connected(), 2)
		_, err = n.OfRoom(t.Context(), app, "r5")
		require.ErrorIs(t, err, signaling.ErrConnectionNotExist, "asked only")
	})
}

// Nine rooms and fifty seats are what a connection has; those that are asked count.
func TestConnectionIsFull(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		n := w.node(true)
		var ids []signaling.RoomID
		for i := range 11 {
			ids = append(ids, signaling.RoomID(fmt.Sprint("s", i)))
			w.create(ids[i], 5)
		}
		n.asks("1", "s0", time.Minute, ids[1:9]...)
		results, err := n.ask("2", "s0", time.Minute, "s9")
		require.NoError(t, err)
		require.ErrorIs(t, results[0], signaling.ErrConnectionFull)
		n.must("s1", Answer{"3", "s1", "s0", false})
		n.asks("4", "s0", time.Minute, "s9")

		w.create("b0", 20)
		w.create("b1", 20)
		w.create("b2", 11)
		w.create("b3", 10)
		results, err = n.ask("5", "b0", time.Minute, "b1", "b2", "b3")
		require.NoError(t, err)
		require.ErrorIs(t, results[1], signaling.ErrConnectionFull)
		require.NoError(t, results[2])
	})
}

// Rooms that are dismissed, or whose owner does not come back, are out; another room of the same id has nothing to do with
// it. A request to a room that is gone ends at once.
func TestRoomsThatAreLost(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		n := w.node(true)
		n.asks("1", "r1", 5*time.Minute, "r2", "r3", "r4", "r5")
		for _, id := range []signaling.RoomID{"r2", "r3", "r4"} {
			n.must(id, Answer{"y", id, "r1", true})
		}
		w.dismiss("r2")
		w.dismiss("r5")
		time.Sleep(3 * time.Second)
		synctest.Wait()
		require.Equal(t, []signaling.RoomID{"r1", "r3", "r4"}, w.with("r3"))
		require.Contains(t, w.told("r1"), "r1>r5 Timeout")

		w.change("r3", func(h *home) { h.empty = true })
		time.Sleep(grace - 5*time.Second)
		synctest.Wait()
		require.Len(t, w.with("r3"), 3, "the owner may come back")
		time.Sleep(10 * time.Second)
		synctest.Wait()
		require.Equal(t, []signaling.RoomID{"r1", "r4"}, w.with("r1"))
		require.Empty(t, w.with("r3"))

		time.Sleep(time.Millisecond)
		w.dismiss("r4")
		w.create("r4", 6) // another one
		n.asks("2", "r4", time.Minute, "r3")
		settle()
		require.Empty(t, w.with("r1"), "the last one")
		w.agree()
	})
}

// An owner's new name, and a new owner, are shown to the others.
func TestOwnersAreRenewed(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		n := w.node(true)
		n.asks("1", "r1", time.Minute, "r2")
		n.must("r2", Answer{"2", "r2", "r1", true})
		w.change("r2", func(h *home) { h.state.Info.OwnerID, h.state.Info.OwnerName = "heir", "Heir" })
		settle()
		require.Equal(t, "Heir", w.sees("r1").Connected[1].UserName)
		require.Equal(t, signaling.UserID("heir"), w.sees("r1").Connected[1].UserID)
		w.agree()
	})
}

// A room that cannot be reached is shown it as soon as it can; nobody else waits for it.
func TestDeafRoomIsShownLater(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		n := w.node(true)
		n.asks("1", "r1", time.Minute, "r2", "r3")
		n.must("r2", Answer{"2", "r2", "r1", true})
		synctest.Wait()
		w.change("r2", func(h *home) { h.deaf = true })
		n.must("r3", Answer{"3", "r3", "r1", true})
		settle()
		require.Len(t, w.with("r1"), 3)
		require.Len(t, w.with("r2"), 2)
		n.kill()
		n = w.node(true) // it knows of the deaf room from the store alone
		w.told("r1")
		n.asks("5", "r1", 20*time.Second, "r4")
		settle()
		time.Sleep(20 * time.Second)
		synctest.Wait()
		require.Equal(t, []string{"r1 asks r4", "r1>r4 Timeout"}, w.told("r1"))
		n.must("r3", Leave{"4", "r3"})
		settle()
		w.change("r2", func(h *home) { h.deaf = false })
		settle()
		w.agree()
		require.NotContains(t, w.told("r2"), "+r3", "it was there meanwhile, and is not any more")
	})
}
