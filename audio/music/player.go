package music

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/openvoiceroom/openvoiceroom/audio"
)

var (
	// ErrNotPlaying reports an id that is not played, or no longer.
	ErrNotPlaying = errors.New("music: it is not played")

	// ErrStopped is what a piece ends with that is not played to its end.
	ErrStopped = errors.New("music: stopped")

	// ErrTooMany reports more short sounds at once than [MaxShort].
	ErrTooMany = errors.New("music: too many sounds at once")

	// ErrOption reports an option or a parameter that is out of range, or an output that is not there.
	ErrOption = errors.New("music: wrong option")

	// ErrClosed reports a player that has been closed.
	ErrClosed = errors.New("music: closed")
)

const (
	// MaxShort is how many short sounds may be played at once.
	MaxShort = 8

	// DefaultVolume is the documents', in percent, and MaxVolume the most.
	DefaultVolume = 60
	MaxVolume     = 150

	// ProgressInterval is how often a player tells how far it is.
	ProgressInterval = 300 * time.Millisecond

	// apart is how far what is sent may be from what is heard here, in samples, and again is where a jump aims: what a
	// jump takes later.
	apart = audio.SampleRate / 10
	again = 2 * audio.FrameSamples
)

// Config says what a player is for.
type Config struct {
	Codec       audio.Codec // for Ogg Opus; nil: none can be played
	Local, Sent bool        // the outputs that somebody will ask for frames

	// OnStart, OnProgress and OnEnd are called one at a time and in order, off every lock, from any goroutine, perhaps
	// a moment after the method that they tell of has returned; of each piece OnStart comes first and OnEnd last. OnEnd
	// has nil at the piece's end, else [ErrStopped] or why the file cannot be read on. OnProgress comes for long pieces
	// that are heard, each ProgressInterval.
	OnStart    func(id int)
	OnProgress func(id int, at, of time.Duration)
	OnEnd      func(id int, err error)
}

// Options say what is played, and how.
type Options struct {
	ID    int           // to speak of it by
	Path  string        // of the file
	Loops int           // 0: once; 1: twice; -1: until it is stopped
	Send  bool          // to be sent, too
	Short bool          // a sound of at most a minute, in memory, beside the long piece
	Start time.Duration // where it begins, and begins again
	End   time.Duration // where it ends; 0: at the file's end
}

// Status says how far a piece is.
type Status struct {
	Position      time.Duration // in the file
	Duration      time.Duration // of the file
	Paused        bool
	LocalVolume   int     // percent
	SentVolume    int     // percent
	Pitch         float64 // -1 to 1
	LocalUnderrun int     // frames of silence because the file was read too slowly
	SentUnderrun  int
}

// Player plays music to its outputs.
type Player struct {
	cfg         Config
	local, sent Output
	wake        chan struct{} // capacity one: look now
	ctx         context.Context
	cancel      context.CancelFunc
	wg          sync.WaitGroup

	mu       sync.Mutex // protects what follows
	list     []*piece
	volume   int // of what is started
	watching bool
	closed   bool
	news     []func() // what is to be told, in order
	telling  bool     // somebody does
}

// piece is what is played under an id.
type piece struct {
	id          int
	short       bool
	tape        *tape // of any deck: its bounds
	duration    time.Duration
	pitch       float64
	paused      atomic.Bool
	local, sent *deck // nil without
	cancel      context.CancelFunc
	wg          sync.WaitGroup
}

// Output is where one goroutine gets frames.
type Output struct{ decks atomic.Pointer[[]*deck] }

// Playing tells whether there may be anything to mix.
func (o *Output) Playing() bool { return len(*o.decks.Load()) > 0 }

// Mix adds the next 20 ms of all that is played. A nil mixer makes it go by unheard.
func (o *Output) Mix(m *audio.Mixer, now time.Time) {
	for _, d := range *o.decks.Load() {
		d.next(m, now)
	}
}

// New returns a player. Close ends it.
func New(cfg Config) *Player {
	p := &Player{cfg: cfg, wake: make(chan struct{}, 1), volume: DefaultVolume}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	p.publish()
	return p
}

// Local is what is heard here, and Sent what is sent.
func (p *Player) Local() *Output { return &p.local }

// Sent is what is sent to others.
func (p *Player) Sent() *Output { return &p.sent }

// Start opens a file and begins to play it. A long piece ends the one before it, and either ends what has the same id.
// Errors are those of [audio.OpenTrack], [ErrOption], [ErrTooMany] and [ErrClosed].
func (p *Player) Start(o Options) error {
	if err := p.check(o); err != nil {
		return err
	}
	n, err := p.open(o)
	if err != nil {
		return err
	}
	p.mu.Lock()
	stopped, err := p.admit(n)
	if err == nil {
		for _, d := range n.decks() {
			d.volume.Store(int32(p.volume))
		}
		p.list = append(p.list, n)
		p.publish()
		if p.cfg.OnStart != nil {
			p.news = append(p.news, func() { p.cfg.OnStart(o.ID) })
		}
		if !p.watching {
			p.watching = true
			p.wg.Go(p.watch)
		}
	}
	p.mu.Unlock()
	for _, old := range stopped {
		old.close()
	}
	p.tell()
	if err != nil {
		n.close()
	}
	return err
}

func (p *Player) check(o Options) error {
	switch {
	case o.Loops < -1:
		return fmt.Errorf("%w: %d loops, want -1 (for ever), 0 (once) or more", ErrOption, o.Loops)
	case o.Start < 0 || o.End < 0 || o.End > 0 && o.End <= o.Start:
		return fmt.Errorf("%w: from %v to %v", ErrOption, o.Start, o.End)
	case o.Send && !p.cfg.Sent:
		return fmt.Errorf("%w: there is nothing to send with", ErrOption)
	case !o.Send && !p.cfg.Local:
		return fmt.Errorf("%w: nobody would hear it, for it is not sent and there is no output here", ErrOption)
	}
	return nil
}

