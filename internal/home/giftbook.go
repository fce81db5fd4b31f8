package home

import (
	"context"
	"encoding/json"
	"errors"
	"hash/fnv"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

const (
	giftPages    = 128                    // of a book, each with the users whose ids hash to it
	maxGiftUsers = 20_000                 // who send or are given gifts in one room: a page has about 160 of them
	bookPause    = 250 * time.Millisecond // gifts are counted in the store together, so often at most
	bookWriters  = 16                     // pages that are written at once

	// GiftsKept is how long a room's gifts can be read after its end.
	GiftsKept = 7 * 24 * time.Hour
)

// book counts a room's gifts: per user in its pages, and how far it has got on its cover. They are values of the store,
// for they grow with the audience. Everything comes from the room's log: each page says up to which of the log's revisions
// it has counted, so nothing is counted twice, whoever goes on with it, and the log is kept until the cover says that all of
// it is in the store. Two homes, of which one does not know yet that it is none any more, write the same, and who is behind
// gives up. The home itself counts in memory, in the moment a gift is in the log.
type book struct {
	node    *Node
	key     store.Key
	created int64 // the room's CreateTime: a later room of the same id has its own
	log     *slog.Logger
	ctx     context.Context // of the home
	front   uint64          // the log's newest revision when this book was opened: what is above it is fed
	work    errand

	mu     sync.Mutex // protects what follows; nothing is called while it is held
	loaded bool       // what is in the store is here
	pages  []bookPage // giftPages of them, or none where there are no gifts
	users  int
	cover  bookCover
	rev    uint64      // of the cover in the store
	facts  []ShownGift // counted, and not told yet
	dirty  bool        // there is something to save
	newest uint64      // the log up to here is counted
	saved  uint64      // and up to here it is in the store, and told
	lists  giftLists
}

// bookPage is some of the users.
type bookPage struct {
	users map[signaling.UserID]*userGifts
	rev   uint64 // in the store
	dirty bool
}

// userGifts is what one user has sent and been given.
type userGifts struct {
	Name     string   `json:"n,omitempty"`
	Sent     [2]int64 `json:"s,omitzero"` // gifts, and coins
	Received [2]int64 `json:"r,omitzero"`
}

// pageValue and bookCover are values of the store.
type pageValue struct {
	Rev   uint64                          `json:"rev"` // the log up to here is counted
	Users map[signaling.UserID]*userGifts `json:"users"`
}

type bookCover struct {
	Rev   uint64                   `json:"rev"` // the log up to here is in all pages
	Stats signaling.LiveStatistics `json:"stats"`
	Ended int64                    `json:"ended,omitempty"` // when the room did, Unix milliseconds
}

func coverKey(key store.Key, created int64) store.ValueKey {
	return store.ValueKey{Bucket: store.BucketGift, App: key.App, ID: string(key.Room), Sub: strconv.FormatInt(created, 10)}
}

func pageKey(key store.Key, created int64, page int) store.ValueKey {
	k := coverKey(key, created)
	k.Sub += "." + strconv.Itoa(page)
	return k
}

func pageOf(u signaling.UserID) int {
	h := fnv.New32a()
	_, _ = h.Write([]byte(u)) // a hash takes everything
	return int(h.Sum32() % giftPages)
}

// newBook opens the book of the room that e shows; front is the log's newest revision that it is not fed with.
func (n *Node) newBook(ctx context.Context, key store.Key, e Entry, front uint64) *book {
	b := &book{
		node: n, key: key, created: e.State.Info.CreateTime, log: n.log.With("app", key.App, "room", key.Room),
		ctx: ctx, front: front, loaded: e.State.Gifts == 0, newest: front, saved: front,
	}
	if !b.loaded {
		b.saved = 0
	}
	b.cover.Stats = e.State.Stats
	return b
}

// ready reports whether the room's gifts are known. If not, it sees to it.
func (b *book) ready() bool {
	b.mu.Lock()
	loaded := b.loaded
	b.mu.Unlock()
	if !loaded {
		b.work.run(b.node, b.run)
	}
	return loaded
}

// feed hands over an entry that is in the log now.
func (b *book) feed(rev uint64, e Entry) {
	b.mu.Lock()
	b.count(rev, e)
	dirty := b.dirty
	if !dirty && b.loaded {
		b.saved = rev
	}
	b.mu.Unlock()
	if dirty {
		b.work.run(b.node, b.run)
	}
}

// covers reports whether the log's entries below a revision are needed no more. If not, it sees to it.
func (b *book) covers(rev uint64) bool {
	b.mu.Lock()
	idle := b.loaded && !b.dirty
	covered := idle || b.saved+1 >= rev
	b.mu.Unlock()
	if !idle {
		b.work.run(b.node, b.run)
	}
	return covered
}

// count counts what an entry tells, but for what is counted already; b.mu is held, or nobody else knows b.
func (b *book) count(rev uint64, e Entry) {
	if e.State.Info.CreateTime != b.created {
		return // of a former room of this id
	}
	b.newest = max(b.newest, rev)
	for _, ev := range e.Events {
		g, ok := ev.Event.(signaling.GiftReceived)
		if !ok {
			continue
		}
		b.dirty = true
		coins := int64(g.Count) * g.Gift.Coins
		if u := b.user(g.Sender, rev); u != nil {
			u.Sent[0], u.Sent[1] = room.AddUp(u.Sent[0], int64(g.Count)), room.AddUp(u.Sent[1], coins)
		}
		if u := b.user(g.Receiver, rev); u != nil {
			u.Received[0], u.Received[1] = room.AddUp(u.Received[0], int64(g.Count)), room.AddUp(u.Received[1], coins)
		}
		fact := ShownGift{GiftReceived: g, Created: b.created, Rev: rev, Version: e.Version, Order: ev.Order}
		if battle := e.State.Battle; battle.Runs() {
			fact.Battle = battle.ID
		}
		b.facts = append(b.facts, fact)
	}
	if e.State.Dismissed != 0 && b.cover.Ended == 0 && e.State.Gifts > 0 {
		b.cover.Ended, b.dirty = e.At, true
	}
	b.cover.Stats = e.State.Stats
}

// user returns whom to count a gift of the log's revision rev for; nil: that is done.
func (b *book) user(u signaling.UserInfo, rev uint64) *userGifts {
	if b.pages == nil {
		b.pages = make([]bookPage, giftPages)
	}
	p := &b.pages[pageOf(u.UserID)]
	if !b.loaded && rev <= p.rev { // p.rev is the log's until then
		return nil
	}
	if p.users == nil {
		p.users = map[signaling.UserID]*userGifts{}
	}
	g := p.users[u.UserID]
	if g == nil {
		g = &userGifts{}
		p.users[u.UserID] = g
		b.users++
	}
	g.Name, p.dirty = u.UserName, true
	return g
}

// hasSent reports whether a user has sent a gift before.
func (b *book) hasSent(u signaling.UserID) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	g := b.find(u)
	return g != nil && g.Sent[0] > 0
}

