//go:build unix

package e2e

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/engine"
)

// The process of a node is killed while its users follow and unfollow somebody. They come back at the other node by
// themselves, and whatever a verb has answered is what the followed sees: in the list, in the counts, and for each.
func TestNodeIsKilledWhileUsersFollow(t *testing.T) {
	_, first, _, _ := twoProcesses(t, "2s")
	ctx := t.Context()
	star := login(t, first.url, "star")
	var fans []*engine.Engine
	for i := range 6 {
		fans = append(fans, login(t, first.url, engine.UserID(fmt.Sprint("fan", i))))
	}
	var answered atomic.Int32
	busy := make(chan struct{})
	var wg sync.WaitGroup
	for i, fan := range fans {
		wg.Go(func() {
			for j := range 15 + i%2 { // half of them follow in the end; 20 are allowed at once
				verb := fan.FollowUser
				if j%2 == 1 {
					verb = fan.UnfollowUser
				}
				if !assert.NoError(t, verb(ctx, "star")) {
					return
				}
				if answered.Add(1) == 20 {
					close(busy)
				}
			}
		})
	}
	<-busy
	require.NoError(t, first.cmd.Process.Kill())
	wg.Wait()
	var want []engine.UserID
	for i := range fans {
		types, err := fans[i].CheckFollow(ctx, "star")
		require.NoError(t, err)
		if i%2 == 0 {
			want = append(want, engine.UserID(fmt.Sprint("fan", i)))
			require.Equal(t, engine.FollowTypeInMyFollowingList, types[0])
		} else {
			require.Equal(t, engine.FollowTypeNone, types[0])
		}
	}
	page, err := star.MyFollowersList(ctx, "")
	require.NoError(t, err)
	var got []engine.UserID
	for _, u := range page.Users {
		got = append(got, u.UserID)
	}
	slices.Sort(got)
	require.Equal(t, want, got)
	infos, err := fans[1].UserFollowInfo(ctx, "star")
	require.NoError(t, err)
	require.Equal(t, []engine.FollowInfo{{UserID: "star", FollowersCount: len(want)}}, infos)
}
