package battle

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/openvoiceroom/openvoiceroom/internal/record"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// Result is what became of one invited room.
type Result struct {
	Room signaling.RoomID
	Err  error // nil: it is in the battle, or asked for it
}

// idLength is of a battle's id: 130 bits, or the 128 of a digest.
const idLength = 26

// validID reports whether a text can be a battle's id. Others must not become keys.
func validID(s string) bool {
	return len(s) == idLength && strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567") == ""
}

// Start begins a battle at once, among any rooms. Rooms that cannot take part are left out: their results say why.
func (b *Battles) Start(ctx context.Context, app signaling.AppID, c Create) (Battle, []Result, error) {
	c.ID = rand.Text()
	if _, err := made(c); err != nil { // before anybody is asked
		return Battle{}, nil, err
	}
	a := begins(c)
	a.hosts[0], a.errs[0] = b.cfg.Rooms.Host(ctx, app, c.Rooms[0].RoomID, "")
	if a.errs[0] != nil {
		return Battle{}, nil, a.errs[0]
	}
	b.hosts(ctx, app, a)
	return b.begin(ctx, app, a)
}

// Ask asks for a battle among rooms that are connected with the asking one, or begins it where nobody need agree, by a user
// who must be the asking room's owner. Rooms that cannot be asked are left out; that none can be is
// [signaling.ErrBattleNoRooms], with the results. A command that comes again finds its battle. version is the asking room's
// that shows it.
func (b *Battles) Ask(ctx context.Context, app signaling.AppID, by signaling.UserID, c Create) (battle Battle, results []Result, version uint64, err error) {
	if _, err := made(c); err != nil { // before anybody is asked
		return Battle{}, nil, 0, err
	}
	from := c.Rooms[0].RoomID
	a := begins(c)
	if a.hosts[0], err = b.cfg.Rooms.Host(ctx, app, from, by); err != nil {
		return Battle{}, nil, 0, err
	}
	a.ID = idOf(from, a.hosts[0].Created, by, c.Command)
	old, _, err := record.Load[Battle](ctx, b.cfg.Values, keyOf(app, a.ID))
	if err != nil {
		return Battle{}, nil, 0, err
	}
	if old.Asked != 0 || old.Start != 0 {
		return b.repeated(ctx, app, old, c)
	}
	connection, rooms, err := b.cfg.Rooms.Connected(ctx, app, from)
	if err != nil {
		return Battle{}, nil, 0, err
	}
	if connection == "" {
		return Battle{}, nil, 0, signaling.Errorf(signaling.ErrConnectionNotExist.Code, "the room is not connected; a battle is among connected rooms")
	}
	a.Connection = connection
	b.hosts(ctx, app, a)
	for i, r := range c.Rooms {
		if a.errs[i] == nil && !slices.Contains(rooms, r.RoomID) {
			a.errs[i] = signaling.ErrNotInConnection
		}
	}
	battle, results, err = b.begin(ctx, app, a)
	if err != nil {
		return battle, results, 0, err
	}
	version, err = b.showTo(ctx, app, battle, from)
	if errors.Is(err, signaling.ErrLimit) { // the room has no place for what it has asked for
		if _, e := b.apply(ctx, app, a.ID, Lose{Room: from}); e != nil {
			return battle, results, 0, e
		}
	}
	return battle, results, version, err
}

// idOf names the battle that a command asks for, so that the command finds it when it comes again.
func idOf(room signaling.RoomID, created int64, by signaling.UserID, command string) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\x00%d\x00%s\x00%s", room, created, by, command))
	return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:16])
}

func (b *Battles) repeated(ctx context.Context, app signaling.AppID, doc Battle, c Create) (Battle, []Result, uint64, error) {
	results := make([]Result, len(c.Rooms)-1)
	for i, r := range c.Rooms[1:] {
		results[i].Room = r.RoomID
		if _, in := doc.Find(r.RoomID); !in {
			results[i].Err = signaling.ErrBattleTooFrequent // why it was not in it is known no more
		}
	}
	version, err := b.showTo(ctx, app, doc, c.Rooms[0].RoomID)
	return doc, results, version, err
}

// made checks a Create.
func made(c Create) (Battle, error) { return Apply(Battle{}, c, time.Now()) }

// beginning is a Create with what the homes have said.
type beginning struct {
	Create
	hosts []Host
	errs  []error // of rooms that cannot take part
}

func begins(c Create) *beginning {
	c.Rooms = slices.Clone(c.Rooms)
	return &beginning{Create: c, hosts: make([]Host, len(c.Rooms)), errs: make([]error, len(c.Rooms))}
}

// hosts asks about the invited rooms, and takes over what is said of all.
func (b *Battles) hosts(ctx context.Context, app signaling.AppID, a *beginning) {
	each(len(a.Rooms), func(i int) {
		if i > 0 {
			a.hosts[i], a.errs[i] = b.cfg.Rooms.Host(ctx, app, a.Rooms[i].RoomID, "")
		}
		if a.errs[i] == nil {
			a.Rooms[i] = a.hosts[i].Room
		}
	})
}

