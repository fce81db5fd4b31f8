package main

import (
	"bytes"
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/examples/internal/stage/stagetest"
	"github.com/openvoiceroom/openvoiceroom/seatgrid"
	"github.com/openvoiceroom/openvoiceroom/voiceroom/voiceroomtest"
)

// The coins of the gifts that ship.
const (
	rose  = 1
	cake  = 66
	crown = 520
)

func give(t *testing.T, u *voiceroomtest.User, gift string, count int) {
	t.Helper()
	require.NoError(t, u.Room().Gifts().SendGift(t.Context(), gift, count, nil))
	synctest.Wait()
}

func top(t *testing.T, u *voiceroomtest.User) string {
	t.Helper()
	time.Sleep(sayEvery) // virtual
	_, err := u.Room().Chat().SendBarrage(t.Context(), "!top", nil)
	require.NoError(t, err)
	synctest.Wait()
	lines := stagetest.Lines(u.Room())
	return lines[len(lines)-1]
}

func TestLeaderboard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.NewServer(t)
		host := stagetest.Open(t, srv)
		ann, bob := srv.NewUser(t, "ann"), srv.NewUser(t, "bob")
		ann.Join(t, stagetest.Room)
		bob.Join(t, stagetest.Room)
		run := func() (stop func() error, out *bytes.Buffer, bot *seatgrid.Grid) {
			out = new(bytes.Buffer)
			bot = stagetest.Enter(t, srv, "bot", nil, nil)
			stop = stagetest.Start(t, func(ctx context.Context) error { return lead(ctx, bot, out) })
			synctest.Wait()
			return stop, out, bot
		}
		stop, _, bot := run()
		require.Equal(t, "bot: Nobody has given anything yet.", top(t, host))
		give(t, ann, "rose", 3)
		give(t, bob, "cake", 1)
		give(t, ann, "rose", 2)
		require.Equal(t, "bot: 1. bob, 66 coins; 2. ann, 5 coins", top(t, host))
		require.NoError(t, stop())
		lines := stagetest.Lines(host.Room())
		require.Equal(t, "bot: 1. bob, 66 coins; 2. ann, 5 coins", lines[len(lines)-1], "when it goes")
		require.NoError(t, bot.LeaveVoiceRoom(t.Context()))

		give(t, ann, "crown", 1) // while there is no bot
		stop, out, _ := run()
		require.Equal(t, "bot: 1. ann, 525 coins; 2. bob, 66 coins", top(t, host))
		give(t, host, "crown", 2)
		_, err := host.StopVoiceRoom(t.Context())
		require.NoError(t, err)
		synctest.Wait()
		require.ErrorIs(t, stop(), engine.ErrRoomNotExist)
		require.Equal(t, "1. host, 1040 coins; 2. ann, 525 coins; 3. bob, 66 coins\n", out.String())
		require.Equal(t, []int{525, 66, 1040}, []int{5*rose + crown, cake, 2 * crown})
	})
}

// Gifts that come while the board is being read are counted once, and of those that were missed the server knows.
func TestGiftsAreCountedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.NewServer(t)
		host := stagetest.Open(t, srv)
		give(t, host, "rose", 1)
		bot := stagetest.Enter(t, srv, "bot", nil, nil)
		b := &board{room: bot.Room()}
		require.NoError(t, b.read(t.Context()))
		gift := func(count int, total int64) engine.GiftReceived {
			return engine.GiftReceived{
				Sender: engine.UserInfo{UserID: "host", UserName: "host"}, Gift: engine.GiftInfo{Coins: rose}, Count: count, TotalGiftsSent: total,
			}
		}
		require.NoError(t, b.add(t.Context(), gift(1, 1)), "it is in what was read")
		require.Equal(t, "1. host, 1 coins", b.top())
		require.NoError(t, b.add(t.Context(), gift(2, 3)))
		require.Equal(t, "1. host, 3 coins", b.top())
		give(t, host, "cake", 1)
		require.NoError(t, b.add(t.Context(), gift(1, 9)), "something is missing: the server is asked")
		require.Equal(t, "1. host, 67 coins", b.top())
	})
}
