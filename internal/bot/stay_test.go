package bot_test

import (
	"io"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/audio"
	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/internal/bot"
	"github.com/openvoiceroom/openvoiceroom/seatgrid"
	"github.com/openvoiceroom/openvoiceroom/voiceroom"
	"github.com/openvoiceroom/openvoiceroom/voiceroom/voiceroomtest"
)

// However it ends, the bot says why, and whether that is how somebody wanted it.
func TestEnds(t *testing.T) {
	music := wav(t, "music.wav", make([]int16, 20*audio.SampleRate))
	plays := bot.Config{Play: []string{music}}
	watches := bot.Config{}
	for name, c := range map[string]struct {
		cfg    bot.Config
		mode   engine.SeatMode
		do     func(t *testing.T, srv *voiceroomtest.Server, h *voiceroomtest.User, b *stay)
		failed bool
		text   string
	}{
		"from outside": {watches, engine.FreeToTake, func(t *testing.T, _ *voiceroomtest.Server, _ *voiceroomtest.User, b *stay) {
			b.cancel()
		}, false, "Ended from outside."},
		"from outside, waiting for an answer": {plays, engine.ApplyToTake, func(t *testing.T, _ *voiceroomtest.Server, h *voiceroomtest.User, b *stay) {
			require.Len(t, h.PendingRequests(), 1)
			b.cancel()
			time.Sleep(time.Second) // virtual
			require.Empty(t, h.PendingRequests())
		}, false, "Ended from outside."},
		"the room's end": {plays, engine.FreeToTake, func(t *testing.T, _ *voiceroomtest.Server, h *voiceroomtest.User, _ *stay) {
			_, err := h.StopVoiceRoom(t.Context())
			require.NoError(t, err)
		}, false, "The room's owner has ended the room."},
		"taken out": {watches, engine.FreeToTake, func(t *testing.T, _ *voiceroomtest.Server, h *voiceroomtest.User, _ *stay) {
			require.NoError(t, h.Room().Members().KickRemoteUserOutOfRoom(t.Context(), "bot"))
		}, true, "The bot has been taken out of the room."},
		"rejected": {plays, engine.ApplyToTake, func(t *testing.T, _ *voiceroomtest.Server, h *voiceroomtest.User, _ *stay) {
			require.NoError(t, h.ResponseRemoteRequest(t.Context(), "bot", false))
		}, true, "The application for a seat was rejected by host."},
		"taken off the seat": {plays, engine.ApplyToTake, func(t *testing.T, _ *voiceroomtest.Server, h *voiceroomtest.User, _ *stay) {
			require.NoError(t, h.ResponseRemoteRequest(t.Context(), "bot", true))
			time.Sleep(time.Second) // virtual
			require.NoError(t, h.KickUserOffSeatByAdmin(t.Context(), "bot"))
		}, true, "Without a seat there is nothing to do."},
		"no seat": {bot.Config{Play: []string{music}, Seat: 1}, engine.FreeToTake, nil, true, "There is no seat to speak from."},
		"logged in elsewhere": {watches, engine.FreeToTake, func(t *testing.T, srv *voiceroomtest.Server, _ *voiceroomtest.User, _ *stay) {
			srv.NewUser(t, "bot")
		}, true, "The bot's user has logged in somewhere else: "},
		"the server": {watches, engine.FreeToTake, func(t *testing.T, srv *voiceroomtest.Server, h *voiceroomtest.User, _ *stay) {
			srv.StopNode(t, 0)
			time.Sleep(3 * time.Minute) // virtual; it gives up after 90 s
		}, true, "The connection to the server did not come back."},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := voiceroomtest.NewServer(t)
				h := host(t, srv, c.mode)
				b := run(t, srv, "bot", c.cfg)
				time.Sleep(2 * time.Second) // virtual
				if c.do != nil {
					c.do(t, srv, h, b)
				}
				end := b.wait()
				require.Equal(t, c.failed, end.Failed, "%+v", end)
				require.Contains(t, end.Text, c.text)
				last := b.events()
				require.Equal(t, bot.EventOver, last[len(last)-1].Type)
				require.True(t, b.lines.closed)
			})
		})
	}
}

