package store

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestTokenIsInjectiveAndHarmless(t *testing.T) {
	ids := []string{"", "_", "a", "A", "a.b", "a b", "*", ">", "room.*", "room.>", "YQ", "é", "\x00", "a\x00"}
	for c := byte(0x20); c < 0x7f; c++ {
		ids = append(ids, "r"+string(c))
	}
	seen := map[string]string{}
	for _, id := range ids {
		tok := Token(id)
		other, dup := seen[tok]
		require.False(t, dup, "%q and %q have one token", id, other)
		seen[tok] = id
		assert.NotEmpty(t, tok)
		assert.False(t, strings.ContainsAny(tok, "*>. \t\r\n/\\"), "token %q of %q", tok, id)
		back, err := ParseToken(tok)
		require.NoError(t, err)
		assert.Equal(t, id, back)
	}
}

func TestParseTokenRefusesWhatTokenDoesNotMake(t *testing.T) {
	for _, tok := range []string{"", "*", ">", "YQ==", "YR", "Y", "Y\nQ", "a.b", "-", "__"} {
		_, err := ParseToken(tok)
		assert.Error(t, err, "%q", tok)
	}
}

func FuzzToken(f *testing.F) {
	for _, s := range []string{"", "a", "room.*", ">", "YQ", "_"} {
		f.Add(s, s+"x")
	}
	f.Fuzz(func(t *testing.T, a, b string) {
		ta, tb := Token(a), Token(b)
		if (ta == tb) != (a == b) {
			t.Fatalf("not injective: %q %q -> %q %q", a, b, ta, tb)
		}
		if back, err := ParseToken(ta); err != nil || back != a {
			t.Fatalf("%q -> %q -> %q, %v", a, ta, back, err)
		}
		if id, err := ParseToken(a); err == nil && Token(id) != a {
			t.Fatalf("%q is a second spelling of %q", a, id)
		}
	})
}
