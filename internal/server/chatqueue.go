package server

import (
	"context"
	"sync"
	"time"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// maxUnsaid is how many messages of one client wait for the app's word.
const maxUnsaid = 16

// chatQueue has a client's messages said one after another, beside its other calls: the app may take its time to let one
// through, and meanwhile a manager has to be able to mute, and anybody to leave.
type chatQueue struct {
	wg sync.WaitGroup // of who works on it

	mu    sync.Mutex // protects what follows
	jobs  []func()
	works bool
}

// busy reports whether messages wait: a later one must not overtake them.
func (q *chatQueue) busy() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.works
}

// add has f run after what was added before. It is false when too much waits.
func (q *chatQueue) add(f func()) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.jobs) >= maxUnsaid {
		return false
	}
	q.jobs = append(q.jobs, f)
	if !q.works {
		q.works = true
		q.wg.Go(q.run)
	}
	return true
}

func (q *chatQueue) run() {
	for {
		q.mu.Lock()
		if len(q.jobs) == 0 {
			q.works, q.jobs = false, nil
			q.mu.Unlock()
			return
		}
		f := q.jobs[0]
		q.jobs = q.jobs[1:]
		q.mu.Unlock()
		f()
	}
}

// sendBarrage answers a barrage.send: at once, or, where the app is asked first, when its turn and the answer have come.
func (l *link) sendBarrage(m signaling.Message, start time.Time) {
	var say func(context.Context) (signaling.SendBarrageResult, error)
	var p signaling.SendBarrageParams
	err := signaling.DecodeParams(m.Params, &p)
	if err == nil {
		say, err = l.ses.sendBarrage(p)
	}
	if err != nil {
		l.answer(m, start, nil, err)
		return
	}
	job := func() {
		ctx, cancel := context.WithTimeout(l.ctx, callLimit)
		defer cancel()
		result, err := say(ctx)
		if l.ctx.Err() != nil {
			return // nobody is there to hear the answer; who comes back asks again
		}
		l.answer(m, start, result, err)
	}
	switch {
	case !l.srv.hooks.Moderated(l.ses.app) && !l.chat.busy():
		job()
	case !l.chat.add(job):
		l.answer(m, start, nil, signaling.Errorf(signaling.ErrFreqLimit.Code, "%d messages wait for the app's word; wait a moment and try again", maxUnsaid))
	}
}
