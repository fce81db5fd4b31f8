package bot_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/internal/bot"
	"github.com/openvoiceroom/openvoiceroom/voiceroom/voiceroomtest"
)

func texts(list []engine.Barrage) (out []string) {
	for _, b := range list {
		out = append(out, string(b.Sender.UserID)+": "+b.Text)
	}
	return out
}

// A bot says lines in the chat, tells of what others say, and is done with the last line.
func TestChat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.NewServer(t)
		u := host(t, srv, engine.FreeToTake)
		in, out := io.Pipe()
		b := run(t, srv, "bot", bot.Config{Chat: in})
		write := func(s string) {
			_, err := io.WriteString(out, s)
			require.NoError(t, err)
			synctest.Wait()
		}
		write("hello\r\n\nhow ")
		write("are you\n")
		_, err := u.Room().Chat().SendBarrage(t.Context(), "fine", nil)
		require.NoError(t, err)
		require.NoError(t, u.Room().Members().MuteUser(t.Context(), "bot", time.Minute))
		write("nobody hears this\n")
		require.NoError(t, u.Room().Members().UnmuteUser(t.Context(), "bot"))
		write(strings.Repeat("x", 2049) + "\n" + strings.Repeat("y", 2048) + "\n" + strings.Repeat("z", 9000) + "\nbad \a\nbye")
		require.NoError(t, out.Close())
		require.Equal(t, bot.Outcome{Text: "Everything has been said."}, b.wait())
		require.Equal(t, []string{"bot: hello", "bot: how are you", "host: fine", "bot: " + strings.Repeat("y", 2048), "bot: bye"}, texts(u.Room().Chat().Barrages()))
		require.Contains(t, b.texts(), "message host fine")
		require.Contains(t, b.texts(), "message bot hello")
		require.Equal(t, 2, strings.Count(b.said(), "more than 2048 bytes"))
		require.Contains(t, b.said(), "a manager has muted you")
		require.Contains(t, b.said(), "control characters")
	})
}

// More lines than a room may say in a second wait, and none is lost or changes its place.
func TestChat_ofManyLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.NewServer(t)
		u := host(t, srv, engine.FreeToTake)
		var text strings.Builder
		var want []string
		for i := range 100 {
			fmt.Fprintln(&text, i)
			want = append(want, fmt.Sprint("bot: ", i))
		}
		b := run(t, srv, "bot", bot.Config{Chat: io.NopCloser(strings.NewReader(text.String()))})
		require.Equal(t, bot.Outcome{Text: "Everything has been said."}, b.wait())
		require.Equal(t, want, texts(u.Room().Chat().Barrages()))
	})
}

// broken is an input that ends badly.
type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errors.New("the disk is gone") }
func (broken) Close() error             { return nil }

// A bot that ends while it waits for a line does not hang, and one whose lines cannot be read says so.
func TestChat_ends(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.NewServer(t)
		host(t, srv, engine.FreeToTake)
		in, out := io.Pipe()
		defer out.Close()
		b := run(t, srv, "bot", bot.Config{Chat: in, For: time.Minute})
		require.Equal(t, bot.Outcome{Text: "The 1m0s are over."}, b.wait())
		b = run(t, srv, "bot2", bot.Config{Chat: broken{}})
		end := b.wait()
		require.True(t, end.Failed)
		require.ErrorContains(t, end.Err, "the disk is gone")
	})
}
