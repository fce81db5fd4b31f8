package engine

import (
	"context"
	"errors"
	"time"

	"github.com/openvoiceroom/openvoiceroom/audio"
	"github.com/openvoiceroom/openvoiceroom/audio/music"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// MusicID is how an app speaks of a piece of music.
type MusicID int

// MusicOptions say what is played, and how. Their names in the documents: id, path, loopCount, publish, isShortFile,
// startTimeMS, endTimeMS.
type MusicOptions struct {
	ID      MusicID
	Path    string        // of a WAV, Ogg Opus or MP3 file
	Loops   int           // after the first time: 0 plays it once, -1 until it is stopped
	Publish bool          // to be heard by the others, too
	Short   bool          // a sound of at most a minute, in memory; up to 8 of them beside the long piece
	Start   time.Duration // where in the file it begins, each time
	End     time.Duration // where it ends; 0 means the file's end
}

// MusicStatus says how far a piece of music is.
type MusicStatus struct {
	Position, Duration time.Duration // in the file
	Paused             bool
	Pitch              float64 // -1 to 1
	PlayoutVolume      int     // here, in percent
	PublishVolume      int     // for the others, in percent
	Underruns          int     // frames of 20 ms that were silent because the file was read too slowly
}

// DefaultMusicVolume is the volume of music, in percent, until one is set (documents).
const DefaultMusicVolume = music.DefaultVolume

// MusicProgressInterval is how often OnMusicProgress is called.
const MusicProgressInterval = music.ProgressInterval

// ErrMusicStopped is what OnMusicFinished says of music that is not played to its end.
var ErrMusicStopped = music.ErrStopped

// Music plays background music and short sounds in one room: one long piece at a time, and short ones beside it. It
// ends with the room, and another room begins with the default volume (documents, AudioEffectStore).
//
// What is published goes with this user's voice, behind the effects and at a volume of its own, so it is heard while
// the microphone publishes: the capture volume 0 leaves the music alone, and a login without a microphone takes
// [audio.NewSilenceSource]. Muting silences both; the music goes on meanwhile. While neither the speaker nor the
// microphone runs, it stands still.
//
// Errors of its methods: [ErrInvalidParameter] for what is out of range or not played, with the reason; [ErrNotInRoom].
type Music struct {
	room   *Room
	player *music.Player
}

// Music returns this user's music in the room.
func (r *Room) Music() *Music { return r.music }

func newMusic(r *Room) *Music {
	cfg := &r.eng.cfg
	return &Music{room: r, player: music.New(music.Config{
		Codec: cfg.Codec,
		Local: cfg.Codec != nil && cfg.Speaker != nil,
		Sent:  cfg.Codec != nil && cfg.Microphone != nil && !encodes(cfg.Microphone),
		OnStart: func(id int) {
			r.post("OnMusicStarted", func(o *RoomObserver) {
				if o.OnMusicStarted != nil {
					o.OnMusicStarted(MusicID(id))
				}
			})
		},
		OnProgress: func(id int, at, of time.Duration) {
			r.post("OnMusicProgress", func(o *RoomObserver) {
				if o.OnMusicProgress != nil {
					o.OnMusicProgress(MusicID(id), at, of)
				}
			})
		},
		OnEnd: func(id int, err error) {
			r.post("OnMusicFinished", func(o *RoomObserver) {
				if o.OnMusicFinished != nil {
					o.OnMusicFinished(MusicID(id), err)
				}
			})
		},
	})}
}

// Start opens a file and begins to play it. A long piece stops the one before it, and any stops what has its id. A file
// that cannot be opened or read is [ErrInvalidParameter] with the cause behind it, such as fs.ErrNotExist or
// [audio.ErrFormat]. Publishing without a microphone is [signaling.ErrNoMic].
func (m *Music) Start(ctx context.Context, o MusicOptions) error {
	cfg := &m.room.eng.cfg
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case o.Publish && cfg.Microphone == nil:
		return signaling.WithOp("Start", signaling.Errorf(signaling.ErrNoMic.Code, "music is published with the microphone; give engine.Config one, such as audio.NewSilenceSource()"))
	}
	if o.Publish && encodes(cfg.Microphone) {
		return signaling.WithOp("Start", signaling.Errorf(ErrInvalidParameter.Code, "this microphone gives packets that are encoded already; music cannot be mixed in"))
	}
	return m.wrap("Start", m.player.Start(music.Options{
		ID: int(o.ID), Path: o.Path, Loops: o.Loops, Send: o.Publish, Short: o.Short, Start: o.Start, End: o.End,
	}))
}

