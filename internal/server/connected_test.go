package server

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pion/rtp"
	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/internal/rtc"
	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// voice is a client with media in one room, who says its letter when the world talks.
type voice struct {
	*raw
	user   signaling.UserID
	room   signaling.RoomID
	peer   *rtc.Peer
	letter byte

	mu    sync.Mutex
	heard map[byte]int // packets by letter
}

// enter brings a user into a room at a node, with media.
func (w *world) enter(node int, user signaling.UserID, id signaling.RoomID, letter byte) *voice {
	w.t.Helper()
	c, _, err := w.loginAt(node, user, nil)
	require.NoError(w.t, err)
	return w.join(c, user, id, letter)
}

func (w *world) join(c *raw, user signaling.UserID, id signaling.RoomID, letter byte) *voice {
	w.t.Helper()
	host, _, err := w.net.Host()
	require.NoError(w.t, err)
	v := &voice{raw: c, user: user, room: id, letter: letter, heard: map[byte]int{}}
	v.peer, err = rtc.New(rtc.Config{Net: host, Slots: 10, OnPacket: func(_ int, _ *rtp.Header, payload []byte, _ time.Time) {
		v.mu.Lock()
		defer v.mu.Unlock()
		v.heard[payload[0]]++
	}})
	require.NoError(w.t, err)
	w.t.Cleanup(func() { _ = v.peer.Close() })
	var res signaling.JoinResult
	c.must(signaling.MethodJoinRoom, signaling.JoinParams{RoomID: id, Offer: v.peer.Offer()}, &res)
	require.NoError(w.t, v.peer.Answer(w.t.Context(), res.Answer))
	ctx, cancel := context.WithTimeout(w.t.Context(), 10*time.Second)
	defer cancel()
	require.NoError(w.t, v.peer.Connected(ctx))
	return v
}

// host opens a room at a node and speaks in it.
func (w *world) host(node int, user signaling.UserID, id signaling.RoomID, letter byte) *voice {
	w.t.Helper()
	c, _, err := w.loginAt(node, user, nil)
	require.NoError(w.t, err)
	c.must(signaling.MethodCreateRoom, signaling.CreateRoomParams{Room: signaling.RoomInfo{RoomID: id, SeatMode: signaling.FreeToTake}}, nil)
	c.drop()
	v := w.enter(node, user, id, letter)
	v.speak()
	return v
}

func (v *voice) speak() {
	v.t.Helper()
	v.must(signaling.MethodTakeSeat, signaling.TakeSeatParams{RoomID: v.room, Index: -1}, nil)
	v.audio(true)
}

func (v *voice) audio(on bool) {
	v.t.Helper()
	v.must(signaling.MethodSetAudio, signaling.AudioParams{RoomID: v.room, On: on}, nil)
}

func (v *voice) leave() {
	v.t.Helper()
	v.must(signaling.MethodLeaveRoom, signaling.RoomParams{RoomID: v.room}, nil)
}

// hangUp ends the session, and with it its stay; the owner cannot leave.
func (v *voice) hangUp() {
	v.t.Helper()
	v.must(signaling.MethodLogout, signaling.Empty{}, nil)
	v.closed()
	settled()
}

func (v *voice) created() int64 {
	v.t.Helper()
	var s signaling.Snapshot
	v.must(signaling.MethodSnapshot, signaling.RoomParams{RoomID: v.room}, &s)
	return s.Room.CreateTime
}

// said lets the voices talk for a second and returns whom each hears: "ab" are the letters of two whose every packet came.
func (w *world) said(voices ...*voice) (heard []string) {
	w.t.Helper()
	time.Sleep(300 * time.Millisecond) // virtual: what was decided is known at every node
	for _, v := range voices {
		v.mu.Lock()
		clear(v.heard)
		v.mu.Unlock()
	}
	for range 50 {
		for _, v := range voices {
			require.NoError(w.t, v.peer.WriteAudio([]byte{v.letter, 1, 2, 3}, 960, 30, false))
		}
		time.Sleep(20 * time.Millisecond)
	}
	synctest.Wait()
	for _, v := range voices {
		v.mu.Lock()
		letters := slices.Sorted(maps.Keys(v.heard))
		for _, l := range letters {
			// Two may still be in a tick between nodes.
			require.InDelta(w.t, 50, v.heard[l], 2, "%s of %c", v.user, l)
		}
		heard = append(heard, string(letters))
		v.mu.Unlock()
		v.must(signaling.MethodPing, signaling.Empty{}, nil)
	}
	return heard
}

