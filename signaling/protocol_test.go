package signaling_test

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

// TestProtocolIsWrittenDown: somebody must be able to write a client from docs/protocol.md alone.
func TestProtocolIsWrittenDown(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("..", "docs", "protocol.md"))
	require.NoError(t, err)
	text := string(b)
	assert.True(t, strings.Contains(text, signaling.Subprotocol))
	assert.True(t, strings.Contains(text, signaling.Path))
	for _, m := range messages() {
		assert.True(t, strings.Contains(text, m.method), "%s is not in docs/protocol.md", m.method)
	}
	for _, e := range events() {
		assert.True(t, strings.Contains(text, signaling.EventType(e)), "the event %s is not in docs/protocol.md", signaling.EventType(e))
	}
	for _, c := range signaling.Codes() {
		want := strconv.Itoa(int(c))
		if c < 0 {
			want = "[-−]" + want[1:] // a hyphen, or the sign that prose prefers
		}
		number := regexp.MustCompile(`(^|[^\d−-])` + want + `($|\D)`)
		assert.True(t, number.MatchString(text), "code %d is not in docs/protocol.md", int(c))
	}
}

// TestEveryCodeOfTheDocumentsIsAccountedFor: a code either has a sentinel, or docs/names.md says why it never comes.
func TestEveryCodeOfTheDocumentsIsAccountedFor(t *testing.T) {
	b, err := os.ReadFile(filepath.Join("..", "docs", "names.md"))
	require.NoError(t, err)
	_, section, found := strings.Cut(string(b), "## Codes that never come\n")
	require.True(t, found)
	known := map[signaling.Code]bool{}
	for _, row := range regexp.MustCompile(`(?m)^\| ([−\d, ]+) \|`).FindAllStringSubmatch(section, -1) {
		for number := range strings.SplitSeq(row[1], ", ") {
			c, err := strconv.Atoi(strings.Replace(number, "−", "-", 1))
			require.NoError(t, err)
			known[signaling.Code(c)] = true
		}
	}
	for _, c := range signaling.Codes() {
		assert.False(t, known[c], "docs/names.md says that %d never comes, and it has a sentinel", int(c))
		known[c] = true
	}
	for _, r := range [][2]signaling.Code{ // first and last, of the documents' tables
		{-3, -1}, {-1004, -1000}, {-1109, -1100}, {-2103, -2101}, {-2105, -2105}, {-2108, -2107}, {-2200, -2200}, {-2301, -2300},
		{-2312, -2310}, {-2340, -2340}, {-2344, -2344}, {-2361, -2360}, {-2373, -2370}, {-2381, -2380}, {-4001, -4001},
		{100001, 100013}, {100015, 100020}, {100102, 100102}, {100200, 100206}, {100210, 100211}, {100251, 100251},
		{100400, 100405}, {100411, 100416}, {100419, 100421}, {100500, 100504},
	} {
		for c := r[0]; c <= r[1]; c++ {
			assert.True(t, known[c], "the documents have %d: neither a sentinel nor docs/names.md knows it", int(c))
		}
	}
}
