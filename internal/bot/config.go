package bot

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/openvoiceroom/openvoiceroom/audio"
	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/seatgrid"
	"github.com/openvoiceroom/openvoiceroom/voiceroom"
)

// Config says what a bot does. Login and Room.RoomID are required.
type Config struct {
	Login  engine.Config     // without devices; Codec may be nil
	Room   seatgrid.RoomInfo // the room, and its password if it has one; what else it says is for Create
	Create bool              // open the room, and end it at the end
	// Seat is what to take or to apply for, counted from 1; -1 is any. 0 is none, but for a bot that has something to say: then
	// it is any.
	Seat int

	Play     []string                       // files, in this order
	Loop     bool                           // begin again, for ever
	Quality  engine.AudioQuality            // of what is encoded
	Say      io.ReadCloser                  // 48 kHz mono s16le, as fast as it comes; Close ends a Read that waits
	Chat     io.ReadCloser                  // lines of text that are said in the chat; Close ends a Read that waits
	Announce map[voiceroom.EventType]string // files that are played when something happens
	Hear     []Ear
	Record   string // a folder
	Accept   bool   // let whoever applies for a seat have it
	// Events gets a line for each event: JSON, or text.
	Events io.WriteCloser
	Text   bool

	For  time.Duration // how long; 0 is no limit
	Note func(string)  // told, in a sentence, what people may want to know; nil: nobody is
}

// Ear is where a user's voice goes: 48 kHz mono s16le, silence included. Close is called at the end, and must end a Write that
// hangs.
type Ear struct {
	User engine.UserID // empty: everybody, mixed
	Out  io.WriteCloser
}

// Announceable are the types of events that an announcement can be about.
var Announceable = []voiceroom.EventType{
	voiceroom.EventEntered, voiceroom.EventLeft, voiceroom.EventSeated, voiceroom.EventUnseated,
	voiceroom.EventAudioOn, voiceroom.EventAudioOff, voiceroom.EventSeatLocked, voiceroom.EventSeatUnlocked,
	voiceroom.EventAudioLocked, voiceroom.EventAudioUnlocked, voiceroom.EventRequest, voiceroom.EventRequestOver,
	voiceroom.EventRole, voiceroom.EventRenamed, voiceroom.EventRoomName, voiceroom.EventSeatMode,
	voiceroom.EventMuted, voiceroom.EventUnmuted, voiceroom.EventMessage, voiceroom.EventCustomMessage,
	voiceroom.EventGift, voiceroom.EventLiveInfo, voiceroom.EventMetadata, voiceroom.EventNoMetadata,
	voiceroom.EventRoomJoins, voiceroom.EventRoomParts, voiceroom.EventRoomAsks,
	voiceroom.EventBattleAsks, voiceroom.EventBattleStarts, voiceroom.EventBattleScores, voiceroom.EventBattleEnds,
	voiceroom.EventBattleLeft, voiceroom.EventBattleOff, voiceroom.EventPunished,
}

// maxAnnouncement bounds an announcement: people wait for the music.
const maxAnnouncement = time.Minute

// check refuses before anything has started, and tells whether everything that is said is sent as it lies in the files.
func (c *Config) check() (encoded bool, err error) {
	encoded = c.Say == nil && (len(c.Announce) == 0 || c.Login.Codec == nil)
	files := slices.Clone(c.Play)
	for e, path := range c.Announce {
		if !slices.Contains(Announceable, e) {
			return false, fmt.Errorf("nothing called %q happens in a room that could be announced; there are %v", e, Announceable)
		}
		files = append(files, path)
	}
	for i, path := range files {
		_, notEncoded := audio.OpenOggSource(path, audio.OggOptions{})
		encoded = encoded && notEncoded == nil
		if c.Login.Codec == nil {
			if notEncoded != nil {
				return false, fmt.Errorf("%w; without the Opus codec (a build with cgo has it) only Ogg Opus files with packets of 20 ms can be played: "+
					"ffmpeg -i IN -c:a libopus -frame_duration 20 OUT.opus", notEncoded)
			}
			continue
		}
		t, err := audio.OpenTrack(path, c.Login.Codec)
		if err != nil {
			return false, err
		}
		length := t.Duration()
		if err := t.Close(); err != nil {
			return false, err
		}
		if i >= len(c.Play) && length > maxAnnouncement {
			return false, fmt.Errorf("%s is %v long; an announcement has at most %v", path, length.Round(time.Second), maxAnnouncement)
		}
	}
	switch {
	case c.Login.Codec == nil && c.Say != nil:
		return false, errors.New("raw sound has to be encoded, and this build has no Opus codec: build it with cgo")
	case c.Login.Codec == nil && len(c.Hear) > 0:
		return false, errors.New("what somebody says has to be decoded, and this build has no Opus codec: build it with cgo; recording works without")
	case c.Loop && len(c.Play) == 0:
		return false, errors.New("there is nothing to play again and again")
	case c.Seat < -1:
		return false, fmt.Errorf("seat %d; seats count from 1, and -1 is any", c.Seat)
	case c.For < 0:
		return false, fmt.Errorf("%v is no time to stay", c.For)
	}
	if c.Seat == 0 && c.speaks() {
		c.Seat = -1
	}
	return encoded, nil
}

// speaks tells whether the bot is ever to be heard.
func (c *Config) speaks() bool { return len(c.Play) > 0 || c.Say != nil || len(c.Announce) > 0 }

// stays tells whether there is something to do when nothing is left to be said.
func (c *Config) stays() bool {
	ends := (len(c.Play) > 0 || c.Say != nil || c.Chat != nil) && !c.Loop && len(c.Announce) == 0
	return !ends || c.works() || c.For > 0
}

// works tells whether there is something to do without a seat.
func (c *Config) works() bool { return c.Record != "" || len(c.Hear) > 0 || c.Accept }
