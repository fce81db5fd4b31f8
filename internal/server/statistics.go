package server

import (
	"context"
	"time"

	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

const (
	forgetLives      = time.Hour   // how often old statistics are looked for
	forgetLivesLimit = time.Minute // for one app
)

// statistics tells an owner what has happened in a room, which may be over. Its members are told without asking.
func (ses *session) statistics(ctx context.Context, p signaling.StatisticsParams) (res signaling.StatisticsResult, err error) {
	if err := p.RoomID.Valid(); err != nil {
		return res, err
	}
	if !ses.lists.Allow() {
		return res, signaling.ErrFreqLimit
	}
	live, err := ses.srv.node.Live(ctx, store.Key{App: ses.app, Room: p.RoomID}, p.CreateTime)
	if err == nil && live.OwnerID != ses.user.UserID {
		err = signaling.ErrNeedOwner
	}
	if err != nil {
		return res, err
	}
	return signaling.StatisticsResult{Live: live}, nil
}

// dismiss ends a room, and answers with what has happened in it.
func (ses *session) dismiss(ctx context.Context, p signaling.RoomParams) (res signaling.DismissResult, err error) {
	m, err := ses.membership(p.RoomID)
	if err != nil {
		return res, err
	}
	out, err := ses.decide(ctx, p.RoomID, p.CommandID, room.Dismiss{Reason: signaling.DismissedByOwner})
	if err != nil {
		return res, err
	}
	m.replica.mu.Lock()
	defer m.replica.mu.Unlock()
	return signaling.DismissResult{Version: out.Version, Statistics: m.replica.entry.State.Statistics(time.Now())}, nil
}

// forgetOldLives removes old statistics from time to time. One node does it for each app.
func (s *Server) forgetOldLives() {
	every := time.NewTicker(forgetLives)
	defer every.Stop()
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-every.C:
		}
		for app := range s.cfg.Apps {
			if !s.node.Chosen(app) {
				continue
			}
			ctx, cancel := context.WithTimeout(s.ctx, forgetLivesLimit)
			err := s.node.ForgetLives(ctx, app)
			cancel()
			if err != nil && s.ctx.Err() == nil {
				s.log.Warn("old statistics not removed; in an hour again", "app", app, "error", err)
			}
		}
	}
}
