package natsstore

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/openvoiceroom/openvoiceroom/internal/store"
)

// logConfig has no limit on purpose: a limit would silently drop what is not in the outbox yet.
func (s *Store) logConfig() jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name:        s.sub.logs().stream(),
		Description: "OpenVoiceRoom: one subject per room",
		Subjects:    []string{s.sub.logs().all()},
		Storage:     jetstream.FileStorage,
		Replicas:    s.cfg.Replicas,
		Discard:     jetstream.DiscardNew,
		AllowDirect: false, // a direct get may be answered by a replica that lags: reads decide who owns a room
	}
}

// outboxConfig is that of the logs, but for the entries' end.
func (s *Store) outboxConfig() jetstream.StreamConfig {
	c := s.logConfig()
	c.Name, c.Subjects = s.sub.outbox().stream(), []string{s.sub.outbox().all()}
	c.Description = "OpenVoiceRoom: what the apps' servers are told, one subject per room"
	c.MaxAge = store.OutboxAge
	return c
}

// auditConfig is that of the logs, but that entries end by their age and number.
func (s *Store) auditConfig() jetstream.StreamConfig {
	c := s.logConfig()
	c.Name, c.Subjects = s.sub.audit().stream(), []string{s.sub.audit().all()}
	c.Description = "OpenVoiceRoom: who has done what to rooms, one subject per room"
	c.MaxAge, c.MaxMsgsPerSubject = store.AuditAge, store.AuditEntries
	return c
}

func (s *Store) valuesConfig() jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name:              s.sub.valuesStream(),
		Description:       "OpenVoiceRoom: accounts, settings, bans; one subject per value",
		Subjects:          []string{s.sub.values()},
		Storage:           jetstream.FileStorage,
		Replicas:          s.cfg.Replicas,
		MaxMsgsPerSubject: 1,
		Discard:           jetstream.DiscardNew,
	}
}

func (s *Store) beatsConfig() jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name:              s.sub.beatsStream(),
		Description:       "OpenVoiceRoom: which nodes are alive",
		Subjects:          []string{s.sub.beats()},
		Storage:           jetstream.MemoryStorage,
		Replicas:          s.cfg.Replicas,
		MaxMsgsPerSubject: 1,
		MaxAge:            store.HeartbeatTTL,
		Duplicates:        store.HeartbeatTTL,
	}
}

// ensure returns the stream, made as want when there is none. One that exists is never changed, only checked.
func (s *Store) ensure(ctx context.Context, want jetstream.StreamConfig) (jetstream.Stream, error) {
	st, err := s.js.Stream(ctx, want.Name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		st, err = s.js.CreateStream(ctx, want)
		if errors.Is(err, jetstream.ErrStreamNameAlreadyInUse) { // another node was faster
			st, err = s.js.Stream(ctx, want.Name)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("natsstore: stream %s (needs $JS.API.STREAM.{INFO,CREATE,PURGE,MSG.GET}.%[1]s and $JS.API.CONSUMER.*.%[1]s.>): %w", want.Name, err)
	}
	if err := checkStream(st.CachedInfo().Config, want); err != nil {
		return nil, fmt.Errorf("natsstore: stream %s exists, but is not as it must be: %w", want.Name, err)
	}
	return st, nil
}

// codeNoPeers is the server's code where a stream cannot be placed on as many servers as it needs.
const codeNoPeers = 10005

// ensurePatiently is ensure for the start: a cluster that comes up does not answer, says 503 as long as too few of its
// servers are there, or finds too few of them for a stream.
func (s *Store) ensurePatiently(ctx context.Context, want jetstream.StreamConfig) (jetstream.Stream, error) {
	for {
		try, cancel := context.WithTimeout(ctx, 3*time.Second)
		st, err := s.ensure(try, want)
		unanswered := try.Err() != nil
		cancel()
		var api *jetstream.APIError
		again := unanswered || errors.As(err, &api) && (api.Code == http.StatusServiceUnavailable || api.ErrorCode == codeNoPeers) ||
			errors.Is(err, nats.ErrNoResponders)
		if err == nil || !again {
			return st, err
		}
		select {
		case <-time.After(200 * time.Millisecond):
		case <-ctx.Done():
			return nil, err
		}
	}
}

// checkStream says all that differs from want and would lose or hide entries.
func checkStream(have, want jetstream.StreamConfig) error {
	var errs []error
	must := func(ok bool, what string) {
		if !ok {
			errs = append(errs, errors.New(what))
		}
	}
	unlimited := func(n int64) int64 { return max(n, 0) } // the server says -1 for none
	must(slices.Equal(have.Subjects, want.Subjects), fmt.Sprintf("subjects must be %v", want.Subjects))
	must(have.Storage == want.Storage, fmt.Sprintf("storage must be %v", want.Storage))
	must(have.Retention == want.Retention, "retention must be by limits")
	must(have.Replicas >= want.Replicas, fmt.Sprintf("replicas must be %d at least", want.Replicas))
	must(have.MaxAge == want.MaxAge, fmt.Sprintf("max age must be %v", want.MaxAge))
	must(unlimited(have.MaxMsgsPerSubject) == want.MaxMsgsPerSubject, fmt.Sprintf("max messages per subject must be %d", want.MaxMsgsPerSubject))
	must(unlimited(have.MaxMsgs) == 0, "there must be no limit of messages")
	must(have.MaxBytes <= 0 || have.Discard == want.Discard, "with a limit of bytes, discard must be new")
	must(have.MaxMsgSize <= 0 || have.MaxMsgSize >= store.MaxPayload, fmt.Sprintf("max message size must be %d at least", store.MaxPayload))
	must(!have.AllowDirect, "allow direct must be off: reads must come from the leader")
	must(!have.DenyPurge && !have.Sealed, "purge must be allowed")
	must(!have.NoAck, "acknowledgements must be on")
	must(have.Mirror == nil && len(have.Sources) == 0, "it must not be a mirror or take from sources")
	return errors.Join(errs...)
}
