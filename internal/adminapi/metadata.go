package adminapi

import (
	"context"
	"maps"
	"slices"

	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// A room's metadata: get_room_metadata, set_room_metadata, del_room_metadata.

type metadata struct {
	Key, Value *string
}

type metadataParams struct {
	RoomID   signaling.RoomID `json:"RoomId"`
	Metadata []metadata
}

type metadataKeys struct {
	RoomID signaling.RoomID `json:"RoomId"`
	Keys   []string
}

type metadataAnswer struct {
	Metadata []metadata
}

func (a *API) getRoomMetadata(ctx context.Context, who caller, p metadataKeys) (any, error) {
	if p.Keys == nil {
		return nil, missing("Keys", "the keys that are asked for, or [] for all")
	}
	r, err := a.look(ctx, who, p.RoomID)
	if err != nil {
		return nil, err
	}
	ans := metadataAnswer{Metadata: []metadata{}}
	for _, key := range slices.Sorted(maps.Keys(r.Metadata)) {
		if len(p.Keys) == 0 || slices.Contains(p.Keys, key) {
			ans.Metadata = append(ans.Metadata, metadata{Key: &key, Value: new(r.Metadata[key])})
		}
	}
	return ans, nil
}

func (a *API) setRoomMetadata(ctx context.Context, who caller, p metadataParams) (any, error) {
	if len(p.Metadata) == 0 {
		return nil, missing("Metadata", "one object with Key and Value at least")
	}
	set := make(map[string]string, len(p.Metadata))
	for _, m := range p.Metadata {
		if m.Key == nil || m.Value == nil {
			return nil, missing("Metadata", "each of its objects has Key and Value")
		}
		if _, twice := set[*m.Key]; twice {
			return nil, refuse(codeParameter, "Metadata has the key %.50q twice", *m.Key)
		}
		set[*m.Key] = *m.Value
	}
	return nil, a.do(ctx, who, p.RoomID, room.SetMetadata{Metadata: set})
}

func (a *API) delRoomMetadata(ctx context.Context, who caller, p metadataKeys) (any, error) {
	if len(p.Keys) == 0 {
		return nil, missing("Keys", "one key at least")
	}
	return nil, a.do(ctx, who, p.RoomID, room.DeleteMetadata{Keys: p.Keys})
}
