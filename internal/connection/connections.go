package connection

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/openvoiceroom/openvoiceroom/internal/record"
	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// Host is what a room's home says of it.
type Host struct {
	Room
	Turn uint64 // the highest that the room has been shown
	Here bool   // the owner is in the room, or may come back in time
}

// Rooms is what connections need of rooms. Errors are those of the calls of clients.
type Rooms interface {
	// Host asks a room's home about it. by is who wants something done for the room, empty for nobody: somebody else than
	// its owner is [signaling.ErrNeedOwner].
	Host(ctx context.Context, app signaling.AppID, id signaling.RoomID, by signaling.UserID) (Host, error)

	// Show has a room's members see the connection as it is for a stay of the room's, and returns the room's version that
	// shows it. A room that has seen it, or something newer, is no error; another room of that id is
	// [signaling.ErrRoomNotExist], and one that has no place for it [signaling.ErrLimit].
	Show(ctx context.Context, app signaling.AppID, s Stay, c Connection) (version uint64, err error)

	// Near reports whether this node is the one to look after the connections in which this room is the first.
	Near(app signaling.AppID, id signaling.RoomID) bool
}

// Config of Connections. All but Logger is required.
type Config struct {
	Values store.Values
	Apps   []signaling.AppID
	Rooms  Rooms
	Grace  time.Duration // how long a connected room may be without its owner
	Logger *slog.Logger
}

// Connections are the connections of all apps. Its methods may be called from many goroutines.
type Connections struct {
	cfg    Config
	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu       sync.Mutex // protects what follows; nothing is called while it is held
	followed map[id]*follower
	closed   bool
}

// id names a connection of the whole server.
type id struct {
	app        signaling.AppID
	connection string
}

// New starts to look after the connections, those included that others have made. Close ends it.
func New(cfg Config) (*Connections, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	c := &Connections{cfg: cfg, followed: map[id]*follower{}}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	scan, err := record.Scan(cfg.Values, store.BucketConnection, c.scanAll)
	if err != nil {
		c.cancel()
		return nil, err
	}
	c.wg.Go(func() { scan(c.ctx) })
	return c, nil
}

// Close waits for everything that New has started. The connections go on at other nodes, or when one starts again.
func (c *Connections) Close() {
	c.mu.Lock()
	c.closed = true
	c.mu.Unlock()
	c.cancel()
	c.wg.Wait()
}

func keyOf(app signaling.AppID, connection string) store.ValueKey {
	return store.ValueKey{Bucket: store.BucketConnection, App: app, ID: connection}
}

// claims is the ID of rooms' claims. A connection's is longer.
const claims = "room"

func claimOf(app signaling.AppID, room signaling.RoomID) store.ValueKey {
	return store.ValueKey{Bucket: store.BucketConnection, App: app, ID: claims, Sub: string(room)}
}

// claim says which connection a room is in, or is asked into, if that has a place for it.
type claim struct {
	Connection string `json:"connection"`
	Turn       uint64 `json:"turn"`
}

// apply has a command decided and stored.
func (c *Connections) apply(ctx context.Context, app signaling.AppID, connection string, cmd Command) (Connection, error) {
	return record.Update(ctx, c.cfg.Values, keyOf(app, connection), func(doc *Connection, _ uint64) error {
		next, changed, err := Apply(*doc, cmd, time.Now())
		if err == nil && !changed {
			err = record.ErrKeep
		}
		*doc = next
		return err
	})
}

// of returns the connection that has claimed a room, as it is now; the zero Connection where none has. It may have ended,
// or have no place for the room any more.
func (c *Connections) of(ctx context.Context, app signaling.AppID, room signaling.RoomID) (Connection, error) {
	cl, _, err := record.Load[claim](ctx, c.cfg.Values, claimOf(app, room))
	if err != nil || cl.Connection == "" {
		return Connection{}, err
	}
	got, _, err := record.Load[Connection](ctx, c.cfg.Values, keyOf(app, cl.Connection))
	if err != nil || got.ID == "" {
		return Connection{}, err
	}
	got, _, err = Apply(got, Expire{}, time.Now())
	return got, err
}

// OfRoom returns the connection that a room is connected in. Without one it is [signaling.ErrConnectionNotExist].
func (c *Connections) OfRoom(ctx context.Context, app signaling.AppID, room signaling.RoomID) (Connection, error) {
	got, err := c.of(ctx, app, room)
	if err != nil {
		return Connection{}, err
	}
	if !slices.ContainsFunc(got.Connected(), func(s Stay) bool { return s.RoomID == room }) {
		return Connection{}, signaling.ErrConnectionNotExist
	}
	return got, nil
}

