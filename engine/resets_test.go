package engine_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/seatgrid"
	"github.com/openvoiceroom/openvoiceroom/voiceroom/voiceroomtest"
)

// actor makes random verbs and remembers what they have said: that is how the room has to be.
type actor struct {
	*voiceroomtest.User
	id   engine.UserID
	rng  *rand.Rand
	own  engine.SeatIndex // whose locks only this user changes
	seat engine.SeatIndex // -1: none
	lock engine.SeatLock
	mic  bool
}

// act makes one verb. A refusal has to be the room's; what the actor knows to be right must succeed.
func (a *actor) act(ctx context.Context) (verb string, err error) {
	wanted := engine.SeatIndex(a.rng.IntN(4)) // few seats: the two get in each other's way
	occupied := func(err error, then func()) error {
		if err == nil {
			then()
		}
		if errors.Is(err, engine.ErrSeatOccupied) {
			return nil
		}
		return err
	}
	switch choice := a.rng.IntN(6); {
	case choice == 0:
		lock := engine.SeatLock{Seat: a.rng.IntN(2) == 0, Audio: a.rng.IntN(2) == 0}
		if err = a.LockSeat(ctx, a.own, seatgrid.SeatLockParams{LockSeat: lock.Seat, LockAudio: lock.Audio}); err == nil {
			a.lock = lock
		}
		return "LockSeat", err
	case a.seat < 0:
		_, err = a.TakeSeat(ctx, wanted, 0)
		return "TakeSeat", occupied(err, func() { a.seat, a.mic = wanted, false })
	case choice == 1:
		if err = a.LeaveSeat(ctx); err == nil {
			a.seat, a.mic = -1, false
		}
		return "LeaveSeat", err
	case choice == 2:
		return "MoveToSeat", occupied(a.MoveToSeat(ctx, wanted), func() { a.seat = wanted })
	case a.mic:
		if err = a.StopMicrophone(ctx); err == nil {
			a.mic = false
		}
		return "StopMicrophone", err
	default:
		if err = a.StartMicrophone(ctx); err == nil {
			a.mic = true
		}
		return "StartMicrophone", err
	}
}

// Two users on two nodes do what they like while their connections break at every moment, also when a command has just
// been written. Each verb returns as if nothing had happened, each takes effect once, and who has lost the connection a
// hundred times has been told the same as who never has.
func TestVerbsUnderResets(t *testing.T) {
	for seed := range uint64(2) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := voiceroomtest.Config{Nodes: 2}.NewServer(t)
				one, two, witness := srv.NewUserOn(t, 0, "one"), srv.NewUserOn(t, 1, "two"), srv.NewUserOn(t, 1, "witness")
				_, err := one.StartVoiceRoom(t.Context(), engine.RoomInfo{RoomID: "room", SeatMode: engine.FreeToTake})
				require.NoError(t, err)
				two.Join(t, "room")
				witness.Join(t, "room")
				require.NoError(t, one.Room().Members().ChangeUserRole(t.Context(), "two", engine.Administrator))
				synctest.Wait()
				diaries := []*diary{keepDiary(witness), keepDiary(one), keepDiary(two)}
				var returns [2]int // counted by the callbacks' goroutines
				actors := []*actor{
					{User: one, id: "one", rng: rand.New(rand.NewPCG(seed, 1)), own: 8, seat: 0},
					{User: two, id: "two", rng: rand.New(rand.NewPCG(seed, 2)), own: 9, seat: -1},
				}
				var acting, breaking sync.WaitGroup
				done := make(chan struct{})
				for i, a := range actors {
					a.Engine.AddObserver(&engine.Observer{OnReconnected: func() { returns[i]++ }})
					acting.Go(func() {
						for range 120 {
							if a.rng.IntN(3) == 0 { // while the command is on its way, or its answer
								turns := a.rng.IntN(60)
								acting.Go(func() {
									for range turns {
										runtime.Gosched()
									}
									a.ResetConnection()
								})
							}
							verb, err := a.act(t.Context())
							assert.NoError(t, err, "%s by %s", verb, a.id)
							time.Sleep(time.Duration(a.rng.IntN(50)) * time.Millisecond) // virtual
						}
					})
					rng := rand.New(rand.NewPCG(seed, uint64(10+i)))
					breaking.Go(func() {
						for {
							select {
							case <-time.After(time.Duration(rng.IntN(400)) * time.Millisecond):
								a.ResetConnection()
							case <-done:
								return
							}
						}
					})
				}
				acting.Wait()
				close(done)
				breaking.Wait()
				time.Sleep(20 * time.Second) // virtual: everybody is back
				synctest.Wait()
				for i, a := range actors {
					require.Greater(t, returns[i], 20, "there were resets enough")
					require.Equal(t, witness.Seats(), a.Seats())
					at := engine.SeatIndex(-1)
					for _, s := range witness.Seats() {
						if s.UserID == a.id {
							at = s.Index
							require.Equal(t, a.mic, s.Mic == engine.MicOn, "the microphone of %s", a.id)
						}
					}
					require.Equal(t, a.seat, at, "the seat of %s", a.id)
					s := witness.Seats()[a.own]
					require.Equal(t, a.lock, engine.SeatLock{Seat: s.Locked, Audio: s.AudioLocked})
					require.Equal(t, diaries[0].read(), diaries[i+1].read(), "what %s was told", a.id)
				}
				require.Greater(t, len(diaries[0].read()), 100)
			})
		})
	}
}

// sitting returns a guest on seat 2 with an open microphone, on the first of two nodes, and the host on the other.
func sitting(t *testing.T) (srv *voiceroomtest.Server, host, guest *voiceroomtest.User) {
	t.Helper()
	srv = voiceroomtest.Config{Nodes: 2, Grace: time.Minute}.NewServer(t)
	host, guest = srv.NewUserOn(t, 1, "host"), srv.NewUserOn(t, 0, "guest")
	host.AnswerRequests(true)
	host.Start(t, "room")
	guest.Join(t, "room")
	res, err := guest.TakeSeat(t.Context(), 2, 0)
	require.NoError(t, err)
	require.Equal(t, seatgrid.Accepted, res.Type)
	require.NoError(t, guest.StartMicrophone(t.Context()))
	synctest.Wait()
	return srv, host, guest
}

// stopMicrophones closes microphones: a minute of audio costs more than all that is tested without it.
func stopMicrophones(t *testing.T, users ...*voiceroomtest.User) {
	t.Helper()
	for _, u := range users {
		require.NoError(t, u.StopMicrophone(t.Context()))
	}
}
