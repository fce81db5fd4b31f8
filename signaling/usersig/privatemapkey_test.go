package usersig_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/signaling"
	"github.com/openvoiceroom/openvoiceroom/signaling/usersig"
)

func TestPrivateMapKeyRoundTrip(t *testing.T) {
	const listen = usersig.PrivilegeEnterRoom | usersig.PrivilegeReceiveAudio
	numbered, err := usersig.MintPrivateMapKey(app, secret, "alice", time.Hour, now, 4294967295, listen)
	require.NoError(t, err)
	named, err := usersig.MintPrivateMapKeyWithStringRoomID(app, secret, "alice", time.Hour, now, "room 7", usersig.PrivilegeAll)
	require.NoError(t, err)
	for token, want := range map[string]usersig.PrivateMapKey{
		numbered: {User: "alice", App: app, RoomNumber: 4294967295, Expires: now.Add(time.Hour), Privileges: listen},
		named:    {User: "alice", App: app, Room: "room 7", Expires: now.Add(time.Hour), Privileges: usersig.PrivilegeAll},
	} {
		c, err := usersig.Verify(token, app, secret, "alice", now)
		require.NoError(t, err)
		k, ok := c.PrivateMapKey()
		require.True(t, ok)
		require.Equal(t, want, k)
	}
	assert.Equal(t, "enter room, receive audio", listen.String())
	assert.Equal(t, "nothing", usersig.Privileges(256).String())
	assert.Len(t, usersig.PrivilegeAll.Names(), 8)
	assert.Equal(t, []string{"enter room", "receive audio", "receive video"}, usersig.Privileges(42).Names(), "the documents' example")
	assert.EqualValues(t, 128, usersig.PrivilegeReceiveScreen)
}

// The layout, written down byte by byte.
func TestPrivateMapKeyBytes(t *testing.T) {
	token, err := usersig.MintPrivateMapKeyWithStringRoomID(app, secret, "al", time.Hour, now, "r", 3)
	require.NoError(t, err)
	c, err := usersig.Inspect(token)
	require.NoError(t, err)
	require.Equal(t, []byte{
		1,    // a string room id follows
		0, 2, // length of the user
		'a', 'l',
		0x53, 0x72, 0x4e, 0x01, // 1400000001
		0, 0, 0, 0, // room number
		0x65, 0x53, 0xff, 0x10, // 1700003600
		0, 0, 0, 3, // privileges
		0, 0, 0, 0, // account type
		0, 1, // length of the room
		'r',
	}, c.UserBuf)
	for n := range len(c.UserBuf) {
		_, err := usersig.ParsePrivateMapKey(c.UserBuf[:n])
		require.ErrorIs(t, err, usersig.ErrMalformed, "cut after %d bytes", n)
	}
	_, err = usersig.ParsePrivateMapKey(append(bytes.Clone(c.UserBuf), 0))
	require.ErrorIs(t, err, usersig.ErrMalformed)
	for at, b := range map[int]byte{0: 2, 1: 1, 2: 0, 25: 1, 26: 2} {
		bad := bytes.Clone(c.UserBuf)
		bad[at] = b
		_, err := usersig.ParsePrivateMapKey(bad)
		require.ErrorIs(t, err, usersig.ErrMalformed, "byte %d", at)
	}
	bad := bytes.Clone(c.UserBuf)
	bad[0] = 0
	_, err = usersig.ParsePrivateMapKey(bad)
	require.ErrorIs(t, err, usersig.ErrMalformed, "a room behind a numeric key")
}

// Bytes that an app's server has put in for itself are no PrivateMapKey, nor is one of another app.
func TestOtherUserBuffersAreNoPrivateMapKey(t *testing.T) {
	for _, buf := range [][]byte{nil, []byte("room 7"), bytes.Repeat([]byte{0}, 30), bytes.Repeat([]byte{1}, 30)} {
		token, err := usersig.MintWithUserBuf(app, secret, "alice", time.Hour, now, buf)
		require.NoError(t, err)
		c, err := usersig.Verify(token, app, secret, "alice", now)
		require.NoError(t, err)
		_, ok := c.PrivateMapKey()
		require.False(t, ok, "%q", buf)
	}
	other, err := usersig.MintPrivateMapKey(app+1, secret, "alice", time.Hour, now, 7, 255)
	require.NoError(t, err)
	c, err := usersig.Inspect(other)
	require.NoError(t, err)
	c.App = app
	_, ok := c.PrivateMapKey()
	require.False(t, ok)
}

func TestMintPrivateMapKeyRefuses(t *testing.T) {
	year := 365 * 24 * time.Hour
	_, err := usersig.MintPrivateMapKey(app, secret, "alice", 100*year, now, 7, 255)
	require.ErrorIs(t, err, usersig.ErrInvalid, "beyond 2106, where its time would begin at 1970 again")
	_, err = usersig.MintPrivateMapKey(app, secret, "alice", 50*year, now, 7, 255)
	require.NoError(t, err, "the longest that the documents advise")
	_, err = usersig.MintPrivateMapKeyWithStringRoomID(app, secret, "alice", time.Hour, now, "", 255)
	require.ErrorIs(t, err, usersig.ErrInvalid)
	_, err = usersig.MintPrivateMapKeyWithStringRoomID(app, secret, "alice", time.Hour, now, "\xff", 255)
	require.ErrorIs(t, err, usersig.ErrInvalid)
	_, err = usersig.MintPrivateMapKey(app, secret, "", time.Hour, now, 7, 255)
	require.ErrorIs(t, err, usersig.ErrInvalid)
	_, err = usersig.MintPrivateMapKey(app, secret, "alice", 0, now, 7, 255)
	require.ErrorIs(t, err, usersig.ErrInvalid)
	_, err = usersig.MintPrivateMapKey(app, secret, "alice", time.Hour, time.Unix(-7200, 0), 7, 255)
	require.ErrorIs(t, err, usersig.ErrInvalid)
	long := strings.Repeat("a", 1<<16)
	_, err = usersig.MintPrivateMapKeyWithStringRoomID(app, secret, "alice", time.Hour, now, signaling.RoomID(long), 255)
	require.ErrorIs(t, err, usersig.ErrInvalid)
	_, err = usersig.MintPrivateMapKey(app, secret, signaling.UserID(long), time.Hour, now, 7, 255)
	require.ErrorIs(t, err, usersig.ErrInvalid)
	_, err = usersig.MintPrivateMapKeyWithStringRoomID(app, secret, "alice", time.Hour, now, signaling.RoomID(long[:1<<13]), 255)
	require.ErrorIs(t, err, usersig.ErrTooLarge)
}

func FuzzPrivateMapKey(f *testing.F) {
	numbered, err := usersig.MintPrivateMapKey(app, secret, "alice", time.Hour, now, 7, 255)
	require.NoError(f, err)
	named, err := usersig.MintPrivateMapKeyWithStringRoomID(app, secret, "alice", time.Hour, now, "r", 255)
	require.NoError(f, err)
	for _, token := range []string{numbered, named} {
		c, err := usersig.Inspect(token)
		require.NoError(f, err)
		f.Add(c.UserBuf)
	}
	f.Fuzz(func(t *testing.T, buf []byte) {
		k, err := usersig.ParsePrivateMapKey(buf)
		if err != nil {
			if (k != usersig.PrivateMapKey{}) {
				t.Fatal("a key beside an error")
			}
			return
		}
		if want := 23 + len(k.User); len(buf) != want && len(buf) != want+2+len(k.Room) {
			t.Fatalf("%d bytes read as %+v", len(buf), k)
		}
	})
}
