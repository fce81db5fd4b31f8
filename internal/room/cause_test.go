package room_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

func TestCause_isWhoAsked_andFromWhere(t *testing.T) {
	from := room.Origin{IP: "192.0.2.7", Platform: signaling.PlatformMac}
	by := signaling.UserInfo{UserID: "ann", UserName: "Ann"}
	for name, c := range map[string]struct {
		cmd  room.Command
		want *room.Cause
	}{
		"a user":                         {room.Command{By: by, Origin: from}, &room.Cause{By: "ann", IP: "192.0.2.7", Platform: "Mac"}},
		"the app in another's name":      {room.Command{By: by, App: true, Origin: room.Origin{Operator: "root", Platform: "RESTAPI"}}, &room.Cause{By: "root", Platform: "RESTAPI"}},
		"a departure":                    {room.Command{By: by, Action: room.Depart{}}, &room.Cause{By: "ann"}},
		"the room itself: nobody did it": {room.Command{Action: room.Expire{}}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, c.want, c.cmd.Cause())
			if c.cmd.Action == nil {
				c.cmd.Action = room.Leave{}
			}
			b, err := json.Marshal(c.cmd)
			require.NoError(t, err)
			var back room.Command
			require.NoError(t, json.Unmarshal(b, &back))
			assert.Equal(t, c.cmd, back, "commands travel between nodes")
		})
	}
}

func TestEvent_keepsCauseAndHeartbeat_inTheLog(t *testing.T) {
	for name, c := range map[string]struct {
		e    room.Event
		json string
	}{
		"without a cause": {
			room.Event{Event: signaling.RoomDismissed{Reason: 1}},
			`{"event":{"type":"roomDismissed","data":{"reason":1}}}`,
		},
		"with one": {
			room.Event{To: []signaling.UserID{"bob"}, Event: signaling.RoomDismissed{Reason: 1}, Cause: &room.Cause{By: "ann", IP: "::1"}},
			`{"to":["bob"],"event":{"type":"roomDismissed","data":{"reason":1}},"cause":{"by":"ann","ip":"::1"}}`,
		},
		"a heartbeat": {
			room.Event{Heartbeat: &room.Heartbeat{Users: []signaling.UserID{"bob"}, Recovered: true}},
			`{"heartbeat":{"users":["bob"],"recovered":true}}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			b, err := json.Marshal(c.e)
			require.NoError(t, err)
			assert.JSONEq(t, c.json, string(b))
			var back room.Event
			require.NoError(t, json.Unmarshal(b, &back))
			assert.Equal(t, c.e, back)
		})
	}
	var unknown room.Event
	require.NoError(t, json.Unmarshal([]byte(`{"event":{"type":"newer","data":{}}}`), &unknown))
	assert.Equal(t, room.Event{}, unknown, "of a newer node")
}
