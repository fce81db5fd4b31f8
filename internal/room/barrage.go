package room

import (
	"unicode"
	"unicode/utf8"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// CheckBarrage refuses a message of a kind that there is not, or beyond the limits of [signaling.Barrage].
func CheckBarrage(p signaling.Barrage) error {
	bad := func(format string, args ...any) error {
		return signaling.Errorf(signaling.ErrInvalidParameter.Code, format, args...)
	}
	switch p.Type {
	case signaling.BarrageText:
		if p.Text == "" {
			return bad("textContent is empty: a text message has 1 to %d bytes", signaling.MaxBarrageText)
		}
		if p.BusinessID != "" || p.Data != "" {
			return bad("businessId and data are of custom messages: use messageType 1")
		}
	case signaling.BarrageCustom:
		if p.BusinessID == "" && p.Data == "" {
			return bad("businessId and data are empty: a custom message has at least one of them")
		}
	default:
		return bad("messageType is %d: use 0 (text) or 1 (custom)", p.Type)
	}
	if !isLines(p.Text) || len(p.Text) > signaling.MaxBarrageText {
		return bad("textContent may have %d bytes of UTF-8 without control characters but line feeds", signaling.MaxBarrageText)
	}
	if !signaling.ValidText(p.BusinessID, signaling.MaxBusinessID) {
		return bad("businessId may have %d bytes of UTF-8 without control characters", signaling.MaxBusinessID)
	}
	if !utf8.ValidString(p.Data) || len(p.Data) > signaling.MaxBarrageData {
		return bad("data may have %d bytes of UTF-8", signaling.MaxBarrageData)
	}
	size := 0
	for key, value := range p.Extension {
		if size += len(key) + len(value); key == "" || !utf8.ValidString(key) || !utf8.ValidString(value) {
			return bad("extensionInfo has keys that are not empty, and is UTF-8")
		}
	}
	if size > signaling.MaxBarrageExtension {
		return bad("extensionInfo may have %d bytes of keys and values in all, and has %d", signaling.MaxBarrageExtension, size)
	}
	return nil
}

// isLines reports whether s is UTF-8 without control characters but line feeds.
func isLines(s string) bool {
	for _, r := range s {
		if r != '\n' && unicode.IsControl(r) {
			return false
		}
	}
	return utf8.ValidString(s)
}
