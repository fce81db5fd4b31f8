package main

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"time"
)

// The callbacks that this app asks for.
const (
	afterCreateRoom    = "Live.CallbackAfterCreateRoom"
	afterDestroyRoom   = "Live.CallbackAfterDestroyRoom"
	memberStateChanged = "Live.CallbackAfterMemberStateChanged"
)

// callback takes one callback. The server sends those of a room one after another, each until it is answered with OK: so
// the answer comes when the callback has been dealt with, and what cannot be dealt with now is answered with a failure
// and comes again.
func (a *app) callback(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if !signed(q, a.token, time.Now()) || q.Get("SdkAppid") != fmt.Sprint(a.rest.App) {
		http.Error(w, "not signed", http.StatusForbidden)
		return
	}
	var body event
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 1<<20)).Decode(&body); err != nil || body.room() == "" {
		http.Error(w, "not a callback", http.StatusBadRequest)
		return
	}
	a.rooms.told(r.Header.Get("Voiceroom-Delivery"), body)
	reply(w, map[string]any{"ActionStatus": "OK", "ErrorInfo": "", "ErrorCode": 0})
}

// signed tells whether who calls has the token, and called within the last minute: an older call is somebody's who has
// listened in.
func signed(q url.Values, token string, now time.Time) bool {
	at, err := strconv.ParseInt(q.Get("RequestTime"), 10, 64)
	if err != nil || now.Sub(time.Unix(at, 0)).Abs() > time.Minute {
		return false
	}
	sum := sha256.Sum256([]byte(token + q.Get("RequestTime")))
	return subtle.ConstantTimeCompare([]byte(hex.EncodeToString(sum[:])), []byte(q.Get("Sign"))) == 1
}

// event is what this app reads of a callback's body.
type event struct {
	CallbackCommand string
	RoomID          string `json:"RoomId"`
	RoomInfo        struct {
		RoomID string `json:"RoomId"`
		Owner  string `json:"Owner_Account"`
	}
	EventCause string
	MemberList []struct {
		Member string `json:"Member_Account"`
	}
}

func (e event) room() string {
	if e.CallbackCommand == afterCreateRoom {
		return e.RoomInfo.RoomID
	}
	return e.RoomID
}

// remembered is how many deliveries are known again. A callback comes twice when its answer was lost, so soon after.
const remembered = 10_000

// rooms are those that there are, as far as this server has been told.
type rooms struct {
	mu     sync.Mutex
	byID   map[string]*room
	seen   map[string]bool // deliveries
	recent []string        // the same, oldest first
}

type room struct {
	owner   string
	members map[string]bool
}

func newRooms() *rooms { return &rooms{byID: map[string]*room{}, seen: map[string]bool{}} }

// told takes what a callback says, once.
func (r *rooms) told(delivery string, e event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.seen[delivery] {
		return
	}
	if r.recent = append(r.recent, delivery); len(r.recent) > remembered {
		delete(r.seen, r.recent[0])
		r.recent = r.recent[1:]
	}
	r.seen[delivery] = true
	id := e.room()
	switch e.CallbackCommand {
	case afterCreateRoom:
		r.open(id).owner = e.RoomInfo.Owner
	case afterDestroyRoom:
		delete(r.byID, id)
	case memberStateChanged:
		for _, m := range e.MemberList {
			switch e.EventCause {
			case "Enter":
				r.open(id).members[m.Member] = true
			case "Leave":
				if room := r.byID[id]; room != nil {
					delete(room.members, m.Member)
				}
			} // who is only disconnected (HeartbeatInterrupt) is still in the room
		}
	default:
		log.Printf("nobody has asked for %q", e.CallbackCommand)
	}
}

// open returns a room, also one that was there before this server.
func (r *rooms) open(id string) *room {
	if r.byID[id] == nil {
		r.byID[id] = &room{members: map[string]bool{}}
	}
	return r.byID[id]
}

func (r *rooms) opened(id, owner string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.open(id).owner = owner
}

func (r *rooms) ended(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.byID, id)
}

func (r *rooms) owner(id string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.byID[id] == nil {
		return ""
	}
	return r.byID[id].owner
}

type shown struct {
	RoomID  string   `json:"roomId"`
	Owner   string   `json:"owner"`
	Members []string `json:"members"`
}

func (r *rooms) list() []shown {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := []shown{}
	for _, id := range slices.Sorted(maps.Keys(r.byID)) {
		members := slices.AppendSeq([]string{}, maps.Keys(r.byID[id].members))
		slices.Sort(members)
		list = append(list, shown{id, r.byID[id].owner, members})
	}
	return list
}
