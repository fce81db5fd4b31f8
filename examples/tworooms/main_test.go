package main

import (
	"bytes"
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/openvoiceroom/openvoiceroom/examples/internal/stage/stagetest"
	"github.com/openvoiceroom/openvoiceroom/voiceroom/voiceroomtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// said is what a program has printed.
type said struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *said) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(b)
}

func (s *said) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

func TestTwoRooms(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.Config{Nodes: 2}.NewServer(t)
		amy, bob := srv.NewUserOn(t, 0, "amy"), srv.NewUserOn(t, 1, "bob")
		amysGuest, bobsGuest := srv.NewUserOn(t, 1, "vince"), srv.NewUserOn(t, 0, "dave")
		var amysOut, bobsOut said
		require.NoError(t, open(t.Context(), amy.Grid, "amys"))
		require.NoError(t, open(t.Context(), bob.Grid, "bobs"))
		amysGuest.Join(t, "amys")
		bobsGuest.Join(t, "bobs")
		stopAmy := stagetest.Start(t, func(ctx context.Context) error { return connect(ctx, amy.Grid, "", &amysOut) })
		synctest.Wait()
		stopBob := stagetest.Start(t, func(ctx context.Context) error { return connect(ctx, bob.Grid, "amys", &bobsOut) })
		for _, u := range []*voiceroomtest.User{amysGuest, bobsGuest} {
			u.Hears(t, amy)
			u.Hears(t, bob)
		}
		time.Sleep(time.Second) // virtual
		require.Contains(t, amysOut.text(), "connected: bobs amys\nbob speaks in bobs: true\n")
		require.Contains(t, bobsOut.text(), "connected: bobs amys\namy speaks in amys: true\n")

		require.NoError(t, stopBob())
		_, err := bob.StopVoiceRoom(t.Context())
		require.NoError(t, err)
		amysGuest.HearsNot(t, bob)
		amysGuest.Hears(t, amy)
		time.Sleep(time.Second)
		require.Regexp(t, `true\n(.* false\n)?connected:\n$`, amysOut.text())
		require.NoError(t, stopAmy())
	})
}

// What cannot be asked is said.
func TestNoSuchRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.NewServer(t)
		amy := srv.NewUser(t, "amy")
		require.NoError(t, open(t.Context(), amy.Grid, "amys"))
		require.ErrorContains(t, connect(t.Context(), amy.Grid, "bobs", &said{}), "bobs cannot be asked: RoomNotExist")
	})
}
