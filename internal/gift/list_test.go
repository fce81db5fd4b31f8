package gift_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/internal/gift"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// full asks for all pages and puts them together, as clients do.
func full(t *testing.T, c *gift.Catalogues, language string, size int) (list []signaling.GiftCategory, pages int) {
	t.Helper()
	for p := (signaling.GiftListParams{Language: language}); ; pages++ {
		res, err := c.List(t.Context(), app, p, size)
		require.NoError(t, err)
		for _, k := range res.Categories {
			if n := len(list); n > 0 && list[n-1].CategoryID == k.CategoryID {
				list[n-1].GiftList = append(list[n-1].GiftList, k.GiftList...)
			} else {
				list = append(list, k)
			}
		}
		if p.Cursor = res.Next; p.Cursor == "" {
			return list, pages + 1
		}
	}
}

// Who asks for a language gets the nearest there is.
func TestLanguages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all, _ := nodes(t, 1)
		c := gift.Catalogue{
			Language: "en",
			Gifts: []gift.Gift{{GiftInfo: signaling.GiftInfo{GiftID: "a", Name: "Colored flower", Desc: "of an evening"}, Languages: map[string]gift.Text{
				"en-GB": {Name: "Coloured flower"}, "zh-Hans": {Name: "花", Desc: "简体"}, "zh-TW": {Name: "花", Desc: "繁體"}, "pt": {Name: "flor"}, "sr-Latn": {Name: "cvet"},
			}}},
			Categories: []gift.Category{{CategoryID: "k", Name: "All", GiftIDs: []string{"a"}, Languages: map[string]gift.Text{"pt": {Name: "Tudo"}}}},
		}
		require.NoError(t, all[0].Set(t.Context(), app, c))
		for language, want := range map[string]string{
			"":            "All: Colored flower, of an evening",
			"en":          "All: Colored flower, of an evening",
			"en-US":       "All: Colored flower, of an evening",
			"en-GB":       "All: Coloured flower, of an evening",
			"EN_gb":       "All: Coloured flower, of an evening",
			"zh-Hans":     "All: 花, 简体",
			"zh-CN":       "All: 花, 简体",
			"zh_CN":       "All: 花, 简体",
			"zh-Hans-SG":  "All: 花, 简体",
			"zh":          "All: 花, 简体",
			"zh-Hant":     "All: 花, 繁體",
			"zh-HK":       "All: 花, 繁體",
			"zh-Hant-MO":  "All: 花, 繁體",
			"pt-BR":       "Tudo: flor, of an evening",
			"sr-Latn-RS":  "All: cvet, of an evening",
			"sr":          "All: Colored flower, of an evening",
			"xx-yy-zz-aa": "All: Colored flower, of an evening",
		} {
			list, _ := full(t, all[0], language, 1<<20)
			require.Len(t, list, 1)
			g := list[0].GiftList[0]
			assert.Equal(t, want, list[0].Name+": "+g.Name+", "+g.Desc, language)
		}
		for _, language := range []string{"e", "en-", "en;", "english please", "12"} {
			_, err := all[0].List(t.Context(), app, signaling.GiftListParams{Language: language}, 1<<20)
			assert.ErrorIs(t, err, signaling.ErrInvalidParameter, language)
		}
	})
}

// large is a catalogue of several pages, with a disabled gift, an empty category and a gift in two of them.
func large() gift.Catalogue {
	var c gift.Catalogue
	for k := range 4 {
		cat := gift.Category{CategoryID: fmt.Sprint("k", k), Name: strings.Repeat("<", 60)}
		for i := range 40 * (k % 3) {
			g := gift.Gift{GiftInfo: signaling.GiftInfo{GiftID: fmt.Sprintf("%d-%d", k, i), Name: strings.Repeat("<", 60), Desc: strings.Repeat("x", 100+i)}}
			g.Disabled = i == 7
			c.Gifts = append(c.Gifts, g)
			cat.GiftIDs = append(cat.GiftIDs, g.GiftID)
		}
		c.Categories = append(c.Categories, cat)
	}
	c.Categories[1].GiftIDs = append(c.Categories[1].GiftIDs, "2-0")
	return c
}

