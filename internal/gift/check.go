package gift

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// Limits of a catalogue. The documents give ids of 20 bytes and addresses of 200 (add_gift); their names of 20 bytes, 16
// gifts and 3 categories are what their packages sell, and are no limits here.
const (
	MaxGifts      = 200
	MaxCategories = 20
	MaxLanguages  = 20        // of one gift or category
	MaxID         = 20        // bytes
	MaxName       = 60        // bytes
	MaxDesc       = 200       // bytes
	MaxURL        = 200       // bytes
	MaxExtension  = 500       // bytes of all keys and values
	MaxLevel      = 1_000_000 // the app's own scale
	MaxCoins      = 1_000_000_000
	MaxBytes      = 200 << 10 // of the whole as JSON: it has to fit into one value of the store
)

// tag is a language tag as BCP 47 has them, but for its private and grandfathered forms.
var tag = regexp.MustCompile(`^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,4}$`)

// checker collects where in a catalogue something is wrong: the first thing counts.
type checker struct{ err error }

func (k *checker) fail(where, format string, args ...any) {
	if k.err == nil {
		k.err = signaling.Errorf(signaling.ErrBadRequest.Code, "%s: %s", where, fmt.Sprintf(format, args...))
	}
}

func (k *checker) text(where, s string, least, most int) {
	if len(s) < least || !signaling.ValidText(s, most) {
		k.fail(where, "%d to %d bytes of UTF-8 without control characters are wanted, not %.80q", least, most, s)
	}
}

func (k *checker) extension(where string, m map[string]string) {
	size := 0
	for _, key := range slices.Sorted(maps.Keys(m)) {
		value := m[key]
		k.text(where, key, 1, MaxExtension)
		k.text(where+"."+key, value, 0, MaxExtension)
		size += len(key) + len(value)
	}
	if size > MaxExtension {
		k.fail(where, "its keys and values have %d bytes; %d are allowed", size, MaxExtension)
	}
}

func (k *checker) languages(where, language string, m map[string]Text) {
	if len(m) > MaxLanguages {
		k.fail(where, "%d languages; %d are allowed", len(m), MaxLanguages)
	}
	seen := map[string]bool{strings.ToLower(language): language != ""}
	for _, name := range slices.Sorted(maps.Keys(m)) {
		t := m[name]
		at := where + "." + name
		k.tag(at, name)
		if seen[strings.ToLower(name)] {
			k.fail(at, "the language is there twice, or is that of the default names")
		}
		seen[strings.ToLower(name)] = true
		k.text(at+".name", t.Name, 0, MaxName)
		k.text(at+".desc", t.Desc, 0, MaxDesc)
	}
}

func (k *checker) tag(where, s string) {
	if !tag.MatchString(s) {
		k.fail(where, `a language tag is wanted, such as "en" or "zh-Hans", not %.40q`, s)
	}
}

// address allows what a client may load: nothing that runs when it is opened. Relative ones begin at the server's own.
func (k *checker) address(where, s string, picture bool) {
	if s == "" {
		return
	}
	if len(s) > MaxURL || !signaling.ValidText(s, MaxURL) {
		k.fail(where, "%d bytes are allowed, without control characters", MaxURL)
		return
	}
	u, err := url.Parse(s)
	switch {
	case picture && strings.HasPrefix(s, "data:image/"):
	case err != nil:
		k.fail(where, "%.80q cannot be read as a URL", s)
	case u.Scheme == "" && u.Host == "" && u.Opaque == "":
	case (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != "" && u.User == nil:
	case picture:
		k.fail(where, "http://, https://, data:image/ or an address relative to the server's is wanted, not %.80q", s)
	default:
		k.fail(where, "http://, https:// or an address relative to the server's is wanted, not %.80q", s)
	}
}

func (k *checker) number(where string, n, most int64) {
	if n < 0 || n > most {
		k.fail(where, "0 to %d is wanted, not %d", most, n)
	}
}

func (k *checker) gift(where, language string, g Gift) {
	k.text(where+".giftId", g.GiftID, 1, MaxID)
	if g.GiftID != "" {
		where += " (" + g.GiftID + ")"
	}
	k.text(where+".name", g.Name, 1, MaxName)
	k.text(where+".desc", g.Desc, 0, MaxDesc)
	k.address(where+".iconUrl", g.IconURL, true)
	k.address(where+".resourceUrl", g.ResourceURL, false)
	k.number(where+".level", int64(g.Level), MaxLevel)
	k.number(where+".coins", g.Coins, MaxCoins)
	k.extension(where+".extensionInfo", g.ExtensionInfo)
	k.languages(where+".languages", language, g.Languages)
}

func (k *checker) category(where, language string, c Category, known map[string]bool) {
	k.text(where+".categoryId", c.CategoryID, 1, MaxID)
	if c.CategoryID != "" {
		where += " (" + c.CategoryID + ")"
	}
	k.text(where+".name", c.Name, 1, MaxName)
	k.text(where+".desc", c.Desc, 0, MaxDesc)
	k.extension(where+".extensionInfo", c.ExtensionInfo)
	k.languages(where+".languages", language, c.Languages)
	seen := map[string]bool{}
	for i, id := range c.GiftIDs {
		at := fmt.Sprintf("%s.giftIds[%d]", where, i)
		switch {
		case !known[id]:
			k.fail(at, "there is no gift %.40q in gifts", id)
		case seen[id]:
			k.fail(at, "the gift %.40q is in this category already", id)
		}
		seen[id] = true
	}
}

// Check refuses what no client could show and no store could keep. The error is an *[signaling.Error] with 100002, or
// 100013 where there is too much of something, that names the field.
func (c *Catalogue) Check() error {
	switch {
	case len(c.Gifts) > MaxGifts:
		return signaling.Errorf(signaling.ErrLimit.Code, "gifts: %d gifts; %d are allowed", len(c.Gifts), MaxGifts)
	case len(c.Categories) > MaxCategories:
		return signaling.Errorf(signaling.ErrLimit.Code, "categories: %d categories; %d are allowed", len(c.Categories), MaxCategories)
	}
	k := &checker{}
	if c.Language != "" {
		k.tag("language", c.Language)
	}
	known := map[string]bool{}
	for i, g := range c.Gifts {
		where := fmt.Sprintf("gifts[%d]", i)
		k.gift(where, c.Language, g)
		if known[g.GiftID] {
			k.fail(where+".giftId", "the gift %.40q is there twice", g.GiftID)
		}
		known[g.GiftID] = true
	}
	seen := map[string]bool{}
	for i, g := range c.Categories {
		where := fmt.Sprintf("categories[%d]", i)
		k.category(where, c.Language, g, known)
		if seen[g.CategoryID] {
			k.fail(where+".categoryId", "the category %.40q is there twice", g.CategoryID)
		}
		seen[g.CategoryID] = true
	}
	if k.err != nil {
		return k.err
	}
	text, err := json.Marshal(c)
	if err == nil && len(text) > MaxBytes {
		err = signaling.Errorf(signaling.ErrLimit.Code, "the catalogue has %d bytes; %d are allowed: shorten descriptions, or take languages out", len(text), MaxBytes)
	}
	return err
}
