// Package record keeps JSON documents in [store.Values], each changed by compare-and-set: of two changes at once none is
// lost, whichever nodes make them.
package record

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/openvoiceroom/openvoiceroom/internal/store"
)

// ErrKeep is what a change returns to leave the document as it is. [Update] returns no error then.
var ErrKeep = errors.New("record: nothing to change")

// maxPause bounds the wait between two attempts at a document that others change too.
const maxPause = 50 * time.Millisecond

// Load returns a document with its revision. Without one it is the zero T and revision 0, and no error.
func Load[T any](ctx context.Context, values store.Values, key store.ValueKey) (doc T, rev uint64, err error) {
	v, err := values.Get(ctx, key)
	if errors.Is(err, store.ErrNotFound) {
		return doc, 0, nil
	}
	if err != nil {
		return doc, 0, err
	}
	if err := json.Unmarshal(v.Data, &doc); err != nil {
		return doc, 0, fmt.Errorf("record: %s %q: %w", key.Bucket, key.ID, err)
	}
	return doc, v.Rev, nil
}

// Update changes a document: change is called with what is stored, again each time that somebody else has stored
// another meanwhile, until ctx ends. rev is 0 for a document that is not there yet. What change returns is Update's
// error, except [ErrKeep]; nothing is stored then. The document is returned as it is stored now.
//
// After an error of the store the change may have been made.
func Update[T any](ctx context.Context, values store.Values, key store.ValueKey, change func(doc *T, rev uint64) error) (T, error) {
	for pause := time.Millisecond; ; pause = min(2*pause, maxPause) {
		doc, rev, err := Load[T](ctx, values, key)
		if err != nil {
			return doc, err
		}
		if err := change(&doc, rev); err != nil {
			if errors.Is(err, ErrKeep) {
				err = nil
			}
			return doc, err
		}
		data, err := json.Marshal(doc)
		if err != nil {
			return doc, err
		}
		if _, err = values.Put(ctx, key, data, rev); !errors.Is(err, store.ErrConflict) {
			return doc, err
		}
		if err := wait(ctx, pause); err != nil {
			return doc, err
		}
	}
}

// Delete removes a document, unless check refuses what is stored. One that is not there is no error, and not checked.
func Delete[T any](ctx context.Context, values store.Values, key store.ValueKey, check func(doc T) error) error {
	for pause := time.Millisecond; ; pause = min(2*pause, maxPause) {
		doc, rev, err := Load[T](ctx, values, key)
		if err != nil || rev == 0 {
			return err
		}
		if err := check(doc); err != nil {
			return err
		}
		if err := values.Delete(ctx, key, rev); !errors.Is(err, store.ErrConflict) {
			return err
		}
		if err := wait(ctx, pause); err != nil {
			return err
		}
	}
}

// wait lets the others pass: some of the pause at random, or all would come back at once.
func wait(ctx context.Context, pause time.Duration) error {
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(pause/2 + rand.N(pause/2+1)):
		return nil
	}
}
