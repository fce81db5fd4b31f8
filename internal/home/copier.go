package home

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/openvoiceroom/openvoiceroom/internal/store"
)

const (
	copyQueue    = 256             // entries that wait to be copied; what is more is read from the log
	copyTry      = 2 * time.Second // one talk with the store
	copyPause    = 50 * time.Millisecond
	copyMaxPause = 10 * time.Second
	copyPage     = 256 // entries that are read at once
)

// copyMargin is how much younger than what a copy keeps an entry has to be that is copied. The copy may be empty because its
// newest entry has ended by age: what is older than that has been copied.
const copyMargin = time.Hour

// copier copies what is to be kept of a room's log into another of its logs, each entry once and in the log's order: into
// the outbox, which the app's server is told of, or into the audit log. The copy's newest entry says how far that has got,
// and an append names the entry behind which it goes: of two homes, of which one does not know yet that it is none any
// more, either may copy, and they cannot copy twice. Nobody waits for it but the log, which is trimmed no further than it
// has got.
type copier struct {
	node *Node
	key  store.Key
	to   digest
	log  *slog.Logger
	ctx  context.Context // of the home
	work errand

	last  uint64 // the copy's newest revision, where known is true
	known bool

	mu     sync.Mutex // protects what follows
	queue  []queued
	front  uint64 // while gap: the queue holds what there is above this revision
	gap    bool   // what is above done and up to front may have to be copied
	missed bool   // the queue was full: what is above its end has to be read
	newest uint64 // revision of the newest entry that was fed
	done   uint64 // everything up to this revision has been copied, or is nothing to tell
}

type queued struct {
	rev uint64
	e   Entry
}

// digest says what is copied, and where to.
type digest struct {
	name   string
	log    store.Log
	age    time.Duration // how old an entry may be that is copied
	wanted func() bool
	has    func(*Entry) bool                // is there something to copy?
	record func(rev uint64, e Entry) []byte // what to copy, as JSON; nil: nothing after all
	copied func()                           // an entry has been copied
}

// newCopier makes a copier for a room whose entries above front it will be fed with.
func (n *Node) newCopier(ctx context.Context, key store.Key, to digest, front uint64) *copier {
	return &copier{
		node: n, key: key, to: to, log: n.log.With("app", key.App, "room", key.Room, "copy", to.name), ctx: ctx,
		front: front, newest: front, gap: front > 0,
	}
}

// feed hands over an entry that is in the log now.
func (c *copier) feed(rev uint64, e Entry) {
	if !c.to.has(&e) {
		return
	}
	c.mu.Lock()
	c.newest = rev
	if c.missed = c.missed || len(c.queue) == copyQueue; !c.missed {
		c.queue = append(c.queue, queued{rev, e})
	}
	c.mu.Unlock()
	c.work.run(c.node, c.run)
}

// covers reports whether the log's entries below a revision are needed no more. If not, it sees to it.
func (c *copier) covers(rev uint64) bool {
	if !c.to.wanted() {
		return true
	}
	c.mu.Lock()
	idle := !c.gap && !c.missed && len(c.queue) == 0
	covered := idle || c.done+1 >= rev
	c.mu.Unlock()
	if !idle {
		c.work.run(c.node, c.run)
	}
	return covered
}

// run copies until there is nothing left.
func (c *copier) run() {
	pause, tries := copyPause, 0
	for c.ctx.Err() == nil {
		before := c.copied()
		err := c.copyAll(c.ctx)
		if err == nil || c.ctx.Err() != nil || errors.Is(err, store.ErrClosed) {
			return // a next home goes on
		}
		if tries++; c.copied() > before {
			pause, tries = copyPause, 0
		}
		if tries == 5 { // it is no moment's trouble
			c.log.Warn("cannot copy from the room's log; it waits", "error", err)
		}
		select {
		case <-c.ctx.Done():
			return
		case <-time.After(pause):
		}
		pause = min(2*pause, copyMaxPause)
	}
}

