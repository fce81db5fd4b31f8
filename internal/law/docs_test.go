package law

import (
	"fmt"
	"go/ast"
	gc "go/constant"
	"go/token"
	"go/types"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/internal/follow"
	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// goBlocks returns the Go blocks of a Markdown file.
func goBlocks(t *testing.T, name string) []string {
	t.Helper()
	var list []string
	for i, part := range strings.Split(string(read(t, name)), "```go\n") {
		if i > 0 {
			block, _, closed := strings.Cut(part, "```\n")
			require.True(t, closed, "%s: a Go block without an end", name)
			list = append(list, block)
		}
	}
	return list
}

// What a newcomer copies out of the README has been compiled, and the test has been run.
func TestReadmesCodeIsReal(t *testing.T) {
	blocks := goBlocks(t, "README.md")
	require.Len(t, blocks, 2, "README.md: one program, one test")
	program := string(read(t, "examples/join/main.go"))
	assert.Equal(t, program[strings.Index(program, "package main\n"):], blocks[0], "README.md's program and examples/join/main.go")

	_, block, ok := strings.Cut(blocks[1], "{\n")
	require.True(t, ok)
	const file = "voiceroom/voiceroomtest/readme_test.go"
	_, test, ok := strings.Cut(string(read(t, file)), "func TestReadme(t *testing.T) {\n")
	require.True(t, ok, file)
	assert.Equal(t, test, block, "README.md's test and %s", file)
}

// link matches Markdown links; the target is group 1.
var link = regexp.MustCompile(`\]\(([^)\s]+)\)`)

func TestLinksLeadSomewhere(t *testing.T) {
	for _, name := range tracked(t) {
		if path.Ext(name) != ".md" || strings.Contains(name, "testdata/") {
			continue
		}
		text := string(read(t, name))
		for _, m := range link.FindAllStringSubmatch(text, -1) {
			target, anchor, _ := strings.Cut(m[1], "#")
			if strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
				continue
			}
			at := name
			if target != "" {
				at = path.Join(path.Dir(name), target)
			}
			if _, err := os.Stat(filepath.Join(root, at)); err != nil {
				t.Errorf("%s links to %s, which does not exist", name, m[1])
				continue
			}
			if anchor != "" && path.Ext(at) == ".md" && !slices.Contains(anchors(string(read(t, at))), anchor) {
				t.Errorf("%s links to %s: that file has no such heading", name, m[1])
			}
		}
	}
}

var noAnchor = regexp.MustCompile(`[^\p{L}\p{N} _-]`)

// anchors returns what GitHub makes of a file's headings.
func anchors(text string) []string {
	var list []string
	for line := range strings.Lines(text) {
		if h := strings.TrimLeft(line, "#"); len(h) < len(line) && strings.HasPrefix(h, " ") {
			h = noAnchor.ReplaceAllString(strings.ToLower(strings.TrimSpace(h)), "")
			list = append(list, strings.ReplaceAll(h, " ", "-"))
		}
	}
	return list
}

