// Package storetest is the contract of package store as tests. Every implementation passes it.
package storetest

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// Case is one promise of the contract. Run gets two nodes of one empty cluster, and may close them.
type Case struct {
	Name string
	Run  func(t *testing.T, nodes [2]store.Store)
}

// Run runs all cases in parallel on real time. open makes two nodes of a new cluster, which Run closes.
func Run(t *testing.T, open func(t *testing.T) [2]store.Store) {
	for _, c := range Cases() {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			nodes := open(t)
			t.Cleanup(func() { // the second first: the first may be the server of both
				require.NoError(t, nodes[1].Close())
				require.NoError(t, nodes[0].Close())
			})
			c.Run(t, nodes)
		})
	}
}

// Cases lists the contract, for those who run each case in a testing/synctest bubble.
func Cases() []Case {
	return slices.Concat(logCases(), outboxCases(), valueCases(), busCases(), nodeCases())
}

// patience bounds every wait for something that must come.
const patience = 20 * time.Second

func key(app signaling.AppID, room signaling.RoomID) store.Key {
	return store.Key{App: app, Room: room}
}

func appendAll(t *testing.T, l store.Log, k store.Key, last uint64, data ...string) []uint64 {
	t.Helper()
	var revs []uint64
	for _, d := range data {
		rev, err := l.Append(t.Context(), k, []byte(d), last)
		require.NoError(t, err)
		require.Greater(t, rev, last, "revisions grow")
		revs, last = append(revs, rev), rev
	}
	return revs
}

func texts(entries []store.Entry) []string {
	out := []string{}
	for _, e := range entries {
		out = append(out, string(e.Data))
	}
	return out
}

// receive waits for one value.
func receive[T any](t *testing.T, ch <-chan T) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(patience):
		require.FailNow(t, "nothing came")
		return *new(T) // not reached
	}
}

func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}
