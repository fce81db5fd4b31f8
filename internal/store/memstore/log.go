package memstore

import (
	"context"
	"slices"
	"time"

	"github.com/openvoiceroom/openvoiceroom/internal/store"
)

// journal is a node's access to the logs of one kind.
type journal struct {
	node *Node
	logs *logs
}

// logs are all rooms' logs of one kind: the rooms' own, the outbox, or the audit log.
type logs struct {
	cluster *Cluster      // whose lock guards what follows
	maxAge  time.Duration // 0: entries do not end by age
	most    int           // entries of a room; 0: as many as there are
	entries map[store.Key][]store.Entry
	faults  []Fault
}

// Append implements [store.Log].
func (j *journal) Append(ctx context.Context, key store.Key, data []byte, last uint64) (uint64, error) {
	if len(data) > store.MaxPayload {
		return 0, store.ErrTooLarge
	}
	if err := j.node.enter(ctx); err != nil {
		return 0, err
	}
	rev, err := j.logs.append(key, data, last)
	// Stored or not, a node that was paused or killed meanwhile hears of it later or never.
	if !j.node.pass(nil) {
		return 0, store.ErrClosed
	}
	return rev, err
}

func (l *logs) append(key store.Key, data []byte, last uint64) (uint64, error) {
	c := l.cluster
	c.mu.Lock()
	defer c.mu.Unlock()
	log := l.of(key)
	var newest uint64
	if len(log) > 0 {
		newest = log[len(log)-1].Rev
	}
	if newest != last {
		return 0, store.ErrConflict
	}
	fault := l.nextFault()
	if fault == Before {
		return 0, ErrInjected
	}
	c.rev++
	log = append(log, store.Entry{Data: slices.Clone(data), Rev: c.rev, Time: time.Now()})
	if l.most > 0 && len(log) > l.most {
		log = log[len(log)-l.most:]
	}
	l.entries[key] = log
	if fault == After {
		return 0, ErrInjected
	}
	return c.rev, nil
}

// Last implements [store.Log].
func (j *journal) Last(ctx context.Context, key store.Key) (store.Entry, error) {
	if err := j.node.enter(ctx); err != nil {
		return store.Entry{}, err
	}
	j.logs.cluster.mu.Lock()
	defer j.logs.cluster.mu.Unlock()
	log := j.logs.of(key)
	if len(log) == 0 {
		return store.Entry{}, store.ErrNotFound
	}
	return clone(log[len(log)-1]), nil
}

// Since implements [store.Log].
func (j *journal) Since(ctx context.Context, key store.Key, t time.Time) ([]store.Entry, error) {
	if err := j.node.enter(ctx); err != nil {
		return nil, err
	}
	j.logs.cluster.mu.Lock()
	defer j.logs.cluster.mu.Unlock()
	var out []store.Entry
	for _, e := range j.logs.of(key) {
		if !e.Time.Before(t) {
			out = append(out, clone(e))
		}
	}
	return out, nil
}

// After implements [store.Log].
func (j *journal) After(ctx context.Context, key store.Key, rev uint64, limit int) ([]store.Entry, error) {
	if err := j.node.enter(ctx); err != nil {
		return nil, err
	}
	j.logs.cluster.mu.Lock()
	defer j.logs.cluster.mu.Unlock()
	var out []store.Entry
	for _, e := range j.logs.of(key) {
		if e.Rev > rev && len(out) < limit {
			out = append(out, clone(e))
		}
	}
	return out, nil
}

// Rooms implements [store.Log].
func (j *journal) Rooms(ctx context.Context) ([]store.Key, error) {
	if err := j.node.enter(ctx); err != nil {
		return nil, err
	}
	j.logs.cluster.mu.Lock()
	defer j.logs.cluster.mu.Unlock()
	keys := make([]store.Key, 0, len(j.logs.entries))
	for k := range j.logs.entries {
		if len(j.logs.of(k)) > 0 {
			keys = append(keys, k)
		}
	}
	return keys, nil
}

// Trim implements [store.Log].
func (j *journal) Trim(ctx context.Context, key store.Key, before uint64) error {
	if err := j.node.enter(ctx); err != nil {
		return err
	}
	j.logs.cluster.mu.Lock()
	defer j.logs.cluster.mu.Unlock()
	if log := j.logs.of(key); len(log) > 0 {
		j.logs.drop(key, min(before, log[len(log)-1].Rev))
	}
	return nil
}

// Remove implements [store.Log].
func (j *journal) Remove(ctx context.Context, key store.Key, last uint64) error {
	if err := j.node.enter(ctx); err != nil {
		return err
	}
	j.logs.cluster.mu.Lock()
	defer j.logs.cluster.mu.Unlock()
	j.logs.drop(key, last+1)
	return nil
}

// of returns a room's entries that have not ended by age. Call with mu held.
func (l *logs) of(key store.Key) []store.Entry {
	log := l.entries[key]
	if l.maxAge == 0 {
		return log
	}
	old := time.Now().Add(-l.maxAge)
	for len(log) > 0 && !log[0].Time.After(old) {
		log = log[1:]
	}
	return log
}

// drop forgets the entries below before. Call with mu held.
func (l *logs) drop(key store.Key, before uint64) {
	log := slices.DeleteFunc(l.of(key), func(e store.Entry) bool { return e.Rev < before })
	if len(log) == 0 {
		delete(l.entries, key)
		return
	}
	l.entries[key] = log
}

// nextFault takes the next injected fault, 0 for none. Call with mu held.
func (l *logs) nextFault() Fault {
	if len(l.faults) == 0 {
		return 0
	}
	f := l.faults[0]
	l.faults = l.faults[1:]
	return f
}

func clone(e store.Entry) store.Entry {
	e.Data = slices.Clone(e.Data)
	return e
}
