package follow

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/internal/store/memstore"
	"github.com/openvoiceroom/openvoiceroom/internal/store/natsstore"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

func open(t testing.TB, dir string) *natsstore.Store {
	t.Helper()
	s, err := natsstore.Open(t.Context(), natsstore.Config{Dir: dir})
	require.NoError(t, err)
	return s
}

// On the disk: a node dies at each write of a follow and of an unfollow, before and after it has come about, and is started
// again on the same data. Nothing that was answered is lost, both ends agree, and later no note is left.
func TestKillAndRestart(t *testing.T) {
	dir := t.TempDir()
	users := []signaling.UserID{"amy", "bob", "cem"}
	model := map[[2]signaling.UserID]bool{}
	clock := time.Now()
	now := func() time.Time { return clock }
	for round := range 16 {
		disk := open(t, dir)
		s := &spy{values: disk, left: -1}
		f := New(s)
		f.now = now
		truth := consistent(t, t, f, users)
		for pair, is := range model {
			require.Equal(t, is, truth[pair], "%v after restart %d", pair, round)
		}
		for _, a := range users { // all but one pair are as they were told to be
			for _, b := range users {
				if a == b || a == "amy" && b == "bob" {
					continue
				}
				on := (round+len(a+b)+int(b[0]))%2 == 0
				_, err := f.set(t.Context(), app, a, b, on)
				require.NoError(t, err)
				model[[2]signaling.UserID{a, b}] = on
			}
		}
		dies, on := round/2%4, round/8 == 0
		s.dieAt(dies, round%2 == 1)
		_, err := f.set(t.Context(), app, "amy", "bob", on)
		if err != nil {
			require.ErrorIs(t, err, errDead)
		}
		_, is, lost := New(disk).truth(t.Context(), app, "amy", "bob")
		require.NoError(t, lost)
		if err == nil {
			require.Equal(t, on, is, "what was answered")
		}
		model[[2]signaling.UserID{"amy", "bob"}] = is
		require.NoError(t, disk.Close())
		clock = clock.Add(time.Duration(round%3) * staleAfter)
	}
	clock = clock.Add(2 * staleAfter)
	disk := open(t, dir)
	f := New(disk)
	f.now = now
	consistent(t, t, f, users)
	settled(t, t, f, users)
	require.NoError(t, disk.Close())
}

// What it costs, in memory and on the disk, to follow somebody with so many followers, to count them, and to read a page
// of them.
func BenchmarkFollow(b *testing.B) {
	stores := map[string]func(b *testing.B) store.Values{
		"memstore": func(b *testing.B) store.Values { return memstore.New().Node() },
		"natsstore": func(b *testing.B) store.Values {
			s := open(b, b.TempDir())
			b.Cleanup(func() { require.NoError(b, s.Close()) })
			return s
		},
	}
	for _, kind := range []string{"memstore", "natsstore"} {
		for _, n := range []int{0, 1000, 100_000} {
			values := stores[kind](b)
			f := New(values)
			clock := time.Now()
			f.now = func() time.Time { return clock }
			star(b, values, "star", n)
			ctx := context.Background()
			run := 0
			name := func(what string) string { return fmt.Sprintf("%s/followers=%d/%s", kind, n, what) }
			b.Run(name("follow"), func(b *testing.B) {
				for run++; b.Loop(); run++ {
					_, err := f.Follow(ctx, app, signaling.UserID(fmt.Sprint("fan", run)), "star")
					require.NoError(b, err)
				}
			})
			b.Run(name("count"), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					clock = clock.Add(viewAge)
					_, err := f.Count(ctx, app, "star")
					require.NoError(b, err)
				}
			})
			b.Run(name("page"), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					clock = clock.Add(viewAge)
					_, _, err := f.Page(ctx, app, "star", signaling.FollowersList, "", 100)
					require.NoError(b, err)
				}
			})
			b.Run(name("check100"), func(b *testing.B) {
				users := make([]signaling.UserID, 100)
				for i := range users {
					users[i] = signaling.UserID(fmt.Sprintf("user_%08d", i*997))
				}
				for b.Loop() {
					_, err := f.Check(ctx, app, "star", users)
					require.NoError(b, err)
				}
			})
		}
	}
}
