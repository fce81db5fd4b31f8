package sfu_test

import (
	"bytes"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/internal/sfu"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// threeRooms are a room each of anna's, bert's and carl's, who may speak, with a listener in anna's.
func threeRooms(w *world) (a, b, c *sfu.Room, anna, bert, carl, ear *client) {
	a, b, c = w.sfu.NewRoom(sfu.RoomConfig{ID: "A"}), w.sfu.NewRoom(sfu.RoomConfig{ID: "B"}), w.sfu.NewRoom(sfu.RoomConfig{ID: "C"})
	a.SetSpeakers(users("anna"))
	b.SetSpeakers(users("bert"))
	c.SetSpeakers(users("carl"))
	return a, b, c, w.join(a, "anna", 4), w.join(b, "bert", 4), w.join(c, "carl", 4), w.join(a, "ear", 4)
}

// talkers returns whose packets a client has got since it was asked last, in the order of their letters.
func (c *client) talkers() string {
	var list []byte
	for slot := range 16 {
		for _, r := range c.received(slot) {
			if bytes.IndexByte(list, r.talker) < 0 {
				list = append(list, r.talker)
			}
		}
	}
	c.forget()
	slices.Sort(list)
	return string(list)
}

func (c *client) heardOn() (list []string) {
	for _, s := range c.server.Slots() {
		if s.User != "" {
			list = append(list, string(s.Room)+"/"+string(s.User))
		}
	}
	return list
}

func closeAll(t *testing.T, clients ...*client) {
	t.Helper()
	for _, c := range clients {
		c.close(t)
	}
}

// Connected rooms hear each other, each way by itself, from when it is set to when it is not.
func TestRoomsHearEachOther(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		a, b, c, anna, bert, carl, ear := threeRooms(w)
		voices := map[*client]*voice{anna: {talker: 'a', level: 30}, bert: {talker: 'b', level: 40}, carl: {talker: 'c', level: 20}}
		everybody := []*client{anna, bert, carl, ear}
		step := func(why string, want ...string) {
			t.Helper()
			synctest.Wait()
			for _, c := range everybody {
				c.forget()
			}
			talk(t, time.Second, voices)
			synctest.Wait()
			var got []string
			for _, c := range everybody {
				for slot := range 4 {
					requireUnbroken(t, c.received(slot))
					if n := len(c.received(slot)); n > 0 {
						assert.Equal(t, 50, n, "%s: every packet, at the pace of one room", why)
					}
				}
				got = append(got, c.talkers())
			}
			assert.Equal(t, want, got, why)
		}
		step("three rooms", "", "", "", "a")
		a.Hear([]*sfu.Room{b, c, a, b, nil})
		step("one way", "bc", "", "", "abc")
		assert.Equal(t, []string{"/anna", "B/bert", "C/carl"}, ear.heardOn())
		assert.Equal(t, []string{"B/bert", "C/carl"}, anna.heardOn())
		b.Hear([]*sfu.Room{a, c})
		c.Hear([]*sfu.Room{a, b})
		step("all ways", "bc", "ac", "ab", "abc")
		b.Hear([]*sfu.Room{a}) // C is muted in B
		step("muted in one", "bc", "a", "ab", "abc")
		b.SetSpeakers(nil)
		step("a seat is muted", "c", "a", "a", "ac")
		assert.Equal(t, []string{"/anna", "C/carl"}, ear.heardOn())
		b.SetSpeakers(users("bert"))
		step("and speaks again", "bc", "a", "ab", "abc")
		a.Hear([]*sfu.Room{c})
		step("a connection is over, one way", "c", "a", "ab", "ac")
		c.Close()
		everybody = []*client{anna, bert, ear}
		delete(voices, carl)
		step("a room is over", "", "a", "a")
		assert.Equal(t, []string{"/anna"}, ear.heardOn())
		a.Close()
		everybody = []*client{bert}
		delete(voices, anna)
		step("the last one", "")
		a.Hear([]*sfu.Room{b})
		step("who is over hears nobody", "")
		closeAll(t, anna, bert, carl, ear)
		assert.Zero(t, w.sfu.Stats().Dropped.Stale)
	})
}

