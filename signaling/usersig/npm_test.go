package usersig_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/signaling"
	"github.com/openvoiceroom/openvoiceroom/signaling/usersig"
)

var update = flag.Bool("update", false, "ask the vendor's library anew and write testdata/npm/golden.json")

const npmDir, npmGolden = "testdata/npm", "testdata/npm/golden.json"

// question is what testdata/npm/ask.js answers.
type question struct {
	Make       string             `json:"make,omitempty"`
	Check      *string            `json:"check,omitempty"`
	App        signaling.AppID    `json:"app"`
	Secret     string             `json:"secret"`
	User       signaling.UserID   `json:"user"`
	Expire     int64              `json:"expire,omitempty"` // seconds
	At         int64              `json:"at"`               // Unix milliseconds
	UserBuf    []byte             `json:"userBuf,omitempty"`
	RoomNumber uint32             `json:"roomNumber,omitempty"`
	Room       signaling.RoomID   `json:"room,omitempty"`
	Privileges usersig.Privileges `json:"privileges,omitempty"`
}

// vector is a question with the library's answer.
type vector struct {
	question
	Token string `json:"token"`
	Text  string `json:"text"` // the token's JSON
}

func (q question) now() time.Time { return time.UnixMilli(q.At) }

// mint makes the same token here.
func (q question) mint() (string, error) {
	expire := time.Duration(q.Expire) * time.Second
	switch q.Make {
	case "userBuf":
		return usersig.MintWithUserBuf(q.App, q.Secret, q.User, expire, q.now(), q.UserBuf)
	case "privateMapKey":
		return usersig.MintPrivateMapKey(q.App, q.Secret, q.User, expire, q.now(), q.RoomNumber, q.Privileges)
	case "privateMapKeyWithStringRoomID":
		return usersig.MintPrivateMapKeyWithStringRoomID(q.App, q.Secret, q.User, expire, q.now(), q.Room, q.Privileges)
	}
	return usersig.Mint(q.App, q.Secret, q.User, expire, q.now())
}

// agrees shows that a token of the library is the one that is made here, in its JSON with its signature, and that it is
// good here and says what it was made for.
func (q question) agrees(t *testing.T, token, text string) {
	t.Helper()
	require.Equal(t, text, string(unpack(t, token)))
	if q.Make != "userBuf" || len(q.UserBuf) > 0 { // an empty user buffer we read, and make none
		ours, err := q.mint()
		require.NoError(t, err)
		require.Equal(t, text, string(unpack(t, ours)), "%+v", q)
	}
	c, err := usersig.Verify(token, q.App, q.Secret, q.User, q.now())
	require.NoError(t, err, "%+v", q)
	issued := time.Unix(q.At/1000, 0)
	expires := issued.Add(time.Duration(q.Expire) * time.Second)
	k, isKey := c.PrivateMapKey()
	require.Equal(t, strings.HasPrefix(q.Make, "privateMapKey"), isKey)
	if isKey {
		require.Equal(t, usersig.PrivateMapKey{
			User: q.User, App: q.App, Room: q.Room, RoomNumber: q.RoomNumber, Expires: expires, Privileges: q.Privileges,
		}, k)
		c.UserBuf = nil
	}
	require.Equal(t, usersig.Claims{App: q.App, User: q.User, Issued: issued, Expires: expires, UserBuf: q.UserBuf}, c)
}

