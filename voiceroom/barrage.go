package voiceroom

import (
	"context"

	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// SendBarrage says a text to everybody in the room, see [engine.Room.SendBarrage].
func (r *Room) SendBarrage(ctx context.Context, text string, extension map[string]string) (engine.Barrage, error) {
	room := r.Room()
	if room == nil {
		return engine.Barrage{}, signaling.WithOp("SendBarrage", engine.ErrNotInRoom)
	}
	return room.SendBarrage(ctx, text, extension)
}

// SendCustomBarrage sends a message of the app's own to everybody in the room, see [engine.Room.SendCustomBarrage].
func (r *Room) SendCustomBarrage(ctx context.Context, businessID, data string, extension map[string]string) (engine.Barrage, error) {
	room := r.Room()
	if room == nil {
		return engine.Barrage{}, signaling.WithOp("SendCustomBarrage", engine.ErrNotInRoom)
	}
	return room.SendCustomBarrage(ctx, businessID, data, extension)
}

// LocalBarrage adds a line to the chat that only this client sees, see [engine.Room.LocalBarrage].
func (r *Room) LocalBarrage(b engine.Barrage) error {
	room := r.Room()
	if room == nil {
		return signaling.WithOp("LocalBarrage", engine.ErrNotInRoom)
	}
	return room.LocalBarrage(b)
}

// Barrages returns the lines of the chat, see [engine.Room.Barrages]; none after the room's end.
func (r *Room) Barrages() []engine.Barrage {
	room := r.Room()
	if room == nil {
		return nil
	}
	return room.Barrages()
}

// FetchBarrageHistory asks for what was said before this user came, see [engine.Room.FetchBarrageHistory].
func (r *Room) FetchBarrageHistory(ctx context.Context) ([]engine.Barrage, error) {
	room := r.Room()
	if room == nil {
		return nil, signaling.WithOp("FetchBarrageHistory", engine.ErrNotInRoom)
	}
	return room.FetchBarrageHistory(ctx)
}
