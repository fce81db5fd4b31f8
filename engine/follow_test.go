package engine_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/signaling"
	"github.com/openvoiceroom/openvoiceroom/voiceroom/voiceroomtest"
)

// A guest follows the owner of a room, in no room at all and on another node, and the owner is told.
func TestFollow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.Config{Nodes: 2}.NewServer(t)
		ctx := t.Context()
		denny, vince := srv.NewUserOn(t, 0, "denny").Engine, srv.NewUserOn(t, 1, "vince").Engine
		require.NoError(t, vince.SetSelfInfo(ctx, "Vince", "https://example.org/v.png"))
		type change struct {
			Users []engine.UserInfo
			Add   bool
		}
		var told []change
		denny.AddObserver(&engine.Observer{OnMyFollowersListChanged: func(users []engine.UserInfo, isAdd bool) {
			told = append(told, change{users, isAdd})
		}})
		stand := func(e *engine.Engine, other engine.UserID) engine.FollowType {
			types, err := e.CheckFollow(ctx, other)
			require.NoError(t, err)
			return types[0]
		}
		require.Equal(t, engine.FollowTypeNone, stand(vince, "denny"))

		require.NoError(t, vince.FollowUser(ctx, "denny"))
		synctest.Wait()
		fan := engine.UserInfo{UserID: "vince", UserName: "Vince", AvatarURL: "https://example.org/v.png", Role: engine.GeneralUser}
		require.Equal(t, []change{{[]engine.UserInfo{fan}, true}}, told)
		require.Equal(t, engine.FollowTypeInMyFollowingList, stand(vince, "denny"))
		require.Equal(t, engine.FollowTypeInMyFollowersList, stand(denny, "vince"))
		followers, err := denny.MyFollowersList(ctx, "")
		require.NoError(t, err)
		require.Equal(t, engine.FollowPage{Users: []engine.UserInfo{fan}}, followers)

		require.NoError(t, denny.FollowUser(ctx, "vince"))
		require.Equal(t, engine.FollowTypeInBothFollowersList, stand(vince, "denny"))
		infos, err := vince.UserFollowInfo(ctx, "denny", "vince", "nobody")
		require.NoError(t, err)
		require.Equal(t, []engine.FollowInfo{
			{UserID: "denny", FollowingCount: 1, FollowersCount: 1, MutualFollowersCount: 1},
			{UserID: "vince", FollowingCount: 1, FollowersCount: 1, MutualFollowersCount: 1}, {UserID: "nobody"},
		}, infos)
		for _, list := range []func() (engine.FollowPage, error){
			func() (engine.FollowPage, error) { return vince.MyFollowingList(ctx, "") },
			func() (engine.FollowPage, error) { return vince.MutualFollowersList(ctx, "") },
		} {
			page, err := list()
			require.NoError(t, err)
			require.Len(t, page.Users, 1)
			require.Equal(t, engine.UserID("denny"), page.Users[0].UserID)
		}

		require.NoError(t, vince.UnfollowUser(ctx, "denny"))
		require.Equal(t, engine.FollowTypeInMyFollowersList, stand(vince, "denny"))
		time.Sleep(time.Second) // virtual: denny is told once a second
		synctest.Wait()
		require.Equal(t, change{[]engine.UserInfo{{UserID: "vince", Role: engine.GeneralUser}}, false}, told[1])
		require.Len(t, told, 2)
	})
}

func TestFollowErrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.NewServer(t)
		ctx := t.Context()
		ann := srv.NewUser(t, "ann").Engine
		srv.NewUser(t, "bob")
		err := ann.FollowUser(ctx, "nobody", "bob", "ann")
		require.ErrorIs(t, err, engine.ErrUserNotFound)
		require.ErrorContains(t, err, `FollowUser: user "nobody": no such user`)
		require.ErrorContains(t, err, `user "ann": nobody can follow themselves`)
		types, err := ann.CheckFollow(ctx, "bob", "nobody")
		require.NoError(t, err)
		require.Equal(t, []engine.FollowType{engine.FollowTypeInMyFollowingList, engine.FollowTypeNone}, types, "the others are followed")
		require.ErrorIs(t, ann.FollowUser(ctx), engine.ErrInvalidParameter)
		require.ErrorIs(t, ann.UnfollowUser(ctx, make([]engine.UserID, 21)...), engine.ErrInvalidParameter)
		_, err = ann.CheckFollow(ctx, make([]engine.UserID, 101)...)
		require.ErrorIs(t, err, engine.ErrInvalidParameter)
		_, err = ann.MyFollowersList(ctx, "x")
		require.ErrorIs(t, err, engine.ErrInvalidParameter)
		for i := 0; err == nil || i == 0; i++ {
			err = ann.UnfollowUser(ctx, "bob")
			require.Less(t, i, 30)
		}
		require.Equal(t, signaling.ErrFreqLimit.Code, signaling.CodeOf(err))
	})
}

