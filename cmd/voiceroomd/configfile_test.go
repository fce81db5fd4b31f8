package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/alecthomas/kong"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// flags are the command's, without those of a program's every run.
func flags(t *testing.T) []*kong.Flag {
	t.Helper()
	p, err := newParser(new(options))
	require.NoError(t, err)
	return p.Model.Flags
}

func TestConfigFileIsChecked(t *testing.T) {
	dir := t.TempDir()
	secret, two := filepath.Join(dir, "secret"), filepath.Join(dir, "two")
	require.NoError(t, os.WriteFile(secret, []byte("geheim\n"), 0o600))
	require.NoError(t, os.WriteFile(two, []byte("geheim\ngeheim\n"), 0o600))
	for name, c := range map[string]struct{ text, want string }{
		"a wrong key":         {"# x\nlistn: 127.0.0.1:0", `line 2: there is no key "listn"; is listen meant?`},
		"a key of old":        {"seatLimit: 3", `line 1: there is no key "seatLimit"; is seat-limit meant?`},
		"a key from nowhere":  {"colour: red", `line 1: there is no key "colour"; voiceroomd --help lists them`},
		"a flag of no file":   {"print-config: true", `there is no key "print-config"`},
		"help":                {"help: true", `there is no key "help"`},
		"a key twice":         {"data: a\n\ndata: b", "line 3: data is on line 1 already"},
		"a word for a number": {"seat-limit: many", `line 1: seat-limit: "many": a whole number is wanted`},
		"a fraction":          {"seat-limit: 1.5", "a whole number is wanted"},
		"a bare time":         {"grace: 30", `line 1: grace: "30": a time such as 30s or 2m is wanted`},
		"maybe":               {"multi-login: maybe", "true or false is wanted"},
		"a flag as text":      {"data: true", `line 1: data: "true": text in quotes is wanted`},
		"an unknown level":    {"log-level: loud", "one of debug, info, warn, error is wanted"},
		"a list for one":      {"data: [a, b]", "line 1: data: one value is wanted, not a list"},
		"keys for a value":    {"data:\n  dir: x", "line 2: data: a value is wanted, not keys of its own"},
		"nothing":             {"data:", "line 1: data: the value is missing"},
		"nothing in a list":   {"public-ip:\n - 1.2.3.4\n -", "public-ip: line 3: the value is missing"},
		"an alias":            {"data: &x a\nprefix: *x", "line 2: prefix: aliases"},
		"two documents":       {"data: a\n---\ndata: b", "a second document"},
		"a list":              {"- data", "line 1: lines of the form key: value are wanted"},
		"no YAML":             {"data: a\n  b: [", "line 2"},
		"no secret file":      {"cluster-secret: {secretFile: " + dir + "/none}", "no such file"},
		"two secrets in one":  {"cluster-secret: {secretFile: " + two + "}", "one line with the secret is wanted"},
		"a secret's key":      {"cluster-secret: {secretfile: " + secret + "}", `there is no key "secretfile": secretFile is wanted`},
		"an id too many":      {"cluster-secret: {id: 1, secretFile: " + secret + "}", `there is no key "id": secretFile is wanted`},
		"an app without id":   {"app: [{secretFile: " + secret + "}]", "app: line 1: id is missing"},
		"an app without file": {"app: [{id: 1}]", "secretFile is missing"},
		"an app's secret":     {"app: [{id: 1, secret: geheim}]", `there is no key "secret": secretFile is wanted, with id`},
		"too long":            {strings.Repeat("#", maxConfig+1), "more than"},
	} {
		_, err := parseConfig([]byte(c.text), flags(t))
		require.Error(t, err, name)
		assert.Contains(t, err.Error(), c.want, name)
		assert.NotContains(t, err.Error(), "geheim", name)
	}
	for _, empty := range []string{"", "# nothing\n", "---\n"} {
		c, err := parseConfig([]byte(empty), flags(t))
		require.NoError(t, err)
		require.Empty(t, c)
	}
	_, err := parseConfig([]byte("one: 1\ndata: a\ntwo: 2"), flags(t))
	require.ErrorContains(t, err, "line 1")
	require.ErrorContains(t, err, "line 3", "all that is wrong is told at once")
}

