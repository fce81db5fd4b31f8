package battle

import (
	"context"
	"errors"
	"log/slog"
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
}

// Rooms is what battles need of rooms. Errors are those of the calls of clients.
type Rooms interface {
	// Host asks a room's home about it. by is who wants something done for the room, empty for nobody: somebody else than
	// its owner is [signaling.ErrNeedOwner].
	Host(ctx context.Context, app signaling.AppID, id signaling.RoomID, by signaling.UserID) (Host, error)

	// Show has the members of a battle's i-th room see it as it is for that room, and returns the room's version that shows
	// it. A room that has seen it, or something newer, is no error; another room of that id is [signaling.ErrRoomNotExist].
	Show(ctx context.Context, app signaling.AppID, b Battle, i int) (version uint64, err error)

	// Connected returns the connection that a room is in, and its rooms, that one among them; neither, where it is in none.
	Connected(ctx context.Context, app signaling.AppID, id signaling.RoomID) (connection string, rooms []signaling.RoomID, err error)

	// Near reports whether this node is the one to look after the battles in which this room is the first.
	Near(app signaling.AppID, id signaling.RoomID) bool
}

// Config of Battles. All but Logger is required.
type Config struct {
	Values store.Values
	Apps   []signaling.AppID
	Rooms  Rooms
	Logger *slog.Logger
}

// Battles are the battles of all apps. Its methods may be called from many goroutines.
type Battles struct {
	cfg    Config
	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu       sync.Mutex           // protects what follows; nothing is called while it is held
	followed map[id]chan struct{} // a token in it: look at once
	closed   bool
}

// id names a battle of the whole server.
type id struct {
	app    signaling.AppID
	battle string
}

// New starts to look after the battles, those included that others have begun. Close ends it.
func New(cfg Config) (*Battles, error) {
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	b := &Battles{cfg: cfg, followed: map[id]chan struct{}{}}
	b.ctx, b.cancel = context.WithCancel(context.Background())
	scan, err := record.Scan(cfg.Values, store.BucketBattle, b.scanAll)
	if err != nil {
		b.cancel()
		return nil, err
	}
	b.wg.Go(func() { scan(b.ctx) })
	return b, nil
}

// Close waits for everything that New has started. The battles go on at other nodes, or when one starts again.
func (b *Battles) Close() {
	b.mu.Lock()
	b.closed = true
	b.mu.Unlock()
	b.cancel()
	b.wg.Wait()
}

func keyOf(app signaling.AppID, battle string) store.ValueKey {
	return store.ValueKey{Bucket: store.BucketBattle, App: app, ID: battle}
}

// claims is the ID of rooms' claims. A battle's is longer.
const claims = "room"

func claimOf(app signaling.AppID, room signaling.RoomID) store.ValueKey {
	return store.ValueKey{Bucket: store.BucketBattle, App: app, ID: claims, Sub: string(room)}
}

// claim says which battle a room is in, or is asked for, if that lives.
type claim struct {
	Battle string `json:"battle"`
	Turn   uint64 `json:"turn,omitempty"`
}

// load returns a battle as it is now: overdue ones have ended, whether or not somebody has noted it.
func (b *Battles) load(ctx context.Context, app signaling.AppID, battle string) (Battle, error) {
	if !validID(battle) {
		return Battle{}, signaling.ErrBattleNotExist
	}
	got, _, err := record.Load[Battle](ctx, b.cfg.Values, keyOf(app, battle))
	if err != nil {
		return got, err
	}
	return Apply(got, Expire{}, time.Now())
}

// apply has a command decided and stored.
func (b *Battles) apply(ctx context.Context, app signaling.AppID, battle string, c Command) (Battle, error) {
	if !validID(battle) {
		return Battle{}, signaling.ErrBattleNotExist
	}
	return record.Update(ctx, b.cfg.Values, keyOf(app, battle), func(doc *Battle, _ uint64) error {
		next, err := Apply(*doc, c, time.Now())
		if err == nil && next.Seq == doc.Seq {
			err = record.ErrKeep
		}
		*doc = next
		return err
	})
}

// SetScores changes scores and returns which of the rooms are in the battle.
func (b *Battles) SetScores(ctx context.Context, app signaling.AppID, battle string, c SetScores) (Battle, error) {
	now, err := b.apply(ctx, app, battle, c)
	if err != nil {
		return Battle{}, err
	}
	b.showAll(ctx, app, now)
	return now, nil
}

