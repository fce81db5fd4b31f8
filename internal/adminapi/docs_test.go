package adminapi

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

func rest(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "docs", "admin-api.md"))
	require.NoError(t, err)
	return string(b)
}

// docs/admin-api.md has every command once, with its rate, and says of the others that they are not there.
func TestCommandsAreDocumented(t *testing.T) {
	there, missing, ok := strings.Cut(rest(t), "\n## 7. ")
	require.True(t, ok)
	seats, rooms, ok := strings.Cut(there, "\n## 4. ")
	require.True(t, ok)
	for path, c := range commands {
		service, name, _ := strings.Cut(path, "/")
		section := map[string]string{"room_engine_http_mic": seats, "live_engine_http_srv": rooms}[service]
		row := regexp.MustCompile(`(?m)^\| `+"`"+name+"`"+` \|.*$`).FindAllString(section, -1)
		require.Len(t, row, 1, path)
		if service == "live_engine_http_srv" {
			assert.Equal(t, strconv.Itoa(c.rate), strings.TrimSpace(strings.Split(row[0], "|")[3]), path)
		} else {
			assert.Equal(t, 200, c.rate, path)
		}
	}
	for _, path := range later {
		service, name, _ := strings.Cut(path, "/")
		assert.Regexp(t, "(?m)^- `"+service+"`: .*`"+name+"`", missing)
		assert.NotContains(t, commands, path)
	}
}

func TestCodesAndLimitsAreDocumented(t *testing.T) {
	text := rest(t)
	for _, c := range []signaling.Code{
		codeURL, codeJSON, codeAccount, codeSignature, codeApp, codeCommandRate, codeTimeout, codeResource, codeNotAdmin, codeAppRate,
		codeNoApp, codeAnswer, codeAccountType, codeDisabled, codeParameter,
	} {
		assert.Contains(t, text, "\n| "+strconv.Itoa(int(c))+" | ")
	}
	for _, limit := range []string{
		"| body | " + strconv.Itoa(maxBody>>10) + " KiB |", "| " + strconv.Itoa(appRate) + " a second; bursts of as many |",
		"by their ids, " + strconv.Itoa(pageLimit) + " a page", "A call takes 3 s at most",
	} {
		assert.Contains(t, text, limit)
	}
	assert.Equal(t, "3s", callLimit.String())
	assert.Equal(t, 1000, memberLimit)
}
