package webhook

import (
	"fmt"
	"net"
	"net/netip"
	"syscall"
	"time"
)

// guard keeps callbacks out of networks that only this machine reaches: whoever may set an app's URL could make the
// server ask what they cannot ask themselves. It looks at addresses when they are connected to, after all looking up, so
// a name that means something else the second time deceives nobody.
type guard struct {
	allow []netip.Prefix // may be called all the same
}

// refused are the addresses that are nobody's in the internet.
var refused = []struct {
	prefix netip.Prefix
	what   string
}{
	{netip.MustParsePrefix("0.0.0.0/8"), "an unspecified address"},
	{netip.MustParsePrefix("10.0.0.0/8"), "a private address"},
	{netip.MustParsePrefix("100.64.0.0/10"), "a carrier's internal address"},
	{netip.MustParsePrefix("127.0.0.0/8"), "a loopback address"},
	{netip.MustParsePrefix("169.254.0.0/16"), "a link-local address"},
	{netip.MustParsePrefix("172.16.0.0/12"), "a private address"},
	{netip.MustParsePrefix("192.0.0.0/24"), "a reserved address"},
	{netip.MustParsePrefix("192.0.2.0/24"), "an address of examples"},
	{netip.MustParsePrefix("192.88.99.0/24"), "a relay's address"}, // 6to4
	{netip.MustParsePrefix("192.168.0.0/16"), "a private address"},
	{netip.MustParsePrefix("198.18.0.0/15"), "an address of test networks"},
	{netip.MustParsePrefix("198.51.100.0/24"), "an address of examples"},
	{netip.MustParsePrefix("203.0.113.0/24"), "an address of examples"},
	{netip.MustParsePrefix("224.0.0.0/4"), "a multicast address"},
	{netip.MustParsePrefix("240.0.0.0/4"), "a reserved address"}, // broadcast too
	{netip.MustParsePrefix("::/128"), "an unspecified address"},
	{netip.MustParsePrefix("::1/128"), "a loopback address"},
	{netip.MustParsePrefix("64:ff9b:1::/48"), "a translator's address"}, // a local NAT64: what it means is not ours to know
	{netip.MustParsePrefix("100::/64"), "a reserved address"},
	{netip.MustParsePrefix("2001::/23"), "a reserved address"}, // Teredo too
	{netip.MustParsePrefix("2001:db8::/32"), "an address of examples"},
	{netip.MustParsePrefix("3fff::/20"), "an address of examples"},
	{netip.MustParsePrefix("fc00::/7"), "a private address"},
	{netip.MustParsePrefix("fe80::/10"), "a link-local address"},
	{netip.MustParsePrefix("fec0::/10"), "a private address"},
	{netip.MustParsePrefix("ff00::/8"), "a multicast address"},
}

var (
	compatible = netip.MustParsePrefix("::/96")        // IPv4-compatible, deprecated
	nat64      = netip.MustParsePrefix("64:ff9b::/96") // RFC 6052
	sixToFour  = netip.MustParsePrefix("2002::/16")    // RFC 3056
)

// refuses says why an address must not be called; "" means that it may be.
func (g guard) refuses(ip netip.Addr) string {
	ip = ip.WithZone("").Unmap()
	for _, p := range g.allow {
		if p.Contains(ip) {
			return ""
		}
	}
	for _, r := range refused {
		if r.prefix.Contains(ip) {
			return fmt.Sprintf("%s is %s, which only a server with --webhook-allow calls", ip, r.what)
		}
	}
	if inner, ok := embedded(ip); ok {
		if why := (guard{}).refuses(inner); why != "" {
			return fmt.Sprintf("%s leads to %s", ip, why)
		}
	}
	return ""
}

// embedded returns the IPv4 address that an IPv6 address stands for.
func embedded(ip netip.Addr) (netip.Addr, bool) {
	b := ip.As16()
	switch {
	case ip.Is4():
		return netip.Addr{}, false
	case compatible.Contains(ip), nat64.Contains(ip):
		return netip.AddrFrom4([4]byte(b[12:])), true
	case sixToFour.Contains(ip):
		return netip.AddrFrom4([4]byte(b[2:6])), true
	}
	return netip.Addr{}, false
}

// dialer connects only where the guard lets it.
func (g guard) dialer() *net.Dialer {
	return &net.Dialer{
		Timeout: answerLimit, KeepAlive: 30 * time.Second,
		Control: func(_, address string, _ syscall.RawConn) error {
			at, err := netip.ParseAddrPort(address)
			if err != nil {
				return fmt.Errorf("no address: %w", err)
			}
			if why := g.refuses(at.Addr()); why != "" {
				return errRefused(why)
			}
			return nil
		},
	}
}

// errRefused is why an address was not called.
type errRefused string

func (e errRefused) Error() string { return string(e) }