// copyAll copies what there is. After an error it can be called again.
func (c *copier) copyAll(ctx context.Context) error {
	if !c.to.wanted() {
		c.skip()
		return nil
	}
	if !c.known {
		if err := c.look(ctx); err != nil {
			return err
		}
	}
	for {
		c.mu.Lock()
		if c.gap && !c.missed && c.done >= c.front {
			c.gap = false // the mark says so
		}
		switch {
		case c.gap || c.missed:
			c.gap, c.missed, c.front, c.queue = true, false, ^uint64(0), nil
			newest := c.newest
			c.mu.Unlock()
			if err := c.fill(ctx, newest); err != nil {
				return err
			}
			c.mu.Lock()
			c.gap = false
			c.mu.Unlock()
		case len(c.queue) == 0:
			c.mu.Unlock()
			return nil
		default:
			q := c.queue[0]
			c.mu.Unlock()
			if err := c.tell(ctx, q.rev, q.e); err != nil {
				return err
			}
			c.mu.Lock()
			c.queue[0] = queued{} // the array keeps its place until it grows
			c.queue = c.queue[1:]
			c.mu.Unlock()
		}
	}
}

// skip forgets everything: the app does not want to be told any more.
func (c *copier) skip() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.queue, c.gap, c.missed, c.done = nil, false, false, max(c.done, c.newest)
}

// fill copies from the log what has not been copied, as far as newest at least.
func (c *copier) fill(ctx context.Context, newest uint64) error {
	for {
		list, err := c.read(ctx)
		if err != nil {
			return err
		}
		for _, raw := range list {
			e, err := decodeEntry(raw.Data)
			if err != nil {
				c.log.Error("entry not copied", "rev", raw.Rev, "error", err)
			}
			if err != nil || !c.to.has(&e) || time.Since(raw.Time) > c.to.age {
				c.advance(raw.Rev)
				continue
			}
			if err := c.tell(ctx, raw.Rev, e); err != nil {
				return err
			}
		}
		if len(list) == copyPage {
			continue
		}
		if c.copied() >= newest {
			return nil
		}
		try, cancel := context.WithTimeout(ctx, copyTry)
		_, err = c.node.store.Last(try, c.key)
		cancel()
		if errors.Is(err, store.ErrNotFound) { // somebody has removed the log, who had copied it before
			c.advance(newest)
			return nil
		}
		if err == nil {
			err = errors.New("home: the log's newest entries cannot be read yet")
		}
		return err
	}
}

// read returns the first of the log's entries that have not been copied.
func (c *copier) read(ctx context.Context) ([]store.Entry, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*copyTry)
	defer cancel()
	return c.node.store.After(ctx, c.key, c.copied(), copyPage)
}

func (c *copier) copied() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.done
}

// advance notes how far the copy has got.
func (c *copier) advance(rev uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.done = max(c.done, rev)
}

// look reads how far the copy has got.
func (c *copier) look(ctx context.Context) error {
	c.known = false
	try, cancel := context.WithTimeout(ctx, copyTry)
	defer cancel()
	e, err := c.to.log.Last(try, c.key)
	switch {
	case errors.Is(err, store.ErrNotFound):
		c.last, c.known = 0, true
		return nil
	case err != nil:
		return err
	}
	var t Told
	if err := json.Unmarshal(e.Data, &t); err != nil {
		return fmt.Errorf("home: unreadable entry of a copy: %w", err)
	}
	c.last, c.known = e.Rev, true
	c.advance(t.Rev)
	return nil
}

// tell copies one entry, unless that has been done.
func (c *copier) tell(ctx context.Context, rev uint64, e Entry) error {
	if rev <= c.copied() {
		return nil
	}
	if data := c.to.record(rev, e); data != nil {
		b, err := json.Marshal(Told{Rev: rev, Data: data})
		if err == nil {
			err = c.append(ctx, rev, b)
		} else {
			c.log.Error("entry not copied: no JSON", "rev", rev, "error", err)
			err = nil
		}
		if err != nil {
			return err
		}
	}
	c.advance(rev)
	return nil
}

// append puts b behind the copy's newest entry. When that is another by now, or the outcome is unknown, the copy
// says whether this very entry is there, by whomever.
func (c *copier) append(ctx context.Context, rev uint64, b []byte) error {
	for {
		try, cancel := context.WithTimeout(ctx, copyTry)
		at, err := c.to.log.Append(try, c.key, b, c.last)
		cancel()
		switch {
		case err == nil:
			c.last = at
			c.to.copied()
			return nil
		case errors.Is(err, store.ErrTooLarge):
			c.log.Error("entry not copied: too large", "rev", rev, "bytes", len(b))
			return nil
		}
		before := c.last
		if err := c.look(ctx); err != nil {
			return err
		}
		if c.copied() >= rev {
			c.to.copied()
			return nil
		}
		if c.last == before {
			return err
		}
	}
}
