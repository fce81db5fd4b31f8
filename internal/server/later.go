package server

import (
	"context"
	"time"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// maxLater is how many calls of a client may be under way beside the one that is being read.
const maxLater = 8

// later is the result of a call that takes a while: an app's server is asked. Other calls of the client go on meanwhile. It
// goes on to its end although the connection may break: the client asks again what came of it.
type later func(ctx context.Context) (any, error)

// answerLater runs f beside the reading. It returns false when the server or the connection is closing, and nobody waits for
// the answer any more.
func (l *link) answerLater(m signaling.Message, start time.Time, f later) bool {
	select {
	case l.laters <- struct{}{}:
	case <-l.ctx.Done():
		return false
	}
	spawned := l.srv.spawn(func() {
		defer func() { <-l.laters }()
		ctx, cancel := context.WithTimeout(l.srv.ctx, callLimit)
		defer cancel()
		result, err := f(ctx)
		l.answer(m, start, result, err)
	})
	if !spawned {
		<-l.laters
	}
	return spawned
}
