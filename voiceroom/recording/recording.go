package recording

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/openvoiceroom/openvoiceroom/audio"
	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/seatgrid"
	"github.com/openvoiceroom/openvoiceroom/voiceroom"
)

// Options says where and what to record.
type Options struct {
	Dir string // is created; must not hold a recording yet
	// Codec decodes and encodes the mix; nil: there is no mix.
	Codec audio.Codec
}

// The types of events that only a recording has.
const (
	EventBegun voiceroom.EventType = "recordingBegun" // Value is the room's id
	EventOver  voiceroom.EventType = "recordingOver"
	// EventLost comes where the disk did not keep up: Value packets of 20 ms before it are silence in the tracks and the mix.
	EventLost voiceroom.EventType = "recordingLost"
)

const (
	tick  = 200 * time.Millisecond // how often files are written
	batch = 50                     // frames that are looked for at a time, for who receives waits meanwhile
)

// Recorder is a recording that runs.
type Recorder struct {
	dir    string
	room   *engine.Room
	begun  time.Time
	cancel []func()
	stop   chan struct{}
	done   chan struct{}
	once   sync.Once

	// Of the goroutine that writes:
	files  map[int]*oggFile // by seat; nil: it could not be made
	mix    *mix             // nil without a codec
	events *os.File

	mu      sync.Mutex // protects what follows; no file is touched while it is held
	seats   map[engine.UserID]int
	tracks  map[int]*track
	written int64  // frames
	lines   []byte // of events.jsonl, that are to be written
	err     error  // the first one
	lost    int    // packets for which there was no place
	told    int    // of them
}

// Start records the room that the grid is in, until Stop is called or the room is over. The login needs media: a Codec, or
// Config.Packets. Errors: [engine.ErrNotInRoom], [engine.ErrInvalidParameter], and those of the file system (fs.ErrExist
// where a recording is in the folder already).
func Start(grid *seatgrid.Grid, opts Options) (*Recorder, error) {
	room := grid.Room()
	if room == nil {
		return nil, fmt.Errorf("recording: %w", engine.ErrNotInRoom)
	}
	if room.Microphone() == nil {
		return nil, fmt.Errorf("recording: %w: the login has no media; give it a Codec, or set Config.Packets", engine.ErrInvalidParameter)
	}
	if opts.Dir == "" {
		return nil, fmt.Errorf("recording: %w: Options.Dir is missing", engine.ErrInvalidParameter)
	}
	if err := os.MkdirAll(opts.Dir, 0o777); err != nil {
		return nil, fmt.Errorf("recording: %w", err)
	}
	r := &Recorder{
		dir: opts.Dir, room: room, begun: time.Now(), stop: make(chan struct{}), done: make(chan struct{}),
		files: map[int]*oggFile{}, seats: map[engine.UserID]int{}, tracks: map[int]*track{},
	}
	var err error
	r.events, err = os.OpenFile(filepath.Join(opts.Dir, "events.jsonl"), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return nil, fmt.Errorf("recording: %w; record into an empty folder", err)
	}
	if opts.Codec != nil {
		if r.mix, err = newMix(filepath.Join(opts.Dir, "mix.opus"), opts.Codec); err != nil {
			return nil, fmt.Errorf("recording: %w", errors.Join(err, r.events.Close(), os.Remove(r.events.Name()))) // nothing is in it
		}
	}
	r.event(voiceroom.Event{Type: EventBegun, Time: r.begun, Value: string(room.Info().RoomID)})
	remove, err := voiceroom.Watch(grid, r.event)
	if err != nil {
		r.finish()
		return nil, fmt.Errorf("recording: %w", err)
	}
	r.cancel = []func(){remove, room.TapPackets(r.packet)}
	var run sync.WaitGroup // Stop and Done say when it ends
	run.Go(r.run)
	return r, nil
}

// Done is closed when the recording has ended: by Stop, or with the room.
func (r *Recorder) Done() <-chan struct{} { return r.done }

// Err returns what could not be written, such as to a full disk or to one that is too slow, or nil. The recording goes on
// with what can.
func (r *Recorder) Err() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.err == nil && r.lost > 0 {
		return fmt.Errorf("recording: the disk was too slow: %d packets of 20 ms are missing", r.lost)
	}
	return r.err
}

// Duration returns how much has been recorded.
func (r *Recorder) Duration() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	return time.Duration(r.written) * audio.FrameDuration
}

// Stop writes what is left, and returns what Err does. It is idempotent.
func (r *Recorder) Stop() error {
	r.once.Do(func() { close(r.stop) })
	<-r.done
	return r.Err()
}

func (r *Recorder) run() {
	defer close(r.done)
	t := time.NewTicker(tick)
	defer t.Stop()
	over := r.room.Done()
	var last <-chan time.Time
	for ended := false; !ended; {
		select {
		case <-t.C:
		case <-r.stop:
			ended = true
		case <-over:
			over = nil // what has ended it is told a moment later
			last = time.After(tick)
			continue
		case <-last:
			ended = true
		}
		if !ended {
			r.write(r.now() - writeLate)
			continue
		}
		for _, cancel := range r.cancel {
			cancel()
		}
		r.tellLost()
		r.event(voiceroom.Event{Type: EventOver, Time: time.Now()})
		r.write(r.now())
	}
	r.finish()
}

