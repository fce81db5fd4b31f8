package bot

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/openvoiceroom/openvoiceroom/audio"
	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/seatgrid"
	"github.com/openvoiceroom/openvoiceroom/voiceroom"
	"github.com/openvoiceroom/openvoiceroom/voiceroom/recording"
)

// Outcome is how a bot's stay ended.
type Outcome struct {
	Text   string // one sentence
	Err    error  // what stands behind it; may be nil
	Failed bool   // it did not end as the bot's or the room's owner wanted it
}

const (
	verbWait = 15 * time.Second // bounds what the server decides at once
	byeWait  = 5 * time.Second  // bounds the good-bye
	hangWait = time.Second      // bounds what is left to be written

	// leadIn is how long the others have to get ready for a voice, and lastWords how long what was said last has to arrive.
	leadIn    = 300 * time.Millisecond
	lastWords = 500 * time.Millisecond
)

// The types of events that only a bot has. Others are voiceroom's.
const (
	EventJoined       voiceroom.EventType = "joined"       // this user has entered the room; Value is its id
	EventPlaying      voiceroom.EventType = "playing"      // Value is a file
	EventReconnecting voiceroom.EventType = "reconnecting" // the connection is lost; Value says why
	EventReconnected  voiceroom.EventType = "reconnected"
	EventOver         voiceroom.EventType = "over" // this user leaves; Value says why
)

// bot is a stay.
type bot struct {
	cfg   Config
	eng   *engine.Engine
	grid  *seatgrid.Grid
	room  *engine.Room
	voice voice // nil: nothing is ever said
	rec   *recording.Recorder
	self  engine.UserID
	owns  bool // the room, because it has opened it

	script script
	diary  diary
	ears   []*ear
	all    *audio.Stream // what everybody says, for an ear
	watch  func()        // ends it

	// Of the goroutine that runs:
	sits, air bool // it has its seat; it is heard, or could be
	silenced  bool // by a lock, which has been told
	begun     bool // to play
	saying    bool // raw sound is to be said, or is being said
	chatting  bool // lines are to be said in the chat
	lost      bool // a part of the recording, which has been told

	// What callbacks and goroutines tell the one that runs. Nobody waits to tell it.
	ended chan Outcome
	look  chan struct{} // at the own seat
	knock chan struct{} // at the door: somebody may be waiting to be let onto a seat, or wants the bot on one
	seat  chan seatEnd
	said  chan error // the raw sound is over
	wrote chan error // the lines of the chat are
	wg    sync.WaitGroup
	known bool // who sits where has been told: what comes now is news. The watch's.
}

// Run does what cfg says until it is done, ctx ends, or the room or the login does. An error says that it has not begun; then
// nothing was done in the room.
func Run(ctx context.Context, cfg Config) (_ Outcome, err error) {
	asItIs, err := cfg.check()
	if err != nil {
		return Outcome{}, err
	}
	if cfg.Note == nil {
		cfg.Note = func(string) {}
	}
	b := &bot{
		cfg: cfg, self: cfg.Login.UserID, script: newScript(cfg),
		ended: make(chan Outcome, 1), look: make(chan struct{}, 1), knock: make(chan struct{}, 1),
		seat: make(chan seatEnd, 1), said: make(chan error, 1), wrote: make(chan error, 1),
	}
	b.devices(asItIs)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	begun := false
	end, err := Outcome{}, b.enter(ctx)
	if err == nil {
		begun = true
		end = b.stay(ctx)
	}
	if closed := b.close(cancel, end); closed != nil && begun && !end.Failed {
		end = Outcome{Text: "It did not end well.", Err: closed, Failed: true}
	}
	return end, err
}

