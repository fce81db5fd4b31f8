package adminapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"reflect"
	"strings"
	"unicode/utf8"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// maxBody is what a call's body may have. The longest that makes sense has a few KB, but for commands that say more.
const maxBody = 64 << 10

// errBody is behind refusals with the code of a time-out that are the caller's fault, not ours.
var errBody = errors.New("the body")

// readBody reads the body of a call that has been let in.
func readBody(w http.ResponseWriter, r *http.Request, limit int) ([]byte, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, int64(limit)))
	if _, large := errors.AsType[*http.MaxBytesError](err); large {
		return nil, &signaling.Error{Code: codeTimeout, Message: fmt.Sprintf("the body may have %d KiB", limit>>10), Err: errBody}
	}
	if err != nil {
		return nil, &signaling.Error{Code: codeTimeout, Message: fmt.Sprintf("the body did not arrive within %s", callLimit), Err: errBody}
	}
	return body, nil
}

// decode reads a body, which is one JSON object. A field that the command does not have is refused rather than passed
// over: it promises something that would not happen.
func decode(body []byte, into any) error {
	text := bytes.TrimLeft(body, " \t\r\n")
	switch {
	case len(text) == 0:
		return refuse(codeJSON, "the body is empty; where nothing is to be said it is {}")
	case !utf8.Valid(body):
		return refuse(codeJSON, "the body is no UTF-8")
	case !json.Valid(body):
		return refuse(codeJSON, "the body is no JSON")
	case text[0] != '{':
		return refuse(codeJSON, "the body is a JSON object, as in {\"RoomId\":\"r\"}")
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	err := d.Decode(into)
	if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		name := field(wrong.Field)
		if (strings.HasSuffix(name, "_Account") || name == "UserID") && wrong.Type.Kind() == reflect.String {
			return refuse(codeAccountType, "accounts are strings: %s holds a JSON %s", name, wrong.Value)
		}
		return refuse(codeParameter, "%s cannot be a JSON %s", name, wrong.Value)
	}
	if err != nil {
		if _, name, ok := strings.Cut(err.Error(), "unknown field "); ok {
			return refuse(codeParameter, "this command has no field %.100s", name)
		}
		return refuse(codeJSON, "the body cannot be read: %v", err)
	}
	return exact(body, into)
}

// field is the last part of a path, which has names of ours in it.
func field(path string) string {
	if path == "" {
		return "the body"
	}
	return path[strings.LastIndex(path, ".")+1:]
}
