package main

import (
	"bufio"
	"crypto/ecdsa"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"net/netip"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/internal/store/natsstore"
	"github.com/openvoiceroom/openvoiceroom/signaling"
	"github.com/openvoiceroom/openvoiceroom/signaling/usersig"
)

const (
	maxSeats     = 50 // the documents' most
	maxAppAdmins = 10 // likewise
)

// check finds everything that is wrong with the flags by themselves, before anything is opened.
func (o options) check() error {
	var errs []error
	bad := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	if err := checkAddr(o.Listen); err != nil {
		bad("--listen %q: %w", o.Listen, err)
	}
	if err := checkAddr(o.mediaAddr()); err != nil && o.Media != "" {
		bad("--media %q: %w", o.Media, err)
	}
	if err := checkAddr(o.MediaTCP); o.MediaTCP != "" && err != nil {
		bad("--media-tcp %q: %w", o.MediaTCP, err)
	}
	for _, ip := range o.PublicIP {
		if _, err := netip.ParseAddr(ip); err != nil {
			bad("--public-ip %q: an IP address is wanted", ip)
		}
	}
	if u, err := url.Parse(o.URL); o.URL != "" && (err != nil || u.Scheme != "ws" && u.Scheme != "wss" || u.Host == "") {
		bad("--url %q: ws://host:port or wss://host is wanted", o.URL)
	}
	for _, origin := range o.AllowOrigin {
		if u, err := url.Parse(origin); origin != "*" && (err != nil || u.Scheme == "" || u.Host == "" || u.Path != "") {
			bad("--allow-origin %q: https://host (no path) or * is wanted", origin)
		}
	}
	if o.SeatLimit < 1 || o.SeatLimit > maxSeats {
		bad("--seat-limit %d: 1 to %d", o.SeatLimit, maxSeats)
	}
	if o.MemberLimit < 1 {
		bad("--member-limit %d: 1 or more", o.MemberLimit)
	}
	if o.Grace < time.Second || o.Grace > time.Hour {
		bad("--grace %v: 1s to 1h", o.Grace)
	}
	if o.BarrageHistory < 0 || o.BarrageHistory > 50 {
		bad("--barrage-history %d: 0 to 50", o.BarrageHistory)
	}
	o.checkTLS(bad)
	if o.RoomLimit < 0 {
		bad("--room-limit %d: 0 or more", o.RoomLimit)
	}
	if d := o.DismissEmpty; d < 10*time.Minute || d > 24*time.Hour {
		bad("--dismiss-empty %v: 10m to 24h", d)
	}
	for _, d := range []struct {
		flag  string
		after time.Duration
	}{{"--dismiss-owner-left", o.DismissOwnerLeft}, {"--dismiss-owner-lost", o.DismissOwnerLost}} {
		if d.after != 0 && (d.after < 2*time.Minute || d.after > 12*time.Hour) {
			bad("%s %v: 2m to 12h, or 0 (never)", d.flag, d.after)
		}
	}
	if o.WebhookRetry < time.Second || o.WebhookRetry > store.OutboxAge {
		bad("--webhook-retry %v: 1s to %v", o.WebhookRetry, store.OutboxAge)
	}
	if _, err := o.webhookAllow(); err != nil {
		errs = append(errs, err)
	}
	if _, err := o.trustedProxies(); err != nil {
		errs = append(errs, err)
	}
	if _, err := o.gifts(); err != nil {
		errs = append(errs, err)
	}
	clustered := o.ClusterName != "" && o.ClusterNode != "" && o.ClusterListen != ""
	if some := o.ClusterName + o.ClusterNode + o.ClusterListen + o.ClusterSecret; !clustered && (some != "" || len(o.ClusterRoute) > 0) {
		bad("a cluster needs all of --cluster-name, --cluster-node and --cluster-listen")
	}
	if o.Replicas > 1 && o.NATS == "" && !clustered {
		bad("--replicas %d needs a cluster: --nats or the --cluster flags", o.Replicas)
	}
	return errors.Join(errs...)
}

// webhookAllow reads the networks that callbacks may go to.
func (o options) webhookAllow() ([]netip.Prefix, error) {
	return networks("--webhook-allow", o.WebhookAllow)
}

// trustedProxies reads the networks whose X-Forwarded-For is believed. Whoever trusts everybody believes what clients
// write there themselves.
func (o options) trustedProxies() ([]netip.Prefix, error) {
	list, err := networks("--trusted-proxy", o.TrustedProxy)
	for _, p := range list {
		if p.Bits() == 0 {
			err = fmt.Errorf("--trusted-proxy %s: everybody could then say to be anywhere; name the proxies' own addresses", p)
		}
	}
	return list, err
}

// networks reads a flag's networks. An address stands for itself alone.
func networks(flag string, texts []string) ([]netip.Prefix, error) {
	var list []netip.Prefix
	for _, text := range texts {
		p, err := netip.ParsePrefix(text)
		if ip, ipErr := netip.ParseAddr(text); ipErr == nil && ip.Zone() == "" {
			p, err = netip.PrefixFrom(ip, ip.BitLen()), nil
		}
		if err != nil || p.Addr().Is4In6() {
			return nil, fmt.Errorf("%s %q: a network is wanted, as 10.1.0.0/16 or fd00::/8", flag, text)
		}
		list = append(list, p.Masked())
	}
	return list, nil
}

// checkAddr checks host:port as far as that goes without asking the system.
func checkAddr(addr string) error {
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		return errors.New("host:port is wanted")
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return errors.New("the port is a number from 0 to 65535")
	}
	return nil
}

