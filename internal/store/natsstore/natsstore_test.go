package natsstore_test

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/internal/store/natsstore"
	"github.com/openvoiceroom/openvoiceroom/internal/store/storetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var room = store.Key{App: 1, Room: "r"}

func open(tb testing.TB, cfg natsstore.Config) *natsstore.Store {
	tb.Helper()
	cfg.Logger = slog.New(slog.NewTextHandler(tb.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	s, err := natsstore.Open(context.Background(), cfg)
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, s.Close()) })
	return s
}

func TestContract(t *testing.T) {
	storetest.Run(t, func(t *testing.T) [2]store.Store {
		a := open(t, natsstore.Config{Dir: t.TempDir(), Listen: "127.0.0.1:0"})
		b := open(t, natsstore.Config{URL: a.ClientURL()})
		return [2]store.Store{a, b}
	})
}

func TestEverythingIsThereAfterARestart(t *testing.T) {
	dir := t.TempDir()
	ctx := t.Context()
	s := open(t, natsstore.Config{Dir: dir})
	var last uint64
	for i := range 50 {
		rev, err := s.Append(ctx, room, fmt.Append(nil, i), last)
		require.NoError(t, err)
		last = rev
	}
	account := store.ValueKey{Bucket: store.BucketAccount, App: 1, ID: "ann"}
	value, err := s.Put(ctx, account, []byte("known"), 0)
	require.NoError(t, err)
	told, err := s.Outbox().Append(ctx, room, []byte("told"), 0)
	require.NoError(t, err)
	require.NoError(t, s.Close())

	s = open(t, natsstore.Config{Dir: dir})
	got, err := s.Since(ctx, room, time.Time{})
	require.NoError(t, err)
	require.Len(t, got, 50)
	e, err := s.Last(ctx, room)
	require.NoError(t, err)
	assert.Equal(t, "49", string(e.Data))
	assert.Equal(t, last, e.Rev)
	_, err = s.Append(ctx, room, nil, last-1)
	require.ErrorIs(t, err, store.ErrConflict, "the fence survives")
	_, err = s.Append(ctx, room, nil, last)
	require.NoError(t, err)
	v, err := s.Get(ctx, account)
	require.NoError(t, err)
	assert.Equal(t, value, v.Rev)
	assert.Equal(t, "known", string(v.Data))
	e, err = s.Outbox().Last(ctx, room)
	require.NoError(t, err)
	assert.Equal(t, told, e.Rev)
}

// TestCopyOfARunningFolderHasWhatWasAcknowledged copies the files while the server writes, as a crash would leave
// them: what was acknowledged before the copy began is in the files. It cannot show what the disk's own cache loses.
func TestCopyOfARunningFolderHasWhatWasAcknowledged(t *testing.T) {
	dir := t.TempDir()
	s := open(t, natsstore.Config{Dir: dir})
	ctx := t.Context()
	var mu sync.Mutex
	acked := 0
	enough, stop := make(chan struct{}), make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		var last uint64
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			rev, err := s.Append(ctx, room, fmt.Append(nil, i), last)
			if !assert.NoError(t, err) {
				return
			}
			mu.Lock()
			last, acked = rev, i+1
			mu.Unlock()
			if i == 200 {
				close(enough)
			}
		}
	})
	<-enough
	mu.Lock()
	want := acked
	mu.Unlock()
	copied := t.TempDir()
	copyDir(t, dir, copied)
	close(stop)
	wg.Wait()

	got, err := open(t, natsstore.Config{Dir: copied}).Since(ctx, room, time.Time{})
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(got), want)
	for i, e := range got {
		require.Equal(t, fmt.Sprint(i), string(e.Data))
	}
	t.Logf("%d acknowledged before the copy, %d in it", want, len(got))
}

func copyDir(t *testing.T, from, to string) {
	t.Helper()
	require.NoError(t, filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if os.IsNotExist(err) {
			return nil // files come and go
		}
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		if d.IsDir() {
			return os.MkdirAll(filepath.Join(to, rel), 0o700)
		}
		b, err := os.ReadFile(path)
		if os.IsNotExist(err) {
			return nil
		}
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, rel), b, 0o600)
	}))
}

func TestOneProcessPerFolder(t *testing.T) {
	dir := t.TempDir()
	s := open(t, natsstore.Config{Dir: dir})
	_, err := natsstore.Open(t.Context(), natsstore.Config{Dir: dir})
	require.ErrorContains(t, err, "in use")
	require.NoError(t, s.Close())
	open(t, natsstore.Config{Dir: dir})
}