// devices gives the login what it says and hears with.
func (b *bot) devices(asItIs bool) {
	login := &b.cfg.Login
	if login.Packets = b.cfg.Record != ""; !b.cfg.speaks() && len(b.cfg.Hear) == 0 && !login.Packets {
		login.Codec = nil // whoever only watches needs no media
	}
	switch {
	case !b.cfg.speaks():
	case asItIs:
		b.voice = newEncoded(b.script.ended)
	default:
		b.voice = newMixed(len(b.cfg.Hear) > 0)
	}
	if b.voice != nil {
		login.Microphone = b.voice
	}
	for _, e := range b.cfg.Hear {
		if login.Speaker == nil {
			login.Speaker = audio.NewNullSink(1)
		}
		if e.User == "" {
			b.all = audio.NewStream(1, earAhead)
			login.Speaker = b.all.Speaker()
		}
	}
}

// enter logs in, enters the room and begins what does not need a seat.
func (b *bot) enter(ctx context.Context) error {
	b.diary.begin(&b.wg, b.cfg, b.over)
	var err error
	if b.eng, err = engine.Login(ctx, b.cfg.Login); err != nil {
		return err
	}
	b.eng.AddObserver(b.loginObserver())
	b.grid = seatgrid.New(b.eng)
	if err := b.enterRoom(ctx); err != nil {
		return err
	}
	b.room = b.grid.Room()
	if b.room == nil {
		return engine.ErrNotInRoom
	}
	b.room.AddObserver(b.roomObserver())
	b.cfg.Note(fmt.Sprintf("In room %s as %s.", b.room.ID(), b.self))
	b.diary.tell(voiceroom.Event{Type: EventJoined, Time: time.Now(), User: b.self, Value: string(b.room.ID())})
	b.wg.Go(func() { b.answer(ctx) })
	if b.watch, err = voiceroom.Watch(b.grid, b.happened); err != nil {
		return err
	}
	b.eng.Post("watching", func() { b.known = true })
	if b.cfg.Record != "" {
		if b.rec, err = recording.Start(b.grid, recording.Options{Dir: b.cfg.Record, Codec: b.cfg.Login.Codec}); err != nil {
			return err
		}
		b.cfg.Note("Recording into " + b.cfg.Record + ".")
	}
	return b.listen(ctx)
}

// enterRoom enters the room, off the seats.
func (b *bot) enterRoom(ctx context.Context) error {
	created := false
	if b.cfg.Create {
		_, err := b.eng.Create(ctx, b.cfg.Room)
		created = err == nil
		if err != nil && !errors.Is(err, engine.ErrRoomIDOwned) {
			return err
		}
		b.owns = true
	}
	_, err := b.grid.JoinVoiceRoom(ctx, b.cfg.Room.RoomID, seatgrid.JoinOptions{Password: b.cfg.Room.Password, OffSeats: true})
	if err != nil && created {
		undo, cancel := context.WithTimeout(context.WithoutCancel(ctx), byeWait)
		defer cancel()
		err = errors.Join(err, b.eng.Discard(undo, b.cfg.Room.RoomID))
	}
	return err
}

// stay does what there is to do until something ends it.
func (b *bot) stay(ctx context.Context) Outcome {
	var until <-chan time.Time
	if b.cfg.For > 0 {
		t := time.NewTimer(b.cfg.For)
		defer t.Stop()
		until = t.C
	}
	if b.cfg.Seat != 0 {
		b.wg.Go(func() { b.sat(ctx, b.sit(ctx)) })
	}
	b.saying = b.cfg.Say != nil
	if b.chatting = b.cfg.Chat != nil; b.chatting {
		b.wg.Go(func() { b.wrote <- b.chat(ctx) })
	}
	disk := time.NewTicker(time.Second)
	defer disk.Stop()
	var end Outcome
	var done bool
	for !done {
		select {
		case <-ctx.Done():
			return Outcome{Text: "Ended from outside."}
		case <-until:
			return Outcome{Text: fmt.Sprintf("The %v are over.", b.cfg.For)}
		case end = <-b.ended:
			return end
		case <-b.eng.Done():
			return b.disconnected(ctx)
		case s := <-b.seat:
			end, done = b.seated(ctx, s)
		case <-b.look:
			end, done = b.onAir(ctx)
		case f := <-b.script.finished:
			end, done = b.next(ctx, f)
		case path := <-b.script.wanted:
			b.script.queue(path)
			b.announce(ctx)
		case err := <-b.said:
			b.saying = false
			if err != nil {
				return Outcome{Text: "What was to be said cannot be read.", Err: err, Failed: true}
			}
		case err := <-b.wrote:
			b.chatting = false
			if err != nil {
				return Outcome{Text: "What was to be said in the chat cannot be read.", Err: err, Failed: true}
			}
		case <-disk.C:
			b.checkDisk()
		}
		if !done && b.silentForGood() {
			end, done = Outcome{Text: "Everything has been played."}, true
			if !b.cfg.speaks() {
				end.Text = "Everything has been said."
			}
		}
	}
	if !end.Failed {
		select {
		case <-time.After(lastWords):
		case <-ctx.Done():
		}
	}
	return end
}