// A connection that ends is not heard for one packet more, though its speaker goes on.
func TestHearEndsAtOnce(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		a, b, _, anna, bert, carl, ear := threeRooms(w)
		v := &voice{talker: 'b'}
		for range 20 {
			a.Hear([]*sfu.Room{b})
			v.speak(t, bert)
			time.Sleep(frame)
			a.Hear(nil)
			v.speak(t, bert)
			time.Sleep(frame)
		}
		synctest.Wait()
		assert.Equal(t, 20, ear.total())
		requireUnbroken(t, ear.received(1))
		told := ear.told()
		assert.Len(t, told, 40, "each change is told")
		assert.Equal(t, signaling.RoomID("B"), told[0][1].Room)
		assert.Equal(t, sfu.Slot{MID: told[1][1].MID}, told[1][1])
		closeAll(t, anna, bert, carl, ear)
	})
}

// Who is in several connected rooms is one person: never heard by itself, and by others once.
func TestSameUserInConnectedRooms(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		a, b, c := w.sfu.NewRoom(sfu.RoomConfig{ID: "A"}), w.sfu.NewRoom(sfu.RoomConfig{ID: "B"}), w.sfu.NewRoom(sfu.RoomConfig{ID: "C"})
		for _, r := range []*sfu.Room{a, b, c} {
			r.SetSpeakers(users("max"))
		}
		inA, inB, inC, ear := w.join(a, "max", 4), w.join(b, "max", 4), w.join(c, "max", 4), w.join(a, "ear", 4)
		a.Hear([]*sfu.Room{b, c})
		b.Hear([]*sfu.Room{c, a})
		voices := map[*client]*voice{inA: {talker: 'a'}, inB: {talker: 'b'}, inC: {talker: 'c'}}
		for _, step := range []struct {
			speak []*sfu.Room
			want  string
			on    []string
		}{
			{[]*sfu.Room{a, b, c}, "a", []string{"/max"}},
			{[]*sfu.Room{b, c}, "b", []string{"B/max"}},
			{[]*sfu.Room{c}, "c", []string{"C/max"}},
			{[]*sfu.Room{b, c}, "b", []string{"B/max"}},
			{[]*sfu.Room{a, b, c}, "a", []string{"/max"}},
			{nil, "", nil},
		} {
			for _, r := range []*sfu.Room{a, b, c} {
				r.SetSpeakers(nil)
				if slices.Contains(step.speak, r) {
					r.SetSpeakers(users("max"))
				}
			}
			synctest.Wait()
			ear.forget()
			talk(t, time.Second, voices)
			synctest.Wait()
			assert.Equal(t, step.on, ear.heardOn())
			requireUnbroken(t, ear.received(0))
			assert.Equal(t, step.want, ear.talkers())
			for _, self := range []*client{inA, inB, inC} {
				assert.Zero(t, self.total(), "nobody hears themselves")
			}
		}
		closeAll(t, inA, inB, inC, ear)
	})
}

// With more speakers than slots the loudest have them, from whichever room.
func TestLoudestOfConnectedRooms(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		a, b := w.sfu.NewRoom(sfu.RoomConfig{ID: "A"}), w.sfu.NewRoom(sfu.RoomConfig{ID: "B"})
		a.SetSpeakers(users("a1", "a2"))
		b.SetSpeakers(users("b1", "b2"))
		voices := map[*client]*voice{}
		clients := map[string]*client{}
		for i, u := range []string{"a1", "a2", "b1", "b2"} {
			room := []*sfu.Room{a, b}[i/2]
			clients[u] = w.join(room, u, 2)
			voices[clients[u]] = &voice{talker: byte('1' + i), level: 40}
		}
		ear := w.join(a, "ear", 2)
		a.Hear([]*sfu.Room{b})
		talk(t, 2*time.Second, voices)
		assert.Equal(t, []string{"/a1", "/a2"}, ear.heardOn(), "equally loud: the own seats come first, and nobody is thrown out")
		voices[clients["b2"]].level = 20
		talk(t, 2*time.Second, voices)
		assert.Equal(t, []string{"/a1", "B/b2"}, ear.heardOn())
		voices[clients["b1"]].level = 36
		talk(t, 2*time.Second, voices)
		assert.Equal(t, []string{"/a1", "B/b2"}, ear.heardOn(), "4 dB are not enough")
		voices[clients["b1"]].level = 25
		talk(t, 2*time.Second, voices)
		assert.Equal(t, []string{"B/b1", "B/b2"}, ear.heardOn())
		a.Hear(nil)
		assert.ElementsMatch(t, []string{"/a1", "/a2"}, ear.heardOn())
		for slot := range 2 {
			requireUnbroken(t, ear.received(slot))
		}
		for _, c := range clients {
			c.close(t)
		}
		ear.close(t)
	})
}

