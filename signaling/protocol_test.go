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
