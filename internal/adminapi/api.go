package adminapi

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/openvoiceroom/openvoiceroom/internal/account"
	"github.com/openvoiceroom/openvoiceroom/internal/battle"
	"github.com/openvoiceroom/openvoiceroom/internal/gift"
	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// Path is below what the API is served.
const Path = "/v4/"

// Administrator is an administrator of every app (documents, "App administrators").
const Administrator = account.Administrator

// callLimit is how long a call may take, its body's way here included (documents: 3 s, and callers wait longer).
const callLimit = 3 * time.Second

// Rooms is what the API needs of the server it belongs to. Errors are those of the calls of clients.
type Rooms interface {
	// Create makes a room. c's action is a [room.Create], whose SeatLimit is the server's to fill in.
	Create(ctx context.Context, app signaling.AppID, c room.Command) error
	// Do has a command decided by the room's home.
	Do(ctx context.Context, app signaling.AppID, id signaling.RoomID, c room.Command) error
	// Look returns what everybody in a room sees.
	Look(ctx context.Context, app signaling.AppID, id signaling.RoomID) (Room, error)
	// Members returns a page of a room's members by their ids.
	Members(ctx context.Context, app signaling.AppID, id signaling.RoomID, q Query) (Page, error)
	// Banned returns some of those who may not enter, by their ids, and whether there are others behind them.
	Banned(ctx context.Context, app signaling.AppID, id signaling.RoomID, offset, limit int) (list []Sanctioned, more bool, err error)
	// Muted returns those who may not chat, by their ids.
	Muted(ctx context.Context, app signaling.AppID, id signaling.RoomID) ([]Sanctioned, error)
	// Audit returns a page of who has done what to a room, the newest first, and whether there are older acts. Of a room that
	// is over it is there for a while.
	Audit(ctx context.Context, app signaling.AppID, id signaling.RoomID, q AuditQuery) (acts []signaling.Act, more bool, err error)
	// List returns the public rooms of an app in the order of [roomlist.Public], as of about a second ago. Nobody changes it.
	List(ctx context.Context, app signaling.AppID) ([]signaling.RoomInfo, error)
	// Password makes what is kept of a room's password; "" is none.
	Password(text string) (room.Password, error)
	// Live returns what has happened in a room, which may be over: the one that was created then, with 0 the newest.
	Live(ctx context.Context, app signaling.AppID, id signaling.RoomID, created int64) (signaling.LiveRecord, error)
	// Limits are what this server allows a room.
	Limits() (seats, members int)
}

// Room is what everybody in a room sees.
type Room struct {
	Info   signaling.RoomInfo
	Admins []signaling.UserID
	Seats  []signaling.SeatInfo
	Robots []signaling.UserID

	Metadata map[string]string
}

// Query asks for members whose ids are above After, and, with a keyword, only for who has it as id or in the name.
type Query struct {
	After   signaling.UserID
	Keyword string
	Limit   int
}

// Page is some members. More says that there are others after the last one.
type Page struct {
	Members []signaling.UserInfo
	More    bool
	Total   int // members of the room, whatever was asked for
}

// Config of an API. All but Logger and Observe are required.
type Config struct {
	Apps      map[signaling.AppID]string // each app's secret, for its UserSigs
	Rooms     Rooms
	Accounts  *account.Accounts // who there is, and who of them administers an app
	Users     Users
	Battles   *battle.Battles
	Gifts     *gift.Catalogues
	SentGifts SentGifts
	Callbacks Callbacks
	Logger    *slog.Logger

	AutoDismiss AutoDismiss

	// Proxies are the reverse proxies that say whom they were called by.
	Proxies Proxies

	// Observe is told of every call. command is "service/command" of a known one, or "unknown".
	Observe func(command string, code signaling.Code, took time.Duration)
}

// API serves the calls.
type API struct {
	cfg    Config
	log    *slog.Logger
	limits limits
	calls  atomic.Uint64
}

// New makes an API.
func New(cfg Config) *API {
	a := &API{cfg: cfg, log: cfg.Logger}
	if a.log == nil {
		a.log = slog.New(slog.DiscardHandler)
	}
	if a.cfg.Observe == nil {
		a.cfg.Observe = func(string, signaling.Code, time.Duration) {}
	}
	return a
}

// caller is who has shown that they may call.
type caller struct {
	app  signaling.AppID
	user signaling.UserID
	ip   string
}

// command is one that the caller has decided in the name of by.
func (c caller) command(by signaling.UserID, action room.Action) room.Command {
	return room.Command{
		ID: rand.Text(), By: signaling.UserInfo{UserID: by}, App: true, Action: action,
		Origin: room.Origin{Operator: c.user, IP: c.ip, Platform: signaling.PlatformRESTAPI},
	}
}

// answer is what every call gets (documents, "REST API: answers").
type answer struct {
	ActionStatus string
	ErrorInfo    string
	ErrorCode    signaling.Code
	RequestID    string  `json:"RequestId"`
	ErrorDisplay *string `json:",omitempty"` // of service profile alone
	Response     any     `json:",omitempty"`
}

// beside is a result whose fields stand beside ErrorCode, where those of others are in Response.
type beside struct{ fields any }

