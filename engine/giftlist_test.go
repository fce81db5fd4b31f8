package engine_test

import (
	"testing"
	"testing/synctest"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/voiceroom/voiceroomtest"
)

// A client shows the gifts in its user's language, without being in a room.
func TestFetchGiftList(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := voiceroomtest.NewServer(t).NewUser(t, "guest").Engine
		for _, language := range []string{"zh-CN", "zh-CN", "en"} {
			list, err := e.FetchGiftList(t.Context(), language)
			require.NoError(t, err)
			require.Len(t, list, 3)
			rose := list[0].GiftList[0]
			require.Equal(t, map[string]string{"zh-CN": "玫瑰", "en": "Rose"}[language], rose.Name)
			require.Equal(t, map[string]string{"zh-CN": "热门", "en": "Popular"}[language], list[0].Name)
			require.EqualValues(t, 1, rose.Coins)
			require.Equal(t, "🌹", rose.ExtensionInfo["emoji"])
			list[0].GiftList[0].Name, rose.ExtensionInfo["emoji"] = "mine", "mine" // what is returned is the caller's
		}
		_, err := e.FetchGiftList(t.Context(), "English, please")
		require.ErrorIs(t, err, engine.ErrInvalidParameter)
	})
}