// now returns the number of the present frame.
func (r *Recorder) now() int64 { return frames(time.Since(r.begun)) }

// packet takes what is heard of a user to the seat on which the user sits. Connected rooms are not part of a recording:
// they have seats of their own.
func (r *Recorder) packet(p engine.Packet) {
	if audio.PacketDuration(p.Payload) != audio.FrameDuration {
		return // no Opus, or none that calls use
	}
	if p.RoomID != "" {
		return // of a connected room, though the user may sit here as well
	}
	now := r.now()
	r.mu.Lock()
	defer r.mu.Unlock()
	seat, seated := r.seats[p.User]
	if !seated {
		return
	}
	t := r.tracks[seat]
	if t == nil {
		t = &track{}
		r.tracks[seat] = t
	}
	if !t.put(p, now, r.written) {
		r.lost++
	}
}

// tellLost notes what had no place. The lock is not held.
func (r *Recorder) tellLost() {
	r.mu.Lock()
	n := r.lost - r.told
	r.told = r.lost
	r.mu.Unlock()
	if n > 0 {
		r.event(voiceroom.Event{Type: EventLost, Time: time.Now(), Value: strconv.Itoa(n)})
	}
}

// event follows who sits where, and notes what happens.
func (r *Recorder) event(e voiceroom.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch e.Type {
	case voiceroom.EventSeated:
		r.seats[e.User] = int(*e.Seat)
	case voiceroom.EventUnseated:
		if r.seats[e.User] == int(*e.Seat) {
			delete(r.seats, e.User)
		}
	}
	line, err := json.Marshal(struct {
		At float64 `json:"at"` // seconds since the beginning
		voiceroom.Event
	}{e.Time.Sub(r.begun).Round(time.Millisecond).Seconds(), e})
	if err != nil {
		r.failed(err)
		return
	}
	r.lines = append(append(r.lines, line...), '\n')
}

// failed remembers the first error; the lock is held.
func (r *Recorder) failed(err error) {
	if err != nil && r.err == nil {
		r.err = fmt.Errorf("recording: %w", err)
	}
}

// piece is what a seat has in a frame.
type piece struct {
	seat    int
	payload []byte
	kind    kind
	fresh   bool
}

// write writes everything up to a frame.
func (r *Recorder) write(end int64) {
	r.tellLost()
	var errs []error
	for more := true; more; {
		r.mu.Lock()
		begin := r.written
		var pieces [][]piece
		for ; r.written < end && r.written < begin+batch; r.written++ {
			var now []piece
			for seat, t := range r.tracks {
				payload, k, fresh := t.next(r.written)
				now = append(now, piece{seat, payload, k, fresh})
			}
			pieces = append(pieces, now)
		}
		more = r.written < end
		lines := r.lines
		r.lines = nil
		r.mu.Unlock()
		for i, now := range pieces {
			errs = append(errs, r.writeFrame(begin+int64(i), now))
		}
		_, err := r.events.Write(lines)
		errs = append(errs, err)
	}
	for _, f := range r.files {
		if f != nil {
			errs = append(errs, f.buf.Flush())
		}
	}
	if r.mix != nil {
		errs = append(errs, r.mix.file.buf.Flush())
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failed(errors.Join(errs...))
}

// writeFrame writes 20 ms.
func (r *Recorder) writeFrame(at int64, pieces []piece) error {
	var errs []error
	for _, p := range pieces {
		errs = append(errs, r.writePiece(at, p))
		if r.mix != nil {
			errs = append(errs, r.mix.add(p.seat, p.payload, p.kind, p.fresh))
		}
	}
	if r.mix != nil {
		errs = append(errs, r.mix.write())
	}
	return errors.Join(errs...)
}

func (r *Recorder) writePiece(at int64, p piece) error {
	file, tried := r.files[p.seat]
	if !tried && p.kind == packet {
		var err error
		file, err = create(filepath.Join(r.dir, fmt.Sprintf("seat-%02d.opus", p.seat)), trackChannels, at)
		r.files[p.seat] = file
		if err != nil {
			return err
		}
	}
	if file == nil {
		return nil
	}
	if p.kind != silence && file.WritePacket(p.payload) == nil {
		return nil
	}
	return file.WriteSilence() // also for what is no Opus: the time goes on
}

// finish closes everything.
func (r *Recorder) finish() {
	var errs []error
	for _, f := range r.files {
		if f != nil {
			errs = append(errs, f.close())
		}
	}
	if r.mix != nil {
		errs = append(errs, r.mix.file.close())
	}
	errs = append(errs, r.events.Close())
	r.mu.Lock()
	defer r.mu.Unlock()
	r.failed(errors.Join(errs...))
}
