package room

import (
	"slices"
	"time"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// Limits of a room. They keep its state under MaxStateBytes, the largest log entry that a store has to take quickly.
const (
	DefaultSeats = 10  // documents: CreateRoomParams.maxAnchorCount
	MaxSeats     = 50  // the most that a server can be configured to allow
	MaxRequests  = 200 // pending at once; fewer where their users have long names, see requestBudget
	MaxTimeout   = 24 * time.Hour
	MaxNameBytes = 100
	MaxAdmins    = 5 // documents: modify_admin

	MaxURLBytes    = 200 // of a cover's and of a background's (documents: create_room)
	MaxCategories  = 3   // documents: create_room
	MaxNoticeBytes = 100 // documents: LiveInfo
	MaxCustomBytes = 500 // of CustomInfo; the documents give no number

	MaxKickData = 2 << 10
	MaxIDBytes  = 64 // of a command's id, which names the request that it starts

	MaxStateBytes = 64 << 10 // as JSON

	maxExpired = 32          // requests that one Expire ends
	minAge     = time.Second // between two rooms of one id that the app creates (documents, create_room)
)

// State is a room. The zero State is a room that does not exist.
type State struct {
	Info      signaling.RoomInfo        `json:"info"`
	Admins    []signaling.UserID        `json:"admins,omitempty"`
	Seats     []signaling.SeatInfo      `json:"seats,omitempty"` // Seats[i].Index == i
	Requests  []signaling.Request       `json:"requests,omitempty"`
	Metadata  map[string][]byte         `json:"metadata,omitempty"` // never changed, only replaced
	Battle    *Battle                   `json:"battle,omitempty"`   // in battle.go
	Dismissed signaling.DismissedReason `json:"dismissed,omitempty"`
	Robots    []Robot                   `json:"robots,omitempty"`
	Password  Password                  `json:"password,omitzero"` // shown to nobody
	Life      Life                      `json:"life,omitzero"`     // in life.go

	Connection *Connection `json:"connection,omitempty"` // in connection.go; never changed, only replaced

	// Stats is what is counted with the log. Viewers are Info.ViewCount, and the duration follows from Info.CreateTime.
	Stats signaling.LiveStatistics `json:"stats,omitzero"`

	Combos []Combo `json:"combos,omitempty"` // in gift.go; never changed, only replaced
	Gifts  uint64  `json:"gifts,omitempty"`  // how often somebody has sent any
	Liked  []Liked `json:"liked,omitempty"`  // in count.go; never changed, only replaced
	Ended  int64   `json:"ended,omitempty"`  // when it was dismissed, Unix milliseconds

	// Unlimited is the documents' IsUnlimitedRoomEnabled as the app has set it at the creation, for the app to be told again.
	// Every room serves large audiences.
	Unlimited bool `json:"unlimited,omitempty"`
}

// Exists reports whether there is a room: created and not dismissed.
func (s State) Exists() bool { return s.Info.RoomID != "" && s.Dismissed == 0 }

// RoleOf returns what a user may do in the room.
func (s State) RoleOf(u signaling.UserID) signaling.Role {
	switch {
	case u == "": // the server itself, or nobody
		return signaling.GeneralUser
	case u == s.Info.OwnerID:
		return signaling.RoomOwner
	case slices.Contains(s.Admins, u):
		return signaling.Administrator
	}
	return signaling.GeneralUser
}

// SeatOf returns where a user sits; ok is false for somebody off the seats.
func (s State) SeatOf(u signaling.UserID) (signaling.SeatIndex, bool) {
	i := slices.IndexFunc(s.Seats, func(x signaling.SeatInfo) bool { return u != "" && x.UserID == u })
	return signaling.SeatIndex(i), i >= 0
}

// Speakers returns who may be heard now, in the order of the seats: seated, microphone on, not silenced by a lock.
func (s State) Speakers() []signaling.UserID {
	var list []signaling.UserID
	if !s.Exists() {
		return nil
	}
	for _, seat := range s.Seats {
		if seat.UserID != "" && seat.Mic == signaling.MicOn {
			list = append(list, seat.UserID)
		}
	}
	return list
}

// Bound returns the users whom the state mentions by a seat or a request: those whose absence matters.
func (s State) Bound() []signaling.UserID {
	var list []signaling.UserID
	known := make(map[signaling.UserID]bool, len(s.Seats)+len(s.Requests))
	add := func(u signaling.UserID) {
		if u != "" && !known[u] {
			known[u] = true
			list = append(list, u)
		}
	}
	for _, seat := range s.Seats {
		add(seat.UserID)
	}
	for _, r := range s.Requests {
		add(r.From.UserID)
		add(r.To)
	}
	return list
}

// NextDeadline returns when [Expire] has something to do next; ok is false when nothing is due ever.
func (s State) NextDeadline() (t time.Time, ok bool) {
	if !s.Exists() {
		return time.Time{}, false
	}
	var first int64
	for _, r := range s.Requests {
		if r.Deadline != 0 && (first == 0 || r.Deadline < first) {
			first = r.Deadline
		}
	}
	return time.UnixMilli(first), first != 0
}

// View returns the room as one user may see it: everybody sees the seats, managers all requests, the others their own.
func (s State) View(u signaling.UserInfo, version uint64, members int) signaling.Snapshot {
	u.Role = s.RoleOf(u.UserID)
	v := signaling.Snapshot{Version: version, Room: s.Info, Self: u, Admins: slices.Clone(s.Admins), Seats: slices.Clone(s.Seats), Metadata: s.Texts(), Battle: s.battle(), BattleRequests: s.battleRequests(u.Role), Connection: s.viewConnection(u.Role)}
	v.Room.MemberCount = members
	for _, r := range s.Requests {
		if u.Role.Manages() || u.UserID != "" && (r.From.UserID == u.UserID || r.To == u.UserID) {
			v.Requests = append(v.Requests, r)
		}
	}
	return v
}

func (s State) clone() State {
	s.Admins = slices.Clone(s.Admins)
	s.Seats = slices.Clone(s.Seats)
	s.Requests = slices.Clone(s.Requests)
	s.Robots = slices.Clone(s.Robots)
	return s
}

// freeSeat returns the lowest seat that somebody with this role may take unasked for.
func (s State) freeSeat() (signaling.SeatIndex, bool) {
	i := slices.IndexFunc(s.Seats, func(x signaling.SeatInfo) bool { return x.UserID == "" && !x.Locked })
	return signaling.SeatIndex(i), i >= 0
}

func (s State) request(id string) (int, bool) {
	i := slices.IndexFunc(s.Requests, func(r signaling.Request) bool { return r.RequestID == id })
	return i, i >= 0
}
