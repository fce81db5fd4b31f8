package server

import (
	"context"
	"math"
	"slices"
	"time"

	"github.com/openvoiceroom/openvoiceroom/internal/home"
	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// sanction carries out the calls about bans and mutes. ok is false for other methods.
func (ses *session) sanction(ctx context.Context, m signaling.Message) (result any, ok bool, err error) {
	switch m.Method {
	case signaling.MethodMute:
		result, err = with(ctx, m, func(ctx context.Context, p signaling.MuteParams) (signaling.Done, error) {
			d, err := lasting(p.Duration)
			if err != nil {
				return signaling.Done{}, err
			}
			return ses.do(ctx, p.RoomID, p.CommandID, room.Mute{Users: p.Users, Duration: d})
		})
	case signaling.MethodBan:
		result, err = with(ctx, m, func(ctx context.Context, p signaling.BanParams) (signaling.Done, error) {
			d, err := lasting(p.Duration)
			if err != nil {
				return signaling.Done{}, err
			}
			return ses.do(ctx, p.RoomID, p.CommandID, room.Ban{Users: p.Users, Duration: d, Reason: p.Reason})
		})
	case signaling.MethodUnban:
		result, err = with(ctx, m, func(ctx context.Context, p signaling.UnbanParams) (signaling.Done, error) {
			return ses.do(ctx, p.RoomID, p.CommandID, room.Unban{Users: p.Users})
		})
	case signaling.MethodListMuted, signaling.MethodListBanned:
		result, err = with(ctx, m, func(ctx context.Context, p signaling.SanctionListParams) (signaling.SanctionListResult, error) {
			return ses.listSanctions(ctx, p, m.Method == signaling.MethodListMuted)
		})
	case signaling.MethodAudit:
		result, err = with(ctx, m, ses.audit)
	default:
		return nil, false, nil
	}
	return result, true, err
}

// lasting reads off the wire how long a ban or a mute lasts; whether it may be 0 is for the rules.
func lasting(s int64) (time.Duration, error) {
	if s < 0 || s > math.MaxUint32 {
		return 0, signaling.Errorf(signaling.ErrInvalidParameter.Code, "duration is in seconds, 1 to %d, and 0 ends a mute", math.MaxUint32)
	}
	return time.Duration(s) * time.Second, nil
}

func (ses *session) listSanctions(ctx context.Context, p signaling.SanctionListParams, muted bool) (res signaling.SanctionListResult, err error) {
	m, err := ses.membership(p.RoomID)
	if err != nil {
		return res, err
	}
	if p.Limit, err = pageLimit(p.Limit, signaling.PageLimit); err != nil {
		return res, err
	}
	if !ses.lists.Allow() {
		return res, signaling.ErrFreqLimit
	}
	list, more, err := ses.srv.node.Sanctions(ctx, m.replica.key, muted, ses.user.UserID, p.After, p.Limit)
	if err != nil {
		return res, err
	}
	res.Users = make([]signaling.SanctionedUser, len(list))
	for i, s := range list {
		res.Users[i] = signaling.SanctionedUser{UserID: s.User, Until: s.Until}
	}
	if more {
		res.Next = list[len(list)-1].User
	}
	return res, nil
}

// mute is what this node knows of a member's mute, which is not in the room's state: what the home says at the entry,
// and what the events say after it.
type mute struct {
	until   int64  // Unix milliseconds; 0: the member may chat
	version uint64 // the room's, as of which that is so
	unknown bool   // events were lost
}

func (u *mute) follow(e home.Entry, complete bool, user signaling.UserID) {
	u.unknown = u.unknown || !complete
	for _, ev := range e.Events {
		if m, ok := ev.Event.(signaling.SendMessageDisabledChanged); ok && slices.Contains(m.Users, user) {
			u.until, u.version = m.Until, e.Version
		}
	}
}

// muteKnown takes over what the home says. Events may have been faster.
func (m *membership) muteKnown(until int64, version uint64) {
	m.replica.mu.Lock()
	defer m.replica.mu.Unlock()
	if version >= m.mute.version {
		m.mute.until, m.mute.version = until, version
	}
}

// learnMute asks the home when events were lost: one of them may have been about this member's mute.
func (m *membership) learnMute(ctx context.Context) error {
	m.replica.mu.Lock()
	unknown := m.mute.unknown
	m.mute.unknown = false // what is lost from now on makes it unknown again
	m.replica.mu.Unlock()
	if !unknown {
		return nil
	}
	until, version, err := m.replica.srv.node.MutedUntil(ctx, m.replica.key, m.user.UserID)
	m.replica.mu.Lock()
	defer m.replica.mu.Unlock()
	if err != nil {
		m.mute.unknown = true
		return err
	}
	if version >= m.mute.version {
		m.mute.until, m.mute.version = until, version
	}
	return nil
}
