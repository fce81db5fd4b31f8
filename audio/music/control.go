package music

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// Pause makes a piece stand still, and Resume goes on. It fades over a frame.
func (p *Player) Pause(id int) error { return p.setPaused(id, true) }

// Resume goes on after Pause.
func (p *Player) Resume(id int) error { return p.setPaused(id, false) }

func (p *Player) setPaused(id int, paused bool) error {
	n, err := p.find(id)
	if err == nil {
		n.paused.Store(paused)
	}
	return err
}

// Seek goes on at a place in the file; one outside what is played is its nearest end. How often it was played counts on.
func (p *Player) Seek(id int, at time.Duration) error {
	n, err := p.find(id)
	if err != nil {
		return err
	}
	t := n.tape
	now := n.leader(time.Now()).at.Load()
	pass := min((now-t.start)/t.length(), (t.total()-t.start)/t.length()-1)
	to := pass*t.length() + min(max(samples(at), t.start), t.end)
	for _, d := range n.decks() {
		d.jump(to, d.pitch())
	}
	return nil
}

// SetPitch changes the pitch and keeps the tempo: -1 is an octave down, 1 an octave up, 1/12 a semitone.
func (p *Player) SetPitch(id int, pitch float64) error {
	if !(math.Abs(pitch) <= 1) {
		return fmt.Errorf("%w: pitch %v, want -1 to 1", ErrOption, pitch)
	}
	n, err := p.find(id)
	if err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	n.pitch = pitch
	for _, d := range n.decks() {
		d.jump(d.at.Load(), ratio(pitch))
	}
	return nil
}

// SetVolume sets how loud everything is that is played now or later, here and for others, in percent: 0 to 150.
func (p *Player) SetVolume(percent int) error {
	if err := checkVolume(percent); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.volume = percent
	for _, n := range p.list {
		for _, d := range n.decks() {
			d.volume.Store(int32(percent))
		}
	}
	return nil
}

// SetLocalVolume sets how loud a piece is here, in percent: 0 to 150.
func (p *Player) SetLocalVolume(id, percent int) error {
	return p.setVolume(id, percent, func(n *piece) *deck { return n.local })
}

// SetSentVolume sets how loud a piece is for others, in percent: 0 to 150.
func (p *Player) SetSentVolume(id, percent int) error {
	return p.setVolume(id, percent, func(n *piece) *deck { return n.sent })
}

func (p *Player) setVolume(id, percent int, which func(*piece) *deck) error {
	if err := checkVolume(percent); err != nil {
		return err
	}
	n, err := p.find(id)
	if err != nil {
		return err
	}
	if d := which(n); d != nil {
		d.volume.Store(int32(percent))
	}
	return nil
}

func checkVolume(percent int) error {
	if percent < 0 || percent > MaxVolume {
		return fmt.Errorf("%w: volume %d, want 0 to %d", ErrOption, percent, MaxVolume)
	}
	return nil
}

// Status tells how far a piece is, or [ErrNotPlaying].
func (p *Player) Status(id int) (Status, error) {
	n, err := p.find(id)
	if err != nil {
		return Status{}, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	s := Status{Duration: n.duration, Paused: n.paused.Load(), Pitch: n.pitch, Position: n.position(time.Now())}
	if d := n.local; d != nil {
		s.LocalVolume, s.LocalUnderrun = int(d.volume.Load()), int(d.underruns.Load())
	}
	if d := n.sent; d != nil {
		s.SentVolume, s.SentUnderrun = int(d.volume.Load()), int(d.underruns.Load())
	}
	return s, nil
}

// leader is the deck that says how far a piece is: the one heard here, while it is heard.
func (n *piece) leader(now time.Time) *deck {
	switch {
	case n.local == nil:
		return n.sent
	case n.sent == nil || n.local.live(now) || !n.sent.live(now):
		return n.local
	}
	return n.sent
}

func (n *piece) position(now time.Time) time.Duration {
	at := n.leader(now).at.Load()
	if at >= n.tape.total() {
		return duration(n.tape.end)
	}
	return duration(n.tape.place(at))
}

// look makes the watch look now.
func (p *Player) look() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// watch notices what ends, keeps outputs together and tells how far it is, while there is anything.
func (p *Player) watch() {
	tick := time.NewTicker(ProgressInterval)
	defer tick.Stop()
	for {
		told := false
		select {
		case <-p.ctx.Done():
			return
		case <-p.wake:
		case <-tick.C:
			told = true
		}
		p.mu.Lock()
		list := p.list
		if p.watching = len(list) > 0; !p.watching {
			p.mu.Unlock()
			return
		}
		p.mu.Unlock()
		now := time.Now()
		for _, n := range list {
			p.visit(n, now, told)
		}
	}
}

func (p *Player) visit(n *piece, now time.Time, tell bool) {
	if ended, err := n.over(now); ended {
		p.end(n, err)
		return
	}
	if n.paused.Load() || !n.leader(now).live(now) {
		return
	}
	if n.local != nil && n.sent != nil && n.local.live(now) && n.sent.live(now) && !n.local.ended.Load() && !n.sent.ended.Load() {
		if at := n.local.at.Load(); max(at-n.sent.at.Load(), n.sent.at.Load()-at) > apart {
			n.sent.jump(at+again, n.sent.pitch())
		}
	}
	if tell && !n.short && p.cfg.OnProgress != nil {
		at := n.position(now)
		p.mu.Lock()
		if slices.Contains(p.list, n) {
			p.news = append(p.news, func() { p.cfg.OnProgress(n.id, at, n.duration) })
		}
		p.mu.Unlock()
		p.tell()
	}
}

// over tells whether a piece has ended for everybody who is there.
func (n *piece) over(now time.Time) (bool, error) {
	ended := false
	for _, d := range n.decks() {
		switch {
		case d.ended.Load():
			ended = true
			if err := d.failed(); err != nil {
				return true, err
			}
		case d.live(now):
			return false, nil
		}
	}
	return ended, nil
}
