package sfu_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/internal/sfu"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

func users(u ...signaling.UserID) []signaling.UserID { return u }

// requireUnbroken checks what every receiver may rely on: numbers never go back.
func requireUnbroken(t *testing.T, rs []received) {
	t.Helper()
	for i := 1; i < len(rs); i++ {
		require.Positive(t, int16(rs[i].seq-rs[i-1].seq), "packet %d", i)
		require.Positive(t, int32(rs[i].ts-rs[i-1].ts), "packet %d", i)
	}
}

func TestMinuteOfCall(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		room := w.sfu.NewRoom(sfu.RoomConfig{})
		room.SetSpeakers(users("anna", "bert"))
		anna, bert := w.join(room, "anna", 10), w.join(room, "bert", 10)
		talk(t, time.Minute, map[*client]*voice{anna: {talker: 'a', level: 30}, bert: {talker: 'b', level: 40}})
		synctest.Wait()
		for _, c := range []struct {
			*client
			talker byte
			level  uint8
		}{{anna, 'b', 40}, {bert, 'a', 30}} {
			rs := c.received(0)
			require.Len(t, rs, 3000, "every packet")
			assert.Equal(t, 3000, c.total(), "and nothing on other slots: nobody hears themselves")
			requireUnbroken(t, rs)
			for i, r := range rs {
				require.Equal(t, c.talker, r.talker)
				require.Equal(t, uint32(i), r.counter)
				require.Equal(t, c.level, r.level)
				require.Equal(t, rs[0].ts+uint32(i)*960, r.ts)
				require.Equal(t, i == 0, r.marker, "marker of packet %d", i)
			}
		}
		st := w.sfu.Stats()
		assert.Equal(t, uint64(6000), st.In)
		assert.Equal(t, uint64(6000), st.Out)
		assert.Equal(t, sfu.Drops{}, st.Dropped)
		assert.Equal(t, 2, st.Peers)
		assert.Equal(t, int32(12+8+80+16), w.nat.rtpSize.Load(), "header, level, frame and the tag of AES-GCM; CM has 10")
		assert.Equal(t, "connected", anna.server.Stats().State)
		anna.close(t)
		bert.close(t)
		assert.Zero(t, w.sfu.Stats().Peers)
	})
}

func TestLoss(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		room := w.sfu.NewRoom(sfu.RoomConfig{})
		room.SetSpeakers(users("anna"))
		anna, bert := w.join(room, "anna", 10), w.join(room, "bert", 10)
		w.lossy.Store(5)
		talk(t, time.Minute, map[*client]*voice{anna: {talker: 'a'}})
		w.lossy.Store(0)
		synctest.Wait()
		rs := bert.received(0)
		// Of the two links with 5 % each the first is repaired by copies, so that 95 % of 3,000 are left.
		assert.InDelta(t, 2830, len(rs), 60)
		requireUnbroken(t, rs)
		// Holes are seen as holes, or the receiver could not conceal them.
		for i, r := range rs {
			require.Equal(t, r.counter-rs[0].counter, uint32(r.seq-rs[0].seq), "packet %d", i)
		}
		anna.close(t)
		bert.close(t)
	})
}

func TestAddressChange(t *testing.T) {
	for _, tc := range []struct {
		name  string
		moves string
	}{{"the listener's", "bert"}, {"the speaker's", "anna"}} {
		t.Run(tc.name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				room := w.sfu.NewRoom(sfu.RoomConfig{})
				room.SetSpeakers(users("anna", "bert"))
				anna, bert := w.join(room, "anna", 4), w.join(room, "bert", 4)
				voices := map[*client]*voice{anna: {talker: 'a'}, bert: {talker: 'b'}}
				talk(t, 5*time.Second, voices)
				mover := map[string]*client{"anna": anna, "bert": bert}[tc.moves]
				w.nat.rebind(mover.ip)
				talk(t, 5*time.Second, voices)
				anna.forget()
				bert.forget()
				talk(t, 5*time.Second, voices)
				synctest.Wait()
				assert.Equal(t, 250, anna.total(), "anna hears bert again")
				assert.Equal(t, 250, bert.total(), "bert hears anna again")
				anna.close(t)
				bert.close(t)
			})
		})
	}
}

