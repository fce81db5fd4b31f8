package conformance

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/openvoiceroom/openvoiceroom/signaling"
	"github.com/openvoiceroom/openvoiceroom/signaling/usersig"
)

// Player plays cases against a server. URL, App and Secret are required.
type Player struct {
	URL    string // of the server, without the path: http://127.0.0.1:8080
	App    signaling.AppID
	Secret string
	Run    string       // makes the ids of this run its own, up to 8 letters and digits
	HTTP   *http.Client // nil: the default one
	Own    bool         // the server is ours and has nothing else in it

	// NetDial replaces the system's dialer for users of an SDK, for tests that run without a network.
	NetDial func(ctx context.Context, network, addr string) (net.Conn, error)

	// Seen is told of every call and its answer; nil: nobody is.
	Seen func(command string, request, answer []byte)
}

const (
	administrator = "administrator"

	// patience is how long the player waits for a server whose rate limit it has reached, and how often.
	patience = time.Second
	retries  = 10
)

// rates are the codes of callers who call too often.
var rates = []signaling.Code{60007, 60011, 60018, 60019}

// session is one case being played.
type session struct {
	p       *Player
	command string
	names   map[string]string // what ${name} stands for
	clients map[string]*signaling.Session
	rooms   []string // made by this case
	people  []string // accounts of this case
}

// Play plays one case and returns where the server differs. An error says that it could not be played.
func (p *Player) Play(ctx context.Context, command string, c Case) (diffs []string, err error) {
	s := &session{p: p, command: command, names: map[string]string{}, clients: map[string]*signaling.Session{}}
	defer func() { err = errors.Join(err, s.tidy(ctx)) }()
	for i, step := range c.Steps {
		found, err := s.step(ctx, step)
		if err != nil {
			return diffs, fmt.Errorf("step %d: %w", i+1, err)
		}
		for _, d := range found {
			diffs = append(diffs, fmt.Sprintf("step %d: %s", i+1, d))
		}
	}
	return diffs, nil
}

