package adminapi_test

import (
	"context"
	"encoding/json"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/internal/adminapi"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// callbacks answers everything. The real ones are behind the tests of package server.
type callbacks struct{ asked *adminapi.DeliveryQuery }

func (callbacks) Get(context.Context, signaling.AppID) (string, []string, error) {
	return "http://example.org", []string{"Live.CallbackAfterCreateRoom"}, nil
}
func (callbacks) Set(context.Context, signaling.AppID, string, []string) error    { return nil }
func (callbacks) Update(context.Context, signaling.AppID, string, []string) error { return nil }
func (callbacks) Delete(context.Context, signaling.AppID) error                   { return nil }
func (callbacks) Moderation(context.Context, signaling.AppID) (string, bool, error) {
	return "", false, nil
}

func (callbacks) SetModeration(context.Context, signaling.AppID, string, bool) error { return nil }

func (callbacks) SetToken(context.Context, signaling.AppID, string) error { return nil }

func (c callbacks) Deliveries(_ context.Context, _ signaling.AppID, q adminapi.DeliveryQuery) ([]adminapi.Delivery, string, error) {
	if c.asked != nil {
		*c.asked = q
	}
	return []adminapi.Delivery{delivery()}, "more", nil
}

func (callbacks) Delivery(context.Context, signaling.AppID, string) (adminapi.Delivery, error) {
	d := delivery()
	d.Body = json.RawMessage(`{"a":"<1>"}`)
	return d, nil
}

func (callbacks) Replay(context.Context, signaling.AppID, string, string) (int, error) { return 3, nil }

func delivery() adminapi.Delivery {
	return adminapi.Delivery{
		ID: "1.cg.2.0", Room: "r", Command: "Live.CallbackAfterCreateRoom", Recorded: time.UnixMilli(1703589922780), State: "failed",
		Attempts: 3, Error: "HTTP status 500", Tried: time.UnixMilli(1703589922790),
	}
}

func TestDeliveries(t *testing.T) {
	var asked adminapi.DeliveryQuery
	api := adminapi.New(adminapi.Config{Apps: map[signaling.AppID]string{app: secret}, Rooms: &rooms{}, Callbacks: callbacks{&asked}})
	do := func(api http.Handler, command, body string) string {
		a := call(t, api, "/v4/voiceroom_console/"+command, query(t), body)
		require.Zero(t, a.ErrorCode, a.ErrorInfo)
		return string(a.Response)
	}
	const one = `{"DeliveryId":"1.cg.2.0","RoomId":"r","CallbackCommand":"Live.CallbackAfterCreateRoom","RecordTime":1703589922780,"State":"failed","Attempts":3,"LastError":"HTTP status 500","LastAttemptTime":1703589922790`
	assert.Equal(t, `{"Next":"more","DeliveryList":[`+one+`}]}`, do(api, "list_deliveries", `{"Next":"","RoomId":"r","State":"failed","Count":7}`))
	assert.Equal(t, adminapi.DeliveryQuery{Room: "r", State: "failed", Limit: 7}, asked)
	do(api, "list_deliveries", `{"Next":"x"}`)
	assert.Equal(t, adminapi.DeliveryQuery{After: "x", Limit: 100}, asked)
	assert.JSONEq(t, one+`,"Body":{"a":"<1>"}}`, do(api, "get_delivery", `{"DeliveryId":"1.cg.2.0"}`))
	assert.Equal(t, `{"DeliveryCount":3}`, do(api, "replay_deliveries", `{"DeliveryId":"1.cg.2.0"}`))
}
