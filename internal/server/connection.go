package server

import (
	"context"
	"crypto/rand"
	"maps"
	"slices"
	"time"

	"github.com/openvoiceroom/openvoiceroom/internal/account"
	"github.com/openvoiceroom/openvoiceroom/internal/connection"
	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// How many rooms one client may ask for a connection: each is somebody else's screen.
const (
	connectionsPerSecond = 1
	connectionsBurst     = 24
)

// hostRooms are the rooms as connections see them.
type hostRooms struct{ srv *Server }

var _ connection.Rooms = hostRooms{}

func (s *Server) newConnections() (*connection.Connections, error) {
	return connection.New(connection.Config{
		Values: s.cfg.Store, Apps: slices.Collect(maps.Keys(s.cfg.Apps)), Rooms: hostRooms{s}, Grace: s.grace(), Logger: s.log,
	})
}

// Host implements [connection.Rooms].
func (r hostRooms) Host(ctx context.Context, app signaling.AppID, id signaling.RoomID, by signaling.UserID) (connection.Host, error) {
	host, err := r.srv.node.Host(ctx, store.Key{App: app, Room: id}, by)
	if err != nil {
		return connection.Host{}, err
	}
	h := connection.Host{Turn: host.Turn, Here: host.Here, Room: connection.Room{
		RoomID: id, Created: host.Info.CreateTime, Owner: host.Info.OwnerID, OwnerName: host.Info.OwnerName, Seats: host.Info.MaxSeatCount,
	}}
	if acc, err := r.srv.accounts.Get(ctx, app, h.Owner); err == nil { // a connection can do without a picture
		_, h.AvatarURL = acc.Shown()
	}
	return h, nil
}

// Show implements [connection.Rooms].
func (r hostRooms) Show(ctx context.Context, app signaling.AppID, s connection.Stay, c connection.Connection) (uint64, error) {
	view := c.View(s)
	show := room.ShowConnection{Room: s.Created, ID: c.ID, Turn: s.Turn, Seq: c.Seq, Over: view.Over, Connected: view.Connected}
	for _, u := range view.Users {
		show.Users = append(show.Users, room.ConnectedRoom(u))
	}
	for _, q := range view.Requests {
		show.Asks = append(show.Asks, toAsk(q))
	}
	for _, q := range view.Ended {
		show.Ended = append(show.Ended, room.ConnectionEnd{ConnectionAsk: toAsk(q), Result: q.Result, Seq: q.Seq})
	}
	// An id of its own each time: that it is shown once is the rules' business, and a room that is over must say so.
	out, err := r.srv.node.Do(ctx, store.Key{App: app, Room: s.RoomID}, room.Command{
		ID: rand.Text(), By: signaling.UserInfo{UserID: account.Administrator}, App: true, Action: show,
	})
	return out.Version, err
}

func toAsk(q connection.ViewRequest) room.ConnectionAsk {
	return room.ConnectionAsk{ID: q.ID, From: q.From, To: q.To, With: q.With, Ext: q.Ext, Created: q.Created, Deadline: q.Deadline}
}

// Near implements [connection.Rooms].
func (r hostRooms) Near(app signaling.AppID, id signaling.RoomID) bool {
	return r.srv.node.Decides(store.Key{App: app, Room: id})
}

// connect carries out the calls about connections with other rooms. ok is false for other methods.
func (ses *session) connect(ctx context.Context, m signaling.Message) (result any, ok bool, err error) {
	switch m.Method {
	case signaling.MethodRequestConnection:
		result, err = with(ctx, m, ses.requestConnection)
	case signaling.MethodCancelConnection:
		result, err = with(ctx, m, func(ctx context.Context, p signaling.ConnectionCancelParams) (signaling.Done, error) {
			if n := len(p.RoomIDs); n < 1 || n >= signaling.MaxConnectedRooms {
				return signaling.Done{}, signaling.Errorf(signaling.ErrInvalidParameter.Code, "roomIds has %d rooms; it has 1 to %d", n, signaling.MaxConnectedRooms-1)
			}
			return ses.changeConnection(ctx, p.RoomID, p.CommandID, func(id string) connection.Command {
				return connection.Cancel{Command: id, From: p.RoomID, To: p.RoomIDs}
			})
		})
	case signaling.MethodAcceptConnection, signaling.MethodRejectConnection:
		result, err = with(ctx, m, func(ctx context.Context, p signaling.ConnectionAnswerParams) (signaling.Done, error) {
			if err := p.Inviter.Valid(); err != nil {
				return signaling.Done{}, err
			}
			return ses.changeConnection(ctx, p.RoomID, p.CommandID, func(id string) connection.Command {
				return connection.Answer{Command: id, Room: p.RoomID, From: p.Inviter, Accept: m.Method == signaling.MethodAcceptConnection}
			})
		})
	case signaling.MethodDisconnect:
		result, err = with(ctx, m, func(ctx context.Context, p signaling.RoomParams) (signaling.Done, error) {
			done, err := ses.changeConnection(ctx, p.RoomID, p.CommandID, func(id string) connection.Command {
				return connection.Leave{Command: id, Room: p.RoomID}
			})
			if err == nil {
				ses.srv.battles.Load().Disconnected(ctx, ses.app, p.RoomID)
			}
			return done, err
		})
	case signaling.MethodMuteConnection:
		result, err = with(ctx, m, func(ctx context.Context, p signaling.ConnectionMuteParams) (signaling.Done, error) {
			return ses.do(ctx, p.RoomID, p.CommandID, room.MuteConnection{Room: p.Connected, Mute: p.Mute})
		})
	default:
		return nil, false, nil
	}
	return result, true, err
}

func (ses *session) requestConnection(ctx context.Context, p signaling.ConnectionRequestParams) (res signaling.ConnectionRequestResult, err error) {
	m, err := ses.membership(p.RoomID)
	if err != nil {
		return res, err
	}
	id, err := commandID(p.CommandID)
	if err != nil {
		return res, err
	}
	if p.Timeout == 0 {
		p.Timeout = signaling.MaxConnectionTimeout
	}
	if p.Timeout < 0 || p.Timeout > signaling.MaxConnectionTimeout {
		return res, signaling.Errorf(signaling.ErrInvalidParameter.Code, "timeout is in seconds, 1 to %d, and 0 means the longest", signaling.MaxConnectionTimeout)
	}
	ask := connection.Ask{
		Command: id, From: connection.Room{RoomID: p.RoomID}, Timeout: time.Duration(p.Timeout) * time.Second, Ext: p.ExtensionInfo,
	}
	for _, to := range p.RoomIDs {
		ask.To = append(ask.To, connection.Room{RoomID: to})
	}
	if err := ask.Check(); err != nil { // before it counts as asking
		return res, err
	}
	if !ses.asks.AllowN(time.Now(), min(len(p.RoomIDs), connectionsBurst)) {
		return res, signaling.ErrConnectionTooFrequent
	}
	done, err := ses.srv.connections.Ask(ctx, ses.app, ses.user.UserID, ask)
	if err != nil {
		return res, err
	}
	if res.Version, err = m.shown(ctx, done.Version); err != nil {
		return res, err
	}
	for i, err := range done.Results {
		code := connectionCode(err)
		if code == signaling.ConnectionRetry {
			ses.log.Debug("room not asked for a connection", "room", p.RoomIDs[i], "error", err)
		}
		res.Results = append(res.Results, signaling.ConnectionRoomResult{RoomID: p.RoomIDs[i], Code: code, Reason: signaling.CodeOf(err)})
	}
	return res, nil
}

// connectionCode is what a client is told of a room that could not be asked.
func connectionCode(err error) signaling.ConnectionCode {
	switch signaling.CodeOf(err) {
	case 0:
		return signaling.ConnectionSuccess
	case signaling.ErrRoomNotExist.Code:
		return signaling.ConnectionRoomNotExist
	case signaling.ErrConnected.Code, signaling.ErrConnectionPending.Code:
		return signaling.ConnectionConnecting
	case signaling.ErrConnectedElsewhere.Code:
		return signaling.ConnectionConnectingOtherRoom
	case signaling.ErrConnectionFull.Code:
		return signaling.ConnectionFull
	case signaling.ErrSeatsNotSupported.Code:
		return signaling.ConnectionRoomMismatch
	}
	return signaling.ConnectionRetry
}

// changeConnection has a command about the room's connection decided.
func (ses *session) changeConnection(ctx context.Context, id signaling.RoomID, command string, cmd func(id string) connection.Command) (signaling.Done, error) {
	m, err := ses.membership(id)
	if err != nil {
		return signaling.Done{}, err
	}
	if command, err = commandID(command); err != nil {
		return signaling.Done{}, err
	}
	done, err := ses.srv.connections.Change(ctx, ses.app, id, ses.user.UserID, cmd(command))
	if err != nil {
		return signaling.Done{}, err
	}
	version, err := m.shown(ctx, done.Version)
	return signaling.Done{Version: version}, err
}

// shown waits until the room's version that shows a change has been queued for this client, and returns it; where there was
// nothing to show it is the newest.
func (m *membership) shown(ctx context.Context, version uint64) (uint64, error) {
	if err := m.replica.await(ctx, version); err != nil { // decided, but this node has not heard what came of it
		return 0, &signaling.Error{Code: signaling.ErrServerTimeout.Code, Err: err}
	}
	m.replica.mu.Lock()
	defer m.replica.mu.Unlock()
	if version == 0 {
		version = m.replica.entry.Version
	}
	return version, nil
}
