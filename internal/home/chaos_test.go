package home_test

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/internal/store/memstore"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// TestChaos lets users take and leave their seats while nodes stop, die, come and lose messages. Whatever happens, a
// command that was acknowledged is in the log exactly once, and the users' seats are what they were told.
func TestChaos_noAcknowledgedCommandIsLostOrRepeated(t *testing.T) {
	for seed := range uint64(8) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			bubble(t, 4, func(t *testing.T, c *cluster) { chaos(t, c, rand.New(rand.NewPCG(seed, 1))) })
		})
	}
}

// rider is a user who changes to another node when the own one dies.
type rider struct {
	id   signaling.UserID
	at   *node
	turn int
}

// move enters the room by a node that lives.
func (u *rider) move(live func() *node) {
	for u.at == nil || u.at.gone.Load() {
		u.turn++
		n := live()
		if _, err := n.tryEnter(u.id, fmt.Sprint(u.id, "@", u.turn)); err == nil {
			u.at = n
			return
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func chaos(t *testing.T, c *cluster, rng *rand.Rand) {
	var mu sync.Mutex // of rng; held for moments only
	intN := func(n int) int {
		mu.Lock()
		defer mu.Unlock()
		return rng.IntN(n)
	}
	live := func() *node {
		for {
			if n := c.nodes[intN(len(c.nodes))]; !n.gone.Load() {
				return n
			}
		}
	}
	c.nodes[0].create(signaling.FreeToTake)
	for _, n := range c.nodes {
		n.follow()
	}
	type ack struct {
		id      string
		version uint64
	}
	const users, each = 5, 80
	acks := make([][]ack, users)
	riders := make([]*rider, users)
	var wg sync.WaitGroup
	for i := range users {
		wg.Go(func() {
			u := &rider{id: signaling.UserID(fmt.Sprint("u", i))}
			riders[i] = u
			for j := range each {
				var a room.Action = room.TakeSeat{Index: signaling.SeatIndex(i)}
				if j%2 == 1 {
					a = room.LeaveSeat{}
				}
				id := fmt.Sprint(j)
				for {
					u.move(live)
					out, err := u.at.try(id, u.id, a)
					if err == nil {
						acks[i] = append(acks[i], ack{string(u.id) + "\x00" + id, out.Version})
						break
					}
					if signaling.CodeOf(err) != signaling.ErrServer.Code { // that one says: ask again
						assert.NoError(t, err, "%s %s", u.id, id)
						return
					}
					time.Sleep(50 * time.Millisecond)
				}
				time.Sleep(time.Duration(i+1) * 30 * time.Millisecond)
			}
		})
	}
	over := make(chan struct{})
	go func() { wg.Wait(); close(over) }()
	kills := 2
	for done := false; !done; {
		n := live()
		switch intN(6) {
		case 0:
			n.store.Pause()
			time.Sleep(time.Duration(intN(8000)) * time.Millisecond)
			n.store.Resume()
		case 1:
			c.store.FailNextAppend(memstore.Before)
			c.store.FailNextAppend(memstore.After)
		case 2:
			n.deaf.Store(true)
			time.Sleep(time.Duration(intN(500)) * time.Millisecond)
			n.deaf.Store(false)
			n.store.Disconnect()
		case 3:
			if kills > 0 {
				kills--
				if intN(2) == 0 {
					n.kill()
				} else {
					n.end()
				}
			}
		}
		select {
		case <-over:
			done = true
		case <-time.After(time.Duration(intN(1500)) * time.Millisecond):
		}
	}
	for _, u := range riders {
		u.move(live) // whose node died when they had finished
	}
	time.Sleep(10 * time.Second)
	synctest.Wait()
	done := map[string]uint64{}
	for _, e := range c.log() {
		for _, d := range e.Done {
			done[d.ID] = e.Version
		}
	}
	for _, list := range acks {
		require.Len(t, list, each)
		last := uint64(0)
		for _, a := range list {
			require.Equal(t, a.version, done[a.id], "%q", a.id)
			require.Greater(t, a.version, last)
			last = a.version
		}
	}
	c.consistent()
	assert.Equal(t, users, c.newest().Members, "nobody is left over")
	for i := range users {
		assert.Equal(t, -1, c.seatOf(signaling.UserID(fmt.Sprint("u", i))))
	}
}
