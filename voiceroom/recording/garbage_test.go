//go:build cgo

package recording_test

import (
	"context"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/audio"
	"github.com/openvoiceroom/openvoiceroom/audio/opus"
	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/internal/hearing"
	"github.com/openvoiceroom/openvoiceroom/voiceroom/recording"
	"github.com/openvoiceroom/openvoiceroom/voiceroom/voiceroomtest"
)

// garbage is a microphone of packets that are no Opus, or hardly.
type garbage struct {
	*audio.PCMSource // for its pace
	rng              *rand.Rand
	frame            audio.Frame
}

func (g *garbage) ReadPacket(ctx context.Context, dst []byte) (int, uint8, error) {
	if err := g.ReadFrame(ctx, g.frame); err != nil {
		return 0, 0, err
	}
	n := 1 + g.rng.IntN(300)
	for i := range n {
		dst[i] = byte(g.rng.Uint32())
	}
	if g.rng.IntN(2) == 0 {
		dst[0] = 0x78 // says that it has 20 ms
	}
	return n, 20, nil
}

// A member whose packets are garbage disturbs neither those who listen nor a recording.
func TestGarbage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.NewServer(t)
		mic := audio.NewPCMSource(hostSays, audio.PCMOptions{})
		bad := &garbage{audio.NewSilenceSource(), rand.New(rand.NewPCG(1, 3)), audio.NewFrame(1)}
		host := login(t, srv, "host", func(c *engine.Config) { c.Microphone = mic })
		guest := login(t, srv, "guest", func(c *engine.Config) { c.Microphone = bad })
		bot := login(t, srv, "bot", func(c *engine.Config) { c.Speaker = audio.NewNullSink(1) })
		_, err := host.StartVoiceRoom(t.Context(), engine.RoomInfo{RoomID: "room", SeatMode: engine.FreeToTake})
		require.NoError(t, err)
		_, err = guest.JoinVoiceRoom(t.Context(), "room")
		require.NoError(t, err)
		_, err = bot.JoinVoiceRoom(t.Context(), "room")
		require.NoError(t, err)
		require.NoError(t, bot.Room().Connected(t.Context()))
		require.NoError(t, guest.Room().Connected(t.Context()))
		require.NoError(t, host.Room().Connected(t.Context()))
		_, err = guest.TakeSeat(t.Context(), 1, 0)
		require.NoError(t, err)
		require.NoError(t, guest.StartMicrophone(t.Context()))
		p := party{dir: filepath.Join(t.TempDir(), "recording")}
		rec, err := recording.Start(bot, recording.Options{Dir: p.dir, Codec: opus.Codec})
		require.NoError(t, err)
		begun := time.Now()
		stream, stop, err := bot.Room().Listen("host", 20*time.Second)
		require.NoError(t, err)
		require.NoError(t, stream.Start(t.Context()))
		time.Sleep(time.Second) // virtual
		require.NoError(t, host.StartMicrophone(t.Context()))
		time.Sleep(8 * time.Second)
		stop()
		require.NoError(t, rec.Stop())

		said := hostSays[:audio.SampleRate*6]
		report := hearing.Compare(said, p.heard(t, "seat-00.opus", begun, mic.Started()), hearing.Options{})
		require.True(t, report.OK, "recorded: %+v", report)
		var heard []int16
		for f := audio.NewFrame(1); stream.ReadFrame(t.Context(), f) == nil; {
			heard = append(heard, f...)
		}
		report = hearing.Compare(said, heard[mic.Started().Sub(begun)*audio.SampleRate/time.Second:], hearing.Options{})
		require.True(t, report.OK, "heard: %+v", report)
		stats, known := bot.Room().AudioStats("guest")
		require.True(t, known)
		require.Greater(t, stats.Received, uint64(400), "the garbage has come")
		for _, name := range []string{"seat-01.opus", "mix.opus"} {
			file, err := os.Open(filepath.Join(p.dir, name))
			require.NoError(t, err)
			ogg, err := audio.ReadOggOpus(file)
			require.NoError(t, err, name)
			require.InDelta(t, 9*audio.SampleRate, ogg.Samples, audio.SampleRate/5, name)
			require.NoError(t, file.Close())
		}
	})
}
