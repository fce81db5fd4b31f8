package adminapi

import (
	"context"
	"encoding/json"
	"strings"

	"github.com/openvoiceroom/openvoiceroom/internal/gift"
	"github.com/openvoiceroom/openvoiceroom/internal/record"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// An app's gifts, one by one (documents, "Gift system"): gifts, categories, which gift is in which, and their names in
// other languages. What changes here changes the app's own catalogue, which is empty until then.

// giftCommand answers as the documents' examples of gifts do: beside ErrorCode, not in Response.
func giftCommand[P any](f func(*API, context.Context, caller, P) (any, error)) command {
	return handle(10, func(a *API, ctx context.Context, who caller, p P) (any, error) {
		result, err := f(a, ctx, who, p)
		if result == nil || err != nil {
			return nil, giftError(err)
		}
		return beside{result}, nil
	})
}

// restNames are what the catalogue's fields are called here.
var restNames = strings.NewReplacer(
	"gifts[", "GiftList[", "categories[", "CategoryList[", ".giftIds[", ".GiftIdList[", ".giftId:", ".GiftId:", ".categoryId:", ".CategoryId:",
	".name:", ".DefaultName:", ".desc:", ".DefaultDesc:", ".iconUrl:", ".IconUrl:", ".resourceUrl:", ".ResourceUrl:", ".level:", ".Level:",
	".coins:", ".Coins:", ".extensionInfo:", ".ExtensionInfo:", ".extensionInfo.", ".ExtensionInfo.", ".languages", ".LanguageList",
	"gifts:", "GiftList:", "categories:", "CategoryList:", "language:", "Language:", "in gifts", "in GiftList",
)

// giftError says what is wrong with a catalogue in the words of this API.
func giftError(err error) error {
	if code := signaling.CodeOf(err); code != codeParameter && code != codeLimit {
		return err
	}
	_, text := public(err)
	return refuse(signaling.CodeOf(err), "%s", restNames.Replace(text))
}

// extension reads the documents' custom information: JSON in a string, which is an object of texts, as SDKs show it.
func extension(field string, text *string) (map[string]string, error) {
	if text == nil || *text == "" {
		return nil, nil
	}
	var m map[string]string
	if err := json.Unmarshal([]byte(*text), &m); err != nil || m == nil {
		return nil, refuse(codeParameter, `%s is a JSON object of strings, in a string: "{\"key\":\"value\"}"`, field)
	}
	return m, nil
}

func extensionText(m map[string]string) string {
	if len(m) == 0 {
		return ""
	}
	b, err := json.Marshal(m)
	if err != nil {
		return ""
	}
	return string(b)
}

// giftFields are what there is to say of a gift; absent ones stay where it is changed.
type giftFields struct {
	GiftID        *string `json:"GiftId"`
	IconURL       *string `json:"IconUrl"`
	ResourceURL   *string `json:"ResourceUrl"`
	Coins         *int64
	Level         *int
	ExtensionInfo *string
	DefaultName   *string
	DefaultDesc   *string
}

func set[T any](to *T, from *T) {
	if from != nil {
		*to = *from
	}
}

func (p giftFields) apply(g *gift.Gift) error {
	if p.ExtensionInfo != nil {
		ext, err := extension("ExtensionInfo", p.ExtensionInfo)
		if err != nil {
			return err
		}
		g.ExtensionInfo = ext
	}
	set(&g.GiftID, p.GiftID)
	set(&g.IconURL, p.IconURL)
	set(&g.ResourceURL, p.ResourceURL)
	set(&g.Coins, p.Coins)
	set(&g.Level, p.Level)
	set(&g.Name, p.DefaultName)
	set(&g.Desc, p.DefaultDesc)
	return nil
}

func (p giftFields) check() error {
	switch {
	case p.GiftID == nil:
		return missing("GiftId", "up to 20 bytes")
	case p.Coins == nil:
		return missing("Coins", "the price of one")
	case p.DefaultName == nil:
		return missing("DefaultName", "what the gift is called where no language has another name")
	}
	return nil
}

func (a *API) addGift(ctx context.Context, who caller, p giftFields) (any, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	return nil, a.cfg.Gifts.Change(ctx, who.app, func(c *gift.Catalogue) error {
		old := c.Gift(*p.GiftID)
		if old == nil {
			c.Gifts = append(c.Gifts, gift.Gift{})
			old = &c.Gifts[len(c.Gifts)-1]
		}
		old.GiftInfo = signaling.GiftInfo{}
		return p.apply(old)
	})
}

type giftChange struct {
	giftFields
	IsEnabled *bool
}

// changeGift changes a gift that is there.
func (a *API) changeGift(ctx context.Context, who caller, id *string, f func(*gift.Gift) error) error {
	if id == nil {
		return missing("GiftId", "of a gift that the app has added")
	}
	return a.cfg.Gifts.Change(ctx, who.app, func(c *gift.Catalogue) error {
		g := c.Gift(*id)
		if g == nil {
			return noGift(*id)
		}
		return f(g)
	})
}

func noGift(id string) error {
	return refuse(signaling.ErrGiftNotFound.Code, "the app has added no gift %.40q; add it with add_gift", id)
}

func (a *API) editGift(ctx context.Context, who caller, p giftChange) (any, error) {
	return nil, a.changeGift(ctx, who, p.GiftID, func(g *gift.Gift) error {
		if p.IsEnabled != nil {
			g.Disabled = !*p.IsEnabled
		}
		return p.apply(g)
	})
}

type giftIDParams struct {
	GiftID *string `json:"GiftId"`
}

type giftInfo struct {
	GiftID        string `json:"GiftId"`
	IconURL       string `json:"IconUrl"`
	ResourceURL   string `json:"ResourceUrl"`
	Coins         int64
	Level         int
	ExtensionInfo string
	DefaultName   string
	DefaultDesc   string
	IsEnabled     *bool `json:",omitempty"` // ours: only where it is false
}

func infoOfGift(g gift.Gift) giftInfo {
	i := giftInfo{g.GiftID, g.IconURL, g.ResourceURL, g.Coins, g.Level, extensionText(g.ExtensionInfo), g.Name, g.Desc, nil}
	if g.Disabled {
		i.IsEnabled = new(false)
	}
	return i
}

type giftAnswer struct{ GiftInfo giftInfo }

// ownGift returns a gift of the app's own catalogue.
func (a *API) ownGift(ctx context.Context, who caller, id *string) (*gift.Gift, error) {
	if id == nil {
		return nil, missing("GiftId", "of a gift that the app has added")
	}
	c, own, err := a.cfg.Gifts.Get(ctx, who.app)
	if err != nil {
		return nil, err
	}
	if g := c.Gift(*id); own && g != nil {
		return g, nil
	}
	return nil, noGift(*id)
}

func (a *API) getGift(ctx context.Context, who caller, p giftIDParams) (any, error) {
	g, err := a.ownGift(ctx, who, p.GiftID)
	if err != nil {
		return nil, err
	}
	return giftAnswer{infoOfGift(*g)}, nil
}

func (a *API) delGift(ctx context.Context, who caller, p giftIDParams) (any, error) {
	if p.GiftID == nil {
		return nil, missing("GiftId", "of the gift that is to be deleted")
	}
	return nil, a.cfg.Gifts.Change(ctx, who.app, func(c *gift.Catalogue) error {
		if c.Gift(*p.GiftID) == nil {
			return record.ErrKeep // also where the app has nothing of its own: it keeps the server's gifts
		}
		c.Remove(*p.GiftID)
		return nil
	})
}

// copyDefaultGiftConfig gives the app the server's gifts as its own, to be changed one by one.
func (a *API) copyDefaultGiftConfig(ctx context.Context, who caller, _ struct{}) (any, error) {
	return nil, a.cfg.Gifts.Change(ctx, who.app, func(c *gift.Catalogue) error {
		if len(c.Gifts)+len(c.Categories) > 0 {
			return refuse(codeParameter, "the app has gifts or categories of its own already; delete_gift_catalogue of voiceroom_console takes them away")
		}
		*c = a.cfg.Gifts.Standard()
		return nil
	})
}