// Done is what has become of a command.
type Done struct {
	Version uint64  // of the room that asked: with it the room shows the change
	Results []error // of an Ask: of each room why it is not asked, nil where it is
}

// Ask asks rooms for a connection, or into the one that the asking room is in, by a user who must be the room's owner.
// Of the rooms only the ids count. Rooms that cannot be asked are left out: the results say why.
func (c *Connections) Ask(ctx context.Context, app signaling.AppID, by signaling.UserID, a Ask) (Done, error) {
	host, err := c.cfg.Rooms.Host(ctx, app, a.From.RoomID, by)
	if err != nil {
		return Done{}, err
	}
	if err := a.Check(); err != nil { // before anybody else is asked
		return Done{}, err
	}
	if host.Seats == 0 {
		return Done{}, signaling.ErrSeatsNotSupported
	}
	a.From, a.To = host.Room, slices.Clone(a.To)
	asks := asking{Ask: a, host: host, hosts: make([]Host, len(a.To)), errs: make([]error, len(a.To))}
	each(len(a.To), func(i int) {
		asks.hosts[i], asks.errs[i] = c.host(ctx, app, a.To[i].RoomID)
		if asks.errs[i] == nil && asks.hosts[i].Seats == 0 {
			asks.errs[i] = signaling.ErrSeatsNotSupported
		}
		if asks.errs[i] == nil {
			asks.To[i] = asks.hosts[i].Room
		} else {
			asks.To[i].Created = 0
		}
	})
	for {
		done, err := c.tryAsk(ctx, app, asks)
		if !errors.Is(err, errRace) {
			return done, err
		}
		select {
		case <-ctx.Done():
			return Done{}, &signaling.Error{Code: signaling.ErrServer.Code, Err: context.Cause(ctx)}
		case <-time.After(racePause):
		}
	}
}

// asking is an Ask with what the homes have said.
type asking struct {
	Ask
	host  Host
	hosts []Host
	errs  []error // of rooms that cannot be asked
}

// errRace says that another command has come in between.
var errRace = errors.New("connection: again")

const racePause = 50 * time.Millisecond

func (c *Connections) tryAsk(ctx context.Context, app signaling.AppID, a asking) (Done, error) {
	from := a.From.RoomID
	old, err := c.of(ctx, app, from)
	if err != nil {
		return Done{}, err
	}
	a.ID = old.ID
	stay, in := old.Find(from)
	switch {
	case in && stay.Created != a.From.Created: // it is of a room that had this id before
		if _, err := c.apply(ctx, app, old.ID, Lose{from, stay.Turn}); err != nil {
			return Done{}, err
		}
		return Done{}, errRace
	case !in && old.did(a.Command, from):
		return c.repeated(ctx, app, old, a)
	case !in:
		a.ID = rand.Text()
	}
	doc, err := c.apply(ctx, app, a.ID, a.Ask)
	if errors.Is(err, signaling.ErrConnectionNotExist) {
		err = errRace // a moment ago the room was in it
	}
	if err != nil {
		return Done{}, err
	}
	errs := doc.asked
	for i, err := range a.errs {
		if err != nil {
			errs[i] = err
		}
	}
	turns, err := c.claimAll(ctx, app, a, stay, errs)
	if err == nil {
		doc, err = c.apply(ctx, app, a.ID, Begin{a.Command, from, turns})
	} else if _, e := c.apply(ctx, app, a.ID, Begin{a.Command, from, nil}); e != nil {
		c.cfg.Logger.Debug("connection not given up", "app", app, "connection", a.ID, "error", e) // it ends by itself
	}
	c.changed(id{app, a.ID})
	if err != nil {
		return Done{}, err
	}
	for i, to := range a.To {
		if s := doc.last(to.RoomID); errs[i] == nil && (s < 0 || !doc.Stays[s].by(a.Command, from)) {
			errs[i] = signaling.ErrServer // it took too long
		}
	}
	version, err := c.showTo(ctx, app, doc, from)
	return Done{version, errs}, err
}

