package engine

import (
	"context"
	"encoding/json"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// answers makes a CallFunc of what each call is answered with, one after another; nil leaves it unanswered.
func answers(t *testing.T, list ...any) signaling.CallFunc {
	return func(ctx context.Context, method string, _, result any) error {
		require.NotEmpty(t, list, "one %s too many", method)
		a := list[0]
		list = list[1:]
		switch a := a.(type) {
		case nil:
			<-ctx.Done()
			return context.Cause(ctx)
		case error:
			return a
		default:
			b, err := json.Marshal(a)
			require.NoError(t, err)
			return json.Unmarshal(b, result)
		}
	}
}

// A return to a room is tried until the room says no: no answer, or no node that can decide, is not a no.
func TestRejoinGoesOnUntilItIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []string
		r := offline(t, &RoomObserver{OnKickedOutOfRoom: func(RoomID, KickedOutReason, string) { told = append(told, "kicked out") }})
		r.known = true
		now := r.view
		now.Version = 9
		r.rejoin(t.Context(), answers(t, nil, signaling.ErrServer, signaling.ErrMediaNotNegotiated, nil, signaling.JoinResult{Snapshot: now}))
		require.EqualValues(t, 9, r.view.Version)
		require.False(t, r.returning)
		r.rejoin(t.Context(), answers(t, nil, signaling.ErrNotInRoom))
		require.ErrorIs(t, r.Err(), ErrNotInRoom)
		r.rejoin(t.Context(), answers(t, signaling.ErrRoomNotExist)) // whatever comes then
		r.events.Close()
		require.Equal(t, []string{"kicked out"}, told, "once")
	})
}

// A room that has been made anew with the same id is another. Who finds itself in it leaves it, and is told of the end of
// the one it was in, once, also when the leaving is refused.
func TestRejoinFindsAnotherRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []string
		r := offline(t, &RoomObserver{
			OnRoomDismissed:   func(RoomID, DismissedReason) { told = append(told, "dismissed") },
			OnKickedOutOfRoom: func(RoomID, KickedOutReason, string) { told = append(told, "kicked out") },
		})
		r.known, r.view.Room.CreateTime, r.view.Version = true, 1, 100
		other := r.view
		other.Room.CreateTime, other.Version = 2, 3
		r.rejoin(t.Context(), answers(t, signaling.JoinResult{Snapshot: other}, signaling.ErrOwnerCannotLeave))
		r.events.Close()
		require.Equal(t, []string{"dismissed"}, told)
	})
}

// When the connection is gone again the rest is left to the next return.
func TestRejoinEndsWithItsConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := offline(t, &RoomObserver{OnKickedOutOfRoom: func(RoomID, KickedOutReason, string) { t.Error("nobody has said so") }})
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		r.rejoin(ctx, answers(t, nil))
		require.True(t, r.returning, "the next return has to join, even to a server that has kept the room")
		require.NoError(t, r.Err())
		r.events.Close()
	})
}
