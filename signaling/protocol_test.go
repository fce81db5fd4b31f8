package signaling_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
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
	assert.Contains(t, text, signaling.Subprotocol)
	assert.Contains(t, text, signaling.Path)
	for _, m := range messages() {
		assert.Contains(t, text, m.method, "a message that is not in docs/protocol.md")
	}
	for _, e := range events() {
		assert.Contains(t, text, signaling.EventType(e), "an event that is not in docs/protocol.md")
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