// questions are those of the golden file.
func questions() []question {
	const at = 1700000000_123
	q := question{Make: "userSig", App: app, Secret: secret, User: "alice", Expire: 86400, At: at}
	list := []question{q}
	with := func(change func(*question)) {
		next := q
		change(&next)
		list = append(list, next)
	}
	for _, user := range []signaling.UserID{"a", "administrator", "a b", `"quoted"\`, "</script>&'", "алиса", "用户", "🎤", "a\u2028b\u2029c", "\x01\x1f\x7f\t\b\f", "32 bytes of a user's identifier."} {
		with(func(q *question) { q.User = user })
	}
	for _, expire := range []int64{1, 180 * 86400, 50 * 365 * 86400} {
		with(func(q *question) { q.Expire = expire })
	}
	with(func(q *question) { q.App = 1 })
	with(func(q *question) { q.App = 1<<32 - 1 })
	with(func(q *question) { q.Secret = "5bd2850fff3ecb11d7c805251c51ee463a25727bddc2385f3fa8bfee1bb93b5e" })
	with(func(q *question) { q.Secret = "schlüssel 密钥 " + strings.Repeat("long ", 20) })
	with(func(q *question) { q.At = 0 })
	with(func(q *question) { q.At = 4102444800_999 })
	for _, buf := range [][]byte{nil, {0}, []byte("room 7"), {0xff, 0xfe, 0xfb}, bytes.Repeat([]byte("xyz"), 300)} {
		with(func(q *question) { q.Make, q.UserBuf = "userBuf", buf })
	}
	for _, n := range []uint32{0, 7, 1<<31 - 1, 1 << 31, 1<<32 - 1} {
		with(func(q *question) { q.Make, q.RoomNumber, q.Privileges = "privateMapKey", n, 255 })
	}
	for _, p := range []usersig.Privileges{1, 42, 1 << 31} {
		with(func(q *question) { q.Make, q.RoomNumber, q.Privileges = "privateMapKey", 7, p })
		with(func(q *question) { q.Make, q.Room, q.Privileges = "privateMapKeyWithStringRoomID", "room 7", p })
	}
	with(func(q *question) {
		q.Make, q.Room, q.Privileges, q.Expire = "privateMapKeyWithStringRoomID", signaling.RoomID(strings.Repeat("~", 48)), 255, 2000000000
	})
	return list
}

// Made once by the library, and good everywhere, also where there is no Node.js.
func TestGoldenOfNpm(t *testing.T) {
	if *update {
		writeNpm(t)
	}
	b, err := os.ReadFile(npmGolden)
	require.NoError(t, err)
	var vectors []vector
	require.NoError(t, json.Unmarshal(b, &vectors))
	require.Len(t, vectors, len(questions()), "write it anew: go test ./signaling/usersig -run Golden -update")
	for i, q := range questions() {
		require.Equal(t, q, vectors[i].question)
		q.agrees(t, vectors[i].Token, vectors[i].Text)
	}
}

func writeNpm(t *testing.T) {
	var tokens []string
	askNpm(t, questions(), &tokens)
	var vectors []vector
	for i, q := range questions() {
		vectors = append(vectors, vector{q, tokens[i], string(unpack(t, tokens[i]))})
	}
	b, err := json.MarshalIndent(vectors, "", "  ")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(npmGolden, append(b, '\n'), 0o644))
}

// The golden file is still what the library makes, and so are the tokens of anybody else.
func TestNpmMakesWhatWeMake(t *testing.T) {
	list := questions()
	r := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		list = append(list, randomQuestion(r))
	}
	var tokens []string
	askNpm(t, list, &tokens)
	b, err := os.ReadFile(npmGolden)
	require.NoError(t, err)
	var vectors []vector
	require.NoError(t, json.Unmarshal(b, &vectors))
	same := 0
	for i, q := range list {
		text := string(unpack(t, tokens[i]))
		q.agrees(t, tokens[i], text)
		if i < len(vectors) {
			require.Equal(t, vectors[i].Text, text)
		}
		if ours, err := q.mint(); err == nil && ours == tokens[i] {
			same++
		}
	}
	t.Logf("%d tokens: the JSON with its signature is the same in all; deflated to the same bytes: %d", len(list), same)
}

// What is made here is good there, and what is not good there is not good here.
func TestNpmTakesWhatWeMake(t *testing.T) {
	var list []question
	var want []bool
	r := rand.New(rand.NewPCG(3, 4))
	for _, q := range append(questions(), randomQuestion(r), randomQuestion(r), randomQuestion(r)) {
		token, err := q.mint()
		require.NoError(t, err)
		ask := func(token string, user signaling.UserID, secret string, late time.Duration) {
			at := q.At + late.Milliseconds()
			list = append(list, question{Check: &token, App: q.App, Secret: secret, User: user, At: at})
			_, err := usersig.Verify(token, q.App, secret, user, time.UnixMilli(at))
			want = append(want, err == nil)
		}
		ask(token, q.User, q.Secret, 0)
		ask(token, q.User+"x", q.Secret, 0)
		ask(token, q.User, q.Secret+"x", 0)
		ask(token, q.User, q.Secret, time.Duration(q.Expire+1)*time.Second)
		text := unpack(t, token)
		for _, field := range []string{`"TLS.identifier":"`, `"TLS.time":`, `"TLS.expire":`, `"TLS.sig":"`} {
			at := bytes.Index(text, []byte(field)) + len(field)
			changed := bytes.Clone(text)
			changed[at] ^= 1
			ask(pack(string(changed)), q.User, q.Secret, 0)
		}
	}
	var got []bool
	askNpm(t, list, &got)
	for i := range list {
		require.Equal(t, want[i], got[i], "%+v, token %s", list[i], *list[i].Check)
	}
	require.Contains(t, got, true)
	require.Contains(t, got, false)
}

func randomQuestion(r *rand.Rand) question {
	q := question{
		Make: []string{"userSig", "userBuf", "privateMapKey", "privateMapKeyWithStringRoomID"}[r.IntN(4)],
		App:  signaling.AppID(1 + r.Uint32N(1<<32-1)), Secret: fmt.Sprintf("%x", r.Uint64()),
		Expire: 1 + r.Int64N(1e9), At: r.Int64N(2e12),
	}
	text := func(from, to rune, most int) string {
		var b strings.Builder
		for range 1 + r.IntN(most) {
			b.WriteRune(from + r.Int32N(to-from))
		}
		return b.String()
	}
	switch q.Make {
	case "userSig":
		q.User = signaling.UserID(text(' ', 0xd800, 20))
	case "userBuf":
		q.User = signaling.UserID(text(' ', 0xd800, 20))
		q.UserBuf = []byte(text(0, 0xd800, 100))
	case "privateMapKey":
		q.User, q.RoomNumber = signaling.UserID(text(' ', 0x7f, 32)), r.Uint32()
	case "privateMapKeyWithStringRoomID": // beyond ASCII the library cuts characters to bytes
		q.User, q.Room = signaling.UserID(text(' ', 0x7f, 32)), signaling.RoomID(text(' ', 0x7f, 48))
	}
	if strings.HasPrefix(q.Make, "privateMapKey") {
		q.Privileges = usersig.Privileges(r.Uint32N(256))
	}
	return q
}

// askNpm asks the vendor's library, where it is installed; on a CI it has to be.
func askNpm(t *testing.T, list []question, answers any) {
	t.Helper()
	_, err := exec.LookPath("node")
	if err == nil {
		_, err = os.Stat(filepath.Join(npmDir, "node_modules", "tls-sig-api-v2"))
	}
	if err != nil {
		if os.Getenv("CI") == "true" || *update {
			t.Fatalf("the vendor's library is not installed (%v): run CI=true make setup", err)
		}
		t.Skip("the vendor's library is not installed: it takes Node.js, and npm ci in signaling/usersig/" + npmDir)
	}
	in, err := json.Marshal(list)
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), "node", "ask.js")
	cmd.Dir, cmd.Stdin, cmd.Stderr = npmDir, bytes.NewReader(in), os.Stderr
	out, err := cmd.Output()
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(out, answers))
}
