package battle

import (
	"context"
	"errors"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// AddGifts adds the coins of gifts to a room's score, each gift once: they come in the order of the room's log, and those up
// to the revision that was counted last are passed over. So are those that come when the battle is over.
type AddGifts struct {
	Room    signaling.RoomID
	Created int64 // its CreateTime
	Gifts   []Coins
}

// Coins is what the gifts in one entry of a room's log have cost.
type Coins struct {
	Rev   uint64
	Coins int64
}

func (b *Battle) addGifts(c AddGifts) (changed bool) {
	i, ok := b.Find(c.Room)
	if !ok || b.Rooms[i].Left || b.Rooms[i].Created != c.Created || b.Status != Running {
		return false
	}
	r := &b.Rooms[i]
	last := r.Gifts
	for _, g := range c.Gifts {
		if g.Rev <= r.Gifts {
			continue
		}
		r.Score = min(r.Score+g.Coins, maxScore)
		last = max(last, g.Rev)
		changed = true
	}
	r.Gifts = last
	return changed
}

// AddGifts adds gifts to the score of a room, once however often it is called. That the battle is over is no error.
func (b *Battles) AddGifts(ctx context.Context, app signaling.AppID, battle string, c AddGifts) error {
	_, err := b.apply(ctx, app, battle, c)
	if errors.Is(err, signaling.ErrBattleNotExist) {
		return nil
	}
	if err == nil {
		b.follow(id{app, battle}, true) // shows it
	}
	return err
}
