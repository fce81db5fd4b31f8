package adminapi

import (
	"context"
	"slices"

	"github.com/openvoiceroom/openvoiceroom/internal/gift"
	"github.com/openvoiceroom/openvoiceroom/internal/record"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// Categories of gifts, and which gift is in which (documents, "Gift system").

type categoryFields struct {
	CategoryID    *string `json:"CategoryId"`
	ExtensionInfo *string
	DefaultName   *string
	DefaultDesc   *string
}

func (p categoryFields) apply(k *gift.Category) error {
	if p.ExtensionInfo != nil {
		ext, err := extension("ExtensionInfo", p.ExtensionInfo)
		if err != nil {
			return err
		}
		k.ExtensionInfo = ext
	}
	set(&k.CategoryID, p.CategoryID)
	set(&k.Name, p.DefaultName)
	set(&k.Desc, p.DefaultDesc)
	return nil
}

func (a *API) addGiftCategory(ctx context.Context, who caller, p categoryFields) (any, error) {
	switch {
	case p.CategoryID == nil:
		return nil, missing("CategoryId", "up to 20 bytes")
	case p.DefaultName == nil:
		return nil, missing("DefaultName", "what the category is called where no language has another name")
	}
	return nil, a.cfg.Gifts.Change(ctx, who.app, func(c *gift.Catalogue) error {
		k := c.Category(*p.CategoryID)
		if k == nil {
			c.Categories = append(c.Categories, gift.Category{})
			k = &c.Categories[len(c.Categories)-1]
		}
		k.Desc, k.ExtensionInfo = "", nil
		return p.apply(k)
	})
}

func noCategory(id string) error {
	return refuse(signaling.ErrGiftNotFound.Code, "the app has added no category %.40q; add it with add_gift_category", id)
}

// changeCategory changes a category that is there.
func (a *API) changeCategory(ctx context.Context, who caller, id *string, f func(*gift.Catalogue, *gift.Category) error) error {
	if id == nil {
		return missing("CategoryId", "of a category that the app has added")
	}
	return a.cfg.Gifts.Change(ctx, who.app, func(c *gift.Catalogue) error {
		k := c.Category(*id)
		if k == nil {
			return noCategory(*id)
		}
		return f(c, k)
	})
}

// ownCategory returns a category of the app's own catalogue.
func (a *API) ownCategory(ctx context.Context, who caller, id *string) (*gift.Category, error) {
	if id == nil {
		return nil, missing("CategoryId", "of a category that the app has added")
	}
	c, own, err := a.cfg.Gifts.Get(ctx, who.app)
	if err != nil {
		return nil, err
	}
	if k := c.Category(*id); own && k != nil {
		return k, nil
	}
	return nil, noCategory(*id)
}

func (a *API) editGiftCategory(ctx context.Context, who caller, p categoryFields) (any, error) {
	return nil, a.changeCategory(ctx, who, p.CategoryID, func(_ *gift.Catalogue, k *gift.Category) error { return p.apply(k) })
}

type categoryIDParams struct {
	CategoryID *string `json:"CategoryId"`
}

type categoryInfo struct {
	CategoryID    string `json:"CategoryId"`
	ExtensionInfo string
	DefaultName   string
	DefaultDesc   string
}

type categoryAnswer struct{ GiftCategoryInfo categoryInfo }

func (a *API) getGiftCategory(ctx context.Context, who caller, p categoryIDParams) (any, error) {
	k, err := a.ownCategory(ctx, who, p.CategoryID)
	if err != nil {
		return nil, err
	}
	return categoryAnswer{categoryInfo{k.CategoryID, extensionText(k.ExtensionInfo), k.Name, k.Desc}}, nil
}

func (a *API) delGiftCategory(ctx context.Context, who caller, p categoryIDParams) (any, error) {
	if p.CategoryID == nil {
		return nil, missing("CategoryId", "of the category that is to be deleted")
	}
	return nil, a.cfg.Gifts.Change(ctx, who.app, func(c *gift.Catalogue) error {
		if c.Category(*p.CategoryID) == nil {
			return record.ErrKeep
		}
		c.Categories = slices.DeleteFunc(c.Categories, func(k gift.Category) bool { return k.CategoryID == *p.CategoryID })
		return nil
	})
}

type relationParams struct {
	CategoryID *string  `json:"CategoryId"`
	GiftIDList []string `json:"GiftIdList"`
}

func (p relationParams) check() error {
	if len(p.GiftIDList) == 0 {
		return missing("GiftIdList", "one gift at least")
	}
	return nil
}

type relationsAdded struct {
	InvalidGiftIDList []string `json:"InvalidGiftIdList,omitempty"`
}

// addGiftCategoryRelations puts gifts behind those that are in the category. Gifts that there are not are named.
func (a *API) addGiftCategoryRelations(ctx context.Context, who caller, p relationParams) (any, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	var ans relationsAdded
	err := a.changeCategory(ctx, who, p.CategoryID, func(c *gift.Catalogue, k *gift.Category) error {
		ans = relationsAdded{}
		for _, id := range p.GiftIDList {
			switch {
			case c.Gift(id) == nil:
				ans.InvalidGiftIDList = append(ans.InvalidGiftIDList, id)
			case !slices.Contains(k.GiftIDs, id):
				k.GiftIDs = append(k.GiftIDs, id)
			}
		}
		return nil
	})
	return ans, err
}

func (a *API) delGiftCategoryRelations(ctx context.Context, who caller, p relationParams) (any, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	return nil, a.changeCategory(ctx, who, p.CategoryID, func(_ *gift.Catalogue, k *gift.Category) error {
		k.GiftIDs = slices.DeleteFunc(k.GiftIDs, func(id string) bool { return slices.Contains(p.GiftIDList, id) })
		return nil
	})
}

type relation struct {
	CategoryID string   `json:"CategoryId"`
	GiftIDList []string `json:"GiftIdList"`
}

type relationAnswer struct{ Relation relation }

func (a *API) getGiftCategoryRelations(ctx context.Context, who caller, p categoryIDParams) (any, error) {
	k, err := a.ownCategory(ctx, who, p.CategoryID)
	if err != nil {
		return nil, err
	}
	return relationAnswer{relation{k.CategoryID, append([]string{}, k.GiftIDs...)}}, nil
}
