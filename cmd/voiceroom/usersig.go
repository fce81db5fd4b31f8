package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/openvoiceroom/openvoiceroom/signaling"
	"github.com/openvoiceroom/openvoiceroom/signaling/usersig"
)

type userSigCmd struct {
	Mint   mintCmd   `cmd:"" help:"Print a UserSig. In production your own server makes it, with package usersig."`
	Verify verifyCmd `cmd:"" help:"Check a UserSig; the exit status says whether it is valid."`
}

// app is ID:SECRET of --app, which may come from the environment: a secret in a process list is none.
type app struct {
	id     signaling.AppID
	secret string
}

func (a *app) UnmarshalText(text []byte) error {
	id, secret, ok := strings.Cut(string(text), ":")
	n, err := strconv.ParseUint(id, 10, 32)
	if !ok || err != nil || n == 0 || secret == "" {
		return errors.New("an app is given as ID:SECRET, for example 1400000001:mysecret")
	}
	if strings.Contains(secret, ",") {
		return errors.New("one app is wanted; a secret holds no comma, which separates several for the server")
	}
	a.id, a.secret = signaling.AppID(n), secret
	return nil
}

type mintCmd struct {
	App    app           `help:"The app and its secret." required:"" env:"VOICEROOM_APP" placeholder:"ID:SECRET"`
	User   string        `help:"Who logs in with it." required:""`
	Expire time.Duration `help:"How long it is valid." default:"24h"`

	UserBuf    string  `name:"userbuf" xor:"buf" help:"Text that the UserSig vouches for as well (TLS.userbuf)." placeholder:"TEXT"`
	Room       string  `name:"private-map-room" xor:"buf" help:"Make a PrivateMapKey for the room with this id." placeholder:"ID"`
	RoomNumber *uint32 `name:"private-map-number" xor:"buf" help:"The same for a room with a number." placeholder:"N"`
	Privileges uint32  `help:"What the PrivateMapKey permits: 1 create the room, 2 enter it, 4 send and 8 receive audio, 16 and 32 video, 64 and 128 a screen, added up." default:"255"`
}

// Run prints the signature.
func (c *mintCmd) Run() error {
	if err := signaling.UserID(c.User).Valid(); err != nil {
		return fmt.Errorf("--user: %w", err)
	}
	sig, err := c.mint(time.Now())
	if err != nil {
		return err
	}
	_, err = fmt.Println(sig)
	return err
}

func (c *mintCmd) mint(now time.Time) (string, error) {
	id, secret, user, may := c.App.id, c.App.secret, signaling.UserID(c.User), usersig.Privileges(c.Privileges)
	switch {
	case c.Room != "":
		room := signaling.RoomID(c.Room)
		if err := room.Valid(); err != nil {
			return "", fmt.Errorf("--private-map-room: %w", err)
		}
		return usersig.MintPrivateMapKeyWithStringRoomID(id, secret, user, c.Expire, now, room, may)
	case c.RoomNumber != nil:
		return usersig.MintPrivateMapKey(id, secret, user, c.Expire, now, *c.RoomNumber, may)
	}
	return usersig.MintWithUserBuf(id, secret, user, c.Expire, now, []byte(c.UserBuf))
}
