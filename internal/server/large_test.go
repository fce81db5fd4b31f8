package server

import (
	"bytes"
	"flag"
	"fmt"
	"net"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/internal/store/memstore"
	"github.com/openvoiceroom/openvoiceroom/internal/store/natsstore"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

var printFigures = flag.Bool("figures", false, "measure large rooms and print a line for each figure")

// TestFigures prints what large rooms cost: name, value, unit, goal, and whether it is met. It never fails for a figure:
// what must hold in every change is in the other tests.
func TestFigures(t *testing.T) {
	if !*printFigures {
		t.Skip("make load runs it")
	}
	t.Run("memory", func(t *testing.T) { figuresOf(t, "memory", memstore.New().Node()) })
	t.Run("jetstream", func(t *testing.T) {
		st, err := natsstore.Open(t.Context(), natsstore.Config{Dir: t.TempDir()})
		require.NoError(t, err)
		figuresOf(t, "jetstream", st)
	})
}

func figuresOf(t *testing.T, name string, st store.Store) {
	udp, err := net.ListenPacket("udp4", "127.0.0.1:0")
	require.NoError(t, err)
	srv, err := New(t.Context(), Config{Apps: map[signaling.AppID]string{app: secret}, Store: st, UDP: udp})
	require.NoError(t, err)
	l := newLoad(t, srv)
	defer func() {
		require.NoError(t, srv.Close(t.Context()))
		l.close()
		require.NoError(t, st.Close())
	}()
	l.oneLargeRoom(name)
	l.manyRooms(name)
}

const (
	largeRoom  = 10_000
	joinGoal   = 1.5 // times what a join costs in a room of a tenth
	memoryGoal = 64  // KB a member

	rooms, roomSize = 100, 50
	chatEvery       = 25500 * time.Microsecond // 40 in any second are taken, and tickers are late now and then
)

// own has a client create a room and enter it.
func (l *load) own(c *loadClient, id signaling.RoomID) {
	require.NoError(l.t, c.call(signaling.MethodCreateRoom, signaling.CreateRoomParams{Room: signaling.RoomInfo{RoomID: id, SeatMode: signaling.FreeToTake}}, nil))
	require.NoError(l.t, c.call(signaling.MethodJoinRoom, signaling.JoinParams{RoomID: id}, nil))
}

// oneLargeRoom measures how a room grows to its size and what a message to everybody takes.
func (l *load) oneLargeRoom(name string) {
	before := memory()
	latency := &latencies{}
	clients := l.loginAll(largeRoom, "u", latency.heard)
	l.own(clients[0], "large")
	joins, cpu := make([]time.Duration, largeRoom), make([]time.Duration, largeRoom+1)
	start := time.Now()
	for i, c := range clients[1:] {
		cpu[i+1] = cpuTime()
		begin := time.Now()
		require.NoError(l.t, c.call(signaling.MethodJoinRoom, signaling.JoinParams{RoomID: "large"}, nil))
		joins[i+1] = time.Since(begin)
	}
	cpu[largeRoom] = cpuTime()
	took := time.Since(start)
	<-time.After(3 * time.Second) // what is pending is told
	after := memory()
	var frames, size int64
	for _, c := range clients {
		frames, size = frames+c.frames.Load(), size+c.bytes.Load()
	}
	early, late := slices.Sorted(slices.Values(joins[1000:2000])), slices.Sorted(slices.Values(joins[9000:10_000]))
	figure(name+"/join-1000-2000/p50", us(early[500]), "us", 0)
	figure(name+"/join-9000-10000/p50", us(late[500]), "us", 0)
	figure(name+"/join-9000-10000/p99", us(late[990]), "us", 0)
	figure(name+"/join-ratio", float64(late[500])/float64(early[500]), "times", 0) // what else runs shows here
	figure(name+"/join-cpu-ratio", float64(cpu[10_000]-cpu[9000])/float64(cpu[2000]-cpu[1000]), "times", joinGoal)
	figure(name+"/joins", largeRoom/took.Seconds(), "/s", 0)
	figure(name+"/told-while-joining", float64(size)/1e6, "MB", 0)
	figure(name+"/notifications-while-joining", float64(frames)/largeRoom, "/member", 0)
	figure(name+"/memory", float64(after.all()-before.all())/largeRoom/1024, "KB/member", memoryGoal)
	figure(name+"/memory-heap", float64(after.heap-before.heap)/largeRoom/1024, "KB/member", 0)
	figure(name+"/memory-stacks", float64(after.stacks-before.stacks)/largeRoom/1024, "KB/member", 0)
	figure(name+"/goroutines", float64(after.goroutines-before.goroutines)/largeRoom, "/member", 0)

	const messages = 40
	latency.begin(messages * largeRoom)
	began := cpuTime()
	said := latency.say(clients[0], "large", messages, 500*time.Millisecond)
	<-time.After(2 * time.Second) // the last has come
	figure(name+"/chat-to-all/cpu", us(cpuTime()-began)/1000/messages, "ms/message", 0)
	latency.figures(name+"/chat-to-all", messages, said, said*(largeRoom-1))
	l.likes(name, "large", clients)
	l.logout(clients)
}

// manyRooms measures rooms that talk as much as they may, all at once.
func (l *load) manyRooms(name string) {
	const messages = 200
	latency := &latencies{}
	clients := l.loginAll(rooms*roomSize, "m", latency.heard)
	for i, c := range clients {
		id := signaling.RoomID(fmt.Sprint("room", i/roomSize))
		if i%roomSize == 0 {
			l.own(c, id)
			continue
		}
		require.NoError(l.t, c.call(signaling.MethodJoinRoom, signaling.JoinParams{RoomID: id}, nil))
	}
	latency.begin(rooms * messages * roomSize)
	var said atomic.Int64
	var wg sync.WaitGroup
	for i := range rooms {
		wg.Go(func() {
			said.Add(int64(latency.say(clients[i*roomSize], signaling.RoomID(fmt.Sprint("room", i)), messages, chatEvery)))
		})
	}
	wg.Wait()
	<-time.After(2 * time.Second)
	latency.figures(name+"/chat-in-100-rooms", rooms*messages, int(said.Load()), int(said.Load())*(roomSize-1))
	l.logout(clients)
}

// logout ends all logins, so that the next measurement begins anew.
func (l *load) logout(clients []*loadClient) {
	for _, c := range clients {
		require.NoError(l.t, c.call(signaling.MethodLogout, signaling.Empty{}, nil))
	}
	for _, c := range clients {
		<-c.gone
	}
}

// A room of 500 in small: what does not depend on the machine.
func TestLargeRoomTellsEverybodyEnough(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		const members = 500
		l := newLoad(t, w.srv)
		defer l.close()
		var chat atomic.Int64
		clients := l.loginAll(members, "u", func(frame []byte) {
			if bytes.Contains(frame, []byte(signaling.NotifyBarrage)) {
				chat.Add(1)
			}
		})
		synctest.Wait()
		logged := runtime.NumGoroutine()
		l.own(clients[0], "large")
		synctest.Wait()
		one := runtime.NumGoroutine()
		for _, c := range clients[1:] {
			require.NoError(t, c.call(signaling.MethodJoinRoom, signaling.JoinParams{RoomID: "large"}, nil))
			time.Sleep(10 * time.Millisecond) // virtual: 5 s in all
		}
		time.Sleep(2 * time.Second)
		synctest.Wait()
		require.Equal(t, one, runtime.NumGoroutine(), "no goroutine for a member; %d were for the logins", logged)
		first := clients[0]
		var size int64
		for _, c := range clients {
			size += c.bytes.Load()
			require.LessOrEqual(t, c.frames.Load(), first.frames.Load())
		}
		// Two seconds of entries within 100 ms, then one a second.
		require.Less(t, first.frames.Load(), int64(30))
		require.Less(t, size, int64(members*15_000), "names for everybody would be %d", members*members/2*190)
		var audience signaling.AudienceList
		require.NoError(t, clients[7].call(signaling.MethodListAudience, signaling.RoomParams{RoomID: "large"}, &audience))
		require.Equal(t, members-1, audience.Total)
		require.Equal(t, signaling.UserID("u00499"), audience.Users[0].UserID)
		var snapshot signaling.Snapshot
		require.NoError(t, clients[7].call(signaling.MethodSnapshot, signaling.RoomParams{RoomID: "large"}, &snapshot))
		require.Equal(t, members, snapshot.Room.MemberCount)

		require.NoError(t, first.call(signaling.MethodSendBarrage, signaling.SendBarrageParams{RoomID: "large", Text: "hello"}, nil))
		synctest.Wait()
		require.Equal(t, int64(members-1), chat.Load(), "everybody but the sender")
		l.logout(clients)
	})
}