func TestRestart(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		room := w.sfu.NewRoom(sfu.RoomConfig{})
		room.SetSpeakers(users("anna", "bert"))
		anna, bert := w.join(room, "anna", 4), w.join(room, "bert", 4)
		voices := map[*client]*voice{anna: {talker: 'a'}, bert: {talker: 'b'}}
		talk(t, 2*time.Second, voices)
		mids := bert.rtc.MIDs()
		bert.restart(t)
		talk(t, 2*time.Second, voices)
		synctest.Wait()
		rs := bert.received(0)
		requireUnbroken(t, rs)
		assert.Greater(t, len(rs), 180)
		assert.Less(t, time.Since(rs[len(rs)-1].at), 50*time.Millisecond)
		assert.Equal(t, mids, bert.rtc.MIDs())
		anna.close(t)
		bert.close(t)
	})
}

func TestRestartAfterFailure(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		room := w.sfu.NewRoom(sfu.RoomConfig{})
		room.SetSpeakers(users("anna"))
		anna, bert := w.join(room, "anna", 4), w.join(room, "bert", 4)
		w.lossy.Store(100)
		time.Sleep(time.Minute)
		require.Equal(t, "failed", bert.server.Stats().State, "kept")
		w.lossy.Store(0)
		anna.restart(t)
		bert.restart(t)
		time.Sleep(time.Second)
		require.Equal(t, "connected", bert.server.Stats().State)
		v := &voice{talker: 'a'}
		talk(t, 2*time.Second, map[*client]*voice{anna: v})
		synctest.Wait()
		assert.Equal(t, 100, bert.total())
		anna.close(t)
		bert.close(t)
	})
}

func TestOccupantChanges(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		room := w.sfu.NewRoom(sfu.RoomConfig{})
		anna, bert, carl := w.join(room, "anna", 1), w.join(room, "bert", 1), w.join(room, "carl", 1)
		a, b := &voice{talker: 'a'}, &voice{talker: 'b'}
		voices := map[*client]*voice{anna: a, bert: b}
		want := 0
		for range 8 {
			for _, u := range []signaling.UserID{"anna", "bert"} {
				room.SetSpeakers(users(u))
				synctest.Wait()
				talk(t, 400*time.Millisecond, voices)
				synctest.Wait()
				want += 20
			}
		}
		rs := carl.received(0)
		require.Len(t, rs, want, "every packet of whoever is a speaker, nothing of the other")
		for i := 1; i < len(rs); i++ {
			require.Equal(t, rs[i-1].seq+1, rs[i].seq, "numbers continue")
			require.Equal(t, rs[i-1].ts+960, rs[i].ts, "timestamps continue by the clock")
			require.Equal(t, rs[i].talker != rs[i-1].talker, rs[i].marker, "marker")
		}
		told := carl.told()
		require.Len(t, told, 16)
		for i, s := range told {
			require.Len(t, s, 1)
			require.Equal(t, users("anna", "bert")[i%2], s[0].User)
			require.Equal(t, 0, carl.rtc.MIDs()[s[0].MID])
		}
		for _, c := range []*client{anna, bert, carl} {
			c.close(t)
		}
	})
}

func TestSilenceThenAnother(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		room := w.sfu.NewRoom(sfu.RoomConfig{})
		anna, bert, carl := w.join(room, "anna", 1), w.join(room, "bert", 1), w.join(room, "carl", 1)
		room.SetSpeakers(users("anna"))
		talk(t, 200*time.Millisecond, map[*client]*voice{anna: {talker: 'a'}})
		room.SetSpeakers(nil)
		time.Sleep(3 * time.Second)
		room.SetSpeakers(users("bert"))
		talk(t, 200*time.Millisecond, map[*client]*voice{bert: {talker: 'b'}})
		synctest.Wait()
		rs := carl.received(0)
		require.Len(t, rs, 20)
		assert.Equal(t, rs[9].seq+1, rs[10].seq)
		assert.Equal(t, uint32(3020*48), rs[10].ts-rs[9].ts, "the hole is as long as it was")
		for _, c := range []*client{anna, bert, carl} {
			c.close(t)
		}
	})
}

