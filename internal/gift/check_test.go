package gift_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/internal/gift"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

func TestTheCatalogueThatShips(t *testing.T) {
	c := gift.Default()
	require.NoError(t, c.Check())
	require.Len(t, c.Gifts, 8)
	require.Len(t, c.Categories, 3)
	listed := 0
	for _, k := range c.Categories {
		listed += len(k.GiftIDs)
		require.NotEmpty(t, k.Languages["zh-Hans"].Name, k.CategoryID)
	}
	require.Equal(t, len(c.Gifts), listed, "each is in one category")
	for _, g := range c.Gifts {
		require.Positive(t, g.Coins, g.GiftID)
		require.NotEmpty(t, g.Languages["zh-Hans"].Name, g.GiftID)
		require.NotEmpty(t, g.ExtensionInfo["emoji"], "a terminal shows no picture")
		require.Contains(t, g.IconURL, g.ExtensionInfo["emoji"], "the picture is the emoji, drawn by whoever shows it")
	}
}

// Each row changes one thing of a good catalogue; the error names it.
func TestCheckNamesTheField(t *testing.T) {
	long := func(n int) string { return strings.Repeat("x", n) }
	for name, row := range map[string]struct {
		change func(c *gift.Catalogue)
		want   string
	}{
		"no gift id":           {func(c *gift.Catalogue) { c.Gifts[1].GiftID = "" }, "gifts[1].giftId: 1 to 20 bytes"},
		"a long gift id":       {func(c *gift.Catalogue) { c.Gifts[0].GiftID = long(21) }, "gifts[0].giftId: 1 to 20 bytes"},
		"two gifts of one id":  {func(c *gift.Catalogue) { c.Gifts[1].GiftID = "a" }, `gifts[1].giftId: the gift "a" is there twice`},
		"no name":              {func(c *gift.Catalogue) { c.Gifts[0].Name = "" }, "gifts[0] (a).name: 1 to 60 bytes"},
		"a long name":          {func(c *gift.Catalogue) { c.Gifts[0].Name = long(61) }, "gifts[0] (a).name: 1 to 60 bytes"},
		"a control character":  {func(c *gift.Catalogue) { c.Gifts[0].Desc = "a\nb" }, "gifts[0] (a).desc: 0 to 200 bytes of UTF-8 without control characters"},
		"a script as picture":  {func(c *gift.Catalogue) { c.Gifts[0].IconURL = "javascript:alert(1)" }, "gifts[0] (a).iconUrl: http://"},
		"a page as picture":    {func(c *gift.Catalogue) { c.Gifts[0].IconURL = "data:text/html,x" }, "gifts[0] (a).iconUrl: http://"},
		"another host":         {func(c *gift.Catalogue) { c.Gifts[0].IconURL = "//example.org/x.png" }, "gifts[0] (a).iconUrl: http://"},
		"a data animation":     {func(c *gift.Catalogue) { c.Gifts[0].ResourceURL = "data:image/png,x" }, "gifts[0] (a).resourceUrl: http://"},
		"a long address":       {func(c *gift.Catalogue) { c.Gifts[0].ResourceURL = "/" + long(200) }, "gifts[0] (a).resourceUrl: 200 bytes"},
		"a negative price":     {func(c *gift.Catalogue) { c.Gifts[0].Coins = -1 }, "gifts[0] (a).coins: 0 to 1000000000"},
		"too high a price":     {func(c *gift.Catalogue) { c.Gifts[0].Coins = gift.MaxCoins + 1 }, "gifts[0] (a).coins: 0 to 1000000000"},
		"a negative level":     {func(c *gift.Catalogue) { c.Gifts[0].Level = -1 }, "gifts[0] (a).level: 0 to 1000000"},
		"much extension":       {func(c *gift.Catalogue) { c.Gifts[0].ExtensionInfo = map[string]string{"k": long(500)} }, "gifts[0] (a).extensionInfo: its keys and values have 501 bytes"},
		"an empty key":         {func(c *gift.Catalogue) { c.Gifts[0].ExtensionInfo = map[string]string{"": "x"} }, "gifts[0] (a).extensionInfo: 1 to 500 bytes"},
		"no language tag":      {func(c *gift.Catalogue) { c.Gifts[0].Languages = map[string]gift.Text{"?": {}} }, "gifts[0] (a).languages.?: a language tag"},
		"the default again":    {func(c *gift.Catalogue) { c.Gifts[0].Languages = map[string]gift.Text{"EN": {}} }, "gifts[0] (a).languages.EN: the language is there twice"},
		"a language twice":     {func(c *gift.Catalogue) { c.Gifts[0].Languages = map[string]gift.Text{"de": {}, "DE": {}} }, "gifts[0] (a).languages.de: the language is there twice"},
		"a long name in it":    {func(c *gift.Catalogue) { c.Gifts[0].Languages = map[string]gift.Text{"de": {Name: long(61)}} }, "gifts[0] (a).languages.de.name: 0 to 60"},
		"many languages":       {func(c *gift.Catalogue) { c.Gifts[0].Languages = languages(21) }, "gifts[0] (a).languages: 21 languages; 20"},
		"the catalogue's own":  {func(c *gift.Catalogue) { c.Language = "-" }, "language: a language tag"},
		"no category id":       {func(c *gift.Catalogue) { c.Categories[0].CategoryID = "" }, "categories[0].categoryId: 1 to 20"},
		"no category name":     {func(c *gift.Catalogue) { c.Categories[0].Name = "" }, "categories[0] (k).name: 1 to 60"},
		"a gift that is not":   {func(c *gift.Catalogue) { c.Categories[0].GiftIDs = []string{"a", "z"} }, `categories[0] (k).giftIds[1]: there is no gift "z"`},
		"a gift twice in it":   {func(c *gift.Catalogue) { c.Categories[0].GiftIDs = []string{"a", "a"} }, `categories[0] (k).giftIds[1]: the gift "a" is in this category already`},
		"two of one id":        {func(c *gift.Catalogue) { c.Categories = append(c.Categories, c.Categories[0]) }, `categories[1].categoryId: the category "k" is there twice`},
		"category's extension": {func(c *gift.Catalogue) { c.Categories[0].ExtensionInfo = map[string]string{"k": long(500)} }, "categories[0] (k).extensionInfo: its"},
	} {
		t.Run(name, func(t *testing.T) {
			c := good()
			require.NoError(t, c.Check())
			row.change(&c)
			err := c.Check()
			require.ErrorIs(t, err, signaling.ErrBadRequest)
			require.ErrorContains(t, err, row.want)
		})
	}
}

