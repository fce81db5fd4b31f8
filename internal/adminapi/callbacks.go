package adminapi

import (
	"context"
	"encoding/json"
	"time"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// The service live_config: where an app's server is called back, and with what. Beside it, in voiceroom_console, is what
// the documents leave to their console, and what operators look at.

// Callbacks is what the API needs of what calls apps' servers back. Errors are those of the documents' commands.
type Callbacks interface {
	Get(ctx context.Context, app signaling.AppID) (url string, commands []string, err error)
	Set(ctx context.Context, app signaling.AppID, url string, commands []string) error
	Update(ctx context.Context, app signaling.AppID, url string, commands []string) error
	Delete(ctx context.Context, app signaling.AppID) error
	SetToken(ctx context.Context, app signaling.AppID, token string) error

	// Moderation returns where the app is asked about chat messages, "" when it is not, and whether those without an answer
	// are refused.
	Moderation(ctx context.Context, app signaling.AppID) (url string, refuse bool, err error)
	SetModeration(ctx context.Context, app signaling.AppID, url string, refuse bool) error

	// Deliveries returns a page of an app's callbacks; next is the After of the page behind it, "" when it is the last.
	Deliveries(ctx context.Context, app signaling.AppID, q DeliveryQuery) (list []Delivery, next string, err error)

	// Delivery returns one with its body.
	Delivery(ctx context.Context, app signaling.AppID, id string) (Delivery, error)

	// Replay has those of a room from one to another delivered again, and returns how many these are.
	Replay(ctx context.Context, app signaling.AppID, from, to string) (int, error)
}

// DeliveryQuery asks for callbacks.
type DeliveryQuery struct {
	Room  signaling.RoomID // empty: of all rooms
	State string           // empty: in any state
	After string
	Limit int
}

// Delivery is a callback and what has become of it.
type Delivery struct {
	ID       string
	Room     signaling.RoomID
	Command  string
	Recorded time.Time
	State    string
	Attempts int
	Error    string
	Tried    time.Time // zero: not known
	Body     json.RawMessage
}

type callbackAnswer struct {
	URL      string   `json:"Url"`
	Commands []string `json:"CallbackCommandList"`
}

func (a *API) getCallback(ctx context.Context, who caller, _ struct{}) (any, error) {
	url, commands, err := a.cfg.Callbacks.Get(ctx, who.app)
	if err != nil {
		return nil, err
	}
	return callbackAnswer{url, commands}, nil
}

type callbackParams struct {
	URL      *string  `json:"Url"`
	Commands []string `json:"CallbackCommandList"`
}

func (p callbackParams) check() error {
	if p.URL == nil {
		return missing("Url", "where the app's server is called back, http://host or https://host")
	}
	return nil
}

func (a *API) setCallback(ctx context.Context, who caller, p callbackParams) (any, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	return nil, a.cfg.Callbacks.Set(ctx, who.app, *p.URL, p.Commands)
}

func (a *API) updateCallback(ctx context.Context, who caller, p callbackParams) (any, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	return nil, a.cfg.Callbacks.Update(ctx, who.app, *p.URL, p.Commands)
}

func (a *API) deleteCallback(ctx context.Context, who caller, _ struct{}) (any, error) {
	return nil, a.cfg.Callbacks.Delete(ctx, who.app)
}

type tokenParams struct {
	Token *string
}

func (a *API) setCallbackToken(ctx context.Context, who caller, p tokenParams) (any, error) {
	if p.Token == nil {
		return nil, missing("Token", "what signs the callbacks, or \"\" for none")
	}
	return nil, a.cfg.Callbacks.SetToken(ctx, who.app, *p.Token)
}

// deliveryPage is how many callbacks one answer has at most.
const deliveryPage = 100

type deliveryListParams struct {
	RoomID *signaling.RoomID `json:"RoomId"`
	State  string
	Next   *string
	Count  *int
}

type deliveryInfo struct {
	DeliveryID      string           `json:"DeliveryId"`
	RoomID          signaling.RoomID `json:"RoomId"`
	CallbackCommand string
	RecordTime      int64 // Unix milliseconds
	State           string
	Attempts        int             `json:",omitempty"`
	LastError       string          `json:",omitempty"`
	LastAttemptTime int64           `json:",omitempty"` // Unix milliseconds
	Body            json.RawMessage `json:",omitempty"` // of get_delivery alone
}

func infoOf(d Delivery) deliveryInfo {
	i := deliveryInfo{
		DeliveryID: d.ID, RoomID: d.Room, CallbackCommand: d.Command, RecordTime: d.Recorded.UnixMilli(), State: d.State,
		Attempts: d.Attempts, LastError: d.Error, Body: d.Body,
	}
	if !d.Tried.IsZero() {
		i.LastAttemptTime = d.Tried.UnixMilli()
	}
	return i
}

type deliveryList struct {
	Next         string
	DeliveryList []deliveryInfo
}

func (a *API) listDeliveries(ctx context.Context, who caller, p deliveryListParams) (any, error) {
	q := DeliveryQuery{State: p.State, Limit: deliveryPage}
	if p.RoomID != nil {
		if q.Room = *p.RoomID; q.Room.Valid() != nil {
			return nil, q.Room.Valid()
		}
	}
	switch p.State {
	case "", "pending", "delivered", "failed":
	default:
		return nil, refuse(codeParameter, "State is %.20q; it is pending, delivered, failed, or absent for all", p.State)
	}
	if p.Count != nil {
		q.Limit = *p.Count
	}
	if q.Limit < 1 || q.Limit > deliveryPage {
		return nil, refuse(codeParameter, "Count is %d; it is 1 to %d", q.Limit, deliveryPage)
	}
	if p.Next == nil {
		return nil, missing("Next", "\"\" for the first page, then the Next of the answer before")
	}
	q.After = *p.Next
	found, next, err := a.cfg.Callbacks.Deliveries(ctx, who.app, q)
	if err != nil {
		return nil, err
	}
	list := deliveryList{Next: next, DeliveryList: []deliveryInfo{}}
	for _, d := range found {
		list.DeliveryList = append(list.DeliveryList, infoOf(d))
	}
	return list, nil
}

type deliveryParams struct {
	DeliveryID string `json:"DeliveryId"`
}

func (a *API) getDelivery(ctx context.Context, who caller, p deliveryParams) (any, error) {
	if p.DeliveryID == "" {
		return nil, missing("DeliveryId", "one that list_deliveries has named, or a callback's header")
	}
	d, err := a.cfg.Callbacks.Delivery(ctx, who.app, p.DeliveryID)
	if err != nil {
		return nil, err
	}
	return infoOf(d), nil
}

type replayParams struct {
	DeliveryID   string `json:"DeliveryId"`
	ToDeliveryID string `json:"ToDeliveryId"` // absent: that one alone
}

type replayAnswer struct {
	DeliveryCount int
}

func (a *API) replayDeliveries(ctx context.Context, who caller, p replayParams) (any, error) {
	if p.DeliveryID == "" {
		return nil, missing("DeliveryId", "one that list_deliveries has named; with ToDeliveryId the first of several of one room")
	}
	if p.ToDeliveryID == "" {
		p.ToDeliveryID = p.DeliveryID
	}
	n, err := a.cfg.Callbacks.Replay(ctx, who.app, p.DeliveryID, p.ToDeliveryID)
	if err != nil {
		return nil, err
	}
	return replayAnswer{n}, nil
}
