package home_test

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/internal/home"
	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

func (n *node) say(u signaling.UserID, text string) (signaling.Barrage, error) {
	ctx, cancel := context.WithTimeout(n.c.t.Context(), 10*time.Second)
	defer cancel()
	return n.Say(ctx, key, signaling.Barrage{MessageID: text, Sender: signaling.UserInfo{UserID: u}, Text: text})
}

// Neither waits for the other: not chat for an append or the write of a mute, and not seats for chat.
func TestChatAndLogDoNotWaitForEachOther(t *testing.T) {
	bubble(t, 2, func(t *testing.T, c *cluster) {
		n := c.nodes[0]
		n.create(signaling.FreeToTake)
		n.enter("owner")
		c.nodes[1].enter("ann")
		time.Sleep(time.Second)
		n.disk.Store(int64(time.Second))
		for _, slow := range []func(){
			func() { n.do("seat", "owner", room.TakeSeat{Index: 1}) },
			func() { require.NoError(t, n.app(room.Mute{Users: []signaling.UserID{"x"}, Duration: time.Hour})) },
		} {
			var wg sync.WaitGroup
			start := time.Now()
			wg.Go(slow)
			synctest.Wait()
			for i := range 20 {
				_, err := c.nodes[1].say("ann", fmt.Sprint(start, i))
				require.NoError(t, err)
			}
			require.Equal(t, start, time.Now(), "no time has passed")
			wg.Wait()
			require.NotEqual(t, start, time.Now(), "the disk was slow")
		}
		list, err := c.nodes[1].Recent(t.Context(), key)
		require.NoError(t, err)
		require.Len(t, list, 40)
	})
}

// Members chat while seats, mutes and members change. What the nodes hear is in order, each once, and nothing else.
func TestChatBesideEverything(t *testing.T) {
	bubble(t, 3, func(t *testing.T, c *cluster) {
		n := c.nodes[0]
		n.create(signaling.FreeToTake)
		n.enter("owner")
		var mu sync.Mutex
		var heard []signaling.Barrage
		stop, err := c.nodes[2].store.Subscribe(store.Topic{Kind: store.KindBarrage, App: key.App, Room: key.Room}, func(b []byte) {
			var s home.Said
			if json.Unmarshal(b, &s) == nil {
				mu.Lock()
				defer mu.Unlock()
				heard = append(heard, s.Barrage)
			}
		})
		require.NoError(t, err)
		defer stop()
		var wg sync.WaitGroup
		taken := map[string]uint64{}
		refused := map[signaling.Code]int{}
		for i, u := range []signaling.UserID{"ann", "bob", "cat", "dan"} {
			at := c.nodes[i%2]
			at.enter(u)
			wg.Go(func() {
				for j := range 30 {
					text := fmt.Sprint(u, j)
					b, err := at.say(u, text)
					mu.Lock()
					if err != nil {
						refused[signaling.CodeOf(err)]++
					} else {
						taken[text] = b.Sequence
					}
					mu.Unlock()
					time.Sleep(100 * time.Millisecond)
				}
			})
		}
		wg.Go(func() {
			for j := range 15 {
				n.do(fmt.Sprint("sit", j), "owner", room.TakeSeat{Index: 1})
				n.do(fmt.Sprint("up", j), "owner", room.LeaveSeat{})
				require.NoError(t, n.app(room.Mute{Users: []signaling.UserID{"ann"}, Duration: 150 * time.Millisecond}))
				c.nodes[1].enter(signaling.UserID(fmt.Sprint("guest", j)))
				time.Sleep(200 * time.Millisecond)
			}
		})
		wg.Wait()
		synctest.Wait()
		require.NotZero(t, refused[signaling.ErrMessageDisabled.Code], "ann was muted at times")
		for code := range refused {
			require.Contains(t, []signaling.Code{signaling.ErrMessageDisabled.Code, signaling.ErrFreqLimit.Code}, code)
		}
		require.Len(t, heard, len(taken))
		var last uint64
		for _, b := range heard {
			require.Equal(t, taken[b.Text], b.Sequence)
			require.Greater(t, b.Sequence, last)
			last = b.Sequence
		}
		c.consistent()
	})
}

// Each home counts above the former one's, whatever that has said, and knows who is here.
func TestChatOfTheNextHome(t *testing.T) {
	bubble(t, 4, func(t *testing.T, c *cluster) {
		c.nodes[0].create(signaling.FreeToTake)
		ann := c.nodes[3]
		ann.enter("ann")
		var last uint64
		for i := range 4 {
			for j := range 5 {
				b, err := ann.say("ann", fmt.Sprint(i, j))
				require.NoError(t, err)
				require.Greater(t, b.Sequence, last)
				last = b.Sequence
			}
			_, err := ann.say("bob", "not here")
			require.ErrorIs(t, err, signaling.ErrNotInRoom)
			if i < 3 {
				c.nodes[i].kill()
			}
		}
		require.Greater(t, c.newest().Epoch, uint64(1))
	})
}
