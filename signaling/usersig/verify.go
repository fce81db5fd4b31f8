package usersig

import (
	"bytes"
	"compress/zlib"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"math"
	"strconv"
	"sync"
	"time"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// Verify says whether token lets user into app now, and what else it says. secret is the app's key.
//
// The checks come in this order, and the first that fails is the error: size (ErrTooLarge), form (ErrMalformed,
// ErrLegacy), the app that the token names (ErrWrongApp), the MAC (ErrSignature), the user (ErrMismatch), the time of
// issue (ErrFuture, beyond 5 minutes), the expiry (ErrExpired). So only somebody with a token that the app's secret
// has signed learns more than that it is no good; the app's number stands in it for everybody to read, and
// choosing the right secret needs it. A token is good until the last second of its time, included.
func Verify(token string, app signaling.AppID, secret string, user signaling.UserID, now time.Time) (Claims, error) {
	if len(token) > maxToken {
		return Claims{}, ErrTooLarge
	}
	s := scratches.Get().(*scratch)
	defer scratches.Put(s)
	text, err := s.inflate(token)
	if err != nil {
		return Claims{}, err
	}
	p, err := parse(text)
	if err != nil {
		return Claims{}, err
	}
	sig, err := strictStd.DecodeString(p.Sig)
	if err != nil || len(sig) != sha256.Size || base64.StdEncoding.EncodeToString(sig) != p.Sig {
		return Claims{}, ErrMalformed
	}
	return p.verified(sig, app, secret, user, now)
}

var strictStd = base64.StdEncoding.Strict()

// strictToken reads the token's alphabet. base64 ignores line ends, so inflate looks for them.
var strictToken = base64.NewEncoding("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789*-").
	WithPadding('_').Strict()

// scratch is what one verification needs; an inflater alone is 40 KB.
type scratch struct {
	raw  [maxToken]byte
	text [maxInflated + 1]byte
	src  bytes.Reader
	zr   io.ReadCloser // nil before the first use
}

var scratches = sync.Pool{New: func() any { return new(scratch) }}

// inflate returns the token's JSON. It is valid until s is used again.
func (s *scratch) inflate(token string) ([]byte, error) {
	for i := range len(token) {
		if token[i] == '\r' || token[i] == '\n' {
			return nil, ErrMalformed
		}
	}
	n, err := strictToken.Decode(s.raw[:], []byte(token))
	if err != nil {
		return nil, ErrMalformed
	}
	s.src.Reset(s.raw[:n])
	if s.zr == nil {
		s.zr, err = zlib.NewReader(&s.src)
	} else {
		err = s.zr.(zlib.Resetter).Reset(&s.src, nil)
	}
	if err != nil {
		return nil, ErrMalformed
	}
	n, err = io.ReadFull(s.zr, s.text[:])
	switch {
	case err == nil:
		return nil, ErrTooLarge // one byte more than is allowed came out
	case !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF):
		return nil, ErrMalformed
	case s.src.Len() > 0:
		return nil, ErrMalformed // bytes behind the end: another spelling of the same token
	}
	// A truncated stream ends with io.ErrUnexpectedEOF as well, as a short read does: only its end tells them apart.
	if n, err := s.zr.Read(s.text[maxInflated:]); n != 0 || err != io.EOF {
		return nil, ErrMalformed
	}
	return s.text[:n], nil
}

// maxFields is twice what a token has. Without it, 8 KiB of small fields cost 350 KB to refuse.
const maxFields = 16

// parse reads the fields, each at most once and of the right type. Unknown fields are passed over: later versions of
// the vendor's libraries may add some.
func parse(text []byte) (*payload, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, ErrMalformed
	}
	p := &payload{}
	seen := make(map[string]bool, 8)
	for d.More() {
		t, err := d.Token()
		name, ok := t.(string)
		if err != nil || !ok || seen[name] {
			return nil, ErrMalformed
		}
		if seen[name] = true; len(seen) > maxFields {
			return nil, ErrMalformed
		}
		v, err := d.Token()
		if err != nil {
			return nil, ErrMalformed
		}
		if _, nested := v.(json.Delim); nested || !p.set(name, v) {
			return nil, ErrMalformed
		}
	}
	if _, err := d.Token(); err != nil {
		return nil, ErrMalformed
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, ErrMalformed
	}
	return p, p.complete(seen)
}

// set stores one field. false refuses its value.
func (p *payload) set(name string, v json.Token) (ok bool) {
	switch name {
	case "TLS.ver":
		p.Version, ok = v.(string)
	case "TLS.identifier":
		p.User, ok = v.(string)
	case "TLS.sig":
		p.Sig, ok = v.(string)
	case "TLS.userbuf":
		p.UserBuf, ok = v.(string)
	case "TLS.sdkappid":
		var n int64
		n, ok = number(v, math.MaxUint32)
		p.App = uint64(n)
	case "TLS.time":
		p.Time, ok = number(v, maxTime)
	case "TLS.expire":
		p.Expire, ok = number(v, maxTime)
	default:
		return true
	}
	return ok
}

// maxTime keeps sums of two times far from overflow: the year 10889.
const maxTime = 1 << 48

// number takes what the vendor's libraries write: a JSON integer, or one in quotes. Both are signed as their
// decimal digits, so a second spelling (a sign, leading zeros, an exponent) is refused.
func number(v json.Token, most int64) (int64, bool) {
	var text string
	switch v := v.(type) {
	case json.Number:
		text = v.String()
	case string:
		text = v
	}
	n, err := strconv.ParseInt(text, 10, 64)
	return n, err == nil && n >= 0 && n <= most && strconv.FormatInt(n, 10) == text
}

func (p *payload) complete(seen map[string]bool) error {
	if seen["TLS.account_type"] || p.Version == "1.0" || !seen["TLS.ver"] && seen["TLS.sig"] {
		return ErrLegacy
	}
	if p.Version != version || !validUser(p.User) {
		return ErrMalformed
	}
	for _, name := range []string{"TLS.sdkappid", "TLS.time", "TLS.expire", "TLS.sig"} {
		if !seen[name] {
			return ErrMalformed
		}
	}
	return nil
}

// Inspect returns what a token says without checking who made it or whether its time has passed: for people and tools
// that look at a token and have no secret. Whoever lets somebody in uses [Verify]. The errors are [ErrTooLarge],
// [ErrMalformed] and [ErrLegacy].
func Inspect(token string) (Claims, error) {
	if len(token) > maxToken {
		return Claims{}, ErrTooLarge
	}
	s := scratches.Get().(*scratch)
	defer scratches.Put(s)
	text, err := s.inflate(token)
	if err != nil {
		return Claims{}, err
	}
	p, err := parse(text)
	if err != nil {
		return Claims{}, err
	}
	return p.claims()
}
