package engine

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// Statistics returns what has happened in the room since its creation. OnLiveStatisticsChanged tells when something has
// changed; LiveDuration grows by itself. After the room's end it is as it was last known here; what [Room.Dismiss] and
// [Engine.FetchLiveStatistics] return is final.
func (r *Room) Statistics() LiveStatistics {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.statistics()
}

// statistics is Statistics with r.mu held.
func (r *Room) statistics() LiveStatistics {
	s := r.view.Statistics
	if !r.over {
		s.LiveDuration += int64(time.Since(r.shown) / time.Second)
	}
	return s
}

// show takes a snapshot over; r.mu is held.
func (r *Room) show(s signaling.Snapshot) { r.view, r.shown = s, time.Now() }

// Dismiss ends the room for everybody, and returns what has happened in it. Only the owner can.
func (r *Room) Dismiss(ctx context.Context) (LiveStatistics, error) {
	created := r.Info().CreateTime
	var res signaling.DismissResult
	if gone, err := r.exit(ctx, signaling.MethodDismissRoom, &res); err != nil || !gone {
		return res.Statistics, err
	}
	// The room was over before the answer could come.
	live, err := r.eng.FetchLiveStatistics(ctx, r.id, created)
	if errors.Is(err, ErrRoomNotExist) || errors.Is(err, ErrNeedOwner) {
		err = nil // it is gone all the same
	}
	return live.Statistics, err
}

// FetchLiveStatistics asks what has happened in a room that this user owns, or has owned, whether it goes on or is over:
// the one that was created then (CreateTime of its [RoomInfo], Unix milliseconds), with 0 the newest with this id. The
// server keeps it for 30 days after the room's end. It fails with [ErrRoomNotExist] for one that is not known (any more),
// and with [ErrNeedOwner] for somebody else's. A login may ask five times a second, 20 times in a burst.
func (e *Engine) FetchLiveStatistics(ctx context.Context, room RoomID, createTime int64) (LiveRecord, error) {
	var res signaling.StatisticsResult
	err := e.call(ctx, signaling.MethodStatistics, signaling.StatisticsParams{RoomID: room, CreateTime: createTime}, &res)
	return res.Live, signaling.WithOp("FetchLiveStatistics", err)
}

// statisticsReceived takes the room's statistics. It runs on the connection's reading goroutine.
func (r *Room) statisticsReceived(s LiveStatistics) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.over || !r.joined {
		return // Enter's snapshot has them
	}
	s.TotalViewers = max(s.TotalViewers, r.view.Statistics.TotalViewers) // which come with who enters, too
	r.statisticsChanged(s, nil)
	r.shown = time.Now()
}

// statisticsChanged takes statistics over and tells what is news; r.mu is held.
func (r *Room) statisticsChanged(s LiveStatistics, likers []UserInfo) {
	old := r.view.Statistics
	r.view.Statistics = s
	r.statisticsDiffer(old, likers)
}

// statisticsDiffer tells how the statistics differ from what they were; r.mu is held.
func (r *Room) statisticsDiffer(old LiveStatistics, likers []UserInfo) {
	now := r.statistics()
	flags := now.Changes(old)
	if flags == 0 {
		return
	}
	if flags&signaling.LiveStatisticsLikes != 0 {
		r.post("OnReceiveLikes", func(o *RoomObserver) {
			if o.OnReceiveLikes != nil {
				o.OnReceiveLikes(r.id, now.TotalLikesReceived, slices.Clone(likers))
			}
		})
	}
	r.post("OnLiveStatisticsChanged", func(o *RoomObserver) {
		if o.OnLiveStatisticsChanged != nil {
			o.OnLiveStatisticsChanged(r.id, now, flags)
		}
	})
}
