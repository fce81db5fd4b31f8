package adminapi

import (
	"context"
	"strconv"
	"time"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// Who has done what to a room: get_audit_log, which the documents do not have.

// auditPage is how many acts one answer has at most.
const auditPage = 100

// AuditQuery asks for some of a room's acts, the newest first.
type AuditQuery struct {
	Before   uint64    // only those with a Sequence below; 0: all
	From, To time.Time // only of that time, To excluded; zero: no bound
	Limit    int
}

type auditParams struct {
	RoomID             signaling.RoomID `json:"RoomId"`
	Next               *string
	Count              *int
	StartTime, EndTime *int64 // Unix seconds
}

type actInfo struct {
	Time     int64            // Unix milliseconds
	Operator signaling.UserID `json:"Operator_Account"` // empty: the server itself
	FromApp  bool
	Act      signaling.ActKind
	Members  []signaling.UserID   `json:"MemberList_Account,omitempty"`
	Role     *signaling.Role      `json:",omitempty"`
	Index    *signaling.SeatIndex `json:",omitempty"`
	Until    int64                `json:",omitempty"` // Unix seconds
	Reason   string               `json:",omitempty"`
	Keys     []string             `json:",omitempty"`
	Changes  map[string]string    `json:",omitempty"`
}

type auditList struct {
	Next    string
	ActList []actInfo
}

func (a *API) getAuditLog(ctx context.Context, who caller, p auditParams) (any, error) {
	if err := p.RoomID.Valid(); err != nil {
		return nil, err
	}
	q := AuditQuery{Limit: auditPage}
	if p.Count != nil {
		q.Limit = *p.Count
	}
	if q.Limit < 1 || q.Limit > auditPage {
		return nil, refuse(codeParameter, "Count is %d; it is 1 to %d", q.Limit, auditPage)
	}
	if p.Next == nil {
		return nil, missing("Next", "\"\" for the first page, then the Next of the answer before")
	}
	if *p.Next != "" {
		n, err := strconv.ParseUint(*p.Next, 10, 64)
		if err != nil || n == 0 {
			return nil, refuse(codeParameter, "Next is %.20q; it is \"\", then the Next of the answer before", *p.Next)
		}
		q.Before = n
	}
	for _, bound := range []struct {
		name string
		from *int64
		to   *time.Time
	}{{"StartTime", p.StartTime, &q.From}, {"EndTime", p.EndTime, &q.To}} {
		if bound.from == nil {
			continue
		}
		if *bound.from < 0 || *bound.from > maxUnix {
			return nil, refuse(codeParameter, "%s is %d; it is in Unix seconds", bound.name, *bound.from)
		}
		*bound.to = time.Unix(*bound.from, 0)
	}
	if p.StartTime != nil && p.EndTime != nil && *p.StartTime > *p.EndTime {
		return nil, refuse(codeParameter, "StartTime is %d, behind EndTime %d", *p.StartTime, *p.EndTime)
	}
	acts, more, err := a.cfg.Rooms.Audit(ctx, who.app, p.RoomID, q)
	if err != nil {
		return nil, err
	}
	ans := auditList{ActList: make([]actInfo, len(acts))}
	for i, act := range acts {
		ans.ActList[i] = actInfo{
			Time: act.Time, Operator: act.Operator, FromApp: act.ByApp, Act: act.Kind, Members: act.Users, Role: act.Role,
			Index: act.Index, Reason: act.Reason, Keys: act.Keys, Changes: act.Changes,
		}
		if act.Until != 0 {
			ans.ActList[i].Until = endSecond(time.UnixMilli(act.Until))
		}
	}
	if more {
		ans.Next = strconv.FormatUint(acts[len(acts)-1].Sequence, 10)
	}
	return ans, nil
}

// maxUnix is a second that nobody lives to see, and that time.Time can have.
const maxUnix = 1 << 40
