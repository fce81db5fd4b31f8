package account_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/openvoiceroom/openvoiceroom/internal/account"
	"github.com/openvoiceroom/openvoiceroom/internal/store/memstore"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const app signaling.AppID = 1400000001

// nodes are the accounts as several nodes see them.
func nodes(t testing.TB, n int) []*account.Accounts {
	t.Helper()
	c := memstore.New()
	list := make([]*account.Accounts, n)
	for i := range list {
		node := c.Node()
		t.Cleanup(func() { require.NoError(t, node.Close()) })
		list[i] = account.New(account.Config{Values: node, Admins: map[signaling.AppID][]signaling.UserID{app: {"root"}}})
	}
	return list
}

func imported(t testing.TB, a *account.Accounts, users ...signaling.UserID) {
	t.Helper()
	for _, u := range users {
		_, err := a.Import(t.Context(), app, u, nil, nil)
		require.NoError(t, err)
	}
}

// What a field takes, and with which of the documents' codes it refuses the rest.
func TestParse(t *testing.T) {
	declared := account.Fields{"Test": account.String, "raw": account.Bytes}
	text := func(n int) string { return `"` + strings.Repeat("é", n/2) + `"` }
	for _, row := range []struct {
		tag  account.Tag
		raw  string
		code signaling.Code
	}{
		{account.TagNick, `"王小明"`, 0},
		{account.TagNick, `""`, 0},
		{account.TagNick, text(500), 0},
		{account.TagNick, text(502), 40601},
		{account.TagNick, `"a\u0007"`, 40605},
		{account.TagNick, `"a\nb"`, 40605},
		{account.TagNick, `7`, 40610},
		{account.TagNick, `null`, 40610},
		{account.TagNick, ``, 40610},
		{account.TagNick, `["a"]`, 40610},
		{account.TagImage, text(500), 0},
		{account.TagImage, text(502), 40601},
		{account.TagSignature, `"two\nlines"`, 0},
		{account.TagLocation, text(500), 0},
		{account.TagLevel, `0`, 0},
		{account.TagLevel, `4294967295`, 0},
		{account.TagLevel, `4294967296`, 40605},
		{account.TagLevel, `-1`, 40605},
		{account.TagLevel, `1.0`, 40610},
		{account.TagLevel, `1e2`, 40610},
		{account.TagLevel, `"1"`, 40610},
		{account.TagLevel, `true`, 40610},
		{account.TagLevel, ``, 40610},
		{account.TagRole, `3`, 0},
		{account.TagBirthDay, `20000229`, 0},
		{account.TagLanguage, `1`, 0},
		{account.TagGender, `"Gender_Type_Female"`, 0},
		{account.TagGender, `"female"`, 40605},
		{account.TagGender, `1`, 40610},
		{account.TagAllowType, `"AllowType_Type_DenyAny"`, 0},
		{account.TagAllowType, `""`, 40605},
		{"Tag_Profile_Custom_Test", text(500), 0},
		{"Tag_Profile_Custom_Test", text(502), 40601},
		{"Tag_Profile_Custom_Test", `5`, 40610},
		{"Tag_Profile_Custom_raw", `"\u0000\u0001"`, 0},
		{"Tag_Profile_Custom_test", `"x"`, 40009},
		{"Tag_Profile_Custom_", `"x"`, 40009},
		{"Test", `"x"`, 40009},
		{"Tag_Profile_IM_Nothing", `"x"`, 40009},
		{"", `"x"`, 40009},
	} {
		t.Run(fmt.Sprintf("%s %.20s", row.tag, row.raw), func(t *testing.T) {
			v, err := declared.Parse(row.tag, json.RawMessage(row.raw))
			require.Equal(t, row.code, signaling.CodeOf(err), "%v", err)
			if err == nil {
				b, err := json.Marshal(v)
				require.NoError(t, err)
				require.JSONEq(t, row.raw, string(b), "what was set is what is read")
			}
		})
	}
}

