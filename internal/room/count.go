package room

import (
	"cmp"
	"slices"
	"time"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

const (
	// MaxLikedNodes is of how many nodes a room knows how much of their counts it has taken.
	MaxLikedNodes = 32
	// LikedIdle is how long a node without members in the room is known after its count has grown. It has given up a count
	// that the room has not taken long before.
	LikedIdle = 2 * time.Hour

	likedBytes = 104 // one of these as JSON, at most
)

// Liked is how much of a node's count a room has taken: each like once, however often the node says how many they are.
type Liked struct {
	Node  string `json:"n"` // at most 26 bytes
	Tally uint64 `json:"t"` // the node's count; it begins a new one, with a higher number, when the former has been taken
	Count int64  `json:"c"` // likes in it, which only grow
	At    int64  `json:"a"` // Unix seconds of its last growth
}

// Count is what the room's home has heard since the last one: likes, as the nodes say them, and messages. Only the home
// itself issues it, and it tells clients of the new totals as it likes: the event is no version's for them.
type Count struct {
	Likes    []Liked
	Likers   []signaling.UserInfo // some of those who have liked it, the newest last; at most [signaling.MaxLikers]
	Messages int64                // that nobody has counted yet
	Absent   func(node string) bool
}

func (Count) actionType() string { return "count" }

// Counted says what a Count has changed.
type Counted struct {
	Likes    int64                `json:"likes,omitempty"`
	Likers   []signaling.UserInfo `json:"likers,omitempty"`
	Messages int64                `json:"messages,omitempty"`
}

// count takes what is new.
func (d *decision) count(a Count) error {
	if d.by.UserID != "" {
		return signaling.ErrNoPermission
	}
	var news Counted
	for _, l := range a.Likes {
		news.Likes += d.liked(l, a.Absent)
	}
	if news.Likes > 0 {
		news.Likers = a.Likers[max(len(a.Likers)-signaling.MaxLikers, 0):]
	}
	news.Messages = max(a.Messages, 0)
	if news.Likes == 0 && news.Messages == 0 {
		return nil
	}
	d.state.Stats.TotalLikesReceived += news.Likes
	d.state.Stats.TotalMessageCount += news.Messages
	d.events = append(d.events, Event{Counted: &news})
	return nil
}

// liked takes one node's count and returns by how much it has grown. A count before the one that is known has been taken,
// or its node would not have begun another.
func (d *decision) liked(l Liked, absent func(string) bool) (more int64) {
	list := slices.Clone(d.state.Liked)
	i := slices.IndexFunc(list, func(x Liked) bool { return x.Node == l.Node })
	switch {
	case l.Count <= 0:
		return 0
	case i >= 0 && (l.Tally < list[i].Tally || l.Tally == list[i].Tally && l.Count <= list[i].Count):
		return 0
	case i >= 0 && l.Tally == list[i].Tally:
		more = l.Count - list[i].Count
	default:
		more = l.Count
	}
	l.At = d.now.Unix()
	if i >= 0 {
		list[i] = l
	} else {
		if len(list) >= MaxLikedNodes {
			list = d.forgetLiked(list, absent)
		}
		if len(list) >= MaxLikedNodes {
			return 0 // it is said again, until there is a place
		}
		list = append(list, l)
	}
	before := d.state.Liked
	d.state.Liked = list
	if used := d.state.requestBytes(); len(list) > len(before) && used > 0 && used > d.state.requestBudget() {
		d.state.Liked = before // the pending requests leave no place; they end soon
		return 0
	}
	return more
}

// forgetLiked makes a place: of the nodes whose count has been taken for good, the one that is silent for longest.
func (d *decision) forgetLiked(list []Liked, absent func(string) bool) []Liked {
	old := d.now.Add(-LikedIdle).Unix()
	oldest := slices.IndexFunc(list, func(x Liked) bool { return x.At <= old && absent != nil && absent(x.Node) })
	for i, x := range list {
		if oldest >= 0 && x.At <= old && absent(x.Node) && cmp.Less(x.At, list[oldest].At) {
			oldest = i
		}
	}
	if oldest < 0 {
		return list
	}
	return slices.Delete(list, oldest, oldest+1)
}

// LikedOf returns how much of a node's count the room has taken.
func (s State) LikedOf(node string, tally uint64) int64 {
	for _, l := range s.Liked {
		if l.Node == node && l.Tally == tally {
			return l.Count
		}
	}
	return 0
}

// Statistics returns what has happened in the room up to a time, or to its end.
func (s State) Statistics(now time.Time) signaling.LiveStatistics {
	end := now.UnixMilli()
	if s.Ended != 0 {
		end = s.Ended
	}
	stats := s.Stats
	stats.TotalViewers = s.Info.ViewCount
	stats.LiveDuration = max(end-s.Info.CreateTime, 0) / 1000
	return stats
}

// Record returns what is to be kept of the room.
func (s State) Record(now time.Time) signaling.LiveRecord {
	return signaling.LiveRecord{
		RoomID: s.Info.RoomID, OwnerID: s.Info.OwnerID, CreateTime: s.Info.CreateTime, EndTime: s.Ended, Reason: s.Dismissed,
		Statistics: s.Statistics(now),
	}
}
