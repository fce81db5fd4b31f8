package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
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

const aRoom = `{"RoomInfo":{"RoomId":"kept","Owner_Account":"administrator","RoomType":"Live","IsSeatEnabled":true,"MaxSeatCount":2}}`

// What a backup needs is the folder, copied while nothing runs: the rooms are there in another one.
func TestBackupIsACopy(t *testing.T) {
	data, restored := filepath.Join(t.TempDir(), "data"), filepath.Join(t.TempDir(), "restored")
	p := start(t, "--data="+data)
	p.rest("live_engine_http_srv/create_room", json.RawMessage(aRoom))
	require.Zero(t, p.signal(syscall.SIGTERM))
	require.NoError(t, os.CopyFS(restored, os.DirFS(data)))
	require.NoError(t, os.RemoveAll(data))
	p = start(t, "--data="+restored)
	p.rest("live_engine_http_srv/get_room_info", json.RawMessage(`{"RoomId":"kept"}`))
	require.Zero(t, p.signal(syscall.SIGTERM))
}
