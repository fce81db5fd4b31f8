package gift

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// List returns a page of an app's gifts, those that are enabled, with the names of a language: its gifts have size bytes
// of JSON at most, but one gift at least. The error is −1001 for what is no language or cursor.
func (c *Catalogues) List(ctx context.Context, app signaling.AppID, p signaling.GiftListParams, size int) (signaling.GiftListResult, error) {
	if p.Language != "" && !tag.MatchString(strings.ReplaceAll(p.Language, "_", "-")) {
		return signaling.GiftListResult{}, signaling.Errorf(signaling.ErrInvalidParameter.Code, `language is %.40q; it is a language tag such as "en" or "zh-CN", or empty`, p.Language)
	}
	k, err := c.look(ctx, app)
	if err != nil {
		return signaling.GiftListResult{}, err
	}
	if p.Cursor == "" && p.Revision == k.revision {
		return signaling.GiftListResult{Revision: k.revision, Unchanged: true}, nil
	}
	category, place, err := k.at(p.Cursor)
	if err != nil {
		return signaling.GiftListResult{}, err
	}
	return k.page(wanted(p.Language), category, place, size)
}

// at reads a cursor: the revision, the category's number, and of how many of its gifts there has been word. That of an
// older list is the beginning of this one.
func (c *catalogue) at(cursor string) (category, place int, err error) {
	if cursor == "" {
		return 0, 0, nil
	}
	revision, rest, _ := strings.Cut(cursor, "-")
	n, _ := fmt.Sscanf(rest, "%d-%d", &category, &place)
	switch {
	case n != 2 || fmt.Sprintf("%d-%d", category, place) != rest || category < 0 || place < 0:
	case revision != c.revision:
		return 0, 0, nil
	case category < len(c.Categories) && place <= len(c.Categories[category].GiftIDs):
		return category, place, nil
	}
	return 0, 0, signaling.Errorf(signaling.ErrInvalidParameter.Code, "cursor is not what an answer said; begin anew with an empty one")
}

func (c *catalogue) page(want []string, category, place, size int) (signaling.GiftListResult, error) {
	res := signaling.GiftListResult{Revision: c.revision}
	left, gifts := size, 0
	for ; category < len(c.Categories); category, place = category+1, 0 {
		from := &c.Categories[category]
		show := from.show(want, c.Language)
		head, err := json.Marshal(show)
		if err != nil {
			return res, err
		}
		left -= len(head)
		if left < 0 && gifts > 0 {
			res.Next = fmt.Sprintf("%s-%d-%d", c.revision, category, place)
			return res, nil
		}
		for ; place < len(from.GiftIDs); place++ {
			g := c.gifts[from.GiftIDs[place]]
			if g == nil || g.Disabled {
				continue
			}
			info := g.show(want, c.Language)
			one, err := json.Marshal(info)
			if err != nil {
				return res, err
			}
			if left -= len(one); left < 0 && gifts > 0 {
				res.Next = fmt.Sprintf("%s-%d-%d", c.revision, category, place)
				if len(show.GiftList) > 0 {
					res.Categories = append(res.Categories, show)
				}
				return res, nil
			}
			show.GiftList, gifts = append(show.GiftList, info), gifts+1
		}
		res.Categories = append(res.Categories, show)
	}
	return res, nil
}
