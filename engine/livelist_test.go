package engine_test

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/voiceroom/voiceroomtest"
)

// Two users at two nodes see the same rooms in the same order, in pages and all together.
func TestFetchLiveList(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.Config{Nodes: 2}.NewServer(t)
		users := []*voiceroomtest.User{srv.NewUserOn(t, 0, "host"), srv.NewUserOn(t, 1, "guest")}
		ctx := t.Context()
		for i := range 45 {
			_, err := users[i%2].Engine.Create(ctx, engine.RoomInfo{RoomID: engine.RoomID(fmt.Sprintf("r%02d", i)), CoverURL: "cover", Hidden: i == 7})
			require.NoError(t, err)
			time.Sleep(50 * time.Millisecond) // virtual
		}
		users[1].Join(t, "r30")
		time.Sleep(2 * time.Second) // virtual
		want := []engine.RoomID{"r30"}
		for i := range 45 {
			if i != 7 && i != 30 {
				want = append(want, engine.RoomID(fmt.Sprintf("r%02d", i)))
			}
		}
		for _, u := range users {
			var got []engine.RoomID
			var sizes []int
			for cursor := ""; ; {
				page, err := u.Engine.FetchLiveList(ctx, cursor, 0)
				require.NoError(t, err)
				sizes = append(sizes, len(page.Rooms))
				for _, r := range page.Rooms {
					got = append(got, r.RoomID)
					require.Equal(t, "cover", r.CoverURL)
				}
				if cursor = page.Next; cursor == "" {
					break
				}
			}
			require.Equal(t, want, got)
			require.Equal(t, []int{20, 20, 4}, sizes)
			page, err := u.Engine.FetchLiveList(ctx, "", 1)
			require.NoError(t, err)
			require.EqualValues(t, 1, page.Rooms[0].ViewCount)
			require.Equal(t, 1, page.Rooms[0].MemberCount)

			got = nil
			for r, err := range u.Engine.LiveList(ctx) {
				require.NoError(t, err)
				got = append(got, r.RoomID)
			}
			require.Equal(t, want, got)
			for r, err := range u.Engine.LiveList(ctx) {
				require.NoError(t, err)
				require.EqualValues(t, "r30", r.RoomID)
				break
			}
			_, err = u.Engine.FetchLiveList(ctx, "never", 0)
			require.ErrorIs(t, err, engine.ErrInvalidParameter)
			_, err = u.Engine.FetchLiveList(ctx, "", 51)
			require.ErrorIs(t, err, engine.ErrInvalidParameter)
		}
		require.NoError(t, users[1].LeaveVoiceRoom(ctx))
		users[1].Join(t, "r07")
		require.True(t, users[1].RoomInfo().Hidden, "whoever knows it may enter it")
	})
}

// Whoever goes through the list often waits for the server, and no longer than the context lasts.
func TestLiveListKeepsToTheRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.NewServer(t)
		e := srv.NewUser(t, "host").Engine
		begun := time.Now()
		for range 40 {
			for _, err := range e.LiveList(t.Context()) {
				require.NoError(t, err)
			}
		}
		require.Greater(t, time.Since(begun), 3*time.Second, "20 at once, then five a second")
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		for _, err := range e.LiveList(ctx) {
			require.ErrorIs(t, err, context.Canceled)
		}
	})
}