// mediaAddr is where media arrives: one number for TCP and UDP unless something else is asked for.
func (o options) mediaAddr() string {
	if o.Media != "" {
		return o.Media
	}
	return o.Listen
}

// apps reads the apps' secrets. No error holds any of what is secret.
func (o options) apps() (map[signaling.AppID]string, error) {
	apps := map[signaling.AppID]string{}
	var errs []error
	for i, a := range o.App {
		if err := addApp(apps, a); err != nil {
			errs = append(errs, fmt.Errorf("--app, number %d: %w", i+1, err))
		}
	}
	if o.AppFile != "" {
		errs = append(errs, readApps(apps, o.AppFile))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	if len(apps) == 0 {
		return nil, errors.New("no app: give --app ID:SECRET or --app-file FILE")
	}
	return apps, nil
}

func readApps(apps map[signaling.AppID]string, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("--app-file: %w", err)
	}
	defer f.Close()
	var errs []error
	lines := bufio.NewScanner(f)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		if err := addApp(apps, line); err != nil {
			errs = append(errs, fmt.Errorf("--app-file %s, line %d: %w", path, n, err))
		}
	}
	if err := lines.Err(); err != nil {
		errs = append(errs, fmt.Errorf("--app-file %s: %w", path, err))
	}
	return errors.Join(errs...)
}

// publicKeys reads the keys of UserSigs of version 1.
func (o options) publicKeys(apps map[signaling.AppID]string) (map[signaling.AppID]*ecdsa.PublicKey, error) {
	keys := map[signaling.AppID]*ecdsa.PublicKey{}
	var errs []error
	bad := func(i int, format string, args ...any) {
		errs = append(errs, fmt.Errorf("--app-public-key, number %d: "+format, append([]any{i + 1}, args...)...))
	}
	for i, text := range o.AppPublicKey {
		number, path, ok := strings.Cut(text, ":")
		n, err := strconv.ParseUint(number, 10, 32)
		if !ok || err != nil || path == "" {
			bad(i, "ID:FILE is wanted")
			continue
		}
		id := signaling.AppID(n)
		if _, known := apps[id]; !known {
			bad(i, "app %d has no secret: give it with --app or --app-file", id)
			continue
		}
		if keys[id] != nil {
			bad(i, "app %d is given twice", id)
			continue
		}
		pem, err := os.ReadFile(path)
		if err == nil {
			keys[id], err = usersig.ParsePublicKey(pem)
		}
		if err != nil {
			bad(i, "%w", err)
		}
	}
	return keys, errors.Join(errs...)
}

func addApp(apps map[signaling.AppID]string, text string) error {
	number, secret, ok := strings.Cut(text, ":")
	secret = strings.TrimSpace(secret)
	if !ok || secret == "" {
		return errors.New("ID:SECRET is wanted")
	}
	id, err := strconv.ParseUint(strings.TrimSpace(number), 10, 32)
	if err != nil || id == 0 {
		return fmt.Errorf("the part before the colon is the SDKAppID, a number from 1 to %d", uint32(math.MaxUint32))
	}
	if _, twice := apps[signaling.AppID(id)]; twice {
		return fmt.Errorf("app %d is given twice", id)
	}
	apps[signaling.AppID(id)] = secret
	return nil
}

// appAdmins reads who may use the REST APIs of which apps.
func (o options) appAdmins(apps map[signaling.AppID]string) (map[signaling.AppID][]signaling.UserID, error) {
	admins := map[signaling.AppID][]signaling.UserID{}
	var errs []error
	for _, a := range o.AppAdmin {
		number, name, _ := strings.Cut(a, ":")
		id, err := strconv.ParseUint(strings.TrimSpace(number), 10, 32)
		user, app := signaling.UserID(strings.TrimSpace(name)), signaling.AppID(id)
		switch {
		case err != nil || user.Valid() != nil:
			errs = append(errs, fmt.Errorf("--app-admin %q: ID:NAME is wanted, an SDKAppID and a user id", a))
		case apps[app] == "":
			errs = append(errs, fmt.Errorf("--app-admin %q: there is no --app %d", a, id))
		case len(admins[app]) == maxAppAdmins:
			errs = append(errs, fmt.Errorf("--app-admin %q: app %d has %d already, which is the most", a, id, maxAppAdmins))
		default:
			admins[app] = append(admins[app], user)
		}
	}
	return admins, errors.Join(errs...)
}

func (o options) store(log *slog.Logger) natsstore.Config {
	c := natsstore.Config{
		URL: o.NATS, Credentials: o.NATSCreds, TLS: natsstore.TLS{CA: o.NATSCA, Cert: o.NATSCert, Key: o.NATSKey},
		Insecure: o.NATSInsecure, Listen: o.NATSListen, Prefix: o.Prefix, Replicas: o.Replicas, Logger: log,
		Cluster: natsstore.Cluster{
			Name: o.ClusterName, Node: o.ClusterNode, Listen: o.ClusterListen, Routes: o.ClusterRoute, Secret: o.ClusterSecret,
		},
	}
	if o.NATS == "" {
		c.Dir = o.Data
	}
	return c
}

// handler makes the log. Its level does not hold back what is handed to the handler itself.
func (o options) handler() slog.Handler {
	var level slog.Level
	_ = level.UnmarshalText([]byte(o.LogLevel)) // the flag permits nothing else
	opts := &slog.HandlerOptions{Level: level}
	if o.LogFormat == "json" {
		return slog.NewJSONHandler(os.Stderr, opts)
	}
	return slog.NewTextHandler(os.Stderr, opts)
}

// barrageHistory is the flag in the server's words, where 0 is the default.
func (o options) barrageHistory() int {
	if o.BarrageHistory == 0 {
		return -1
	}
	return o.BarrageHistory
}
