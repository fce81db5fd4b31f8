package store

import (
	"cmp"
	"hash/fnv"
	"iter"
)

// Pick returns which of some nodes has a piece of work, by rendezvous hashing: who sees the same nodes picks the same, and
// when one dies only its work moves. work names the piece; without nodes nobody has it.
func Pick(work string, nodes iter.Seq[NodeID]) (best NodeID) {
	var most uint64
	for id := range nodes {
		h := fnv.New64a()
		h.Write([]byte(string(id) + "\x00" + work)) // a hash.Hash never fails
		if w := h.Sum64(); best == "" || cmp.Or(cmp.Compare(w, most), cmp.Compare(id, best)) > 0 {
			best, most = id, w
		}
	}
	return best
}