// What a connected room's speakers send arrives from another node as the own room's does, and only while they may speak.
func TestConnectedRoomOfAnotherNode(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		a, b := w.sfu.NewRoom(sfu.RoomConfig{ID: "A"}), w.sfu.NewRoom(sfu.RoomConfig{ID: "B"}) // nobody of B is here
		ear := w.join(a, "ear", 4)
		a.Hear([]*sfu.Room{b})
		seq := uint16(0)
		say := func(n int) {
			for range n {
				seq++
				b.FromRelay(sfu.RelayPacket(nil, "bert", seq, []byte{'b', 0, 0, 0, byte(seq)}))
				time.Sleep(frame)
			}
			synctest.Wait()
		}
		say(10)
		assert.Zero(t, ear.total(), "not seated: forged, or stale")
		b.SetSpeakers(users("bert"))
		say(10)
		assert.Equal(t, 10, ear.total())
		b.SetSpeakers(nil)
		say(10)
		assert.Equal(t, 10, ear.total())
		ear.close(t)
	})
}

// Listeners of a connected room who lose packets get copies, and what they ask for, as the speaker's own do.
func TestConnectedRoomOnABadLine(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		a, b := w.sfu.NewRoom(sfu.RoomConfig{ID: "A"}), w.sfu.NewRoom(sfu.RoomConfig{ID: "B"})
		b.SetSpeakers(users("bert"))
		bert, ear, own := w.join(b, "bert", 1), w.join(a, "ear", 1), w.join(b, "own", 1)
		a.Hear([]*sfu.Room{b})
		w.down.Store(10)
		talk(t, time.Minute, map[*client]*voice{bert: {talker: 'b'}})
		w.down.Store(0)
		synctest.Wait()
		missing := func(c *client) int {
			got := map[uint32]bool{}
			for _, r := range c.received(0) {
				got[r.counter] = true
			}
			for _, n := range c.copied(0) {
				got[n] = true
			}
			return 3000 - len(got)
		}
		assert.Less(t, missing(ear), 60, "of 3,000, of which 300 were lost")
		assert.InDelta(t, missing(own), missing(ear), 40)
		closeAll(t, bert, ear, own)
	})
}

// Rooms hear each other both ways while seats, members and connections change: no lock waits for another for ever.
func TestConnectionsChurn(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		var rooms []*sfu.Room
		for _, id := range []signaling.RoomID{"A", "B", "C"} {
			rooms = append(rooms, w.sfu.NewRoom(sfu.RoomConfig{ID: id}))
		}
		var wg sync.WaitGroup
		for i, r := range rooms {
			user := string('a' + rune(i))
			c := w.join(r, user, 1)
			wg.Go(func() {
				for range 50 {
					r.SetSpeakers(users(signaling.UserID(user), "x", "y"))
					time.Sleep(7 * time.Millisecond)
					r.SetSpeakers(users(signaling.UserID(user)))
					time.Sleep(5 * time.Millisecond)
				}
			})
			wg.Go(func() {
				for n := range 60 {
					r.Hear([]*sfu.Room{rooms[(i+n)%3], rooms[(i+n+1)%3]})
					time.Sleep(11 * time.Millisecond)
				}
			})
			wg.Go(func() { talk(t, time.Second, map[*client]*voice{c: {talker: byte(i), level: uint8(20 * i)}}) })
			defer c.close(t)
		}
		wg.Wait()
		rooms[2].Close()
		for i, r := range rooms[:2] {
			require.NotPanics(t, func() { r.Hear([]*sfu.Room{rooms[1-i], rooms[2]}) })
		}
	})
}