// find returns what a user has sent and been given, nil for nothing; b.mu is held.
func (b *book) find(u signaling.UserID) *userGifts {
	if b.pages == nil {
		return nil
	}
	return b.pages[pageOf(u)].users[u]
}

// place reports whether gifts of one user to another can be counted.
func (b *book) place(from, to signaling.UserID) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.users < maxGiftUsers || b.find(from) != nil && b.find(to) != nil {
		return nil
	}
	return signaling.Errorf(signaling.ErrLimit.Code, "%d users have sent gifts in this room or been given some, which is all it can count; open another room", maxGiftUsers)
}

// run saves until there is nothing to save.
func (b *book) run() {
	pause, tries := copyPause, 0
	for b.ctx.Err() == nil {
		err := b.save(b.ctx)
		b.mu.Lock()
		idle := err == nil && !b.dirty
		b.mu.Unlock()
		switch {
		case idle || errors.Is(err, store.ErrClosed):
			return
		case errors.Is(err, errMoved):
			b.log.Info("another node counts the room's gifts")
			return
		case err == nil:
			pause, tries = bookPause, 0
		default:
			if tries++; tries == 5 { // it is no moment's trouble
				b.log.Warn("cannot save the room's gifts; its log waits", "error", err)
			}
		}
		select {
		case <-b.ctx.Done():
			return
		case <-time.After(pause):
		}
		pause = min(2*pause, copyMaxPause)
	}
}