// linked has a room's log say with which others it is connected, "-" before one that is muted there; the others' logs say
// nothing yet, as after a death between the two.
func (w *world) linked(v *voice, others ...string) {
	w.t.Helper()
	w.links++
	show := room.ShowConnection{ID: "c", Room: v.created(), Turn: 1, Seq: w.links, Over: len(others) == 0}
	add := func(name string) signaling.RoomID {
		id, at, _ := strings.Cut(name, "@")
		u := room.ConnectedRoom{ConnectionUser: signaling.ConnectionUser{RoomID: signaling.RoomID(id), JoinConnectionTime: 1}}
		_, err := fmt.Sscan(at, &u.Created)
		require.NoError(w.t, err)
		show.Users, show.Connected = append(show.Users, u), append(show.Connected, u.RoomID)
		return u.RoomID
	}
	muted := map[signaling.RoomID]bool{}
	for _, name := range append([]string{v.name()}, others...) {
		name, mute := strings.CutPrefix(name, "-")
		if id := add(name); id != v.room {
			muted[id] = mute
		}
	}
	_, err := w.nodes[0].srv.node.Do(w.t.Context(), store.Key{App: app, Room: v.room}, room.Command{
		ID: rand.Text(), By: signaling.UserInfo{UserID: "administrator"}, App: true, Action: show,
	})
	require.NoError(w.t, err)
	synctest.Wait()
	for id, mute := range muted {
		v.must(signaling.MethodMuteConnection, signaling.ConnectionMuteParams{RoomID: v.room, Connected: id, Mute: mute}, nil)
	}
}

func (v *voice) name() string { return fmt.Sprint(v.room, "@", v.created()) }

// slotsTold returns who is heard where, as the newest notification says.
func (v *voice) slotsTold() (list []string) {
	v.t.Helper()
	v.must(signaling.MethodPing, signaling.Empty{}, nil)
	for _, m := range slices.Backward(v.raw.heard) {
		if m.Method != signaling.NotifySlots {
			continue
		}
		var p signaling.SlotsChanged
		require.NoError(v.t, json.Unmarshal(m.Params, &p))
		for _, s := range p.Slots {
			if s.UserID != "" {
				list = append(list, string(s.RoomID)+"/"+string(s.UserID))
			}
		}
		return list
	}
	return nil
}

// held returns how many rooms a node holds for the members of one.
func (w *world) held(node int, id signaling.RoomID) int {
	w.t.Helper()
	srv := w.nodes[node].srv
	srv.mu.Lock()
	r := srv.replicas[store.Key{App: app, Room: id}]
	srv.mu.Unlock()
	r.hearing.mu.Lock()
	defer r.hearing.mu.Unlock()
	return len(r.hearing.held)
}

// requireEmpty checks that nodes hold no room whose members are gone.
func (w *world) requireEmpty() {
	w.t.Helper()
	synctest.Wait()
	for i, n := range w.nodes {
		if n.gone {
			continue
		}
		n.srv.mu.Lock()
		require.Empty(w.t, n.srv.replicas, "node %d", i)
		n.srv.mu.Unlock()
		require.Zero(w.t, n.srv.media.Stats().Rooms, "node %d", i)
	}
}