// loginAll logs clients in, several at a time.
func (l *load) loginAll(n int, prefix string, heard func([]byte)) []*loadClient {
	clients := make([]*loadClient, n)
	var wg sync.WaitGroup
	var next atomic.Int64
	for range 32 {
		wg.Go(func() {
			for i := next.Add(1) - 1; i < int64(n); i = next.Add(1) - 1 {
				c, err := l.login(signaling.UserID(fmt.Sprintf("%s%05d", prefix, i)), heard)
				if err != nil {
					l.t.Error(err)
					return
				}
				clients[i] = c
			}
		})
	}
	wg.Wait()
	require.False(l.t, l.t.Failed())
	return clients
}

// latencies is how long chat messages take to each member.
type latencies struct {
	mu   sync.Mutex
	base time.Time
	list []time.Duration
}

var stamp = []byte(`"data":"at `)

// heard takes the time at which a message was sent from the message.
func (s *latencies) heard(frame []byte) {
	_, after, ok := bytes.Cut(frame, stamp)
	if !ok {
		return
	}
	at := int64(0)
	for _, c := range after {
		if c < '0' || c > '9' {
			break
		}
		at = at*10 + int64(c-'0')
	}
	took := time.Since(s.base) - time.Duration(at)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.list = append(s.list, took)
}

