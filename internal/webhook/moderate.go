package webhook

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"time"
	"unicode/utf8"

	"golang.org/x/time/rate"

	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// Before a message is said in a room's chat, the app may be asked. The sender waits, and nobody else does.

const (
	beforeSendMessage = "Live.CallbackBeforeSendMessage" // ours: the documents' rooms leave the chat to another product

	moderationLimit = 2 * time.Second // for one message, the wait for its turn included
	askedAtOnce     = 16              // messages of one room that one node asks about at once
	askedWaiting    = 64              // and that wait for their turn
	askedPerSecond  = 40              // more than so many of a room cannot be said

	// Refusals of the app's own, as the vendor's chat has them: clients get the code and the text.
	firstOwnCode, lastOwnCode = 120001, 130000

	maxRefusal = 200 // bytes of what a client is told
)

// Moderation is how an app is asked about chat messages.
type Moderation struct {
	URL    string `json:"url"`
	Refuse bool   `json:"refuse,omitempty"` // messages about which there is no answer; else they are said
}

// Verdict is what becomes of a message.
type Verdict struct {
	Message  signaling.Barrage
	Replaced bool // Message is not what was asked about
}

// Moderated reports whether an app wants to be asked about chat messages. It does not block.
func (s *Service) Moderated(app signaling.AppID) bool { return s.settings(app).Moderation != nil }

// Moderation returns how an app is asked about chat messages; nil: it is not.
func (s *Service) Moderation(ctx context.Context, app signaling.AppID) (*Moderation, error) {
	set, err := s.read(ctx, app)
	return set.Moderation, err
}

// SetModeration sets how an app is asked about chat messages. nil ends that.
func (s *Service) SetModeration(ctx context.Context, app signaling.AppID, m *Moderation) error {
	if m != nil {
		if err := s.checkURL("Url", m.URL); err != nil {
			return err
		}
		if !utf8.ValidString(m.URL) {
			return signaling.Errorf(codeParameter, "Url: UTF-8 is wanted")
		}
	}
	return s.change(ctx, app, func(set *Settings) error {
		set.Moderation = m
		return nil
	})
}

// asking bounds the questions about one room's messages.
type asking struct {
	slots   chan struct{}
	users   int // of this record, waiting ones included; guarded by Service.mu
	limiter *rate.Limiter
}

// errBusy is why there was no answer: nobody asked.
var errBusy = errors.New("too many messages of the room wait for an answer")

// Moderate asks the app about a message and says what becomes of it; an error is why it is not to be said: 10016 or a code
// of the app's own when it was refused, -1300 when there was no answer and the app wants none said without, -2 when
// the room's members say more than it could take anyway.
func (s *Service) Moderate(ctx context.Context, key store.Key, b signaling.Barrage) (Verdict, error) {
	set := s.settings(key.App)
	if set.Moderation == nil {
		return Verdict{Message: b}, nil
	}
	a := s.beginAsking(key)
	defer s.endAsking(a)
	if !a.limiter.Allow() {
		return Verdict{}, signaling.Errorf(signaling.ErrFreqLimit.Code, "the room's chat is full: %d messages a second; wait a moment and try again", askedPerSecond)
	}
	begin := time.Now()
	v, outcome, err := s.putBefore(ctx, a, key, set, b)
	s.cfg.Observe(beforeSendMessage, outcome, time.Since(begin))
	if outcome != Unanswered {
		return v, err
	}
	if ctx.Err() != nil { // who asked has gone
		return Verdict{}, &signaling.Error{Code: signaling.ErrServerTimeout.Code, Err: err}
	}
	s.log.Warn("no answer about a chat message", "app", key.App, "room", key.Room, "refused", set.Moderation.Refuse, "error", err)
	if set.Moderation.Refuse {
		return Verdict{}, signaling.Errorf(signaling.ErrServerTimeout.Code, "the app did not say in time whether this may be said; try again")
	}
	return Verdict{Message: b}, nil
}

func (s *Service) beginAsking(key store.Key) *asking {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.asking[key]
	if a == nil {
		a = &asking{slots: make(chan struct{}, askedAtOnce), limiter: rate.NewLimiter(askedPerSecond, 2*askedPerSecond)}
		s.asking[key] = a
	}
	a.users++
	return a
}

func (s *Service) endAsking(a *asking) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a.users--
}

// forgetAsked forgets rooms about which nobody asks any more. A rate that has been let alone is as good as a new one.
func (s *Service) forgetAsked() {
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.DeleteFunc(s.asking, func(_ store.Key, a *asking) bool { return a.users == 0 && a.limiter.Tokens() >= 2*askedPerSecond })
}

