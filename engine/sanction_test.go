package engine_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/signaling"
	"github.com/openvoiceroom/openvoiceroom/voiceroom/voiceroomtest"
)

// mutesTold collects what a user is told about mutes, in seconds from now.
func mutesTold(u *voiceroomtest.User) (next func() []string) {
	var list []string
	begin := time.Now()
	u.Room().AddObserver(&engine.RoomObserver{
		OnSendMessageForUserDisableChanged: func(_ engine.RoomID, who engine.UserID, disabled bool, until time.Time) {
			s := fmt.Sprint(who, " ", disabled)
			if !until.IsZero() {
				s += fmt.Sprintf(" %.0f", until.Sub(begin).Seconds())
			}
			list = append(list, s)
		},
	})
	return func() []string {
		synctest.Wait()
		was := list
		list = nil
		return was
	}
}

func all(t *testing.T, seq func(func(engine.Sanctioned, error) bool)) (ids []engine.UserID) {
	t.Helper()
	for s, err := range seq {
		require.NoError(t, err)
		require.True(t, s.Until.After(time.Now()))
		ids = append(ids, s.UserID)
	}
	return ids
}

func TestMuteUser(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.Config{Nodes: 2}.NewServer(t)
		host, amy, ann, bob := srv.NewUserOn(t, 0, "host"), srv.NewUserOn(t, 0, "amy"), srv.NewUserOn(t, 1, "ann"), srv.NewUserOn(t, 1, "bob")
		host.Start(t, "room")
		for _, u := range []*voiceroomtest.User{amy, ann, bob} {
			u.Join(t, "room")
		}
		ctx := t.Context()
		owner := host.Room().Members()
		require.NoError(t, owner.ChangeUserRole(ctx, "amy", engine.Administrator))
		synctest.Wait()
		toHost, toAnn, toBob := mutesTold(host), mutesTold(ann), mutesTold(bob)
		require.NoError(t, amy.Room().Members().MuteUser(ctx, "ann", 59*time.Second+time.Millisecond))
		require.Equal(t, []string{"ann true 60"}, toAnn(), "a second that has begun counts")
		require.Equal(t, []string{"ann true 60"}, toHost())
		require.Equal(t, 60*time.Second, time.Until(ann.Room().MutedUntil()).Round(time.Second))
		require.True(t, host.Room().MutedUntil().IsZero(), "of oneself alone")
		_, err := ann.Room().Chat().SendBarrage(ctx, "hello", nil)
		require.ErrorIs(t, err, engine.ErrMessageDisabled)
		require.NoError(t, owner.MuteUser(ctx, "amy", time.Hour))
		require.NoError(t, owner.MuteUser(ctx, "zoe", time.Hour), "who is not here")
		require.Equal(t, []string{"amy true 3600", "zoe true 3600"}, toHost())
		require.Equal(t, []engine.UserID{"amy", "ann", "zoe"}, all(t, owner.MutedUsers(ctx)))
		require.Equal(t, []engine.UserID{"amy", "ann", "zoe"}, all(t, amy.Room().Members().MutedUsers(ctx)))

		require.NoError(t, ann.LeaveVoiceRoom(ctx))
		ann.Join(t, "room")
		require.Equal(t, 60*time.Second, time.Until(ann.Room().MutedUntil()).Round(time.Second), "from the moment of the entry")
		toAnn = mutesTold(ann)
		time.Sleep(time.Second) // virtual
		require.Empty(t, toAnn(), "it is no news")
		time.Sleep(time.Minute)
		require.Equal(t, []string{"ann false"}, toAnn(), "it has run out")
		require.True(t, ann.Room().MutedUntil().IsZero())
		_, err = ann.Room().Chat().SendBarrage(ctx, "hello", nil)
		require.NoError(t, err)
		require.Equal(t, []string{"ann false"}, toHost())
		require.NoError(t, owner.UnmuteUser(ctx, "zoe"))
		require.NoError(t, owner.UnmuteUser(ctx, "bob"), "who may chat already")
		require.Equal(t, []string{"zoe false"}, toHost())
		require.Empty(t, toBob())
		require.Equal(t, []engine.UserID{"amy"}, all(t, owner.MutedUsers(ctx)))
	})
}

