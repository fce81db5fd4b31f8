package server

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/internal/home"
	"github.com/openvoiceroom/openvoiceroom/internal/race"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// chat returns what others have said since the last call, and forgets everything else.
func (c *raw) chat() (list []signaling.Barrage) {
	c.t.Helper()
	synctest.Wait()                               // other nodes' members have it a moment after its sender
	c.must(signaling.MethodPing, struct{}{}, nil) // behind everything that was queued
	for _, m := range c.heard {
		if m.Method == signaling.NotifyBarrage {
			var p signaling.BarrageReceived
			require.NoError(c.t, signaling.DecodeParams(m.Params, &p))
			require.Equal(c.t, signaling.RoomID("r"), p.RoomID)
			list = append(list, p.Barrage)
		}
	}
	c.heard = nil
	return list
}

func texts(list []signaling.Barrage) (out []string) {
	for _, b := range list {
		out = append(out, b.Text)
	}
	return out
}

// say sends a text, whose id is the text, too.
func (c *raw) say(text string) (res signaling.SendBarrageResult, err error) {
	c.t.Helper()
	m := c.call(signaling.MethodSendBarrage, signaling.SendBarrageParams{RoomID: "r", CommandID: text, Text: text})
	if m.Err == nil {
		require.NoError(c.t, signaling.DecodeParams(m.Result, &res))
	}
	return res, errOf(m)
}

func (c *raw) said(text string) signaling.SendBarrageResult {
	c.t.Helper()
	res, err := c.say(text)
	require.NoError(c.t, err)
	return res
}

func (c *raw) history() []signaling.Barrage {
	c.t.Helper()
	var h signaling.BarrageHistory
	c.must(signaling.MethodBarrageHistory, signaling.RoomParams{RoomID: "r"}, &h)
	return h.Barrages
}

// Everybody but the sender gets a message, at whichever node, once and in order; newcomers ask for what was said.
func TestChat(t *testing.T) {
	inWorldOf(t, 2, func(t *testing.T, w *world) {
		host := w.login("host")
		w.open(host, signaling.FreeToTake)
		ann, bob := w.member(1, "ann"), w.member(1, "bob")
		require.Empty(t, ann.history())
		first := ann.said("hello 👋🏽")
		require.Equal(t, "hello 👋🏽", first.MessageID)
		require.Equal(t, time.Now().Unix(), first.Timestamp)
		var sent signaling.SendBarrageResult
		host.must(signaling.MethodSendBarrage, signaling.SendBarrageParams{
			RoomID: "r", Type: signaling.BarrageCustom, BusinessID: "app", Data: `{"a":1}`, Extension: map[string]string{"TYPE": "X"},
		}, &sent)
		require.Greater(t, sent.Sequence, first.Sequence)
		require.NotEmpty(t, sent.MessageID, "the server has made one")
		synctest.Wait()
		one := signaling.Barrage{
			MessageID: "hello 👋🏽", Sender: signaling.UserInfo{UserID: "ann", UserName: "Name of ann", Role: signaling.GeneralUser},
			Sequence: first.Sequence, Timestamp: first.Timestamp, Text: "hello 👋🏽",
		}
		two := signaling.Barrage{
			MessageID: sent.MessageID, Sender: signaling.UserInfo{UserID: "host", Role: signaling.RoomOwner}, Sequence: sent.Sequence, Timestamp: sent.Timestamp,
			Type: signaling.BarrageCustom, BusinessID: "app", Data: `{"a":1}`, Extension: map[string]string{"TYPE": "X"},
		}
		require.Equal(t, []signaling.Barrage{one, two}, bob.chat())
		require.Equal(t, []signaling.Barrage{one}, host.chat())
		require.Equal(t, []signaling.Barrage{two}, ann.chat(), "the sender has the answer")

		require.Equal(t, first, ann.said("hello 👋🏽"), "asked again because the answer was lost")
		synctest.Wait()
		require.Empty(t, bob.chat())
		cat := w.member(0, "cat")
		require.Equal(t, []signaling.Barrage{one, two}, cat.history())
		version := host.snapshot().Version
		ann.said("not in the log")
		require.Equal(t, version, host.snapshot().Version)

		for i := range 60 {
			if i%20 == 0 {
				time.Sleep(time.Second)
			}
			bob.said(fmt.Sprint(i))
		}
		list := texts(cat.history())
		require.Len(t, list, 50)
		require.Equal(t, "10", list[0])
		require.Equal(t, "59", list[49])
		host.must(signaling.MethodDismissRoom, signaling.RoomParams{RoomID: "r"}, nil)
		_, err := ann.say("too late")
		require.ErrorIs(t, err, signaling.ErrRoomNotExist)
		time.Sleep(time.Hour)
		host = w.login("host")
		w.open(host, signaling.FreeToTake)
		require.Empty(t, host.history(), "another room with its id")
		ann = w.member(1, "ann")
		host.said("in the new room")
		synctest.Wait()
		require.Equal(t, []string{"in the new room"}, texts(ann.chat()))
	})
}

