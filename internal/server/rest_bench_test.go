package server

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/internal/store/natsstore"
	"github.com/openvoiceroom/openvoiceroom/signaling"
	"github.com/openvoiceroom/openvoiceroom/signaling/usersig"
)

// BenchmarkREST calls a node over HTTP by loopback. Its store is the embedded one, on the disk. One app may call a command
// 200 times a second, so there are many apps, with a room each.
func BenchmarkREST(b *testing.B) {
	const apps = 256
	ids := make([]signaling.AppID, apps)
	secrets := map[signaling.AppID]string{}
	for i := range ids {
		ids[i] = signaling.AppID(1400000001 + i)
		secrets[ids[i]] = secret
	}
	st, err := natsstore.Open(b.Context(), natsstore.Config{Dir: b.TempDir()})
	require.NoError(b, err)
	defer func() { require.NoError(b, st.Close()) }()
	udp, err := net.ListenPacket("udp4", "127.0.0.1:0")
	require.NoError(b, err)
	srv, err := New(b.Context(), Config{Apps: secrets, Store: st, UDP: udp})
	require.NoError(b, err)
	defer func() { require.NoError(b, srv.Close(context.Background())) }()
	web := httptest.NewServer(srv.Handler())
	defer web.Close()
	transport := &http.Transport{MaxIdleConnsPerHost: 16}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}

	query := make([]string, apps)
	for i, id := range ids {
		sig, err := usersig.Mint(id, secret, "administrator", time.Hour, time.Now())
		require.NoError(b, err)
		query[i] = "?" + url.Values{
			"sdkappid": {fmt.Sprint(id)}, "identifier": {"administrator"}, "usersig": {sig}, "random": {"1"}, "contenttype": {"json"},
		}.Encode()
	}
	call := func(app int, command string, body []byte) error {
		resp, err := client.Post(web.URL+"/v4/live_engine_http_srv/"+command+query[app], "application/json", bytes.NewReader(body))
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		got, err := io.ReadAll(resp.Body)
		if err == nil && !bytes.Contains(got, []byte(`"ErrorCode":0,`)) {
			err = fmt.Errorf("%s", got)
		}
		return err
	}
	for app := range ids {
		require.NoError(b, call(app, "create_room", []byte(`{"RoomInfo":{"RoomId":"r","RoomType":"Live","IsSeatEnabled":true}}`)))
	}
	for _, c := range []struct{ command, body string }{
		{"get_room_info", `{"RoomId":"r"}`},
		{"set_room_metadata", `{"RoomId":"r","Metadata":[{"Key":"topic","Value":"%d"}]}`},
	} {
		for _, callers := range []int{1, 16} {
			b.Run(fmt.Sprintf("%s/callers=%d", c.command, callers), func(b *testing.B) {
				took := make([]time.Duration, b.N)
				var next atomic.Int64
				var wg sync.WaitGroup
				b.ResetTimer()
				for range callers {
					wg.Go(func() {
						for i := next.Add(1) - 1; i < int64(b.N); i = next.Add(1) - 1 {
							body := []byte(c.body)
							if bytes.Contains(body, []byte("%d")) {
								body = fmt.Appendf(nil, c.body, i) // what changes nothing would not be written
							}
							start := time.Now()
							if err := call(int(i%apps), c.command, body); err != nil {
								b.Error(err)
								return
							}
							took[i] = time.Since(start)
						}
					})
				}
				wg.Wait()
				slices.Sort(took)
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "calls/s")
				b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
				b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "p99-ms")
			})
		}
	}
}
