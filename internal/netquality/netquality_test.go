package netquality

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

const ms = time.Millisecond

func with(change func(*Figures)) Figures {
	f := Nothing()
	change(&f)
	return f
}

// The table, at its limits and behind them: each figure alone decides, and of several the worst.
func TestTable(t *testing.T) {
	var tests []struct {
		name string
		f    Figures
		want signaling.NetworkQuality
	}
	add := func(name string, f Figures, want signaling.NetworkQuality) {
		tests = append(tests, struct {
			name string
			f    Figures
			want signaling.NetworkQuality
		}{name, f, want})
	}
	add("nothing is known", Nothing(), signaling.NetworkUnknown)
	add("no path, whatever was measured", Figures{RoundTrip: 20 * ms, Down: true}, signaling.NetworkDown)
	for i, percent := range []float64{0, 1, 3, 8, 15, 100} {
		q := signaling.NetworkQuality(max(i, 1))
		add("up-loss", with(func(f *Figures) { f.UpLoss = percent / 100 }), min(q, signaling.NetworkVeryBad))
		add("down-loss", with(func(f *Figures) { f.DownLoss = percent / 100 }), min(q, signaling.NetworkVeryBad))
		if percent < 100 && percent > 0 {
			add("down-loss behind it", with(func(f *Figures) { f.DownLoss = percent/100 + 0.001 }), q+1)
		}
	}
	for i, d := range []time.Duration{100, 200, 320, 600} {
		q := signaling.NetworkQuality(i + 1)
		add("round trip", with(func(f *Figures) { f.RoundTrip = d * ms }), q)
		add("round trip behind it", with(func(f *Figures) { f.RoundTrip = d*ms + 1 }), q+1)
	}
	for i, d := range []time.Duration{15, 30, 50, 80} {
		q := signaling.NetworkQuality(i + 1)
		add("jitter", with(func(f *Figures) { f.Jitter = d * ms }), q)
		add("jitter behind it", with(func(f *Figures) { f.Jitter = d*ms + 1 }), q+1)
	}
	add("the worst decides", Figures{UpLoss: 0.02, DownLoss: 0.09, RoundTrip: 250 * ms, Jitter: ms}, signaling.NetworkBad)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			require.Equal(t, tt.want, Level{}.Next(tt.f).Quality(), "%+v", tt.f)
		})
	}
}

// A line at a limit does not flicker; one that becomes bad is so at once, and one that has become good too.
func TestHysteresis(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 1))
	for i := range losses {
		var l Level
		changes := 0
		for range 1000 {
			next := l.Next(with(func(f *Figures) { f.DownLoss = losses[i] * (0.9 + 0.2*rng.Float64()) }))
			if next != l {
				changes++
			}
			l = next
		}
		require.LessOrEqual(t, changes, 2, "at %v", losses[i])
		require.Equal(t, signaling.NetworkQuality(i+2), l.Quality())
		l = l.Next(with(func(f *Figures) { f.DownLoss = losses[i] * 0.79 }))
		require.LessOrEqual(t, l.Quality(), signaling.NetworkQuality(i+1))
	}
	l := Level{}.Next(Figures{DownLoss: 0.5})
	require.Equal(t, signaling.NetworkVeryBad, l.Quality())
	require.Equal(t, signaling.NetworkExcellent, l.Next(Figures{}).Quality())
	l = l.Next(Figures{Down: true})
	require.Equal(t, signaling.NetworkDown, l.Quality())
	require.Equal(t, signaling.NetworkGood, l.Next(Figures{DownLoss: 0.028}).Quality(), "a path that is back is judged anew")
	require.Equal(t, signaling.NetworkUnknown, l.Next(Nothing()).Quality())
}

// What one figure does is seen though another decides.
func TestChangesBehindTheWorst(t *testing.T) {
	l := Level{}.Next(Figures{DownLoss: 0.3, UpLoss: 0})
	require.NotEqual(t, l, l.Next(Figures{DownLoss: 0.3, UpLoss: 0.1}))
	require.Equal(t, l, l.Next(Figures{DownLoss: 0.31, UpLoss: 0.001, RoundTrip: 5 * ms}))
}

func TestInfo(t *testing.T) {
	f := Figures{UpLoss: 0.026, DownLoss: Unknown, RoundTrip: 61*ms + 600*time.Microsecond, Jitter: Unknown}
	require.Equal(t, signaling.NetworkInfo{UserID: "anna", Quality: signaling.NetworkGood, UpLoss: 3, Delay: 62},
		Level{}.Next(f).Info("anna", f))
	f = Nothing()
	require.Equal(t, signaling.NetworkInfo{UserID: "anna"}, Level{}.Next(f).Info("anna", f))
}
