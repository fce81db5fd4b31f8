package quality

import (
	"flag"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/internal/testnet"
)

var (
	printFigures = flag.Bool("figures", false, "measure everything and print a line for each figure")
	seed         = flag.Uint64("seed", 1, "of the losses that are measured")
)

// roundTrip is 60 ms and a little, so that a report does not reach the server in the instant in which a packet does.
const roundTrip = 61 * time.Millisecond

// goals are what a minute of talk must come to. A goal of 0 is none: the figure is printed beside the others.
var goals = []struct {
	name      string
	down      testnet.Loss
	up        testnet.Loss
	concealed float64 // per cent, at most
}{
	{name: "none", concealed: 0.1},
	{name: "random-2", down: testnet.Loss{Share: 0.02}, concealed: 1},
	{name: "random-10", down: testnet.Loss{Share: 0.10}, concealed: 1},
	{name: "random-20", down: testnet.Loss{Share: 0.20}, concealed: 2},
	{name: "random-30", down: testnet.Loss{Share: 0.30}, concealed: 5},
	{name: "bursts-10", down: testnet.Loss{Share: 0.10, Burst: 3}, concealed: 2},
	{name: "list-10", down: testnet.Loss{List: everyTenth}, concealed: 1},
	{name: "up-random-10", up: testnet.Loss{Share: 0.10}, concealed: 2},
	{name: "up-bursts-10", up: testnet.Loss{Share: 0.10, Burst: 3}, concealed: 4},
}

// everyTenth are the packets that a given list loses: ten in a hundred, singly, and now and then two in a row.
var everyTenth = func() (list []int) {
	for n := 9; n < 20_000; n += 10 {
		list = append(list, n)
		if len(list)%9 == 0 {
			list = append(list, n+1)
			n += 10
		}
	}
	return list
}()

// mostBitrate is how many times the audio's bit rate without loss may be needed with it.
const mostBitrate = 3.5

// TestFigures prints a line for each figure: name, value, unit, goal, and whether it is met. It never fails: what must
// hold in every change is in the other tests.
func TestFigures(t *testing.T) {
	if !*printFigures {
		t.Skip("make quality runs it")
	}
	line("seed", float64(*seed), "-", 0)
	line("round-trip", ms(roundTrip), "ms", 0)
	var clean figures
	for i, g := range goals {
		f := call{up: g.up, down: g.down, trip: roundTrip, talk: time.Minute, seed: *seed}.run(t)
		if i == 0 {
			clean = f
		}
		line(g.name+"/concealed", f.concealed, "%", g.concealed)
		line(g.name+"/lost", f.lost, "%", 0)
		line(g.name+"/fec", f.fec, "%", 0)
		line(g.name+"/late", float64(f.late), "packets", 0)
		line(g.name+"/bitrate-down", f.down, "kbit/s", mostBitrate*clean.down)
		line(g.name+"/bitrate-up", f.up, "kbit/s", mostBitrate*clean.up)
		line(g.name+"/delay-p50", ms(f.p50), "ms", 0)
		line(g.name+"/delay-p95", ms(f.p95), "ms", 0)
		line(g.name+"/delay-added", ms(f.p50-clean.p50), "ms", 0)
	}
	delays := allAdded(t, 20)
	line("capture-to-play-out/p50", ms(quantile(delays, 0.50)), "ms", ms(addedGoal))
	line("capture-to-play-out/p95", ms(quantile(delays, 0.95)), "ms", ms(addedGoal))
	golden := readScores(t)
	for _, l := range lines {
		score(l.name+"/speech-score", speechScore(t, l.quality, l.down, *seed), least(l.name, golden))
	}
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// score prints a line whose goal is the least that it may be.
func score(name string, value, goal float64) {
	verdict := "met"
	if value < goal {
		verdict = "missed"
	}
	fmt.Printf("%s %.2f points %.2f %s\n", name, value, goal, verdict)
}

func line(name string, value float64, unit string, goal float64) {
	switch {
	case goal == 0:
		fmt.Printf("%s %.2f %s - -\n", name, value, unit)
	case value <= goal:
		fmt.Printf("%s %.2f %s %.2f met\n", name, value, unit, goal)
	default:
		fmt.Printf("%s %.2f %s %.2f missed\n", name, value, unit, goal)
	}
}

// What is measured is there at all, and losses are what they are said to be.
func TestMeasure(t *testing.T) {
	clean := call{trip: roundTrip, talk: 5 * time.Second, seed: 1}.run(t)
	require.Less(t, clean.concealed, 1.0)
	require.Zero(t, clean.lost)
	require.InDelta(t, 60, clean.down, 15, "50 kbit/s of Opus, and headers")
	require.LessOrEqual(t, clean.p95, 60*time.Millisecond)
	lossy := call{trip: roundTrip, talk: 10 * time.Second, seed: 1, down: testnet.Loss{Share: 0.1}}.run(t)
	require.InDelta(t, 10, lossy.lost, 5)
	require.Less(t, lossy.concealed, 3.0, "repaired: without, it is the tenth that is lost, less what in-band FEC carries")
	require.Less(t, lossy.down, mostBitrate*clean.down)
	again := call{trip: roundTrip, talk: 10 * time.Second, seed: 1, down: testnet.Loss{Share: 0.1}}.run(t)
	require.InDelta(t, lossy.down, again.down, 0.5, "how often the path is checked differs")
	lossy.up, again.up, lossy.down, again.down = 0, 0, 0, 0
	require.Equal(t, lossy, again, "a seed gives the same figures")
}
