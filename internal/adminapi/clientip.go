package adminapi

import (
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// forwardedFor is the header in which each proxy on the way writes whom it was called by, behind what was there already.
const forwardedFor = "X-Forwarded-For"

// maxHops bounds how many proxies on the way are looked at.
const maxHops = 16

// Proxies are the networks of reverse proxies whose word about their callers counts. The zero value trusts nobody.
type Proxies []netip.Prefix

// ClientIP returns the address that a request comes from: that of who has connected, or, if this is a trusted proxy, of
// whom it was called by, and so on while these are trusted proxies themselves. What others have written into the header
// is not believed: anybody can write there. "" is a network without addresses.
func (p Proxies) ClientIP(r *http.Request) string {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return ""
	}
	at := plainIP(peer.Addr())
	lines := r.Header.Values(forwardedFor)
	list := ""
	for range maxHops {
		if !p.hold(at) {
			break
		}
		for list == "" && len(lines) > 0 { // the nearest proxy's is the last
			list, lines = lines[len(lines)-1], lines[:len(lines)-1]
		}
		if list == "" {
			break
		}
		last := list
		if i := strings.LastIndexByte(list, ','); i >= 0 {
			list, last = list[:i], list[i+1:]
		} else {
			list = ""
		}
		next, ok := hop(last)
		if !ok { // a proxy that hides its caller: itself is the best that is known
			break
		}
		at = next
	}
	return at.String()
}

func (p Proxies) hold(ip netip.Addr) bool {
	return slices.ContainsFunc(p, func(n netip.Prefix) bool { return n.Contains(ip) })
}

// hop reads one entry of the header: an address, which some proxies write with its port.
func hop(text string) (netip.Addr, bool) {
	text = strings.Trim(text, " \t")
	if at, err := netip.ParseAddrPort(text); err == nil {
		return plainIP(at.Addr()), true
	}
	if inner, ok := strings.CutPrefix(text, "["); ok {
		text = strings.TrimSuffix(inner, "]")
	}
	ip, err := netip.ParseAddr(text)
	return plainIP(ip), err == nil
}

// plainIP is an address as everybody writes it.
func plainIP(ip netip.Addr) netip.Addr { return ip.Unmap().WithZone("") }
