package home

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

const (
	auditWait  = 2 * time.Second // how long a reader waits for what has just been decided
	auditPause = 10 * time.Millisecond
)

// audited is what the audit log keeps of an entry.
type audited struct {
	Room int64           `json:"room"` // the room's CreateTime: a later room of the same id has its own
	Acts []signaling.Act `json:"acts"`
}

// auditOf is the digest of a room's log that says who has done what to it. The acts are in the entry that carries them
// out, so there is one of each that counts, and none of another.
func (n *Node) auditOf(key store.Key) digest {
	return digest{
		name: "audit log", log: n.store.Audit(), age: store.AuditAge - copyMargin,
		wanted: func() bool { return true },
		has:    func(e *Entry) bool { return len(e.Acts) > 0 },
		record: func(_ uint64, e Entry) []byte {
			b, err := json.Marshal(audited{Room: e.State.Info.CreateTime, Acts: e.Acts})
			if err != nil {
				n.log.Error("acts not written down", "room", key.Room, "error", err)
				return nil
			}
			return b
		},
		copied: func() {},
	}
}

// acted is the revision of the newest entry with acts, up to e, which has the revision rev; 0: there is none.
func acted(e Entry, rev uint64) uint64 {
	if len(e.Acts) > 0 {
		return rev
	}
	return e.Acted
}

// copiers are what a room's log is copied by.
type copiers []*copier

// newCopiers makes the copiers of a room whose entries above front they will be fed with; the newest of those below that
// has acts is acted.
func (n *Node) newCopiers(ctx context.Context, key store.Key, front, acted uint64) copiers {
	list := copiers{n.newCopier(ctx, key, n.auditOf(key), acted)}
	if n.cfg.Outbox != nil {
		list = append(list, n.newCopier(ctx, key, n.outboxOf(key), front))
	}
	return list
}

// feed hands over an entry that is in the log now.
func (list copiers) feed(rev uint64, e Entry) {
	for _, c := range list {
		c.feed(rev, e)
	}
}

// covers reports whether the log's entries below a revision are needed no more. If not, it sees to it.
func (list copiers) covers(rev uint64) bool {
	all := true
	for _, c := range list {
		all = c.covers(rev) && all
	}
	return all
}

// begin has copied what a former home has left.
func (list copiers) begin() {
	for _, c := range list {
		if c.to.wanted() && c.front > 0 {
			c.work.run(c.node, c.run)
		}
	}
}

// finish copies what there is, for a room that has no home any more.
func (list copiers) finish(ctx context.Context) error {
	var errs []error
	for _, c := range list {
		if c.front > 0 {
			errs = append(errs, c.copyAll(ctx))
		}
	}
	return errors.Join(errs...)
}

// auditQuery asks whether a room's audit log has everything.
type auditQuery struct {
	By signaling.UserID `json:"by,omitempty"` // who must be the owner to read it; empty: the app asks
}

func (h *home) audit(t *turn, c call, q auditQuery) {
	// The app may read of a room that has just ended, too.
	exists, owner, created := t.state.Exists(), t.state.Info.OwnerID, t.state.Info.CreateTime
	t.add(c, func(Entry) reply {
		switch {
		case !exists && q.By != "":
			return refusal(signaling.ErrRoomNotExist)
		case q.By != "" && q.By != owner:
			return refusal(signaling.ErrNeedOwner)
		}
		return reply{Behind: !h.copiers[0].covers(h.rev + 1), Created: created}
	})
}

// AuditQuery asks for a page of a room's audit log, the newest first.
type AuditQuery struct {
	By       signaling.UserID // who must be the owner, and reads what was done to this room; empty: the app, which reads all
	Before   uint64           // only acts below this sequence; 0: all
	From, To time.Time        // only acts of that time, To excluded; zero: no bound
	Limit    int
}

// Audit reads who has done what to a room. What was decided before the call is in it. Of a room that is over, or was before
// another of its id, the app reads as long as the store keeps it; 100004 says that there has been none. more says that
// there are older ones.
func (n *Node) Audit(ctx context.Context, key store.Key, q AuditQuery) (acts []signaling.Act, more bool, err error) {
	r, err := n.audited(ctx, key, q.By)
	gone := errors.Is(err, signaling.ErrRoomNotExist) && q.By == ""
	if err != nil && !gone {
		return nil, false, err
	}
	list, err := n.readAudit(ctx, key)
	if err != nil {
		return nil, false, &signaling.Error{Code: signaling.ErrServer.Code, Err: err}
	}
	if gone && len(list) == 0 {
		return nil, false, signaling.ErrRoomNotExist
	}
	for _, raw := range slices.Backward(list) {
		var told Told
		var a audited
		if err := errors.Join(json.Unmarshal(raw.Data, &told), json.Unmarshal(told.Data, &a)); err != nil {
			return nil, false, &signaling.Error{Code: signaling.ErrServer.Code, Err: fmt.Errorf("home: unreadable acts: %w", err)}
		}
		if q.By != "" && a.Room != r.Created {
			continue
		}
		for i, act := range slices.Backward(a.Acts) {
			act.Sequence = raw.Rev<<8 | uint64(i) // an entry has few acts
			at := time.UnixMilli(act.Time)
			switch {
			case q.Before != 0 && act.Sequence >= q.Before, !q.To.IsZero() && !at.Before(q.To), at.Before(q.From):
			case len(acts) == q.Limit:
				return acts, true, nil
			default:
				acts = append(acts, act)
			}
		}
	}
	return acts, false, nil
}

// audited waits until the room's audit log has what was decided before.
func (n *Node) audited(ctx context.Context, key store.Key, by signaling.UserID) (reply, error) {
	limit := time.Now().Add(auditWait)
	for pause := auditPause; ; pause *= 2 {
		r, _, err := n.ask(ctx, request{Key: key, Audit: &auditQuery{By: by}})
		switch {
		case err != nil || !r.Behind:
			return r, err
		case time.Now().After(limit):
			return r, signaling.Errorf(signaling.ErrServer.Code, "the newest acts are not written down yet; try again")
		}
		select {
		case <-ctx.Done():
			return r, &signaling.Error{Code: signaling.ErrServer.Code, Err: context.Cause(ctx)}
		case <-time.After(pause):
		}
	}
}

func (n *Node) readAudit(ctx context.Context, key store.Key) (all []store.Entry, err error) {
	for {
		var after uint64
		if len(all) > 0 {
			after = all[len(all)-1].Rev
		}
		page, err := n.store.Audit().After(ctx, key, after, copyPage)
		if all = append(all, page...); err != nil || len(page) < copyPage {
			return all, err
		}
	}
}
