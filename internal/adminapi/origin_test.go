package adminapi_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/internal/adminapi"
	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

func TestCommands_sayWhoCalledFromWhere(t *testing.T) {
	r := &rooms{}
	api := adminapi.New(adminapi.Config{Apps: map[signaling.AppID]string{app: secret}, Rooms: r, Accounts: accounts(t), Users: nobody{}})
	call(t, api, "/v4/live_engine_http_srv/create_room", query(t), `{"RoomInfo":{"RoomId":"r","RoomType":"Live","Owner_Account":"ann"}}`)
	call(t, api, "/v4/live_engine_http_srv/destroy_room", query(t), `{"RoomId":"r"}`)
	require.Len(t, r.done, 2)
	from := room.Origin{Operator: "administrator", IP: "192.0.2.1", Platform: signaling.PlatformRESTAPI}
	assert.Equal(t, from, r.done[0].Origin, "not the owner, who has done nothing")
	assert.Equal(t, from, r.done[1].Origin)
}
