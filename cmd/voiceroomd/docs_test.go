package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/signaling/usersig"
)

var update = flag.Bool("update", false, "write docs/operating.md's table of flags anew")

const operating = "../../docs/operating.md"

// The table of flags is what --help says.
func TestOperatingHasTheFlags(t *testing.T) {
	var want strings.Builder
	group := ""
	for _, f := range flags(t) {
		if f.Group == nil { // --help
			continue
		}
		if f.Group.Title != group {
			group = f.Group.Title
			fmt.Fprintf(&want, "\n**%s**\n\n| flag | meaning |\n|---|---|\n", group)
		}
		value := ""
		if f.PlaceHolder != "" {
			value = " " + f.PlaceHolder
		}
		fmt.Fprintf(&want, "| `--%s%s` | %s |\n", f.Name, value, strings.ReplaceAll(f.Help, "|", `\|`))
	}
	want.WriteString("\n")
	text, err := os.ReadFile(operating)
	require.NoError(t, err)
	head, rest, ok := strings.Cut(string(text), "<!-- flags -->\n")
	require.True(t, ok)
	got, tail, ok := strings.Cut(rest, "<!-- end of flags -->\n")
	require.True(t, ok)
	if *update {
		require.NoError(t, os.WriteFile(operating, []byte(head+"<!-- flags -->\n"+want.String()+"<!-- end of flags -->\n"+tail), 0o644))
		return
	}
	require.Equal(t, want.String(), got, "go test ./cmd/voiceroomd -run Operating -update writes it anew")
}

// rest calls the REST API as the app's server does.
func (p *process) rest(command, body string) map[string]any {
	p.t.Helper()
	sig, err := usersig.Mint(1400000001, "secret", "administrator", time.Hour, time.Now())
	require.NoError(p.t, err)
	resp, err := http.Post("http://"+p.at()+"/v4/live_engine_http_srv/"+command+"?sdkappid=1400000001&identifier=administrator&random=1&contenttype=json&usersig="+
		url.QueryEscape(sig), "application/json", strings.NewReader(body))
	require.NoError(p.t, err)
	defer resp.Body.Close()
	answer := map[string]any{}
	b, err := io.ReadAll(resp.Body)
	require.NoError(p.t, err)
	require.NoError(p.t, json.Unmarshal(b, &answer), "%s", b)
	return answer
}

const aRoom = `{"RoomInfo":{"RoomId":"kept","Owner_Account":"administrator","RoomType":"Live","IsSeatEnabled":true,"MaxSeatCount":2}}`

// What a backup needs is the folder, copied while nothing runs: the rooms are there in another one.
func TestBackupIsACopy(t *testing.T) {
	data, restored := filepath.Join(t.TempDir(), "data"), filepath.Join(t.TempDir(), "restored")
	p := start(t, "--data="+data)
	require.Equal(t, "OK", p.rest("create_room", aRoom)["ActionStatus"])
	require.Zero(t, p.signal(syscall.SIGTERM))
	require.NoError(t, os.CopyFS(restored, os.DirFS(data)))
	require.NoError(t, os.RemoveAll(data))
	p = start(t, "--data="+restored)
	answer := p.rest("get_room_info", `{"RoomId":"kept"}`)
	require.Equal(t, "OK", answer["ActionStatus"], "%v", answer)
	require.Zero(t, p.signal(syscall.SIGTERM))
}
