package engine

import (
	"context"
	"maps"
	"slices"
	"sync"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// maxGiftPages bounds what a server can make a client read: the largest catalogue has a few pages.
const maxGiftPages = 100

// giftList is the newest list of gifts that this login has fetched.
type giftList struct {
	mu         sync.Mutex // protects what follows; nothing is called while it is held
	language   string
	revision   string
	categories []GiftCategory
}

// FetchGiftList returns what can be sent in the app's rooms (documents: getGiftList, setLanguage): categories and, in each,
// gifts in the app's order, with the names of a language, such as "en" or "zh-CN". Where there are none in it come those of
// the nearest language, then the app's default, which an empty language asks for too.
//
// The list is kept: fetching it again in the same language costs one short message while nothing has changed. What is
// returned is the caller's. A login may ask five times a second, 20 times in a burst ([signaling.ErrFreqLimit]); what is no
// language tag is [ErrInvalidParameter].
func (e *Engine) FetchGiftList(ctx context.Context, language string) ([]GiftCategory, error) {
	list, err := e.fetchGiftList(ctx, language)
	return list, signaling.WithOp("FetchGiftList", err)
}

func (e *Engine) fetchGiftList(ctx context.Context, language string) ([]GiftCategory, error) {
	var had []GiftCategory
	p := signaling.GiftListParams{Language: language}
	g := &e.gifts
	g.mu.Lock()
	if g.language == language {
		had, p.Revision = g.categories, g.revision
	}
	g.mu.Unlock()
	var list []GiftCategory
	revision := ""
	for page := range maxGiftPages {
		var res signaling.GiftListResult
		ask := func() error {
			res = signaling.GiftListResult{}
			return e.call(ctx, signaling.MethodListGifts, p, &res)
		}
		var err error
		if page == 0 {
			err = ask()
		} else {
			err = patiently(ctx, ask)
		}
		if err != nil {
			return nil, err
		}
		if res.Unchanged {
			return copyGifts(had), nil
		}
		if res.Revision != revision { // the first page, or the first of a newer list
			list, revision = nil, res.Revision
		}
		for _, c := range res.Categories {
			if n := len(list); n > 0 && list[n-1].CategoryID == c.CategoryID {
				list[n-1].GiftList = append(list[n-1].GiftList, c.GiftList...)
			} else {
				list = append(list, c)
			}
		}
		if p.Cursor = res.Next; p.Cursor != "" {
			continue
		}
		g.mu.Lock()
		g.language, g.revision, g.categories = language, revision, list
		g.mu.Unlock()
		return copyGifts(list), nil
	}
	return nil, signaling.Errorf(signaling.ErrServer.Code, "the gift list changes while it is read, or never ends; try again")
}

func copyGifts(list []GiftCategory) []GiftCategory {
	list = slices.Clone(list)
	for i := range list {
		list[i].ExtensionInfo = maps.Clone(list[i].ExtensionInfo)
		list[i].GiftList = slices.Clone(list[i].GiftList)
		for j := range list[i].GiftList {
			list[i].GiftList[j].ExtensionInfo = maps.Clone(list[i].GiftList[j].ExtensionInfo)
		}
	}
	return list
}
