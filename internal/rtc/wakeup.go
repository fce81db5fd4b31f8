package rtc

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/pion/webrtc/v4"
)

// A lite server never sends checks of its own that would hurry the controlling agent, and pion's agent looks at its pairs
// only every 200 ms: it would nominate the working pair 200 ms late. Every new remote candidate makes it look at once. So
// after a moment candidates are added that lead nowhere; the answer's TCP candidates come last.
// Measured: from dial to the first packet 220 ms without, 20 ms with it.

// wakeUp is one candidate that is added late.
type wakeUp struct {
	after     time.Duration
	candidate string // as in an SDP attribute, without "a="
}

// wakeUp adds the candidates one by one. On the first negotiation it stops when the connection is up; a restart's
// candidates are always added, for the state may still be that from before.
func (p *Peer) wakeUp(plan []wakeUp, first bool) {
	start := time.Now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	<-timer.C
	for _, w := range plan {
		timer.Reset(w.after - time.Since(start))
		select {
		case <-timer.C:
		case <-p.ctx.Done():
			return
		}
		if first && (p.pc.ConnectionState() == webrtc.PeerConnectionStateConnected || isTCP(w.candidate) && p.paired()) {
			return
		}
		if err := p.pc.AddICECandidate(webrtc.ICECandidateInit{Candidate: w.candidate, SDPMLineIndex: new(uint16(0))}); err != nil {
			p.cfg.Logger.Debug("late candidate", "err", err)
		}
	}
}

// tcpAfter is how long UDP has for itself. TCP delays what follows a lost packet, so it is for where nothing else gets
// through; tried at once, it would win wherever the first check is lost, and every client would open connections in vain.
const tcpAfter = 250 * time.Millisecond

// paired reports whether a path to the server has been found.
func (p *Peer) paired() bool {
	s := p.pc.ICEConnectionState()
	return s == webrtc.ICEConnectionStateConnected || s == webrtc.ICEConnectionStateCompleted
}

// wakeUps plans what is added when: the empty candidates, then the answer's TCP candidates, these at once where there is
// nothing else. The empty ones have the server's own address, which surely has a route, and the discard port and its
// neighbours.
func wakeUps(answer string, tcp []string) []wakeUp {
	var plan []wakeUp
	wait := tcpAfter
	addr, ok := serverAddress(answer)
	if !ok {
		wait = 0
	} else {
		plan = emptyCandidates(addr)
	}
	for _, c := range tcp {
		plan = append(plan, wakeUp{wait, c})
	}
	return plan
}

func emptyCandidates(addr netip.Addr) (plan []wakeUp) {
	for i, after := range []time.Duration{10, 30, 70, 150} { // ms
		plan = append(plan, wakeUp{
			after * time.Millisecond,
			// Priority 1: whatever works is better.
			fmt.Sprintf("candidate:9%d 1 udp 1 %s %d typ host", i, addr, 9+i),
		})
	}
	return plan
}

// withoutTCP returns the answer without its TCP candidates, and these.
func withoutTCP(answer string) (rest string, tcp []string) {
	var b strings.Builder
	seen := map[string]bool{}
	for line := range strings.Lines(answer) {
		c, ok := strings.CutPrefix(strings.TrimRight(line, "\r\n"), "a=")
		if !ok || !isTCP(c) {
			b.WriteString(line)
			continue
		}
		if !seen[c] {
			seen[c] = true
			tcp = append(tcp, c)
		}
	}
	return b.String(), tcp
}

// isTCP reports whether an attribute is a TCP candidate (RFC 8839 section 5.1: foundation, component, transport, ...).
func isTCP(attribute string) bool {
	f := strings.Fields(attribute)
	return len(f) > 5 && strings.HasPrefix(f[0], "candidate:") && strings.EqualFold(f[2], "tcp")
}

// serverAddress returns the first address among the answer's UDP candidates.
func serverAddress(answer string) (netip.Addr, bool) {
	for line := range strings.Lines(answer) {
		f := strings.Fields(line)
		if len(f) < 8 || !strings.HasPrefix(f[0], "a=candidate:") || !strings.EqualFold(f[2], "udp") {
			continue
		}
		if _, err := strconv.ParseUint(f[5], 10, 16); err != nil {
			continue
		}
		if addr, err := netip.ParseAddr(f[4]); err == nil {
			return addr.Unmap(), true
		}
	}
	return netip.Addr{}, false
}
