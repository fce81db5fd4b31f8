package adminapi

import (
	"context"
	"encoding/base64"
	"strconv"
	"strings"

	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

const (
	pageLimit   = 100  // members in one answer; the documents give no number
	memberLimit = 1000 // members that get_member_list shows (documents)
)

type adminList struct {
	Admins []signaling.UserID `json:"Admin_Account"`
}

func (a *API) getAdminList(ctx context.Context, who caller, p roomParams) (any, error) {
	r, err := a.look(ctx, who, p.RoomID)
	if err != nil {
		return nil, err
	}
	return adminList{Admins: append([]signaling.UserID{}, r.Admins...)}, nil
}

type modifyAdminParams struct {
	RoomID signaling.RoomID   `json:"RoomId"`
	Admins []signaling.UserID `json:"Admin_Account"`
	OpType string
}

func (a *API) modifyAdmin(ctx context.Context, who caller, p modifyAdminParams) (any, error) {
	if n := len(p.Admins); n < 1 || n > room.MaxAdmins {
		return nil, missing("Admin_Account", "1 to "+strconv.Itoa(room.MaxAdmins)+" accounts")
	}
	if p.OpType != "add" && p.OpType != "delete" {
		return nil, refuse(codeParameter, "OpType is %.20q; it is add or delete", p.OpType)
	}
	return nil, a.do(ctx, who, p.RoomID, room.ModifyAdmins{Users: p.Admins, Add: p.OpType == "add"})
}

type memberListParams struct {
	RoomID signaling.RoomID `json:"RoomId"`
	Next   *string
}

type member struct {
	Member   signaling.UserID `json:"Member_Account"`
	NickName *string          `json:",omitempty"` // of search_room_member alone
}

type memberList struct {
	Next        string
	MemberCount *int `json:",omitempty"` // of get_member_list alone
	MemberList  []member
}

func (a *API) getMemberList(ctx context.Context, who caller, p memberListParams) (any, error) {
	after, shown, err := parsePlace(p.Next)
	if err != nil {
		return nil, err
	}
	page, err := a.members(ctx, who, p.RoomID, Query{After: after, Limit: min(pageLimit, memberLimit-shown)})
	if err != nil {
		return nil, err
	}
	list := memberList{MemberCount: &page.Total, MemberList: make([]member, len(page.Members))}
	for i, m := range page.Members {
		list.MemberList[i] = member{Member: m.UserID}
	}
	if shown += len(page.Members); page.More && shown < memberLimit {
		list.Next = place(page, shown)
	}
	return list, nil
}

type searchParams struct {
	RoomID  signaling.RoomID `json:"RoomId"`
	Keyword string
	Next    *string
}

func (a *API) searchRoomMember(ctx context.Context, who caller, p searchParams) (any, error) {
	if p.Keyword == "" || !signaling.ValidText(p.Keyword, room.MaxNameBytes) {
		return nil, missing("Keyword", "an account, or part of a name, of 1 to "+strconv.Itoa(room.MaxNameBytes)+" bytes")
	}
	after, _, err := parsePlace(p.Next)
	if err != nil {
		return nil, err
	}
	page, err := a.members(ctx, who, p.RoomID, Query{After: after, Keyword: p.Keyword, Limit: pageLimit})
	if err != nil {
		return nil, err
	}
	list := memberList{MemberList: make([]member, len(page.Members))}
	for i, m := range page.Members {
		list.MemberList[i] = member{Member: m.UserID, NickName: &m.UserName}
	}
	if page.More {
		list.Next = place(page, 0)
	}
	return list, nil
}

func (a *API) members(ctx context.Context, who caller, id signaling.RoomID, q Query) (Page, error) {
	if err := id.Valid(); err != nil {
		return Page{}, err
	}
	return a.cfg.Rooms.Members(ctx, who.app, id, q)
}

// place is where the next page begins: how many members were shown, and the last one's id.
func place(p Page, shown int) string {
	last := p.Members[len(p.Members)-1].UserID
	return strconv.Itoa(shown) + "-" + base64.RawURLEncoding.EncodeToString([]byte(last))
}

func parsePlace(next *string) (after signaling.UserID, shown int, err error) {
	if next == nil {
		return "", 0, missing("Next", "\"\" for the first page, then the Next of the answer before")
	}
	if *next == "" {
		return "", 0, nil
	}
	number, id, _ := strings.Cut(*next, "-")
	shown, err = strconv.Atoi(number)
	b, errID := base64.RawURLEncoding.DecodeString(id)
	after = signaling.UserID(b)
	if err != nil || errID != nil || shown < 0 || shown >= memberLimit || after.Valid() != nil {
		return "", 0, badNext()
	}
	return after, shown, nil
}

func badNext() error {
	return refuse(codeParameter, "Next is not what an answer of this command said; begin anew with \"\"")
}