// Stop ends a piece.
func (m *Music) Stop(id MusicID) error { return m.wrap("Stop", m.player.Stop(int(id))) }

// Pause makes a piece stand still.
func (m *Music) Pause(id MusicID) error { return m.wrap("Pause", m.player.Pause(int(id))) }

// Resume goes on after Pause.
func (m *Music) Resume(id MusicID) error { return m.wrap("Resume", m.player.Resume(int(id))) }

// Seek goes on at a place in the file; one outside of what is played is its nearest end.
func (m *Music) Seek(id MusicID, at time.Duration) error {
	return m.wrap("Seek", m.player.Seek(int(id), at))
}

// SetPitch changes a piece's pitch and keeps its tempo: -1 is an octave down, 0 as it is, 1 an octave up, 1/12 a
// semitone. The documents give only the range.
func (m *Music) SetPitch(id MusicID, pitch float64) error {
	return m.wrap("SetPitch", m.player.SetPitch(int(id), pitch))
}

// SetVolume sets how loud all music is from now on, here and for the others, in percent: 0 to 150.
func (m *Music) SetVolume(percent int) error {
	return m.wrap("SetVolume", m.player.SetVolume(percent))
}

// SetPlayoutVolume sets how loud a piece is here, in percent: 0 to 150.
func (m *Music) SetPlayoutVolume(id MusicID, percent int) error {
	return m.wrap("SetPlayoutVolume", m.player.SetLocalVolume(int(id), percent))
}

// SetPublishVolume sets how loud a piece is for the others, in percent: 0 to 150.
func (m *Music) SetPublishVolume(id MusicID, percent int) error {
	return m.wrap("SetPublishVolume", m.player.SetSentVolume(int(id), percent))
}

// Status returns how far a piece is.
func (m *Music) Status(id MusicID) (MusicStatus, error) {
	s, err := m.player.Status(int(id))
	if err != nil {
		return MusicStatus{}, m.wrap("Status", err)
	}
	return MusicStatus{
		Position: s.Position, Duration: s.Duration, Paused: s.Paused, Pitch: s.Pitch,
		PlayoutVolume: s.LocalVolume, PublishVolume: s.SentVolume, Underruns: s.LocalUnderrun + s.SentUnderrun,
	}, nil
}

func (m *Music) wrap(op string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, music.ErrClosed):
		return signaling.WithOp(op, ErrNotInRoom)
	}
	return &Error{Code: ErrInvalidParameter.Code, Op: op, Err: err}
}

func (m *Music) sent() sentMusic { return sentMusic{out: m.player.Sent()} }

// sentMusic adds the published music to what is sent. The goroutine that captures has it.
type sentMusic struct {
	out   *music.Output
	mixer *audio.Mixer // of f's channels, which change with the audio quality
}

func (s *sentMusic) add(f audio.Frame) error {
	if !s.out.Playing() {
		return nil
	}
	if s.mixer == nil || s.mixer.Channels() != f.Channels() {
		s.mixer = audio.NewMixer(f.Channels())
	}
	if err := s.mixer.Add(f, 100); err != nil {
		return err
	}
	s.out.Mix(s.mixer, time.Now())
	return s.mixer.Mix(f)
}

// skip lets 20 ms go by that nobody is to hear.
func (s *sentMusic) skip() { s.out.Mix(nil, time.Now()) }
