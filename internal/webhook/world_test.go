package webhook

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/openvoiceroom/openvoiceroom/internal/home"
	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/internal/store/memstore"
	"github.com/openvoiceroom/openvoiceroom/internal/testnet"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	app      signaling.AppID = 1400000001
	otherApp signaling.AppID = 1400000002
)

const good = `{"ActionStatus":"OK","ErrorInfo":"","ErrorCode":0}`

// got is a callback as a receiver saw it.
type got struct {
	at      time.Time
	query   url.Values
	raw     string // the query
	body    string
	id      string
	seq     int // 0: none
	attempt int
	replay  bool
	n       int // what the test has put in
}

// receiver is an app's server. answer makes its answer; nil means the documents'.
type receiver struct {
	web    *http.Server
	served chan struct{}

	mu     sync.Mutex
	calls  []got
	answer func(w http.ResponseWriter, r *http.Request, g got)
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return
	}
	h := req.Header
	g := got{at: time.Now(), query: req.URL.Query(), raw: req.URL.RawQuery, body: string(body), id: h.Get(headerDelivery), replay: h.Get(headerReplay) == "true"}
	g.seq, _ = strconv.Atoi(h.Get(headerSequence))
	g.attempt, _ = strconv.Atoi(h.Get(headerAttempt))
	var b struct{ N int }
	_ = json.Unmarshal(body, &b)
	g.n = b.N
	r.mu.Lock()
	r.calls = append(r.calls, g)
	answer := r.answer
	r.mu.Unlock()
	if answer != nil {
		answer(w, req, g)
		return
	}
	io.WriteString(w, good)
}

func (r *receiver) set(f func(w http.ResponseWriter, r *http.Request, g got)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = f
}

func (r *receiver) all() []got {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.calls)
}

// ns lists what the test has put in, in the order of arrival.
func ns(list []got) []int {
	var out []int
	for _, g := range list {
		out = append(out, g.n)
	}
	return out
}

// world is services on one store in memory, and receivers, on virtual time.
type world struct {
	t       *testing.T
	net     *testnet.Network
	cluster *memstore.Cluster
	nodes   []*node
	hooks   map[signaling.AppID]*receiver
	rev     uint64 // of the logs that there are not

	mu       sync.Mutex
	outcomes map[string]int
}

type node struct {
	*Service
	store *memstore.Node
	stop  chan struct{} // ends the heartbeat
	beats chan struct{} // closed when it has ended
	gone  bool
}

func inWorld(t *testing.T, nodes int, f func(t *testing.T, w *world)) {
	t.Helper()
	inWorldWith(t, nodes, nil, f)
}

func inWorldWith(t *testing.T, nodes int, change func(*Config), f func(t *testing.T, w *world)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		network, err := testnet.New(testnet.Config{})
		require.NoError(t, err)
		w := &world{t: t, net: network, cluster: memstore.New(), hooks: map[signaling.AppID]*receiver{}, outcomes: map[string]int{}}
		defer func() {
			for _, n := range w.nodes {
				w.close(n)
			}
			for _, r := range w.hooks {
				require.NoError(t, r.web.Close())
				<-r.served
			}
			require.NoError(t, network.Close())
			time.Sleep(time.Minute) // http.Server closes what is idle
		}()
		for range nodes {
			w.start(change)
		}
		f(t, w)
	})
}

// start adds a node.
func (w *world) start(change func(*Config)) *node {
	w.t.Helper()
	n := &node{store: w.cluster.Node(), stop: make(chan struct{}), beats: make(chan struct{})}
	id := store.NodeID(fmt.Sprint("node", len(w.nodes)))
	cfg := Config{
		Store: n.store, Node: id, Apps: []signaling.AppID{app, otherApp}, MemberLimit: 1000, Dial: w.net.Dial,
		Observe: func(_, outcome string, _ time.Duration) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.outcomes[outcome]++
		},
	}
	if change != nil {
		change(&cfg)
	}
	require.NoError(w.t, n.store.Beat(w.t.Context(), id, nil))
	go func() {
		defer close(n.beats)
		for {
			select {
			case <-n.stop:
				return
			case <-time.After(time.Second):
				_ = n.store.Beat(context.Background(), id, nil) // it may be killed
			}
		}
	}()
	var err error
	n.Service, err = New(w.t.Context(), cfg)
	require.NoError(w.t, err)
	require.NoError(w.t, n.Serve())
	w.nodes = append(w.nodes, n)
	return n
}

// close ends a node cleanly, or what is left of a killed one.
func (w *world) close(n *node) {
	w.t.Helper()
	if n.gone {
		return
	}
	n.gone = true
	require.NoError(w.t, n.Close(context.Background()))
	close(n.stop)
	<-n.beats
	_ = n.store.Gone(context.Background(), n.cfg.Node) // a killed one cannot
	require.NoError(w.t, n.store.Close())
}

// kill ends a node as kill -9 would: nothing that it does reaches the store any more, and its requests break off.
func (w *world) kill(n *node) {
	w.t.Helper()
	n.store.Kill()
	n.cancel()
	w.close(n)
}

// owner is the node that delivers an app's callbacks.
func (w *world) owner(app signaling.AppID) *node {
	w.t.Helper()
	synctest.Wait()
	for _, n := range w.nodes {
		n.mu.Lock()
		d := n.dispatchers[app]
		n.mu.Unlock()
		if d != nil && !n.gone {
			return n
		}
	}
	w.t.Fatal("nobody delivers")
	return nil
}

// hook starts an app's server, and has the app called there with everything.
func (w *world) hook(app signaling.AppID) *receiver {
	w.t.Helper()
	r := &receiver{served: make(chan struct{})}
	addr := fmt.Sprintf("app%d:80", app)
	l, err := w.net.Listen(addr)
	require.NoError(w.t, err)
	r.web = &http.Server{Handler: r}
	go func() { defer close(r.served); _ = r.web.Serve(l) }()
	w.hooks[app] = r
	require.NoError(w.t, w.nodes[0].Set(w.t.Context(), app, "http://"+addr+"/hook", commands))
	synctest.Wait()
	return r
}

// tell puts an entry with callbacks numbered ns into a room's outbox, as the room's home does, and returns its revision.
func (w *world) tell(n *node, app signaling.AppID, room signaling.RoomID, ns ...int) uint64 {
	w.t.Helper()
	rev := w.put(n, app, room, ns...)
	n.Told(store.Key{App: app, Room: room})
	return rev
}

// put does that without a word to anybody.
func (w *world) put(n *node, app signaling.AppID, room signaling.RoomID, ns ...int) uint64 {
	w.t.Helper()
	var list []callback
	for _, i := range ns {
		list = append(list, callback{Command: seatChanged, Platform: "Web", IP: "192.0.2.7", Body: fmt.Appendf(nil, `{"N":%d}`, i)})
	}
	data, err := json.Marshal(list)
	require.NoError(w.t, err)
	w.rev++
	data, err = json.Marshal(home.Told{Rev: w.rev, Data: data})
	require.NoError(w.t, err)
	key := store.Key{App: app, Room: room}
	var rev uint64
	last, err := n.store.Outbox().Last(w.t.Context(), key)
	if err == nil {
		rev = last.Rev
	}
	_, err = n.store.Outbox().Append(w.t.Context(), key, data, rev)
	require.NoError(w.t, err)
	return w.rev
}

func (w *world) outcome(name string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.outcomes[name]
}

func idOf(room signaling.RoomID, rev uint64, index int) string {
	return deliveryID(store.Key{App: app, Room: room}, rev, index)
}
