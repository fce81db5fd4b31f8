package record

import (
	"context"
	"time"

	"github.com/openvoiceroom/openvoiceroom/internal/store"
)

const (
	scanEvery = 10 * time.Second // the hints of the store may be lost
	scanPause = time.Second      // between two scans, however many hints come
)

// Scan returns a function that calls scan until its context ends: at once, again soon after a value of the bucket has been
// changed by whichever node, and every ten seconds. What changes between Scan and the call of that function is noticed,
// too; it must be called, once.
func Scan(values store.Values, bucket store.Bucket, scan func(context.Context)) (run func(context.Context), err error) {
	hint := make(chan struct{}, 1)
	stop, err := values.WatchValues(bucket, func() {
		select {
		case hint <- struct{}{}:
		default:
		}
	})
	if err != nil {
		return nil, err
	}
	return func(ctx context.Context) {
		defer stop()
		for {
			scan(ctx)
			select {
			case <-ctx.Done():
				return
			case <-time.After(scanPause):
			}
			select {
			case <-ctx.Done():
				return
			case <-hint:
			case <-time.After(scanEvery - scanPause):
			}
		}
	}, nil
}
