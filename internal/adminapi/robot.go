package adminapi

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/openvoiceroom/openvoiceroom/internal/account"
	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// Robots: members without a client. The documents that the project began with speak of them and have no command for them;
// the vendor's other pages have these three.

type robotParams struct {
	RoomID signaling.RoomID   `json:"RoomId"`
	Robots []signaling.UserID `json:"RobotList_Account"`
}

func (p robotParams) check() error {
	if n := len(p.Robots); n < 1 || n > room.MaxRobots {
		return missing("RobotList_Account", "1 to "+strconv.Itoa(room.MaxRobots)+" accounts")
	}
	return p.RoomID.Valid()
}

func (a *API) addRobot(ctx context.Context, who caller, p robotParams) (any, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	list := unique(p.Robots)
	accounts, err := a.cfg.Accounts.GetAll(ctx, who.app, list)
	if err != nil && !errors.Is(err, account.ErrUnknown) {
		return nil, err
	}
	add := room.AddRobots{Robots: make([]signaling.UserInfo, len(list))}
	for i, u := range list {
		switch err := accounts[i].Err; {
		case errors.Is(err, account.ErrUnknown):
			return nil, refuse(codeParameter, "RobotList_Account: %s is no account of the app: import it with account_import", fmt.Sprintf("%.32q", string(u)))
		case err != nil:
			return nil, err
		}
		name, avatar := accounts[i].Account.Shown()
		add.Robots[i] = signaling.UserInfo{UserID: u, UserName: name, AvatarURL: avatar, Level: accounts[i].Account.Level()}
	}
	return nil, a.do(ctx, who, p.RoomID, add)
}

func (a *API) delRobot(ctx context.Context, who caller, p robotParams) (any, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	return nil, a.do(ctx, who, p.RoomID, room.RemoveRobots{Users: p.Robots})
}

type robotList struct {
	Robots []signaling.UserID `json:"RobotList_Account"`
}

func (a *API) getRobot(ctx context.Context, who caller, p roomParams) (any, error) {
	r, err := a.look(ctx, who, p.RoomID)
	if err != nil {
		return nil, err
	}
	return robotList{list(r.Robots)}, nil
}
