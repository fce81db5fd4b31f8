package usersig

import (
	"bytes"
	"encoding/json"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// maxFields is twice what a token has.
const maxFields = 16

type kind int

const (
	kindString kind = iota + 1
	kindNumber
	kindOther // true, false, null
)

// value is one field's: a string without its quotes and escapes, or the text of something else.
type value struct {
	kind kind
	text []byte
}

// fields reads the one flat object that a token's JSON is, and hands over each field. It is stricter than encoding/json
// (no field twice, no nesting, nothing that is no UTF-8, no half of a surrogate pair), and copies nothing: what is
// handed over is part of text, where escapes are resolved in their place. A decoder with buffers of its own costs more
// than a token may. It is JSON as RFC 8259 has it in everything else.
func fields(text []byte, each func(name []byte, v value) bool) bool {
	r := reader{rest: text}
	if !utf8.Valid(text) || !r.take('{') {
		return false
	}
	var names [maxFields][]byte
	for n := 0; !r.take('}'); n++ {
		if n == maxFields || n > 0 && !r.take(',') {
			return false
		}
		name, ok := r.string()
		if !ok || !r.take(':') {
			return false
		}
		v, ok := r.value()
		if !ok {
			return false
		}
		for _, earlier := range names[:n] {
			if bytes.Equal(earlier, name) {
				return false
			}
		}
		names[n] = name
		if !each(name, v) {
			return false
		}
	}
	r.space()
	return len(r.rest) == 0
}

type reader struct{ rest []byte }

func (r *reader) space() { r.rest = bytes.TrimLeft(r.rest, " \t\r\n") }

// take passes over space, and over c if that comes next.
func (r *reader) take(c byte) bool {
	r.space()
	if len(r.rest) == 0 || r.rest[0] != c {
		return false
	}
	r.rest = r.rest[1:]
	return true
}

func (r *reader) value() (value, bool) {
	r.space()
	if len(r.rest) > 0 && r.rest[0] == '"' {
		s, ok := r.string()
		return value{kindString, s}, ok
	}
	end := bytes.IndexAny(r.rest, " \t\r\n,}")
	if end <= 0 || r.rest[0] == '{' || r.rest[0] == '[' || !json.Valid(r.rest[:end]) {
		return value{}, false
	}
	v := value{kindOther, r.rest[:end]}
	if c := v.text[0]; c == '-' || c >= '0' && c <= '9' {
		v.kind = kindNumber
	}
	r.rest = r.rest[end:]
	return v, true
}

// string reads a string. Escapes are resolved where they stand: none is shorter than what it stands for.
func (r *reader) string() ([]byte, bool) {
	if !r.take('"') {
		return nil, false
	}
	out := r.rest[:0]
	for {
		end := bytes.IndexAny(r.rest, `"\`)
		if end < 0 || !plain(r.rest[:end]) {
			return nil, false
		}
		out = append(out, r.rest[:end]...)
		c := r.rest[end]
		r.rest = r.rest[end+1:]
		if c == '"' {
			return out, true
		}
		char, ok := r.escape()
		if !ok {
			return nil, false
		}
		out = utf8.AppendRune(out, char)
	}
}

// plain refuses control characters, which JSON wants escaped.
func plain(s []byte) bool {
	for _, c := range s {
		if c < ' ' {
			return false
		}
	}
	return true
}

// escape reads what comes after a backslash.
func (r *reader) escape() (rune, bool) {
	if len(r.rest) == 0 {
		return 0, false
	}
	c := r.rest[0]
	r.rest = r.rest[1:]
	if c != 'u' {
		i := bytes.IndexByte([]byte(`"\/bfnrt`), c)
		if i < 0 {
			return 0, false
		}
		return rune("\"\\/\b\f\n\r\t"[i]), true
	}
	char, ok := r.hex()
	if !ok || !utf16.IsSurrogate(char) {
		return char, ok
	}
	if len(r.rest) < 2 || r.rest[0] != '\\' || r.rest[1] != 'u' {
		return 0, false
	}
	r.rest = r.rest[2:]
	low, ok := r.hex()
	char = utf16.DecodeRune(char, low)
	return char, ok && char != utf8.RuneError
}

func (r *reader) hex() (rune, bool) {
	if len(r.rest) < 4 {
		return 0, false
	}
	n, err := strconv.ParseUint(string(r.rest[:4]), 16, 16)
	r.rest = r.rest[4:]
	return rune(n), err == nil
}

// appendString writes a string as JSON as the vendor's libraries for JavaScript do: only what must be escaped is.
func appendString(b, s []byte) []byte {
	b = append(b, '"')
	for _, c := range s {
		switch i := bytes.IndexByte([]byte("\"\\\b\f\n\r\t"), c); {
		case i >= 0:
			b = append(b, '\\', `"\bfnrt`[i])
		case c < ' ':
			const digits = "0123456789abcdef"
			b = append(b, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}
