//go:build unix

package e2e

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/internal/store/natsstore"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// process is a voiceroomd of its own, which can be stopped and killed.
type process struct {
	cmd *exec.Cmd
	url string
}

// startProcess runs voiceroomd on the NATS of a store and waits until it is ready.
func startProcess(t *testing.T, path, nats, grace string, flags ...string) *process {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0") // a free port: the node tells clients its address before it listens
	require.NoError(t, err)
	addr := l.Addr().String()
	require.NoError(t, l.Close())
	cmd := exec.Command(path, append(flags, "--nats="+nats, "--listen="+addr, "--url=ws://"+addr, "--media=127.0.0.1:0",
		"--grace="+grace, "--log-format=json", "--log-level=warn")...)
	cmd.Env = append(cmd.Environ(), "VOICEROOM_APP=1400000001:"+secret)
	stderr, err := cmd.StderrPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	lines := make(chan string)
	var reading sync.WaitGroup
	reading.Go(func() {
		defer close(lines)
		for s := bufio.NewScanner(stderr); s.Scan(); {
			lines <- s.Text()
		}
	})
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGCONT)
		_ = cmd.Process.Kill()
		reading.Wait()
		_ = cmd.Wait() // killed
	})
	for line := range lines {
		var l struct{ Msg, Websocket string }
		if json.Unmarshal([]byte(line), &l) == nil && l.Msg == "ready" {
			reading.Go(func() {
				for line := range lines {
					t.Log(line)
				}
			})
			return &process{cmd: cmd, url: l.Websocket}
		}
		t.Log(line)
	}
	t.Fatal("voiceroomd ended before it was ready")
	return nil
}

// built is voiceroomd, which is built once.
var built = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "voiceroomd")
	if err != nil {
		return "", err
	}
	leftovers = append(leftovers, dir)
	path := filepath.Join(dir, "voiceroomd")
	build := exec.Command("go", "build", "-buildvcs=false", "-o", path, "github.com/openvoiceroom/openvoiceroom/cmd/voiceroomd")
	build.Env = append(build.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w: %s", err, out)
	}
	return path, nil
})

// processes starts so many servers on one NATS.
func processes(t *testing.T, n int, grace string, flags ...string) (st *natsstore.Store, nodes []*process) {
	t.Helper()
	path, err := built()
	require.NoError(t, err)
	st, err = natsstore.Open(t.Context(), natsstore.Config{Dir: t.TempDir(), Listen: "127.0.0.1:0"})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, st.Close()) })
	for range n {
		nodes = append(nodes, startProcess(t, path, st.ClientURL(), grace, flags...))
	}
	return st, nodes
}

// twoProcesses starts two servers on one NATS, with a room whose home is the first, and users on both.
func twoProcesses(t *testing.T, grace string) (st *natsstore.Store, first *process, onFirst, onSecond []*sitter) {
	t.Helper()
	st, nodes := processes(t, 2, grace)
	first, second := nodes[0], nodes[1]
	_, err := login(t, first.url, "owner").Create(t.Context(), engine.RoomInfo{RoomID: "room", SeatMode: engine.FreeToTake, MaxSeatCount: 4})
	require.NoError(t, err)
	for _, u := range []engine.UserID{"a", "b", "c"} {
		onFirst = append(onFirst, enter(t, first.url, u, "room"))
	}
	for _, u := range []engine.UserID{"d", "e", "f"} {
		onSecond = append(onSecond, enter(t, second.url, u, "room"))
	}
	return st, first, onFirst, onSecond
}

// The home's process is killed while users of both nodes take and leave seats. Nothing that was acknowledged is lost, the
// other node goes on, its users come back there by themselves, and the seat of one who does not becomes free.
func TestHomeIsKilledInTheMiddle(t *testing.T) {
	st, first, onFirst, onSecond := twoProcesses(t, "2s")
	cfg := config(t, first.url, "ghost")
	cfg.GiveUp = -1
	eng, err := engine.Login(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { _ = eng.Logout(t.Context()) })
	room, err := eng.Enter(t.Context(), "room", nil)
	require.NoError(t, err)
	ghost := &sitter{room: room}
	all := append(append(onFirst, onSecond...), ghost)
	start := time.Now()
	var wg sync.WaitGroup
	for _, s := range all {
		wg.Go(func() { s.run(t.Context(), start.Add(6*time.Second)) })
	}
	<-time.After(time.Until(start.Add(time.Second)))
	require.NoError(t, first.cmd.Process.Kill())
	before := len(entries(t, st, "room"))
	wg.Wait()
	log := entries(t, st, "room")
	require.Len(t, ghost.other, 1)
	require.ErrorIs(t, ghost.other[0], engine.ErrDisconnected)
	ghost.other = nil
	checkAcked(t, log, all)
	last := log[len(log)-1]
	require.Greater(t, len(log), before+10, "the room went on at the other node")
	require.Greater(t, last.Epoch, log[0].Epoch)
	require.NotEqual(t, log[0].Home, last.Home)
	for _, seat := range last.State.Seats {
		require.NotEqual(t, engine.UserID("ghost"), seat.UserID)
	}
	for _, s := range append(onFirst, onSecond...) {
		sameSeats(t, s.room, last.State.Seats)
	}
}

// The home's process is paused for longer than its heartbeat counts, and comes back believing that it is the home.
// What it decides then is not acknowledged unless it is in the log, and everybody ends with the same state.
func TestHomeIsPausedAndComesBack(t *testing.T) {
	st, first, onFirst, onSecond := twoProcesses(t, "20s")
	start := time.Now()
	var wg sync.WaitGroup
	all := append(onFirst, onSecond...)
	for _, s := range all {
		wg.Go(func() { s.run(t.Context(), start.Add(9*time.Second)) })
	}
	<-time.After(time.Until(start.Add(time.Second)))
	require.NoError(t, first.cmd.Process.Signal(syscall.SIGSTOP))
	<-time.After(5 * time.Second) // heartbeats count for 3 s
	require.NoError(t, first.cmd.Process.Signal(syscall.SIGCONT))
	wg.Wait()
	log := entries(t, st, "room")
	checkAcked(t, log, all)
	last := log[len(log)-1]
	require.Greater(t, last.Epoch, log[0].Epoch, "another node took the room over")
	for _, s := range all {
		sameSeats(t, s.room, last.State.Seats)
	}
	// Those of the paused node have kept their places: their commands are decided by the new home.
	var res signaling.TakeSeatResult
	room := onFirst[0].room
	err := room.Call(t.Context(), signaling.MethodTakeSeat, signaling.TakeSeatParams{RoomID: "room", Index: engine.AnySeat}, &res)
	require.Contains(t, []engine.Code{0, engine.ErrAlreadyOnSeat.Code, engine.ErrAllSeatsOccupied.Code}, signaling.CodeOf(err), "%v", err)
}
