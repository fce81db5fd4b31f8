package law

import (
	"bytes"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// maxLines is where a file has more than one idea.
const maxLines = 450

func TestFilesAreShort(t *testing.T) {
	for _, name := range tracked(t) {
		if !slices.Contains([]string{".go", ".js", ".ts", ".css", ".html", ".sh"}, path.Ext(name)) || strings.Contains(name, "testdata/") {
			continue
		}
		if n := bytes.Count(read(t, name), []byte("\n")); n >= maxLines {
			t.Errorf("%s has %d lines, the limit is %d: a file is one concept, read from top to bottom", name, n, maxLines)
		}
	}
}

// local matches paths that exist on one person's machine only.
var local = regexp.MustCompile(`(?m)(^|[\s"'` + "`" + `=(:,])(/(home|Users|root|work)/\w|[A-Z]:\\Users\\)`)

func TestNoLocalPaths(t *testing.T) {
	for _, name := range tracked(t) {
		text := read(t, name)
		if bytes.IndexByte(text, 0) >= 0 {
			continue // not text
		}
		if hit := local.Find(text); hit != nil {
			t.Errorf("%s mentions %q: a path of somebody's machine means nothing on another", name, bytes.TrimSpace(hit))
		}
	}
}

// top is what the module's folder may hold besides files.
var top = []string{"voiceroom", "seatgrid", "engine", "signaling", "audio", "examples", "internal", "cmd", "docs"}

func TestTopLevel(t *testing.T) {
	for _, name := range tracked(t) {
		dir, _, below := strings.Cut(name, "/")
		if below && !strings.HasPrefix(dir, ".") && !slices.Contains(top, dir) {
			t.Errorf("%s: the top level is %v; a newcomer reads that list first", name, top)
		}
	}
}

func tracked(t *testing.T) []string {
	t.Helper()
	list, err := files()
	require.NoError(t, err)
	require.NotEmpty(t, list)
	return list
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, name))
	require.NoError(t, err)
	return b
}