// Get returns a battle, also one that has ended lately.
func (b *Battles) Get(ctx context.Context, app signaling.AppID, battle string) (Battle, error) {
	got, err := b.load(ctx, app, battle)
	if err == nil && got.Asked == 0 && got.Start == 0 { // nobody knows of it yet, or ever
		err = signaling.ErrBattleNotExist
	}
	return got, err
}

// OfRoom returns the battle that goes on and that a room is in.
func (b *Battles) OfRoom(ctx context.Context, app signaling.AppID, room signaling.RoomID) (Battle, error) {
	c, _, err := record.Load[claim](ctx, b.cfg.Values, claimOf(app, room))
	if err != nil {
		return Battle{}, err
	}
	got, err := b.load(ctx, app, c.Battle)
	if err == nil && (!got.Holds(room) || got.Status != Running) {
		err = signaling.ErrBattleNotExist
	}
	return got, err
}

// Change carries out an Answer, a Cancel or a Leave for a room, by a user who must be its owner. It returns the room's
// version that shows the change.
func (b *Battles) Change(ctx context.Context, app signaling.AppID, room signaling.RoomID, by signaling.UserID, battle string, c Command) (version uint64, err error) {
	if _, err := b.cfg.Rooms.Host(ctx, app, room, by); err != nil {
		return 0, err
	}
	doc, err := b.apply(ctx, app, battle, c)
	if err != nil {
		return 0, err
	}
	b.follow(id{app, battle}, true)
	return b.showTo(ctx, app, doc, room)
}

// Disconnected takes a room that is connected no longer out of what needs a connection. Without it that is noticed a moment
// later.
func (b *Battles) Disconnected(ctx context.Context, app signaling.AppID, room signaling.RoomID) {
	if err := b.disconnected(ctx, app, room); err != nil {
		b.cfg.Logger.Debug("battle not looked at", "app", app, "room", room, "error", err)
	}
}

func (b *Battles) disconnected(ctx context.Context, app signaling.AppID, room signaling.RoomID) error {
	c, _, err := record.Load[claim](ctx, b.cfg.Values, claimOf(app, room))
	if err != nil || c.Battle == "" {
		return err
	}
	doc, err := b.load(ctx, app, c.Battle)
	if err != nil || doc.Connection == "" || !doc.Holds(room) {
		return err
	}
	connection, _, err := b.cfg.Rooms.Connected(ctx, app, room)
	if err != nil || connection == doc.Connection {
		return err
	}
	// This one first: without it the others may be connected with nobody.
	if _, err := b.apply(ctx, app, c.Battle, Lose{Room: room}); err != nil {
		return err
	}
	b.follow(id{app, c.Battle}, true)
	return nil
}

// showTo has one room show a battle, and returns the version with which it does; 0 where there is nothing to show.
func (b *Battles) showTo(ctx context.Context, app signaling.AppID, battle Battle, room signaling.RoomID) (uint64, error) {
	i, ok := battle.Find(room)
	if !ok {
		return 0, nil
	}
	if _, shown := battle.View(i); !shown {
		return 0, nil
	}
	return b.cfg.Rooms.Show(ctx, app, battle, i)
}

// showAll has the rooms show a battle, but for those that know that it is over for them. It returns those that show it, and
// those that exist no more. A room that cannot be reached is told later.
func (b *Battles) showAll(ctx context.Context, app signaling.AppID, battle Battle) (shown, gone []signaling.RoomID, err error) {
	var mu sync.Mutex
	each(len(battle.Rooms), func(i int) {
		r := battle.Rooms[i]
		if r.Told || r.Lost {
			return
		}
		_, e := b.showTo(ctx, app, battle, r.RoomID)
		mu.Lock()
		defer mu.Unlock()
		switch {
		case e == nil:
			shown = append(shown, r.RoomID)
		case errors.Is(e, signaling.ErrRoomNotExist):
			gone = append(gone, r.RoomID)
		default:
			err = errors.Join(err, e)
		}
	})
	return shown, gone, err
}

// each calls f for 0 to n-1 side by side and waits.
func each(n int, f func(i int)) {
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { f(i) })
	}
	wg.Wait()
}