// Mutes are enforced, whoever has set them and whichever node decides, and end when they end.
func TestChatMutes(t *testing.T) {
	inWorldOf(t, 2, func(t *testing.T, w *world) {
		host := w.login("host")
		w.open(host, signaling.FreeToTake)
		ann, bob := w.member(1, "ann"), w.member(1, "bob")
		rest := func(node int, command, body string) {
			t.Helper()
			answers(t, restOK, w.restAt(node, "live_engine_http_srv/"+command, w.restQuery(), body))
		}
		refused := func(c *raw, code signaling.Code) {
			t.Helper()
			_, err := c.say("no")
			require.Equal(t, code, signaling.CodeOf(err))
		}
		rest(1, "mute_member", `{"RoomId":"r","MemberList_Account":["ann"],"MuteTime":9}`)
		refused(ann, -2381)
		bob.said("not I")
		rest(1, "mute_member", `{"RoomId":"r","MemberList_Account":["ann"],"MuteTime":0}`)
		ann.said("again")
		rest(1, "mute_member", `{"RoomId":"r","MemberList_Account":["ann"],"MuteTime":9}`)
		for range 3 {
			refused(ann, -2381)
			time.Sleep(3 * time.Second)
			for _, c := range []*raw{host, ann, bob} {
				c.told() // a client that does not read is cut off
			}
		}
		ann.said("run out")

		rest(1, "update_room_info", `{"RoomInfo":{"RoomId":"r","IsMessageDisabled":true}}`)
		refused(ann, -2380)
		host.said("the owner may")
		host.must(signaling.MethodChangeRole, signaling.ChangeRoleParams{RoomID: "r", UserID: "bob", Role: signaling.Administrator}, nil)
		bob.said("an administrator may")
		rest(0, "mute_member", `{"RoomId":"r","MemberList_Account":["bob"],"MuteTime":1000}`)
		refused(bob, -2381)
		host.must(signaling.MethodUpdateRoom, signaling.UpdateRoomParams{RoomID: "r", MessageDisabled: new(false)}, nil)
		ann.said("all may")
		refused(bob, -2381)
		ann.told()
		bob.told()
		w.kill(0) // the room's home
		synctest.Wait()
		ann.told()
		refused(bob, -2381)
		ann.said("all may still")
		bob.must(signaling.MethodLeaveRoom, signaling.RoomParams{RoomID: "r"}, nil)
		_, err := bob.say("from outside")
		require.ErrorIs(t, err, signaling.ErrNotInRoom)
		bob.must(signaling.MethodJoinRoom, signaling.JoinParams{RoomID: "r"}, nil)
		refused(bob, -2381)
	})
}

