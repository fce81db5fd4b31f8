package webhook

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/internal/home"
	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/internal/store/natsstore"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// BenchmarkDelivery tells b.N callbacks, which lie in the embedded store, to a receiver on this machine. In many rooms they
// go side by side; in one room one after another.
func BenchmarkDelivery(b *testing.B) {
	for _, rooms := range []int{1, 64, 1000} {
		b.Run(fmt.Sprintf("rooms=%d", rooms), func(b *testing.B) {
			ctx := context.Background()
			st, err := natsstore.Open(ctx, natsstore.Config{Dir: b.TempDir()})
			require.NoError(b, err)
			defer func() { require.NoError(b, st.Close()) }()
			require.NoError(b, st.Beat(ctx, "n", nil))
			var came atomic.Int64
			done := make(chan struct{})
			web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				_, _ = io.WriteString(w, good)
				if came.Add(1) == int64(b.N) {
					close(done)
				}
			}))
			defer web.Close()
			s, err := New(ctx, Config{Store: st, Node: "n", Apps: []signaling.AppID{app}, Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
			require.NoError(b, err)
			require.NoError(b, s.Set(ctx, app, web.URL, commands))
			fill(b, st, rooms)
			start := time.Now()
			b.ResetTimer()
			require.NoError(b, s.Serve())
			<-done
			b.ReportMetric(float64(b.N)/time.Since(start).Seconds(), "deliveries/s")
			b.StopTimer()
			require.NoError(b, s.Close(ctx))
		})
	}
}

// fill puts b.N callbacks into the outboxes of rooms.
func fill(b *testing.B, st store.Store, rooms int) {
	b.Helper()
	last := make([]uint64, rooms)
	body, err := json.Marshal(seatBody{CallbackCommand: seatChanged, RoomID: "room", SeatList: make([]seatOf, 10), EventTime: eventTime})
	require.NoError(b, err)
	data, err := json.Marshal([]callback{{Command: seatChanged, IP: "192.0.2.7", Platform: signaling.PlatformIOS, Body: body}})
	require.NoError(b, err)
	for i := range b.N {
		told, err := json.Marshal(home.Told{Rev: uint64(i + 1), Data: data})
		require.NoError(b, err)
		r := i % rooms
		last[r], err = st.Outbox().Append(b.Context(), store.Key{App: app, Room: signaling.RoomID(fmt.Sprint("room", r))}, told, last[r])
		require.NoError(b, err)
	}
}
