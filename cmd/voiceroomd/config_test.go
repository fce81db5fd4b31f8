package main

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

func TestWrongFlagsAreExplainedBeforeServing(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "apps")
	require.NoError(t, os.WriteFile(file, []byte("# the tests'\n\n1:ok\n2 geheim\n"), 0o600))
	app := "--app=1:geheim"
	for name, c := range map[string]struct {
		args   []string
		status int
		want   string
	}{
		"no app":                       {nil, 2, "no app: give --app"},
		"an app without secret":        {[]string{"--app=1"}, 2, "--app, number 1: ID:SECRET is wanted"},
		"an empty secret":              {[]string{"--app=1:"}, 2, "ID:SECRET is wanted"},
		"an app without number":        {[]string{app, "--app=one:geheim"}, 2, "--app, number 2: the part before the colon"},
		"app 0":                        {[]string{"--app=0:geheim"}, 2, "a number from 1"},
		"an app too large":             {[]string{"--app=4294967296:geheim"}, 2, "to 4294967295"},
		"an app twice":                 {[]string{app, "--app=1:geheim2"}, 2, "app 1 is given twice"},
		"no such file":                 {[]string{"--app-file=" + filepath.Join(dir, "none")}, 2, "no such file"},
		"a folder as file":             {[]string{"--app-file=" + dir}, 2, "--app-file"},
		"a bad line":                   {[]string{"--app-file=" + file}, 2, "apps, line 4: ID:SECRET is wanted"},
		"a key without a file":         {[]string{app, "--app-public-key=1"}, 2, "--app-public-key, number 1: ID:FILE is wanted"},
		"a key without a secret":       {[]string{app, "--app-public-key=2:" + file}, 2, "app 2 has no secret"},
		"a key that is not there":      {[]string{app, "--app-public-key=1:" + filepath.Join(dir, "none")}, 2, "no such file"},
		"a key that is none":           {[]string{app, "--app-public-key=1:" + file}, 2, "BEGIN PUBLIC KEY"},
		"listen without port":          {[]string{app, "--listen=localhost"}, 2, "host:port is wanted"},
		"listen beyond ports":          {[]string{app, "--listen=localhost:70000"}, 2, "0 to 65535"},
		"media without port":           {[]string{app, "--media=1.2.3.4"}, 2, `--media "1.2.3.4"`},
		"not our address":              {[]string{app, "--insecure-http", "--listen=192.0.2.1:0"}, 1, "--listen 192.0.2.1:0"},
		"a name as public IP":          {[]string{app, "--public-ip=example.org"}, 2, "an IP address is wanted"},
		"an http URL":                  {[]string{app, "--url=http://example.org"}, 2, "ws://host:port"},
		"an origin with a path":        {[]string{app, "--allow-origin=https://example.org/x"}, 2, "--allow-origin"},
		"too many seats":               {[]string{app, "--seat-limit=51"}, 2, "1 to 50"},
		"no seats":                     {[]string{app, "--seat-limit=0"}, 2, "1 to 50"},
		"no members":                   {[]string{app, "--member-limit=0"}, 2, "--member-limit 0"},
		"too much history":             {[]string{app, "--barrage-history=51"}, 2, "0 to 50"},
		"no grace":                     {[]string{app, "--grace=0"}, 2, "--grace"},
		"an unknown level":             {[]string{app, "--log-level=loud"}, 2, "log-level"},
		"an unknown flag":              {[]string{app, "--lisen=x"}, 2, "unknown flag --lisen"},
		"NATS in clear":                {[]string{app, "--listen=127.0.0.1:0", "--nats=nats://nats.example.org"}, 1, "in clear"},
		"a NATS that is away":          {[]string{app, "--listen=127.0.0.1:0", "--nats=nats://127.0.0.1:1"}, 1, "connect"},
		"half a cluster":               {[]string{app, "--listen=127.0.0.1:0", "--cluster-listen=127.0.0.1:0"}, 2, "cluster"},
		"clear beyond this machine":    {[]string{app, "--listen=0.0.0.0:0"}, 2, "Give --tls-cert and --tls-key, or --acme-domain"},
		"a certificate without key":    {[]string{app, "--tls-cert=" + file}, 2, "belong together"},
		"two certificates":             {[]string{app, "--tls-cert=" + file, "--tls-key=" + file, "--acme-domain=a.test"}, 2, "exclude each other"},
		"a certificate that is none":   {[]string{app, "--listen=127.0.0.1:0", "--tls-cert=" + file, "--tls-key=" + file}, 1, "failed to find any PEM data"},
		"no certificate there":         {[]string{app, "--listen=127.0.0.1:0", "--tls-cert=" + dir + "/no", "--tls-key=" + file}, 1, "--tls-cert: open"},
		"clear clients at TLS":         {[]string{app, "--acme-domain=a.test", "--url=ws://a.test"}, 2, "clients need wss://"},
		"an ACME address":              {[]string{app, "--acme-domain=192.0.2.1"}, 2, "a full name such as"},
		"an ACME wildcard":             {[]string{app, "--acme-domain=*.a.test"}, 2, "a full name such as"},
		"ACME without a name":          {[]string{app, "--acme-email=me@a.test"}, 2, "--acme-email needs --acme-domain"},
		"ACME in clear":                {[]string{app, "--acme-domain=a.test", "--acme-url=http://a.test"}, 2, "https://host/path"},
		"an admin of no app":           {[]string{app, "--app-admin=2:root"}, 2, `--app-admin "2:root": there is no --app 2`},
		"an admin without name":        {[]string{app, "--app-admin=1:"}, 2, "ID:NAME is wanted"},
		"an admin without app":         {[]string{app, "--app-admin=root"}, 2, "ID:NAME is wanted"},
		"gifts that are not there":     {[]string{app, "--gifts=" + dir + "/none"}, 2, "--gifts " + dir + "/none: no such file"},
		"gifts that are none":          {[]string{app, "--gifts=" + file}, 2, "an object with gifts and categories is wanted"},
		"rooms below none":             {[]string{app, "--room-limit=-1"}, 2, "--room-limit -1"},
		"rooms that are always ending": {[]string{app, "--dismiss-empty=9m"}, 2, "--dismiss-empty 9m0s: 10m to 24h"},
		"rooms that never end":         {[]string{app, "--dismiss-empty=0"}, 2, "--dismiss-empty"},
		"an owner who may not blink":   {[]string{app, "--dismiss-owner-left=1m"}, 2, "--dismiss-owner-left 1m0s: 2m to 12h, or 0 (never)"},
		"an owner lost for days":       {[]string{app, "--dismiss-owner-lost=13h"}, 2, "--dismiss-owner-lost"},
		"callbacks tried never":        {[]string{app, "--webhook-retry=0"}, 2, "--webhook-retry 0s: 1s to 168h0m0s"},
		"callbacks kept too long":      {[]string{app, "--webhook-retry=169h"}, 2, "--webhook-retry"},
		"not a network":                {[]string{app, "--webhook-allow=10.0.0.0/33"}, 2, `--webhook-allow "10.0.0.0/33": a network is wanted`},
		"not a proxy":                  {[]string{app, "--trusted-proxy=nginx"}, 2, `--trusted-proxy "nginx": a network is wanted`},
		"proxies everywhere":           {[]string{app, "--trusted-proxy=::/0"}, 2, "--trusted-proxy ::/0: everybody could then"},
		"a network in disguise":        {[]string{app, "--webhook-allow=::ffff:10.0.0.0/104"}, 2, "--webhook-allow"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, status := runOnce(t, c.args...)
			assert.Equal(t, c.status, status, out)
			assert.Contains(t, out, c.want)
			assert.NotContains(t, out, "geheim", "no secret in a message")
			assert.NotContains(t, out, "ready")
		})
	}
}