// begin forgets what was, and expects so many.
func (s *latencies) begin(expected int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.base, s.list = time.Now(), make([]time.Duration, 0, expected)
}

// say sends messages at a pace and returns how many the server has taken.
func (s *latencies) say(from *loadClient, room signaling.RoomID, messages int, pace time.Duration) (taken int) {
	ticker := time.NewTicker(pace)
	defer ticker.Stop()
	for range messages {
		<-ticker.C
		p := signaling.SendBarrageParams{RoomID: room, Type: signaling.BarrageCustom, Data: fmt.Sprintf("at %d", time.Since(s.base))}
		if from.call(signaling.MethodSendBarrage, p, nil) == nil {
			taken++
		}
	}
	return taken
}

func (s *latencies) figures(name string, sent, taken, expected int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	slices.Sort(s.list)
	if n := len(s.list); n > 0 {
		figure(name+"/p50", us(s.list[n/2])/1000, "ms", 0)
		figure(name+"/p99", us(s.list[n*99/100])/1000, "ms", 0)
	}
	figure(name+"/messages", float64(sent), "sent", 0)
	figure(name+"/refused", float64(sent-taken), "messages", 0)
	figure(name+"/dropped", float64(expected-len(s.list)), "of-"+fmt.Sprint(expected), 0)
}

type usage struct {
	heap, stacks uint64
	goroutines   int
}

func (u usage) all() uint64 { return u.heap + u.stacks }

func memory() usage {
	runtime.GC()
	runtime.GC() // what has finalizers, and stacks that shrink
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return usage{heap: m.HeapAlloc, stacks: m.StackInuse, goroutines: runtime.NumGoroutine()}
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func us(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

func figure(name string, value float64, unit string, goal float64) {
	switch {
	case goal == 0:
		fmt.Printf("%s %.2f %s - -\n", name, value, unit)
	case value <= goal:
		fmt.Printf("%s %.2f %s %.2f met\n", name, value, unit, goal)
	default:
		fmt.Printf("%s %.2f %s %.2f missed\n", name, value, unit, goal)
	}
}