func good() gift.Catalogue {
	return gift.Catalogue{
		Language: "en",
		Gifts: []gift.Gift{
			{GiftInfo: signaling.GiftInfo{GiftID: "a", Name: "A", IconURL: "https://example.org/a.png", ResourceURL: "gifts/a.svga"}},
			{GiftInfo: signaling.GiftInfo{GiftID: "b", Name: "B", IconURL: "/gifts/b.png", Coins: gift.MaxCoins}},
		},
		Categories: []gift.Category{{CategoryID: "k", Name: "K", GiftIDs: []string{"b", "a"}}},
	}
}

func languages(n int) map[string]gift.Text {
	m := map[string]gift.Text{}
	for i := range n {
		m[fmt.Sprintf("x%c", 'a'+i)] = gift.Text{Name: strings.Repeat("n", gift.MaxName), Desc: strings.Repeat("d", gift.MaxDesc)}
	}
	return m
}

func TestLimitsHaveACodeOfTheirOwn(t *testing.T) {
	many := gift.Catalogue{Gifts: make([]gift.Gift, gift.MaxGifts+1)}
	require.ErrorIs(t, many.Check(), signaling.ErrLimit)
	many = gift.Catalogue{Categories: make([]gift.Category, gift.MaxCategories+1)}
	require.ErrorIs(t, many.Check(), signaling.ErrLimit)

	var c gift.Catalogue
	for i := range gift.MaxGifts {
		g := gift.Gift{GiftInfo: signaling.GiftInfo{GiftID: fmt.Sprint(i), Name: "x"}}
		if i < 50 {
			g.Languages = languages(gift.MaxLanguages)
		}
		c.Gifts = append(c.Gifts, g)
	}
	err := c.Check()
	require.ErrorIs(t, err, signaling.ErrLimit)
	require.ErrorContains(t, err, "the catalogue has")
}

func TestParse(t *testing.T) {
	c, err := gift.Parse([]byte(`{"gifts":[{"giftId":"a","name":"A","coins":3,"languages":{"zh-Hans":{"name":"甲"}}}],"categories":[{"categoryId":"k","name":"K","giftIds":["a"]}]}`))
	require.NoError(t, err)
	require.Equal(t, "甲", c.Gifts[0].Languages["zh-Hans"].Name)
	require.EqualValues(t, 3, c.Gifts[0].Coins)
	for text, want := range map[string]string{
		`{"gifts":[{"giftId":1}]}`:             "giftId",
		`{"gifts":[{"giftId":"a","prise":1}]}`: "prise",
		`{"gifts":[{"giftId":"a","name":""}]}`: "gifts[0] (a).name",
		`{}{}`:                                 "behind",
		`[]`:                                   "array",
		`{"gifts":[{"giftId":"a","coins":"10"}]}`: "coins",
	} {
		_, err := gift.Parse([]byte(text))
		assert.ErrorIs(t, err, signaling.ErrBadRequest, text)
		assert.ErrorContains(t, err, want, text)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"language":"en","gifts":[{"giftId":"a","name":"A","coins":3,"extensionInfo":{"k":"v"},"languages":{"zh-Hans":{"name":"甲"}}}],"categories":[{"categoryId":"k","name":"K","giftIds":["a"]}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := gift.Parse(text)
		if err != nil {
			require.NotZero(t, signaling.CodeOf(err))
			return
		}
		again, err := json.Marshal(c)
		require.NoError(t, err)
		same, err := gift.Parse(again)
		require.NoError(t, err, "what is stored can be read")
		twice, err := json.Marshal(same)
		require.NoError(t, err)
		require.Equal(t, string(again), string(twice))
	})
}
