package room

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// Acts says what a command that was carried out has to stand for in the room's audit log: who used a right over others,
// and what came of it. What members do with their own seats, requests and microphones is none of that. before and after
// are the states around it; of bans and mutes the home keeps whom, so what it vouched for in the action counts.
func (c Command) Acts(before, after State, now time.Time) []signaling.Act {
	act := signaling.Act{Time: now.UnixMilli(), Operator: c.By.UserID, ByApp: c.App}
	if c.Origin.Operator != "" {
		act.Operator = c.Origin.Operator
	}
	switch a := c.Action.(type) {
	case Update:
		return updateActs(act, before, after)
	case Ban:
		act.Kind, act.Users, act.Until, act.Reason = signaling.ActBan, unique(a.Users), now.Add(a.Duration).UnixMilli(), a.Reason
	case Unban:
		act.Kind, act.Users = signaling.ActUnban, unique(a.Banned)
	case Mute:
		act.Kind, act.Users, act.Until = signaling.ActMute, unique(a.Users), now.Add(a.Duration).UnixMilli()
		if a.Duration == 0 {
			act.Kind, act.Users, act.Until = signaling.ActUnmute, unique(a.Muted), 0
		}
	case KickOut:
		act.Kind, act.Users = signaling.ActKick, []signaling.UserID{a.User}
	case ChangeRole:
		if before.RoleOf(a.User) != after.RoleOf(a.User) {
			act.Kind, act.Users, act.Role = signaling.ActRole, []signaling.UserID{a.User}, new(a.Role)
		}
	case ModifyAdmins:
		changed := slices.DeleteFunc(unique(a.Users), func(u signaling.UserID) bool { return before.RoleOf(u) == after.RoleOf(u) })
		role := signaling.GeneralUser
		if a.Add {
			role = signaling.Administrator
		}
		act.Kind, act.Users, act.Role = signaling.ActRole, changed, &role
	case KickOffSeat:
		if seat, sat := before.SeatOf(a.User); sat {
			act.Kind, act.Users, act.Index = signaling.ActKickOffSeat, []signaling.UserID{a.User}, &seat
		}
	case PutOnSeat:
		if seat, sits := after.SeatOf(a.User.UserID); sits {
			act.Kind, act.Users, act.Index = signaling.ActPickUserOnSeat, []signaling.UserID{a.User.UserID}, &seat
		}
	case MoveUser:
		from, _ := before.SeatOf(a.User)
		if to, sits := after.SeatOf(a.User); sits && to != from && a.User != c.By.UserID {
			act.Kind, act.Users, act.Index = signaling.ActMoveUser, []signaling.UserID{a.User}, &to
			if other := before.Seats[to].UserID; other != "" {
				act.Users = append(act.Users, other)
			}
		}
	case LockSeat:
		act = lockAct(act, a.Index, before, after)
	case SetMetadata:
		act.Kind, act.Keys = signaling.ActSetMetadata, changedKeys(before.Metadata, after.Metadata)
	case DeleteMetadata:
		act.Kind, act.Keys = signaling.ActDeleteMetadata, changedKeys(before.Metadata, after.Metadata)
	case AddRobots:
		for _, r := range after.Robots {
			if !before.IsRobot(r.User) {
				act.Kind, act.Users = signaling.ActAddRobot, append(act.Users, r.User)
			}
		}
	case RemoveRobots:
		for _, r := range before.Robots {
			if !after.IsRobot(r.User) {
				act.Kind, act.Users = signaling.ActRemoveRobot, append(act.Users, r.User)
			}
		}
	case Lapse:
		if before.Exists() && !after.Exists() {
			act.Kind = signaling.ActDismiss
			_, act.Reason = before.lapses(a.Rules)
		}
	case Dismiss:
		if before.Exists() && !after.Exists() {
			act.Kind = signaling.ActDismiss
		}
	}
	if act.Kind == "" || len(act.Users)+len(act.Keys)+len(act.Changes) == 0 && act.Kind != signaling.ActDismiss {
		return nil
	}
	return []signaling.Act{act}
}

func unique(users []signaling.UserID) []signaling.UserID {
	return slices.Compact(slices.Sorted(slices.Values(users)))
}

// updateActs keeps the silence of all apart from what else the room says of itself.
func updateActs(act signaling.Act, was, is State) (list []signaling.Act) {
	before, after := was.Info, is.Info
	if before.MessageDisabled != after.MessageDisabled {
		silence := act
		silence.Kind = signaling.ActUnmuteAll
		if after.MessageDisabled {
			silence.Kind = signaling.ActMuteAll
		}
		list = append(list, silence)
	}
	act.Kind, act.Changes = signaling.ActUpdateRoom, map[string]string{}
	note := func(name, was, is string) {
		if was != is {
			act.Changes[name] = is
		}
	}
	number := strconv.Itoa
	note("name", before.Name, after.Name)
	note("seatMode", number(int(before.SeatMode)), number(int(after.SeatMode)))
	note("maxMemberCount", number(before.MaxMemberCount), number(after.MaxMemberCount))
	note("notice", before.Notice, after.Notice)
	note("coverUrl", before.CoverURL, after.CoverURL)
	note("backgroundUrl", before.BackgroundURL, after.BackgroundURL)
	note("categoryList", numbers(before.Categories), numbers(after.Categories))
	note("activityStatus", number(before.ActivityStatus), number(after.ActivityStatus))
	note("customInfo", before.CustomInfo, after.CustomInfo)
	note("isGiftDisabled", strconv.FormatBool(before.GiftDisabled), strconv.FormatBool(after.GiftDisabled))
	note("isLikeDisabled", strconv.FormatBool(before.LikeDisabled), strconv.FormatBool(after.LikeDisabled))
	note("isHidden", strconv.FormatBool(before.Hidden), strconv.FormatBool(after.Hidden))
	if !slices.Equal(was.Password.Hash, is.Password.Hash) { // also when there is another one now
		act.Changes["hasPassword"] = strconv.FormatBool(after.HasPassword)
	}
	if len(act.Changes) > 0 {
		list = append(list, act)
	}
	return list
}

func numbers(list []int) string {
	var s []string
	for _, n := range list {
		s = append(s, strconv.Itoa(n))
	}
	return strings.Join(s, ",")
}

func lockAct(act signaling.Act, i signaling.SeatIndex, before, after State) signaling.Act {
	if int(i) < 0 || int(i) >= len(before.Seats) || int(i) >= len(after.Seats) {
		return act
	}
	was, is := before.Seats[i], after.Seats[i]
	changes := map[string]string{}
	note := func(name string, was, is bool) {
		if was != is {
			changes[name] = strconv.FormatBool(is)
		}
	}
	note("isLocked", was.Locked, is.Locked)
	note("isVideoLocked", was.VideoLocked, is.VideoLocked)
	note("isAudioLocked", was.AudioLocked, is.AudioLocked)
	if was.UserID != "" && is.UserID == "" {
		act.Users = []signaling.UserID{was.UserID}
	}
	if len(changes)+len(act.Users) > 0 {
		act.Kind, act.Index, act.Changes = signaling.ActLockSeat, &i, changes
	}
	return act
}

// changedKeys are the keys whose values are others now, or gone.
func changedKeys(before, after map[string][]byte) []string {
	all := map[string]bool{}
	for k := range maps.Keys(before) {
		all[k] = true
	}
	for k := range maps.Keys(after) {
		all[k] = true
	}
	return slices.Sorted(func(yield func(string) bool) {
		for k := range all {
			was, had := before[k]
			is, has := after[k]
			if (had != has || string(was) != string(is)) && !yield(k) {
				return
			}
		}
	})
}
