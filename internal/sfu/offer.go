package sfu

import (
	"fmt"
	"slices"
	"strings"

	"github.com/pion/sdp/v3"
)

const (
	maxOffer  = 128 * 1024 // bytes: Chromium needs about 1 KiB for an m-line
	maxMLines = 64
	maxSSRCs  = 4 // of the microphone: one is used, and pion sets up a stream for each
)

// OfferError says what is wrong with an offer. The text is for the author of the client.
type OfferError struct{ Reason string }

// Error implements error.
func (e *OfferError) Error() string { return "sfu: bad offer: " + e.Reason }

func badOffer(format string, args ...any) error { return &OfferError{fmt.Sprintf(format, args...)} }

// shape is what must stay the same between a first offer and those of its restarts.
type shape []string // per m-line: direction and mid

// checkOffer bounds a stranger's offer before pion sees it and returns its shape. Of what pion understands we take: audio
// only, at most one m-line that sends, which is the first, all others receiving.
func checkOffer(text string) (shape, error) {
	if len(text) > maxOffer {
		return nil, badOffer("%d bytes, at most %d", len(text), maxOffer)
	}
	// Before parsing: an m-line costs the parser a hundred times its bytes.
	if n := strings.Count(text, "\nm="); n > maxMLines {
		return nil, badOffer("%d m-lines, at most %d", n, maxMLines)
	}
	var d sdp.SessionDescription
	if err := d.UnmarshalString(text); err != nil {
		return nil, badOffer("not SDP: %v", err)
	}
	if len(d.MediaDescriptions) == 0 {
		return nil, badOffer("no m-line")
	}
	if len(d.MediaDescriptions) > maxMLines {
		return nil, badOffer("%d m-lines, at most %d", len(d.MediaDescriptions), maxMLines)
	}
	var s shape
	for i, m := range d.MediaDescriptions {
		if m.MediaName.Media != "audio" {
			return nil, badOffer("m-line %d is %q, only audio is taken", i, m.MediaName.Media)
		}
		mid, ok := m.Attribute(sdp.AttrKeyMID)
		if !ok || mid == "" || len(mid) > 16 || slices.ContainsFunc(s, func(o string) bool { return o[1:] == mid }) {
			return nil, badOffer("m-line %d needs a mid of its own of at most 16 bytes", i)
		}
		if _, ok := m.Attribute("rid"); ok {
			return nil, badOffer("m-line %d offers simulcast", i)
		}
		if n := ssrcs(m); n > maxSSRCs {
			return nil, badOffer("m-line %d has %d SSRCs, at most %d", i, n, maxSSRCs)
		}
		if !offersOpus(m) {
			return nil, badOffer("m-line %d has no opus/48000/2", i)
		}
		dir := directionOf(&d, m)
		switch {
		case dir == 's' && i > 0:
			return nil, badOffer("m-line %d sends, only the first may: it is the microphone", i)
		case dir == 'r' && i == 0: // browsers would refuse our answer
			return nil, badOffer("m-line 0 only receives: it is the microphone, offer it sendonly, also to listen only")
		}
		s = append(s, string(dir)+mid)
	}
	return s, checkSession(&d)
}

// checkSession refuses what would be answered and then never connect.
func checkSession(d *sdp.SessionDescription) error {
	bundle, _ := d.Attribute(sdp.AttrKeyGroup)
	mids := strings.Fields(bundle)
	for i, m := range d.MediaDescriptions {
		if mid, _ := m.Attribute(sdp.AttrKeyMID); len(mids) == 0 || mids[0] != "BUNDLE" || !slices.Contains(mids[1:], mid) {
			return badOffer("m-line %d is not in the BUNDLE group: there is one port for all", i)
		}
		setup, _ := m.Attribute(sdp.AttrKeyConnectionSetup)
		if session, ok := d.Attribute(sdp.AttrKeyConnectionSetup); ok && setup == "" {
			setup = session
		}
		if setup == sdp.ConnectionRolePassive.String() {
			return badOffer("setup:passive: the client has to start DTLS, offer actpass or active")
		}
	}
	return nil
}

func offersOpus(m *sdp.MediaDescription) bool {
	return slices.ContainsFunc(m.Attributes, func(a sdp.Attribute) bool {
		_, codec, _ := strings.Cut(a.Value, " ")
		return a.Key == "rtpmap" && strings.EqualFold(codec, "opus/48000/2")
	})
}

// withLimits writes into an answer what every receiver counts on: packets of 20 ms (RFC 8866 section 6.4) at a bitrate
// whose packets fit into the largest that is forwarded (RFC 7587 section 6.1). Browsers take maxaveragebitrate not only
// as a limit but as what to send, so it is the documents' AudioQuality Default and no more.
func withLimits(answer string) string {
	answer = strings.ReplaceAll(answer, "useinbandfec=1\r\n", "useinbandfec=1;maxaveragebitrate=50000\r\n")
	var b strings.Builder
	first := false // rtpmap of an m-line
	for line := range strings.Lines(answer) {
		if strings.HasPrefix(line, "m=") {
			first = true
		}
		if first && strings.HasPrefix(line, "a=rtpmap:") {
			first = false
			b.WriteString("a=ptime:20\r\na=maxptime:20\r\n")
		}
		b.WriteString(line)
	}
	return b.String()
}

// directionOf returns 's' for an m-line that sends to us, 'r' for one that only receives, 'i' for one that does neither.
func directionOf(d *sdp.SessionDescription, m *sdp.MediaDescription) rune {
	attributes := [][]sdp.Attribute{m.Attributes, d.Attributes} // the session's count where the m-line says nothing, RFC 8866 section 6.7
	for _, list := range attributes {
		for _, a := range list {
			switch a.Key {
			case sdp.AttrKeySendOnly, sdp.AttrKeySendRecv:
				return 's'
			case sdp.AttrKeyRecvOnly:
				return 'r'
			case sdp.AttrKeyInactive:
				return 'i'
			}
		}
	}
	return 's'
}

// withoutCandidates drops a client's candidates. A lite server sends no checks and learns addresses from those that arrive;
// a stranger's list would only make pion keep, or look up, addresses of the stranger's choice.
func withoutCandidates(offer string) string {
	if !strings.Contains(offer, "a=candidate:") {
		return offer
	}
	var b strings.Builder
	for line := range strings.Lines(offer) {
		if !strings.HasPrefix(line, "a=candidate:") {
			b.WriteString(line)
		}
	}
	return b.String()
}

// ssrcs counts the different SSRCs that an m-line declares (RFC 5576 section 4.1).
func ssrcs(m *sdp.MediaDescription) int {
	seen := map[string]bool{}
	for _, a := range m.Attributes {
		if a.Key == sdp.AttrKeySSRC {
			id, _, _ := strings.Cut(a.Value, " ")
			seen[id] = true
		}
	}
	return len(seen)
}
