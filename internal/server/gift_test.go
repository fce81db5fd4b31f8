package server

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/internal/gift"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// A client asks for the gifts in its language, and later only whether there are others. It need not be in a room.
func TestGiftList(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		c := w.login("a")
		var first, again signaling.GiftListResult
		c.must(signaling.MethodListGifts, signaling.GiftListParams{Language: "zh-CN"}, &first)
		require.Len(t, first.Categories, 3)
		require.Equal(t, "玫瑰", first.Categories[0].GiftList[0].Name)
		require.Empty(t, first.Next)
		c.must(signaling.MethodListGifts, signaling.GiftListParams{Language: "zh-CN", Revision: first.Revision}, &again)
		require.Equal(t, signaling.GiftListResult{Revision: first.Revision, Unchanged: true}, again)
	})
}

// The largest list comes in messages that a client reads, within the rate of lists.
func TestALargeGiftListComesInPages(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		cat := gift.Catalogue{Categories: []gift.Category{{CategoryID: "k", Name: "K"}}}
		for i := range gift.MaxGifts {
			id := fmt.Sprint(i)
			cat.Gifts = append(cat.Gifts, gift.Gift{GiftInfo: signaling.GiftInfo{GiftID: id, Name: "x", Desc: strings.Repeat("<", 140)}})
			cat.Categories[0].GiftIDs = append(cat.Categories[0].GiftIDs, id)
		}
		require.NoError(t, w.srv.catalogues.Set(t.Context(), app, cat))
		synctest.Wait()
		c, got := w.login("a"), 0
		for p := (signaling.GiftListParams{}); ; {
			m := c.call(signaling.MethodListGifts, p)
			require.Nil(t, m.Err)
			require.Less(t, len(m.Result), 66<<10)
			var res signaling.GiftListResult
			require.NoError(t, signaling.DecodeParams(m.Result, &res))
			got += len(res.Categories[0].GiftList)
			if p.Cursor = res.Next; p.Cursor == "" {
				break
			}
		}
		require.Equal(t, gift.MaxGifts, got)
	})
}

// What cannot be a language or a cursor is refused with a word about what to do.
func TestGiftListRefusals(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		c := w.login("a")
		for says, p := range map[string]signaling.GiftListParams{
			`such as "en"`: {Language: "en; rm"},
			"begin anew":   {Cursor: "7"},
		} {
			m := c.call(signaling.MethodListGifts, p)
			require.NotNil(t, m.Err)
			require.Equal(t, signaling.ErrInvalidParameter.Code, m.Err.Code)
			require.Contains(t, m.Err.Message, says)
		}
	})
}

func TestGiftListHasTheRateOfLists(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		c := w.login("a")
		for range listsBurst {
			c.must(signaling.MethodListGifts, signaling.GiftListParams{}, nil)
		}
		m := c.call(signaling.MethodListGifts, signaling.GiftListParams{})
		require.NotNil(t, m.Err)
		require.Equal(t, signaling.ErrFreqLimit.Code, m.Err.Code)
	})
}
