package adminapi

import (
	"sync"

	"golang.org/x/time/rate"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// appRate is how many calls a second one app may make on one node, of all commands together. The documents say that
// there is such a limit, and not which.
const appRate = 500

// limits are the rates of calls that were let in. There are no more of them than apps and commands.
type limits struct {
	mu   sync.Mutex
	apps map[signaling.AppID]*rate.Limiter
	one  map[limitKey]*rate.Limiter
}

type limitKey struct {
	app     signaling.AppID
	command string
}

func (l *limits) allow(app signaling.AppID, command string, perSecond int) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.apps == nil {
		l.apps, l.one = map[signaling.AppID]*rate.Limiter{}, map[limitKey]*rate.Limiter{}
	}
	if !limiter(l.one, limitKey{app, command}, perSecond).Allow() {
		return refuse(codeCommandRate, "%s may be called %d times a second; call less often", command, perSecond)
	}
	if !limiter(l.apps, app, appRate).Allow() {
		return refuse(codeAppRate, "an app may make %d calls a second; call less often", appRate)
	}
	return nil
}

func limiter[K comparable](m map[K]*rate.Limiter, key K, perSecond int) *rate.Limiter {
	l := m[key]
	if l == nil {
		l = rate.NewLimiter(rate.Limit(perSecond), perSecond)
		m[key] = l
	}
	return l
}
