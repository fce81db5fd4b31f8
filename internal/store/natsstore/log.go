package natsstore

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/openvoiceroom/openvoiceroom/internal/store"
)

// journal is one kind of logs: the rooms' own, or the outbox.
type journal struct {
	store  *Store
	names  logSubjects
	stream jetstream.Stream
}

// Append implements [store.Log]. A ctx without a deadline waits 5 s for the acknowledgement.
func (j *journal) Append(ctx context.Context, key store.Key, data []byte, last uint64) (uint64, error) {
	if len(data) > store.MaxPayload {
		return 0, store.ErrTooLarge
	}
	if j.store.closing.Load() {
		return 0, store.ErrClosed
	}
	ack, err := j.store.js.PublishMsg(ctx, &nats.Msg{Subject: j.names.of(key), Data: data},
		jetstream.WithExpectStream(j.names.stream()),
		jetstream.WithExpectLastSequencePerSubject(last),
		// A second try after a lost acknowledgement would look like a conflict: only the caller can tell them apart.
		jetstream.WithRetryAttempts(0))
	if err != nil {
		if isConflict(err) {
			return 0, store.ErrConflict
		}
		return 0, j.store.wrap("append", err)
	}
	return ack.Sequence, nil
}

// Codes of the server for an expected last sequence that is another; the second comes from a cluster's leader while
// another append to the same subject is under way.
const (
	codeWrongLastSequence         = 10071
	codeWrongLastSequenceInFlight = 10164
)

func isConflict(err error) bool {
	var api *jetstream.APIError
	if !errors.As(err, &api) {
		return false
	}
	return api.ErrorCode == codeWrongLastSequence || api.ErrorCode == codeWrongLastSequenceInFlight
}

// Last implements [store.Log]: the stream's leader answers.
func (j *journal) Last(ctx context.Context, key store.Key) (store.Entry, error) {
	if j.store.closing.Load() {
		return store.Entry{}, store.ErrClosed
	}
	m, err := j.stream.GetLastMsgForSubject(ctx, j.names.of(key))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return store.Entry{}, store.ErrNotFound
	}
	if err != nil {
		return store.Entry{}, j.store.wrap("last", err)
	}
	return store.Entry{Data: m.Data, Rev: m.Sequence, Time: m.Time}, nil
}

// fetchBatch bounds what one fetch asks for.
const fetchBatch = 256

// Since implements [store.Log].
func (j *journal) Since(ctx context.Context, key store.Key, t time.Time) ([]store.Entry, error) {
	newest, err := j.Last(ctx, key)
	if errors.Is(err, store.ErrNotFound) || err == nil && newest.Time.Before(t) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	cfg := jetstream.ConsumerConfig{DeliverPolicy: jetstream.DeliverAllPolicy}
	if !t.IsZero() {
		cfg.DeliverPolicy, cfg.OptStartTime = jetstream.DeliverByStartTimePolicy, &t
	}
	out, err := j.consume(ctx, key, cfg, newest.Rev, math.MaxInt)
	return out, j.store.wrap("since", err)
}

