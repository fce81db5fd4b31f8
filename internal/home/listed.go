package home

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

const (
	listReaders  = 16       // rooms that are read from the log at once
	summaryBytes = 32 << 10 // of room data in one answer of another node; encoding/json may make six times as much of it
)

// summaryQuery asks a node for the rooms of an app that it decides, from the id behind After on.
type summaryQuery struct {
	App   signaling.AppID  `json:"app"`
	After signaling.RoomID `json:"after,omitempty"`
}

// Listed returns an app's rooms as of their newest entries, with how many were present then, in no particular order.
// Nodes know those that they decide. Rooms that no node names are read from the log, one by one.
func (n *Node) Listed(ctx context.Context, app signaling.AppID) ([]signaling.RoomInfo, error) {
	keys, err := n.store.Rooms(ctx)
	if err != nil {
		return nil, err
	}
	known := map[signaling.RoomID]signaling.RoomInfo{}
	n.mu.Lock()
	nodes := make([]store.NodeID, 0, len(n.alive))
	for id, alive := range n.alive {
		if alive && id != n.cfg.ID {
			nodes = append(nodes, id)
		}
	}
	n.mu.Unlock()
	for _, id := range nodes {
		n.askSummaries(ctx, id, app, known)
	}
	own, _ := n.ownSummaries(summaryQuery{App: app}, 0)
	for _, info := range own {
		known[info.RoomID] = info
	}
	var list []signaling.RoomInfo
	var others []store.Key
	for _, key := range keys {
		if key.App != app {
			continue
		}
		if info, ok := known[key.Room]; ok {
			list = append(list, info)
		} else {
			others = append(others, key)
		}
	}
	read, err := n.readSummaries(ctx, others)
	return append(list, read...), err
}

// askSummaries adds what another node says. What it does not say is found in the log.
func (n *Node) askSummaries(ctx context.Context, id store.NodeID, app signaling.AppID, known map[signaling.RoomID]signaling.RoomInfo) {
	q := summaryQuery{App: app}
	for {
		r, err := n.remote(ctx, id, request{From: n.cfg.ID, Summary: &q})
		if err != nil || r.Code != 0 { // gone, or of an older version
			n.log.Debug("node does not say which rooms it has", "node", id, "error", err)
			return
		}
		for _, info := range r.Summaries {
			known[info.RoomID] = info
		}
		if !r.More || len(r.Summaries) == 0 {
			return
		}
		q.After = r.Summaries[len(r.Summaries)-1].RoomID
	}
}

// summaries answers another node.
func (n *Node) summaries(q summaryQuery) reply {
	list, more := n.ownSummaries(q, summaryBytes)
	return reply{Summaries: list, More: more}
}

// ownSummaries lists rooms that are decided here, by their ids, up to so many bytes, or all. A node whose heartbeat is
// not fresh knows of none: others may have its rooms by now.
func (n *Node) ownSummaries(q summaryQuery, limit int) (list []signaling.RoomInfo, more bool) {
	n.mu.Lock()
	if n.fresh(time.Now()) {
		for key, h := range n.homes {
			if info := h.summary.Load(); info != nil && key.App == q.App && key.Room > q.After {
				list = append(list, *info)
			}
		}
	}
	n.mu.Unlock()
	if limit == 0 {
		return list, false
	}
	slices.SortFunc(list, func(a, b signaling.RoomInfo) int { return cmp.Compare(a.RoomID, b.RoomID) })
	size := 0
	for i, r := range list {
		if size += 300 + len(r.Name) + len(r.Notice) + len(r.OwnerID) + len(r.OwnerName) + len(r.CoverURL) + len(r.BackgroundURL) + len(r.CustomInfo); size > limit && i > 0 {
			return list[:i], true
		}
	}
	return list, false
}

// readSummaries reads rooms from the log, several at once. The first error ends it.
func (n *Node) readSummaries(ctx context.Context, keys []store.Key) (list []signaling.RoomInfo, err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	next := make(chan store.Key)
	var wg sync.WaitGroup
	var mu sync.Mutex // protects list
	for range min(listReaders, len(keys)) {
		wg.Go(func() {
			for key := range next {
				info, err := n.readSummary(ctx, key)
				if err != nil {
					cancel(err)
				} else if info != nil {
					mu.Lock()
					list = append(list, *info)
					mu.Unlock()
				}
			}
		})
	}
	for _, key := range keys {
		if ctx.Err() != nil {
			break
		}
		next <- key
	}
	close(next)
	wg.Wait()
	return list, context.Cause(ctx)
}

// readSummary returns nil for a room that is over.
func (n *Node) readSummary(ctx context.Context, key store.Key) (*signaling.RoomInfo, error) {
	last, err := n.store.Last(ctx, key)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var e struct { // the rest of an entry is large
		Members int
		State   struct {
			Info      signaling.RoomInfo
			Dismissed signaling.DismissedReason
		}
	}
	if err := json.Unmarshal(last.Data, &e); err != nil {
		return nil, fmt.Errorf("home: unreadable log entry: %w", err)
	}
	if e.State.Dismissed != 0 {
		return nil, nil
	}
	e.State.Info.MemberCount = e.Members
	return &e.State.Info, nil
}

// sum keeps the newest entry's summary.
func (h *home) sum() {
	h.chat.mu.Lock()
	h.chat.state = h.entry.State
	h.chat.mu.Unlock()
	if !h.entry.State.Exists() {
		h.summary.Store(nil)
		return
	}
	info := h.entry.State.Info
	info.MemberCount = h.entry.Members
	h.summary.Store(&info)
}
