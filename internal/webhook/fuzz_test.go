package webhook

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/internal/store"
)

// FuzzAnswer: whatever an app's server answers, it is taken or there is a short reason.
func FuzzAnswer(f *testing.F) {
	for _, s := range []string{good, `{"ErrorCode":1}`, `{"ErrorCode":"0"}`, `{"ErrorCode":1e400}`, `[]`, `null`, "", "\xff", `{"ErrorCode":0,"ErrorCode":7}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		err := accepted(body)
		if err == nil {
			require.Contains(t, strings.ToLower(string(body)), "errorcode")
			return
		}
		require.NotEmpty(t, err.Error())
		require.Less(t, len(err.Error()), 4000) // 200 characters, quoted
	})
}

// FuzzDeliveryID: an id is read only as it was written, so that it names one callback.
func FuzzDeliveryID(f *testing.F) {
	f.Add(deliveryID(store.Key{App: app, Room: "r m.*>"}, 51, 2))
	f.Add("1.cg.1.-1")
	f.Add("01.cg.1.0")
	f.Add("1.cg==.1.0")
	f.Add("1..1.0")
	f.Fuzz(func(t *testing.T, id string) {
		key, rev, index, ok := parseID(id)
		if ok {
			require.Equal(t, id, deliveryID(key, rev, index))
			require.NoError(t, key.Room.Valid())
		}
	})
}
