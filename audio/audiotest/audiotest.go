// Package audiotest checks that a source or a sink keeps the contract of [audio.Source] and [audio.Sink]: one assertion
// for each, for every implementation, ours and yours.
//
//	func TestMicrophone(t *testing.T) {
//		synctest.Test(t, func(t *testing.T) { audiotest.CheckSource(t, newMicrophone()) })
//	}
//
// Inside a testing/synctest bubble time is exact and free; outside the checks allow for a busy machine.
package audiotest

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/openvoiceroom/openvoiceroom/audio"

	"github.com/stretchr/testify/require"
)

// frames is how many frames are moved to judge the pace.
const frames = 10

// CheckSource fails t if s, which must be stopped and have at least 200 ms to give after each Start, breaks the
// contract of [audio.Source].
func CheckSource(t testing.TB, s audio.Source) {
	t.Helper()
	check(t, s.Channels, s.Start, s.Stop, s.ReadFrame)
}

// CheckSink fails t if s, which must be stopped, breaks the contract of [audio.Sink].
func CheckSink(t testing.TB, s audio.Sink) {
	t.Helper()
	check(t, s.Channels, s.Start, s.Stop, s.WriteFrame)
}

// check is the contract, which is the same for both but for the direction in which move moves the frame.
func check(t testing.TB, channels func() int, start func(context.Context) error, stop func() error,
	move func(context.Context, audio.Frame) error,
) {
	t.Helper()
	ctx := t.Context()
	n := channels()
	require.Contains(t, []int{1, 2}, n, "channels are 1 or 2")
	f := audio.NewFrame(n)

	require.NoError(t, stop(), "Stop before Start does nothing")
	require.ErrorIs(t, move(ctx, f), audio.ErrNotStarted, "a frame before Start")
	ended, cancel := context.WithCancel(ctx)
	cancel()

	for range 2 { // it can be started again
		opening, opened := context.WithCancel(ctx)
		require.NoError(t, start(opening))
		opened() // bounds Start only
		require.ErrorIs(t, start(ctx), audio.ErrStarted)
		require.ErrorIs(t, move(ctx, f[:len(f)-1]), audio.ErrFrameSize)
		require.ErrorIs(t, move(ctx, nil), audio.ErrFrameSize)
		require.ErrorIs(t, move(ended, f), context.Canceled, "a ctx that has ended")

		require.NoError(t, move(ctx, f))
		begin := time.Now()
		for range frames {
			require.NoError(t, move(ctx, f), "after a cancelled call it goes on")
		}
		require.InDelta(t, frames, float64(time.Since(begin))/float64(audio.FrameDuration), frames/2, "20 ms a frame")

		short, cancel := context.WithTimeout(ctx, audio.FrameDuration/4)
		for err := error(nil); !errors.Is(err, context.DeadlineExceeded); {
			// Some frames may have been waiting, but a call that blocks ends with its ctx.
			err = move(short, f)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				require.ErrorIs(t, err, context.DeadlineExceeded, "a ctx that ends while waiting")
			}
		}
		cancel()
		require.Equal(t, n, channels(), "channels never change")
		require.NoError(t, stop())
		require.NoError(t, stop(), "a second Stop does nothing")
		require.ErrorIs(t, move(ctx, f), audio.ErrNotStarted, "a frame after Stop")
	}
}