// After implements [store.Log].
func (j *journal) After(ctx context.Context, key store.Key, rev uint64, limit int) ([]store.Entry, error) {
	newest, err := j.Last(ctx, key)
	if errors.Is(err, store.ErrNotFound) || err == nil && newest.Rev <= rev {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	cfg := jetstream.ConsumerConfig{DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: rev + 1}
	out, err := j.consume(ctx, key, cfg, newest.Rev, limit)
	return out, j.store.wrap("after", err)
}

// consume has a consumer read the log from where cfg says up to newest, the newest entry when the reading began, but limit
// entries at most. The server that has the consumer may lag behind the leader, so what the consumer calls its end proves
// nothing.
func (j *journal) consume(ctx context.Context, key store.Key, cfg jetstream.ConsumerConfig, newest uint64, limit int) ([]store.Entry, error) {
	cfg.FilterSubject = j.names.of(key)
	cfg.AckPolicy = jetstream.AckNonePolicy
	cfg.MemoryStorage, cfg.Replicas = true, 1
	cfg.InactiveThreshold = 10 * time.Second // ends it should we not be able to
	c, err := j.stream.CreateConsumer(ctx, cfg)
	if err != nil {
		return nil, err
	}
	defer func() { // also when ctx has ended
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = j.stream.DeleteConsumer(ctx, c.CachedInfo().Name)
	}()
	return j.readTo(ctx, c, key, newest, limit)
}

// consumerPause lies between two questions to a consumer that is just being made.
const consumerPause = 10 * time.Millisecond

// readTo reads c's entries until it has limit of them or has seen revision rev, or rev is gone.
func (j *journal) readTo(ctx context.Context, c jetstream.Consumer, key store.Key, rev uint64, limit int) ([]store.Entry, error) {
	var out []store.Entry
	for {
		var done bool
		var err error
		if out, done, err = fetch(ctx, c, out, rev, limit); errors.Is(err, nats.ErrNoResponders) {
			// In a cluster the consumer may live at a server that ours has not yet heard it of.
			select {
			case <-ctx.Done():
			case <-time.After(consumerPause):
			}
		} else if done || err != nil {
			return out, err
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		// Removed meanwhile? Then rev never comes.
		if now, err := j.Last(ctx, key); errors.Is(err, store.ErrNotFound) || err == nil && now.Rev > rev {
			return out, nil
		}
	}
}

// fetch appends one batch to out. done says that rev was in it, or that there is limit now.
func fetch(ctx context.Context, c jetstream.Consumer, out []store.Entry, rev uint64, limit int) (_ []store.Entry, done bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, 500*time.Millisecond)
	defer cancel()
	batch, err := c.Fetch(min(fetchBatch, limit-len(out)), jetstream.FetchContext(ctx))
	if err != nil {
		return nil, false, err
	}
	for m := range batch.Messages() {
		meta, err := m.Metadata()
		if err != nil {
			return nil, false, err
		}
		out = append(out, store.Entry{Data: m.Data(), Rev: meta.Sequence.Stream, Time: meta.Timestamp})
		if meta.Sequence.Consumer != uint64(len(out)) {
			return nil, false, errors.New("entries were lost on their way")
		}
		if meta.Sequence.Stream >= rev || len(out) == limit {
			return out, true, nil
		}
	}
	if err := batch.Error(); err != nil && !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, nats.ErrTimeout) {
		return nil, false, err
	}
	return out, false, nil
}

// Rooms implements [store.Log].
func (j *journal) Rooms(ctx context.Context) ([]store.Key, error) {
	if j.store.closing.Load() {
		return nil, store.ErrClosed
	}
	info, err := j.stream.Info(ctx, jetstream.WithSubjectFilter(j.names.all()))
	if err != nil {
		return nil, j.store.wrap("rooms", err)
	}
	keys := make([]store.Key, 0, len(info.State.Subjects))
	for subject := range info.State.Subjects {
		k, ok := j.names.parse(subject)
		if !ok {
			return nil, fmt.Errorf("natsstore: rooms: subject %q is not ours", subject)
		}
		keys = append(keys, k)
	}
	return keys, nil
}

// Trim implements [store.Log].
func (j *journal) Trim(ctx context.Context, key store.Key, before uint64) error {
	newest, err := j.Last(ctx, key) // an entry appended after this only makes it safer
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return j.purge(ctx, "trim", key, min(before, newest.Rev))
}

// Remove implements [store.Log].
func (j *journal) Remove(ctx context.Context, key store.Key, last uint64) error {
	return j.purge(ctx, "remove", key, last+1)
}

// purge forgets the entries below before.
func (j *journal) purge(ctx context.Context, op string, key store.Key, before uint64) error {
	if j.store.closing.Load() {
		return store.ErrClosed
	}
	if before <= 1 {
		return nil // revisions begin with 1, and to the server 0 means all
	}
	return j.store.wrap(op, j.stream.Purge(ctx, jetstream.WithPurgeSubject(j.names.of(key)), jetstream.WithPurgeSequence(before)))
}
