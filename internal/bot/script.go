package bot

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/voiceroom"
)

// maxQueue is how many announcements wait; of more, the later ones are left out: where a crowd comes in, one greeting will do.
const maxQueue = 4

// script is what is to be played. The goroutine that runs has it.
type script struct {
	files    []string
	loop     bool
	next     int  // in files
	good     bool // in this round something has been played
	playing  bool
	speaking bool
	waiting  []string // announcements

	finished chan pieceEnd
	wanted   chan string // announcements
}

// pieceEnd is the end of what was played.
type pieceEnd struct {
	id  engine.MusicID
	err error
}

func newScript(cfg Config) script {
	return script{
		files: cfg.Play, loop: cfg.Loop,
		finished: make(chan pieceEnd, 16), wanted: make(chan string, maxQueue),
	}
}

// ended takes note of an end. It may be called from any goroutine.
func (s *script) ended(id engine.MusicID, err error) {
	select {
	case s.finished <- pieceEnd{id, err}:
	default: // there are never so many, unless nobody wants to know any more
	}
}

// want asks for an announcement. It may be called from any goroutine.
func (s *script) want(path string) {
	select {
	case s.wanted <- path:
	default:
	}
}

// queue lets an announcement wait, unless it does already.
func (s *script) queue(path string) {
	if len(s.waiting) < maxQueue && !slices.Contains(s.waiting, path) {
		s.waiting = append(s.waiting, path)
	}
}

// done tells whether everything has been played.
func (s *script) done() bool {
	return !s.loop && s.next >= len(s.files) && !s.playing && !s.speaking && len(s.waiting) == 0
}

// play plays the next file that can be played, if none is.
func (b *bot) play(ctx context.Context) (Outcome, bool) {
	s := &b.script
	for !s.playing && b.air && len(s.files) > 0 {
		if s.next == len(s.files) {
			if !s.loop {
				break
			}
			if !s.good {
				return Outcome{Text: "Nothing of what is to be played can be played.", Failed: true}, true
			}
			s.next, s.good = 0, false
		}
		path := s.files[s.next]
		s.next++
		if err := b.voice.start(ctx, b.room, piece, path); err != nil {
			if ctx.Err() != nil {
				break
			}
			b.cfg.Note(path + " is left out: " + err.Error())
			continue
		}
		s.playing = true
		b.cfg.Note("Playing " + path + ".")
		b.diary.tell(voiceroom.Event{Type: EventPlaying, Time: time.Now(), User: b.self, Value: path})
	}
	return Outcome{}, false
}

// announce says the next announcement, if none is said. Off the air none waits: it would come too late.
func (b *bot) announce(ctx context.Context) {
	s := &b.script
	for !s.speaking && len(s.waiting) > 0 {
		path := s.waiting[0]
		s.waiting = s.waiting[1:]
		if !b.air {
			continue
		}
		if err := b.voice.start(ctx, b.room, announcement, path); err != nil {
			if ctx.Err() == nil {
				b.cfg.Note(path + " is left out: " + err.Error())
			}
			continue
		}
		s.speaking = true
	}
}

// next goes on after an end.
func (b *bot) next(ctx context.Context, f pieceEnd) (Outcome, bool) {
	s := &b.script
	if f.err != nil && !errors.Is(f.err, engine.ErrMusicStopped) {
		b.cfg.Note("A file ends too early: " + f.err.Error())
	}
	if f.id == announcement {
		s.speaking = false
		if b.announce(ctx); !s.speaking {
			if err := b.voice.quiet(b.room); err != nil && ctx.Err() == nil && b.room.Err() == nil {
				b.cfg.Note("The music stays quiet: " + err.Error())
			}
		}
		return Outcome{}, false
	}
	s.playing = false
	s.good = s.good || f.err == nil
	return b.play(ctx)
}
