package natsstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/openvoiceroom/openvoiceroom/internal/store"
)

// Append implements [store.Log]. A ctx without a deadline waits 5 s for the acknowledgement.
func (s *Store) Append(ctx context.Context, key store.Key, data []byte, last uint64) (uint64, error) {
	if len(data) > store.MaxPayload {
		return 0, store.ErrTooLarge
	}
	if s.closing.Load() {
		return 0, store.ErrClosed
	}
	ack, err := s.js.PublishMsg(ctx, &nats.Msg{Subject: s.sub.log(key), Data: data},
		jetstream.WithExpectStream(s.sub.logStream()),
		jetstream.WithExpectLastSequencePerSubject(last),
		// A second try after a lost acknowledgement would look like a conflict: only the caller can tell them apart.
		jetstream.WithRetryAttempts(0))
	if err != nil {
		if isConflict(err) {
			return 0, store.ErrConflict
		}
		return 0, s.wrap("append", err)
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
func (s *Store) Last(ctx context.Context, key store.Key) (store.Entry, error) {
	if s.closing.Load() {
		return store.Entry{}, store.ErrClosed
	}
	m, err := s.logs.GetLastMsgForSubject(ctx, s.sub.log(key))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return store.Entry{}, store.ErrNotFound
	}
	if err != nil {
		return store.Entry{}, s.wrap("last", err)
	}
	return store.Entry{Data: m.Data, Rev: m.Sequence, Time: m.Time}, nil
}

// sinceBatch bounds what one fetch of Since asks for.
const sinceBatch = 256

// Since implements [store.Log]. A consumer reads the log up to the entry that is the newest when Since begins: the
// server that has the consumer may lag behind the leader, so what the consumer calls its end proves nothing.
func (s *Store) Since(ctx context.Context, key store.Key, t time.Time) ([]store.Entry, error) {
	newest, err := s.Last(ctx, key)
	if errors.Is(err, store.ErrNotFound) || err == nil && newest.Time.Before(t) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	cfg := jetstream.ConsumerConfig{
		FilterSubject:     s.sub.log(key),
		DeliverPolicy:     jetstream.DeliverAllPolicy,
		AckPolicy:         jetstream.AckNonePolicy,
		MemoryStorage:     true,
		Replicas:          1,
		InactiveThreshold: 10 * time.Second, // ends it should we not be able to
	}
	if !t.IsZero() {
		cfg.DeliverPolicy, cfg.OptStartTime = jetstream.DeliverByStartTimePolicy, &t
	}
	c, err := s.logs.CreateConsumer(ctx, cfg)
	if err != nil {
		return nil, s.wrap("since", err)
	}
	defer func() { // also when ctx has ended
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		_ = s.logs.DeleteConsumer(ctx, c.CachedInfo().Name)
	}()
	out, err := s.readTo(ctx, c, key, newest.Rev)
	return out, s.wrap("since", err)
}

// consumerPause lies between two questions to a consumer that is just being made.
const consumerPause = 10 * time.Millisecond

// readTo reads all of c's entries until it has seen revision rev, or rev is gone.
func (s *Store) readTo(ctx context.Context, c jetstream.Consumer, key store.Key, rev uint64) ([]store.Entry, error) {
	var out []store.Entry
	for {
		var done bool
		var err error
		if out, done, err = fetch(ctx, c, out, rev); errors.Is(err, nats.ErrNoResponders) {
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
		if now, err := s.Last(ctx, key); errors.Is(err, store.ErrNotFound) || err == nil && now.Rev > rev {
			return out, nil
		}
	}
}

// fetch appends one batch to out. done says that rev was in it.
func fetch(ctx context.Context, c jetstream.Consumer, out []store.Entry, rev uint64) (_ []store.Entry, done bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, 500*time.Millisecond)
	defer cancel()
	batch, err := c.Fetch(sinceBatch, jetstream.FetchContext(ctx))
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
		if meta.Sequence.Stream >= rev {
			return out, true, nil
		}
	}
	if err := batch.Error(); err != nil && !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, nats.ErrTimeout) {
		return nil, false, err
	}
	return out, false, nil
}

// Rooms implements [store.Log].
func (s *Store) Rooms(ctx context.Context) ([]store.Key, error) {
	if s.closing.Load() {
		return nil, store.ErrClosed
	}
	info, err := s.logs.Info(ctx, jetstream.WithSubjectFilter(s.sub.logs()))
	if err != nil {
		return nil, s.wrap("rooms", err)
	}
	keys := make([]store.Key, 0, len(info.State.Subjects))
	for subject := range info.State.Subjects {
		k, ok := s.sub.parseLog(subject)
		if !ok {
			return nil, fmt.Errorf("natsstore: rooms: subject %q is not ours", subject)
		}
		keys = append(keys, k)
	}
	return keys, nil
}

// Trim implements [store.Log].
func (s *Store) Trim(ctx context.Context, key store.Key, before uint64) error {
	newest, err := s.Last(ctx, key) // an entry appended after this only makes it safer
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return s.purge(ctx, "trim", key, min(before, newest.Rev))
}

// Remove implements [store.Log].
func (s *Store) Remove(ctx context.Context, key store.Key, last uint64) error {
	return s.purge(ctx, "remove", key, last+1)
}

// purge forgets the entries below before.
func (s *Store) purge(ctx context.Context, op string, key store.Key, before uint64) error {
	if s.closing.Load() {
		return store.ErrClosed
	}
	if before <= 1 {
		return nil // revisions begin with 1, and to the server 0 means all
	}
	return s.wrap(op, s.logs.Purge(ctx, jetstream.WithPurgeSubject(s.sub.log(key)), jetstream.WithPurgeSequence(before)))
}