// putBefore waits for the message's turn, asks, and reads the answer.
func (s *Service) putBefore(ctx context.Context, a *asking, key store.Key, set Settings, b signaling.Barrage) (Verdict, string, error) {
	s.mu.Lock()
	busy := a.users > askedAtOnce+askedWaiting
	s.mu.Unlock()
	if busy {
		return Verdict{}, Unanswered, errBusy
	}
	ctx, cancel := context.WithTimeout(ctx, moderationLimit)
	defer cancel()
	select {
	case a.slots <- struct{}{}:
		defer func() { <-a.slots }()
	case <-ctx.Done():
	}
	if ctx.Err() != nil {
		return Verdict{}, Unanswered, errBusy
	}
	body, err := json.Marshal(questionOf(key, b))
	if err != nil {
		return Verdict{}, Unanswered, err
	}
	c := callback{Command: beforeSendMessage}
	answer, err := s.ask(ctx, urlOf(set.Moderation.URL, key.App, set.Token, c, time.Now()), http.Header{}, body, moderationLimit)
	if err != nil {
		return Verdict{}, Unanswered, err
	}
	return verdict(answer, b)
}

// question is the body of [beforeSendMessage].
type question struct {
	CallbackCommand string
	RoomID          signaling.RoomID `json:"RoomId"`
	MessageID       string           `json:"MessageId"`
	From            signaling.UserID `json:"From_Account"`
	FromNick        string
	FromRole        signaling.Role
	MessageType     signaling.BarrageType
	TextContent     string
	ExtensionInfo   map[string]string
	BusinessID      string `json:"BusinessId"`
	Data            string
	EventTime       int64 // Unix milliseconds
}

func questionOf(key store.Key, b signaling.Barrage) question {
	q := question{
		CallbackCommand: beforeSendMessage, RoomID: key.Room, MessageID: b.MessageID, From: b.Sender.UserID, FromNick: b.Sender.UserName,
		FromRole: b.Sender.Role, MessageType: b.Type, TextContent: b.Text, ExtensionInfo: b.Extension, BusinessID: b.BusinessID, Data: b.Data,
		EventTime: time.Now().UnixMilli(),
	}
	if q.ExtensionInfo == nil {
		q.ExtensionInfo = map[string]string{}
	}
	return q
}

// verdict reads an answer. What is in it beside the documents' three fields stands for what the message had.
func verdict(answer []byte, b signaling.Barrage) (Verdict, string, error) {
	var a struct {
		ActionStatus  string
		ErrorInfo     string
		ErrorCode     *int64
		TextContent   *string
		ExtensionInfo *map[string]string
		BusinessID    *string `json:"BusinessId"`
		Data          *string
	}
	if err := json.Unmarshal(answer, &a); err != nil || a.ErrorCode == nil {
		return Verdict{}, Unanswered, errors.New(`the answer is not as documented: {"ActionStatus":"OK","ErrorInfo":"","ErrorCode":0} lets the message through`)
	}
	switch code := *a.ErrorCode; {
	case code == 0 && a.ActionStatus != "FAIL":
	case code == 1, code >= firstOwnCode && code <= lastOwnCode:
		refusal := signaling.ErrMessageRejected.Code
		if code != 1 {
			refusal = signaling.Code(code)
		}
		return Verdict{}, Vetoed, &signaling.Error{Code: refusal, Message: plainText(a.ErrorInfo)}
	default:
		return Verdict{}, Unanswered, fmt.Errorf("the app answered ActionStatus %.10q, ErrorCode %d; it is 0, 1, or %d to %d", a.ActionStatus, code, firstOwnCode, lastOwnCode)
	}
	v := Verdict{Message: b}
	replace(&v, &v.Message.Text, a.TextContent)
	replace(&v, &v.Message.BusinessID, a.BusinessID)
	replace(&v, &v.Message.Data, a.Data)
	if a.ExtensionInfo != nil {
		v.Message.Extension, v.Replaced = *a.ExtensionInfo, true
	}
	if !v.Replaced {
		return v, Allowed, nil
	}
	if err := room.CheckBarrage(v.Message); err != nil { // the app has not let the message through as it was
		return Verdict{}, Vetoed, signaling.Errorf(signaling.ErrMessageRejected.Code, "the app has put in its place what no message can be: %v", err)
	}
	return v, Replaced, nil
}

func replace(v *Verdict, to, from *string) {
	if from != nil && *to != *from {
		*to, v.Replaced = *from, true
	}
}