// Who silences the bot's seat silences the bot, and who lifts that hears it again.
func TestASilencedBotComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.NewServer(t)
		h := host(t, srv, engine.FreeToTake)
		b := run(t, srv, "bot", bot.Config{Play: []string{wav(t, "a.wav", tone(t, 500, 20*time.Second))}, Seat: 2})
		hums := func() bool {
			time.Sleep(time.Second) // virtual
			samples := h.Speaker.Samples()
			return loud(samples[len(samples)-audio.SampleRate/4:], 500)
		}
		require.True(t, hums())
		require.NoError(t, h.LockSeat(t.Context(), 1, seatgrid.SeatLockParams{LockAudio: true, LockFlag: engine.LockFlagAudio}))
		require.False(t, hums())
		require.NoError(t, h.LockSeat(t.Context(), 1, seatgrid.SeatLockParams{LockFlag: engine.LockFlagAudio}))
		require.True(t, hums())
		require.NoError(t, h.Room().Members().MoveUserToSeatByAdmin(t.Context(), "bot", 3, engine.AbortWhenOccupied))
		require.True(t, hums(), "on another seat, too")
		require.Contains(t, b.said(), "silenced")
		b.wait()
	})
}

// The connection breaks and comes back, and that is told.
func TestComesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.NewServer(t)
		h := host(t, srv, engine.FreeToTake)
		b := run(t, srv, "bot", bot.Config{Play: []string{wav(t, "a.wav", tone(t, 500, 10*time.Second))}})
		time.Sleep(3 * time.Second) // virtual
		b.mu.Lock()
		b.conn.Close()
		b.mu.Unlock()
		require.False(t, b.wait().Failed)
		require.Contains(t, b.said(), "The connection is lost")
		require.Contains(t, b.said(), "The connection is back.")
		var own []voiceroom.EventType
		for _, e := range b.events() {
			if e.Type == bot.EventReconnecting || e.Type == bot.EventReconnected {
				own = append(own, e.Type)
			}
		}
		require.Equal(t, []voiceroom.EventType{bot.EventReconnecting, bot.EventReconnected}, own)
		samples := heard(t, h.Speaker, b.at("audioOn bot").Add(time.Second))
		require.True(t, loud(samples[8*audio.SampleRate:][:audio.SampleRate/4], 500), "it was heard to the end")
	})
}

// A bot that has opened a room lets people onto the seats, and ends the room.
func TestHosts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.NewServer(t)
		b := run(t, srv, "bot", bot.Config{Create: true, Accept: true, Room: seatgrid.RoomInfo{RoomID: "room", Name: "Evening", MaxSeatCount: 1}})
		time.Sleep(time.Second) // virtual
		first := srv.NewUser(t, "first")
		first.Join(t, "room")
		require.Equal(t, "Evening", first.RoomInfo().Name)
		require.Equal(t, -1, seatOf(first.Grid, "bot"), "who says nothing needs no seat")
		res, err := first.TakeSeat(t.Context(), 0, time.Minute)
		require.NoError(t, err)
		require.Equal(t, seatgrid.Accepted, res.Type)
		b.cancel()
		require.False(t, b.wait().Failed)
		_, err = srv.NewUser(t, "late").JoinVoiceRoom(t.Context(), "room")
		require.ErrorIs(t, err, engine.ErrRoomNotExist)
	})
}

// A bot that becomes an administrator answers who is waiting already; one that becomes the owner leaves the room as it is.
func TestIsGivenPower(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.NewServer(t)
		h := host(t, srv, engine.ApplyToTake)
		b := run(t, srv, "bot", bot.Config{Accept: true})
		waiting := map[engine.UserID]chan seatgrid.RequestResult{}
		guests := map[engine.UserID]*voiceroomtest.User{}
		for _, id := range []engine.UserID{"first", "second"} {
			guest, end := srv.NewUser(t, id), make(chan seatgrid.RequestResult, 1)
			guests[id], waiting[id] = guest, end
			guest.Join(t, "room")
			go func() {
				res, _ := guest.TakeSeat(t.Context(), 2, time.Minute)
				end <- res
			}()
			time.Sleep(time.Second) // virtual
		}
		require.Contains(t, b.said(), "neither the room's owner nor an administrator")
		require.NoError(t, h.Room().Members().ChangeUserRole(t.Context(), "bot", engine.Administrator))
		require.Equal(t, seatgrid.Accepted, (<-waiting["first"]).Type)
		time.Sleep(time.Second)
		require.Contains(t, b.said(), "second has to wait for a seat")
		require.NoError(t, guests["first"].LeaveSeat(t.Context()))
		require.Equal(t, seatgrid.Accepted, (<-waiting["second"]).Type, "when the seat is free again")
		require.NoError(t, h.Room().Members().ChangeUserRole(t.Context(), "bot", engine.RoomOwner))
		b.cancel()
		require.False(t, b.wait().Failed)
		time.Sleep(time.Second)
		require.Equal(t, engine.UserID("bot"), guests["first"].RoomInfo().OwnerID)
		require.Equal(t, 2, seatOf(guests["first"].Grid, "second"))
	})
}