// TestReconnect ends the server under a connected node, and starts it anew on the same port and folder.
func TestReconnect(t *testing.T) {
	dir := t.TempDir()
	ctx := t.Context()
	a := open(t, natsstore.Config{Dir: dir, Listen: "127.0.0.1:0"})
	b := open(t, natsstore.Config{URL: a.ClientURL()})
	back := make(chan struct{}, 10)
	defer b.OnReconnect(func() { back <- struct{}{} })()
	type change struct {
		id    store.NodeID
		alive bool
	}
	changes := make(chan change, 10)
	cancel, err := b.Watch(func(id store.NodeID, alive bool) { changes <- change{id, alive} })
	require.NoError(t, err)
	defer cancel()
	topic := store.Topic{Kind: store.KindNodes}
	heard := make(chan string, 10)
	cancelSub, err := b.Subscribe(topic, func(data []byte) { heard <- string(data) })
	require.NoError(t, err)
	defer cancelSub()
	rev, err := b.Append(ctx, room, []byte("before"), 0)
	require.NoError(t, err)
	beaten := time.Now()
	require.NoError(t, b.Beat(ctx, "b", nil))
	require.Equal(t, change{"b", true}, wait(t, changes))

	addr := a.ClientURL()[len("nats://"):]
	require.NoError(t, a.Close())
	_, err = b.Append(ctx, room, []byte("lost"), rev)
	require.Error(t, err)
	require.NotErrorIs(t, err, store.ErrConflict)

	c := open(t, natsstore.Config{Dir: dir, Listen: addr})
	wait(t, back)
	require.NoError(t, c.Publish(topic, []byte("again")))
	assert.Equal(t, "again", wait(t, heard))
	_, err = b.Append(ctx, room, []byte("after"), rev)
	require.NoError(t, err)
	require.NoError(t, b.Beat(ctx, "b", nil))
	outage := time.Since(beaten)
	require.NoError(t, b.Beat(ctx, "later", nil))
	next := wait(t, changes)
	for outage > b.HeartbeatTTL()/2 && next.id == "b" { // a slow machine: b was away for longer than its heartbeat counts
		next = wait(t, changes)
	}
	require.Equal(t, change{"later", true}, next, "b was never taken for dead")
}

// TestBeatsStreamIsMadeAnew deletes the heartbeats, as the restart of a single server does.
func TestBeatsStreamIsMadeAnew(t *testing.T) {
	ctx := t.Context()
	a := open(t, natsstore.Config{Dir: t.TempDir(), Listen: "127.0.0.1:0"})
	require.NoError(t, a.Beat(ctx, "a", nil))
	nc, err := nats.Connect(a.ClientURL())
	require.NoError(t, err)
	defer nc.Close()
	js, err := jetstream.New(nc)
	require.NoError(t, err)
	require.NoError(t, js.DeleteStream(ctx, "voiceroom_beats"))
	require.NoError(t, a.Beat(ctx, "a", nil))
	alive, err := a.Alive(ctx)
	require.NoError(t, err)
	assert.Contains(t, alive, store.NodeID("a"))
}

