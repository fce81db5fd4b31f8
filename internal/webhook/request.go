package webhook

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// Our own headers, beside the documents' parameters.
const (
	headerDelivery = "Voiceroom-Delivery" // the delivery's id, the same in all attempts
	headerSequence = "Voiceroom-Sequence" // counts the room's callbacks from 1; a replay has none
	headerAttempt  = "Voiceroom-Attempt"  // counts the attempts from 1
	headerReplay   = "Voiceroom-Replay"   // true, when an operator had it delivered again
)

// deliveryID names a callback for ever: its room's app and name, the revision of the log entry that it tells of, and its
// place among what that entry tells.
func deliveryID(key store.Key, rev uint64, index int) string {
	return fmt.Sprintf("%d.%s.%d.%d", key.App, store.Token(string(key.Room)), rev, index)
}

// parseID undoes deliveryID.
func parseID(id string) (key store.Key, rev uint64, index int, ok bool) {
	parts := strings.Split(id, ".")
	if len(parts) != 4 {
		return key, 0, 0, false
	}
	app, err1 := strconv.ParseUint(parts[0], 10, 32)
	room, err2 := store.ParseToken(parts[1])
	rev, err3 := strconv.ParseUint(parts[2], 10, 64)
	index, err4 := strconv.Atoi(parts[3])
	key = store.Key{App: signaling.AppID(app), Room: signaling.RoomID(room)}
	ok = errors.Join(err1, err2, err3, err4) == nil && key.Room.Valid() == nil && deliveryID(key, rev, index) == id
	return key, rev, index, ok
}

func (s *Service) newClient() *http.Client {
	dial := s.guard.dialer().DialContext
	if s.cfg.Dial != nil {
		dial = s.cfg.Dial
	}
	return &http.Client{
		Transport: &http.Transport{ // no Proxy: the environment's would be asked what the guard forbids
			DialContext: dial, TLSHandshakeTimeout: answerLimit, ForceAttemptHTTP2: true,
			MaxIdleConnsPerHost: inFlight, IdleConnTimeout: 30 * time.Second, DisableCompression: true,
			MaxResponseHeaderBytes: answerBytes,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// urlFor adds the documents' parameters to an app's URL.
func urlFor(app signaling.AppID, set Settings, c callback, now time.Time) string {
	return urlOf(set.URL, app, set.Token, c, now)
}

func urlOf(to string, app signaling.AppID, token string, c callback, now time.Time) string {
	var b strings.Builder
	b.WriteString(to)
	sep := byte('?')
	if strings.Contains(to, "?") {
		sep = '&'
	}
	add := func(name, value string) {
		b.WriteByte(sep)
		b.WriteString(name + "=" + url.QueryEscape(value))
		sep = '&'
	}
	add("SdkAppid", strconv.FormatUint(uint64(app), 10))
	add("CallbackCommand", c.Command)
	add("contenttype", "json")
	if c.Platform != "" {
		add("ClientIP", c.IP)
		add("OptPlatform", string(c.Platform))
	}
	if token != "" {
		at := strconv.FormatInt(now.Unix(), 10)
		add("Sign", sign(token, at))
		add("RequestTime", at)
	}
	return b.String()
}

// sign is the documents' signature of a callback at a time in Unix seconds.
func sign(token, requestTime string) string {
	sum := sha256.Sum256([]byte(token + requestTime))
	return hex.EncodeToString(sum[:])
}

// delivery is one callback with what it is sent with.
type delivery struct {
	callback
	id      string
	seq     uint64 // 0: none
	attempt int
	replay  bool
}

// post sends a callback and reads the answer. An error says why it does not count as delivered; it holds neither the URL
// nor anything of the token.
func (s *Service) post(ctx context.Context, app signaling.AppID, set Settings, d delivery) error {
	ctx, cancel := context.WithTimeout(ctx, answerLimit)
	defer cancel()
	h := http.Header{}
	h.Set(headerDelivery, d.id)
	h.Set(headerAttempt, strconv.Itoa(d.attempt))
	if d.seq != 0 {
		h.Set(headerSequence, strconv.FormatUint(d.seq, 10))
	}
	if d.replay {
		h.Set(headerReplay, "true")
	}
	body, err := s.ask(ctx, urlFor(app, set, d.callback, time.Now()), h, d.Body, answerLimit)
	if err != nil {
		return err
	}
	return accepted(body)
}

// ask posts a body and reads the answer to it, which has the status 200. ctx ends after limit.
func (s *Service) ask(ctx context.Context, to string, h http.Header, body []byte, limit time.Duration) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, to, bytes.NewReader(body))
	if err != nil {
		return nil, errors.New("the URL cannot be called")
	}
	req.Header = h
	h.Set("Content-Type", "application/json")
	h.Set("User-Agent", "OpenVoiceRoom")
	resp, err := s.client.Do(req)
	if err != nil {
		return nil, plain(ctx, err, limit)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, answerBytes+1))
	switch {
	case resp.StatusCode >= 300 && resp.StatusCode < 400:
		return nil, fmt.Errorf("HTTP status %d; redirects are not followed", resp.StatusCode)
	case resp.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("HTTP status %d; 200 is wanted", resp.StatusCode)
	case err != nil:
		return nil, plain(ctx, err, limit)
	case len(answer) > answerBytes:
		return nil, fmt.Errorf("the answer is longer than %d KiB", answerBytes>>10)
	}
	return answer, nil
}

// accepted reads the documents' answer. All three fields are required there; what counts here is that there is an
// ErrorCode and that it is 0.
func accepted(body []byte) error {
	var a struct {
		ActionStatus string
		ErrorInfo    string
		ErrorCode    *int64
	}
	if err := json.Unmarshal(body, &a); err != nil || a.ErrorCode == nil {
		return errors.New(`the answer is not the documents': {"ActionStatus":"OK","ErrorInfo":"","ErrorCode":0} is wanted`)
	}
	if *a.ErrorCode != 0 || a.ActionStatus == "FAIL" {
		return errAnswer{a.ActionStatus, *a.ErrorCode, a.ErrorInfo}
	}
	return nil
}

// errAnswer is an answer as documented that is not a yes.
type errAnswer struct {
	status string
	code   int64
	info   string
}

func (e errAnswer) Error() string {
	return fmt.Sprintf("the app answered ActionStatus %.10q, ErrorCode %d, ErrorInfo %.200q", e.status, e.code, e.info)
}

// plain is an error of net/http without the URL, which is signed.
func plain(ctx context.Context, err error, limit time.Duration) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fmt.Errorf("no answer within %s", limit)
	}
	if e, ok := errors.AsType[*url.Error](err); ok {
		err = e.Err
	}
	if e, ok := errors.AsType[errRefused](err); ok {
		return e
	}
	return fmt.Errorf("%.200s", err.Error())
}