// hang is a reader of what a bot writes that has fallen asleep.
type hang struct {
	awake chan struct{}
}

func (h hang) Write([]byte) (int, error) { <-h.awake; return 0, io.ErrClosedPipe }
func (h hang) Close() error              { close(h.awake); return nil }

// gone is one that has left.
type gone struct{}

func (gone) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }
func (gone) Close() error              { return nil }

func TestReadersThatDoNotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.NewServer(t)
		host(t, srv, engine.FreeToTake)
		asleep := run(t, srv, "asleep", bot.Config{
			Hear: []bot.Ear{{User: "host", Out: hang{make(chan struct{})}}}, Events: hang{make(chan struct{})}, For: 20 * time.Second,
		})
		began := time.Now()
		require.Equal(t, bot.Outcome{Text: "The 20s are over."}, asleep.wait())
		require.Less(t, time.Since(began), 25*time.Second)
		require.Contains(t, asleep.said(), "of what host says are missing")
		left := run(t, srv, "left", bot.Config{Hear: []bot.Ear{{User: "host", Out: gone{}}}})
		require.Equal(t, bot.Outcome{Text: "Nobody reads what host says any more."}, left.wait())
	})
}

func TestRefuses(t *testing.T) {
	long := wav(t, "long.wav", make([]int16, 61*audio.SampleRate))
	good := wav(t, "good.wav", make([]int16, audio.SampleRate))
	packets := opusFile(t, "packets.opus", 'p', 10)
	for name, c := range map[string]struct {
		cfg   bot.Config
		codec audio.Codec
		says  string
	}{
		"no file":                  {bot.Config{Play: []string{filepath.Join(t.TempDir(), "none.wav")}}, audio.MuLaw, "none.wav"},
		"no sound":                 {bot.Config{Play: []string{good, opusFile(t, "empty.opus", 'x', 0)}}, audio.MuLaw, "empty.opus"},
		"no such event":            {bot.Config{Announce: map[voiceroom.EventType]string{"sneezed": good}}, audio.MuLaw, "sneezed"},
		"an endless announcement":  {bot.Config{Announce: map[voiceroom.EventType]string{voiceroom.EventLeft: long}}, audio.MuLaw, "1m0s"},
		"nothing again and again":  {bot.Config{Loop: true}, audio.MuLaw, "nothing to play"},
		"seat -2":                  {bot.Config{Seat: -2}, audio.MuLaw, "seat -2"},
		"less than no time":        {bot.Config{For: -1}, audio.MuLaw, "time"},
		"WAV without a codec":      {bot.Config{Play: []string{packets, good}}, nil, "-frame_duration 20"},
		"raw sound without one":    {bot.Config{Say: pcm{nil, 1}}, nil, "build it with cgo"},
		"hearing without one":      {bot.Config{Hear: []bot.Ear{{User: "host", Out: gone{}}}}, nil, "recording works without"},
		"a file where raw is said": {bot.Config{Say: pcm{riff{}, 100}}, audio.MuLaw, "header"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := voiceroomtest.NewServer(t)
				host(t, srv, engine.FreeToTake)
				b := runWith(t, srv, "bot", c.codec, c.cfg)
				b.wg.Wait()
				err := b.err
				if err == nil {
					require.True(t, b.end.Failed)
					err = b.end.Err
				}
				require.ErrorContains(t, err, c.says)
			})
		})
	}
}

// riff is a WAV file that somebody says as if it were raw.
type riff struct{}

func (riff) Read(b []byte) (int, error) { return copy(b, "RIFF....WAVEfmt "), nil }