// What the command line says counts most, then the environment, then the file, then the default.
func TestPrecedence(t *testing.T) {
	dir := t.TempDir()
	secret := filepath.Join(dir, "secret")
	require.NoError(t, os.WriteFile(secret, []byte("geheim,mit:Zeichen\n"), 0o600))
	file := filepath.Join(dir, "c.yaml")
	require.NoError(t, os.WriteFile(file, []byte(strings.NewReplacer("SECRET", secret).Replace(
		"app:\n - 1:a,b\n - {id: 2, secretFile: SECRET}\nseat-limit: 11\nmember-limit: 12\ngrace: 13s\nmulti-login: true\n"+
			"cluster-secret: {secretFile: SECRET}\npublic-ip: 192.0.2.1\nnats: nats://me:geheim@a.test,nats://geheim@b.test\nacme-email: me@a.test\n")), 0o600))
	t.Setenv("VOICEROOM_CONFIG", file)
	t.Setenv("VOICEROOM_MEMBER_LIMIT", "22")
	t.Setenv("VOICEROOM_GRACE", "23s")
	o, show, err := parse([]string{"--grace=33s", "--print-config"})
	require.NoError(t, err)
	assert.Equal(t, []string{"1:a,b", "2:geheim,mit:Zeichen"}, o.App)
	assert.Equal(t, "geheim,mit:Zeichen", o.ClusterSecret)
	assert.Equal(t, []string{"192.0.2.1"}, o.PublicIP)
	assert.Equal(t, 11, o.SeatLimit)
	assert.Equal(t, 22, o.MemberLimit)
	assert.Equal(t, 33*time.Second, o.Grace)
	assert.True(t, o.MultiLogin)
	assert.Equal(t, "voiceroom", o.Prefix)
	for _, line := range []string{
		"seat-limit: 11 # file", "member-limit: 22 # environment", "grace: 33s # flag", "prefix: voiceroom # default",
		"app: ['1:(hidden)', '2:(hidden)'] # file", "cluster-secret: (hidden) # file", "public-ip: [192.0.2.1] # file",
		"nats: nats://hidden@a.test,nats://hidden@b.test # file", "acme-email: me@a.test # file",
	} {
		assert.Contains(t, strings.Split(show, "\n"), line)
	}
	assert.NotContains(t, show, "geheim")
	_, err = parseConfig([]byte(show), flags(t))
	require.NoError(t, err, "what is printed is a file")
	assert.NotContains(t, show, "config:")
}

func TestConfigFileServes(t *testing.T) {
	file := filepath.Join(t.TempDir(), "c.yaml")
	require.NoError(t, os.WriteFile(file, []byte("app: 5:secret\ndata: "+t.TempDir()+"\nlog-level: error\n"), 0o600))
	p := start(t, "--config="+file)
	require.Zero(t, p.signal(syscall.SIGTERM))
	out, status := runOnce(t, "--config="+file, "--print-config", "--seat-limit=99")
	require.Equal(t, 2, status, "it says too that the flags make no sense")
	require.Contains(t, out, "seat-limit: 99 # flag")
	require.Contains(t, out, "--seat-limit 99: 1 to 50")
	out, status = runOnce(t, "--config="+file, "--print-config")
	require.Zero(t, status, out)
	require.NotContains(t, out, "5:secret")
	out, status = runOnce(t, "--config="+file+".none")
	require.Equal(t, 2, status)
	require.Contains(t, out, "--config: open")
	require.NoError(t, os.WriteFile(file, []byte("ap: 5:secret\n"), 0o600))
	out, status = runOnce(t, "--config="+file)
	require.Equal(t, 2, status)
	require.Contains(t, out, `c.yaml: line 1: there is no key "ap"; is app meant?`)
}

// The sample has every key once, and a default that it shows is the default.
func TestSampleConfig(t *testing.T) {
	b, err := os.ReadFile("voiceroomd.yaml")
	require.NoError(t, err)
	all := flags(t)
	plain, err := parseConfig(b, all)
	require.NoError(t, err, "it works as it is")
	require.Len(t, plain, 2)

	text := regexp.MustCompile(`(?m)^#([a-z].*:)`).ReplaceAllString(string(b), "$1")
	secret := filepath.Join(t.TempDir(), "s")
	require.NoError(t, os.WriteFile(secret, []byte("s"), 0o600))
	text = regexp.MustCompile(`secretFile: [^}]*`).ReplaceAllString(strings.ReplaceAll(text, "\n#  - {", "\n  - {"), "secretFile: "+secret)
	whole, err := parseConfig([]byte(text), all)
	require.NoError(t, err, "and with all its examples")
	for _, f := range all {
		if !inFile(f) {
			continue
		}
		if assert.Contains(t, whole, f.Name, "cmd/voiceroomd/voiceroomd.yaml lacks a flag") && f.HasDefault {
			assert.Equal(t, f.Default, fmt.Sprint(whole[f.Name]), "the default of %s", f.Name)
		}
		if f.Target.Kind().String() == "bool" {
			assert.Equal(t, "false", whole[f.Name], f.Name)
		}
		delete(whole, f.Name)
	}
	require.Empty(t, whole)
}
