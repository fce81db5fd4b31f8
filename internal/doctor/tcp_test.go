package doctor

import (
	"net"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/internal/server"
	"github.com/openvoiceroom/openvoiceroom/internal/store/memstore"
	"github.com/openvoiceroom/openvoiceroom/signaling"
	"github.com/openvoiceroom/openvoiceroom/signaling/usersig"
)

// noUDP is a socket in a network that lets no UDP through.
type noUDP struct{ net.PacketConn }

func (noUDP) WriteTo(b []byte, _ net.Addr) (int, error) { return len(b), nil }

// noTCP is a listener behind a firewall: connections come about and nobody takes them.
type noTCP struct {
	net.Listener
	once sync.Once
	done chan struct{}
}

func (n *noTCP) Accept() (net.Conn, error) { <-n.done; return nil, net.ErrClosed }
func (n *noTCP) Close() error              { n.once.Do(func() { close(n.done) }); return n.Listener.Close() }

// Both ways of media are tried, each for itself, and what decides is whether there is one.
func TestBothWaysOfMedia(t *testing.T) {
	for name, c := range map[string]struct {
		noUDP, noTCP bool
		ok           bool
		udp, tcp     Status
		says, do     string // about the way that does not work
	}{
		"both":    {false, false, true, OK, OK, "", ""},
		"no UDP":  {true, false, true, Warning, OK, "Nothing comes back over UDP to 127.0.0.1:", "TCP is used"},
		"no TCP":  {false, true, true, OK, Warning, "Nothing comes back over TCP to 127.0.0.1:", "TCP through"},
		"neither": {true, true, false, Warning, Failed, "Nothing comes back over TCP to 127.0.0.1:", "TCP through"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var udp net.PacketConn
			udp, err := net.ListenPacket("udp4", "127.0.0.1:0")
			require.NoError(t, err)
			tcp, err := net.Listen("tcp4", "127.0.0.1:0")
			require.NoError(t, err)
			if c.noUDP {
				udp = noUDP{udp}
			}
			if c.noTCP {
				tcp = &noTCP{Listener: tcp, done: make(chan struct{})}
			}
			node := memstore.New().Node()
			srv, err := server.New(t.Context(), server.Config{
				Apps: map[signaling.AppID]string{1: "secret"}, Store: node, UDP: udp, TCP: tcp,
			})
			require.NoError(t, err)
			web := httptest.NewServer(srv.Handler())
			sig, err := usersig.Mint(1, "secret", "me", time.Hour, time.Now())
			require.NoError(t, err)
			r := Run(t.Context(), Config{
				URL: strings.Replace(web.URL, "http", "ws", 1), User: User{1, "me", sig, "secret"}, Limit: 3 * time.Second,
			})
			overUDP, overTCP := find(t, r, nameMediaUDP), find(t, r, nameMediaTP)
			require.Equal(t, c.udp, overUDP.Status, "%+v", overUDP)
			require.Equal(t, c.tcp, overTCP.Status, "%+v", overTCP)
			wrong := overTCP
			if c.tcp == OK {
				require.Contains(t, overTCP.Says, "TCP to 127.0.0.1:")
				wrong = overUDP
			}
			require.Contains(t, wrong.Says, c.says)
			require.Contains(t, wrong.Do, c.do)
			require.Equal(t, c.ok, wrong.Status != Failed)
			require.NoError(t, srv.Close(t.Context()))
			web.Close()
			require.NoError(t, node.Close())
		})
	}
}