// Connected rooms hear each other, wherever their members are: from when both logs say so to when one does not.
func TestConnectedRooms(t *testing.T) {
	for _, nodes := range []int{1, 2, 3} {
		t.Run(fmt.Sprint(nodes, " nodes"), func(t *testing.T) {
			inWorldOf(t, nodes, func(t *testing.T, w *world) {
				a, b, c := w.host(0, "anna", "A", 'a'), w.host(1%nodes, "bert", "B", 'b'), w.host(2%nodes, "carl", "C", 'c')
				ear := w.enter(0, "ear", "A", '-')
				all := []*voice{a, b, c, ear}
				require.Equal(t, []string{"", "", "", "a"}, w.said(all...))
				w.linked(a, b.name())
				require.Equal(t, []string{"", "", "", "a"}, w.said(all...), "B does not say so")
				w.linked(b, a.name())
				require.Equal(t, []string{"b", "a", "", "ab"}, w.said(all...))
				require.Equal(t, []string{"/anna", "B/bert"}, ear.slotsTold())
				w.linked(a, b.name(), c.name())
				w.linked(b, a.name(), c.name())
				w.linked(c, a.name(), b.name())
				require.Equal(t, []string{"bc", "ac", "ab", "abc"}, w.said(all...))
				w.linked(a, b.name(), "-"+c.name())
				require.Equal(t, []string{"b", "ac", "ab", "ab"}, w.said(all...), "C is muted in A, and hears A")
				w.linked(a, b.name(), c.name())
				b.audio(false)
				require.Equal(t, []string{"c", "ac", "a", "ac"}, w.said(all...))
				b.audio(true)
				guest := w.enter(nodes-1, "guest", "B", 'g')
				guest.speak()
				all = append(all, guest)
				require.Equal(t, []string{"bcg", "acg", "abg", "abcg", "abc"}, w.said(all...))
				w.linked(c)
				require.Equal(t, []string{"bg", "ag", "", "abg", "ab"}, w.said(all...), "C has gone; A and B still name it")
				w.linked(a, b.name())
				w.linked(b, a.name())
				require.Equal(t, []string{"bg", "ag", "", "abg", "ab"}, w.said(all...))
				former := b.name()
				b.must(signaling.MethodDismissRoom, signaling.RoomParams{RoomID: "B"}, nil)
				all = []*voice{a, c, ear}
				require.Equal(t, []string{"", "", "a"}, w.said(all...))
				require.Equal(t, []string{"/anna"}, ear.slotsTold())
				require.Equal(t, 0, w.held(0, "A"), "nothing of the room that is over")

				again := w.host(1%nodes, "bert2", "B", 'B')
				w.linked(again, a.name())
				all = append(all, again)
				require.Equal(t, []string{"", "", "a", ""}, w.said(all...), "another room with the id of the old one")
				w.linked(a, former, c.name())
				require.Equal(t, 2, w.held(0, "A"))
				require.Equal(t, []string{"", "", "a", ""}, w.said(all...), "it is held and looked at, and is another")
				w.linked(a, again.name())
				require.Equal(t, []string{"B", "", "Ba", "a"}, w.said(all...))
				for _, v := range all {
					v.hangUp()
				}
				w.requireEmpty()
			})
		})
	}
}

// The members of a room leave while another hears it, and come back: it is held for as long as anybody needs it.
func TestConnectedRoomIsHeldWhileItIsHeard(t *testing.T) {
	inWorldOf(t, 2, func(t *testing.T, w *world) {
		a, b := w.host(0, "anna", "A", 'a'), w.host(1, "bert", "B", 'b')
		w.linked(a, b.name())
		w.linked(b, a.name())
		require.Equal(t, []string{"b", "a"}, w.said(a, b))
		guest := w.enter(0, "guest", "B", 'g')
		guest.speak()
		require.Equal(t, []string{"bg", "ag", "ab"}, w.said(a, b, guest))
		guest.leave()
		require.Equal(t, []string{"b", "a"}, w.said(a, b))
		a.hangUp()
		w.nodes[0].srv.mu.Lock()
		require.Empty(t, w.nodes[0].srv.replicas, "nobody here hears B any more")
		w.nodes[0].srv.mu.Unlock()
		require.Equal(t, []string{""}, w.said(b))
		ear := w.enter(0, "ear", "A", '-')
		require.Equal(t, []string{"", "b"}, w.said(b, ear))
		b.hangUp()
		ear.leave()
		w.requireEmpty()
	})
}