func TestApps(t *testing.T) {
	file := filepath.Join(t.TempDir(), "apps")
	require.NoError(t, os.WriteFile(file, []byte("# comment\r\n 3 : with:colon \r\n4:#hash"), 0o600))
	got, err := options{App: []string{"1:one", "2:a b"}, AppFile: file}.apps()
	require.NoError(t, err)
	assert.Equal(t, map[signaling.AppID]string{1: "one", 2: "a b", 3: "with:colon", 4: "#hash"}, got)
}

func TestAppAdmins(t *testing.T) {
	apps := map[signaling.AppID]string{1: "one", 2: "two"}
	got, err := options{AppAdmin: []string{"1:root", "2:root", "1: a:b "}}.appAdmins(apps)
	require.NoError(t, err)
	assert.Equal(t, map[signaling.AppID][]signaling.UserID{1: {"root", "a:b"}, 2: {"root"}}, got)
	var o options
	for i := range maxAppAdmins + 1 {
		o.AppAdmin = append(o.AppAdmin, fmt.Sprintf("1:a%d", i))
	}
	_, err = o.appAdmins(apps)
	require.ErrorContains(t, err, "app 1 has 10 already")
}

func TestMediaFollowsListen(t *testing.T) {
	assert.Equal(t, "1.2.3.4:5", options{Listen: "1.2.3.4:5"}.mediaAddr())
	assert.Equal(t, "0.0.0.0:6", options{Listen: "1.2.3.4:5", Media: "0.0.0.0:6"}.mediaAddr())
}

func TestLoopback(t *testing.T) {
	for addr, want := range map[string]bool{
		"127.0.0.1:1": true, "127.9.9.9:1": true, "[::1]:1": true, "localhost:1": true,
		"0.0.0.0:1": false, "[::]:1": false, ":1": false, "example.org:1": false, "10.0.0.1:1": false, "": false,
	} {
		assert.Equal(t, want, loopback(addr), addr)
	}
}