func TestNotPermitted(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		room := w.sfu.NewRoom(sfu.RoomConfig{})
		room.SetSpeakers(users("anna"))
		anna, bert, carl := w.join(room, "anna", 4), w.join(room, "bert", 4), w.join(room, "carl", 4)
		talk(t, time.Second, map[*client]*voice{bert: {talker: 'b'}})
		synctest.Wait()
		assert.Zero(t, carl.total())
		assert.Zero(t, anna.total())
		assert.Equal(t, uint64(50), w.sfu.Stats().Dropped.NotSpeaker)
		room.SetSpeakers(users("anna", "bert"))
		talk(t, time.Second, map[*client]*voice{bert: {talker: 'b'}})
		synctest.Wait()
		assert.Equal(t, 50, carl.total())
		for _, c := range []*client{anna, bert, carl} {
			c.close(t)
		}
	})
}

func TestLouderOneGetsTheSlot(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		room := w.sfu.NewRoom(sfu.RoomConfig{})
		room.SetSpeakers(users("anna", "bert"))
		anna, bert, carl := w.join(room, "anna", 2), w.join(room, "bert", 2), w.join(room, "carl", 1)
		require.Equal(t, signaling.UserID("anna"), carl.server.Slots()[0].User, "the first seat")
		a, b := &voice{talker: 'a', level: 40}, &voice{talker: 'b', level: 20}
		talk(t, 2*time.Second, map[*client]*voice{anna: a, bert: b})
		require.Equal(t, signaling.UserID("bert"), carl.server.Slots()[0].User, "20 dB louder")
		requireUnbroken(t, carl.received(0))
		a.level = 16
		talk(t, 2*time.Second, map[*client]*voice{anna: a, bert: b})
		require.Equal(t, signaling.UserID("bert"), carl.server.Slots()[0].User, "4 dB are not enough")
		require.Len(t, carl.told(), 1)
		for _, c := range []*client{anna, bert, carl} {
			c.close(t)
		}
	})
}

func TestFloodIsCut(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		room := w.sfu.NewRoom(sfu.RoomConfig{})
		room.SetSpeakers(users("anna"))
		anna, bert := w.join(room, "anna", 1), w.join(room, "bert", 1)
		v := &voice{talker: 'a'}
		for range 2000 {
			v.speak(t, anna)
			time.Sleep(time.Millisecond)
		}
		time.Sleep(time.Second)
		require.NoError(t, anna.rtc.WriteAudio(make([]byte, 1201), 960, 0, false))
		synctest.Wait()
		assert.InDelta(t, 250, bert.total(), 5)
		assert.Greater(t, w.sfu.Stats().Dropped.TooMany, uint64(1700))
		assert.Equal(t, uint64(1), w.sfu.Stats().Dropped.TooLarge)
		anna.close(t)
		bert.close(t)
	})
}

func TestRejoinSupersedes(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		room := w.sfu.NewRoom(sfu.RoomConfig{})
		room.SetSpeakers(users("anna"))
		old, bert := w.join(room, "anna", 1), w.join(room, "bert", 1)
		again := w.join(room, "anna", 1)
		talk(t, time.Second, map[*client]*voice{old: {talker: 'o'}, again: {talker: 'n'}})
		synctest.Wait()
		rs := bert.received(0)
		require.Len(t, rs, 50)
		for _, r := range rs {
			require.Equal(t, byte('n'), r.talker)
		}
		old.close(t)
		talk(t, time.Second, map[*client]*voice{again: {talker: 'n'}})
		synctest.Wait()
		assert.Equal(t, 100, bert.total())
		again.close(t)
		bert.close(t)
	})
}

func TestClientLeaves(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		room := w.sfu.NewRoom(sfu.RoomConfig{})
		anna := w.join(room, "anna", 1)
		require.NoError(t, anna.rtc.Close())
		require.NoError(t, anna.rtc.Close())
		time.Sleep(time.Second)
		require.Equal(t, "closed", anna.server.Stats().State)
		_, err := anna.server.Restart(t.Context(), anna.rtc.Offer())
		require.ErrorIs(t, err, sfu.ErrClosed)
		require.Equal(t, 1, w.sfu.Stats().Peers, "the room's owner closes it")
		require.NoError(t, anna.server.Close())
		require.NoError(t, anna.server.Close())
		room.Close()
		_, err = room.Join(t.Context(), "anna", anna.rtc.Offer(), nil)
		require.ErrorIs(t, err, sfu.ErrClosed)
	})
}
