package bot

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/seatgrid"
)

// seatEnd is how the wish for a seat ended.
type seatEnd struct {
	res seatgrid.RequestResult
	err error
}

// sit takes the seat, or applies for it and waits, and then for the media.
func (b *bot) sit(ctx context.Context) seatEnd {
	index := seatgrid.AnySeat
	if b.cfg.Seat > 0 {
		index = seatgrid.SeatIndex(b.cfg.Seat - 1)
	}
	if b.room.Info().SeatMode == seatgrid.ApplyToTake && !manages(b.room) {
		b.cfg.Note("Applying for a seat, and waiting for an answer.")
	}
	res, err := b.grid.TakeSeat(ctx, index, 0)
	if errors.Is(err, engine.ErrAlreadyOnSeat) { // it has waited for this user
		res.Type, err = seatgrid.Accepted, nil
		if seat := b.ownSeat(); index != seatgrid.AnySeat && seat != nil && seat.Index != index {
			err = b.grid.MoveToSeat(ctx, index)
		}
	}
	if err == nil && res.Type == seatgrid.Cancelled && b.ownSeat() != nil { // seated by an invitation meanwhile
		res.Type = seatgrid.Accepted
	}
	if err != nil || res.Type != seatgrid.Accepted {
		return seatEnd{res, err}
	}
	return seatEnd{res, b.connected(ctx)}
}

// connected waits for the media, where they are needed.
func (b *bot) connected(ctx context.Context) error {
	if b.voice == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, verbWait)
	defer cancel()
	return b.room.Connected(ctx)
}

// sat tells how the wish for a seat, or an invitation, has ended.
func (b *bot) sat(ctx context.Context, end seatEnd) {
	select {
	case b.seat <- end:
	case <-ctx.Done():
	}
}

// seated goes on from there.
func (b *bot) seated(ctx context.Context, s seatEnd) (end Outcome, done bool) {
	end.Failed = true
	switch {
	case ctx.Err() != nil:
		return Outcome{}, false // which ends everything
	case s.err != nil:
		end.Text, end.Err = "There is no seat to speak from.", s.err
	case s.res.Type == seatgrid.Rejected:
		end.Text = fmt.Sprintf("The application for a seat was rejected by %s.", clean(string(s.res.User.UserID)))
	case s.res.Type != seatgrid.Accepted:
		end.Text = "The application for a seat was not answered."
	case b.sits:
		return b.onAir(ctx) // an application that was pending when an invitation came
	default:
		b.sits = true
		if seat := b.ownSeat(); seat != nil {
			b.cfg.Note(fmt.Sprintf("On seat %d.", seat.Index+1))
		}
		return b.onAir(ctx)
	}
	if b.cfg.works() {
		b.cfg.Note(end.Text)
		return Outcome{}, false
	}
	return end, true
}

// onAir looks at the own seat after every change, and opens the microphone where it is closed: a bot has no hands. The
// first time it begins to play.
func (b *bot) onAir(ctx context.Context) (end Outcome, done bool) {
	if !b.sits || b.voice == nil {
		return Outcome{}, false
	}
	seat := b.ownSeat()
	switch {
	case seat == nil:
		b.sits, b.air = false, false
		b.cfg.Note("The bot has been taken off its seat.")
		return Outcome{Text: "Without a seat there is nothing to do.", Failed: true}, !b.cfg.works()
	case seat.AudioLocked:
		if !b.silenced {
			b.silenced = true
			b.cfg.Note("The seat has been silenced. The bot is heard again when that is lifted.")
		}
		return Outcome{}, false
	}
	if b.silenced {
		b.silenced = false
		b.cfg.Note("The seat is not silenced any more.")
	}
	if seat.Mic != engine.MicOn {
		open, cancel := context.WithTimeout(ctx, verbWait)
		defer cancel()
		if err := b.grid.StartMicrophone(open); err != nil {
			if ctx.Err() == nil {
				b.cfg.Note("The bot cannot be heard: " + err.Error())
			}
			return Outcome{}, false
		}
	}
	if b.air {
		return Outcome{}, false
	}
	b.air = true
	return b.begin(ctx)
}

