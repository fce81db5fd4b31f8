package engine

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/openvoiceroom/openvoiceroom/audio"
)

// player mixes everything that this login hears and gives it to the speaker, which sets the pace. It runs while there
// is a room.
type player struct {
	sink  audio.Sink           // nil: nothing is decoded
	voice audio.VoiceProcessor // nil: nobody wants to know what is played
	log   *slog.Logger

	turn   chan struct{} // capacity one: one add or remove at a time, since starting and stopping a device takes time
	cancel context.CancelFunc
	wg     sync.WaitGroup

	over bool // the login is; guarded by turn

	frames atomic.Uint64 // that the speaker has taken

	mu    sync.Mutex // protects what follows
	rooms []*media
}

func newPlayer(sink audio.Sink, voice audio.VoiceProcessor, log *slog.Logger) *player {
	return &player{sink: sink, voice: voice, log: log, turn: make(chan struct{}, 1)}
}

func (p *player) add(ctx context.Context, m *media) error {
	if p.sink == nil {
		return nil
	}
	select {
	case p.turn <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	defer func() { <-p.turn }()
	if p.over || m.gone { // both may come while a room is being entered
		return ErrNotInRoom
	}
	p.mu.Lock()
	p.rooms = append(append([]*media(nil), p.rooms...), m)
	first := len(p.rooms) == 1
	p.mu.Unlock()
	if !first {
		return nil
	}
	if err := p.sink.Start(ctx); err != nil {
		p.forget(m)
		return err
	}
	play, cancel := context.WithCancel(context.Background())
	p.cancel = cancel
	p.wg.Go(func() { p.play(play, m.room.eng.cfg.Codec) })
	return nil
}

func (p *player) remove(m *media) {
	if p.sink == nil {
		return
	}
	p.turn <- struct{}{}
	defer func() { <-p.turn }()
	m.gone = true
	if p.forget(m) {
		p.stop()
	}
}

// forget returns true when the last room is gone.
func (p *player) forget(m *media) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	had := len(p.rooms) > 0
	var rest []*media
	for _, r := range p.rooms {
		if r != m {
			rest = append(rest, r)
		}
	}
	p.rooms = rest
	return had && len(rest) == 0
}

func (p *player) close() {
	if p.sink == nil {
		return
	}
	p.turn <- struct{}{}
	defer func() { <-p.turn }()
	p.over = true
	p.stop()
}

func (p *player) stop() {
	if p.cancel == nil {
		return
	}
	p.cancel()
	p.cancel = nil
	p.wg.Wait()
	if err := p.sink.Stop(); err != nil {
		p.log.Warn("speaker", "error", err)
	}
}

// play makes frames as late as possible: the speaker asks for one every 20 ms.
func (p *player) play(ctx context.Context, codec audio.Codec) {
	channels := p.sink.Channels()
	o := &output{complaints: complaints{log: p.log}, codec: codec, channels: channels, mixer: audio.NewMixer(channels), silence: audio.NewFrame(channels)}
	frame := audio.NewFrame(channels)
	for ctx.Err() == nil {
		p.mu.Lock()
		rooms := p.rooms
		p.mu.Unlock()
		now := time.Now()
		for _, m := range rooms {
			o.add(m, now)
		}
		if err := o.mixer.Mix(frame); err != nil {
			p.log.Error("mix", "error", err)
			return
		}
		if p.voice != nil {
			o.failed("what is played cannot be taken out of what the microphone hears", p.voice.Played(frame))
		}
		if err := p.sink.WriteFrame(ctx, frame); err != nil {
			if ctx.Err() == nil {
				p.log.Warn("the speaker failed; this login hears nothing until its rooms are entered anew", "error", err)
				p.endStreams()
			}
			return
		}
		p.frames.Add(1)
	}
}

// endStreams ends what programs listen to: nothing more comes.
func (p *player) endStreams() {
	p.mu.Lock()
	rooms := p.rooms
	p.mu.Unlock()
	for _, m := range rooms {
		m.listeners.end()
	}
}

// output is how what is received becomes what the speaker plays. The goroutine that plays has it.
type output struct {
	codec    audio.Codec
	channels int
	mixer    *audio.Mixer
	silence  audio.Frame
	complaints
}

// add mixes in 20 ms of everybody who is heard in a room, of this user's own voice if that is wanted, and of
// the music.
func (o *output) add(m *media, now time.Time) {
	for _, e := range m.line.Load().ears {
		f, err := e.next(o.codec, o.channels, now)
		o.failed("received audio cannot be decoded; do both ends use the same codec?", err)
		if f == nil {
			continue
		}
		user := e.speaker().user
		m.listeners.feed(user, f)
		o.failed("received audio cannot be mixed", o.mixer.Add(f, m.gains.of(user)))
	}
	m.listeners.rest(o.silence)
	o.failed("ear monitor", m.mic.monitor.mix(o.mixer))
	m.room.music.player.Local().Mix(o.mixer, now)
}

// complaints logs each kind of failure once: there are 50 frames a second, and a wrong codec would fill the log.
type complaints struct {
	log  *slog.Logger
	told []string
}

func (c *complaints) failed(what string, err error) {
	if err != nil && !slices.Contains(c.told, what) {
		c.told = append(c.told, what)
		c.log.Warn(what, "error", err)
	}
}