// A room has 40 messages in any second, of which the last 8 are the managers'.
func TestChatRate(t *testing.T) {
	inWorldOf(t, 2, func(t *testing.T, w *world) {
		host := w.login("host")
		w.open(host, signaling.FreeToTake)
		ann, bob := w.member(1, "ann"), w.member(0, "bob")
		for second := range 3 {
			time.Sleep(time.Second)
			for i := range 16 {
				ann.said(fmt.Sprint("ann", second, i))
				bob.said(fmt.Sprint("bob", second, i))
			}
			for _, c := range []*raw{ann, bob} {
				m := c.call(signaling.MethodSendBarrage, signaling.SendBarrageParams{RoomID: "r", Text: "too much"})
				require.ErrorIs(t, errOf(m), signaling.ErrFreqLimit)
				require.Contains(t, m.Err.Message, "40 messages a second")
			}
			time.Sleep(999 * time.Millisecond)
			for i := range 8 {
				host.said(fmt.Sprint("host", second, i))
			}
			_, err := host.say("too much, too")
			require.ErrorIs(t, err, signaling.ErrFreqLimit)
			time.Sleep(time.Millisecond)
			for i := range 24 { // 8 of the present second are the host's
				bob.said(fmt.Sprint("later", second, i))
			}
			_, err = bob.say("too much again")
			require.ErrorIs(t, err, signaling.ErrFreqLimit)
			host.must(signaling.MethodTakeSeat, take(signaling.SeatIndex(second)), nil) // seats are another thing
			host.must(signaling.MethodLeaveSeat, signaling.RoomParams{RoomID: "r"}, nil)
		}
	})
}

// While a home dies its members chat on: nothing comes twice, in no other order, and numbers grow.
func TestChatDuringTakeover(t *testing.T) {
	inWorldOf(t, 3, func(t *testing.T, w *world) {
		host := w.login("host")
		w.open(host, signaling.FreeToTake)
		ann, bob := w.member(1, "ann"), w.member(2, "bob")
		var want []string
		var last uint64
		say := func(text string) {
			t.Helper()
			res := ann.said(text)
			require.Greater(t, res.Sequence, last)
			last = res.Sequence
			require.Less(t, last, uint64(1)<<53, "a number that JavaScript can hold")
		}
		for i := range 5 {
			want = append(want, fmt.Sprint(i))
			say(want[i])
		}
		synctest.Wait()
		w.kill(0)
		say("4") // its answer is taken for lost
		for i := 5; i < 10; i++ {
			want = append(want, fmt.Sprint(i))
			say(want[i])
		}
		synctest.Wait()
		require.Equal(t, want, texts(bob.chat()))
		require.Equal(t, want[4:], texts(bob.history()), "a home's history ends with it")
	})
}

// A member that takes nothing misses chat, and neither its events nor the others.
func TestSlowMemberMissesChatOnly(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		host := w.login("host")
		w.open(host, signaling.FreeToTake)
		reader, slow := w.member(0, "reader"), w.member(0, "slow")
		time.Sleep(time.Second)
		reader.told()
		slow.told()
		var want, got []string
		for round := range 4 { // less than the time after which a client that takes nothing is cut off
			for i := range 40 {
				want = append(want, fmt.Sprint(round, "-", i))
				host.said(want[len(want)-1])
			}
			synctest.Wait()
			got = append(got, texts(reader.chat())...)
			time.Sleep(time.Second)
		}
		require.Equal(t, want, got)
		host.must(signaling.MethodTakeSeat, take(3), nil)
		dropped := w.counted("voiceroom_barrages_dropped_total")
		require.Positive(t, dropped)
		slow.must(signaling.MethodPing, struct{}{}, nil)
		seats := 0
		for _, m := range slow.heard {
			if m.Method == signaling.NotifyRoomEvents && strings.Contains(string(m.Params), "seatsChanged") {
				seats++
			}
		}
		require.Equal(t, 1, seats)
		require.Equal(t, want[:len(want)-dropped], texts(slow.chat()))
		require.Zero(t, w.counted("voiceroom_slow_readers_total"))
	})
}

