package natsstore

import (
	"context"
	"fmt"

	"github.com/nats-io/nats.go/jetstream"
)

// globalAccount is the embedded server's only account.
const globalAccount = "$G"

// Ready implements [store.Store]. The leaders of all streams have to answer, and what they have has to be on this node's
// embedded server, as far as it is a replica. A server is asked for nothing more after that: a replica that is an entry behind
// for a moment is as good as any. Until then a cluster that loses another server is left with one that has everything,
// which is too few: measured with three, a room was out of reach for six to eleven seconds.
func (s *Store) Ready(ctx context.Context) error {
	if s.caughtUp.Load() {
		return nil
	}
	for _, name := range []string{s.sub.logs().stream(), s.sub.outbox().stream(), s.sub.audit().stream(), s.sub.valuesStream(), s.sub.beatsStream()} {
		st, err := s.js.Stream(ctx, name)
		if err != nil {
			return fmt.Errorf("natsstore: stream %s does not answer: %w", name, err)
		}
		if err := s.here(name, st.CachedInfo()); err != nil {
			return err
		}
	}
	s.caughtUp.Store(true)
	return nil
}

// here reports whether the embedded server has what a stream's leader has, unless it is no replica.
func (s *Store) here(name string, info *jetstream.StreamInfo) error {
	if s.srv == nil || !s.cfg.Cluster.enabled() || info.Cluster == nil {
		return nil
	}
	replica := info.Cluster.Leader == s.cfg.Cluster.Node
	for _, r := range info.Cluster.Replicas {
		if r.Name != s.cfg.Cluster.Node {
			continue
		}
		replica = true
		if r.Offline || !r.Current {
			return fmt.Errorf("natsstore: stream %s is not here yet, but for %d entries", name, r.Lag)
		}
	}
	if replica && !s.srv.srv.JetStreamIsStreamCurrent(globalAccount, name) {
		return fmt.Errorf("natsstore: stream %s catches up", name)
	}
	return nil
}
