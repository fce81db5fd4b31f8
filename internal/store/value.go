package store

import (
	"context"
	"time"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// Bucket is a kind of values.
type Bucket string

// The buckets. A value's key says what else names it.
const (
	BucketAccount    Bucket = "account"    // ID: the user
	BucketApp        Bucket = "app"        // ID: what of the app: its administrators, its callbacks, its profile fields
	BucketBan        Bucket = "ban"        // ID: the room, Sub: the user
	BucketMute       Bucket = "mute"       // ID: the room, Sub: the user
	BucketBattle     Bucket = "battle"     // ID: the battle
	BucketFollow     Bucket = "follow"     // ID: the user, Sub: which of the user's lists
	BucketGift       Bucket = "gift"       // ID: the room, Sub: when it was created, and which page
	BucketGiftOrder  Bucket = "giftorder"  // ID: the room, Sub: the sender and its key; an order that is open
	BucketGiftDone   Bucket = "giftdone"   // likewise; what has come of one
	BucketGiftReturn Bucket = "giftreturn" // ID: the order; nobody has seen the gift, but the app may have been paid
	BucketDelivery   Bucket = "delivery"   // ID: the room, Sub: what is told of it

	BucketConnection Bucket = "connection" // ID: the connection
	BucketLive       Bucket = "live"       // ID: the room, Sub: when it was created
)

// ValueKey names a value of the whole server. ID is never empty; Sub may be.
type ValueKey struct {
	Bucket Bucket
	App    signaling.AppID
	ID     string
	Sub    string
}

// Value is a stored value.
type Value struct {
	Data []byte    // the caller's own copy
	Rev  uint64    // grows with each change of this value, not by one
	Time time.Time // when it was stored, by the store's clock
}

// Values keeps what belongs to no room's log: accounts, settings, who is banned.
type Values interface {
	// Get returns a value, or ErrNotFound. A Put or Delete that has returned before is seen.
	Get(ctx context.Context, key ValueKey) (Value, error)

	// Put stores a value and returns its revision. last is the revision that the caller knows, 0 for a key without a
	// value; ErrConflict means that it is another. After other errors but ErrTooLarge the outcome is unknown.
	Put(ctx context.Context, key ValueKey, data []byte, last uint64) (rev uint64, err error)

	// Delete removes the value of revision last; ErrConflict means that it is another. A key without a value is no
	// error. The next Put of the key has last 0.
	Delete(ctx context.Context, key ValueKey, last uint64) error

	// Keys returns the keys of a bucket's values of an app, and, with an id, only of that ID, in no particular order.
	Keys(ctx context.Context, bucket Bucket, app signaling.AppID, id string) ([]ValueKey, error)

	// Values returns what Keys names, with the values. Those that change meanwhile may be missing or be old.
	Values(ctx context.Context, bucket Bucket, app signaling.AppID, id string) (map[ValueKey]Value, error)

	// WatchValues calls fn after values of the bucket have changed, of whichever app and on whichever node, and once
	// at its beginning. Changes in quick succession may end in one call, and a call may come without a change. It is a
	// hint: read the values again from time to time. fn is called one at a time. cancel as for Subscribe.
	WatchValues(bucket Bucket, fn func()) (cancel func(), err error)
}

// OutboxAge is how long the outbox keeps an entry, whether it has been told or not.
const OutboxAge = 7 * 24 * time.Hour

// AuditAge is how long the audit log keeps an entry, also of a room that is over, and AuditEntries how many of a room.
const (
	AuditAge     = 30 * 24 * time.Hour
	AuditEntries = 1000
)