// FuzzParse: whatever JSON comes, a value that is taken fits, and is the same when it has been stored and read.
func FuzzParse(f *testing.F) {
	tags := append(account.StandardTags(), "Tag_Profile_Custom_Test", "Tag_Profile_Custom_raw", "x")
	for i := range tags {
		for _, raw := range []string{`"x"`, `1`, `"\ud800"`, `"Gender_Type_Male"`, ` "x"`, `1 `, `"`, `{}`, `-`, `4294967296`} {
			f.Add(byte(i), []byte(raw))
		}
	}
	declared := account.Fields{"Test": account.String, "raw": account.Bytes}
	f.Fuzz(func(t *testing.T, i byte, raw []byte) {
		tag := tags[int(i)%len(tags)]
		v, err := declared.Parse(tag, raw)
		if err != nil {
			require.Contains(t, []signaling.Code{40009, 40601, 40605, 40610}, signaling.CodeOf(err))
			return
		}
		b, err := json.Marshal(v)
		require.NoError(t, err)
		var stored account.Value
		require.NoError(t, json.Unmarshal(b, &stored))
		require.Equal(t, v, stored)
		again, err := declared.Parse(tag, b)
		require.NoError(t, err)
		require.Equal(t, v, again)
		var s string
		if json.Unmarshal(b, &s) == nil {
			require.LessOrEqual(t, len(s), account.MaxValue)
			require.True(t, utf8.ValidString(s))
		}
	})
}

// A profile may have longer names than rooms show; they are cut between characters.
func TestShownFitsIntoRooms(t *testing.T) {
	a := nodes(t, 1)[0]
	for name, c := range map[string]struct{ nick, face, wantNick, wantFace string }{
		"short":       {"Ann", "a.png", "Ann", "a.png"},
		"just fits":   {strings.Repeat("x", 100), strings.Repeat("u", 200), strings.Repeat("x", 100), strings.Repeat("u", 200)},
		"too long":    {strings.Repeat("x", 101), strings.Repeat("u", 201), strings.Repeat("x", 100), ""},
		"between two": {strings.Repeat("王", 34), "", strings.Repeat("王", 33), ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := a.Import(t.Context(), app, "ann", &c.nick, &c.face)
			require.NoError(t, err)
			acc, err := a.Get(t.Context(), app, "ann")
			require.NoError(t, err)
			nick, face := acc.Shown()
			require.Equal(t, []string{c.wantNick, c.wantFace}, []string{nick, face})
		})
	}
}

func TestImport(t *testing.T) {
	a := nodes(t, 1)[0]
	_, err := a.Get(t.Context(), app, "ann")
	require.ErrorIs(t, err, account.ErrUnknown)
	c, err := a.Import(t.Context(), app, "ann", new("Ann"), new("a.png"))
	require.NoError(t, err)
	require.Equal(t, account.Change{Name: true, Avatar: true}, c)
	c, err = a.Import(t.Context(), app, "ann", nil, new("b.png"))
	require.NoError(t, err)
	require.Equal(t, account.Change{Avatar: true}, c, "what is not named stays")
	c, err = a.Import(t.Context(), app, "ann", new("Ann"), nil)
	require.NoError(t, err)
	require.False(t, c.Any(), "as it was")
	acc, err := a.Get(t.Context(), app, "ann")
	require.NoError(t, err)
	name, avatar := acc.Shown()
	require.Equal(t, []string{"Ann", "b.png"}, []string{name, avatar})
	_, err = a.Get(t.Context(), app+1, "ann")
	require.ErrorIs(t, err, account.ErrUnknown, "apps never meet")

	_, err = a.Import(t.Context(), app, "", nil, nil)
	require.Equal(t, account.CodeParameter, signaling.CodeOf(err))
	_, err = a.Set(t.Context(), app, "bob", []account.Item{{Tag: account.TagNick, Value: account.Text("B")}})
	require.ErrorIs(t, err, account.ErrUnknown, "Set imports nobody")
	_, err = a.Get(t.Context(), app, account.Administrator)
	require.NoError(t, err, "always there")
}

