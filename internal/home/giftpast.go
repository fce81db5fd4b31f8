package home

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// manyGiftUsers is how many make lists of them worth keeping for a moment.
const (
	manyGiftUsers = 500
	listsAge      = time.Second
)

// load reads what is in the store, and counts what is only in the log.
func (b *book) load(ctx context.Context) error {
	b.mu.Lock()
	loaded := b.loaded
	b.mu.Unlock()
	if loaded {
		return nil
	}
	select { // a node that starts may have thousands of rooms
	case b.node.announcers <- struct{}{}:
		defer func() { <-b.node.announcers }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	read := &book{key: b.key, created: b.created, node: b.node}
	var err error
	// The cover before the pages: these may be written meanwhile, but never after a cover that speaks of them.
	if read.cover, read.rev, err = b.read(ctx, coverKey(b.key, b.created)); err != nil {
		return err
	}
	counted, err := read.readPages(ctx)
	if err != nil {
		return err
	}
	if err := read.readLog(ctx, b.front, counted); err != nil {
		return err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.pages, b.users, b.rev, b.facts = read.pages, read.users, read.rev, read.facts
	b.dirty = read.dirty || b.cover.Ended != read.cover.Ended
	b.cover.Ended = max(b.cover.Ended, read.cover.Ended)
	b.newest, b.loaded = max(b.newest, read.newest), true
	if !b.dirty {
		b.saved = b.newest
	}
	return nil
}

// readPages fills in the pages as they are in the store. It returns up to which of the log's revisions each has counted.
func (b *book) readPages(ctx context.Context) (counted [giftPages]uint64, err error) {
	try, cancel := context.WithTimeout(ctx, 5*copyTry)
	defer cancel()
	values, err := b.node.store.Values(try, store.BucketGift, b.key.App, string(b.key.Room))
	if err != nil {
		return counted, err
	}
	b.pages = make([]bookPage, giftPages)
	for key, v := range values {
		created, page, isPage := parseGiftKey(key)
		if !isPage || created != b.created {
			continue
		}
		var doc pageValue
		if err := json.Unmarshal(v.Data, &doc); err != nil {
			return counted, fmt.Errorf("home: unreadable page of gifts: %w", err)
		}
		counted[page] = doc.Rev
		b.pages[page] = bookPage{users: doc.Users, rev: v.Rev}
		b.users += len(doc.Users)
	}
	return counted, nil
}

// readLog counts what is in the log above the cover, up to front.
func (b *book) readLog(ctx context.Context, front uint64, counted [giftPages]uint64) error {
	var revs [giftPages]uint64
	for i := range b.pages { // while it is not loaded, user wants to know how far the log is counted
		revs[i], b.pages[i].rev = b.pages[i].rev, counted[i]
	}
	for at, more := b.cover.Rev, true; more; {
		try, cancel := context.WithTimeout(ctx, 5*copyTry)
		list, err := b.node.store.After(try, b.key, at, copyPage)
		cancel()
		if err != nil {
			return err
		}
		for _, raw := range list {
			if at = raw.Rev; at > front {
				break
			}
			e, err := decodeEntry(raw.Data)
			if err != nil {
				return err
			}
			b.count(at, e)
		}
		more = len(list) == copyPage && at <= front
	}
	for i := range b.pages {
		b.pages[i].rev = revs[i]
	}
	return nil
}

// parseGiftKey undoes pageKey and coverKey.
func parseGiftKey(key store.ValueKey) (created int64, page int, isPage bool) {
	room, sub, isPage := strings.Cut(key.Sub, ".")
	created, err := strconv.ParseInt(room, 10, 64)
	if err != nil {
		return 0, 0, false
	}
	if isPage {
		if page, err = strconv.Atoi(sub); err != nil || page < 0 || page >= giftPages {
			return 0, 0, false
		}
	}
	return created, page, isPage
}

// giftLists are the users who have sent or been given most.
type giftLists struct {
	senders, receivers []signaling.GiftTally
	at                 time.Time
}

// totals answers a question. In a room with many users the lists may be a second old.
func (b *book) totals(q GiftQuery) signaling.GiftTotals {
	b.mu.Lock()
	defer b.mu.Unlock()
	if now := time.Now(); b.users < manyGiftUsers || now.Sub(b.lists.at) > listsAge {
		b.lists = b.top(now)
	}
	stats := b.cover.Stats
	t := signaling.GiftTotals{
		TotalGiftsSent: stats.TotalGiftsSent, TotalGiftCoins: stats.TotalGiftCoins, TotalUniqueGiftSenders: stats.TotalUniqueGiftSenders,
		Senders:   append([]signaling.GiftTally{}, b.lists.senders[:min(q.Limit, len(b.lists.senders))]...), // a list is never null
		Receivers: append([]signaling.GiftTally{}, b.lists.receivers[:min(q.Limit, len(b.lists.receivers))]...),
	}
	if q.User != "" {
		g := b.find(q.User)
		if g == nil {
			g = &userGifts{}
		}
		t.Sent = &signaling.GiftTally{UserID: q.User, UserName: g.Name, Count: g.Sent[0], Coins: g.Sent[1]}
		t.Received = &signaling.GiftTally{UserID: q.User, UserName: g.Name, Count: g.Received[0], Coins: g.Received[1]}
	}
	return t
}

// top makes the lists; b.mu is held.
func (b *book) top(now time.Time) (l giftLists) {
	l.at = now
	for i := range b.pages {
		for id, g := range b.pages[i].users {
			if g.Sent[0] > 0 {
				l.senders = append(l.senders, signaling.GiftTally{UserID: id, UserName: g.Name, Count: g.Sent[0], Coins: g.Sent[1]})
			}
			if g.Received[0] > 0 {
				l.receivers = append(l.receivers, signaling.GiftTally{UserID: id, UserName: g.Name, Count: g.Received[0], Coins: g.Received[1]})
			}
		}
	}
	for _, list := range []*[]signaling.GiftTally{&l.senders, &l.receivers} {
		slices.SortFunc(*list, func(a, b signaling.GiftTally) int {
			return cmp.Or(cmp.Compare(b.Coins, a.Coins), cmp.Compare(b.Count, a.Count), cmp.Compare(a.UserID, b.UserID))
		})
		*list = slices.Clone((*list)[:min(len(*list), signaling.MaxGiftTop)])
	}
	return l
}

// pastGifts reads the gifts of the newest room of an id that is over.
func (n *Node) pastGifts(ctx context.Context, key store.Key, q GiftQuery) (t signaling.GiftTotals, err error) {
	keys, err := n.store.Keys(ctx, store.BucketGift, key.App, string(key.Room))
	if err != nil {
		return t, &signaling.Error{Code: signaling.ErrServer.Code, Err: err}
	}
	b := &book{node: n, key: key}
	for _, k := range keys {
		if created, _, isPage := parseGiftKey(k); !isPage {
			b.created = max(b.created, created)
		}
	}
	newest, err := n.kept(ctx, key, 0) // in which perhaps nobody has sent any
	if err != nil && !errors.Is(err, signaling.ErrRoomNotExist) {
		return t, err
	}
	if b.created == 0 || newest.CreateTime > b.created {
		return t, signaling.ErrRoomNotExist
	}
	if b.cover, b.rev, err = b.read(ctx, coverKey(key, b.created)); err == nil {
		_, err = b.readPages(ctx)
	}
	if err != nil {
		return t, &signaling.Error{Code: signaling.ErrServer.Code, Err: err}
	}
	return b.totals(q), nil
}

// TidyGifts removes the gifts of an app's rooms that have been over for [GiftsKept].
func (n *Node) TidyGifts(ctx context.Context, app signaling.AppID) error {
	keys, err := n.store.Keys(ctx, store.BucketGift, app, "")
	if err != nil {
		return err
	}
	pages := map[store.ValueKey][]store.ValueKey{} // by their covers
	for _, k := range keys {
		created, _, isPage := parseGiftKey(k)
		cover := coverKey(store.Key{App: app, Room: signaling.RoomID(k.ID)}, created)
		if isPage {
			pages[cover] = append(pages[cover], k)
		} else if pages[cover] == nil {
			pages[cover] = []store.ValueKey{}
		}
	}
	reader := &book{node: n}
	for cover, list := range pages {
		c, rev, err := reader.read(ctx, cover)
		if err != nil {
			return err
		}
		if c.Ended == 0 || time.Since(time.UnixMilli(c.Ended)) < GiftsKept {
			continue
		}
		for _, k := range list { // the cover last: it leads here again
			v, err := n.store.Get(ctx, k)
			if err == nil {
				err = n.store.Delete(ctx, k, v.Rev)
			}
			if err != nil && !errors.Is(err, store.ErrNotFound) && !errors.Is(err, store.ErrConflict) {
				return err
			}
		}
		if err := n.store.Delete(ctx, cover, rev); err != nil && !errors.Is(err, store.ErrConflict) {
			return err
		}
	}
	return nil
}
