package server

import (
	"net/http"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// TestOrigin: what a session's commands say about where they come from, also after a return from elsewhere.
func TestOrigin_ofASession(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		login := func(c *raw, p signaling.Platform, resume *signaling.Resume) (string, room.Origin) {
			var res signaling.LoginResult
			c.must(signaling.MethodLogin, signaling.LoginParams{SDKAppID: app, UserID: "ann", UserSig: w.sig("ann"), Platform: p, Resume: resume}, &res)
			w.srv.mu.Lock()
			ses := w.srv.sessions[res.SessionID]
			w.srv.mu.Unlock()
			require.NotNil(t, ses)
			return res.SessionID, ses.origin // its goroutine waits for the next message
		}
		c := w.dial()
		id, from := login(c, signaling.PlatformIPad, nil)
		assert.Equal(t, signaling.PlatformIPad, from.Platform)
		assert.Empty(t, from.Operator)
		require.NoError(t, c.ws.Close())
		time.Sleep(time.Second)
		again, from := login(w.dial(), "", &signaling.Resume{SessionID: id})
		assert.Equal(t, id, again)
		assert.Equal(t, signaling.PlatformUnknown, from.Platform, "what the last login said")

		d := websocket.Dialer{NetDialContext: w.net.Dial, Subprotocols: []string{signaling.Subprotocol}}
		ws, _, err := d.Dial("ws://"+w.nodes[0].addr+signaling.Path, http.Header{"Origin": {"http://" + w.nodes[0].addr}})
		require.NoError(t, err)
		t.Cleanup(func() { ws.Close() })
		_, from = login(&raw{t: t, ws: ws}, "", nil)
		assert.Equal(t, signaling.PlatformWeb, from.Platform, "a browser that does not say so")
	})
}
