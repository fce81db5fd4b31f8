package room

import (
	"maps"
	"slices"
	"unicode/utf8"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// Limits of a room's metadata (documents: set_room_metadata).
const (
	MaxMetadataKeys  = 10
	MaxMetadataKey   = 50       // bytes
	MaxMetadataValue = 2 << 10  // bytes
	MaxMetadata      = 16 << 10 // bytes of all values
)

// setMetadata adds keys, or changes the values of those that are there. Bytes in a state take a third more as JSON,
// whatever they are, where text could take six times as much.
func (d *decision) setMetadata(a SetMetadata) error {
	if err := d.needManager(); err != nil {
		return err
	}
	if len(a.Metadata) == 0 {
		return signaling.Errorf(signaling.ErrInvalidParameter.Code, "there is no metadata to set: give one key at least")
	}
	next, set := maps.Clone(d.state.Metadata), map[string]string{}
	if next == nil {
		next = map[string][]byte{}
	}
	for key, value := range a.Metadata {
		if len(key) > MaxMetadataKey {
			return signaling.Errorf(signaling.ErrMetadataKeyTooLarge.Code, "a key of metadata has %d bytes; %d are allowed", len(key), MaxMetadataKey)
		}
		if key == "" || !signaling.ValidText(key, MaxMetadataKey) {
			return signaling.Errorf(signaling.ErrInvalidParameter.Code, "a key of metadata is some UTF-8 without control characters")
		}
		if len(value) > MaxMetadataValue {
			return signaling.Errorf(signaling.ErrMetadataValueTooLarge.Code, "the value of %q has %d bytes; %d are allowed", key, len(value), MaxMetadataValue)
		}
		if !utf8.ValidString(value) {
			return signaling.Errorf(signaling.ErrInvalidParameter.Code, "the value of %q is no UTF-8", key)
		}
		if old, there := next[key]; !there || string(old) != value {
			next[key], set[key] = []byte(value), value
		}
	}
	if len(set) == 0 {
		return nil
	}
	total := 0
	for _, value := range next {
		total += len(value)
	}
	switch {
	case len(next) > MaxMetadataKeys:
		return signaling.Errorf(signaling.ErrTooManyMetadataKeys.Code, "the room would have %d keys of metadata; %d are allowed", len(next), MaxMetadataKeys)
	case total > MaxMetadata:
		return signaling.Errorf(signaling.ErrMetadataTooLarge.Code, "the room's metadata would have %d bytes; %d are allowed", total, MaxMetadata)
	}
	before := d.state.metadataBytes()
	d.state.Metadata = next
	if d.state.metadataBytes() > before && (d.state.guestsCrowd() || d.state.requestBytes() > d.state.requestBudget()) {
		return signaling.Errorf(signaling.ErrLimit.Code, "the room's robots, its connection or its pending requests leave no place for more metadata; answer some of these, or end the others, and set it again")
	}
	d.tell(nil, signaling.MetadataChanged{Set: set, By: d.by})
	return nil
}

// deleteMetadata removes keys. Those that are not there do not matter as long as one is (documents: 100503).
func (d *decision) deleteMetadata(a DeleteMetadata) error {
	if err := d.needManager(); err != nil {
		return err
	}
	next := maps.Clone(d.state.Metadata)
	var deleted []string
	for _, key := range a.Keys {
		if _, there := next[key]; there {
			delete(next, key)
			deleted = append(deleted, key)
		}
	}
	if len(deleted) == 0 {
		return signaling.ErrMetadataNotFound
	}
	if len(next) == 0 {
		next = nil
	}
	d.state.Metadata = next
	slices.Sort(deleted)
	d.tell(nil, signaling.MetadataChanged{Deleted: deleted, By: d.by})
	return nil
}

// Texts returns the metadata as people have set it; nil for none.
func (s State) Texts() map[string]string {
	if len(s.Metadata) == 0 {
		return nil
	}
	m := make(map[string]string, len(s.Metadata))
	for key, value := range s.Metadata {
		m[key] = string(value)
	}
	return m
}