// tidy logs the users out, and takes away the rooms and the accounts that the case has made, whatever has come of them. A
// server of another make has no command for the accounts.
func (s *session) tidy(ctx context.Context) error {
	var errs []error
	for _, c := range s.clients {
		errs = append(errs, c.Close(ctx))
	}
	for _, id := range s.rooms {
		_, err := s.call(ctx, Step{Call: "live_engine_http_srv/destroy_room", Request: map[string]any{"RoomId": id}})
		errs = append(errs, err)
	}
	if len(s.people) > 0 {
		items := make([]any, len(s.people))
		for i, id := range s.people {
			items[i] = map[string]any{"UserID": id}
		}
		_, err := s.call(ctx, Step{Call: "voiceroom_console/account_delete", Request: map[string]any{"DeleteItem": items}})
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

func (s *session) step(ctx context.Context, step Step) ([]string, error) {
	if err := wait(ctx, time.Duration(step.Wait*float64(time.Second))); err != nil {
		return nil, err
	}
	if step.Client != "" {
		return s.client(ctx, step)
	}
	var got map[string]any
	for range max(step.Until, 1) {
		var err error
		if got, err = s.call(ctx, step); err != nil {
			return nil, err
		}
		if code(got) == step.Code {
			break
		}
	}
	want, err := s.expected(step)
	if err != nil {
		return nil, err
	}
	c := comparison{now: time.Now(), own: s.p.Own, among: step.Among != "" && !s.p.Own, keep: s.names}
	c.compare("answer", want, got)
	if len(c.diffs) > 0 && code(got) != 0 {
		c.diffs = append(c.diffs, "the server says: "+text(got["ErrorInfo"]))
	}
	return c.diffs, nil
}

// expected returns the whole answer that a step expects.
func (s *session) expected(step Step) (any, error) {
	want := map[string]any{"ActionStatus": "OK", "ErrorInfo": "", "ErrorCode": 0, "RequestId": "$id"}
	switch {
	case step.Answer != nil:
		return s.plain(step.Answer)
	case step.Code != 0:
		want["ActionStatus"], want["ErrorInfo"], want["ErrorCode"] = "FAIL", "$id", int(step.Code)
		if strings.HasPrefix(s.name(step), "profile/") { // documents: also an ErrorDisplay, which their examples leave empty
			want["ErrorDisplay"] = ""
		}
	default:
		if m, ok := step.OK.(map[string]any); !ok || len(m) > 0 {
			want["Response"] = step.OK
		}
	}
	return s.plain(want)
}

func (s *session) name(step Step) string {
	if step.Call != "" {
		return step.Call
	}
	return s.command
}

// call makes the call of a step, again where the server says that it was one too many.
func (s *session) call(ctx context.Context, step Step) (map[string]any, error) {
	body, err := s.body(step)
	if err != nil {
		return nil, err
	}
	for try := 0; ; try++ {
		got, err := s.post(ctx, step, body)
		if err != nil {
			return nil, err
		}
		if slices.Contains(rates, code(got)) && !slices.Contains(rates, step.Code) && try < retries {
			if err := wait(ctx, patience); err != nil {
				return nil, err
			}
			continue
		}
		if code(got) == 0 {
			s.made(step)
		}
		return got, nil
	}
}

// made remembers what has to go again.
func (s *session) made(step Step) {
	m, _ := step.Request.(map[string]any)
	list := []any{m}
	switch s.name(step) {
	case "live_engine_http_srv/create_room":
		info, _ := m["RoomInfo"].(map[string]any)
		if id, ok := info["RoomId"].(string); ok {
			s.rooms = append(s.rooms, id)
		}
	case "im_open_login_svc/multiaccount_import":
		list, _ = m["AccountList"].([]any)
		fallthrough
	case "im_open_login_svc/account_import":
		for _, one := range list {
			account, _ := one.(map[string]any)
			if id, ok := account["UserID"].(string); ok {
				s.people = append(s.people, id)
			}
		}
	}
}

func (s *session) body(step Step) ([]byte, error) {
	if step.Body != nil {
		b := []byte(s.fill(*step.Body))
		if step.Size > len(b) {
			b = append(b, bytes.Repeat([]byte{' '}, step.Size-len(b))...)
		}
		return b, nil
	}
	v, err := s.plain(step.Request)
	if err != nil {
		return nil, err
	}
	return json.Marshal(v)
}

func (s *session) post(ctx context.Context, step Step, body []byte) (map[string]any, error) {
	q, err := s.query(step)
	if err != nil {
		return nil, err
	}
	method := http.MethodPost
	if step.Method != "" {
		method = step.Method
	}
	r, err := http.NewRequestWithContext(ctx, method, s.p.URL+"/v4/"+s.name(step)+"?"+q, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	r.Header.Set("Content-Type", "application/json")
	client := s.p.HTTP
	if client == nil {
		client = http.DefaultClient
	}
	resp, err := client.Do(r)
	if err != nil {
		return nil, hide(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, 16<<20))
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the HTTP status is %d; it is 200 whatever comes of a call", resp.StatusCode)
	}
	if s.p.Seen != nil {
		s.p.Seen(s.name(step), body, b)
	}
	var got map[string]any
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if err := d.Decode(&got); err != nil {
		return nil, fmt.Errorf("the answer is no JSON object: %w", err)
	}
	return got, nil
}

// hide takes the URL, which has a UserSig in it, out of an error of net/http.
func hide(err error) error {
	if e, ok := errors.AsType[*url.Error](err); ok {
		return e.Err
	}
	return err
}

func (s *session) query(step Step) (string, error) {
	q := url.Values{"sdkappid": {fmt.Sprint(s.p.App)}, "identifier": {administrator}, "random": {strconv.FormatUint(uint64(rand.Uint32()), 10)}, "contenttype": {"json"}}
	for name, value := range step.Query {
		q.Del(name)
		if value != nil {
			q.Set(name, s.fill(*value))
		}
	}
	if _, given := step.Query["usersig"]; !given {
		sig, err := s.sig(signaling.UserID(q.Get("identifier")))
		if err != nil {
			return "", err
		}
		q.Set("usersig", sig)
	} else if of, ok := strings.CutPrefix(q.Get("usersig"), "of "); ok {
		sig, err := s.sig(signaling.UserID(of))
		if err != nil {
			return "", err
		}
		q.Set("usersig", sig)
	}
	if q.Get("usersig") == "expired" {
		sig, err := usersig.Mint(s.p.App, s.p.Secret, administrator, time.Minute, time.Now().Add(-time.Hour))
		if err != nil {
			return "", err
		}
		q.Set("usersig", sig)
	}
	raw := q.Encode()
	if step.Twice != "" {
		raw += "&" + step.Twice + "=" + url.QueryEscape(q.Get(step.Twice))
	}
	return raw, nil
}

func (s *session) sig(user signaling.UserID) (string, error) {
	if user.Valid() != nil {
		return "none", nil
	}
	return usersig.Mint(s.p.App, s.p.Secret, user, time.Hour, time.Now())
}

// client makes a call of the wire, in the name of a user who logs in for it.
func (s *session) client(ctx context.Context, step Step) ([]string, error) {
	user := signaling.UserID(s.fill(step.Client))
	c := s.clients[string(user)]
	if c == nil {
		sig, err := s.sig(user)
		if err != nil {
			return nil, err
		}
		c, err = signaling.OpenSession(ctx, signaling.SessionConfig{
			DialConfig: signaling.DialConfig{URL: "ws" + strings.TrimPrefix(s.p.URL, "http"), NetDial: s.p.NetDial},
			Login: func(context.Context) (signaling.LoginParams, error) {
				return signaling.LoginParams{SDKAppID: s.p.App, UserID: user, UserSig: sig, UserName: "name of " + string(user)}, nil
			},
			GiveUp: -1,
		})
		if err != nil {
			return nil, fmt.Errorf("%s does not come in by the WebSocket: %w", user, err)
		}
		s.clients[string(user)] = c
		s.people = append(s.people, string(user))
	}
	if step.Call == signaling.MethodLogin {
		return nil, nil
	}
	params, err := s.plain(step.Params)
	if err != nil {
		return nil, err
	}
	err = c.Call(ctx, step.Call, params, nil)
	if got := signaling.CodeOf(err); got != step.Code {
		return []string{fmt.Sprintf("%s by %s: want code %d, got %d: %v", step.Call, user, step.Code, got, err)}, nil
	}
	return nil, nil
}

var variable = regexp.MustCompile(`\$\{[a-z0-9]+\}`)

// fill replaces ${name}: by what was kept under the name, else by an id that is this case's own.
func (s *session) fill(text string) string {
	return variable.ReplaceAllStringFunc(text, func(v string) string {
		name := v[2 : len(v)-1]
		if _, known := s.names[name]; !known {
			s.names[name] = name + "-" + s.p.Run + "-" + strconv.FormatUint(rand.Uint64()%1e9, 36)
		}
		return s.names[name]
	})
}

// plain makes a value of YAML one of JSON, filled in.
func (s *session) plain(v any) (any, error) {
	b, err := json.Marshal(s.filled(v))
	if err != nil {
		return nil, err
	}
	var plain any
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	return plain, d.Decode(&plain)
}

func (s *session) filled(v any) any {
	switch v := v.(type) {
	case string:
		return s.fill(v)
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = s.filled(v[i])
		}
		return list
	case map[string]any:
		m := make(map[string]any, len(v))
		for _, name := range slices.Sorted(maps.Keys(v)) {
			m[s.fill(name)] = s.filled(v[name])
		}
		return m
	}
	return v
}

func code(answer map[string]any) signaling.Code {
	n, _ := answer["ErrorCode"].(json.Number)
	c, _ := strconv.Atoi(string(n))
	return signaling.Code(c)
}

func wait(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
