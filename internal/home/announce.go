package home

import (
	"cmp"
	"errors"
	"slices"
	"time"

	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// announceBytes bounds one part of an announcement; a request has to stay under [store.MaxPayload].
const announceBytes = 64 << 10

// Announce tells the room's home whom this node has, where the room is followed: the home is newer than the one that has let
// somebody in.
func (n *Node) Announce(key store.Key) {
	n.mu.Lock()
	f := n.followers[key]
	n.mu.Unlock()
	if f != nil {
		n.announce(f)
	}
}

// announce tells the room's home whom this node has, until the home has heard it: without that, a new home takes them
// for gone after the grace period.
func (n *Node) announce(f *follower) {
	f.announcing.run(n, func() {
		pause := firstPause
		for {
			n.announcers <- struct{}{}
			heard := n.announceAll(f.key)
			<-n.announcers
			if heard {
				return
			}
			n.unlearn(f.key)
			select {
			case <-n.ctx.Done():
				return
			case <-f.gone:
				return
			case <-time.After(pause):
			}
			pause = min(2*pause, maxPause)
		}
	})
}

// announceAll asks once with a fresh list, in parts. heard is false when it has to be done again.
func (n *Node) announceAll(key store.Key) (heard bool) {
	seq := n.seq.Add(1) // before the list: what happens from now on is newer
	members := n.cfg.Members(key)
	for _, a := range announcements(n.cfg.ID, members) {
		_, decided, err := n.tryOnce(n.ctx, request{Key: key, From: n.cfg.ID, Seq: seq, Announce: &a})
		switch {
		case errors.Is(err, signaling.ErrRoomNotExist), errors.Is(err, store.ErrClosed):
			return true
		case err != nil:
			n.log.Warn("members not announced", "room", key.Room, "error", err)
			return false
		case !decided:
			return false
		}
	}
	return true
}

// announcements cuts a list of members into parts that fit into a request. A user's sessions are in one part.
func announcements(node store.NodeID, members []Member) []announcement {
	members = slices.Clone(members)
	slices.SortFunc(members, func(a, b Member) int { return cmp.Compare(a.User.UserID, b.User.UserID) })
	parts := []announcement{{Node: node}}
	size := 0
	for i, m := range members {
		m.Node = node
		// encoding/json may write a byte as six.
		length := 200 + 6*(len(m.User.UserID)+len(m.User.UserName)+len(m.User.AvatarURL)+len(m.Session))
		if i > 0 && size+length > announceBytes && members[i-1].User.UserID != m.User.UserID {
			cut := members[i-1].User.UserID
			parts[len(parts)-1].UpTo = cut
			parts = append(parts, announcement{Node: node, After: cut})
			size = 0
		}
		size += length
		last := &parts[len(parts)-1]
		last.Members = append(last.Members, m)
	}
	return parts
}
