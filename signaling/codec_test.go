package signaling_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

func TestDecodeMessage(t *testing.T) {
	large := func(n int) string { // a message of exactly n bytes
		const head, tail = `{"jsonrpc":"2.0","method":"`, `"}`
		return head + strings.Repeat("x", n-len(head)-len(tail)) + tail
	}
	for name, c := range map[string]struct {
		in   string
		want signaling.Message
		code signaling.Code // 0: accepted
	}{
		"call":                    {`{"jsonrpc":"2.0","id":3,"method":"a","params":{"b":1}}`, signaling.Message{ID: 3, Method: "a", Params: json.RawMessage(`{"b":1}`)}, 0},
		"call without parameters": {`{"jsonrpc":"2.0","id":3,"method":"a"}`, signaling.Message{ID: 3, Method: "a"}, 0},
		"notification":            {`{"jsonrpc":"2.0","method":"a"}`, signaling.Message{Method: "a"}, 0},
		"answer":                  {`{"jsonrpc":"2.0","id":3,"result":{}}`, signaling.Message{ID: 3, Result: json.RawMessage(`{}`)}, 0},
		"refusal":                 {`{"jsonrpc":"2.0","id":3,"error":{"code":100200,"message":"m","data":1}}`, signaling.Message{ID: 3, Err: &signaling.Error{Code: 100200, Message: "m"}}, 0},
		"refusal of nothing":      {`{"jsonrpc":"2.0","id":0,"error":{"code":60003,"message":"m"}}`, signaling.Message{Err: &signaling.Error{Code: 60003, Message: "m"}}, 0},
		"refusal with code 0":     {`{"jsonrpc":"2.0","id":3,"error":{"code":0,"message":"m"}}`, signaling.Message{ID: 3, Err: &signaling.Error{Code: -1, Message: "m"}}, 0},
		"unknown fields":          {`{"jsonrpc":"2.0","method":"a","later":[1]}`, signaling.Message{Method: "a"}, 0},
		"the greatest id":         {`{"jsonrpc":"2.0","id":9223372036854775807,"method":"a"}`, signaling.Message{ID: 9223372036854775807, Method: "a"}, 0},
		"spaces":                  {" {\"jsonrpc\" : \"2.0\",\n\"method\":\"a\"}\t", signaling.Message{Method: "a"}, 0},
		"just not too large":      {large(signaling.MaxFrame), signaling.Message{Method: large(signaling.MaxFrame)[27 : signaling.MaxFrame-2]}, 0},

		"too large":             {large(signaling.MaxFrame + 1), signaling.Message{}, 100002},
		"empty":                 {``, signaling.Message{}, 60003},
		"no JSON":               {`hello`, signaling.Message{}, 60003},
		"cut off":               {`{"jsonrpc":"2.0","method":"a"`, signaling.Message{}, 60003},
		"two messages":          {`{"jsonrpc":"2.0","method":"a"}{"jsonrpc":"2.0","method":"a"}`, signaling.Message{}, 60003},
		"a batch":               {`[{"jsonrpc":"2.0","method":"a"}]`, signaling.Message{}, 60003},
		"null":                  {`null`, signaling.Message{}, 60003},
		"a number":              {`7`, signaling.Message{}, 60003},
		"an empty object":       {`{}`, signaling.Message{}, 60003},
		"no version":            {`{"id":3,"method":"a"}`, signaling.Message{ID: 3, Method: "a"}, 60003},
		"version 1.0":           {`{"jsonrpc":"1.0","id":3,"method":"a"}`, signaling.Message{ID: 3, Method: "a"}, 60003},
		"version as a number":   {`{"jsonrpc":2.0,"id":3,"method":"a"}`, signaling.Message{}, 60003},
		"neither method nor id": {`{"jsonrpc":"2.0","result":{}}`, signaling.Message{Result: json.RawMessage(`{}`)}, 60003},
		"id 0":                  {`{"jsonrpc":"2.0","id":0,"method":"a"}`, signaling.Message{Method: "a"}, 60003},
		"a negative id":         {`{"jsonrpc":"2.0","id":-1,"method":"a"}`, signaling.Message{ID: -1, Method: "a"}, 60003},
		"an id in quotes":       {`{"jsonrpc":"2.0","id":"3","method":"a"}`, signaling.Message{}, 60003},
		"a broken id":           {`{"jsonrpc":"2.0","id":1.5,"method":"a"}`, signaling.Message{}, 60003},
		"an id too great":       {`{"jsonrpc":"2.0","id":9223372036854775808,"method":"a"}`, signaling.Message{}, 60003},
		"a method of a number":  {`{"jsonrpc":"2.0","id":3,"method":4}`, signaling.Message{}, 60003},
		"deep":                  {`{"jsonrpc":"2.0","method":"a","params":` + strings.Repeat("[", 20000) + strings.Repeat("]", 20000) + `}`, signaling.Message{}, 60003},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := signaling.DecodeMessage([]byte(c.in))
			require.Equal(t, c.code, signaling.CodeOf(err), "%v", err)
			if c.code == 0 || c.want.ID != 0 {
				assert.Equal(t, c.want, got)
			}
		})
	}
}

