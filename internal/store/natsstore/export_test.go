package natsstore

import (
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/stretchr/testify/require"
)

// LocalRev returns the newest revision of the rooms' logs that is on the store's own embedded server.
func (s *Store) LocalRev(t *testing.T) uint64 {
	t.Helper()
	all, err := s.srv.srv.Jsz(&server.JSzOptions{Accounts: true, Streams: true})
	require.NoError(t, err)
	for _, account := range all.AccountDetails {
		for _, stream := range account.Streams {
			if stream.Name == s.sub.logs().stream() {
				return stream.State.LastSeq
			}
		}
	}
	return 0
}
