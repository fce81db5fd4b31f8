package adminapi

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/internal/account"
	"github.com/openvoiceroom/openvoiceroom/internal/battle"
	"github.com/openvoiceroom/openvoiceroom/internal/gift"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

func rest(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "docs", "admin-api.md"))
	require.NoError(t, err)
	return string(b)
}

// section returns the part of the document whose heading has the words.
func section(t *testing.T, words string) string {
	t.Helper()
	for i, part := range strings.Split(rest(t), "\n## ") {
		if heading, text, _ := strings.Cut(part, "\n"); i > 0 && strings.Contains(heading, words) {
			return text
		}
	}
	t.Fatalf("docs/admin-api.md has no section %s", words)
	return ""
}

// docs/admin-api.md has every command once, in its service's section and with its rate.
func TestCommandsAreDocumented(t *testing.T) {
	for path, c := range commands {
		service, name, _ := strings.Cut(path, "/")
		row := regexp.MustCompile(`(?m)^\| `+"`"+name+"`"+` \|.*$`).FindAllString(section(t, "`"+service+"`"), -1)
		require.Len(t, row, 1, path)
		if service != "room_engine_http_mic" {
			assert.Equal(t, strconv.Itoa(c.rate), strings.TrimSpace(strings.Split(row[0], "|")[3]), path)
		} else {
			assert.Equal(t, 200, c.rate, path)
		}
	}
}

// The codes that a service has of its own are in its section, and the profile's fields in theirs.
func TestAccountsAreDocumented(t *testing.T) {
	login, profile, console := section(t, "`im_open_login_svc`"), section(t, "`profile`"), section(t, "`voiceroom_console`")
	for _, c := range []signaling.Code{account.CodeTooLong, codeLoginTimeout, codeLoginParameter, codeLoginServer} {
		assert.Contains(t, login, "\n| "+strconv.Itoa(int(c))+" | ")
	}
	for _, c := range []signaling.Code{
		account.CodeParameter, codeNobody, account.CodeUnknown, codeProfileServer, account.CodeTag, account.CodeTooLong, account.CodeValue, account.CodeType,
	} {
		assert.Contains(t, profile, "\n| "+strconv.Itoa(int(c))+" | ")
	}
	for _, tag := range account.StandardTags() {
		assert.Contains(t, profile, "`"+string(tag)+"`")
	}
	assert.Contains(t, profile, "Strings have "+strconv.Itoa(account.MaxValue)+" bytes")
	assert.Contains(t, profile, "`To_Account` (1 to "+strconv.Itoa(accountPage)+" accounts)")
	assert.Contains(t, profile, "`ProfileItem` of 1 to "+strconv.Itoa(maxItems)+" `Tag`")
	assert.Contains(t, console, "there are "+strconv.Itoa(account.MaxFields)+" already")
	assert.Contains(t, rest(t), "| body of `im_open_login_svc` | "+strconv.Itoa(commands["im_open_login_svc/account_import"].body>>10)+" KiB |")
	assert.Equal(t, 10, account.MaxAdmins, "documents")
}

func TestBattlesAreDocumented(t *testing.T) {
	text := section(t, "`live_engine_http_pk`")
	for _, limit := range []string{
		"`ToRoomIdList` (1 to " + strconv.Itoa(battle.MaxRooms-1) + " rooms)", "`ScoreList` of 1 to " + strconv.Itoa(battle.MaxRooms) + " `RoomId`",
		fmt.Sprintf("(milliseconds, %d to %d)", battle.MinDuration.Milliseconds(), battle.MaxDuration.Milliseconds()),
		"`ExtensionInfo` (" + strconv.Itoa(battle.MaxExtension) + " bytes)",
	} {
		assert.Contains(t, text, limit)
	}
	assert.Equal(t, "1h0m0s", battle.Kept.String(), "more than an hour ago")
}

func TestGiftsAreDocumented(t *testing.T) {
	for _, limit := range []string{
		fmt.Sprintf("100013 there are %d |", gift.MaxGifts), fmt.Sprintf("100013 there are %d |", gift.MaxCategories), fmt.Sprintf("(up to %d bytes)", gift.MaxID),
		fmt.Sprintf("Names have up to %d bytes and descriptions %d", gift.MaxName, gift.MaxDesc), fmt.Sprintf("`ResourceUrl` %d, `ExtensionInfo` %d:", gift.MaxURL, gift.MaxExtension),
		fmt.Sprintf("%d for each at most", gift.MaxLanguages), fmt.Sprintf("%d KiB at most", gift.MaxBytes>>10), "`Level` (0 to 1,000,000)", "`Coins` (0 to 1,000,000,000)",
	} {
		assert.Contains(t, section(t, "`live_engine_http_srv`"), limit)
	}
	assert.Equal(t, []int{1_000_000, 1_000_000_000}, []int{gift.MaxLevel, gift.MaxCoins})
	assert.Contains(t, rest(t), fmt.Sprintf("| body of `set_gift_catalogue` | %d KiB |", maxCatalogueBody>>10))
}

func TestCodesAndLimitsAreDocumented(t *testing.T) {
	text := rest(t)
	for _, c := range []signaling.Code{
		codeURL, codeJSON, codeAccount, codeSignature, codeApp, codeCommandRate, codeTimeout, codeResource, codeNotAdmin, codeAppRate,
		codeNoApp, codeAnswer, codeAccountType, codeParameter,
	} {
		assert.Contains(t, text, "\n| "+strconv.Itoa(int(c))+" | ")
	}
	for _, limit := range []string{
		"| body | " + strconv.Itoa(maxBody>>10) + " KiB |", "| " + strconv.Itoa(appRate) + " a second; bursts of as many |",
		"by their ids, " + strconv.Itoa(pageLimit) + " a page", "A call takes 3 s at most",
	} {
		assert.Contains(t, text, limit)
	}
	assert.Equal(t, "3s", callLimit.String())
	assert.Equal(t, 1000, memberLimit)
}