// Of fields that are set at several nodes at once none is lost.
func TestSetsLoseNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := nodes(t, 3)
		imported(t, all[0], "ann")
		tags := []account.Tag{account.TagNick, account.TagImage, account.TagLocation, account.TagSignature}
		var wg sync.WaitGroup
		for i, tag := range tags {
			wg.Go(func() {
				_, err := all[i%3].Set(t.Context(), app, "ann", []account.Item{{Tag: tag, Value: account.Text(string(tag))}})
				assert.NoError(t, err)
			})
		}
		wg.Wait()
		acc, err := all[0].Get(t.Context(), app, "ann")
		require.NoError(t, err)
		require.Len(t, acc.Show(tags), len(tags))
	})
}

func TestAdmins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := nodes(t, 2)
		a, other := all[0], all[1]
		is := func(a *account.Accounts, u signaling.UserID) bool {
			yes, err := a.IsAdmin(t.Context(), app, u)
			require.NoError(t, err)
			return yes
		}
		require.True(t, is(a, account.Administrator))
		require.True(t, is(a, "root"), "by flag")
		require.ErrorIs(t, a.SetAdmin(t.Context(), app, "ann"), account.ErrUnknown)
		imported(t, a, "ann")
		require.False(t, is(a, "ann"))
		require.False(t, is(other, "ann"))
		require.NoError(t, a.SetAdmin(t.Context(), app, "ann"))
		require.True(t, is(a, "ann"), "at once where it was set")
		require.False(t, is(other, "ann"))
		time.Sleep(time.Second)
		require.True(t, is(other, "ann"), "within a second elsewhere")
		require.NoError(t, a.SetAdmin(t.Context(), app, "ann"), "again")
		require.Equal(t, signaling.ErrNoPermission.Code, signaling.CodeOf(a.Delete(t.Context(), app, "ann")))

		require.NoError(t, other.UnsetAdmin(t.Context(), app, "ann"))
		require.False(t, is(other, "ann"))
		time.Sleep(time.Second)
		require.False(t, is(a, "ann"))
		require.NoError(t, a.UnsetAdmin(t.Context(), app, "ann"), "is none: nothing to do")
		require.NoError(t, a.Delete(t.Context(), app, "ann"))
		require.ErrorIs(t, a.Delete(t.Context(), app, "ann"), account.ErrUnknown)

		for _, u := range []signaling.UserID{account.Administrator, "root"} {
			require.NoError(t, a.SetAdmin(t.Context(), app, u))
			require.Equal(t, signaling.ErrNoPermission.Code, signaling.CodeOf(a.UnsetAdmin(t.Context(), app, u)))
			require.Equal(t, signaling.ErrNoPermission.Code, signaling.CodeOf(a.Delete(t.Context(), app, u)))
		}
	})
}

// Ten at most, whoever sets them at once, besides those of the flags.
func TestAtMostTenAdmins(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		all := nodes(t, 2)
		var users []signaling.UserID
		for i := range 14 {
			users = append(users, signaling.UserID(fmt.Sprint("u", i)))
		}
		imported(t, all[0], users...)
		var mu sync.Mutex
		refused := 0
		account.Each(len(users), func(i int) {
			if err := all[i%2].SetAdmin(t.Context(), app, users[i]); err != nil {
				mu.Lock()
				defer mu.Unlock()
				assert.ErrorIs(t, err, signaling.ErrLimit)
				refused++
			}
		})
		require.Equal(t, 4, refused)
		admins, err := all[0].Admins(t.Context(), app)
		require.NoError(t, err)
		require.Len(t, admins, 12)
		require.Equal(t, []account.Admin{{User: account.Administrator, Fixed: true}, {User: "root", Fixed: true}}, admins[:2])
	})
}

