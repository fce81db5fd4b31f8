//go:build cgo

package recording_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/openvoiceroom/openvoiceroom/audio"
	"github.com/openvoiceroom/openvoiceroom/audio/opus"
	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/internal/hearing"
	"github.com/openvoiceroom/openvoiceroom/internal/speech"
	"github.com/openvoiceroom/openvoiceroom/seatgrid"
	"github.com/openvoiceroom/openvoiceroom/voiceroom"
	"github.com/openvoiceroom/openvoiceroom/voiceroom/recording"
	"github.com/openvoiceroom/openvoiceroom/voiceroom/voiceroomtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// hostSays and guestSays are half a minute each.
var hostSays, guestSays = long(speech.Host()), long(speech.Guest())

func long(s []int16) (all []int16) {
	for len(all) < 30*audio.SampleRate {
		all = append(all, s...)
	}
	return all
}

func login(t *testing.T, srv *voiceroomtest.Server, id engine.UserID, change func(*engine.Config)) *seatgrid.Grid {
	t.Helper()
	cfg := srv.EngineConfig(t, 0, id)
	cfg.Codec, cfg.Microphone, cfg.Speaker = opus.Codec, nil, nil
	if change != nil {
		change(&cfg)
	}
	eng, err := engine.Login(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = eng.Logout(ctx)
	})
	return seatgrid.New(eng)
}

// party is a host and a guest who say something, each on a seat, and a recorder in the audience.
type party struct {
	host, guest, bot *seatgrid.Grid
	hostMic          *audio.PCMSource
	guestMic         *audio.PCMSource
	dir              string
}

func newParty(t *testing.T, codec audio.Codec) party {
	t.Helper()
	srv := voiceroomtest.NewServer(t)
	p := party{dir: filepath.Join(t.TempDir(), "recording")}
	p.hostMic = audio.NewPCMSource(hostSays, audio.PCMOptions{})
	p.guestMic = audio.NewPCMSource(guestSays, audio.PCMOptions{})
	p.host = login(t, srv, "host", func(c *engine.Config) { c.Microphone = p.hostMic })
	p.guest = login(t, srv, "guest", func(c *engine.Config) { c.Microphone = p.guestMic })
	p.bot = login(t, srv, "bot", func(c *engine.Config) { c.Codec, c.Packets = codec, true })
	_, err := p.host.StartVoiceRoom(t.Context(), engine.RoomInfo{RoomID: "room", SeatMode: engine.FreeToTake})
	require.NoError(t, err)
	for _, g := range []*seatgrid.Grid{p.guest, p.bot} {
		_, err = g.JoinVoiceRoom(t.Context(), "room")
		require.NoError(t, err)
	}
	require.NoError(t, p.bot.Room().Connected(t.Context()))
	time.Sleep(time.Second) // virtual; entries are told a little later
	return p
}

// heard returns the samples of a file from the moment at which a microphone began, in mono.
func (p party) heard(t *testing.T, name string, begun, mic time.Time) []int16 {
	t.Helper()
	samples, err := audio.LoadFile(filepath.Join(p.dir, name), opus.Codec)
	require.NoError(t, err, name)
	from := int(mic.Sub(begun) * audio.SampleRate / time.Second)
	require.Less(t, from, len(samples), name)
	return samples[from:]
}

type line struct {
	At float64 `json:"at"`
	voiceroom.Event
}

func (p party) events(t *testing.T) (lines []line, types []string) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(p.dir, "events.jsonl"))
	require.NoError(t, err)
	for s := bufio.NewScanner(bytes.NewReader(data)); s.Scan(); {
		var l line
		require.NoError(t, json.Unmarshal(s.Bytes(), &l), s.Text())
		lines, types = append(lines, l), append(types, l.String())
	}
	return lines, types
}

