package account

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// Codes of refusals (documents, "portrait_set" and "portrait_get").
const (
	CodeParameter signaling.Code = 40001
	CodeUnknown   signaling.Code = 40003 // there is no such account
	CodeTag       signaling.Code = 40009
	CodeTooLong   signaling.Code = 40601
	CodeValue     signaling.Code = 40605
	CodeType      signaling.Code = 40610
)

// MaxValue is how many bytes a text in a profile may have (documents).
const MaxValue = 500

// Tag is the name of a profile's field.
type Tag string

// The fields that every app has. The documents' table names the first four; the others are those of its console and of
// its examples, under the vendor's names.
const (
	TagNick      Tag = "Tag_Profile_IM_Nick"
	TagImage     Tag = "Tag_Profile_IM_Image"
	TagLevel     Tag = "Tag_Profile_IM_Level"
	TagRole      Tag = "Tag_Profile_IM_Role"
	TagGender    Tag = "Tag_Profile_IM_Gender"
	TagBirthDay  Tag = "Tag_Profile_IM_BirthDay"
	TagLocation  Tag = "Tag_Profile_IM_Location"
	TagSignature Tag = "Tag_Profile_IM_SelfSignature"
	TagLanguage  Tag = "Tag_Profile_IM_Language"
	TagAllowType Tag = "Tag_Profile_IM_AllowType"
)

// customPrefix begins the name of a field that an app has declared; its keyword follows.
const customPrefix = "Tag_Profile_Custom_"

// Kind is the type of a field.
type Kind string

// The kinds. A field that an app declares is String or Bytes (documents: it cannot be a number). Both travel as JSON
// strings.
const (
	String Kind = "String"
	Bytes  Kind = "Bytes"
	Uint32 Kind = "Uint32"
)

type definition struct {
	kind    Kind
	oneLine bool     // without control characters, for rooms show it
	among   []string // the only values, where there are such
}

var standard = map[Tag]definition{
	TagNick:      {kind: String, oneLine: true},
	TagImage:     {kind: String, oneLine: true},
	TagLevel:     {kind: Uint32},
	TagRole:      {kind: Uint32},
	TagGender:    {kind: String, among: []string{"Gender_Type_Unknown", "Gender_Type_Female", "Gender_Type_Male"}},
	TagBirthDay:  {kind: Uint32},
	TagLocation:  {kind: String},
	TagSignature: {kind: String},
	TagLanguage:  {kind: Uint32},
	TagAllowType: {kind: String, among: []string{"AllowType_Type_NeedConfirm", "AllowType_Type_AllowAny", "AllowType_Type_DenyAny"}},
}

// StandardTags lists the fields that every app has.
func StandardTags() []Tag { return slices.Sorted(maps.Keys(standard)) }

// Value is what a field holds: a text or a number.
type Value struct {
	text   string
	number uint32
	kind   Kind
}

// Text makes a Value of a text.
func Text(s string) Value { return Value{text: s, kind: String} }

// MarshalJSON implements [json.Marshaler].
func (v Value) MarshalJSON() ([]byte, error) {
	if v.kind == Uint32 {
		return strconv.AppendUint(nil, uint64(v.number), 10), nil
	}
	return json.Marshal(v.text)
}

// UnmarshalJSON implements [json.Unmarshaler].
func (v *Value) UnmarshalJSON(b []byte) error {
	if len(b) > 0 && b[0] == '"' {
		v.kind = String
		return json.Unmarshal(b, &v.text)
	}
	v.kind = Uint32
	return json.Unmarshal(b, &v.number)
}

// Fields are the custom fields of an app, by their keywords.
type Fields map[string]Kind

// Check refuses a name that is no field's.
func (f Fields) Check(tag Tag) error {
	if _, ok := f.definition(tag); !ok {
		return unknownTag(tag)
	}
	return nil
}

// Kind returns the kind of a field, empty for none.
func (f Fields) Kind(tag Tag) Kind {
	d, _ := f.definition(tag)
	return d.kind
}

// Tags lists the custom fields' names.
func (f Fields) Tags() []Tag {
	list := make([]Tag, 0, len(f))
	for _, word := range slices.Sorted(maps.Keys(f)) {
		list = append(list, Tag(customPrefix+word))
	}
	return list
}

func (f Fields) definition(tag Tag) (definition, bool) {
	if d, ok := standard[tag]; ok {
		return d, true
	}
	word, custom := strings.CutPrefix(string(tag), customPrefix)
	kind, declared := f[word]
	return definition{kind: kind}, custom && declared
}

// Parse reads the value of a field as the caller has written it, one JSON value.
func (f Fields) Parse(tag Tag, raw json.RawMessage) (Value, error) {
	d, ok := f.definition(tag)
	if !ok {
		return Value{}, unknownTag(tag)
	}
	if d.kind == Uint32 {
		return parseNumber(tag, raw)
	}
	var s string
	if len(raw) == 0 || raw[0] != '"' || json.Unmarshal(raw, &s) != nil {
		return Value{}, signaling.Errorf(CodeType, "%s is a JSON string", tag)
	}
	v := Text(s)
	return v, d.check(tag, v)
}

// check refuses a text that the field cannot hold.
func (d definition) check(tag Tag, v Value) error {
	switch {
	case len(v.text) > MaxValue:
		return signaling.Errorf(CodeTooLong, "%s has %d bytes; it may have %d", tag, len(v.text), MaxValue)
	case d.oneLine && strings.ContainsFunc(v.text, unicode.IsControl):
		return signaling.Errorf(CodeValue, "%s may not have control characters", tag)
	case d.among != nil && !slices.Contains(d.among, v.text):
		return signaling.Errorf(CodeValue, "%s is one of %s", tag, strings.Join(d.among, ", "))
	}
	return nil
}

func parseNumber(tag Tag, raw json.RawMessage) (Value, error) {
	if len(raw) == 0 || raw[0] != '-' && (raw[0] < '0' || raw[0] > '9') || strings.ContainsAny(string(raw), ".eE") {
		return Value{}, signaling.Errorf(CodeType, "%s is a JSON number without fraction and exponent", tag)
	}
	n, err := strconv.ParseUint(string(raw), 10, 32)
	if err != nil {
		return Value{}, signaling.Errorf(CodeValue, "%s is a number from 0 to 4294967295", tag)
	}
	return Value{number: uint32(n), kind: Uint32}, nil
}

func unknownTag(tag Tag) error {
	return signaling.Errorf(CodeTag, "there is no profile field %.80q; the app's own have to be declared, and are called %s and their keyword", tag, customPrefix)
}
