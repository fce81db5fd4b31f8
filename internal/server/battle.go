package server

import (
	"context"
	"crypto/rand"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/openvoiceroom/openvoiceroom/internal/account"
	"github.com/openvoiceroom/openvoiceroom/internal/battle"
	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// battleRooms are the rooms as battles see them.
type battleRooms struct{ srv *Server }

var _ battle.Rooms = battleRooms{}

func (s *Server) newBattles() (*battle.Battles, error) {
	return battle.New(battle.Config{Values: s.cfg.Store, Apps: slices.Collect(maps.Keys(s.cfg.Apps)), Rooms: battleRooms{s}, Logger: s.log})
}

// Host implements [battle.Rooms].
func (r battleRooms) Host(ctx context.Context, app signaling.AppID, id signaling.RoomID, by signaling.UserID) (battle.Host, error) {
	host, err := r.srv.node.Host(ctx, store.Key{App: app, Room: id}, by)
	if err != nil {
		return battle.Host{}, err
	}
	h := battle.Host{Turn: host.Battle, Room: battle.Room{
		RoomID: id, Owner: host.Info.OwnerID, OwnerName: host.Info.OwnerName, Created: host.Info.CreateTime,
	}}
	if acc, err := r.srv.accounts.Get(ctx, app, h.Owner); err == nil { // a battle can do without a picture
		_, h.AvatarURL = acc.Shown()
	}
	return h, nil
}

// Show implements [battle.Rooms].
func (r battleRooms) Show(ctx context.Context, app signaling.AppID, b battle.Battle, i int) (uint64, error) {
	show, ok := showBattle(b, i)
	if !ok {
		return 0, nil
	}
	// An id of its own each time: that it is shown once is the rules' business, and a room that is over must say so.
	out, err := r.srv.node.Do(ctx, store.Key{App: app, Room: b.Rooms[i].RoomID}, room.Command{
		ID: rand.Text(), By: signaling.UserInfo{UserID: account.Administrator}, App: true, Action: show,
	})
	return out.Version, err
}

// showBattle makes a room's command of what it is to show.
func showBattle(b battle.Battle, i int) (room.ShowBattle, bool) {
	in := b.Rooms[i]
	v, ok := b.View(i)
	show := room.ShowBattle{
		Battle: v.Info, Turn: in.Turn, Seq: b.Seq, Phase: room.BattlePhase(v.Phase), Reason: v.Reason, Room: in.Created,
		Accepted: v.Accepted, Ended: b.With, Result: b.Result, Created: b.Asked, Deadline: b.Asked + b.Timeout,
	}
	if v.Tells {
		show.Report = &room.ReportBattle{
			By: room.Cause{By: b.Operator, IP: b.IP, Platform: b.Platform}, Created: b.Created, Timeout: b.Timeout,
			Told: room.BattleStep(b.Reported), Ended: b.HasEnded(), Only: len(b.Rooms) == 2,
		}
	}
	return show, ok
}

// Connected implements [battle.Rooms].
func (r battleRooms) Connected(ctx context.Context, app signaling.AppID, id signaling.RoomID) (string, []signaling.RoomID, error) {
	c, err := r.srv.connections.OfRoom(ctx, app, id)
	if errors.Is(err, signaling.ErrConnectionNotExist) {
		return "", nil, nil
	}
	if err != nil {
		return "", nil, err
	}
	var rooms []signaling.RoomID
	for _, s := range c.Connected() {
		rooms = append(rooms, s.RoomID)
	}
	return c.ID, rooms, nil
}

// Near implements [battle.Rooms].
func (r battleRooms) Near(app signaling.AppID, id signaling.RoomID) bool {
	return r.srv.node.Decides(store.Key{App: app, Room: id})
}

// fight carries out the calls about battles. ok is false for other methods.
func (ses *session) fight(ctx context.Context, m signaling.Message) (result any, ok bool, err error) {
	var command func(id string, p signaling.BattleParams) battle.Command
	switch m.Method {
	case signaling.MethodRequestBattle:
		result, err = with(ctx, m, ses.requestBattle)
		return result, true, err
	case signaling.MethodCancelBattle:
		command = func(id string, p signaling.BattleParams) battle.Command {
			return battle.Cancel{Command: id, Room: p.RoomID}
		}
	case signaling.MethodAcceptBattle, signaling.MethodRejectBattle:
		command = func(id string, p signaling.BattleParams) battle.Command {
			return battle.Answer{Command: id, Room: p.RoomID, Accept: m.Method == signaling.MethodAcceptBattle}
		}
	case signaling.MethodExitBattle:
		command = func(id string, p signaling.BattleParams) battle.Command {
			return battle.Leave{Command: id, Room: p.RoomID}
		}
	default:
		return nil, false, nil
	}
	result, err = with(ctx, m, func(ctx context.Context, p signaling.BattleParams) (done signaling.Done, err error) {
		in, err := ses.membership(p.RoomID)
		if err != nil {
			return done, err
		}
		id, err := commandID(p.CommandID)
		if err != nil {
			return done, err
		}
		version, err := ses.srv.battles.Load().Change(ctx, ses.app, p.RoomID, ses.user.UserID, p.BattleID, command(id, p))
		if err != nil {
			return done, err
		}
		done.Version, err = in.shown(ctx, version)
		return done, err
	})
	return result, true, err
}

func (ses *session) requestBattle(ctx context.Context, p signaling.BattleRequestParams) (res signaling.BattleRequestResult, err error) {
	m, err := ses.membership(p.RoomID)
	if err != nil {
		return res, err
	}
	id, err := commandID(p.CommandID)
	if err != nil {
		return res, err
	}
	if p.Timeout == 0 {
		p.Timeout = signaling.MaxBattleTimeout
	}
	if err := checkBattle(p); err != nil {
		return res, err
	}
	c := battle.Create{
		Command: id, Operator: ses.user.UserID, IP: ses.origin.IP, Platform: ses.origin.Platform, Rooms: []battle.Room{{RoomID: p.RoomID}},
		Duration: time.Duration(p.DurationMS) * time.Millisecond, Punishment: time.Duration(p.PunishmentMS) * time.Millisecond,
		NeedResponse: p.NeedResponse, Timeout: time.Duration(p.Timeout) * time.Second, Ext: p.ExtensionInfo,
	}
	for _, to := range p.RoomIDs {
		c.Rooms = append(c.Rooms, battle.Room{RoomID: to})
	}
	if !ses.asks.AllowN(time.Now(), min(len(p.RoomIDs), connectionsBurst)) {
		return res, signaling.ErrBattleTooFrequent
	}
	b, results, version, err := ses.srv.battles.Load().Ask(ctx, ses.app, ses.user.UserID, c)
	if err != nil && !(errors.Is(err, signaling.ErrBattleNoRooms) && results != nil) {
		return res, err
	}
	res.BattleID = b.ID
	if res.Version, err = m.shown(ctx, version); err != nil {
		return res, err
	}
	for _, r := range results {
		code := battleCode(r.Err)
		if code == signaling.BattleRetry {
			ses.log.Debug("room not asked for a battle", "room", r.Room, "error", r.Err)
		}
		res.Results = append(res.Results, signaling.BattleRoomResult{RoomID: r.Room, Code: code, Reason: signaling.CodeOf(r.Err)})
	}
	return res, nil
}

// checkBattle says what is wrong with a request, by the names of its fields.
func checkBattle(p signaling.BattleRequestParams) error {
	bad := func(format string, args ...any) error {
		return signaling.Errorf(signaling.ErrInvalidParameter.Code, format, args...)
	}
	switch {
	case len(p.RoomIDs) < 1 || len(p.RoomIDs) >= signaling.MaxConnectedRooms:
		return bad("roomIds has %d rooms; 1 to %d can be asked", len(p.RoomIDs), signaling.MaxConnectedRooms-1)
	case p.DurationMS < signaling.MinBattleDuration || p.DurationMS > signaling.MaxBattleDuration:
		return bad("durationMs is %d; it is %d to %d", p.DurationMS, signaling.MinBattleDuration, signaling.MaxBattleDuration)
	case p.PunishmentMS < 0 || p.PunishmentMS > signaling.MaxBattlePunishment:
		return bad("punishmentMs is %d; it is 0 to %d", p.PunishmentMS, signaling.MaxBattlePunishment)
	case p.Timeout < 1 || p.Timeout > signaling.MaxBattleTimeout:
		return bad("timeout is in seconds, 1 to %d, and 0 means the longest", signaling.MaxBattleTimeout)
	case !signaling.ValidText(p.ExtensionInfo, signaling.MaxBattleExtension):
		return bad("extensionInfo may have %d bytes of UTF-8 without control characters", signaling.MaxBattleExtension)
	}
	for i, id := range p.RoomIDs {
		if err := id.Valid(); err != nil {
			return err
		}
		if id == p.RoomID {
			return bad("roomIds has the asking room itself; name other rooms")
		}
		if slices.Contains(p.RoomIDs[:i], id) {
			return bad("roomIds has the room %s twice", id)
		}
	}
	return nil
}

// battleCode is what a client is told of a room that could not be asked.
func battleCode(err error) signaling.BattleCode {
	switch signaling.CodeOf(err) {
	case 0:
		return signaling.BattleSuccess
	case signaling.ErrRoomNotExist.Code:
		return signaling.BattleRoomNotExist
	case signaling.ErrBattlePending.Code:
		return signaling.BattleBattling
	case signaling.ErrBattlingElsewhere.Code:
		return signaling.BattleBattlingOtherRoom
	case signaling.ErrNotInConnection.Code:
		return signaling.BattleRoomExit
	}
	return signaling.BattleRetry
}