// claimAll claims the rooms that have got a place. Only the asking room's claim must succeed.
func (c *Connections) claimAll(ctx context.Context, app signaling.AppID, a asking, stay Stay, errs []error) (map[signaling.RoomID]uint64, error) {
	turns := map[signaling.RoomID]uint64{}
	if !slices.Contains(errs, nil) {
		return turns, nil
	}
	if stay.Status != Connected {
		turn, err := c.claim(ctx, app, a.host, a.ID)
		if errors.Is(err, signaling.ErrConnectionPending) || errors.Is(err, signaling.ErrConnectedElsewhere) {
			err = errRace // a moment ago it was not
		}
		if err != nil {
			return nil, err
		}
		turns[a.From.RoomID] = turn
	}
	var mu sync.Mutex
	each(len(a.To), func(i int) {
		if errs[i] != nil {
			return
		}
		turn, err := c.claim(ctx, app, a.hosts[i], a.ID)
		mu.Lock()
		defer mu.Unlock()
		if errs[i] = err; err == nil {
			turns[a.To[i].RoomID] = turn
		}
	})
	return turns, nil
}

// repeated answers a command whose connection has ended since.
func (c *Connections) repeated(ctx context.Context, app signaling.AppID, doc Connection, a asking) (Done, error) {
	errs := make([]error, len(a.To))
	for i, to := range a.To {
		if !slices.ContainsFunc(doc.Stays, func(s Stay) bool { return s.RoomID == to.RoomID && s.by(a.Command, a.From.RoomID) }) {
			errs[i] = signaling.ErrConnectionTooFrequent
		}
	}
	version, err := c.showTo(ctx, app, doc, a.From.RoomID)
	return Done{version, errs}, err
}

// claim takes a room for a connection, from one that has no place for it any more if need be.
func (c *Connections) claim(ctx context.Context, app signaling.AppID, h Host, connection string) (uint64, error) {
	cl, err := record.Update(ctx, c.cfg.Values, claimOf(app, h.RoomID), func(cl *claim, _ uint64) error {
		if cl.Connection != "" {
			if err := c.leaves(ctx, app, h, cl.Connection, connection); err != nil {
				return err
			}
		}
		cl.Connection, cl.Turn = connection, max(cl.Turn, h.Turn)+1
		return nil
	})
	return cl.Turn, err
}

// leaves makes sure that a room is out of the connection that has claimed it, and has been shown so: what it is shown of
// the next one is not to come before that. With a place in it, it is not.
func (c *Connections) leaves(ctx context.Context, app signaling.AppID, h Host, old, next string) error {
	// Not merely looked at: a place whose time is over must not become a request any more.
	doc, err := c.apply(ctx, app, old, Expire{})
	if errors.Is(err, signaling.ErrConnectionNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if s, in := doc.Find(h.RoomID); in && s.Created != h.Created { // of a room that had this id before
		if doc, err = c.apply(ctx, app, old, Lose{h.RoomID, s.Turn}); err != nil {
			return err
		}
	}
	if s, in := doc.Find(h.RoomID); in && old != next {
		if s.Status == Connected && len(doc.Connected()) > 0 {
			return signaling.ErrConnectedElsewhere
		}
		return signaling.ErrConnectionPending
	}
	for _, s := range doc.Stays {
		if s.RoomID == h.RoomID && s.Status == Out && s.Gone > doc.Told {
			if err := c.show(ctx, app, s, doc); err != nil && !errors.Is(err, signaling.ErrRoomNotExist) {
				return err
			}
		}
	}
	return nil
}

// Change carries out an Answer, a Cancel or a Leave for a room, by a user who must be its owner.
func (c *Connections) Change(ctx context.Context, app signaling.AppID, room signaling.RoomID, by signaling.UserID, cmd Command) (Done, error) {
	if _, err := c.cfg.Rooms.Host(ctx, app, room, by); err != nil {
		return Done{}, err
	}
	cl, _, err := record.Load[claim](ctx, c.cfg.Values, claimOf(app, room))
	if err != nil {
		return Done{}, err
	}
	if cl.Connection == "" {
		return Done{}, signaling.ErrConnectionNotExist
	}
	doc, err := c.apply(ctx, app, cl.Connection, cmd)
	if err != nil {
		return Done{}, err
	}
	c.changed(id{app, cl.Connection})
	version, err := c.showTo(ctx, app, doc, room)
	return Done{Version: version}, err
}

// each calls f for 0 to n-1 side by side and waits.
func each(n int, f func(i int)) {
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { f(i) })
	}
	wg.Wait()
}
