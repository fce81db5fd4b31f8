package webhook

import (
	"maps"
	"slices"

	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// The bodies of the documents, with their fields in their order. Times named EventTime are Unix milliseconds, others
// Unix seconds.

type createBody struct {
	CallbackCommand string
	Operator        signaling.UserID `json:"Operator_Account"`
	RoomInfo        struct {
		RoomID            signaling.RoomID `json:"RoomId"`
		RoomName          string
		RoomType          string
		Owner             signaling.UserID `json:"Owner_Account"`
		MaxMemberCount    int
		IsMessageDisabled bool
		CustomInfo        string
		IsSeatEnabled     bool
		TakeSeatMode      string
		MaxSeatCount      int
		CreateTime        int64
		IsPublicVisible   bool
		CoverURL          string
		Category          []int
	}
	EventTime int64
}

type destroyBody struct {
	CallbackCommand string
	Operator        signaling.UserID `json:"Operator_Account"`
	RoomID          signaling.RoomID `json:"RoomId"`
	EventType       string           // DestroyByUser or DestroyBySystem
	EventTime       int64
	RoomInfo        struct {
		RoomName               string
		RoomType               string
		Owner                  signaling.UserID `json:"Owner_Account"`
		IsSeatEnabled          bool
		TakeSeatMode           string
		MaxMemberCount         int
		MaxSeatCount           int
		Category               []int
		CustomInfo             string
		IsMessageDisabled      bool
		CoverURL               string
		ActivityStatus         int
		IsPublicVisible        bool
		ViewCount              int64
		BackgroundURL          string
		IsUnlimitedRoomEnabled bool
	}
}

type updateBody struct {
	CallbackCommand string
	Operator        signaling.UserID `json:"Operator_Account"`
	RoomInfo        struct {
		RoomID            signaling.RoomID `json:"RoomId"`
		RoomName          string
		MaxMemberCount    int
		IsMessageDisabled bool
		CoverURL          string
		Category          []int
		ActivityStatus    int
		IsPublicVisible   bool
		TakeSeatMode      string
		CustomInfo        string
	}
	EventTime int64
}

// thresholdBody is ours: the documents have none.
type thresholdBody struct {
	CallbackCommand string
	RoomID          signaling.RoomID `json:"RoomId"` // the room whose creation it was
	RoomCount       int
	RoomLimit       int
	EventTime       int64
}

type memberBody struct {
	CallbackCommand string
	RoomID          signaling.RoomID `json:"RoomId"`
	EventType       string           // Online or Offline
	EventCause      string           // Enter, Leave, HeartbeatInterrupt or HeartbeatRecover
	MemberList      []memberOf
	EventTime       int64
}

type setMetadataBody struct {
	CallbackCommand string
	Operator        signaling.UserID `json:"Operator_Account"`
	RoomID          signaling.RoomID `json:"RoomId"`
	Metadata        []metadataOf
	EventTime       int64
}

type metadataOf struct{ Key, Value string }

type delMetadataBody struct {
	CallbackCommand string
	Operator        signaling.UserID `json:"Operator_Account"`
	RoomID          signaling.RoomID `json:"RoomId"`
	Keys            []string
	EventTime       int64
}

type memberOf struct {
	Member signaling.UserID `json:"Member_Account"`
}

type seatBody struct {
	CallbackCommand string
	RoomID          signaling.RoomID `json:"RoomId"`
	SeatList        []seatOf
	EventTime       int64
}

type seatOf struct {
	Index           signaling.SeatIndex
	Member          signaling.UserID `json:"Member_Account,omitempty"` // none: the seat is vacant
	IsTakenDisabled bool
	IsVideoDisabled bool
	IsAudioDisabled bool
}

const roomType = "Live"

func (r *recorder) created(cause *room.Cause) {
	info := r.entry.State.Info
	b := createBody{CallbackCommand: afterCreateRoom, Operator: operator(cause), EventTime: r.entry.At}
	i := &b.RoomInfo
	i.RoomID, i.RoomName, i.RoomType, i.Owner = info.RoomID, info.Name, roomType, info.OwnerID
	i.MaxMemberCount, i.CreateTime = r.maxMembers(info), info.CreateTime/1000
	i.IsSeatEnabled, i.TakeSeatMode, i.MaxSeatCount = info.MaxSeatCount > 0, takeSeatMode(info), info.MaxSeatCount
	i.IsMessageDisabled, i.IsPublicVisible, i.CustomInfo = info.MessageDisabled, !info.Hidden, info.CustomInfo
	i.CoverURL, i.Category = info.CoverURL, categories(info)
	r.tell(afterCreateRoom, cause, b)
	r.threshold(cause)
}

func (r *recorder) destroyed(cause *room.Cause) {
	info := r.entry.State.Info
	b := destroyBody{
		CallbackCommand: afterDestroyRoom, Operator: operator(cause), RoomID: info.RoomID,
		EventType: "DestroyByUser", EventTime: r.entry.At,
	}
	if cause == nil || cause.By == "" {
		b.EventType = "DestroyBySystem"
	}
	i := &b.RoomInfo
	i.RoomName, i.RoomType, i.Owner = info.Name, roomType, info.OwnerID
	i.IsSeatEnabled, i.TakeSeatMode, i.MaxSeatCount = info.MaxSeatCount > 0, takeSeatMode(info), info.MaxSeatCount
	i.MaxMemberCount, i.IsPublicVisible, i.IsMessageDisabled = r.maxMembers(info), !info.Hidden, info.MessageDisabled
	i.Category, i.CustomInfo, i.ActivityStatus, i.ViewCount = categories(info), info.CustomInfo, info.ActivityStatus, info.ViewCount
	i.CoverURL, i.BackgroundURL, i.IsUnlimitedRoomEnabled = info.CoverURL, info.BackgroundURL, r.entry.State.Unlimited
	r.tell(afterDestroyRoom, cause, b)
}

func (r *recorder) updated(cause *room.Cause, e signaling.RoomUpdated) {
	info := e.Room
	b := updateBody{CallbackCommand: afterUpdateRoom, Operator: operator(cause), EventTime: r.entry.At}
	if b.Operator == "" {
		b.Operator = e.By.UserID
	}
	i := &b.RoomInfo
	i.RoomID, i.RoomName, i.MaxMemberCount, i.TakeSeatMode = info.RoomID, info.Name, r.maxMembers(info), takeSeatMode(info)
	i.IsMessageDisabled, i.IsPublicVisible, i.CustomInfo = info.MessageDisabled, !info.Hidden, info.CustomInfo
	i.CoverURL, i.Category, i.ActivityStatus = info.CoverURL, categories(info), info.ActivityStatus
	r.tell(afterUpdateRoom, cause, b)
}

// metadata tells of a change, by the order of the keys.
func (r *recorder) metadata(cause *room.Cause, e signaling.MetadataChanged) {
	by := operator(cause)
	if by == "" {
		by = e.By.UserID
	}
	if len(e.Set) > 0 {
		b := setMetadataBody{CallbackCommand: afterSetMetadata, Operator: by, RoomID: r.key.Room, EventTime: r.entry.At}
		for _, key := range slices.Sorted(maps.Keys(e.Set)) {
			b.Metadata = append(b.Metadata, metadataOf{key, e.Set[key]})
		}
		r.tell(afterSetMetadata, cause, b)
	}
	if len(e.Deleted) > 0 {
		r.tell(afterDelMetadata, cause, delMetadataBody{
			CallbackCommand: afterDelMetadata, Operator: by, RoomID: r.key.Room, Keys: e.Deleted, EventTime: r.entry.At,
		})
	}
}

// categories is never null.
func categories(info signaling.RoomInfo) []int { return append([]int{}, info.Categories...) }

// members tells what users did. Those of one entry who did the same share a callback, as long as each user's own order
// stays: a crowd that comes and goes is few callbacks.
func (r *recorder) members(event, cause string, users []signaling.UserID) {
	var b *memberBody
	passed := map[signaling.UserID]bool{}
	for i := len(r.list) - 1; i >= 0 && b == nil; i-- {
		earlier, ok := r.list[i].body.(*memberBody)
		if !ok {
			break // what comes behind something else stays there
		}
		if earlier.EventCause == cause && !slices.ContainsFunc(users, func(u signaling.UserID) bool { return passed[u] }) {
			b = earlier
		}
		for _, m := range earlier.MemberList {
			passed[m.Member] = true
		}
	}
	if b == nil {
		b = &memberBody{
			CallbackCommand: memberChanged, RoomID: r.key.Room, EventType: event, EventCause: cause,
			MemberList: []memberOf{}, EventTime: r.entry.At,
		}
		r.tell(memberChanged, nil, b)
	}
	for _, u := range users {
		b.MemberList = append(b.MemberList, memberOf{u})
	}
}

func (r *recorder) heartbeat(h room.Heartbeat) {
	if h.Recovered {
		r.members("Online", "HeartbeatRecover", h.Users)
	} else {
		r.members("Offline", "HeartbeatInterrupt", h.Users)
	}
}

// seats tells the whole list: who keeps one by its indexes and who replaces it are both right.
func (r *recorder) seats(cause *room.Cause) {
	b := seatBody{CallbackCommand: seatChanged, RoomID: r.key.Room, SeatList: make([]seatOf, len(r.entry.State.Seats)), EventTime: r.entry.At}
	for i, s := range r.entry.State.Seats {
		b.SeatList[i] = seatOf{s.Index, s.UserID, s.Locked, s.VideoLocked, s.AudioLocked}
	}
	r.tell(seatChanged, cause, b)
}

func operator(c *room.Cause) signaling.UserID {
	if c == nil {
		return "" // the server itself
	}
	return c.By
}

// takeSeatMode is how the documents call the seat mode; a room without seats has None.
func takeSeatMode(info signaling.RoomInfo) string {
	if info.MaxSeatCount == 0 {
		return "None"
	}
	return info.SeatMode.String()
}

func (r *recorder) maxMembers(info signaling.RoomInfo) int {
	limit := r.service.cfg.MemberLimit
	if n := info.MaxMemberCount; n > 0 {
		return min(n, limit)
	}
	return limit
}
