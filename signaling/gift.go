package signaling

// GiftInfo is a gift as a client shows it, with the names of one language (documents: GiftInfo).
type GiftInfo struct {
	GiftID        string            `json:"giftId"` // 1 to 20 bytes
	Name          string            `json:"name"`
	Desc          string            `json:"desc,omitempty"`
	IconURL       string            `json:"iconUrl,omitempty"`     // a picture: http, https, data:image/, or relative to the server's address
	ResourceURL   string            `json:"resourceUrl,omitempty"` // an animation: http, https, or relative to the server's address
	Level         int               `json:"level,omitempty"`       // the app's own: how much is to be made of it
	Coins         int64             `json:"coins"`                 // the price of one
	ExtensionInfo map[string]string `json:"extensionInfo,omitempty"`
}

// GiftCategory is some gifts of an app, in the order in which they are to be shown (documents: GiftCategory). A gift may be
// in several categories.
type GiftCategory struct {
	CategoryID    string            `json:"categoryId"` // 1 to 20 bytes
	Name          string            `json:"name"`
	Desc          string            `json:"desc,omitempty"`
	ExtensionInfo map[string]string `json:"extensionInfo,omitempty"`
	GiftList      []GiftInfo        `json:"giftList"`
}

// GiftListParams asks for the app's gifts.
type GiftListParams struct {
	Language string `json:"language,omitempty"` // a language tag, such as "en" or "zh-CN"; empty: the catalogue's default
	Revision string `json:"revision,omitempty"` // of what the client has in this language; the gifts come only if they are others
	Cursor   string `json:"cursor,omitempty"`   // the former page's next
}

// GiftListResult is one page. Its first category may go on that of the page before. A page of another revision than the
// one before it is the first of a newer list.
type GiftListResult struct {
	Revision   string         `json:"revision"`
	Unchanged  bool           `json:"unchanged,omitempty"` // the client has it all
	Categories []GiftCategory `json:"categories,omitempty"`
	Next       string         `json:"next,omitempty"` // for the next page's cursor; absent on the last
}
