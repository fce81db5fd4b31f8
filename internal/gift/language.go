package gift

import (
	"slices"
	"strings"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// Chinese is written in two scripts, and the documents' clients name a country (zh-CN) where their REST API names a script
// (zh-Hans). Each stands for the other.
var (
	simplified  = []string{"zh-hans", "zh-cn", "zh-sg"}
	traditional = []string{"zh-hant", "zh-tw", "zh-hk", "zh-mo"}
)

// wanted returns the tags that serve somebody who asks for a language, best first, in lower case: itself, then with one
// part less at its end, down to the language alone.
func wanted(language string) []string {
	language = strings.ToLower(strings.ReplaceAll(language, "_", "-"))
	var list []string
	add := func(tags ...string) {
		for _, t := range tags {
			if t != "" && !slices.Contains(list, t) {
				list = append(list, t)
			}
		}
	}
	for rest := language; rest != ""; {
		add(rest)
		switch {
		case rest == "zh" || slices.Contains(simplified, rest):
			add(simplified...)
		case slices.Contains(traditional, rest):
			add(traditional...)
		}
		i := strings.LastIndexByte(rest, '-')
		rest = rest[:max(i, 0)]
	}
	return list
}

// in returns the names for the first wanted language that there is. What has none in it is of the default language.
func in(want []string, language string, names Text, languages map[string]Text) Text {
	for _, w := range want {
		if w == strings.ToLower(language) {
			return names
		}
		for name, t := range languages {
			if strings.ToLower(name) != w {
				continue
			}
			if t.Name != "" {
				names.Name = t.Name
			}
			if t.Desc != "" {
				names.Desc = t.Desc
			}
			return names
		}
	}
	return names
}

// show returns a gift as somebody sees it who wants these languages.
func (g *Gift) show(want []string, language string) signaling.GiftInfo {
	info := g.GiftInfo
	t := in(want, language, Text{g.Name, g.Desc}, g.Languages)
	info.Name, info.Desc = t.Name, t.Desc
	return info
}

// show returns a category without its gifts.
func (c *Category) show(want []string, language string) signaling.GiftCategory {
	t := in(want, language, Text{c.Name, c.Desc}, c.Languages)
	return signaling.GiftCategory{CategoryID: c.CategoryID, Name: t.Name, Desc: t.Desc, ExtensionInfo: c.ExtensionInfo, GiftList: []signaling.GiftInfo{}}
}
