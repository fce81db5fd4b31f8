package room

import (
	"slices"
	"time"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// MaxRobots is how many robots a room may have. The vendor's pages say three.
const MaxRobots = 20

// Robot is a member whom the app has put into the room, without a client. It stays until somebody takes it out, or the room
// ends.
type Robot struct {
	User      signaling.UserID `json:"user"`
	UserName  string           `json:"name,omitempty"`
	AvatarURL string           `json:"avatar,omitempty"`
	Level     uint32           `json:"level,omitempty"`
	Since     int64            `json:"since"` // Unix milliseconds
}

// Info returns the robot as others see it.
func (r Robot) Info() signaling.UserInfo {
	return signaling.UserInfo{UserID: r.User, UserName: r.UserName, AvatarURL: r.AvatarURL, Level: r.Level}
}

// AddRobots puts robots into the room, all or none. One that is there already is shown under its new name and avatar. Only
// the app may.
type AddRobots struct {
	Robots []signaling.UserInfo `json:"robots"`

	// The room's home says:
	Here    []signaling.UserID `json:"here,omitempty"`   // who of them is in the room, but not as a robot
	Banned  []signaling.UserID `json:"banned,omitempty"` // who of them may not enter
	Members int                `json:"members,omitempty"`
	Views   int64              `json:"views,omitempty"`
	Limit   int                `json:"limit,omitempty"` // of members
}

// RemoveRobots takes robots out of the room. Who is none does not matter. Only the app may.
type RemoveRobots struct {
	Users   []signaling.UserID `json:"users"`
	Members int                `json:"members,omitempty"` // the room's home says how many are in it
}

func (AddRobots) actionType() string    { return "addRobots" }
func (RemoveRobots) actionType() string { return "removeRobots" }

// IsRobot reports whether a user is a robot of the room.
func (s State) IsRobot(u signaling.UserID) bool {
	return slices.ContainsFunc(s.Robots, func(r Robot) bool { return r.User == u })
}

func (d *decision) addRobots(a AddRobots) error {
	if !d.app {
		return signaling.ErrNoPermission
	}
	if len(a.Robots) == 0 || len(a.Robots) > MaxRobots {
		return signaling.Errorf(signaling.ErrInvalidParameter.Code, "name 1 to %d robots", MaxRobots)
	}
	if len(a.Here) > 0 {
		return signaling.Errorf(signaling.ErrNoPermission.Code, "%s is in the room by a client; whoever is cannot be a robot", a.Here[0])
	}
	if len(a.Banned) > 0 {
		return signaling.Errorf(signaling.ErrMemberBanned.Code, "%s is banned from the room; end that first", a.Banned[0])
	}
	var entered []signaling.UserInfo
	for _, u := range a.Robots {
		if err := u.UserID.Valid(); err != nil {
			return err
		}
		i := slices.IndexFunc(d.state.Robots, func(r Robot) bool { return r.User == u.UserID })
		if i < 0 {
			robot := Robot{User: u.UserID, UserName: u.UserName, AvatarURL: u.AvatarURL, Level: u.Level, Since: d.now.UnixMilli()}
			info := robot.Info()
			info.Role = d.state.RoleOf(u.UserID)
			d.state.Robots, entered = append(d.state.Robots, robot), append(entered, info)
			continue
		}
		r := &d.state.Robots[i]
		if r.UserName == u.UserName && r.AvatarURL == u.AvatarURL && r.Level == u.Level {
			continue
		}
		r.UserName, r.AvatarURL, r.Level = u.UserName, u.AvatarURL, u.Level
		by := d.by
		d.by = signaling.UserInfo{UserID: r.User, Role: d.state.RoleOf(r.User)}
		err := d.setInfo(SetInfo{UserName: r.UserName, AvatarURL: r.AvatarURL, Level: r.Level, News: true})
		d.by = by
		if err != nil {
			return err
		}
	}
	switch {
	case len(d.state.Robots) > MaxRobots:
		return signaling.Errorf(signaling.ErrTooManyRobots.Code, "the room would have %d robots; %d are allowed", len(d.state.Robots), MaxRobots)
	case len(entered) > 0 && a.Members+len(entered) > a.Limit:
		return signaling.ErrRoomFull
	case d.state.guestsCrowd() || d.state.requestBytes() > d.state.requestBudget():
		return signaling.Errorf(signaling.ErrLimit.Code, "the room's metadata, its battle or its pending requests leave no place for these robots; take away some of these, or give shorter names")
	}
	if len(entered) > 0 {
		d.state.Info.ViewCount = a.Views + int64(len(entered))
		d.tell(nil, signaling.UsersEntered{Users: entered, Count: a.Members + len(entered), ViewCount: d.state.Info.ViewCount})
	}
	return nil
}

func (d *decision) removeRobots(a RemoveRobots) error {
	if !d.app {
		return signaling.ErrNoPermission
	}
	if len(a.Users) == 0 || len(a.Users) > MaxRobots {
		return signaling.Errorf(signaling.ErrInvalidParameter.Code, "name 1 to %d robots", MaxRobots)
	}
	var left []signaling.UserInfo
	by := d.by
	for _, u := range a.Users {
		i := slices.IndexFunc(d.state.Robots, func(r Robot) bool { return r.User == u })
		if i < 0 {
			continue
		}
		info := d.state.Robots[i].Info()
		info.Role = d.state.RoleOf(u)
		d.by = info
		d.depart(signaling.ByAdmin)
		left = append(left, info)
	}
	d.by = by
	if len(left) > 0 {
		d.tell(nil, signaling.UsersLeft{Users: left, Count: a.Members - len(left)})
	}
	return nil
}

// unrobot forgets that somebody who has gone was a robot.
func (d *decision) unrobot(u signaling.UserID) {
	if d.state.IsRobot(u) {
		d.state.Robots = slices.DeleteFunc(d.state.Robots, func(r Robot) bool { return r.User == u })
	}
	if len(d.state.Robots) == 0 {
		d.state.Robots = nil
	}
}

// JoinedAt is since when the robot is in the room.
func (r Robot) JoinedAt() time.Time { return time.UnixMilli(r.Since) }
