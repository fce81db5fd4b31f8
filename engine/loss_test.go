package engine

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestExpectation(t *testing.T) {
	type step struct {
		share float64
		want  int
	}
	for _, tt := range []struct {
		name  string
		from  expectation
		steps []step
	}{
		{"nothing is lost: gone after four reports", firstExpectation, []step{{0, 5}, {0, 2}, {0, 2}, {0, 0}}},
		{"up at once", expectation{}, []step{{0.1, 10}, {0.1, 10}}},
		{"all is lost", expectation{}, []step{{1, 30}, {1, 30}}},
		{"down slowly", expectation{20, 20}, []step{{0.02, 15}, {0.02, 10}, {0.02, 10}, {0.02, 5}, {0.02, 5}}},
		{"to and fro about a step stays", expectation{10, 10}, []step{{0.11, 15}, {0.09, 15}, {0.11, 15}, {0.09, 15}, {0.1, 15}}},
		{"a single loss is soon forgotten", expectation{}, []step{{0.002, 2}, {0, 0}}},
		{"nothing that could be", expectation{}, []step{{-3, 0}, {7, 30}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			e := tt.from
			for i, s := range tt.steps {
				e = e.next(s.share)
				require.Equal(t, s.want, e.percent, "report %d: %+v", i, e)
			}
		})
	}
}