// What comes over a connected room's subject is heard only of whom the room's log lets speak.
func TestForgedPacketsOfAConnectedRoom(t *testing.T) {
	inWorldOf(t, 2, func(t *testing.T, w *world) {
		a, b := w.host(0, "anna", "A", 'a'), w.host(1, "bert", "B", 'b')
		w.linked(a, b.name())
		w.linked(b, a.name())
		require.Equal(t, []string{"b", "a"}, w.said(a, b))
		forge := func(user string) (heard int) {
			a.mu.Lock()
			clear(a.heard)
			a.mu.Unlock()
			for seq := range 10 {
				m := append([]byte{5}, "forge"...)
				m = append(append(append(m, 1, byte(len(user))), user...), 0, 0, 0, 0, 0, 9, 0, byte(seq), 0, 0, byte(seq*4), 0, 0, 4, 'F', 1, 2, 3)
				require.NoError(t, w.nodes[1].store.Publish(store.Topic{Kind: store.KindMedia, App: app, Room: "B"}, m))
				time.Sleep(20 * time.Millisecond)
			}
			synctest.Wait()
			a.mu.Lock()
			defer a.mu.Unlock()
			return a.heard['F']
		}
		time.Sleep(2 * time.Second)
		require.Equal(t, 10, forge("bert"), "the message is one that can be understood")
		require.Zero(t, forge("nobody"))
		require.Zero(t, forge("anna"), "who speaks in A does not in B")
		b.audio(false)
		time.Sleep(300 * time.Millisecond)
		require.Zero(t, forge("bert"), "stale")
	})
}

// A node of connected rooms dies. What is said at the others is heard on, and what the rooms decide later counts.
func TestConnectedRoomsSurviveANode(t *testing.T) {
	inWorldOf(t, 3, func(t *testing.T, w *world) {
		a, b, c := w.host(0, "anna", "A", 'a'), w.host(2, "bert", "B", 'b'), w.host(2, "carl", "C", 'c')
		guest := w.enter(1, "guest", "B", 'g')
		guest.speak()
		for v, others := range map[*voice][]string{a: {b.name(), c.name()}, b: {a.name(), c.name()}, c: {a.name(), b.name()}} {
			w.linked(v, others...)
		}
		require.Equal(t, []string{"bcg", "acg", "abg", "abc"}, w.said(a, b, c, guest))
		w.kill(2) // the home of B and C, and two of their speakers
		require.Equal(t, []string{"g", "a"}, w.said(a, guest))
		waitFor(10*time.Second, a.raw, guest.raw)
		require.Equal(t, []string{"g", "a"}, w.said(a, guest))
		guest.audio(false)
		require.Equal(t, []string{"", "a"}, w.said(a, guest), "B's next home has decided it")
		guest.audio(true)
		require.Equal(t, []string{"g", "a"}, w.said(a, guest))
		bert := w.enter(1, "bert", "B", 'b')
		require.Equal(t, []string{"bg", "ab", "ag"}, w.said(a, guest, bert), "back at another node, on the seat that has waited")
		w.linked(bert)
		require.Equal(t, []string{"", "b", "g"}, w.said(a, guest, bert))
	})
}

// A user in several connected rooms is heard once by each member, and never by itself.
func TestSameUserInConnectedRooms(t *testing.T) {
	inWorldOf(t, 2, func(t *testing.T, w *world) {
		a, b := w.host(0, "anna", "A", 'a'), w.host(1, "bert", "B", 'b')
		w.linked(a, b.name())
		w.linked(b, a.name())
		inB := w.enter(0, "anna2", "B", 'x')
		inB.speak()
		require.Equal(t, []string{"bx", "ax", "ab"}, w.said(a, b, inB))
		inA := w.join(inB.raw, inB.user, "A", 'y')
		require.Equal(t, []string{"bx", "ax", "ab", "ab"}, w.said(a, b, inB, inA), "in both, and not heard by itself in the other")
		inA.speak()
		require.Equal(t, []string{"by", "ax", "ab", "ab"}, w.said(a, b, inB, inA), "each hears the voice that is of its own room")
		inB.audio(false)
		require.Equal(t, []string{"by", "ay", "ab", "ab"}, w.said(a, b, inB, inA))
		inA.audio(false)
		inB.audio(true)
		require.Equal(t, []string{"bx", "ax", "ab", "ab"}, w.said(a, b, inB, inA))
	})
}
