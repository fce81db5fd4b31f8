package room

import (
	"math"
	"slices"
	"time"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// Bans and mutes grow with the audience, so they are not in the state: the room's home keeps them, and says who enters
// while banned. The rules say who may, and who has to be told.

const (
	MaxSanctioned  = 20                           // users that one command bans or mutes (documents: ban_member)
	MaxSanction    = math.MaxUint32 * time.Second // as good as for ever
	MaxReasonBytes = 200                          // of a ban; the documents give no number
)

// ban takes those out of the room who are there.
func (d *decision) ban(a Ban) error {
	if err := d.maySanction(a.Users); err != nil {
		return err
	}
	if a.Duration < time.Second || a.Duration > MaxSanction {
		return signaling.Errorf(signaling.ErrInvalidParameter.Code, "a ban lasts 1 to %d seconds", MaxSanction/time.Second)
	}
	if !signaling.ValidText(a.Reason, MaxReasonBytes) {
		return signaling.Errorf(signaling.ErrInvalidParameter.Code, "the reason of a ban may have %d bytes of UTF-8 without control characters", MaxReasonBytes)
	}
	by := d.by
	for _, u := range a.Users {
		if !slices.Contains(a.Present, u) {
			continue
		}
		d.by = signaling.UserInfo{UserID: u, Role: d.state.RoleOf(u)}
		d.depart(signaling.ByAdmin)
		d.by = by
		d.tell([]signaling.UserID{u}, signaling.KickedOutOfRoom{Reason: signaling.KickedByAdmin, Message: BanMessage(a.Reason)})
	}
	return nil
}

// BanMessage is what somebody is told who is taken out of a room by a ban.
func BanMessage(reason string) string {
	if reason == "" {
		return "banned from the room"
	}
	return "banned from the room: " + reason
}

// mute tells who may not chat from now on, or may again.
func (d *decision) mute(a Mute) error {
	if err := d.maySanction(a.Users); err != nil {
		return err
	}
	if a.Duration < 0 || a.Duration > MaxSanction {
		return signaling.Errorf(signaling.ErrInvalidParameter.Code, "a mute lasts 1 to %d seconds, and 0 ends it", MaxSanction/time.Second)
	}
	users, until := slices.Compact(slices.Sorted(slices.Values(a.Users))), d.now.Add(a.Duration).UnixMilli()
	if a.Duration == 0 {
		until = 0
		users = slices.DeleteFunc(users, func(u signaling.UserID) bool { return !slices.Contains(a.Muted, u) })
	}
	d.events = append(d.events, d.state.MuteEvents(users, until)...)
	return nil
}

// MuteEvents tells users, and the managers, until when they may not chat, in Unix milliseconds; 0: they may.
func (s State) MuteEvents(users []signaling.UserID, until int64) (list []Event) {
	if len(users) == 0 {
		return nil
	}
	managers := append([]signaling.UserID{s.Info.OwnerID}, s.Admins...)
	list = append(list, Event{To: managers, Event: signaling.SendMessageDisabledChanged{Users: users, Disabled: until != 0, Until: until}})
	for _, u := range users {
		if !s.RoleOf(u).Manages() {
			list = append(list, Event{To: []signaling.UserID{u}, Event: signaling.SendMessageDisabledChanged{Users: []signaling.UserID{u}, Disabled: until != 0, Until: until}})
		}
	}
	return list
}

func (d *decision) maySanction(users []signaling.UserID) error {
	if err := d.needManager(); err != nil {
		return err
	}
	if len(users) == 0 || len(users) > MaxSanctioned {
		return signaling.Errorf(signaling.ErrInvalidParameter.Code, "name 1 to %d users", MaxSanctioned)
	}
	for _, u := range users {
		if err := u.Valid(); err != nil {
			return err
		}
		if u == d.by.UserID && !d.app {
			return signaling.Errorf(signaling.ErrInvalidParameter.Code, "nobody bans or mutes themselves")
		}
		if err := d.protect(u); err != nil {
			return err
		}
	}
	return nil
}
