package engine

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

func TestPlatform_isTheDocumentsWordForTheSystem(t *testing.T) {
	for goos, want := range map[string]signaling.Platform{
		"darwin": "Mac", "windows": "Windows", "ios": "iOS", "android": "Android", "js": "Web", "linux": "Unknown", "plan9": "Unknown",
	} {
		assert.Equal(t, want, platform(goos), goos)
		assert.Equal(t, want, platform(goos).OfClient(), "a login may say so")
	}
}