// Who may mute, ban and read the lists, and what the limits are, seen from both nodes.
func TestWhoMayMuteAndBan(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.Config{Nodes: 2}.NewServer(t)
		host, amy, ann := srv.NewUserOn(t, 0, "host"), srv.NewUserOn(t, 1, "amy"), srv.NewUserOn(t, 1, "ann")
		host.Start(t, "room")
		amy.Join(t, "room")
		ann.Join(t, "room")
		ctx := t.Context()
		owner, admin, guest := host.Room().Members(), amy.Room().Members(), ann.Room().Members()
		require.NoError(t, owner.ChangeUserRole(ctx, "amy", engine.Administrator))
		require.NoError(t, owner.ChangeUserRole(ctx, "ben", engine.Administrator))
		for name, c := range map[string]struct {
			by   *engine.Members
			whom engine.UserID
			want error
		}{
			"the owner, an administrator":              {owner, "ben", nil},
			"the owner, somebody":                      {owner, "zoe", nil},
			"the owner, themselves":                    {owner, "host", engine.ErrInvalidParameter},
			"the owner, nobody":                        {owner, "", engine.ErrInvalidParameter},
			"an administrator, somebody":               {admin, "zoe", nil},
			"an administrator, the owner":              {admin, "host", engine.ErrNoPermission},
			"an administrator, another one":            {admin, "ben", engine.ErrNoPermission},
			"an administrator, themselves":             {admin, "amy", engine.ErrInvalidParameter},
			"somebody, somebody":                       {guest, "zoe", engine.ErrNeedManager},
			"somebody, the owner":                      {guest, "host", engine.ErrNeedManager},
			"somebody, themselves, to end a mute even": {guest, "ann", engine.ErrNeedManager},
		} {
			for verb, do := range map[string]func() error{
				"mute":   func() error { return c.by.MuteUser(ctx, c.whom, time.Hour) },
				"unmute": func() error { return c.by.UnmuteUser(ctx, c.whom) },
				"ban":    func() error { return c.by.BanUser(ctx, c.whom, time.Hour, "") },
				"unban":  func() error { return c.by.UnbanUser(ctx, c.whom) },
			} {
				require.ErrorIs(t, do(), c.want, "%s: %s", name, verb)
				time.Sleep(100 * time.Millisecond) // virtual; stays under the rate of calls
			}
		}
		for _, seq := range []func(func(engine.Sanctioned, error) bool){guest.MutedUsers(ctx), guest.BannedUsers(ctx)} {
			for _, err := range seq {
				require.ErrorIs(t, err, engine.ErrNeedManager)
			}
		}
		const longest = (1<<32 - 1) * time.Second
		require.NoError(t, owner.MuteUser(ctx, "zoe", longest))
		require.NoError(t, owner.BanUser(ctx, "zoe", longest, strings.Repeat("x", 200)))
		for _, d := range []time.Duration{0, -time.Second, longest + 1} {
			require.ErrorIs(t, owner.MuteUser(ctx, "zoe", d), engine.ErrInvalidParameter)
			require.ErrorIs(t, owner.BanUser(ctx, "zoe", d, ""), engine.ErrInvalidParameter)
		}
		require.ErrorIs(t, owner.BanUser(ctx, "zoe", time.Hour, strings.Repeat("x", 201)), engine.ErrInvalidParameter)
	})
}

