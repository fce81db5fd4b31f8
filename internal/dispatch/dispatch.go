// Package dispatch delivers callbacks the way the SDK promises it: in order, never two at once, off every lock, free to
// call back into the SDK, and never again after the observer's removal has returned.
package dispatch

import (
	"bytes"
	"log/slog"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

// slow is how long one callback may take before it is reported: it holds up those behind it.
const slow = time.Second

// Queue calls functions one after another on a goroutine of its own. What is posted is never dropped.
type Queue struct {
	log  *slog.Logger
	done chan struct{}
	self atomic.Uint64 // the goroutine's id

	mu     sync.Mutex
	posted []task
	wake   chan struct{} // capacity 1
	closed bool
}

type task struct {
	name string
	f    func()
}

// New starts a queue. Close ends it.
func New(log *slog.Logger) *Queue {
	q := &Queue{log: log, done: make(chan struct{}), wake: make(chan struct{}, 1)}
	go q.run() // Close waits for it by done
	return q
}

// Post queues f; name is for the report of a slow one. After Close it does nothing.
func (q *Queue) Post(name string, f func()) {
	q.mu.Lock()
	if !q.closed {
		q.posted = append(q.posted, task{name, f})
	}
	q.mu.Unlock()
	q.signal()
}

// Close lets what has been posted run, and waits for it. Called from inside a callback it only starts to end: the
// callback itself could otherwise never return.
func (q *Queue) Close() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	q.signal()
	if !q.Inside() {
		<-q.done
	}
}

// Done is closed when nothing runs any more.
func (q *Queue) Done() <-chan struct{} { return q.done }

// Inside reports whether the caller runs in one of the queue's callbacks.
func (q *Queue) Inside() bool { return q.self.Load() == goroutineID() }

func (q *Queue) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

func (q *Queue) run() {
	defer close(q.done)
	q.self.Store(goroutineID())
	for range q.wake {
		for {
			q.mu.Lock()
			if len(q.posted) == 0 {
				closed := q.closed
				q.mu.Unlock()
				if closed {
					return
				}
				break
			}
			t := q.posted[0]
			q.posted[0] = task{} // what it holds is not needed longer than the slice
			q.posted = q.posted[1:]
			q.mu.Unlock()
			q.watched(t)
		}
	}
}

// watched runs a callback and reports it while it is slow: one that never returns would otherwise never be reported.
func (q *Queue) watched(t task) {
	reported := make(chan struct{})
	timer := time.AfterFunc(slow, func() {
		defer close(reported)
		q.mu.Lock()
		behind := len(q.posted)
		q.mu.Unlock()
		q.log.Warn("slow observer: it holds up the callbacks behind it", "callback", t.name, "runs for", slow, "waiting", behind)
	})
	t.f()
	if !timer.Stop() {
		<-reported
	}
}

// goroutineID reads the running goroutine's number off its stack's first line. The runtime offers no other way, and
// only this tells a callback that removes itself, which must not wait, from another goroutine, which must.
func goroutineID() uint64 {
	var buf [64]byte
	line := bytes.TrimPrefix(buf[:runtime.Stack(buf[:], false)], []byte("goroutine "))
	num, _, _ := bytes.Cut(line, []byte(" "))
	id, err := strconv.ParseUint(string(num), 10, 64)
	if err != nil {
		return 0 // no goroutine has it: nobody is taken to be inside
	}
	return id
}

// Observers is a list of observers whose callbacks run on one Queue.
type Observers[T any] struct {
	mu   sync.Mutex
	list []*registered[T]
}

type registered[T any] struct {
	observer *T
	gone     bool          // guarded by Observers.mu
	running  chan struct{} // capacity one: full during a callback. A mutex would stop virtual time in tests.
}

// Add registers an observer and returns how to remove it. q tells whether the removal is called from inside a
// callback; otherwise it waits until a running callback of this observer has returned.
func (o *Observers[T]) Add(observer *T, inside func() bool) (remove func()) {
	r := &registered[T]{observer: observer, running: make(chan struct{}, 1)}
	o.mu.Lock()
	o.list = append(o.list, r)
	o.mu.Unlock()
	return func() { o.remove(r, inside) }
}

// Remove removes the observer that was added with this pointer; unknown ones are no error.
func (o *Observers[T]) Remove(observer *T, inside func() bool) {
	o.mu.Lock()
	var found *registered[T]
	for _, r := range o.list {
		if r.observer == observer {
			found = r
		}
	}
	o.mu.Unlock()
	if found != nil {
		o.remove(found, inside)
	}
}

func (o *Observers[T]) remove(r *registered[T], inside func() bool) {
	o.mu.Lock()
	r.gone = true
	for i, x := range o.list {
		if x == r {
			o.list = append(o.list[:i:i], o.list[i+1:]...)
			break
		}
	}
	o.mu.Unlock()
	if !inside() {
		r.running <- struct{}{} // wait for a running callback
		<-r.running
	}
}

// Each calls f with each observer, in the order of their registration. It runs on the queue's goroutine.
func (o *Observers[T]) Each(f func(*T)) {
	o.mu.Lock()
	list := append([]*registered[T](nil), o.list...)
	o.mu.Unlock()
	for _, r := range list {
		r.running <- struct{}{}
		o.mu.Lock()
		gone := r.gone
		o.mu.Unlock()
		if !gone {
			f(r.observer)
		}
		<-r.running
	}
}
