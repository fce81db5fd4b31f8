package main

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/examples/internal/rest"
	"github.com/openvoiceroom/openvoiceroom/examples/internal/stage/stagetest"
	"github.com/openvoiceroom/openvoiceroom/seatgrid"
	"github.com/openvoiceroom/openvoiceroom/voiceroom/voiceroomtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// arena is two connected rooms, each with a fan who gives, and a referee.
type arena struct {
	t          *testing.T
	srv        *voiceroomtest.Server
	amy, bob   *seatgrid.Grid
	anns, bens *seatgrid.Grid // the fans
	line       *line
	referee    *referee
}

// line is the way to the REST API, which loses answers when it is told to.
type line struct {
	http.RoundTripper
	lose atomic.Int32
}

func (l *line) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := l.RoundTripper.RoundTrip(r)
	if err == nil && l.lose.Add(-1) >= 0 {
		resp.Body.Close()
		return nil, errors.New("the answer was lost")
	}
	return resp, err
}

func inArena(t *testing.T, f func(t *testing.T, a *arena)) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.Config{Nodes: 2}.NewServer(t)
		a := &arena{t: t, srv: srv}
		open := func(id engine.UserID) *seatgrid.Grid {
			grid := stagetest.Reader(t, srv, id)
			_, err := grid.StartVoiceRoom(t.Context(), seatgrid.RoomInfo{RoomID: engine.RoomID(id) + "s"})
			require.NoError(t, err)
			return grid
		}
		join := func(id engine.UserID, room engine.RoomID) *seatgrid.Grid {
			grid := stagetest.Reader(t, srv, id)
			_, err := grid.JoinVoiceRoom(t.Context(), room)
			require.NoError(t, err)
			return grid
		}
		a.amy, a.bob = open("amy"), open("bob")
		a.anns, a.bens = join("ann", "amys"), join("ben", "bobs")
		_, err := a.amy.Room().Connections().RequestConnection(t.Context(), []engine.RoomID{"bobs"}, 10*time.Second, "")
		require.NoError(t, err)
		synctest.Wait()
		require.NoError(t, a.bob.Room().Connections().AcceptConnection(t.Context(), "amys"))
		client := srv.HTTPClient(t)
		a.line = &line{RoundTripper: client.Transport}
		client.Transport = a.line
		a.referee = newReferee(rest.Client{URL: srv.NodeURL(1), App: voiceroomtest.App, Secret: voiceroomtest.Secret, HTTP: client},
			map[string]int64{"rose": 2, "crown": 100, "cake": 0})
		cfg := srv.EngineConfig(t, 0, "referee")
		cfg.Codec = nil
		eng, err := engine.Login(t.Context(), cfg)
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, eng.Logout(context.Background())) })
		require.NoError(t, a.referee.enter(t.Context(), eng, "amys", "bobs"))
		f(t, a)
	})
}

func (a *arena) give(from *seatgrid.Grid, gift string, count int) {
	a.t.Helper()
	require.NoError(a.t, from.Room().Gifts().SendGift(a.t.Context(), gift, count, nil))
	time.Sleep(2 * time.Second)
}

func (a *arena) said(want ...string) {
	a.t.Helper()
	time.Sleep(2 * time.Second)
	for i, text := range want {
		want[i] = "referee: " + text
	}
	for _, g := range []*seatgrid.Grid{a.anns, a.bens} {
		require.Equal(a.t, want, stagetest.Lines(g.Room()))
	}
}

func (a *arena) score() (amys, bobs int64) {
	b, ok := a.amy.Room().Battles().Current()
	require.True(a.t, ok)
	x, _ := b.Find("amys")
	y, _ := b.Find("bobs")
	return x.Score, y.Score
}

func (a *arena) scored(amys, bobs int64) {
	a.t.Helper()
	x, y := a.score()
	require.Equal(a.t, []int64{amys, bobs}, []int64{x, y})
}