// begin begins to play, when the others are ready to hear it.
func (b *bot) begin(ctx context.Context) (Outcome, bool) {
	select {
	case <-time.After(leadIn):
	case <-ctx.Done():
		return Outcome{}, false
	}
	if _, mixes := b.voice.(*mixed); mixes {
		if err := errors.Join(b.room.Microphone().SetAudioQuality(b.cfg.Quality), b.room.Music().SetVolume(musicVolume)); err != nil {
			return Outcome{Text: "Nothing can be played.", Err: err, Failed: true}, true
		}
	}
	if b.saying && !b.begun {
		b.wg.Go(func() { b.said <- b.say(ctx) })
	}
	b.begun = true
	return b.play(ctx)
}

// ownSeat returns the seat that this user has, or nil.
func (b *bot) ownSeat() *seatgrid.SeatInfo {
	seats := b.room.Seats()
	i := slices.IndexFunc(seats, func(s seatgrid.SeatInfo) bool { return s.UserID == b.self })
	if i < 0 {
		return nil
	}
	return &seats[i]
}

func manages(r *engine.Room) bool {
	role := r.Self().Role
	return role == engine.RoomOwner || role == engine.Administrator
}

// answer accepts invitations to a seat, where there is something to do on it, and lets everybody onto the seats who
// applies, if that is wanted, until ctx ends.
func (b *bot) answer(ctx context.Context) {
	if b.cfg.Accept && !manages(b.room) {
		b.cfg.Note("The bot is neither the room's owner nor an administrator: as long as nobody makes it one, it has nobody to let onto a seat.")
	}
	told := map[string]bool{} // requests that could not be granted
	for {
		for _, q := range b.grid.PendingRequests() {
			who := clean(string(q.From.UserID))
			var err error
			var problem string
			switch {
			case q.Type == seatgrid.InviteToTakeSeat && q.To == b.self:
				problem = "The invitation of " + who + " cannot be accepted yet"
				err = b.invited(ctx, q.From.UserID)
			case q.Type == seatgrid.ApplyToTakeSeat && q.From.UserID != b.self && b.cfg.Accept && manages(b.room):
				problem = who + " has to wait for a seat"
				if err = b.respond(ctx, q.From.UserID, true); err == nil {
					b.cfg.Note(who + " has been given a seat.")
				}
			}
			switch {
			case ctx.Err() != nil:
				return
			case err == nil, errors.Is(err, engine.ErrRequestInvalid): // withdrawn, or answered by somebody else
			case !told[q.RequestID]:
				told[q.RequestID] = true
				b.cfg.Note(fmt.Sprintf("%s: %v", problem, err))
			}
		}
		select {
		case <-b.knock:
		case <-ctx.Done():
			return
		}
	}
}

// invited answers an invitation: a bot that has a use for a seat sits down, another one says no, so that nobody waits.
func (b *bot) invited(ctx context.Context, by engine.UserID) error {
	who := clean(string(by))
	if b.cfg.Seat == 0 {
		err := b.respond(ctx, by, false)
		if err == nil {
			b.cfg.Note(who + " has invited the bot to a seat, and it has declined: it has nothing to say.")
		}
		return err
	}
	if err := b.respond(ctx, by, true); err != nil {
		return err
	}
	b.cfg.Note(who + " has invited the bot to a seat.")
	b.sat(ctx, seatEnd{seatgrid.RequestResult{Type: seatgrid.Accepted}, b.connected(ctx)})
	return nil
}

func (b *bot) respond(ctx context.Context, to engine.UserID, agree bool) error {
	ctx, cancel := context.WithTimeout(ctx, verbWait)
	defer cancel()
	return b.grid.ResponseRemoteRequest(ctx, to, agree)
}
