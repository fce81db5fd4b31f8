package main

import (
	"bufio"
	"io"
	"log/slog"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// pipes is a listener whose connections are in memory.
type pipes chan net.Conn

func (p pipes) Accept() (net.Conn, error) {
	if c, ok := <-p; ok {
		return c, nil
	}
	return nil, net.ErrClosed
}
func (p pipes) Close() error   { close(p); return nil }
func (p pipes) Addr() net.Addr { return &net.TCPAddr{} }

// A client that stops in the middle of whatever it sends is hung up on: nobody holds a connection for nothing.
func TestServeHTTP_waitsForNobody(t *testing.T) {
	const get = "GET / HTTP/1.1\r\nHost: x\r\n"
	for name, c := range map[string]struct {
		send   string
		status int // of an answer, 0: none
		ends   time.Duration
	}{
		"nothing":              {"", 0, 5 * time.Second},
		"half a header":        {get, 0, 5 * time.Second},
		"half a body":          {"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n{", 200, 10 * time.Second},
		"half a body in parts": {"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", 200, 10 * time.Second},
		"no second request":    {get + "\r\n", 200, time.Minute},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				lis, served := make(pipes, 1), make(chan struct{})
				web := serveHTTP(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), slog.DiscardHandler)
				go func() { defer close(served); _ = web.Serve(lis) }()
				begin := time.Now()
				client, server := net.Pipe()
				lis <- server
				_, err := io.WriteString(client, c.send)
				require.NoError(t, err)
				r := bufio.NewReader(client)
				if c.status != 0 {
					resp, err := http.ReadResponse(r, nil)
					require.NoError(t, err)
					assert.Equal(t, c.status, resp.StatusCode)
					require.NoError(t, resp.Body.Close())
				}
				_, err = r.ReadByte()
				assert.Error(t, err, "it is over")
				assert.LessOrEqual(t, time.Since(begin), c.ends+time.Second)
				require.NoError(t, web.Close())
				require.NoError(t, client.Close())
				<-served
			})
		})
	}
}