func TestDecodeParams(t *testing.T) {
	var p signaling.TakeSeatParams
	require.NoError(t, signaling.DecodeParams(nil, &signaling.RoomParams{}), "none are none")
	err := signaling.DecodeParams([]byte(`{"roomId":"r"}`), &p)
	require.ErrorIs(t, err, signaling.ErrInvalidParameter, "no seat is not seat 0")
	assert.ErrorContains(t, err, `"index" is missing`)
	require.NoError(t, signaling.DecodeParams([]byte(`{"index":3,"later":true}`), &p))
	assert.Equal(t, signaling.SeatIndex(3), p.Index)
	for _, bad := range []string{`[]`, `3`, `{"index":"3"}`, `{"index":1.5}`, `{"roomId":7}`} {
		err := signaling.DecodeParams([]byte(bad), &p)
		assert.Equal(t, signaling.Code(100002), signaling.CodeOf(err), bad)
	}
	assert.ErrorContains(t, signaling.DecodeParams([]byte(`{"index":"3"}`), &p), `"index" cannot be a string`)
	assert.ErrorContains(t, signaling.DecodeParams([]byte(`[]`), &p), "an object is expected, and here is another thing: array")
	for _, bad := range []string{`[]`, `{"jsonrpc":"2.0","id":"x"}`, `{"jsonrpc":2}`, `{`} {
		_, err := signaling.DecodeMessage([]byte(bad))
		require.ErrorIs(t, err, signaling.ErrMalformedJSON)
		assert.NotContains(t, err.Error(), "Go ", "our types mean nothing to who sent it")
		assert.NotContains(t, err.Error(), "wireMessage")
	}
}

func TestWhatCannotBeEncodedIsAnError(t *testing.T) {
	bad := func() {}
	_, err := signaling.EncodeCall(1, "a", bad)
	require.Error(t, err)
	_, err = signaling.EncodeNotification("a", bad)
	require.Error(t, err)
	_, err = signaling.EncodeResult(1, bad)
	require.Error(t, err)
}

func TestIDs(t *testing.T) {
	for id, ok := range map[string]bool{
		"r": true, strings.Repeat("r", 48): true, "a b": true, "*>.": true, "~": true,
		"": false, strings.Repeat("r", 49): false, "a\x1f": false, "a\x7f": false, "ä": false, "a\n": false,
	} {
		err := signaling.RoomID(id).Valid()
		assert.Equal(t, ok, err == nil, "room %q", id)
		if !ok {
			assert.ErrorIs(t, err, signaling.ErrInvalidRoomID)
		}
	}
	for id, ok := range map[string]bool{
		"u": true, strings.Repeat("u", 32): true, "müller": true, "a b": true, "人": true,
		"": false, strings.Repeat("u", 33): false, "a\x00": false, "a\u0085": false, "\xff": false, "a\n": false,
	} {
		err := signaling.UserID(id).Valid()
		assert.Equal(t, ok, err == nil, "user %q", id)
		if !ok {
			assert.ErrorIs(t, err, signaling.ErrInvalidParameter)
		}
	}
	assert.True(t, signaling.ValidText("", 0))
	assert.False(t, signaling.ValidText("ab", 1))
	assert.False(t, signaling.ValidText("ä", 1), "the limit is in bytes")
}

