package follow

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// A list changed at random is the map that it stands for, also after it was stored and read.
func TestListIsAMap(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var l list
		model := map[signaling.UserID]int64{}
		for i := range rapid.IntRange(0, 60).Draw(t, "steps") {
			user := signaling.UserID(rapid.SampledFrom([]string{"a", "ab", "b", "Ä", "z", "\x00\xff", strings.Repeat("u", 32)}).Draw(t, "user"))
			in := rapid.Bool().Draw(t, "in")
			l.set(user, int64(i), in)
			if delete(model, user); in {
				model[user] = int64(i)
			}
			l.full = rapid.Bool().Draw(t, "full")
			if rapid.Bool().Draw(t, "note") {
				l.notes = append(l.notes, note{user, uint64(i), int64(-i)})
			}
			back, err := decode(l.encode())
			require.NoError(t, err)
			require.Equal(t, l.encode(), back.encode())
			require.Equal(t, l.notes, back.notes)
			require.Equal(t, l.full, back.full)
			require.Len(t, back.entries, len(model))
			for u, at := range model {
				got, ok := back.find(u)
				require.True(t, ok)
				require.Equal(t, at, got)
			}
			l = back
		}
	})
}

// The longest list that a user may have fits into a value, and a group into one too before it is refused.
func TestLongestListFits(t *testing.T) {
	var l list
	for i := range MaxFollowing {
		l.set(signaling.UserID(fmt.Sprintf("%032d", i)), 1<<42, true)
	}
	require.Less(t, len(l.encode()), store.MaxPayload)
}

func FuzzDecode(f *testing.F) {
	var l list
	f.Add(l.encode())
	l.full, l.notes = true, []note{{"cem", 7, 1795406400000}}
	l.set("amy", 1795406400000, true)
	l.set("bob", 1, true)
	f.Add(l.encode())
	f.Add([]byte{})
	f.Add([]byte{1, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1})
	f.Add([]byte{1, 0, 1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 0, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		l, err := decode(data)
		if err != nil {
			require.ErrorIs(t, err, errList)
			return
		}
		back, err := decode(l.encode())
		require.NoError(t, err)
		require.Equal(t, l, back)
	})
}
