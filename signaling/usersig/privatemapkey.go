package usersig

import (
	"encoding/binary"
	"math"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// Privileges are what a PrivateMapKey permits in its room, added up. 255 is everything; 42 is to enter, and to hear and
// see.
type Privileges uint32

// The bits, with the values that the vendor's libraries document.
const (
	PrivilegeCreateRoom Privileges = 1 << iota
	PrivilegeEnterRoom
	PrivilegeSendAudio
	PrivilegeReceiveAudio
	PrivilegeSendVideo
	PrivilegeReceiveVideo
	PrivilegeSendScreen // video of a second stream, such as a shared screen
	PrivilegeReceiveScreen

	PrivilegeAll Privileges = 255
)

var privilegeNames = []string{
	"create room", "enter room", "send audio", "receive audio", "send video", "receive video", "send screen", "receive screen",
}

// Names lists what is permitted in words. Bits above the eight have none.
func (p Privileges) Names() []string {
	list := []string{}
	for i, name := range privilegeNames {
		if p&(1<<i) != 0 {
			list = append(list, name)
		}
	}
	return list
}

// String is the names in a line, "nothing" for none.
func (p Privileges) String() string {
	if names := p.Names(); len(names) > 0 {
		return strings.Join(names, ", ")
	}
	return "nothing"
}

// PrivateMapKey is what an app's server may vouch for beside who a user is: which room the user may enter, and what to
// do there. It travels as the user buffer of a UserSig.
type PrivateMapKey struct {
	User        signaling.UserID
	App         signaling.AppID
	Room        signaling.RoomID // empty: RoomNumber counts
	RoomNumber  uint32
	Expires     time.Time // in whole seconds, until 2106
	Privileges  Privileges
	AccountType uint32 // 0 in all that the vendor's libraries make
}

// ParsePrivateMapKey reads the user buffer of a UserSig. It returns ErrMalformed for one that is no PrivateMapKey.
func ParsePrivateMapKey(userBuf []byte) (k PrivateMapKey, _ error) {
	rest := userBuf
	text := func() (string, bool) { // behind two bytes of length
		if len(rest) < 2 || len(rest)-2 < int(binary.BigEndian.Uint16(rest)) {
			return "", false
		}
		end := 2 + int(binary.BigEndian.Uint16(rest))
		s := string(rest[2:end])
		rest = rest[end:]
		return s, true
	}
	if len(rest) == 0 || rest[0] > 1 {
		return PrivateMapKey{}, ErrMalformed
	}
	named := rest[0] == 1
	rest = rest[1:]
	user, ok := text()
	if !ok || user == "" || len(rest) < 20 {
		return PrivateMapKey{}, ErrMalformed
	}
	number := func(i int) uint32 { return binary.BigEndian.Uint32(rest[4*i:]) }
	k = PrivateMapKey{
		User: signaling.UserID(user), App: signaling.AppID(number(0)), RoomNumber: number(1),
		Expires: time.Unix(int64(number(2)), 0), Privileges: Privileges(number(3)), AccountType: number(4),
	}
	rest = rest[20:]
	if named {
		var room string
		room, ok = text()
		k.Room = signaling.RoomID(room)
	}
	if !ok || len(rest) != 0 {
		return PrivateMapKey{}, ErrMalformed
	}
	return k, nil
}

// userBuf is the key's bytes, as the vendor's libraries lay them out.
func (k PrivateMapKey) userBuf() []byte {
	b := []byte{0}
	if k.Room != "" {
		b[0] = 1
	}
	b = binary.BigEndian.AppendUint16(b, uint16(len(k.User)))
	b = append(b, k.User...)
	for _, n := range []uint32{uint32(k.App), k.RoomNumber, uint32(k.Expires.Unix()), uint32(k.Privileges), k.AccountType} {
		b = binary.BigEndian.AppendUint32(b, n)
	}
	if k.Room != "" {
		b = binary.BigEndian.AppendUint16(b, uint16(len(k.Room)))
		b = append(b, k.Room...)
	}
	return b
}

// MintPrivateMapKey makes a UserSig with a PrivateMapKey for a room with a number, both good for expire. It is the
// documents' genPrivateMapKey. The errors are those of [Mint]; ErrInvalid also refuses a key beyond 2106.
func MintPrivateMapKey(app signaling.AppID, secret string, user signaling.UserID, expire time.Duration, now time.Time, roomNumber uint32, p Privileges) (string, error) {
	return mintKey(secret, expire, now, PrivateMapKey{User: user, App: app, RoomNumber: roomNumber, Privileges: p})
}

// MintPrivateMapKeyWithStringRoomID is [MintPrivateMapKey] for a room with a name, which must not be empty. It is the
// documents' genPrivateMapKeyWithStringRoomID.
func MintPrivateMapKeyWithStringRoomID(app signaling.AppID, secret string, user signaling.UserID, expire time.Duration, now time.Time, room signaling.RoomID, p Privileges) (string, error) {
	if room == "" || len(room) > math.MaxUint16 || !utf8.ValidString(string(room)) {
		return "", ErrInvalid
	}
	return mintKey(secret, expire, now, PrivateMapKey{User: user, App: app, Room: room, Privileges: p})
}

func mintKey(secret string, expire time.Duration, now time.Time, k PrivateMapKey) (string, error) {
	k.Expires = time.Unix(now.Unix()+int64(expire/time.Second), 0)
	if len(k.User) > math.MaxUint16 || k.Expires.Unix() > math.MaxUint32 {
		return "", ErrInvalid
	}
	return MintWithUserBuf(k.App, secret, k.User, expire, now, k.userBuf())
}