// finish saves what there is, for a room that has no home any more.
func (b *book) finish(ctx context.Context) error {
	err := b.save(ctx)
	if errors.Is(err, errMoved) {
		return nil // somebody else has
	}
	return err
}

// save puts what has been counted into the store: first what others have to be told, then the pages, and last the cover,
// which says that all of it is done. After an error it can be called again, here or by the room's next home.
func (b *book) save(ctx context.Context) error {
	if err := b.load(ctx); err != nil {
		return err
	}
	b.mu.Lock()
	if !b.dirty {
		b.mu.Unlock()
		return nil
	}
	upTo, facts := b.newest, b.facts
	b.dirty = false
	pages, err := b.take(upTo)
	b.cover.Rev = upTo
	cover := b.cover
	b.mu.Unlock()
	if err == nil {
		err = b.saveTaken(ctx, facts, pages, cover)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if err != nil {
		b.dirty = true
		for _, p := range pages {
			b.pages[p.index].dirty = true
		}
		return err
	}
	b.facts, b.saved = b.facts[len(facts):], upTo
	if len(b.facts) == 0 {
		b.facts = nil
	}
	if !b.dirty {
		b.saved = b.newest
	}
	return nil
}

// takenPage is a page as it is written.
type takenPage struct {
	index int
	data  []byte
}

// take encodes the pages that have changed; b.mu is held.
func (b *book) take(upTo uint64) (list []takenPage, err error) {
	for i := range b.pages {
		p := &b.pages[i]
		if !p.dirty {
			continue
		}
		data, err := json.Marshal(pageValue{upTo, p.users})
		if err != nil {
			return list, err
		}
		p.dirty = false
		list = append(list, takenPage{i, data})
	}
	return list, nil
}

func (b *book) saveTaken(ctx context.Context, facts []ShownGift, pages []takenPage, cover bookCover) error {
	if gifts := b.node.cfg.Gifts; gifts != nil && len(facts) > 0 {
		try, cancel := context.WithTimeout(ctx, 5*copyTry)
		err := gifts.Shown(try, b.key, facts)
		cancel()
		if err != nil {
			return err
		}
	}
	errs := make([]error, len(pages))
	turns := make(chan struct{}, bookWriters)
	var wg sync.WaitGroup
	for i, p := range pages {
		turns <- struct{}{}
		wg.Go(func() {
			defer func() { <-turns }()
			// Nobody else writes revisions while a save is under way.
			errs[i] = b.put(ctx, pageKey(b.key, b.created, p.index), p.data, cover.Rev, &b.pages[p.index].rev)
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	data, err := json.Marshal(cover)
	if err != nil {
		return err
	}
	return b.put(ctx, coverKey(b.key, b.created), data, cover.Rev, &b.rev)
}

// put stores a page or the cover, which have counted the log up to a revision, unless what is there has counted more.
func (b *book) put(ctx context.Context, key store.ValueKey, data []byte, counted uint64, rev *uint64) error {
	for {
		try, cancel := context.WithTimeout(ctx, copyTry)
		now, err := b.node.store.Put(try, key, data, *rev)
		cancel()
		if err == nil {
			*rev = now
			return nil
		}
		if errors.Is(err, store.ErrTooLarge) {
			b.log.Error("a page of the room's gifts is too large", "bytes", len(data))
			return err
		}
		there, at, readErr := b.read(ctx, key)
		switch {
		case readErr != nil:
			return readErr
		case there.Rev > counted:
			return errMoved
		case at == *rev:
			return err // nothing was stored
		}
		*rev = at
	}
}

// read returns up to which of the log's revisions a page or the cover has counted, and its revision in the store.
func (b *book) read(ctx context.Context, key store.ValueKey) (c bookCover, rev uint64, err error) {
	try, cancel := context.WithTimeout(ctx, copyTry)
	defer cancel()
	v, err := b.node.store.Get(try, key)
	if errors.Is(err, store.ErrNotFound) {
		return c, 0, nil
	}
	if err != nil {
		return c, 0, err
	}
	return c, v.Rev, json.Unmarshal(v.Data, &c)
}
