package server

import (
	"context"
	"sync"
	"time"

	"github.com/openvoiceroom/openvoiceroom/internal/adminapi"
	"github.com/openvoiceroom/openvoiceroom/internal/home"
	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/internal/roomlist"
	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// maxAppAdmins is how many administrators an app may have besides "administrator" (documents).
const maxAppAdmins = 10

// listAge is how old the list of an app's rooms may be: reading it costs a read for each room.
const listAge = time.Second

// mutedPage is how many muted members nodes tell each other at once.
const mutedPage = 500

// restRooms is what the REST API sees of the server. Clients are shown its list of rooms, too.
type restRooms struct {
	srv *Server

	mu    sync.Mutex // protects lists; nothing is called while it is held
	lists map[signaling.AppID]*roomList
}

var _ adminapi.Rooms = (*restRooms)(nil)

func (r *restRooms) Create(ctx context.Context, app signaling.AppID, c room.Command) error {
	create, ok := c.Action.(room.Create)
	if !ok {
		return signaling.ErrServer
	}
	_, err := r.srv.create(ctx, store.Key{App: app, Room: create.Info.RoomID}, c)
	return err
}

func (r *restRooms) Do(ctx context.Context, app signaling.AppID, id signaling.RoomID, c room.Command) error {
	_, err := r.srv.node.Do(ctx, store.Key{App: app, Room: id}, c)
	return err
}

func (r *restRooms) Look(ctx context.Context, app signaling.AppID, id signaling.RoomID) (adminapi.Room, error) {
	s, err := r.srv.node.Look(ctx, store.Key{App: app, Room: id})
	return adminapi.Room{Info: s.Info, Admins: s.Admins, Seats: s.Seats, Robots: s.Robots, Metadata: s.Metadata}, err
}

func (r *restRooms) Live(ctx context.Context, app signaling.AppID, id signaling.RoomID, created int64) (signaling.LiveRecord, error) {
	return r.srv.node.Live(ctx, store.Key{App: app, Room: id}, created)
}

func (r *restRooms) Members(ctx context.Context, app signaling.AppID, id signaling.RoomID, q adminapi.Query) (adminapi.Page, error) {
	page, err := r.srv.node.List(ctx, store.Key{App: app, Room: id}, home.Query{After: q.After, Keyword: q.Keyword, Limit: q.Limit})
	return adminapi.Page{Members: page.Members, More: page.Next != "", Total: page.Total}, err
}

func (r *restRooms) Banned(ctx context.Context, app signaling.AppID, id signaling.RoomID, offset, limit int) ([]adminapi.Sanctioned, bool, error) {
	list, more, err := r.srv.node.Banned(ctx, store.Key{App: app, Room: id}, offset, limit)
	return sanctioned(nil, list), more, err
}

func (r *restRooms) Muted(ctx context.Context, app signaling.AppID, id signaling.RoomID) (all []adminapi.Sanctioned, err error) {
	for more := true; more; {
		var list []home.Sanctioned
		if list, more, err = r.srv.node.Muted(ctx, store.Key{App: app, Room: id}, len(all), mutedPage); err != nil {
			return nil, err
		}
		all = sanctioned(all, list)
	}
	return all, nil
}

func sanctioned(all []adminapi.Sanctioned, list []home.Sanctioned) []adminapi.Sanctioned {
	for _, s := range list {
		all = append(all, adminapi.Sanctioned{User: s.User, Until: time.UnixMilli(s.Until)})
	}
	return all
}

func (r *restRooms) Limits() (seats, members int) { return r.srv.node.Limits() }

// roomList is the list of an app's rooms, read by one caller at a time.
type roomList struct {
	turn  chan struct{} // holds a token while nobody reads
	at    time.Time
	rooms []signaling.RoomInfo // the public ones, in their order; never changed
}

func (r *restRooms) List(ctx context.Context, app signaling.AppID) ([]signaling.RoomInfo, error) {
	r.mu.Lock()
	l := r.lists[app]
	if l == nil {
		l = &roomList{turn: make(chan struct{}, 1)}
		l.turn <- struct{}{}
		r.lists[app] = l
	}
	r.mu.Unlock()
	select {
	case <-l.turn:
	case <-ctx.Done():
		return nil, &signaling.Error{Code: signaling.ErrServer.Code, Err: context.Cause(ctx)}
	}
	defer func() { l.turn <- struct{}{} }()
	if now := time.Now(); now.Sub(l.at) >= listAge {
		rooms, err := r.srv.node.Listed(ctx, app)
		if err != nil {
			return nil, &signaling.Error{Code: signaling.ErrServer.Code, Err: err}
		}
		l.at, l.rooms = now, roomlist.Public(rooms)
	}
	return l.rooms, nil
}
