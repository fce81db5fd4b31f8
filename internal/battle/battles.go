package battle

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/openvoiceroom/openvoiceroom/internal/record"
	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// Rooms is what battles need of rooms. Errors are those of the calls of clients.
type Rooms interface {
	// Room returns a room as it enters a battle.
	Room(ctx context.Context, app signaling.AppID, id signaling.RoomID) (Room, error)

	// Show has a room's members see the battle as it is. A room that has seen it, or something newer, is no error;
	// another room of that id is [signaling.ErrRoomNotExist].
	Show(ctx context.Context, app signaling.AppID, r Room, b Battle) error

	// Near reports whether this node is the one to look after the battles that this room has started.
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
	stop   func() // of the watch
	hint   chan struct{}

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
	b := &Battles{cfg: cfg, hint: make(chan struct{}, 1), followed: map[id]chan struct{}{}}
	b.ctx, b.cancel = context.WithCancel(context.Background())
	stop, err := cfg.Values.WatchValues(store.BucketBattle, func() {
		select {
		case b.hint <- struct{}{}:
		default:
		}
	})
	if err != nil {
		b.cancel()
		return nil, err
	}
	b.stop = stop
	b.wg.Go(b.scanForever)
	return b, nil
}

// Close waits for everything that New has started. The battles go on at other nodes, or when one starts again.
func (b *Battles) Close() {
	b.mu.Lock()
	first := !b.closed
	b.closed = true
	b.mu.Unlock()
	b.cancel()
	if first {
		b.stop()
	}
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

// claim says which battle a room is in, if that lives.
type claim struct {
	Battle string `json:"battle"`
}

// load returns a battle as it is now: overdue ones have ended, whether or not somebody has noted it.
func (b *Battles) load(ctx context.Context, app signaling.AppID, battle string) (Battle, error) {
	got, _, err := record.Load[Battle](ctx, b.cfg.Values, keyOf(app, battle))
	if err != nil {
		return got, err
	}
	if got.ID == "" {
		return got, ErrUnknown
	}
	return Apply(got, Expire{}, time.Now())
}

// apply has a command decided and stored.
func (b *Battles) apply(ctx context.Context, app signaling.AppID, battle string, c Command) (Battle, error) {
	return record.Update(ctx, b.cfg.Values, keyOf(app, battle), func(doc *Battle, _ uint64) error {
		next, err := Apply(*doc, c, time.Now())
		if err == nil && next.Seq == doc.Seq {
			err = record.ErrKeep
		}
		*doc = next
		return err
	})
}

// Result is what became of one invited room.
type Result struct {
	Room signaling.RoomID
	Err  error // nil: it is in the battle; [ErrBattling]: it is in another
}

// Start begins a battle at once. Rooms that cannot take part are left out: their results say why.
func (b *Battles) Start(ctx context.Context, app signaling.AppID, c Create) (Battle, []Result, error) {
	c.ID = rand.Text()
	if _, err := Apply(Battle{}, c, time.Now()); err != nil { // before anybody is asked
		return Battle{}, nil, err
	}
	errs := make([]error, len(c.Rooms))
	each(len(c.Rooms), func(i int) {
		r, err := b.cfg.Rooms.Room(ctx, app, c.Rooms[i].RoomID)
		if errs[i] = err; err == nil {
			c.Rooms[i] = r
		}
	})
	if errs[0] != nil {
		return Battle{}, nil, errs[0]
	}
	if _, err := b.apply(ctx, app, c.ID, c); err != nil {
		return Battle{}, nil, err
	}
	defer b.follow(id{app, c.ID}, true)
	if err := b.claim(ctx, app, c.Rooms[0].RoomID, c.ID); err != nil {
		b.giveUp(ctx, app, c)
		return Battle{}, nil, err
	}
	each(len(c.Rooms)-1, func(i int) {
		if i++; errs[i] == nil {
			errs[i] = b.claim(ctx, app, c.Rooms[i].RoomID, c.ID)
		}
	})
	results := make([]Result, len(c.Rooms)-1)
	in := []signaling.RoomID{c.Rooms[0].RoomID}
	for i, err := range errs[1:] {
		results[i] = Result{c.Rooms[i+1].RoomID, err}
		if err == nil {
			in = append(in, c.Rooms[i+1].RoomID)
		}
	}
	begun, err := b.apply(ctx, app, c.ID, Begin{in})
	if errors.Is(err, ErrUnknown) { // forgotten already, for it took so long
		err = errLate
	}
	if err != nil {
		b.giveUp(ctx, app, c)
		return Battle{}, nil, err
	}
	b.showAll(ctx, app, begun)
	return begun, results, nil
}

// giveUp ends a battle that has not begun. Without it the claims count for a moment longer.
func (b *Battles) giveUp(ctx context.Context, app signaling.AppID, c Create) {
	for _, r := range c.Rooms[1:] { // without them nobody is left
		if _, err := b.apply(ctx, app, c.ID, Leave{r.RoomID}); err != nil {
			b.cfg.Logger.Debug("battle not given up", "app", app, "battle", c.ID, "error", err)
			return
		}
	}
}

// claim takes a room for a battle, from a battle that lives no more if need be.
func (b *Battles) claim(ctx context.Context, app signaling.AppID, room signaling.RoomID, battle string) error {
	_, err := record.Update(ctx, b.cfg.Values, claimOf(app, room), func(c *claim, rev uint64) error {
		if rev != 0 && c.Battle != battle {
			// Not merely looked at: a battle that has not begun in time must not begin any more.
			other, err := b.apply(ctx, app, c.Battle, Expire{})
			switch {
			case errors.Is(err, ErrUnknown):
			case err != nil:
				return err
			case other.Holds(room):
				return ErrBattling
			}
		}
		c.Battle = battle
		return nil
	})
	return err
}

// release forgets that a room is in a battle.
func (b *Battles) release(ctx context.Context, app signaling.AppID, room signaling.RoomID, battle string) error {
	err := record.Delete(ctx, b.cfg.Values, claimOf(app, room), func(c claim) error {
		if c.Battle != battle {
			return record.ErrKeep // another's by now
		}
		return nil
	})
	if errors.Is(err, record.ErrKeep) {
		return nil
	}
	return err
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
	return b.load(ctx, app, battle)
}

// OfRoom returns the battle that a room is in.
func (b *Battles) OfRoom(ctx context.Context, app signaling.AppID, room signaling.RoomID) (Battle, error) {
	c, _, err := record.Load[claim](ctx, b.cfg.Values, claimOf(app, room))
	if err != nil {
		return Battle{}, err
	}
	got, err := b.load(ctx, app, c.Battle)
	if err == nil && (!got.Holds(room) || got.Status != Running) {
		err = ErrUnknown
	}
	return got, err
}

// showAll has the rooms show a battle. A room that cannot be reached is told later.
func (b *Battles) showAll(ctx context.Context, app signaling.AppID, battle Battle) (gone []signaling.RoomID, err error) {
	var mu sync.Mutex
	each(len(battle.Rooms), func(i int) {
		r := battle.Rooms[i]
		if r.Left {
			return
		}
		e := b.cfg.Rooms.Show(ctx, app, r, battle)
		mu.Lock()
		defer mu.Unlock()
		switch {
		case errors.Is(e, signaling.ErrRoomNotExist):
			gone = append(gone, r.RoomID)
		case e != nil:
			err = errors.Join(err, e)
		}
	})
	return gone, err
}

// each calls f for 0 to n-1 side by side and waits.
func each(n int, f func(i int)) {
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { f(i) })
	}
	wg.Wait()
}