func TestBanUser(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.Config{Nodes: 2}.NewServer(t)
		host, ann := srv.NewUserOn(t, 0, "host"), srv.NewUserOn(t, 1, "ann")
		host.Start(t, "room")
		ann.Join(t, "room")
		ctx := t.Context()
		why := make(chan string, 1)
		watch := func() {
			ann.Room().AddObserver(&engine.RoomObserver{OnKickedOutOfRoom: func(_ engine.RoomID, reason engine.KickedOutReason, message string) {
				why <- fmt.Sprint(reason, " ", message)
			}})
		}
		watch()
		owner := host.Room().Members()
		require.NoError(t, owner.BanUser(ctx, "ann", time.Minute, "spam"))
		require.Equal(t, "ByAdmin banned from the room: spam", <-why)
		synctest.Wait()
		enter := func() error {
			_, err := ann.JoinVoiceRoom(ctx, "room")
			return err
		}
		require.ErrorIs(t, enter(), engine.ErrMemberBanned)
		time.Sleep(time.Minute) // virtual
		require.NoError(t, enter(), "it has run out")
		watch()
		require.NoError(t, owner.BanUser(ctx, "ann", time.Minute, ""))
		require.Equal(t, "ByAdmin banned from the room", <-why)
		synctest.Wait()
		require.NoError(t, owner.UnbanUser(ctx, "ann"))
		require.NoError(t, enter())

		var want []engine.UserID
		for i := range 120 {
			id := engine.UserID(fmt.Sprintf("u%03d", i))
			require.NoError(t, owner.BanUser(ctx, id, time.Hour, ""))
			want = append(want, id)
			time.Sleep(50 * time.Millisecond) // virtual; stays under the rate of calls
		}
		for range 10 { // three pages each
			require.Equal(t, want, all(t, owner.BannedUsers(ctx)), "in pages, however often")
		}
		require.Empty(t, all(t, owner.MutedUsers(ctx)))
	})
}

// Bans and mutes are still there after all nodes were killed, for who comes back and for who comes anew; and a mute that
// was ended while one was away is ended.
func TestBansAndMutesSurviveEverything(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.Config{Nodes: 2, Grace: 10 * time.Minute}.NewServer(t)
		host, ann, bob, eve := srv.NewUserOn(t, 0, "host"), srv.NewUserOn(t, 1, "ann"), srv.NewUserOn(t, 0, "bob"), srv.NewUserOn(t, 1, "eve")
		host.Start(t, "room")
		for _, u := range []*voiceroomtest.User{ann, bob, eve} {
			u.Join(t, "room")
		}
		ctx := t.Context()
		owner := host.Room().Members()
		require.NoError(t, owner.MuteUser(ctx, "ann", time.Hour))
		require.NoError(t, owner.MuteUser(ctx, "bob", time.Hour))
		require.NoError(t, owner.BanUser(ctx, "eve", time.Hour, ""))
		require.NoError(t, bob.LeaveVoiceRoom(ctx))
		synctest.Wait()
		toAnn := mutesTold(ann)
		srv.KillNode(t, 0)
		srv.KillNode(t, 1)
		time.Sleep(time.Second) // virtual
		srv.StartNode(t, 0)
		srv.StartNode(t, 1)
		time.Sleep(15 * time.Second)
		require.Empty(t, toAnn(), "nothing has changed")
		require.Equal(t, time.Hour-16*time.Second, time.Until(ann.Room().MutedUntil()).Round(time.Second))
		bob.Join(t, "room")
		require.Equal(t, time.Hour-16*time.Second, time.Until(bob.Room().MutedUntil()).Round(time.Second))
		_, err := eve.JoinVoiceRoom(ctx, "room")
		require.ErrorIs(t, err, engine.ErrMemberBanned)
		require.Equal(t, []engine.UserID{"ann", "bob"}, all(t, owner.MutedUsers(ctx)))
		require.Equal(t, []engine.UserID{"eve"}, all(t, owner.BannedUsers(ctx)))

		for name, changes := range map[string]int{"known": 0, "more than a server keeps": 600} {
			toAnn()
			require.NoError(t, owner.MuteUser(ctx, "ann", time.Hour), name)
			require.Len(t, toAnn(), 1)
			ann.SetOffline(true)
			require.NoError(t, owner.UnmuteUser(ctx, "ann"))
			for i := range changes {
				require.NoError(t, host.Room().UpdateRoomName(ctx, fmt.Sprint("name ", i)))
				time.Sleep(time.Second / signaling.CallsPerSecond)
			}
			ann.SetOffline(false)
			time.Sleep(15 * time.Second)
			require.True(t, ann.Room().MutedUntil().IsZero(), name)
			require.Equal(t, []string{"ann false"}, toAnn(), name)
		}
	})
}
