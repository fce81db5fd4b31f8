package engine_test

import (
	"bytes"
	"io"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/audio"
	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/internal/hearing"
	"github.com/openvoiceroom/openvoiceroom/seatgrid"
	"github.com/openvoiceroom/openvoiceroom/voiceroom/voiceroomtest"
)

// duet is a room in which host and second both hum.
func duet(t *testing.T, srv *voiceroomtest.Server) (host, second *voiceroomtest.User) {
	t.Helper()
	host, second = srv.NewUser(t, "host"), srv.NewUser(t, "second")
	host.Start(t, "room")
	second.Join(t, "room")
	host.AnswerRequests(true)
	_, err := second.TakeSeat(t.Context(), 2, 0)
	require.NoError(t, err)
	require.NoError(t, second.StartMicrophone(t.Context()))
	return host, second
}

func read(t *testing.T, s *audio.Stream, frames int) []int16 {
	t.Helper()
	var all []int16
	f := audio.NewFrame(s.Channels())
	for range frames {
		require.NoError(t, s.ReadFrame(t.Context(), f))
		all = append(all, f...)
	}
	return all
}

// A stream has one user's voice and nobody else's, whatever the listener's volumes.
func TestListenToOneUser(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.NewServer(t)
		host, second := duet(t, srv)
		guest := srv.NewUser(t, "guest")
		guest.Join(t, "room")
		guest.Hears(t, host)
		guest.Hears(t, second)
		room := guest.Room()
		stream, stop, err := room.Listen("second", time.Second)
		require.NoError(t, err)
		nobody, stopNobody, err := room.Listen("nobody", time.Second)
		require.NoError(t, err)
		defer stopNobody()
		require.NoError(t, stream.Start(t.Context()))
		require.NoError(t, nobody.Start(t.Context()))
		room.MuteRemoteAudioStream("second", true)
		require.NoError(t, room.SetPlayoutVolume(0))
		begun := time.Now()
		heard := read(t, stream, 50)
		require.InDelta(t, time.Second, time.Since(begun), float64(40*time.Millisecond), "in its time")
		require.Greater(t, hearing.ToneLevel(heard, second.Tone()), -20.0)
		require.Less(t, hearing.ToneLevel(heard, host.Tone()), -60.0)
		silent, _ := hearing.Silent(read(t, nobody, 50))
		require.True(t, silent)

		// Silence is told too, so that a program keeps the time.
		require.NoError(t, second.MuteMicrophone(t.Context()))
		time.Sleep(300 * time.Millisecond) // virtual
		read(t, stream, 15)
		silent, _ = hearing.Silent(read(t, stream, 25))
		require.True(t, silent)

		stop()
		f := audio.NewFrame(1)
		for err = nil; err == nil; {
			err = stream.ReadFrame(t.Context(), f)
		}
		require.ErrorIs(t, err, io.EOF)
		require.NoError(t, guest.LeaveVoiceRoom(t.Context()))
		for err = nil; err == nil; {
			err = nobody.ReadFrame(t.Context(), f)
		}
		require.ErrorIs(t, err, io.EOF, "the room is over")
		late, _, err := room.Listen("second", 0)
		require.NoError(t, err)
		require.NoError(t, late.Start(t.Context()))
		require.ErrorIs(t, late.ReadFrame(t.Context(), f), io.EOF)
	})
}

func TestListenNeedsAPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.NewServer(t)
		srv.NewUser(t, "host").Start(t, "room")
		cfg := srv.EngineConfig(t, 0, "deaf")
		cfg.Speaker = nil
		eng, err := engine.Login(t.Context(), cfg)
		require.NoError(t, err)
		logout(t, eng)
		room, err := eng.Enter(t.Context(), "room", nil)
		require.NoError(t, err)
		_, _, err = room.Listen("host", time.Second)
		require.ErrorIs(t, err, engine.ErrInvalidParameter)
		require.ErrorContains(t, err, "NewNullSink")
	})
}

// collected is what a tap was shown of each user.
type collected struct {
	mu      sync.Mutex
	packets map[engine.UserID][]engine.Packet
}

func (c *collected) tap(p engine.Packet) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p.Payload = slices.Clone(p.Payload)
	c.packets[p.User] = append(c.packets[p.User], p)
}

func (c *collected) of(u engine.UserID) []engine.Packet {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.packets[u]
}

// A bot without a codec plays an Ogg Opus file as it is and sees the packets of everybody, its own included.
func TestPacketsWithoutACodec(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.NewServer(t)
		host, _ := duet(t, srv)
		var file bytes.Buffer
		w, err := audio.NewOggWriter(&file, 1)
		require.NoError(t, err)
		said := make([][]byte, 50)
		for i := range said {
			said[i] = []byte{0x78, byte(i), 1, 2} // a frame of 20 ms, as far as a container looks
			require.NoError(t, w.WritePacket(said[i]))
		}
		require.NoError(t, w.Close())
		voice, err := audio.NewOggSource(&file, audio.OggOptions{})
		require.NoError(t, err)
		cfg := srv.EngineConfig(t, 0, "bot")
		cfg.Codec, cfg.Speaker, cfg.Microphone = nil, nil, voice
		eng, err := engine.Login(t.Context(), cfg)
		require.NoError(t, err)
		logout(t, eng)
		grid := seatgrid.New(eng)
		_, err = grid.JoinVoiceRoom(t.Context(), "room")
		require.NoError(t, err)
		_, err = grid.TakeSeat(t.Context(), 3, 0)
		require.NoError(t, err)
		require.NoError(t, grid.Room().Connected(t.Context()))
		here, there := collected{packets: map[engine.UserID][]engine.Packet{}}, collected{packets: map[engine.UserID][]engine.Packet{}}
		remove := grid.Room().TapPackets(here.tap)
		defer host.Room().TapPackets(there.tap)()
		require.NoError(t, grid.StartMicrophone(t.Context()))
		_, err = grid.Room().Microphone().Effects()
		require.ErrorIs(t, err, engine.ErrInvalidParameter)
		time.Sleep(2 * time.Second) // virtual
		require.NotEqual(t, engine.MicOn, seatOf(grid, "bot").Mic, "a file that has ended is not heard any more")

		for name, got := range map[string][]engine.Packet{"sent": here.of("bot"), "received": there.of("bot")} {
			slices.SortStableFunc(got, func(a, b engine.Packet) int { return int(int32(a.Timestamp - b.Timestamp)) })
			got = slices.CompactFunc(got, func(a, b engine.Packet) bool { return a.Timestamp == b.Timestamp }) // copies
			got = got[len(got)-len(said):]                                                                     // before them are those that players skip
			for i, p := range got {
				require.Equal(t, said[i], p.Payload, "%s packet %d", name, i)
				require.Equal(t, got[0].Stream, p.Stream)
				require.Equal(t, got[0].Timestamp+uint32(i)*audio.FrameSamples, p.Timestamp)
			}
		}
		require.Greater(t, len(here.of("host")), 80)
		require.Greater(t, len(here.of("second")), 80)
		remove()
		n := len(here.of("host"))
		time.Sleep(time.Second)
		require.Len(t, here.of("host"), n, "nothing after the tap was removed")
	})
}

func seatOf(g *seatgrid.Grid, u engine.UserID) seatgrid.SeatInfo {
	for _, s := range g.Seats() {
		if s.UserID == u {
			return s
		}
	}
	return seatgrid.SeatInfo{}
}
