package engine

import (
	"slices"
	"sync"
	"time"

	"github.com/openvoiceroom/openvoiceroom/audio"
	"github.com/openvoiceroom/openvoiceroom/internal/netquality"
	"github.com/openvoiceroom/openvoiceroom/internal/report"
	"github.com/openvoiceroom/openvoiceroom/internal/rtc"
)

// NetworkInterval is how often OnUserNetworkQualityChanged is called (documents: 2 s).
const NetworkInterval = netquality.Interval

const (
	// networkWindow is over how many looks losses are taken together: 6 s, in which there is a report in any case.
	networkWindow = 3
	// networkFresh is how long a figure says something after the last report.
	networkFresh = 15 * time.Second
)

// watch looks at a room's media every 2 s: for how good the lines are, and for the report of the call.
type watch struct {
	mu     sync.Mutex             // protects what follows
	remote map[UserID]NetworkInfo // as the server says
	log    callLog
}

// sample is what had come of a speaker at a moment.
type sample struct {
	stats audio.JitterStats
	got   report.Counts
	where report.Split
	known bool // where has been told
}

// totals are the losses on both ways of the own line, up to a moment.
type totals struct {
	at       time.Time
	up       report.Counts
	expected uint32 // of what the server has sent
	lost     uint32
}

// lookout is one watch's goroutine.
type lookout struct {
	media  *media
	line   *line
	past   []totals // the newest last
	up     figure
	down   figure
	level  netquality.Level
	told   []NetworkInfo
	frames uint64 // that the player had played
	last   time.Time
}

// figure is the last loss that was measured.
type figure struct {
	loss float64
	at   time.Time
}

func (f figure) share(now time.Time) float64 {
	if f.at.IsZero() || now.Sub(f.at) > networkFresh {
		return netquality.Unknown
	}
	return f.loss
}

// watchNetwork tells how good the lines are, until the room is over.
func (m *media) watchNetwork() {
	o := &lookout{media: m, last: time.Now()}
	m.watch.begin(o.last, m.room.id, m.room.Self().UserID)
	tick := time.NewTicker(NetworkInterval)
	defer tick.Stop()
	for {
		select {
		case now := <-tick.C:
			if infos, news := o.look(now); news {
				m.room.post("OnUserNetworkQualityChanged", func(ob *RoomObserver) {
					if ob.OnUserNetworkQualityChanged != nil {
						ob.OnUserNetworkQualityChanged(infos)
					}
				})
			}
		case <-m.room.done:
			o.frames = 0       // the player may have stopped already
			o.look(time.Now()) // what the report still lacks
			m.watch.finish(time.Now())
			return
		}
	}
}

// look measures and writes down. news is false when nobody need be told.
func (o *lookout) look(now time.Time) (infos []NetworkInfo, news bool) {
	m := o.media
	l := m.line.Load()
	if l != o.line { // another connection counts anew
		o.line, o.past, o.up, o.down = l, nil, figure{}, figure{}
	}
	l.peer.MeasureRoundTrip()
	r := row{begin: o.last, length: now.Sub(o.last), trip: l.peer.RoundTrip()}
	o.last = now
	state := l.peer.State()
	r.down = state == rtc.StateDisconnected || state == rtc.StateFailed
	if frames := m.room.eng.player.frames.Load(); m.room.eng.player.sink != nil {
		if o.frames > 0 { // else the device is only just open
			r.frames, r.framesDue = float64(frames-o.frames), float64(r.length)/float64(audio.FrameDuration)
		}
		o.frames = frames
	}
	heard, jitter, t := m.hear(l, now)
	t.up = l.peer.Sent()
	if n := len(o.past); n > 0 {
		r.sent, r.sentLost = grown(o.past[n-1].up.Expected, t.up.Expected), grown(o.past[n-1].up.Lost, t.up.Lost)
	} else {
		r.sent, r.sentLost = float64(t.up.Expected), float64(t.up.Lost)
	}
	o.past = append(o.past, t)
	if len(o.past) > networkWindow+1 {
		o.past = o.past[1:]
	}
	o.measure(now)
	f := netquality.Figures{
		UpLoss: o.up.share(now), DownLoss: o.down.share(now), RoundTrip: netquality.Unknown, Jitter: jitter, Down: r.down,
	}
	if r.trip > 0 {
		f.RoundTrip = r.trip
	}
	o.level = o.level.Next(f)
	infos = m.networkInfos(o.level, f)
	m.watch.add(r, heard)
	flows := m.mic.publishing.Load() || len(heard) > 0
	nothing := len(infos) == 1 && o.level.Quality() == NetworkUnknown
	news = (flows || !slices.Equal(infos, o.told)) && !(nothing && len(o.told) == 0)
	if news {
		o.told = infos
	}
	return infos, news
}