// Each seat's track has what was said there at the time when it was said, and the mix has all of it.
func TestRecording(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newParty(t, opus.Codec)
		rec, err := recording.Start(p.bot, recording.Options{Dir: p.dir, Codec: opus.Codec})
		require.NoError(t, err)
		begun := time.Now()
		time.Sleep(3 * time.Second) // virtual
		require.NoError(t, p.host.StartMicrophone(t.Context()))
		time.Sleep(5 * time.Second)
		_, err = p.guest.TakeSeat(t.Context(), 4, 0)
		require.NoError(t, err)
		require.NoError(t, p.guest.StartMicrophone(t.Context()))
		time.Sleep(6 * time.Second)
		require.NoError(t, p.guest.MoveToSeat(t.Context(), 2))
		time.Sleep(6 * time.Second)
		require.NoError(t, p.host.LockSeat(t.Context(), 9, seatgrid.SeatLockParams{LockSeat: true}))
		require.NoError(t, p.guest.LeaveSeat(t.Context()))
		time.Sleep(time.Second)
		require.NoError(t, rec.Stop())
		require.NoError(t, rec.Stop())
		require.InDelta(t, 21*time.Second, rec.Duration(), float64(40*time.Millisecond))

		// hearing.Compare says how much later than said it is heard: packets are placed when they come.
		said := hostSays[:audio.SampleRate*17]
		host := p.heard(t, "seat-00.opus", begun, p.hostMic.Started())
		report := hearing.Compare(said, host, hearing.Options{})
		require.True(t, report.OK, "%+v", report)
		guest := p.heard(t, "seat-04.opus", begun, p.guestMic.Started())
		report = hearing.Compare(guestSays[:audio.SampleRate*5], guest, hearing.Options{})
		require.True(t, report.OK, "%+v", report)
		silent, _ := hearing.Silent(guest[audio.SampleRate*65/10:])
		require.True(t, silent, "after the move, seat 4 is silent")
		moved := p.heard(t, "seat-02.opus", begun, p.guestMic.Started())
		silent, _ = hearing.Silent(moved[:audio.SampleRate*55/10])
		require.True(t, silent, "before the move, seat 2 was silent")
		report = hearing.Compare(guestSays[audio.SampleRate*7:audio.SampleRate*11], moved[audio.SampleRate*7:], hearing.Options{})
		require.True(t, report.OK, "%+v", report)

		mix := p.heard(t, "mix.opus", begun, p.hostMic.Started())
		report = hearing.Compare(said[:audio.SampleRate*5], mix, hearing.Options{})
		require.True(t, report.OK, "the host alone: %+v", report)
		both := append([]int16(nil), said...)
		later := int(p.guestMic.Started().Sub(p.hostMic.Started()) * audio.SampleRate / time.Second)
		for i := later; i < len(both) && i-later < len(guestSays); i++ {
			both[i] += guestSays[i-later]
		}
		report = hearing.Compare(both, mix, hearing.Options{})
		require.True(t, report.OK, "both: %+v", report)

		lines, types := p.events(t)
		require.Equal(t, []string{
			"recordingBegun room", "seated host seat 0", "audioOn host", "seated guest seat 4", "audioOn guest",
			"unseated guest seat 4", "seated guest seat 2", "seatLocked seat 9", "audioOff guest", "unseated guest seat 2",
			"recordingOver",
		}, types)
		for i, want := range []float64{0, 0, 3, 8, 8, 14, 14, 20, 20, 20, 21} {
			require.InDelta(t, want, lines[i].At, 0.3, types[i])
		}
	})
}

// Without a codec there are tracks and no mix. What is in the folder at any moment can be played.
func TestWhatIsWrittenCanBePlayed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newParty(t, nil)
		rec, err := recording.Start(p.bot, recording.Options{Dir: p.dir})
		require.NoError(t, err)
		begun := time.Now()
		require.NoError(t, p.host.StartMicrophone(t.Context()))
		for second := 2; second < 9; second++ {
			time.Sleep(time.Until(begun.Add(time.Duration(second) * time.Second)))
			host := p.heard(t, "seat-00.opus", begun, p.hostMic.Started())
			length := float64(len(host)) / audio.SampleRate
			require.Greater(t, length, float64(second)-1.5, "of a program that is killed now, this is there")
			p.events(t)
		}
		data, err := os.ReadFile(filepath.Join(p.dir, "seat-00.opus"))
		require.NoError(t, err)
		for cut := len(data) - 400; cut < len(data); cut += 7 { // in the middle of a page
			ogg, err := audio.ReadOggOpus(bytes.NewReader(data[:cut]))
			require.NoError(t, err)
			require.Greater(t, ogg.Samples, 6*audio.SampleRate)
		}
		_, err = p.host.StopVoiceRoom(t.Context())
		require.NoError(t, err)
		<-rec.Done()
		require.NoError(t, rec.Err())
		_, types := p.events(t)
		require.Equal(t, []string{"dismissed", "recordingOver"}, types[len(types)-2:])
		_, err = os.Stat(filepath.Join(p.dir, "mix.opus"))
		require.ErrorIs(t, err, fs.ErrNotExist)
	})
}

func TestRefusals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newParty(t, nil)
		_, err := recording.Start(p.bot, recording.Options{})
		require.ErrorIs(t, err, engine.ErrInvalidParameter)
		_, err = recording.Start(p.bot, recording.Options{Dir: p.dir, Codec: audio.MuLaw})
		require.ErrorIs(t, err, audio.ErrChannels, "the mix is stereo")
		again, err := recording.Start(p.bot, recording.Options{Dir: p.dir})
		require.NoError(t, err, "what could not begin is not in the way")
		require.NoError(t, again.Stop())
		require.NoError(t, os.RemoveAll(p.dir))
		require.NoError(t, os.MkdirAll(p.dir, 0o777))
		require.NoError(t, os.WriteFile(filepath.Join(p.dir, "events.jsonl"), []byte("{}\n"), 0o666))
		_, err = recording.Start(p.bot, recording.Options{Dir: p.dir})
		require.ErrorIs(t, err, fs.ErrExist)
		kept, err := os.ReadFile(filepath.Join(p.dir, "events.jsonl"))
		require.NoError(t, err)
		require.Equal(t, "{}\n", string(kept), "a recording is not written over")
		require.NoError(t, p.bot.LeaveVoiceRoom(t.Context()))
		_, err = recording.Start(p.bot, recording.Options{Dir: t.TempDir()})
		require.ErrorIs(t, err, engine.ErrNotInRoom)

		srv := voiceroomtest.NewServer(t)
		deaf := login(t, srv, "deaf", func(c *engine.Config) { c.Codec = nil })
		_, err = deaf.StartVoiceRoom(t.Context(), engine.RoomInfo{RoomID: "other"})
		require.NoError(t, err)
		_, err = recording.Start(deaf, recording.Options{Dir: t.TempDir()})
		require.ErrorContains(t, err, "Config.Packets")
	})
}
