package testnet

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestLoss(t *testing.T) {
	for _, tt := range []struct {
		name  string
		loss  Loss
		share float64
		burst float64 // mean length of what is lost in a row
	}{
		{"none", Loss{}, 0, 0},
		{"uniform", Loss{Share: 0.1}, 0.1, 1 / 0.9},
		{"uniform, much", Loss{Share: 0.3}, 0.3, 1 / 0.7},
		{"bursts", Loss{Share: 0.1, Burst: 3}, 0.1, 3},
		{"long bursts, rare", Loss{Share: 0.02, Burst: 8}, 0.02, 8},
		{"list", Loss{List: []int{3, 4, 5, 9}, Share: 1}, 4e-6, 2},
		{"cut", Loss{Share: 1}, 1, 1e6},
	} {
		t.Run(tt.name, func(t *testing.T) {
			l := loser{loss: tt.loss, rng: rand.New(rand.NewPCG(1, 2))}
			const n = 1_000_000
			lost, runs, before := 0, 0, false
			for range n {
				now := l.lose()
				if now {
					lost++
					if !before {
						runs++
					}
				}
				before = now
			}
			require.InDelta(t, tt.share, float64(lost)/n, 0.05*tt.share)
			if runs > 0 {
				require.InDelta(t, tt.burst, float64(lost)/float64(runs), 0.05*tt.burst)
			}
		})
	}
}

func TestLossIsOfOneHostAndDirection(t *testing.T) {
	n, err := New(Config{Loss: Loss{Share: 1}, Seed: 3})
	require.NoError(t, err)
	_, a, err := n.Host()
	require.NoError(t, err)
	_, b, err := n.Host()
	require.NoError(t, err)
	n.SetHostLoss(a, Loss{List: []int{1}}, Loss{})
	require.False(t, n.hosts[a].up.lose(true))
	require.True(t, n.hosts[a].up.lose(true))
	require.False(t, n.hosts[a].down.lose(true), "its own: none")
	require.True(t, n.hosts[b].down.lose(true), "the network's")
	n.SetLoss(Loss{})
	require.False(t, n.hosts[b].down.lose(true))
	require.False(t, n.hosts[b].up.lose(true))
	require.NoError(t, n.Close())
}
