package doctor

import (
	"bytes"
	"compress/zlib"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A UserSig of version 1 may be good: the server knows. What can be seen of it is judged all the same.
func TestJudgeOfLegacy(t *testing.T) {
	now := time.Now()
	sig := func(issued time.Time) string {
		var b bytes.Buffer
		w := zlib.NewWriter(&b)
		fmt.Fprintf(w, `{"TLS.account_type":"0","TLS.identifier":"me","TLS.appid_at_3rd":"0","TLS.sdk_appid":"7","TLS.expire_after":"7200","TLS.time":"%d","TLS.sig":"MEUCIQ=="}`, issued.Unix())
		require.NoError(t, w.Close())
		return strings.NewReplacer("+", "*", "/", "-", "=", "_").Replace(base64.StdEncoding.EncodeToString(b.Bytes()))
	}
	r := judge(User{App: 7, ID: "me", Sig: sig(now), Secret: "unused"}, now, nil)
	require.Equal(t, Warning, r.Status)
	require.Contains(t, r.Says, "version 1")
	require.Contains(t, r.Do, "--app-public-key")
	r = judge(User{App: 7, ID: "me", Sig: sig(now.Add(-3 * time.Hour))}, now, nil)
	require.Equal(t, Failed, r.Status)
	require.Contains(t, r.Says, "expired")
}
