package gift

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// Text is what a gift or a category is called in a language. What is empty is that of the default language.
type Text struct {
	Name string `json:"name,omitempty"`
	Desc string `json:"desc,omitempty"`
}

// Gift is a gift with its names in all languages; those of the GiftInfo are the default.
type Gift struct {
	signaling.GiftInfo
	Disabled  bool            `json:"disabled,omitempty"` // neither listed nor sent, until it is enabled again
	Languages map[string]Text `json:"languages,omitempty"`
}

// Category is a category with its names in all languages and the gifts in it, in their order.
type Category struct {
	CategoryID    string            `json:"categoryId"`
	Name          string            `json:"name"`
	Desc          string            `json:"desc,omitempty"`
	ExtensionInfo map[string]string `json:"extensionInfo,omitempty"`
	Languages     map[string]Text   `json:"languages,omitempty"`
	GiftIDs       []string          `json:"giftIds,omitempty"`
}

// Catalogue is all gifts of an app. Gifts in no category can be sent, and are not listed.
type Catalogue struct {
	Language   string     `json:"language,omitempty"` // of the default names: a language tag, or empty
	Gifts      []Gift     `json:"gifts,omitempty"`
	Categories []Category `json:"categories,omitempty"` // in their order
}

//go:embed default.json
var defaultJSON []byte

// Default returns the catalogue that ships with the server.
func Default() Catalogue {
	c, err := Parse(defaultJSON)
	if err != nil {
		return Catalogue{} // a test parses it
	}
	return c
}

// Parse reads a catalogue, the JSON of [Catalogue], and checks it. The error is an *[signaling.Error] with 100002 that
// names the field.
func Parse(text []byte) (Catalogue, error) {
	bad := func(format string, args ...any) (Catalogue, error) {
		return Catalogue{}, signaling.Errorf(signaling.ErrBadRequest.Code, format, args...)
	}
	var c Catalogue
	in := json.NewDecoder(bytes.NewReader(text))
	in.DisallowUnknownFields()
	if err := in.Decode(&c); err != nil {
		if wrong, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && wrong.Field != "" {
			return bad("%s cannot be a %s", strings.ReplaceAll(wrong.Field, "GiftInfo.", ""), wrong.Value)
		}
		return bad("%s", strings.TrimPrefix(err.Error(), "json: "))
	}
	if _, err := in.Token(); !errors.Is(err, io.EOF) {
		return bad("there is something behind the catalogue")
	}
	return c, c.Check()
}

// Gift returns a gift of the catalogue, to be changed in place, or nil.
func (c *Catalogue) Gift(id string) *Gift {
	if i := slices.IndexFunc(c.Gifts, func(g Gift) bool { return g.GiftID == id }); i >= 0 {
		return &c.Gifts[i]
	}
	return nil
}

// Category returns a category of the catalogue, to be changed in place, or nil.
func (c *Catalogue) Category(id string) *Category {
	if i := slices.IndexFunc(c.Categories, func(g Category) bool { return g.CategoryID == id }); i >= 0 {
		return &c.Categories[i]
	}
	return nil
}

// Remove takes a gift out, also out of its categories. One that is not there is no error.
func (c *Catalogue) Remove(id string) {
	c.Gifts = slices.DeleteFunc(c.Gifts, func(g Gift) bool { return g.GiftID == id })
	for i := range c.Categories {
		c.Categories[i].GiftIDs = slices.DeleteFunc(c.Categories[i].GiftIDs, func(g string) bool { return g == id })
	}
}

// clone returns a copy that shares nothing that is changed in place.
func (c *Catalogue) clone() Catalogue {
	out := Catalogue{Language: c.Language, Gifts: slices.Clone(c.Gifts), Categories: slices.Clone(c.Categories)}
	for i := range out.Gifts {
		g := &out.Gifts[i]
		g.ExtensionInfo, g.Languages = maps.Clone(g.ExtensionInfo), maps.Clone(g.Languages)
	}
	for i := range out.Categories {
		k := &out.Categories[i]
		k.ExtensionInfo, k.Languages, k.GiftIDs = maps.Clone(k.ExtensionInfo), maps.Clone(k.Languages), slices.Clone(k.GiftIDs)
	}
	return out
}

// revision is a short name of the catalogue's content: the same on every node, whatever has been stored and deleted before.
func (c *Catalogue) revision() string {
	text, err := json.Marshal(c)
	if err != nil {
		return ""
	}
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:8])
}