// encode encodes an answer with its result.
func (a answer) encode(result any) ([]byte, error) {
	next, isBeside := result.(beside)
	if !isBeside {
		a.Response = result
		return json.Marshal(a)
	}
	b, err := json.Marshal(a)
	if err != nil {
		return nil, err
	}
	more, err := json.Marshal(next.fields)
	if err != nil || len(more) < len(`{"":0}`) {
		return b, err
	}
	return append(append(b[:len(b)-1], ','), more[1:]...), nil
}

// ServeHTTP answers one call. The HTTP status is 200 whatever has come of it (documents).
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	// Also of a body that nobody reads: net/http waits for it before it answers. Writers without deadlines are those of tests.
	// The next call on the connection has its own: net/http sees to that.
	_ = http.NewResponseController(w).SetReadDeadline(start.Add(callLimit))
	// The number makes ids of one process sortable; the rest makes them unique.
	var unique [16]byte
	_, _ = rand.Read(unique[:]) // it never fails
	id := fmt.Sprintf("Id-%s-O-Seq-%d", hex.EncodeToString(unique[:]), a.calls.Add(1))
	name, result, err := a.call(w, r)
	code, text := public(err)
	if slices.Contains(ours, code) && !errors.Is(err, errBody) {
		a.log.Error("REST call failed", "command", name, "request", id, "error", err)
	}
	ans := answer{ActionStatus: "OK", RequestID: id}
	if err != nil {
		ans, result = answer{ActionStatus: "FAIL", ErrorInfo: text, ErrorCode: code, RequestID: id}, nil
	}
	if strings.HasPrefix(name, "profile/") {
		ans.ErrorDisplay = new("")
	}
	b, err := ans.encode(result)
	if err != nil {
		a.log.Error("REST answer not encoded", "command", name, "request", id, "error", err)
		code = codeAnswer
		b = fmt.Appendf(nil, `{"ActionStatus":"FAIL","ErrorInfo":"the answer could not be encoded","ErrorCode":%d,"RequestId":%q}`, codeAnswer, id)
	}
	h := w.Header()
	h.Set("Content-Type", "application/json; charset=utf-8")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	w.Write(b) // a caller that went away is no error of ours
	a.cfg.Observe(name, code, time.Since(start))
}

// call carries out one call. name is what it is called in metrics.
func (a *API) call(w http.ResponseWriter, r *http.Request) (name string, result any, err error) {
	name = "unknown"
	path := strings.TrimPrefix(r.URL.Path, Path)
	if rest, ok := strings.CutPrefix(path, "live_engine_http_PK/"); ok { // as the documents' example of create_battle has it
		path = "live_engine_http_pk/" + rest
	}
	cmd, known := commands[path]
	if !known {
		return name, nil, refuse(codeResource, "there is no command %.100q; docs/admin-api.md lists the commands, as /v4/service/command", path)
	}
	name = path
	if r.Method != http.MethodPost {
		return name, nil, refuse(codeURL, "the method is %.20s; commands are POST", r.Method)
	}
	ctx, cancel := context.WithTimeout(r.Context(), callLimit)
	defer cancel()
	who, err := a.authenticate(ctx, r.URL.RawQuery)
	if err != nil {
		return name, nil, err
	}
	who.ip = a.cfg.Proxies.ClientIP(r)
	if err := a.limits.allow(who.app, path, cmd.rate); err != nil {
		return name, nil, err
	}
	body, err := readBody(w, r, max(cmd.body, maxBody))
	if err != nil {
		return name, nil, err
	}
	result, err = cmd.run(a, ctx, who, body)
	if err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
		err = &signaling.Error{Code: codeTimeout, Message: "no node could decide in time; what was asked for may happen yet: look, and call again", Err: err}
	}
	return name, result, cmd.own(err)
}

// command is one that can be called.
type command struct {
	rate   int                               // calls a second of one app, on one node
	params reflect.Type                      // of the body, which docs/openapi.yaml describes
	body   int                               // what its body may have, where that is more than maxBody
	codes  map[signaling.Code]signaling.Code // what its service calls common codes, where it has words of its own
	run    func(a *API, ctx context.Context, who caller, body []byte) (any, error)
}

// handle makes a command of a handler with decoded parameters.
func handle[P any](rate int, f func(*API, context.Context, caller, P) (any, error)) command {
	return command{rate: rate, params: reflect.TypeFor[P](), run: func(a *API, ctx context.Context, who caller, body []byte) (any, error) {
		var p P
		if err := decode(body, &p); err != nil {
			return nil, err
		}
		return f(a, ctx, who, p)
	}}
}

// own gives an error the code that the command's service has for it.
func (c command) own(err error) error {
	if err == nil {
		return nil
	}
	code, text := public(err)
	if own, ok := c.codes[code]; ok {
		return &signaling.Error{Code: own, Message: text, Err: err}
	}
	return err
}

// do has a command decided in the name of who calls.
func (a *API) do(ctx context.Context, who caller, id signaling.RoomID, action room.Action) error {
	if err := id.Valid(); err != nil { // before it becomes a key
		return err
	}
	return a.cfg.Rooms.Do(ctx, who.app, id, who.command(who.user, action))
}

func (a *API) look(ctx context.Context, who caller, id signaling.RoomID) (Room, error) {
	if err := id.Valid(); err != nil {
		return Room{}, err
	}
	return a.cfg.Rooms.Look(ctx, who.app, id)
}
