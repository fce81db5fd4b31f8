package adminapi

import (
	"bytes"
	"encoding/json"
	"errors"
	"maps"
	"reflect"
	"strconv"
	"strings"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// exact refuses what encoding/json passes over in a body that it could decode: a name that is written in another case, a
// field that comes twice, of which the last would count, and a null in a list, which would become "" or 0. The caller
// means something by each of them, and would get something else.
func exact(body []byte, into any) error {
	if halfSurrogate(body) {
		return refuse(codeJSON, "the body has half a surrogate pair (\\ud800 to \\udfff): that is no character")
	}
	d := json.NewDecoder(bytes.NewReader(body))
	d.UseNumber() // whatever its size
	first, err := d.Token()
	if err == nil {
		err = walk(d, first, reflect.TypeOf(into))
	}
	if _, refused := errors.AsType[*signaling.Error](err); err != nil && !refused {
		return refuse(codeJSON, "the body cannot be read: %v", err) // encoding/json could read it before
	}
	return err
}

// walk goes through a value that begins with a token. A type that says nothing about fields leaves their names free.
func walk(d *json.Decoder, begin json.Token, typ reflect.Type) error {
	for typ != nil && typ.Kind() == reflect.Pointer {
		typ = typ.Elem()
	}
	switch begin {
	case json.Delim('{'):
		return walkObject(d, typ)
	case json.Delim('['):
		var element reflect.Type
		if typ != nil && typ.Kind() == reflect.Slice && typ != reflect.TypeFor[json.RawMessage]() {
			element = typ.Elem()
		}
		for d.More() {
			next, err := d.Token()
			if err != nil {
				return err
			}
			if next == nil && element != nil {
				return refuse(codeParameter, "a list has null in it")
			}
			if err := walk(d, next, element); err != nil {
				return err
			}
		}
		_, err := d.Token()
		return err
	}
	return nil
}

func walkObject(d *json.Decoder, typ reflect.Type) error {
	var known map[string]reflect.Type
	if typ != nil && typ.Kind() == reflect.Struct {
		known = fieldsOf(typ)
	}
	seen := map[string]bool{}
	for d.More() {
		token, err := d.Token()
		if err != nil {
			return err
		}
		name, _ := token.(string)
		if seen[name] {
			return refuse(codeParameter, "%.100q comes twice", name)
		}
		seen[name] = true
		field, ok := known[name]
		if known != nil && !ok {
			return refuse(codeParameter, "this command has no field %.100q", name)
		}
		value, err := d.Token()
		if err != nil {
			return err
		}
		if err := walk(d, value, field); err != nil {
			return err
		}
	}
	_, err := d.Token()
	return err
}

// fieldsOf returns the fields of an object by the names that encoding/json has for them.
func fieldsOf(typ reflect.Type) map[string]reflect.Type {
	list := map[string]reflect.Type{}
	for f := range typ.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && name == "":
			maps.Copy(list, fieldsOf(f.Type))
		case name != "":
			list[name] = f.Type
		default:
			list[f.Name] = f.Type
		}
	}
	return list
}

// halfSurrogate tells whether valid JSON has an escape of a surrogate that is not one of a pair. encoding/json makes
// U+FFFD of each, so two names that differ would become one.
func halfSurrogate(body []byte) bool {
	for i := 0; i < len(body); i++ {
		if body[i] != '\\' {
			continue
		}
		i++ // what is escaped is no backslash of an escape
		if body[i] != 'u' {
			continue
		}
		switch unit := escaped(body[i+1:]); {
		case unit >= 0xDC00 && unit <= 0xDFFF:
			return true
		case unit >= 0xD800 && unit <= 0xDBFF:
			rest := body[i+5:]
			if len(rest) < 6 || rest[0] != '\\' || rest[1] != 'u' {
				return true
			}
			if low := escaped(rest[2:]); low < 0xDC00 || low > 0xDFFF {
				return true
			}
			i += 6
		}
	}
	return false
}

// escaped reads the four digits of an escape.
func escaped(digits []byte) uint64 {
	n, err := strconv.ParseUint(string(digits[:4]), 16, 16)
	if err != nil {
		return 0 // not in valid JSON
	}
	return n
}
