package signaling_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

func TestPlatform_ofAClient_isOneOfTheDocuments(t *testing.T) {
	for p, want := range map[signaling.Platform]signaling.Platform{
		"Web": "Web", "Android": "Android", "iOS": "iOS", "Windows": "Windows", "Mac": "Mac", "iPad": "iPad",
		"RESTAPI": "Unknown", // nobody may pass for the app's server
		"Unknown": "Unknown", "": "Unknown", "Linux": "Unknown", "web": "Unknown", "Mac\n": "Unknown",
	} {
		assert.Equal(t, want, p.OfClient(), "%q", p)
	}
}