// In pages of any size comes the same: each gift of each category once, in its order, none that is disabled.
func TestPages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all, _ := nodes(t, 1)
		c := large()
		require.NoError(t, all[0].Set(t.Context(), app, c))
		whole, pages := full(t, all[0], "", 1<<20)
		require.Equal(t, 1, pages)
		for i, k := range c.Categories {
			var want []string
			for _, id := range k.GiftIDs {
				if !strings.HasSuffix(id, "-7") {
					want = append(want, id)
				}
			}
			var got []string
			for _, g := range whole[i].GiftList {
				got = append(got, g.GiftID)
			}
			require.Equal(t, want, got)
		}
		before := 1
		for _, size := range []int{60 << 10, 20 << 10, 5000, 1} {
			list, pages := full(t, all[0], "", size)
			require.Equal(t, whole, list)
			require.Greater(t, pages, before)
			before = pages
		}
		res, err := all[0].List(t.Context(), app, signaling.GiftListParams{}, 20<<10)
		require.NoError(t, err)
		text, err := json.Marshal(res)
		require.NoError(t, err)
		require.Less(t, len(text), 21<<10)
	})
}

func TestWhoHasItAllIsToldSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all, _ := nodes(t, 2)
		first, err := all[0].List(t.Context(), app, signaling.GiftListParams{}, 1<<20)
		require.NoError(t, err)
		p := signaling.GiftListParams{Revision: first.Revision}
		same, err := all[1].List(t.Context(), app, p, 1<<20)
		require.NoError(t, err)
		require.Equal(t, signaling.GiftListResult{Revision: first.Revision, Unchanged: true}, same, "also at another node")

		require.NoError(t, all[0].Set(t.Context(), app, one("a", 1)))
		synctest.Wait()
		other, err := all[1].List(t.Context(), app, p, 1<<20)
		require.NoError(t, err)
		require.False(t, other.Unchanged)
		require.NotEqual(t, first.Revision, other.Revision)

		require.NoError(t, all[0].Delete(t.Context(), app))
		synctest.Wait()
		again, err := all[1].List(t.Context(), app, p, 1<<20)
		require.NoError(t, err)
		require.True(t, again.Unchanged, "the same gifts have the same revision, whatever came in between")
	})
}

// A list that changes between two pages begins anew.
func TestACursorOfAnOlderListBeginsAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all, _ := nodes(t, 1)
		require.NoError(t, all[0].Set(t.Context(), app, large()))
		first, err := all[0].List(t.Context(), app, signaling.GiftListParams{}, 5000)
		require.NoError(t, err)
		c := large()
		c.Gifts[0].Coins = 99
		require.NoError(t, all[0].Set(t.Context(), app, c))
		second, err := all[0].List(t.Context(), app, signaling.GiftListParams{Cursor: first.Next}, 5000)
		require.NoError(t, err)
		require.NotEqual(t, first.Revision, second.Revision)
		require.EqualValues(t, 99, second.Categories[1].GiftList[0].Coins)

		revision, _, _ := strings.Cut(second.Next, "-")
		for _, cursor := range []string{"x", revision, revision + "-", revision + "-1", revision + "--1-0", revision + "-1-", revision + "-1-2x", revision + "-01-2", revision + "-99-0", revision + "-1-99"} {
			_, err := all[0].List(t.Context(), app, signaling.GiftListParams{Cursor: cursor}, 5000)
			require.ErrorIs(t, err, signaling.ErrInvalidParameter, cursor)
		}
	})
}

func FuzzList(f *testing.F) {
	f.Add("zh-Hans-CN", "0123456789abcdef-1-2")
	f.Fuzz(func(t *testing.T, language, cursor string) {
		synctest.Test(t, func(t *testing.T) {
			all, _ := nodes(t, 1)
			first, err := all[0].List(t.Context(), app, signaling.GiftListParams{}, 1<<20)
			require.NoError(t, err)
			_, rest, _ := strings.Cut(cursor, "-")
			for _, cursor := range []string{cursor, first.Revision + "-" + rest} {
				res, err := all[0].List(t.Context(), app, signaling.GiftListParams{Language: language, Cursor: cursor}, 500)
				if err != nil {
					require.ErrorIs(t, err, signaling.ErrInvalidParameter)
					continue
				}
				require.Equal(t, first.Revision, res.Revision)
			}
		})
	})
}