// measure takes the losses of the last seconds.
func (o *lookout) measure(now time.Time) {
	first, last := o.past[0], o.past[len(o.past)-1]
	if sent := grown(first.up.Expected, last.up.Expected); sent > 0 {
		o.up = figure{min(1, grown(first.up.Lost, last.up.Lost)/sent), now}
	}
	if come := grown(first.expected, last.expected); come > 0 {
		o.down = figure{min(1, grown(first.lost, last.lost)/come), now}
	}
}

// grown is by how much a count has grown; a packet that was late after all can make it less.
func grown(from, to uint32) float64 { return float64(max(0, int32(to-from))) }

// hear returns what has come of each speaker since the last look, how irregularly it comes on this line, and the totals.
func (m *media) hear(l *line, now time.Time) (heard []heardRow, jitter time.Duration, t totals) {
	l.mu.Lock()
	defer l.mu.Unlock()
	t.at = now
	jitter = netquality.Unknown
	speaking := 0
	for i, e := range l.ears {
		s := l.sample(i)
		t.expected += s.where.Expected - s.where.Never
		t.lost += s.where.Lost
		if !s.known {
			t.expected += s.got.Expected
			t.lost += s.got.Lost
		}
		was := e.seen
		e.seen = s
		if e.owner.user == "" || s.stats.Received == was.stats.Received && s.stats.Lost == was.stats.Lost {
			continue
		}
		if s.stats.Received > was.stats.Received {
			speaking++
			if jitter < 0 || s.stats.Jitter < jitter {
				jitter = s.stats.Jitter
			}
		}
		heard = append(heard, heardRow{e.owner.user, newHeard(was, s)})
	}
	if speaking < 2 {
		jitter = netquality.Unknown // of one speaker it cannot be said whose line is irregular
	}
	return heard, jitter, t
}

// sample returns what has come of a slot; the line's lock is held.
func (l *line) sample(slot int) (s sample) {
	s.stats = l.ears[slot].buffer.Stats()
	s.got, s.where, s.known = l.peer.Received(slot)
	return s
}

// occupied notes who is heard on a slot from now on; the line's lock is held.
func (l *line) occupied(slot int, w who) {
	if e := l.ears[slot]; e.owner != w {
		e.owner = w
		e.seen = l.sample(slot) // what came before was another's
		e.buffer.Restart()
	}
}

// networkInfos lists this user and those on the seats of whom something is known.
func (m *media) networkInfos(own netquality.Level, f netquality.Figures) []NetworkInfo {
	r := m.room
	r.mu.Lock()
	self := r.view.Self.UserID
	seats := slices.Clone(r.view.Seats)
	r.mu.Unlock()
	infos := []NetworkInfo{own.Info(self, f)}
	m.watch.mu.Lock()
	defer m.watch.mu.Unlock()
	for _, s := range seats {
		if info, known := m.watch.remote[s.UserID]; known && s.UserID != self {
			infos = append(infos, info)
		}
	}
	return infos
}

// networkChanged takes what the server says about those on the seats; nil is nothing.
func (m *media) networkChanged(list []NetworkInfo) {
	remote := make(map[UserID]NetworkInfo, len(list))
	for _, info := range list {
		remote[info.UserID] = info
	}
	m.watch.mu.Lock()
	defer m.watch.mu.Unlock()
	m.watch.remote = remote
}
