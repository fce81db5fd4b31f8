package engine

import (
	"context"
	"slices"
)

// Post queues f among this login's callbacks: it runs after those that are queued already and never at the same time
// as one. Post returns at once. When the login is over f does not run. name is for the report of a slow callback.
func (e *Engine) Post(name string, f func()) { e.events.Post(name, f) }

// PostSeats is Post with the seats as they are at that place in the order: what the callbacks before f have told of,
// and nothing of what those after it tell. [Room.Seats] called from a callback may be ahead of it.
func (r *Room) PostSeats(name string, f func(seats []SeatInfo)) {
	r.mu.Lock() // changes and their callbacks are queued under it
	defer r.mu.Unlock()
	seats := slices.Clone(r.view.Seats)
	r.events.Post(name, func() { f(seats) })
}

// Later runs f on a goroutine of its own, for as long as the room lasts: ctx ends with it. f may wait for a connection
// that is gone.
func (r *Room) Later(f func(ctx context.Context)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.later(f)
}

// later is Later with r.mu held.
func (r *Room) later(f func(ctx context.Context)) {
	ctx, cancel := context.WithCancel(context.Background())
	r.spawn(func() {
		defer cancel()
		f(ctx)
	})
	r.spawn(func() {
		select {
		case <-r.done:
			cancel()
		case <-ctx.Done():
		}
	})
}