// open makes a piece with its decks running.
func (p *Player) open(o Options) (*piece, error) {
	n := &piece{id: o.ID, short: o.Short, pitch: 0}
	var memo *memory
	deck := func() (*deck, error) {
		t, err := p.openTape(o, n, &memo)
		if err != nil {
			return nil, err
		}
		n.tape = t
		return newDeck(t, &n.paused, DefaultVolume, p.look), nil
	}
	var err error
	if p.cfg.Local {
		if n.local, err = deck(); err != nil {
			return nil, err
		}
	}
	if o.Send {
		if n.sent, err = deck(); err != nil {
			if n.local != nil {
				err = errors.Join(err, n.local.tape.Close())
			}
			return nil, err
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	n.cancel = cancel
	for _, d := range n.decks() {
		n.wg.Go(func() { d.run(ctx) })
	}
	return n, nil
}

func (p *Player) openTape(o Options, n *piece, memo **memory) (*tape, error) {
	var s sound
	if *memo != nil { // a short sound is read once
		s = &memory{samples: (*memo).samples, channels: (*memo).channels}
	} else {
		track, err := audio.OpenTrack(o.Path, p.cfg.Codec)
		if err != nil {
			return nil, err
		}
		n.duration, s = track.Duration(), track
		if o.Short {
			m, err := load(track)
			if err = errors.Join(err, track.Close()); err != nil {
				return nil, fmt.Errorf("music: %s: %w", o.Path, err)
			}
			*memo, s = m, m
		}
	}
	t := &tape{sound: s, start: samples(o.Start), end: samples(n.duration), loops: o.Loops}
	if o.End > 0 {
		t.end = min(t.end, samples(o.End))
	}
	if t.start >= t.end {
		err := fmt.Errorf("%w: it begins at %v, and %s ends at %v", ErrOption, o.Start, o.Path, n.duration.Round(time.Millisecond))
		return nil, errors.Join(err, t.Close())
	}
	return t, nil
}

func samples(d time.Duration) int64 { return int64(math.Round(d.Seconds() * audio.SampleRate)) }

func duration(n int64) time.Duration {
	return time.Duration(float64(n) / audio.SampleRate * float64(time.Second))
}

// admit returns what a new piece ends, taken off the list and told of. mu is held.
func (p *Player) admit(n *piece) (stopped []*piece, err error) {
	if p.closed {
		return nil, ErrClosed
	}
	var stay []*piece
	shorts := 0
	for _, old := range p.list {
		if old.id == n.id || !n.short && !old.short {
			stopped = append(stopped, old)
			continue
		}
		stay = append(stay, old)
		if old.short {
			shorts++
		}
	}
	if n.short && shorts >= MaxShort {
		return nil, fmt.Errorf("%w: at most %d", ErrTooMany, MaxShort)
	}
	p.list = stay
	for _, old := range stopped {
		p.over(old, ErrStopped)
	}
	return stopped, nil
}

// publish shows the list to the outputs. mu is held, or nobody else is there yet.
func (p *Player) publish() {
	local, sent := []*deck{}, []*deck{}
	for _, n := range p.list {
		if n.local != nil {
			local = append(local, n.local)
		}
		if n.sent != nil {
			sent = append(sent, n.sent)
		}
	}
	p.local.decks.Store(&local)
	p.sent.decks.Store(&sent)
}

// end takes a piece off the list, closes it and tells, unless somebody else has done so.
func (p *Player) end(n *piece, err error) {
	p.mu.Lock()
	i := slices.Index(p.list, n)
	if i >= 0 {
		p.list = slices.Delete(slices.Clone(p.list), i, i+1)
		p.publish()
		p.over(n, err)
	}
	p.mu.Unlock()
	if i >= 0 {
		n.close()
		p.tell()
	}
}

// over has told that a piece is on the list no more. mu is held.
func (p *Player) over(n *piece, err error) {
	if p.cfg.OnEnd != nil {
		p.news = append(p.news, func() {
			n.close()
			p.cfg.OnEnd(n.id, err)
		})
	}
}

// tell tells what there is to tell, unless somebody does already: so everything is told in the order in which it was, whoever
// has come between, and what is told may call the player.
func (p *Player) tell() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for !p.telling && len(p.news) > 0 {
		news := p.news[0]
		p.news = p.news[1:]
		p.telling = true
		p.mu.Unlock()
		news()
		p.mu.Lock()
		p.telling = false
	}
}

func (n *piece) close() {
	n.cancel()
	n.wg.Wait()
}

func (n *piece) decks() []*deck {
	var list []*deck
	for _, d := range []*deck{n.local, n.sent} {
		if d != nil {
			list = append(list, d)
		}
	}
	return list
}

// find returns the piece with an id, or [ErrNotPlaying].
func (p *Player) find(id int) (*piece, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, n := range p.list {
		if n.id == id {
			return n, nil
		}
	}
	return nil, fmt.Errorf("%w: %d", ErrNotPlaying, id)
}

// Stop ends a piece.
func (p *Player) Stop(id int) error {
	n, err := p.find(id)
	if err != nil {
		return err
	}
	p.end(n, ErrStopped)
	return nil
}

// Close ends everything and waits for it. Nothing can be started any more.
func (p *Player) Close() {
	p.mu.Lock()
	list := p.list
	p.list, p.closed = nil, true
	p.publish()
	for _, n := range list {
		p.over(n, ErrStopped)
	}
	p.mu.Unlock()
	for _, n := range list {
		n.close()
	}
	p.tell()
	p.cancel()
	p.wg.Wait()
}
