package adminapi

import (
	"context"
	"math"
	"strconv"
	"time"

	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// Bans and mutes: ban_member, unban_member, get_banned_member_list, mute_member, get_muted_member_list.

// bannedPage is how many banned members one answer has at most (documents).
const bannedPage = 100

// Sanctioned is somebody who may not enter, or not chat.
type Sanctioned struct {
	User  signaling.UserID
	Until time.Time
}

type banParams struct {
	RoomID   signaling.RoomID   `json:"RoomId"`
	Members  []signaling.UserID `json:"MemberList_Account"`
	Reason   string
	Duration *int64 // seconds
}

func (a *API) banMember(ctx context.Context, who caller, p banParams) (any, error) {
	if err := checkMembers(p.Members); err != nil {
		return nil, err
	}
	if p.Duration == nil || *p.Duration < 1 || *p.Duration > math.MaxUint32 {
		return nil, missing("Duration", "the seconds that the ban lasts, 1 to 4294967295")
	}
	return nil, a.do(ctx, who, p.RoomID, room.Ban{Users: p.Members, Duration: time.Duration(*p.Duration) * time.Second, Reason: p.Reason})
}

type membersParams struct {
	RoomID  signaling.RoomID   `json:"RoomId"`
	Members []signaling.UserID `json:"MemberList_Account"`
}

func (a *API) unbanMember(ctx context.Context, who caller, p membersParams) (any, error) {
	if err := checkMembers(p.Members); err != nil {
		return nil, err
	}
	return nil, a.do(ctx, who, p.RoomID, room.Unban{Users: p.Members})
}

type muteParams struct {
	membersParams
	MuteTime *int64 // seconds
}

func (a *API) muteMember(ctx context.Context, who caller, p muteParams) (any, error) {
	if err := checkMembers(p.Members); err != nil {
		return nil, err
	}
	if p.MuteTime == nil || *p.MuteTime < 0 || *p.MuteTime > math.MaxUint32 {
		return nil, missing("MuteTime", "the seconds that the mute lasts, 1 to 4294967295, or 0 to end it")
	}
	return nil, a.do(ctx, who, p.RoomID, room.Mute{Users: p.Members, Duration: time.Duration(*p.MuteTime) * time.Second})
}

func checkMembers(list []signaling.UserID) error {
	if len(list) < 1 || len(list) > room.MaxSanctioned {
		return missing("MemberList_Account", "1 to "+strconv.Itoa(room.MaxSanctioned)+" accounts")
	}
	return nil
}

type bannedParams struct {
	RoomID        signaling.RoomID `json:"RoomId"`
	Offset, Limit *int
}

type bannedMember struct {
	Member      signaling.UserID `json:"Member_Account"`
	BannedUntil int64            // Unix seconds
}

type bannedList struct {
	BannedAccountList []bannedMember
	NextOffset        int // 0: there are no more
}

func (a *API) getBannedMemberList(ctx context.Context, who caller, p bannedParams) (any, error) {
	offset, limit := 0, bannedPage
	if p.Offset != nil {
		offset = *p.Offset
	}
	if p.Limit != nil {
		limit = *p.Limit
	}
	if offset < 0 {
		return nil, refuse(codeParameter, "Offset is %d; it is 0, then the NextOffset of the answer before", offset)
	}
	if limit < 1 || limit > bannedPage {
		return nil, refuse(codeParameter, "Limit is %d; it is 1 to %d", limit, bannedPage)
	}
	if err := p.RoomID.Valid(); err != nil {
		return nil, err
	}
	page, more, err := a.cfg.Rooms.Banned(ctx, who.app, p.RoomID, offset, limit)
	if err != nil {
		return nil, err
	}
	ans := bannedList{BannedAccountList: make([]bannedMember, len(page))}
	for i, b := range page {
		ans.BannedAccountList[i] = bannedMember{Member: b.User, BannedUntil: endSecond(b.Until)}
	}
	if more {
		ans.NextOffset = offset + len(page)
	}
	return ans, nil
}

type mutedMember struct {
	Member     signaling.UserID `json:"Member_Account"`
	MutedUntil int64            // Unix seconds
}

type mutedList struct {
	MutedAccountList []mutedMember
}

func (a *API) getMutedMemberList(ctx context.Context, who caller, p roomParams) (any, error) {
	if err := p.RoomID.Valid(); err != nil {
		return nil, err
	}
	all, err := a.cfg.Rooms.Muted(ctx, who.app, p.RoomID)
	if err != nil {
		return nil, err
	}
	ans := mutedList{MutedAccountList: make([]mutedMember, len(all))}
	for i, m := range all {
		ans.MutedAccountList[i] = mutedMember{Member: m.User, MutedUntil: endSecond(m.Until)}
	}
	return ans, nil
}

// endSecond is the first full second in which it is over.
func endSecond(t time.Time) int64 { return t.Add(time.Second - 1).Unix() }