// What a node passes on: each message once, and none behind the ones that were said after it.
func TestNewsOfTheChat(t *testing.T) {
	var s barrages
	news := func(sequence uint64, id, sender string) bool {
		return s.news(&signaling.Barrage{Sequence: sequence, MessageID: id, Sender: signaling.UserInfo{UserID: signaling.UserID(sender)}})
	}
	require.True(t, news(1<<32|1, "a", "ann"))
	require.True(t, news(1<<32|2, "a", "bob"))
	require.False(t, news(1<<32|2, "b", "bob"), "the bus brought it twice")
	require.False(t, news(2<<32|1, "a", "ann"), "again by the next home")
	require.False(t, news(1<<32|3, "c", "ann"), "the former home does not know that it is none")
	require.EqualValues(t, 2<<32|1, s.last)
	for i := range uint64(3 * seenBarrages) {
		require.True(t, news(2<<32|(2+i), fmt.Sprint(i), "ann"))
		require.Len(t, s.seen, len(s.ring))
	}
	require.Len(t, s.ring, seenBarrages)
	require.False(t, news(3<<32, fmt.Sprint(2*seenBarrages), "ann"), "the oldest that is known")
	require.True(t, news(3<<32|1, fmt.Sprint(2*seenBarrages-1), "ann"))
}

// An answer does not wait for ever for a message that the bus has lost.
func TestAnswerToALostMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := &replica{}
		start := time.Now()
		r.awaitBarrage(t.Context(), 1)
		require.Equal(t, barrageWait, time.Since(start))
		r.over = true
		r.awaitBarrage(t.Context(), 1)
		require.Equal(t, barrageWait, time.Since(start))
	})
}

// counted returns what a counter of the first node says.
func (w *world) counted(name string) int {
	w.t.Helper()
	families, err := w.srv.metrics.registry.Gather()
	require.NoError(w.t, err)
	for _, f := range families {
		if f.GetName() == name {
			return int(f.GetMetric()[0].GetCounter().GetValue())
		}
	}
	w.t.Fatal("no counter " + name)
	return 0
}

// inProcess is a replica with members whose links nobody writes out.
func inProcess(members int) (*replica, func()) {
	r := &replica{members: map[*membership]struct{}{}}
	r.key.Room = "r"
	var links []*link
	for i := range members {
		l := &link{out: make(chan []byte, signaling.MaxQueue), quit: make(chan struct{})}
		s := &session{}
		s.link.Store(l)
		links = append(links, l)
		r.members[&membership{replica: r, session: s, active: true, user: signaling.UserInfo{UserID: signaling.UserID(fmt.Sprint(i))}}] = struct{}{}
	}
	return r, func() {
		for _, l := range links {
			for len(l.out) > 0 {
				<-l.out
			}
		}
	}
}

// What a member costs in the fan-out is a place in a queue.
func TestSpreadAllocatesNothingForAMember(t *testing.T) {
	if race.Enabled {
		t.Skip("the race detector allocates")
	}
	cost := func(members int) float64 {
		r, drain := inProcess(members)
		said := home.Said{Barrage: signaling.Barrage{MessageID: "m", Sender: signaling.UserInfo{UserID: "sender"}}}
		b := []byte("{}")
		return testing.AllocsPerRun(2000, func() {
			said.Barrage.Sequence++
			said.Barrage.MessageID = string(rune(said.Barrage.Sequence))
			if sent, _ := r.spread(&said, b); sent != members {
				t.Errorf("%d of %d members", sent, members)
			}
			drain()
		})
	}
	require.Equal(t, cost(1), cost(100))
}

func BenchmarkSpread(b *testing.B) {
	const members = 1000
	r, drain := inProcess(members)
	said := home.Said{Barrage: signaling.Barrage{Sender: signaling.UserInfo{UserID: "sender"}, Text: strings.Repeat("x", 80)}}
	b.ReportAllocs()
	for b.Loop() {
		said.Barrage.Sequence++
		said.Barrage.MessageID = fmt.Sprint(said.Barrage.Sequence)
		data, err := signaling.EncodeNotification(signaling.NotifyBarrage, signaling.BarrageReceived{RoomID: "r", Barrage: said.Barrage})
		require.NoError(b, err)
		if sent, _ := r.spread(&said, data); sent != members {
			b.Fatal("not all")
		}
		b.StopTimer()
		drain()
		b.StartTimer()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/members, "ns/member")
}