func TestFields(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := nodes(t, 1)[0]
		for _, bad := range []string{"", "TooLongWord", "a1", "a_b", "é", "Tag Test"} {
			require.ErrorIs(t, a.DeclareField(t.Context(), app, bad, account.String), signaling.ErrBadRequest, bad)
		}
		require.ErrorIs(t, a.DeclareField(t.Context(), app, "Test", account.Uint32), signaling.ErrBadRequest, "documents: no numbers")
		require.NoError(t, a.DeclareField(t.Context(), app, "Test", account.String))
		require.NoError(t, a.DeclareField(t.Context(), app, "Test", account.String), "again")
		require.ErrorIs(t, a.DeclareField(t.Context(), app, "Test", account.Bytes), signaling.ErrBadRequest, "of another kind")
		fields, err := a.Fields(t.Context(), app)
		require.NoError(t, err)
		require.Equal(t, account.Fields{"Test": account.String}, fields)

		imported(t, a, "ann")
		_, err = a.Set(t.Context(), app, "ann", []account.Item{{Tag: "Tag_Profile_Custom_Test", Value: account.Text("x")}})
		require.NoError(t, err)
		require.NoError(t, a.DeleteField(t.Context(), app, "Test"))
		require.Equal(t, account.CodeTag, signaling.CodeOf(a.DeleteField(t.Context(), app, "Test")))
		fields, err = a.Fields(t.Context(), app)
		require.NoError(t, err)
		require.Empty(t, fields)
		for i := range account.MaxFields {
			require.NoError(t, a.DeclareField(t.Context(), app, string(rune('a'+i)), account.Bytes))
		}
		require.ErrorIs(t, a.DeclareField(t.Context(), app, "more", account.Bytes), signaling.ErrLimit)
	})
}

// An app that declares and deletes fields without end does not make its accounts grow.
func TestOldFieldsAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := nodes(t, 1)[0]
		imported(t, a, "ann")
		for i := range 200 {
			word := string([]rune{rune('a' + i%26), rune('a' + i/26)})
			require.NoError(t, a.DeclareField(t.Context(), app, word, account.String))
			_, err := a.Set(t.Context(), app, "ann", []account.Item{{Tag: account.Tag("Tag_Profile_Custom_" + word), Value: account.Text("x")}})
			require.NoError(t, err)
			require.NoError(t, a.DeleteField(t.Context(), app, word))
		}
		acc, err := a.Get(t.Context(), app, "ann")
		require.NoError(t, err)
		require.LessOrEqual(t, len(acc.Profile), len(account.StandardTags())+2*account.MaxFields)
	})
}

func TestListIsPaged(t *testing.T) {
	a := nodes(t, 1)[0]
	imported(t, a, "d", "a", "c", "b", "e")
	var got []signaling.UserID
	after, pages := signaling.UserID(""), 0
	for {
		list, last, err := a.List(t.Context(), app, after, 2)
		require.NoError(t, err)
		for _, x := range list {
			got = append(got, x.User)
		}
		pages++
		if after = last; last == "" {
			break
		}
	}
	require.Equal(t, []signaling.UserID{"a", "b", "c", "d", "e"}, got)
	require.Equal(t, 3, pages)
}

func TestStoreAway(t *testing.T) {
	c := memstore.New()
	node := c.Node()
	a := account.New(account.Config{Values: node})
	imported(t, a, "ann")
	require.NoError(t, node.Close())
	_, err := a.Get(t.Context(), app, "ann")
	require.Error(t, err)
	require.False(t, errors.Is(err, account.ErrUnknown), "nobody is unknown because the store is away")
	_, err = a.GetAll(t.Context(), app, []signaling.UserID{"ann", ""})
	require.NoError(t, err, "one of two can be told: the other is no account")
	_, err = a.GetAll(t.Context(), app, []signaling.UserID{"ann", "bob"})
	require.Error(t, err)
	_, err = a.IsAdmin(t.Context(), app, "ann")
	require.Error(t, err)
}
