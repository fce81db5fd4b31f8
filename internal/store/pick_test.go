package store_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/internal/store"
)

// Whoever sees the same nodes, in whatever order, picks the same one; a death moves the work of the dead alone; and all
// have some.
func TestPick(t *testing.T) {
	nodes := []store.NodeID{"a", "b", "c", "d"}
	backwards := slices.Clone(nodes)
	slices.Reverse(backwards)
	load := map[store.NodeID]int{}
	for i := range 1000 {
		work := fmt.Sprint("room ", i)
		picked := store.Pick(work, slices.Values(nodes))
		require.Equal(t, picked, store.Pick(work, slices.Values(backwards)))
		load[picked]++
		left := store.Pick(work, slices.Values(nodes[1:]))
		if picked != "a" {
			require.Equal(t, picked, left)
		} else {
			require.NotEqual(t, picked, left)
		}
	}
	for _, id := range nodes {
		require.Greater(t, load[id], 150, "%v", load)
	}
	require.Empty(t, store.Pick("x", slices.Values([]store.NodeID(nil))))
}