func TestOpenSaysWhatIsMissing(t *testing.T) {
	run := func(t *testing.T, opts server.Options) string {
		t.Helper()
		opts.Host, opts.Port, opts.NoSigs = "127.0.0.1", server.RANDOM_PORT, true
		opts.StoreDir = t.TempDir()
		srv, err := server.NewServer(&opts)
		require.NoError(t, err)
		srv.Start()
		t.Cleanup(func() {
			srv.Shutdown()
			srv.WaitForShutdown()
		})
		require.True(t, srv.ReadyForConnections(10*time.Second))
		return srv.ClientURL()
	}
	try := func(t *testing.T, url string) error {
		t.Helper()
		_, err := natsstore.Open(t.Context(), natsstore.Config{URL: url, StartTimeout: 10 * time.Second})
		return err
	}
	t.Run("JetStream", func(t *testing.T) {
		require.ErrorContains(t, try(t, run(t, server.Options{})), "no JetStream")
	})
	t.Run("max payload", func(t *testing.T) {
		require.ErrorContains(t, try(t, run(t, server.Options{JetStream: true, MaxPayload: 1000})), "max_payload")
	})
	t.Run("permissions", func(t *testing.T) {
		url := run(t, server.Options{JetStream: true, Users: []*server.User{{
			Username: "u", Password: "p",
			Permissions: &server.Permissions{Publish: &server.SubjectPermission{Allow: []string{"$JS.API.>"}}},
		}}})
		require.ErrorContains(t, try(t, "nats://u:p@"+url[len("nats://"):]), "voiceroom.>")
	})
	t.Run("a stream that is another", func(t *testing.T) {
		url := run(t, server.Options{JetStream: true})
		nc, err := nats.Connect(url)
		require.NoError(t, err)
		defer nc.Close()
		js, err := jetstream.New(nc)
		require.NoError(t, err)
		_, err = js.CreateStream(t.Context(), jetstream.StreamConfig{
			Name: "voiceroom_log", Subjects: []string{"voiceroom.log.>"}, AllowDirect: true, MaxMsgsPerSubject: 3, DenyPurge: true,
		})
		require.NoError(t, err)
		err = try(t, url)
		for _, what := range []string{"allow direct must be off", "max messages per subject", "purge must be allowed"} {
			require.ErrorContains(t, err, what)
		}
	})
}

// TestClusterOfEmbeddedServers joins three nodes and keeps each entry on all of them. One that was away is not ready before it
// has what was stored meanwhile: then the next one can be stopped.
func TestClusterOfEmbeddedServers(t *testing.T) {
	routes := freeAddrs(t, 3)
	stores, dirs := make([]*natsstore.Store, 3), []string{t.TempDir(), t.TempDir(), t.TempDir()}
	open := func(i int) {
		s, err := natsstore.Open(context.Background(), natsstore.Config{
			Dir: dirs[i], Replicas: 3, StartTimeout: time.Minute,
			Cluster: natsstore.Cluster{
				Name: "c", Node: fmt.Sprint("n", i), Listen: routes[i], Routes: routes, Secret: "s",
			},
		})
		if assert.NoError(t, err) {
			stores[i] = s
		}
	}
	var wg sync.WaitGroup
	for i := range stores {
		wg.Go(func() { open(i) })
	}
	wg.Wait()
	for _, s := range stores {
		require.NotNil(t, s)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	rev, err := stores[0].Append(ctx, room, []byte("one"), 0)
	require.NoError(t, err)
	_, err = stores[1].Append(ctx, room, []byte("x"), 0)
	require.ErrorIs(t, err, store.ErrConflict)
	rev, err = stores[2].Append(ctx, room, []byte("two"), rev)
	require.NoError(t, err)
	got, err := stores[1].Since(ctx, room, time.Time{})
	require.NoError(t, err)
	require.Len(t, got, 2)

	ready := func(s *natsstore.Store) {
		for again := time.NewTicker(5 * time.Millisecond); ; <-again.C {
			if err = s.Ready(ctx); err == nil {
				return
			}
			require.NoError(t, ctx.Err(), err)
		}
	}
	for _, s := range stores {
		ready(s)
	}
	require.NoError(t, stores[0].Close())
	for left := 1000; left > 0; { // while the others elect a leader there is no answer
		try, cancel := context.WithTimeout(ctx, time.Second)
		next, err := stores[2].Append(try, room, make([]byte, 1000), rev)
		if err != nil {
			last, _ := stores[2].Last(try, room)
			next = last.Rev
		}
		cancel()
		require.NoError(t, ctx.Err(), err)
		if next > rev {
			rev = next
			left--
		}
	}
	stores[0] = nil
	open(0)
	require.NotNil(t, stores[0])
	ready(stores[0])
	last, err := stores[2].Last(ctx, room)
	require.NoError(t, err)
	require.Equal(t, last.Rev, stores[0].LocalRev(t), "what it says that it has, it has itself")
	for _, s := range stores {
		require.NoError(t, s.Close())
	}
}

// freeAddrs finds ports that were free a moment ago.
func freeAddrs(t *testing.T, n int) []string {
	t.Helper()
	var addrs []string
	for range n {
		l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
		require.NoError(t, err)
		defer l.Close()
		addrs = append(addrs, l.Addr().String())
	}
	return addrs
}

func wait[T any](t *testing.T, ch <-chan T) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(20 * time.Second):
		require.FailNow(t, "nothing came")
		return *new(T) // not reached
	}
}
