package adminapi_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/internal/adminapi"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// What is wrong with a gift is said in the words of this API, whether it comes alone or with all others.
func TestGiftErrorsNameTheFieldsOfTheAPI(t *testing.T) {
	api := adminapi.New(adminapi.Config{Apps: map[signaling.AppID]string{app: secret}, Accounts: accounts(t), Gifts: gifts(t)})
	for _, row := range []struct{ command, body, says string }{
		{"live_engine_http_srv/edit_gift", `{"GiftId":"rose","IconUrl":"ftp://x"}`, "GiftList[0] (rose).IconUrl: http://"},
		{"live_engine_http_srv/edit_gift", `{"GiftId":"rose","DefaultName":""}`, "GiftList[0] (rose).DefaultName: 1 to 60 bytes"},
		{"live_engine_http_srv/set_gift_language", `{"GiftId":"heart","Language":"de","Name":"a\nb"}`, "GiftList[1] (heart).LanguageList.de.DefaultName: 0 to 60"},
		{"live_engine_http_srv/edit_gift_category", `{"CategoryId":"grand","DefaultDesc":"a\nb"}`, "CategoryList[2] (grand).DefaultDesc: 0 to 200"},
		{"voiceroom_console/set_gift_catalogue", `{"GiftList":[{"GiftId":"a","Coins":-1,"DefaultName":"n"}],"CategoryList":[]}`, "GiftList[0] (a).Coins: 0 to"},
		{"voiceroom_console/set_gift_catalogue", `{"GiftList":[],"CategoryList":[{"CategoryId":"k","DefaultName":"n","GiftIdList":["z"]}]}`, `CategoryList[0] (k).GiftIdList[0]: there is no gift "z" in GiftList`},
	} {
		a := call(t, api, "/v4/"+row.command, query(t), row.body)
		require.Equal(t, signaling.Code(100002), a.ErrorCode, row.body)
		require.Contains(t, a.ErrorInfo, row.says)
	}
}
