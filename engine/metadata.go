package engine

import (
	"context"
	"crypto/rand"
	"maps"
	"slices"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// Metadata returns what the app has written to the room: all keys with their values, always up to date.
func (r *Room) Metadata() map[string]string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.view.Metadata) == 0 {
		return map[string]string{}
	}
	return maps.Clone(r.view.Metadata)
}

// SetRoomMetadata adds keys to the room's metadata, or changes their values; other keys stay. A room has up to 10 keys
// of 50 bytes ([signaling.ErrTooManyMetadataKeys], [signaling.ErrMetadataKeyTooLarge]), 2 KiB a value and 16 KiB in all
// ([signaling.ErrMetadataValueTooLarge], [signaling.ErrMetadataTooLarge]; documents: set_room_metadata). Owner and
// administrators can (else [ErrNeedManager]). Everybody is told by OnRoomMetadataChanged of what is different.
func (r *Room) SetRoomMetadata(ctx context.Context, metadata map[string]string) error {
	if metadata == nil {
		metadata = map[string]string{} // the server says what is wrong with it
	}
	err := r.Call(ctx, signaling.MethodSetMetadata, signaling.SetMetadataParams{CommandID: rand.Text(), RoomID: r.id, Metadata: metadata}, nil)
	return signaling.WithOp("SetRoomMetadata", err)
}

// DeleteRoomMetadata removes keys from the room's metadata. Those that are not there do not matter, as long as one is
// ([signaling.ErrMetadataNotFound]). Owner and administrators can (else [ErrNeedManager]).
func (r *Room) DeleteRoomMetadata(ctx context.Context, keys ...string) error {
	if keys == nil {
		keys = []string{}
	}
	err := r.Call(ctx, signaling.MethodDeleteMetadata, signaling.DeleteMetadataParams{CommandID: rand.Text(), RoomID: r.id, Keys: keys}, nil)
	return signaling.WithOp("DeleteRoomMetadata", err)
}

// metadataChanged follows a change of the metadata; r.mu is held.
func (r *Room) metadataChanged(ev signaling.MetadataChanged) {
	next := maps.Clone(r.view.Metadata)
	if next == nil {
		next = map[string]string{}
	}
	maps.Copy(next, ev.Set)
	for _, key := range ev.Deleted {
		delete(next, key)
	}
	old := r.view.Metadata
	r.view.Metadata = next
	r.metadataDiffers(old)
}

// metadataDiffers tells how the metadata differs from what it was, by its keys; r.mu is held.
func (r *Room) metadataDiffers(old map[string]string) {
	now := r.view.Metadata
	for _, key := range slices.Sorted(maps.Keys(now)) {
		if before, was := old[key]; !was || before != now[key] {
			r.metadataTold(key, now[key], false)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(old)) {
		if _, is := now[key]; !is {
			r.metadataTold(key, "", true)
		}
	}
}

func (r *Room) metadataTold(key, value string, deleted bool) {
	r.post("OnRoomMetadataChanged", func(o *RoomObserver) {
		if o.OnRoomMetadataChanged != nil {
			o.OnRoomMetadataChanged(r.id, key, value, deleted)
		}
	})
}
