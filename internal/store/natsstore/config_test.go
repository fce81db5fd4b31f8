package natsstore

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

func TestConfigRefusesWhatIsInClearOrContradictory(t *testing.T) {
	cluster := func(listen, secret string, routes ...string) Cluster {
		return Cluster{Name: "c", Node: "n", Listen: listen, Secret: secret, Routes: routes}
	}
	files := TLS{CA: "ca.pem", Cert: "cert.pem", Key: "key.pem"}
	for name, c := range map[string]struct {
		cfg  Config
		want string // "" = accepted
	}{
		"nothing":                     {Config{}, "data folder"},
		"embedded":                    {Config{Dir: "d"}, ""},
		"loopback":                    {Config{URL: "nats://127.0.0.1:4222"}, ""},
		"loopback by name":            {Config{URL: "localhost"}, ""},
		"loopback IPv6":               {Config{URL: "nats://[::1]:4222"}, ""},
		"plain to a host":             {Config{URL: "nats://nats.example.org"}, "in clear"},
		"plain without scheme":        {Config{URL: "nats.example.org:4222"}, "in clear"},
		"plain WebSocket":             {Config{URL: "ws://nats.example.org"}, "in clear"},
		"plain, second of two":        {Config{URL: "tls://a.example.org, nats://b.example.org"}, "in clear"},
		"looks like loopback":         {Config{URL: "nats://127.0.0.1.example.org"}, "in clear"},
		"loopback as the user":        {Config{URL: "nats://127.0.0.1@b.example.org"}, "in clear"},
		"plain, permitted":            {Config{URL: "nats://nats.example.org", Insecure: true}, ""},
		"TLS":                         {Config{URL: "tls://nats.example.org"}, ""},
		"TLS by an authority":         {Config{URL: "nats://nats.example.org", TLS: TLS{CA: "ca.pem"}}, ""},
		"not an address":              {Config{URL: "nats://u:secret@%zz"}, "not a NATS address"},
		"another scheme":              {Config{URL: "http://localhost"}, "scheme"},
		"URL and listen":              {Config{URL: "localhost", Listen: "127.0.0.1:0"}, "exclude"},
		"listen to all":               {Config{Dir: "d", Listen: "0.0.0.0:4222"}, "no password"},
		"listen to all, by no host":   {Config{Dir: "d", Listen: ":4222"}, "no password"},
		"prefix with a dot":           {Config{Dir: "d", Prefix: "a.b"}, "prefix"},
		"prefix with a star":          {Config{Dir: "d", Prefix: "*"}, "prefix"},
		"half a certificate":          {Config{Dir: "d", TLS: TLS{Cert: "c"}}, "key"},
		"replicas":                    {Config{Dir: "d", Replicas: 9}, "replicas"},
		"cluster on loopback":         {Config{Dir: "d", Cluster: cluster("127.0.0.1:0", "")}, ""},
		"cluster without names":       {Config{Dir: "d", Cluster: Cluster{Listen: "127.0.0.1:0"}}, "name"},
		"cluster without a secret":    {Config{Dir: "d", TLS: files, Cluster: cluster("0.0.0.0:6222", "")}, "secret"},
		"cluster in clear":            {Config{Dir: "d", Cluster: cluster("0.0.0.0:6222", "s")}, "TLS"},
		"cluster with all":            {Config{Dir: "d", TLS: files, Cluster: cluster("0.0.0.0:6222", "s", "b.example.org:6222")}, ""},
		"a route in clear":            {Config{Dir: "d", Cluster: cluster("127.0.0.1:0", "s", "b.example.org:6222")}, "in clear"},
		"a cluster in clear, allowed": {Config{Dir: "d", Insecure: true, Cluster: cluster("0.0.0.0:6222", "s", "b.example.org:6222")}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			err := c.cfg.withDefaults().validate()
			if c.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, c.want)
			assert.NotContains(t, err.Error(), "secret@", "no password in an error")
		})
	}
}

func TestServerVersion(t *testing.T) {
	for v, want := range map[string]bool{
		"2.12.6": true, "2.12.10": true, "2.15.2": true, "3.0.0": true, "v2.12.6": true, "2.12.6-RC.1": true,
		"2.12.5": false, "2.9.99": false, "1.99.99": false, "": false, "2": false, "dev": false,
	} {
		assert.Equal(t, want, atLeast(v, minVersion), v)
	}
}

func TestLogSubjectsAreParsedBack(t *testing.T) {
	s := subjects{"voiceroom"}
	for _, room := range []string{"", "*", ">", "a.b", " ", "r"} {
		k := store.Key{App: 4294967295, Room: signaling.RoomID(room)}
		got, ok := s.logs().parse(s.logs().of(k))
		assert.True(t, ok)
		assert.Equal(t, k, got)
	}
	for _, bad := range []string{
		"voiceroom.log", "voiceroom.log.1", "voiceroom.log.01.YQ", "voiceroom.log.4294967296.YQ", "other.log.1.YQ",
		"voiceroom.log.1.YQ.x", "voiceroom.log.-1.YQ", "voiceroom.log.1.YR",
	} {
		_, ok := s.logs().parse(bad)
		assert.False(t, ok, bad)
	}
}

func TestValueSubjectsAreParsedBack(t *testing.T) {
	s := subjects{"voiceroom"}
	for _, id := range []string{"", "*", ">", "a.b", " ", "r", "\x00"} {
		for _, sub := range []string{"", "*", "r"} {
			k := store.ValueKey{Bucket: store.BucketBan, App: 4294967295, ID: id, Sub: sub}
			got, ok := s.parseValue(s.value(k))
			assert.True(t, ok)
			assert.Equal(t, k, got)
		}
	}
	for _, bad := range []string{
		"voiceroom.val", "voiceroom.val.YmFu.1.YQ", "voiceroom.val.YmFu.01.YQ._", "voiceroom.val.YmFu.4294967296.YQ._",
		"other.val.YmFu.1.YQ._", "voiceroom.val.YmFu.1.YQ._.x", "voiceroom.val.YmFu.1.YR._",
	} {
		_, ok := s.parseValue(bad)
		assert.False(t, ok, bad)
	}
}