// The figures that others program against are those of the code.
func TestLimitsAreDocumented(t *testing.T) {
	_, section, ok := strings.Cut(string(read(t, "docs/protocol.md")), "## 6. Limits\n")
	require.True(t, ok)
	section, _, _ = strings.Cut(section, "\n## ")
	rows := map[string]string{}
	for line := range strings.Lines(section) {
		if cells := strings.Split(line, "|"); len(cells) == 5 {
			rows[strings.TrimSpace(cells[1])] = strings.TrimSpace(cells[2])
		}
	}
	sfu, sig := "internal/sfu/packet.go", "signaling/usersig/usersig.go"
	for what, want := range map[string]string{
		"frame from a client":           fmt.Sprintf("%d KiB", signaling.MaxFrame>>10),
		"messages waiting for a client": strconv.Itoa(signaling.MaxQueue),
		"calls of one client":           fmt.Sprintf("%d a second, bursts of %d", signaling.CallsPerSecond, 2*signaling.CallsPerSecond),
		"`session.setSelfInfo` of one client": fmt.Sprintf("%d a second, bursts of %d",
			constant(t, "internal/server/selfinfo.go", "renamesPerSecond"), constant(t, "internal/server/selfinfo.go", "renamesBurst")),
		"users followed or unfollowed by one client": fmt.Sprintf("%d a second, bursts of %d",
			constant(t, "internal/server/follow.go", "followsPerSecond"), signaling.MaxFollowUsers),
		"`follow.check`, `follow.info`, `follow.list` of one client": fmt.Sprintf("%d a second, bursts of %d",
			constant(t, "internal/server/follow.go", "followAsksPerSecond"), constant(t, "internal/server/follow.go", "followAsksBurst")),
		"users that one follows":                                strconv.Itoa(follow.MaxFollowing),
		"users of `follow.add`, `follow.remove`, `follow.info`": strconv.Itoa(signaling.MaxFollowUsers),
		"users of `follow.check`":                               strconv.Itoa(signaling.MaxFollowChecks),
		"page of `follow.list`":                                 strconv.Itoa(signaling.FollowPageLimit),
		"rooms of one connection":                               fmt.Sprintf("%d, those included that are asked; %d seats in all", signaling.MaxConnectedRooms, signaling.MaxConnectedUsers),
		"rooms asked for a connection by one client": fmt.Sprintf("%d a second, bursts of %d",
			constant(t, "internal/server/connection.go", "connectionsPerSecond"), constant(t, "internal/server/connection.go", "connectionsBurst")),
		"rooms of one session":       strconv.FormatInt(constant(t, "internal/server/calls.go", "maxRooms"), 10),
		"room id":                    fmt.Sprintf("1 to %d bytes", longest(func(n int) error { return signaling.RoomID(strings.Repeat("r", n)).Valid() })),
		"user id":                    fmt.Sprintf("1 to %d bytes", longest(func(n int) error { return signaling.UserID(strings.Repeat("u", n)).Valid() })),
		"room name":                  fmt.Sprintf("%d bytes", room.MaxNameBytes),
		"seats":                      fmt.Sprintf("20 (a server can be set up to %d)", room.MaxSeats),
		"pending requests of a room": strconv.Itoa(room.MaxRequests),
		"application's time-out":     fmt.Sprintf("%d hours", int(room.MaxTimeout/time.Hour)),
		"audio of one speaker":       fmt.Sprintf("%d packets a second, 1,%03d bytes each", constant(t, sfu, "maxRate"), constant(t, sfu, "maxPayload")-1000),
		"packets asked for again by one listener": fmt.Sprintf("%d a second, bursts of %d, %d with one packet",
			constant(t, "internal/sfu/ask.go", "askRate"), constant(t, "internal/sfu/ask.go", "askBurst"), constant(t, "internal/sfu/ask.go", "maxAsked")),
		"UserSig": fmt.Sprintf("%d KiB, %d KiB inflated", constant(t, sig, "maxToken")>>10, constant(t, sig, "maxInflated")>>10),
	} {
		got, rest := rows[what][:min(len(rows[what]), len(want))], rows[what][min(len(rows[what]), len(want)):]
		assert.Equal(t, want, got, "docs/protocol.md, section 6, %q", what)
		if rest != "" { // more words may follow, not more digits
			assert.Contains(t, " ,", rest[:1], "docs/protocol.md, section 6, %q", what)
		}
	}
}

// longest returns the greatest length that is valid.
func longest(valid func(n int) error) int {
	n := 0
	for valid(n+1) == nil {
		n++
	}
	return n
}

// constant evaluates a number that its package keeps to itself.
func constant(t *testing.T, file, name string) int64 {
	t.Helper()
	for _, s := range parsed(t) {
		if s.path != file {
			continue
		}
		var found ast.Expr
		ast.Inspect(s.syntax, func(n ast.Node) bool {
			if v, ok := n.(*ast.ValueSpec); ok && len(v.Names) == 1 && v.Names[0].Name == name && len(v.Values) == 1 {
				found = v.Values[0]
			}
			return true
		})
		require.NotNil(t, found, "%s has no constant %s", file, name)
		value, err := types.Eval(token.NewFileSet(), nil, token.NoPos, types.ExprString(found))
		require.NoError(t, err)
		n, exact := gc.Int64Val(value.Value)
		require.True(t, exact)
		return n
	}
	t.Fatalf("there is no %s", file)
	return 0
}

// namedTest matches the tests that a text names.
var namedTest = regexp.MustCompile(`\b(Test|Fuzz)[A-Z]\w+`)

// What SECURITY.md says is tested has a test of that name.
func TestSecurityNamesRealTests(t *testing.T) {
	have := map[string]bool{}
	for _, s := range parsed(t) {
		for _, d := range s.syntax.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && strings.HasSuffix(s.path, "_test.go") {
				have[f.Name.Name] = true
			}
		}
	}
	names := namedTest.FindAllString(string(read(t, "SECURITY.md")), -1)
	require.NotEmpty(t, names)
	for _, name := range names {
		assert.True(t, have[name], "SECURITY.md: there is no test %s", name)
	}
}
