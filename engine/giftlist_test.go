package engine_test

import (
	"fmt"
	"io"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/signaling/usersig"
	"github.com/openvoiceroom/openvoiceroom/voiceroom/voiceroomtest"
)

// restCall calls a command of the REST API at the first node.
func restCall(t *testing.T, srv *voiceroomtest.Server, command, body string) {
	t.Helper()
	sig, err := usersig.Mint(voiceroomtest.App, voiceroomtest.Secret, "administrator", time.Hour, time.Now())
	require.NoError(t, err)
	query := url.Values{
		"sdkappid": {fmt.Sprint(voiceroomtest.App)}, "identifier": {"administrator"}, "usersig": {sig}, "random": {"1"}, "contenttype": {"json"},
	}.Encode()
	resp, err := srv.HTTPClient(t).Post(srv.NodeURL(0)+"/v4/"+command+"?"+query, "application/json", strings.NewReader(body))
	require.NoError(t, err)
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Contains(t, string(text), `"ErrorCode":0`)
}

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

// What the app's server changes, at one node, clients fetch at another: a list of several pages, and only once.
func TestFetchGiftListAfterAChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.Config{Nodes: 2}.NewServer(t)
		e := srv.NewUserOn(t, 1, "guest").Engine
		_, err := e.FetchGiftList(t.Context(), "")
		require.NoError(t, err)
		var gifts, ids []string
		for i := range 200 {
			gifts = append(gifts, fmt.Sprintf(`{"GiftId":"g%03d","Coins":%d,"DefaultName":"Gift","DefaultDesc":"%s"}`, i, i, strings.Repeat("x", 190)))
			ids = append(ids, fmt.Sprintf(`"g%03d"`, i))
		}
		all, half := strings.Join(ids, ","), strings.Join(ids[:100], ",")
		restCall(t, srv, "voiceroom_console/set_gift_catalogue", `{"GiftList":[`+strings.Join(gifts, ",")+`],"CategoryList":[`+
			`{"CategoryId":"all","DefaultName":"All","GiftIdList":[`+all+`]},{"CategoryId":"none","DefaultName":"None"},{"CategoryId":"half","DefaultName":"Half","GiftIdList":[`+half+`]}]}`)
		synctest.Wait()
		for range 2 {
			list, err := e.FetchGiftList(t.Context(), "")
			require.NoError(t, err)
			require.Len(t, list, 3)
			for i, n := range []int{200, 0, 100} {
				require.Len(t, list[i].GiftList, n)
				for j, g := range list[i].GiftList {
					require.Equal(t, fmt.Sprintf("g%03d", j), g.GiftID)
					require.EqualValues(t, j, g.Coins)
				}
			}
		}
		restCall(t, srv, "live_engine_http_srv/edit_gift", `{"GiftId":"g000","IsEnabled":false}`)
		synctest.Wait()
		list, err := e.FetchGiftList(t.Context(), "")
		require.NoError(t, err)
		require.Len(t, list[0].GiftList, 199)
		require.Equal(t, "g001", list[2].GiftList[0].GiftID)
	})
}