// silentForGood tells whether everything has been said, and there is nothing else to do.
func (b *bot) silentForGood() bool {
	return !b.cfg.stays() && b.script.done() && !b.saying && !b.chatting
}

// over ends the stay, unless something has ended it before.
func (b *bot) over(o Outcome) {
	select {
	case b.ended <- o:
	default:
	}
}

// disconnected returns why the login is over: callbacks say it, a moment later.
func (b *bot) disconnected(ctx context.Context) Outcome {
	select {
	case end := <-b.ended:
		return end
	case <-time.After(hangWait):
	case <-ctx.Done():
	}
	return Outcome{Text: "The login is over.", Err: b.eng.Err(), Failed: true}
}

// checkDisk says once that a recording is not complete.
func (b *bot) checkDisk() {
	if b.rec == nil {
		return
	}
	if err := b.rec.Err(); err != nil && !b.lost {
		b.lost = true
		b.cfg.Note("The recording is not complete: " + err.Error())
	}
}

// close ends everything that was begun, and waits for it.
func (b *bot) close(cancel func(), end Outcome) error {
	var errs []error
	if b.watch != nil {
		b.watch()
	}
	if b.rec != nil {
		if err := b.rec.Stop(); err != nil {
			errs = append(errs, fmt.Errorf("the recording is not complete: %w", err))
		}
	}
	ctx, stop := context.WithTimeout(context.Background(), byeWait)
	defer stop()
	if b.room != nil && b.room.Err() == nil {
		if err := b.leave(ctx); err != nil && !errors.Is(err, engine.ErrNotInRoom) && !errors.Is(err, engine.ErrRoomNotExist) && b.eng.Err() == nil {
			errs = append(errs, err)
		}
	}
	cancel()
	if b.eng != nil {
		if err := b.eng.Logout(ctx); err != nil && b.eng.Err() == nil {
			errs = append(errs, err)
		}
	}
	if b.cfg.Say != nil {
		errs = append(errs, b.cfg.Say.Close())
	}
	if b.cfg.Chat != nil {
		errs = append(errs, b.cfg.Chat.Close())
	}
	errs = append(errs, b.endEars())
	if b.room != nil {
		b.diary.tell(voiceroom.Event{Type: EventOver, Time: time.Now(), User: b.self, Value: end.Text})
	}
	errs = append(errs, b.diary.end())
	b.wg.Wait()
	return errors.Join(errs...)
}

// leave leaves the room, or ends the one that the bot has opened. A room that was handed to it stays.
func (b *bot) leave(ctx context.Context) error {
	owner := b.room.Self().Role == engine.RoomOwner
	switch {
	case owner && b.owns:
		_, err := b.grid.StopVoiceRoom(ctx)
		return err
	case owner:
		return nil // the login's end takes them out
	}
	err := b.grid.LeaveVoiceRoom(ctx)
	if errors.Is(err, engine.ErrOwnerCannotLeave) {
		return nil // it was handed over in this moment
	}
	return err
}