// begin makes the battle, claims its rooms and begins it with those that could be.
func (b *Battles) begin(ctx context.Context, app signaling.AppID, a *beginning) (Battle, []Result, error) {
	_, err := record.Update(ctx, b.cfg.Values, keyOf(app, a.ID), func(doc *Battle, _ uint64) (err error) {
		if doc.ID != "" && doc.Status == Created { // the command comes again
			return record.ErrKeep
		}
		*doc, err = made(a.Create)
		return err
	})
	if err != nil {
		return Battle{}, nil, err
	}
	defer b.follow(id{app, a.ID}, true)
	turns, err := b.claimAll(ctx, app, a)
	if err != nil {
		b.giveUp(ctx, app, a.ID)
		return Battle{}, nil, err
	}
	results := make([]Result, len(a.Rooms)-1)
	for i, err := range a.errs[1:] {
		results[i] = Result{a.Rooms[i+1].RoomID, err}
	}
	begun, err := b.apply(ctx, app, a.ID, Begin{turns})
	if errors.Is(err, signaling.ErrBattleNotExist) { // forgotten already, for it took so long
		err = errLate
	}
	if err != nil {
		b.giveUp(ctx, app, a.ID)
		return Battle{}, results, err
	}
	for i, r := range results {
		if _, in := begun.Find(r.Room); r.Err == nil && !in {
			results[i].Err = signaling.ErrBattleTooFrequent // the same command has begun it elsewhere, without this room
		}
	}
	if a.Command == "" { // else the follower shows it to the others, and who asks to its own
		if _, err := b.tend(ctx, id{app, a.ID}, begun); err != nil {
			b.cfg.Logger.Debug("battle not shown to all", "app", app, "battle", a.ID, "error", err) // they are told later
		}
	}
	return begun, results, nil
}

// claimAll claims the rooms that can take part. Only the inviter's claim must succeed.
func (b *Battles) claimAll(ctx context.Context, app signaling.AppID, a *beginning) (map[signaling.RoomID]uint64, error) {
	turns := make([]uint64, len(a.Rooms))
	turn, err := b.claim(ctx, app, a.hosts[0], a.ID)
	if a.Command == "" && (errors.Is(err, signaling.ErrBattlingElsewhere) || errors.Is(err, signaling.ErrBattlePending)) { // documents, create_battle
		err = signaling.Errorf(signaling.ErrBattlingElsewhere.Code, "the inviting room is in a battle; try again when it has ended")
	}
	if err != nil {
		return nil, err
	}
	turns[0] = turn
	each(len(a.Rooms)-1, func(i int) {
		if i++; a.errs[i] == nil {
			turns[i], a.errs[i] = b.claim(ctx, app, a.hosts[i], a.ID)
		}
	})
	m := map[signaling.RoomID]uint64{}
	for i, r := range a.Rooms {
		if a.errs[i] == nil {
			m[r.RoomID] = turns[i]
		}
	}
	return m, nil
}

// giveUp ends a battle that has not begun. Without it the claims count for a moment longer.
func (b *Battles) giveUp(ctx context.Context, app signaling.AppID, battle string) {
	if _, err := b.apply(ctx, app, battle, GiveUp{}); err != nil {
		b.cfg.Logger.Debug("battle not given up", "app", app, "battle", battle, "error", err)
	}
}

// claim takes a room for a battle, from a battle that holds it no more if need be.
func (b *Battles) claim(ctx context.Context, app signaling.AppID, h Host, battle string) (uint64, error) {
	c, err := record.Update(ctx, b.cfg.Values, claimOf(app, h.RoomID), func(c *claim, _ uint64) error {
		if c.Battle == battle {
			return record.ErrKeep
		}
		if c.Battle != "" {
			if err := b.leaves(ctx, app, h, c.Battle); err != nil {
				return err
			}
		}
		c.Battle, c.Turn = battle, max(c.Turn, h.Turn)+1
		return nil
	})
	return c.Turn, err
}

// leaves makes sure that a room is out of the battle that has claimed it, and has been shown so: what it is shown of the
// next one is not to come before that.
func (b *Battles) leaves(ctx context.Context, app signaling.AppID, h Host, old string) error {
	// Not merely looked at: a battle that has not begun in time must not begin any more.
	doc, err := b.apply(ctx, app, old, Expire{})
	if errors.Is(err, signaling.ErrBattleNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	i, in := doc.Find(h.RoomID)
	if !in {
		return nil
	}
	if doc.Rooms[i].Created != h.Created { // of a room that had this id before
		_, err := b.apply(ctx, app, old, Lose{Room: h.RoomID, Gone: true})
		return err
	}
	switch {
	case doc.Holds(h.RoomID) && doc.Status == Created:
		return signaling.ErrBattlePending
	case doc.Holds(h.RoomID):
		return signaling.ErrBattlingElsewhere
	case doc.Rooms[i].Told:
		return nil
	}
	_, err = b.showTo(ctx, app, doc, h.RoomID)
	return err
}

// release forgets that a room is in a battle.
func (b *Battles) release(ctx context.Context, app signaling.AppID, room signaling.RoomID, battle string) error {
	err := record.Delete(ctx, b.cfg.Values, claimOf(app, room), func(c claim) error {
		if c.Battle != battle {
			return record.ErrKeep // another's by now
		}
		return nil
	})
	if errors.Is(err, record.ErrKeep) {
		return nil
	}
	return err
}
