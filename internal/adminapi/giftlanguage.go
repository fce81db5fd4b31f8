package adminapi

import (
	"context"

	"github.com/openvoiceroom/openvoiceroom/internal/gift"
	"github.com/openvoiceroom/openvoiceroom/internal/record"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// What gifts and their categories are called in other languages (documents, "Gift system").

func noLanguage() error {
	return missing("Language", "a language tag, such as en or zh-Hans")
}

// rename changes what is given of the names in a language. The first time there has to be a name (documents).
func rename(m *map[string]gift.Text, field, language string, name, desc *string) error {
	t, known := (*m)[language]
	if !known && name == nil {
		return missing(field, "the name in this language, which has none yet")
	}
	set(&t.Name, name)
	set(&t.Desc, desc)
	if *m == nil {
		*m = map[string]gift.Text{}
	}
	(*m)[language] = t
	return nil
}

func named(m map[string]gift.Text, language string) (gift.Text, error) {
	t, known := m[language]
	if !known {
		return t, refuse(signaling.ErrGiftNotFound.Code, "it has no name in the language %.40q", language)
	}
	return t, nil
}

type giftLanguageParams struct {
	GiftID     *string `json:"GiftId"`
	Language   *string
	Name, Desc *string
}

func (a *API) setGiftLanguage(ctx context.Context, who caller, p giftLanguageParams) (any, error) {
	if p.Language == nil {
		return nil, noLanguage()
	}
	return nil, a.changeGift(ctx, who, p.GiftID, func(g *gift.Gift) error {
		return rename(&g.Languages, "Name", *p.Language, p.Name, p.Desc)
	})
}

type giftLanguageID struct {
	GiftID   *string `json:"GiftId"`
	Language *string
}

type giftNames struct{ Name, Desc string }

type giftLanguageAnswer struct{ GiftInfo giftNames }

func (a *API) getGiftLanguage(ctx context.Context, who caller, p giftLanguageID) (any, error) {
	if p.Language == nil {
		return nil, noLanguage()
	}
	g, err := a.ownGift(ctx, who, p.GiftID)
	if err != nil {
		return nil, err
	}
	t, err := named(g.Languages, *p.Language)
	return giftLanguageAnswer{giftNames(t)}, err
}

func (a *API) delGiftLanguage(ctx context.Context, who caller, p giftLanguageID) (any, error) {
	switch {
	case p.Language == nil:
		return nil, noLanguage()
	case p.GiftID == nil:
		return nil, missing("GiftId", "of the gift whose names are to be deleted")
	}
	return nil, a.cfg.Gifts.Change(ctx, who.app, func(c *gift.Catalogue) error {
		g := c.Gift(*p.GiftID)
		if g == nil || !unname(g.Languages, *p.Language) {
			return record.ErrKeep
		}
		return nil
	})
}

// unname reports whether there has been a name.
func unname(m map[string]gift.Text, language string) bool {
	_, known := m[language]
	delete(m, language)
	return known
}

type categoryLanguageParams struct {
	CategoryID                 *string `json:"CategoryId"`
	Language                   *string
	CategoryName, CategoryDesc *string
}

func (a *API) setGiftCategoryLanguage(ctx context.Context, who caller, p categoryLanguageParams) (any, error) {
	if p.Language == nil {
		return nil, noLanguage()
	}
	return nil, a.changeCategory(ctx, who, p.CategoryID, func(_ *gift.Catalogue, k *gift.Category) error {
		return rename(&k.Languages, "CategoryName", *p.Language, p.CategoryName, p.CategoryDesc)
	})
}

type categoryLanguageID struct {
	CategoryID *string `json:"CategoryId"`
	Language   *string
}

type categoryNames struct{ CategoryName, CategoryDesc string }

type categoryLanguageAnswer struct{ CategoryInfo categoryNames }

func (a *API) getGiftCategoryLanguage(ctx context.Context, who caller, p categoryLanguageID) (any, error) {
	if p.Language == nil {
		return nil, noLanguage()
	}
	k, err := a.ownCategory(ctx, who, p.CategoryID)
	if err != nil {
		return nil, err
	}
	t, err := named(k.Languages, *p.Language)
	return categoryLanguageAnswer{categoryNames{t.Name, t.Desc}}, err
}

func (a *API) delGiftCategoryLanguage(ctx context.Context, who caller, p categoryLanguageID) (any, error) {
	switch {
	case p.Language == nil:
		return nil, noLanguage()
	case p.CategoryID == nil:
		return nil, missing("CategoryId", "of the category whose names are to be deleted")
	}
	return nil, a.cfg.Gifts.Change(ctx, who.app, func(c *gift.Catalogue) error {
		k := c.Category(*p.CategoryID)
		if k == nil || !unname(k.Languages, *p.Language) {
			return record.ErrKeep
		}
		return nil
	})
}
