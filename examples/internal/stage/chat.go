package stage

import (
	"context"
	"errors"

	"github.com/openvoiceroom/openvoiceroom/engine"
)

// Lines of the chat and newcomers that a bot has not looked at yet. More than these are passed over: a bot that cannot
// keep up with a crowd is of no use to it anyway.
const maxUnread = 256

// Chat passes on what others write in a room, and who enters it, until stop is called.
func Chat(room *engine.Room) (lines <-chan engine.Barrage, newcomers <-chan engine.UserInfo, stop func()) {
	written, came := make(chan engine.Barrage, maxUnread), make(chan engine.UserInfo, maxUnread)
	self := room.Self().UserID
	stop = room.AddObserver(&engine.RoomObserver{
		OnReceiveBarrage: func(_ engine.RoomID, b engine.Barrage) {
			if b.Sender.UserID != self && b.Sequence != 0 && b.Type == engine.BarrageText { // nor a line that only we see
				offer(written, b)
			}
		},
		OnRemoteUserEnterRoom: func(_ engine.RoomID, u engine.UserInfo) { offer(came, u) },
	})
	return written, came, stop
}

func offer[T any](c chan T, v T) {
	select {
	case c <- v:
	default:
	}
}

// Say writes into the chat. What the room does not take now, because too much is being said or the bot is muted, is lost.
func Say(ctx context.Context, room *engine.Room, text string) error {
	_, err := room.Chat().SendBarrage(ctx, text, nil)
	if errors.Is(err, engine.ErrFreqLimit) || errors.Is(err, engine.ErrMessageDisabled) || errors.Is(err, engine.ErrAllMessagesDisabled) {
		return nil
	}
	return err
}

// Name is what a user is called in the chat.
func Name(u engine.UserInfo) string {
	if u.UserName != "" {
		return u.UserName
	}
	return string(u.UserID)
}
