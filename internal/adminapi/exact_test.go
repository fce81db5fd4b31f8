package adminapi

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

func TestDecode_isExact(t *testing.T) {
	type params struct {
		RoomID   string `json:"RoomId"`
		Members  []string
		RoomInfo *struct {
			roomInfo
			Owner string `json:"Owner_Account"`
		}
		Items []struct{ Tag string }
		Value json.RawMessage
	}
	for body, want := range map[string]string{
		`{"RoomId":"r","Members":["a","b"],"RoomInfo":{"RoomId":"r","Owner_Account":"a","Category":[1]},"Items":[{"Tag":"a"},{"Tag":"a"}],"Value":{"a":[null]}}`: "",
		`{}`:                                  "",
		`{"RoomId":null,"RoomInfo":null}`:     "",
		`{"RoomId":"\ud83d\ude00"}`:           "",
		`{"RoomId":"\\ud800"}`:                "",
		`{"RoomId":"\\\ud83d\ude00\\udc00"}`:  "",
		`{"roomid":"r"}`:                      `no field "roomid"`,
		`{"RoomID":"r"}`:                      `no field "RoomID"`,
		`{"RoomInfo":{"roomName":"r"}}`:       `no field "roomName"`,
		`{"Items":[{"Tag":"a"},{"tag":"a"}]}`: `no field "tag"`,
		`{"RoomId":"r","RoomId":"r"}`:         `"RoomId" comes twice`,
		`{"RoomId":"r","\u0052oomId":"r"}`:    `"RoomId" comes twice`,
		`{"RoomInfo":{"RoomId":"r"},"RoomInfo":{"Owner_Account":"a"}}`: `"RoomInfo" comes twice`,
		`{"Value":{"a":1,"a":2}}`:                                      `"a" comes twice`,
		`{"Members":["a",null]}`:                                       "null in it",
		`{"RoomInfo":{"Category":[null]}}`:                             "null in it",
		`{"RoomId":"\ud800"}`:                                          "half a surrogate pair",
		`{"RoomId":"\udc00"}`:                                          "half a surrogate pair",
		`{"RoomId":"\ud83d\ud83d\ude00"}`:                              "half a surrogate pair",
		`{"RoomId":"\ud83dx"}`:                                         "half a surrogate pair",
		`{"RoomId":"\ud83d\n"}`:                                        "half a surrogate pair",
		`{"RoomId":"\\\ud800"}`:                                        "half a surrogate pair",
	} {
		var p params
		err := decode([]byte(body), &p)
		if want == "" {
			assert.NoError(t, err, body)
			continue
		}
		require.ErrorContains(t, err, want, body)
		assert.Contains(t, []signaling.Code{codeParameter, codeJSON}, signaling.CodeOf(err))
	}
}
