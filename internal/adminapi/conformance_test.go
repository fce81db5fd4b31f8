package adminapi

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/internal/conformance"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// never reads the table of the codes that never come out of docs/admin-api.md: by command, or "all commands".
func never(t *testing.T) map[string][]signaling.Code {
	t.Helper()
	_, table, ok := strings.Cut(rest(t), "\n| code | of | why not |\n|---|---|---|\n")
	require.True(t, ok)
	table, _, _ = strings.Cut(table, "\n\n")
	list := map[string][]signaling.Code{}
	for row := range strings.Lines(table) {
		cells := strings.Split(row, "|")
		require.Len(t, cells, 5, row)
		require.NotEmpty(t, strings.TrimSpace(cells[3]), "a reason: %s", row)
		for number := range strings.SplitSeq(cells[1], ",") {
			n, err := strconv.Atoi(strings.TrimSpace(number))
			require.NoError(t, err, row)
			for name := range strings.SplitSeq(cells[2], ",") {
				name = strings.Trim(strings.TrimSpace(name), "`")
				list[name] = append(list[name], signaling.Code(n))
			}
		}
	}
	return list
}

// Every command has cases: one at least that succeeds, and one for each code that the documents name for it, unless
// docs/admin-api.md says why it never comes.
func TestEveryCodeHasACase(t *testing.T) {
	reasons := never(t)
	used := map[string]bool{}
	excused := func(command string, code signaling.Code) bool {
		for _, who := range []string{command[strings.LastIndex(command, "/")+1:], "all commands"} {
			if slices.Contains(reasons[who], code) {
				used[who+strconv.Itoa(int(code))] = true
				return true
			}
		}
		return false
	}
	all, err := conformance.Commands()
	require.NoError(t, err)
	have := map[string]bool{"common": false}
	for _, c := range all {
		have[c.Name] = true
		if _, known := commands[c.Name]; !known && c.Name != "common" {
			t.Errorf("the cases of %s are of no command", c.Name)
		}
		played, succeeds := []signaling.Code{}, c.Name == "common"
		for _, one := range c.Cases {
			for _, s := range one.Steps {
				if s.Client == "" && (s.Call == "" || c.Name == "common") {
					played = append(played, s.Code)
					succeeds = succeeds || s.Code == 0
				}
			}
		}
		assert.True(t, succeeds, "%s: no case in which it succeeds", c.Name)
		assert.True(t, c.Ours != (len(c.Documented) > 0), "%s: what the documents name, or that they have no such command", c.Name)
		for _, code := range c.Documented {
			has, why := slices.Contains(played, code), excused(c.Name, code)
			switch {
			case !has && !why:
				t.Errorf("%s: no case for code %d, and docs/admin-api.md does not say why it never comes", c.Name, code)
			case has && why:
				t.Errorf("%s: there is a case for code %d, of which docs/admin-api.md says that it never comes", c.Name, code)
			}
		}
	}
	for name := range commands {
		assert.True(t, have[name], "%s has no cases: internal/conformance/cases/%s.yaml", name, name)
	}
	assert.True(t, have["common"])
	for who, codes := range reasons {
		for _, code := range codes {
			assert.True(t, used[who+strconv.Itoa(int(code))], "docs/admin-api.md excuses code %d of %s, which nothing needs", code, who)
		}
	}
}

// docs/admin-api.md says what cases may hold, and how to play them.
func TestConformanceIsDocumented(t *testing.T) {
	assert.Regexp(t, regexp.MustCompile(`make conformance URL=http://127\.0\.0\.1:8080 APP=`), rest(t))
}