// A battle of its own: weights count, not coins, and both rooms hear who leads and who has won.
func TestReferee(t *testing.T) {
	inArena(t, func(t *testing.T, a *arena) {
		a.give(a.anns, "crown", 1) // before the battle
		var err error
		done := make(chan struct{})
		go func() { defer close(done); err = a.referee.serve(t.Context(), time.Minute) }()
		synctest.Wait()
		time.Sleep(time.Second)
		a.scored(0, 0)
		a.give(a.anns, "rose", 3)
		a.scored(6, 0)
		a.give(a.anns, "rose", 1)
		a.give(a.bens, "cake", 10)
		a.scored(8, 0)
		a.give(a.bens, "crown", 1)
		a.give(a.bens, "heart", 1)
		a.scored(8, 101)
		time.Sleep(time.Minute)
		<-done
		require.NoError(t, err, "it goes with the battle's end")
		a.give(a.anns, "crown", 9) // too late
		a.said("amys takes the lead: amys 6 : bobs 0", "bobs takes the lead: amys 8 : bobs 100", "bobs wins: amys 8 : bobs 101")
	})
}

// Battles of the owners, one after another; and whatever answer is lost, nothing counts twice or never.
func TestRefereeServesOwners(t *testing.T) {
	inArena(t, func(t *testing.T, a *arena) {
		stop := stagetest.Start(t, func(ctx context.Context) error { return a.referee.serve(ctx, 0) })
		synctest.Wait()
		for i := range 2 {
			require.NoError(t, a.referee.begin(t.Context(), 20*time.Second)) // as an owner would
			time.Sleep(time.Second)
			a.line.lose.Store(1) // of set_battle_score
			a.give(a.anns, "rose", 1)
			a.scored(2, 0)
			a.line.lose.Store(3) // and of two more calls
			a.give(a.bens, "rose", 5)
			time.Sleep(5 * time.Second)
			a.scored(2, 10)
			time.Sleep(20 * time.Second)
			require.Len(t, a.anns.Room().Chat().Barrages(), 3*(i+1))
		}
		a.said("amys takes the lead: amys 2 : bobs 0", "bobs takes the lead: amys 2 : bobs 10", "bobs wins: amys 2 : bobs 10",
			"amys takes the lead: amys 2 : bobs 0", "bobs takes the lead: amys 2 : bobs 10", "bobs wins: amys 2 : bobs 10")
		require.ErrorIs(t, stop(), context.Canceled)
	})
}

// Gifts must not count twice, by the server and by the referee; and a battle that cannot be is said.
func TestRefereeRefuses(t *testing.T) {
	inArena(t, func(t *testing.T, a *arena) {
		set := func(on bool) {
			require.NoError(t, a.referee.rest.Call(t.Context(), "voiceroom_console/set_gift_settings", map[string]any{"CoinsScoreBattles": on}, nil))
			time.Sleep(2 * time.Second)
		}
		set(true)
		require.ErrorContains(t, a.referee.serve(t.Context(), time.Minute), "would count twice")
		set(false)
		require.NoError(t, a.referee.begin(t.Context(), time.Minute))
		require.ErrorContains(t, a.referee.serve(t.Context(), time.Minute), "battle")
		_, err := a.amy.StopVoiceRoom(t.Context())
		require.NoError(t, err)
		require.Error(t, a.referee.serve(t.Context(), 0), "the room is over")
	})
}

func TestVerdicts(t *testing.T) {
	b := func(x, y int64) match {
		return match{now: engine.BattleInfo{Inviter: engine.BattleUser{RoomID: "a", Score: x}, InviteeList: []engine.BattleUser{{RoomID: "b", Score: y}}}}
	}
	require.Equal(t, "A draw: a 3 : b 3", verdict(b(3, 3)))
	require.Equal(t, "b wins: a -5 : b -2", verdict(b(-5, -2)))
	m := b(3, 4)
	m.early = true
	require.Equal(t, "The battle has ended early: a 3 : b 4", verdict(m))
}

func TestWeights(t *testing.T) {
	w, err := parse("rose=1,crown=100,")
	require.NoError(t, err)
	require.Equal(t, map[string]int64{"rose": 1, "crown": 100}, w)
	for _, bad := range []string{"rose", "rose=x", "=1", "rose=-1"} {
		_, err := parse(bad)
		require.ErrorContains(t, err, "GIFT=POINTS", bad)
	}
}
