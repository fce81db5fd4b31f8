package signaling

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Message is one JSON-RPC 2.0 message: a call (ID and Method), an answer (ID and Result or Err) or a notification
// (Method alone). Ids are positive integers that a client counts up.
type Message struct {
	ID     int64
	Method string
	Params json.RawMessage
	Result json.RawMessage
	Err    *Error
}

type wireMessage struct {
	Version string          `json:"jsonrpc"`
	ID      *int64          `json:"id,omitempty"`
	Method  string          `json:"method,omitempty"`
	Params  json.RawMessage `json:"params,omitempty"`
	Result  json.RawMessage `json:"result,omitempty"`
	Error   *wireError      `json:"error,omitempty"`
}

type wireError struct {
	Code    Code   `json:"code"`
	Message string `json:"message"`
}

// EncodeCall makes the bytes of a call.
func EncodeCall(id int64, method string, params any) ([]byte, error) {
	p, err := json.Marshal(params)
	if err != nil {
		return nil, err
	}
	return json.Marshal(wireMessage{Version: "2.0", ID: &id, Method: method, Params: p})
}

// EncodeNotification makes the bytes of a notification.
func EncodeNotification(method string, params any) ([]byte, error) {
	p, err := json.Marshal(params)
	if err != nil {
		return nil, err
	}
	return json.Marshal(wireMessage{Version: "2.0", Method: method, Params: p})
}

// EncodeResult makes the bytes of a successful answer.
func EncodeResult(id int64, result any) ([]byte, error) {
	r, err := json.Marshal(result)
	if err != nil {
		return nil, err
	}
	return json.Marshal(wireMessage{Version: "2.0", ID: &id, Result: r})
}

// EncodeError makes the bytes of a refusal. id 0 stands for a message whose id could not be read.
func EncodeError(id int64, err error) ([]byte, error) {
	w := &wireError{Code: CodeOf(err), Message: CodeOf(err).String()}
	if e, ok := errors.AsType[*Error](err); ok {
		if e.Message != "" { // the code travels in its own field, so it is left out of the text
			w.Message = e.Message
		}
		if e.Err != nil && (e.Code == ErrMalformedJSON.Code || e.Code == ErrBadRequest.Code) {
			w.Message += ": " + e.Err.Error() // the caller's own mistake; other causes stay in the server's log
		}
	}
	m := wireMessage{Version: "2.0", Error: w, ID: &id}
	return json.Marshal(m)
}

// DecodeMessage reads one message of at most [MaxFrame] bytes. The error is an *Error: 100002 for a larger one, 60003
// for what is no JSON-RPC 2.0. With an error, the message's ID is what could be read of it.
func DecodeMessage(b []byte) (Message, error) {
	if len(b) > MaxFrame {
		return Message{}, Errorf(ErrBadRequest.Code, "the message has %d bytes, the limit is %d", len(b), MaxFrame)
	}
	return decode(b)
}

// decode is DecodeMessage without the limit, which binds clients: a server's snapshot may be larger.
func decode(b []byte) (Message, error) {
	var w wireMessage
	if err := json.Unmarshal(b, &w); err != nil {
		return Message{}, &Error{Code: ErrMalformedJSON.Code, Err: misfit(err)}
	}
	m := Message{Method: w.Method, Params: w.Params, Result: w.Result}
	if w.ID != nil {
		m.ID = *w.ID
	}
	if w.Error != nil {
		m.Err = &Error{Code: cmp.Or(w.Error.Code, ErrFailed.Code), Message: w.Error.Message} // 0 would be no error
	}
	switch {
	case w.Version != "2.0":
		return m, Errorf(ErrMalformedJSON.Code, `"jsonrpc" must be "2.0"`)
	case w.Method == "" && w.ID == nil:
		return m, Errorf(ErrMalformedJSON.Code, `a message needs a "method" or an "id"`)
	case w.Method != "" && w.ID != nil && m.ID <= 0:
		return m, Errorf(ErrMalformedJSON.Code, `"id" must be a positive integer`)
	}
	return m, nil
}

// DecodeParams reads a message's parameters into v, a pointer to a struct. The error is an *Error that names the field:
// 100002 for one of the wrong type, -1001 for one that is missing although its tag is `required:"true"`.
func DecodeParams(raw json.RawMessage, v any) error {
	if len(raw) == 0 {
		raw = []byte("{}")
	}
	if err := json.Unmarshal(raw, v); err != nil {
		return &Error{Code: ErrBadRequest.Code, Message: "the parameters do not fit the method", Err: misfit(err)}
	}
	return missing(raw, reflect.TypeOf(v).Elem())
}

// misfit says what is wrong with JSON without naming this program's types, which mean nothing to who sent it.
func misfit(err error) error {
	wrong, ok := errors.AsType[*json.UnmarshalTypeError](err)
	switch {
	case !ok:
		return err
	case wrong.Field != "":
		return fmt.Errorf("%q cannot be a %s", wrong.Field, wrong.Value)
	}
	return fmt.Errorf("an object is expected, and here is another thing: %s", wrong.Value)
}

// missing finds a required field that is not there. Where the zero value means something (seat 0, audio off), leaving
// the field out must not.
func missing(raw json.RawMessage, t reflect.Type) error {
	if t.Kind() != reflect.Struct {
		return nil
	}
	var given map[string]json.RawMessage
	for f := range t.Fields() {
		if f.Tag.Get("required") != "true" {
			continue
		}
		if given == nil {
			if err := json.Unmarshal(raw, &given); err != nil {
				return &Error{Code: ErrBadRequest.Code, Message: "the parameters are no object"}
			}
		}
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		if _, ok := given[name]; !ok {
			return Errorf(ErrInvalidParameter.Code, "%q is missing", name)
		}
	}
	return nil
}

// Valid reports what is wrong with a room id, or nil (documents, code -2105).
func (id RoomID) Valid() error {
	if len(id) < 1 || len(id) > 48 {
		return &Error{Code: ErrInvalidRoomID.Code}
	}
	for i := range len(id) {
		if id[i] < 0x20 || id[i] > 0x7e {
			return &Error{Code: ErrInvalidRoomID.Code}
		}
	}
	return nil
}

// Valid reports what is wrong with a user id, or nil: 1 to 32 bytes of UTF-8 without control characters.
func (id UserID) Valid() error {
	if len(id) < 1 || !ValidText(string(id), 32) {
		return Errorf(ErrInvalidParameter.Code, "the user id is not valid: 1 to 32 bytes of UTF-8 without control characters")
	}
	return nil
}

// ValidText reports whether s is UTF-8 of at most limit bytes without control characters.
func ValidText(s string, limit int) bool {
	if len(s) > limit || !utf8.ValidString(s) {
		return false
	}
	for _, r := range s {
		if unicode.IsControl(r) {
			return false
		}
	}
	return true
}
