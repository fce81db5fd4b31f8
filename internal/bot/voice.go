package bot

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"github.com/openvoiceroom/openvoiceroom/audio"
	"github.com/openvoiceroom/openvoiceroom/engine"
)

// What is played has one of two numbers: a piece of music, or what is said over it.
const (
	piece        engine.MusicID = 1
	announcement engine.MusicID = 2
)

// The music's volume in percent, alone and under an announcement.
const (
	musicVolume = 100
	duckVolume  = 30
)

// voice is what the bot says. The end of each file is told to whom its maker has named, from any goroutine.
type voice interface {
	audio.Source
	// start plays a file, instead of what has its number.
	start(ctx context.Context, room *engine.Room, id engine.MusicID, path string) error
	// quiet says that nothing is said over the music any more.
	quiet(room *engine.Room) error
}

// mixed is a voice of sound: raw sound, and over it what the room's music plays, which is mixed in behind the microphone.
type mixed struct {
	*audio.Feed
	deaf bool // nothing of it is to come back
	duck bool // something is said over the music
}

// sayAhead is how much raw sound waits to be said.
const sayAhead = 2 * time.Second

func newMixed(deaf bool) *mixed { return &mixed{Feed: audio.NewFeed(1, sayAhead), deaf: deaf} }

func (v *mixed) start(ctx context.Context, room *engine.Room, id engine.MusicID, path string) error {
	m := room.Music()
	if err := m.Start(ctx, engine.MusicOptions{ID: id, Path: path, Publish: true, Short: id == announcement}); err != nil {
		return err
	}
	v.duck = v.duck || id == announcement
	err := v.level(room)
	if v.deaf {
		err = errors.Join(err, ignoreOver(m.SetPlayoutVolume(id, 0)))
	}
	return err
}

func (v *mixed) quiet(room *engine.Room) error {
	v.duck = false
	return v.level(room)
}

// level makes the music as loud as it should be now.
func (v *mixed) level(room *engine.Room) error {
	volume := musicVolume
	if v.duck {
		volume = duckVolume
	}
	return ignoreOver(room.Music().SetPublishVolume(piece, volume))
}

// ignoreOver passes over that a sound is over already, or is not played: sounds end when they want.
func ignoreOver(err error) error {
	if errors.Is(err, engine.ErrInvalidParameter) {
		return nil
	}
	return err
}

// encoded is a voice of packets from Ogg Opus files. Music stands still while something is said over it.
type encoded struct {
	ended func(engine.MusicID, error)
	idle  *audio.Pacer // of whoever reads

	mu      sync.Mutex // protects what follows
	running bool
	playing map[engine.MusicID]*audio.OggSource
}

func newEncoded(ended func(engine.MusicID, error)) *encoded {
	return &encoded{ended: ended, playing: map[engine.MusicID]*audio.OggSource{}}
}

func (v *encoded) start(ctx context.Context, _ *engine.Room, id engine.MusicID, path string) error {
	s, err := audio.OpenOggSource(path, audio.OggOptions{})
	if err != nil {
		return err
	}
	if err := s.Start(ctx); err != nil {
		return err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.playing[id] = s
	return nil
}

// Channels returns 2: a file may have them, and in packets nothing depends on it.
func (*encoded) Channels() int { return 2 }

// Start begins, or goes on.
func (v *encoded) Start(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.running {
		return audio.ErrStarted
	}
	v.running, v.idle = true, audio.NewPacer(audio.FrameDuration)
	return nil
}

// ReadPacket gives the next packet of what comes first, and silence when there is nothing.
func (v *encoded) ReadPacket(ctx context.Context, dst []byte) (n int, level uint8, err error) {
	for {
		id, src, err := v.current()
		if err != nil {
			return 0, 0, err
		}
		if src == nil {
			_, err := v.idle.Wait(ctx)
			return 0, audio.LevelSilence, err
		}
		n, level, err := src.ReadPacket(ctx, dst)
		if !errors.Is(err, io.EOF) {
			return n, level, err
		}
		v.mu.Lock()
		delete(v.playing, id)
		v.mu.Unlock()
		v.ended(id, nil)
	}
}

func (*encoded) quiet(*engine.Room) error { return nil }

// current returns what is to be heard now.
func (v *encoded) current() (engine.MusicID, *audio.OggSource, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if !v.running {
		return 0, nil, audio.ErrNotStarted
	}
	for _, id := range []engine.MusicID{announcement, piece} {
		if src := v.playing[id]; src != nil {
			return id, src, nil
		}
	}
	return 0, nil, nil
}

// ReadFrame is [audio.ErrPacketsOnly].
func (*encoded) ReadFrame(context.Context, audio.Frame) error { return audio.ErrPacketsOnly }

// Stop lets everything stand still.
func (v *encoded) Stop() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.running = false
	return nil
}
