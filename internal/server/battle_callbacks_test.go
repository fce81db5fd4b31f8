package server

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/internal/store/memstore"
)

// battles returns what the app has been told of battles, and their ends' rooms; each delivery once, as apps count them.
func (h *hook) battles() (told []string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	seen := map[string]bool{}
	for i, call := range h.calls {
		command, _, _ := strings.Cut(call, " ")
		if command = strings.TrimSuffix(command, "Battle"); !strings.Contains(call, "Battle ") || seen[h.ids[i]] {
			continue
		}
		seen[h.ids[i]] = true
		if _, rest, ok := strings.Cut(h.bodies[i], `"OpType":`); ok {
			command += rest[:1]
		}
		told = append(told, command)
	}
	return told
}

// An app hears of every battle's end, once, whichever of its rooms have been dismissed by then, and in order.
func TestCallbacksOfABattleWhoseRoomsEnd(t *testing.T) {
	const second = time.Second
	for name, c := range map[string]struct {
		rooms []string                 // the first begins it
		ends  map[time.Duration]string // when rooms are dismissed
		want  []string
	}{
		"the first of two":                 {[]string{"r1", "r2"}, map[time.Duration]string{5 * second: "r1"}, []string{"Create", "Start", "End1"}},
		"the second of two":                {[]string{"r1", "r2"}, map[time.Duration]string{5 * second: "r2"}, []string{"Create", "Start", "End1"}},
		"both at once":                     {[]string{"r1", "r2"}, map[time.Duration]string{5 * second: "r1", 5*second + 1: "r2"}, []string{"Create", "Start", "End1"}},
		"both at once, the other way":      {[]string{"r1", "r2"}, map[time.Duration]string{5 * second: "r2", 5*second + 1: "r1"}, []string{"Create", "Start", "End1"}},
		"the first of three":               {[]string{"r1", "r2", "r3"}, map[time.Duration]string{5 * second: "r1"}, []string{"Create", "Start", "End0"}},
		"the last of three":                {[]string{"r1", "r2", "r3"}, map[time.Duration]string{5 * second: "r3"}, []string{"Create", "Start", "End0"}},
		"the first and then the third":     {[]string{"r1", "r2", "r3"}, map[time.Duration]string{5 * second: "r1", 10 * second: "r3"}, []string{"Create", "Start", "End1"}},
		"the third and then the first":     {[]string{"r1", "r2", "r3"}, map[time.Duration]string{5 * second: "r3", 10 * second: "r1"}, []string{"Create", "Start", "End1"}},
		"the first, when its time is over": {[]string{"r1", "r2", "r3"}, map[time.Duration]string{30 * second: "r1"}, []string{"Create", "Start", "End0"}},
		"none":                             {[]string{"r1", "r2", "r3"}, nil, []string{"Create", "Start", "End0"}},
	} {
		t.Run(name, func(t *testing.T) {
			inWorldOf(t, 2, func(t *testing.T, w *world) {
				h := w.hook(t)
				w.battleRooms(c.rooms...)
				start := time.Now()
				w.beginBattle(0, `{"FromRoomId":"r1","ToRoomIdList":["`+strings.Join(c.rooms[1:], `","`)+`"],"Duration":30000}`)
				synctest.Wait()
				require.Equal(t, []string{"Create", "Start"}, h.battles())
				var at []time.Duration
				for d := range c.ends {
					at = append(at, d)
				}
				slices.Sort(at)
				for _, d := range at {
					time.Sleep(time.Until(start.Add(d)))
					require.Equal(t, restOK, w.rest("destroy_room", `{"RoomId":"`+c.ends[d]+`"}`))
				}
				time.Sleep(time.Minute)
				assert.Equal(t, c.want, h.battles())
				if name == "the first of two" {
					calls := h.take()
					var last []string
					for _, call := range calls[len(calls)-2:] {
						last = append(last, call[:strings.Index(call, " ")])
					}
					assert.Equal(t, []string{"EndBattle", "DestroyRoom"}, last)
				}
			})
		})
	}
}

// mortalTeller dies at writes of the outbox too.
type mortalTeller struct{ *mortal }

func (d mortalTeller) Outbox() store.Log { return mortalOutbox{d.Node.Outbox(), d.mortal} }

type mortalOutbox struct {
	store.Log
	d *mortal
}

func (o mortalOutbox) Append(ctx context.Context, key store.Key, data []byte, last uint64) (rev uint64, err error) {
	err = o.d.write(func() error { rev, err = o.Log.Append(ctx, key, data, last); return err })
	return rev, err
}

// The node that begins a battle, and decides its first room, dies at each write that it makes for the battle, from its
// beginning to its end: the app hears of it whole, each thing once and in order, or never; and whole if it was told that it
// has begun. So it does of a battle that is over when the other node comes to it.
func TestNodeDiesWhileABattleIsTold(t *testing.T) {
	for _, length := range []time.Duration{8 * time.Second, time.Second} {
		run := func(t *testing.T, left int, after bool) (died bool) {
			var first *mortal
			inWorldWith(t, 2, func(cfg *Config) {
				d := mortalTeller{&mortal{Node: cfg.Store.(*memstore.Node)}}
				if cfg.Store = d; first == nil {
					first = d.mortal
				}
			}, func(t *testing.T, w *world) {
				h := w.hook(t)
				for i, id := range []string{"r1", "r2", "r3", "r4"} {
					w.restAt(i%2, "live_engine_http_srv/create_room", w.restQuery(), `{"RoomInfo":{"RoomId":"`+id+`","RoomType":"Live"}}`)
				}
				time.Sleep(5 * time.Second)
				synctest.Wait()
				w.beginBattle(1, `{"FromRoomId":"r4","ToRoomIdList":["r3"],"Duration":86400000}`) // what comes next the other node hears of a second later
				synctest.Wait()
				first.arm(left, after)
				got := w.restAt(0, "live_engine_http_pk/create_battle", w.restQuery(), fmt.Sprintf(`{"FromRoomId":"r1","ToRoomIdList":["r2"],"Duration":%d}`, length.Milliseconds()))
				begun := strings.Contains(got, `"ErrorCode":0`)
				for range 60 { // the callbacks of a node that is dead go nowhere
					if died = first.died(); died {
						break
					}
					time.Sleep(length / 40)
					synctest.Wait()
				}
				if died {
					w.kill(0)
				}
				time.Sleep(time.Minute)
				synctest.Wait()
				if told := h.battles()[2:]; begun || len(told) > 0 {
					require.Equal(t, []string{"Create", "Start", "End0"}, told, "%v", h.calls)
				}
			})
			return died
		}
		deaths := 0
		for left, more := 0, true; more; left++ {
			more = false
			for _, after := range []bool{false, true} {
				t.Run(fmt.Sprint(length, " ", left, after), func(t *testing.T) {
					if run(t, left, after) {
						more = true
						deaths++
					}
				})
			}
		}
		t.Log(length, deaths, "deaths")
		require.GreaterOrEqual(t, deaths, 10)
	}
}