// With several logins of a user all of them are told.
func TestEveryLoginHearsOfFollowers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.Config{Nodes: 2, Multi: true}.NewServer(t)
		var told [3]int
		for i := range told {
			star := srv.NewUserOn(t, i%2, "star")
			star.Engine.AddObserver(&engine.Observer{OnMyFollowersListChanged: func(users []engine.UserInfo, isAdd bool) { told[i] += len(users) }})
		}
		require.NoError(t, srv.NewUserOn(t, 1, "fan").Engine.FollowUser(t.Context(), "star"))
		synctest.Wait()
		require.Equal(t, [3]int{1, 1, 1}, told)
	})
}

// Who was followed before every node had died is followed afterwards.
func TestFollowOutlivesTheNodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.Config{Nodes: 2}.NewServer(t)
		ann, bob := srv.NewUserOn(t, 0, "ann"), srv.NewUserOn(t, 1, "bob")
		require.NoError(t, ann.Engine.FollowUser(t.Context(), "bob"))
		for i := range 2 {
			srv.KillNode(t, i)
		}
		for i := range 2 {
			srv.StartNode(t, i)
		}
		page, err := bob.Engine.MyFollowersList(t.Context(), "")
		require.NoError(t, err)
		require.Len(t, page.Users, 1)
		require.Equal(t, "ann", page.Users[0].UserName)
	})
}

// Five users on two nodes follow and unfollow each other at random, all at once. What they are told by their verbs is what
// a plain map says, and what both ends see.
func TestFollowIsAMap(t *testing.T) {
	for seed := range uint64(3) {
		synctest.Test(t, func(t *testing.T) {
			srv := voiceroomtest.Config{Nodes: 2}.NewServer(t)
			ctx := t.Context()
			var ids []engine.UserID
			var engines []*engine.Engine
			for i := range 5 {
				ids = append(ids, engine.UserID(fmt.Sprint("user", i)))
				engines = append(engines, srv.NewUserOn(t, i%2, ids[i]).Engine)
			}
			model := make([]map[engine.UserID]bool, len(ids)) // by who follows; each has one writer
			var wg sync.WaitGroup
			for i, e := range engines {
				model[i] = map[engine.UserID]bool{}
				wg.Go(func() {
					random := rand.New(rand.NewPCG(seed, uint64(i)))
					for range 40 {
						other := ids[random.IntN(len(ids))]
						verb, on := e.FollowUser, true
						if random.IntN(2) == 0 {
							verb, on = e.UnfollowUser, false
						}
						if err := verb(ctx, other); other == ids[i] {
							assert.ErrorIs(t, err, engine.ErrInvalidParameter)
						} else {
							assert.NoError(t, err)
							model[i][other] = on
						}
						types, err := e.CheckFollow(ctx, other)
						if !assert.NoError(t, err) {
							return
						}
						assert.Equal(t, model[i][other], types[0]&engine.FollowTypeInMyFollowingList != 0)
						time.Sleep(time.Second) // virtual: the rate
					}
				})
			}
			wg.Wait()
			for i, e := range engines {
				types, err := e.CheckFollow(ctx, ids...)
				require.NoError(t, err)
				var want engine.FollowInfo
				var followers []engine.UserID
				want.UserID = ids[i]
				for j, other := range ids {
					var is engine.FollowType
					if model[i][other] {
						is |= engine.FollowTypeInMyFollowingList
						want.FollowingCount++
					}
					if model[j][ids[i]] {
						is |= engine.FollowTypeInMyFollowersList
						want.FollowersCount++
						followers = append(followers, other)
					}
					if is == engine.FollowTypeInBothFollowersList {
						want.MutualFollowersCount++
					}
					require.Equal(t, is, types[j], "%s and %s", ids[i], other)
				}
				infos, err := engines[(i+1)%len(ids)].UserFollowInfo(ctx, ids[i])
				require.NoError(t, err)
				require.Equal(t, []engine.FollowInfo{want}, infos)
				page, err := e.MyFollowersList(ctx, "")
				require.NoError(t, err)
				var got []engine.UserID
				for _, u := range page.Users {
					got = append(got, u.UserID)
				}
				slices.Sort(got)
				require.Equal(t, followers, got)
			}
		})
	}
}