func TestEndpoint(t *testing.T) {
	for in, want := range map[string]string{ // "" = refused
		"ws://127.0.0.1:8080":     "ws://127.0.0.1:8080/v1/signaling",
		"ws://127.0.0.1:8080/":    "ws://127.0.0.1:8080/v1/signaling",
		"wss://voice.example.org": "wss://voice.example.org/v1/signaling",
		"wss://[::1]:8443":        "wss://[::1]:8443/v1/signaling",
		"WS://example.org":        "ws://example.org/v1/signaling",
		"wss://example.org/rooms": "wss://example.org/rooms",
		"wss://example.org?a=b":   "wss://example.org/v1/signaling?a=b",
		"":                        "",
		"example.org":             "",
		"127.0.0.1:8080":          "",
		"http://example.org":      "",
		"https://example.org":     "",
		"ws://":                   "",
		"ws:example.org":          "",
		"ws://a b":                "",
		"://":                     "",
	} {
		got, err := signaling.Endpoint(in)
		assert.Equal(t, want, got, in)
		assert.Equal(t, want == "", err != nil, in)
		if err != nil {
			assert.ErrorIs(t, err, signaling.ErrInvalidParameter, in)
		}
	}
}

func FuzzDecodeMessage(f *testing.F) {
	for _, m := range messages() {
		b, err := m.encode()
		require.NoError(f, err)
		f.Add(b)
	}
	f.Add([]byte(`{"jsonrpc":"2.0","id":-1}`))
	f.Add([]byte(`{"jsonrpc":"2.0","id":1,"error":{"code":0}}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := signaling.DecodeMessage(b)
		if err != nil {
			if c := signaling.CodeOf(err); c != signaling.ErrMalformedJSON.Code && c != signaling.ErrBadRequest.Code {
				t.Fatalf("code %d", c)
			}
			return
		}
		var again []byte
		switch {
		case m.Method != "" && m.ID != 0:
			again, err = signaling.EncodeCall(m.ID, m.Method, orNull(m.Params))
		case m.Method != "":
			again, err = signaling.EncodeNotification(m.Method, orNull(m.Params))
		case m.Err != nil:
			again, err = signaling.EncodeError(m.ID, m.Err)
		default:
			again, err = signaling.EncodeResult(m.ID, orNull(m.Result))
		}
		require.NoError(t, err)
		if len(again) > signaling.MaxFrame {
			return // characters that have to be escaped make it grow
		}
		n, err := signaling.DecodeMessage(again)
		require.NoError(t, err, "%s", again)
		require.Equal(t, m.ID, n.ID)
		require.Equal(t, m.Method, n.Method)
	})
}

func orNull(raw json.RawMessage) json.RawMessage {
	if raw == nil {
		return json.RawMessage("null")
	}
	return raw
}

func FuzzUnmarshalEvent(f *testing.F) {
	for _, e := range events() {
		b, err := signaling.MarshalEvent(e)
		require.NoError(f, err)
		f.Add(b)
	}
	f.Add([]byte(`{"type":"later","data":{}}`))
	f.Add([]byte(`{"type":"usersLeft"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := signaling.UnmarshalEvent(b)
		if err != nil || e == nil {
			return
		}
		once, err := signaling.MarshalEvent(e)
		require.NoError(t, err)
		e, err = signaling.UnmarshalEvent(once)
		require.NoError(t, err)
		require.NotNil(t, e)
		twice, err := signaling.MarshalEvent(e)
		require.NoError(t, err)
		require.True(t, bytes.Equal(once, twice), "%s\n%s", once, twice)
	})
}
