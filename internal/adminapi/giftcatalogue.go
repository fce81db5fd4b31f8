package adminapi

import (
	"context"
	"maps"
	"slices"

	"github.com/openvoiceroom/openvoiceroom/internal/gift"
)

// The whole catalogue at once, which the documents do not have.

// maxCatalogueBody is above what the largest catalogue has with the names of this API.
const maxCatalogueBody = 512 << 10

func catalogueCommand[P any](f func(*API, context.Context, caller, P) (any, error)) command {
	c := handle(10, f)
	c.body = maxCatalogueBody
	return c
}

type languageItem struct {
	Language   *string
	Name, Desc string
}

type catalogueGift struct {
	giftFields
	IsEnabled    *bool
	LanguageList []languageItem
}

type catalogueCategory struct {
	CategoryID    *string `json:"CategoryId"`
	DefaultName   *string
	DefaultDesc   string
	ExtensionInfo *string
	LanguageList  []languageItem
	GiftIDList    []string `json:"GiftIdList"`
}

type catalogueParams struct {
	Language     string
	GiftList     []catalogueGift
	CategoryList []catalogueCategory
}

func languagesOf(where string, list []languageItem) (map[string]gift.Text, error) {
	var m map[string]gift.Text
	for _, l := range list {
		if l.Language == nil {
			return nil, missing(where+".LanguageList.Language", "a language tag, such as en or zh-Hans")
		}
		if _, twice := m[*l.Language]; twice {
			return nil, refuse(codeParameter, "%s.LanguageList has %.40q twice", where, *l.Language)
		}
		if m == nil {
			m = map[string]gift.Text{}
		}
		m[*l.Language] = gift.Text{Name: l.Name, Desc: l.Desc}
	}
	return m, nil
}

func (p catalogueParams) catalogue() (c gift.Catalogue, err error) {
	c.Language = p.Language
	for _, from := range p.GiftList {
		if err := from.check(); err != nil {
			return c, err
		}
		var g gift.Gift
		if err := from.apply(&g); err != nil {
			return c, err
		}
		g.Disabled = from.IsEnabled != nil && !*from.IsEnabled
		if g.Languages, err = languagesOf("GiftList", from.LanguageList); err != nil {
			return c, err
		}
		c.Gifts = append(c.Gifts, g)
	}
	for _, from := range p.CategoryList {
		if from.CategoryID == nil || from.DefaultName == nil {
			return c, missing("CategoryList", "each of its objects has CategoryId and DefaultName")
		}
		k := gift.Category{CategoryID: *from.CategoryID, Name: *from.DefaultName, Desc: from.DefaultDesc, GiftIDs: from.GiftIDList}
		if k.ExtensionInfo, err = extension("ExtensionInfo", from.ExtensionInfo); err != nil {
			return c, err
		}
		if k.Languages, err = languagesOf("CategoryList", from.LanguageList); err != nil {
			return c, err
		}
		c.Categories = append(c.Categories, k)
	}
	return c, nil
}

func (a *API) setGiftCatalogue(ctx context.Context, who caller, p catalogueParams) (any, error) {
	if p.GiftList == nil {
		return nil, missing("GiftList", "all gifts of the app; [] for none")
	}
	if p.CategoryList == nil {
		return nil, missing("CategoryList", "all categories of the app, in their order; [] for none")
	}
	c, err := p.catalogue()
	if err != nil {
		return nil, err
	}
	return nil, giftError(a.cfg.Gifts.Set(ctx, who.app, c))
}

type languageAnswer struct {
	Language   string
	Name, Desc string
}

type catalogueAnswer struct {
	IsOwn        bool
	Language     string
	GiftList     []catalogueGiftAnswer
	CategoryList []catalogueCategoryAnswer
}

type catalogueGiftAnswer struct {
	giftInfo
	LanguageList []languageAnswer
}

type catalogueCategoryAnswer struct {
	CategoryID    string `json:"CategoryId"`
	DefaultName   string
	DefaultDesc   string
	ExtensionInfo string
	LanguageList  []languageAnswer
	GiftIDList    []string `json:"GiftIdList"`
}

func languagesAnswer(m map[string]gift.Text) []languageAnswer {
	list := []languageAnswer{}
	for _, name := range slices.Sorted(maps.Keys(m)) {
		list = append(list, languageAnswer{name, m[name].Name, m[name].Desc})
	}
	return list
}

func (a *API) getGiftCatalogue(ctx context.Context, who caller, _ struct{}) (any, error) {
	c, own, err := a.cfg.Gifts.Get(ctx, who.app)
	if err != nil {
		return nil, err
	}
	ans := catalogueAnswer{IsOwn: own, Language: c.Language, GiftList: []catalogueGiftAnswer{}, CategoryList: []catalogueCategoryAnswer{}}
	for _, g := range c.Gifts {
		ans.GiftList = append(ans.GiftList, catalogueGiftAnswer{infoOfGift(g), languagesAnswer(g.Languages)})
	}
	for _, k := range c.Categories {
		ans.CategoryList = append(ans.CategoryList, catalogueCategoryAnswer{
			k.CategoryID, k.Name, k.Desc, extensionText(k.ExtensionInfo), languagesAnswer(k.Languages), append([]string{}, k.GiftIDs...),
		})
	}
	return ans, nil
}

func (a *API) deleteGiftCatalogue(ctx context.Context, who caller, _ struct{}) (any, error) {
	return nil, a.cfg.Gifts.Delete(ctx, who.app)
}
