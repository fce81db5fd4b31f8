package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/internal/gift"
)

// The file may be written as YAML or as JSON, with the same words.
func TestGiftsFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "gifts.yaml")
	write := func(text string) options {
		require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		return options{Gifts: file}
	}
	none, err := options{}.gifts()
	require.NoError(t, err)
	require.Nil(t, none)

	c, err := write(`
language: en
gifts:
  - {giftId: "1", name: Rose, coins: 10, iconUrl: /gifts/rose.png, languages: {no: {name: Rose}, zh-Hans: {name: 玫瑰}}}
  - giftId: crown # for the great
    name: Crown
    coins: 520
    extensionInfo: {emoji: 👑}
categories:
  - {categoryId: all, name: All, giftIds: ["1", crown]}
`).gifts()
	require.NoError(t, err)
	require.Equal(t, "玫瑰", c.Gifts[0].Languages["zh-Hans"].Name)
	require.Equal(t, "Rose", c.Gifts[0].Languages["no"].Name, "Norwegian is no truth value")
	require.Equal(t, "👑", c.Gifts[1].ExtensionInfo["emoji"])
	require.Equal(t, []string{"1", "crown"}, c.Categories[0].GiftIDs)

	manual, err := os.ReadFile(filepath.Join("..", "..", "docs", "operating.md"))
	require.NoError(t, err)
	_, example, _ := strings.Cut(string(manual), "### Gifts\n")
	_, example, _ = strings.Cut(example, "```yaml\n")
	example, _, found := strings.Cut(example, "```")
	require.True(t, found)
	c, err = write(example).gifts()
	require.NoError(t, err, "the example of docs/operating.md")
	require.Len(t, c.Gifts, 2)

	text, err := json.Marshal(gift.Default())
	require.NoError(t, err)
	c, err = write(string(text)).gifts()
	require.NoError(t, err)
	require.Equal(t, gift.Default(), *c)

	for text, want := range map[string]string{
		"gifts: [{giftId: 1, name: Rose}]":                         "gifts.giftId cannot be a number",
		"gifts: [{giftId: a, name: Rose, price: 1}]":               `unknown field "price"`,
		"gifts: [{giftId: a, name: Rose, name: Tulip}]":            "already defined",
		"gifts: [{giftId: a, name: ''}]":                           "gifts[0] (a).name: 1 to 60 bytes",
		"gifts: [{giftId: a, name: A, languages: {1: {name: x}}}]": "put those that are numbers or dates into quotes",
		"- a":                            "an object with gifts and categories",
		"":                               "an object with gifts and categories",
		"{":                              "yaml",
		"#" + strings.Repeat("x", 1<<20): "more than 1048576 bytes",
		"categories: [{categoryId: k, name: K, giftIds: [z]}]": `categories[0] (k).giftIds[0]: there is no gift "z"`,
	} {
		_, err := write(text).gifts()
		assert.ErrorContains(t, err, want)
		assert.ErrorContains(t, err, "--gifts "+file)
	}
	_, err = options{Gifts: filepath.Join(t.TempDir(), "none")}.gifts()
	require.ErrorContains(t, err, "no such file")
}
