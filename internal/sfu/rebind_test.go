package sfu

import (
	"testing"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/webrtc/v4"
	"github.com/stretchr/testify/assert"
)

// candidate is a remote candidate that was last heard a while ago.
type candidate struct {
	ice.Candidate
	addr string
	ago  time.Duration
}

func (c *candidate) Address() string         { return c.addr }
func (c *candidate) Port() int               { return 9 }
func (c *candidate) LastReceived() time.Time { return time.Now().Add(-c.ago) }

func TestRebinder(t *testing.T) {
	r := &rebinder{}
	check := func(c *candidate) bool { return r.bindingRequest(nil, nil, c, nil) }
	wifi, mobile := &candidate{addr: "10.0.0.1"}, &candidate{addr: "10.0.0.2"}
	assert.True(t, check(wifi), "nothing is selected yet")
	assert.False(t, check(wifi), "selected already")
	assert.False(t, check(mobile), "a second interface, while the first one is heard")
	wifi.ago = 2 * time.Second
	assert.False(t, check(wifi), "its own keep-alive")
	assert.True(t, check(mobile), "the first one has fallen silent")
	assert.False(t, check(wifi), "and not back while the second one is heard")
	assert.True(t, check(&candidate{addr: "10.0.0.2"}), "the same address after an ICE restart")
	r.pairSelected(&webrtc.ICECandidatePair{Remote: &webrtc.ICECandidate{Address: "10.0.0.1", Port: 9}})
	assert.False(t, check(wifi), "nominated")
	r.pairSelected(nil)
	for i := range 100 {
		check(&candidate{addr: string(rune('a' + i))})
	}
	assert.LessOrEqual(t, len(r.remotes), maxRemotes, "bounded")
}
