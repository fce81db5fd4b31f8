package usersig

import (
	"bytes"
	"compress/zlib"
	"crypto/ecdsa"
	"encoding/base64"
	"errors"
	"io"
	"math"
	"strconv"
	"sync"
	"time"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// Verify says whether token lets user into app now, and what else it says. secret is the app's key. It is
// [Verifier.Verify] without a public key: UserSigs of version 1 are refused.
func Verify(token string, app signaling.AppID, secret string, user signaling.UserID, now time.Time) (Claims, error) {
	return Verifier{App: app, Secret: secret}.Verify(token, user, now)
}

// Verifier is what the UserSigs of one app are verified with.
type Verifier struct {
	App       signaling.AppID
	Secret    string           // of version 2.0 (HMAC-SHA256); empty: those have a wrong signature
	PublicKey *ecdsa.PublicKey // of version 1 (ECDSA-SHA256), see [ParsePublicKey]; nil: those are refused with ErrLegacy
}

// Verify says whether token lets user in now, and what else it says.
//
// The checks come in this order, and the first that fails is the error: size (ErrTooLarge), form (ErrMalformed,
// ErrLegacy), the app that the token names (ErrWrongApp), the signature (ErrSignature), the user (ErrMismatch), the time
// of issue (ErrFuture, beyond 5 minutes), the expiry (ErrExpired). So only somebody with a token that the app's secret
// has signed learns more than that it is no good; the app's number stands in it for everybody to read, and
// choosing the right secret needs it. A token is good until the last second of its time, included.
func (v Verifier) Verify(token string, user signaling.UserID, now time.Time) (Claims, error) {
	return read(token, func(p *payload) (Claims, error) { return v.decide(p, user, now) })
}

func (v Verifier) decide(p *payload, user signaling.UserID, now time.Time) (Claims, error) {
	if p.legacy && v.PublicKey == nil {
		return Claims{}, ErrLegacy
	}
	if p.app != int64(v.App) {
		return Claims{}, ErrWrongApp
	}
	if err := v.genuine(p); err != nil {
		return Claims{}, err
	}
	if string(p.user) != string(user) {
		return Claims{}, ErrMismatch
	}
	c := p.claims()
	if c.Issued.After(now.Add(maxSkew)) {
		return Claims{}, ErrFuture
	}
	if c.Expires.Before(now) {
		return Claims{}, ErrExpired
	}
	return c, nil
}

// Inspect returns what a token says without checking who made it or whether its time has passed: for people and tools
// that look at a token and have no secret. Whoever lets somebody in uses [Verify]. The errors are [ErrTooLarge],
// [ErrMalformed], and [ErrLegacy] for one of version 1 that cannot be read; one that can has Claims.Legacy.
func Inspect(token string) (Claims, error) {
	return read(token, func(p *payload) (Claims, error) { return p.claims(), nil })
}

// read lends what a token says to use, if its form is right.
func read(token string, use func(*payload) (Claims, error)) (Claims, error) {
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
	return use(p)
}

// strictToken reads the token's alphabet. base64 ignores line ends, so inflate looks for them.
var strictToken = base64.NewEncoding("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789*-").
	WithPadding('_').Strict()

// scratch is what one verification needs; an inflater alone is 40 KB.
type scratch struct {
	raw  [maxToken / 4 * 3]byte
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
	n, err := strictToken.Decode(s.raw[:], []byte(token)) // which needs no copy
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

// field is a set of fields.
type field uint

const (
	fieldVer field = 1 << iota
	fieldUser
	fieldTime
	fieldUserBuf
	fieldSig
	fieldApp // these of version 2.0 only
	fieldExpire
	fieldAccount // these of version 1 only
	fieldThird
	fieldOldApp
	fieldExpireAfter

	oldFields = fieldAccount | fieldThird | fieldOldApp | fieldExpireAfter
	newWanted = fieldVer | fieldUser | fieldApp | fieldTime | fieldExpire | fieldSig
	oldWanted = fieldAccount | fieldUser | fieldOldApp | fieldTime | fieldExpireAfter | fieldSig
)

// parse reads the fields, each at most once and of the right type. Unknown fields are passed over: later versions of
// the vendor's libraries may add some.
func parse(text []byte) (*payload, error) {
	p := &payload{}
	if !fields(text, p.set) {
		return nil, ErrMalformed
	}
	if err := p.complete(); err != nil {
		return nil, err
	}
	return p, nil
}

// set stores one field. false refuses its value.
func (p *payload) set(name []byte, v value) (ok bool) {
	var f field
	switch string(name) {
	case "TLS.ver":
		f, ok = fieldVer, v.string(&p.version)
	case "TLS.identifier":
		f, ok = fieldUser, v.string(&p.user)
	case "TLS.sig":
		f, ok = fieldSig, v.string(&p.sig)
	case "TLS.userbuf":
		f, ok = fieldUserBuf, v.string(&p.userBuf)
	case "TLS.sdkappid":
		f, ok = fieldApp, v.number(&p.app, math.MaxUint32)
	case "TLS.time":
		f, ok = fieldTime, v.number(&p.time, maxTime)
	case "TLS.expire":
		f, ok = fieldExpire, v.number(&p.expire, maxTime)
	case "TLS.account_type":
		f, ok = fieldAccount, v.number(&p.account, math.MaxUint32)
	case "TLS.appid_at_3rd":
		f, ok = fieldThird, v.number(&p.third, math.MaxUint32)
	case "TLS.sdk_appid":
		f, ok = fieldOldApp, v.number(&p.app, math.MaxUint32)
	case "TLS.expire_after":
		f, ok = fieldExpireAfter, v.number(&p.expire, maxTime)
	default:
		return true
	}
	p.has |= f
	return ok
}

func (v value) string(to *[]byte) bool {
	*to = v.text
	return v.kind == kindString
}

// maxTime keeps sums of two times far from overflow: the year 8919438.
const maxTime = 1 << 48

// number takes what the vendor's libraries write: a JSON integer, or one in quotes. Both are signed as their
// decimal digits, so a second spelling (a sign, leading zeros, an exponent) is refused.
func (v value) number(to *int64, most int64) bool {
	if v.kind == kindOther || len(v.text) > 20 {
		return false
	}
	n, err := strconv.ParseInt(string(v.text), 10, 64)
	*to = n
	return err == nil && n >= 0 && n <= most && strconv.FormatInt(n, 10) == string(v.text)
}

// complete says which version the fields are of. A token with fields of both is of none.
func (p *payload) complete() error {
	old := string(p.version) == "1.0" || p.has&fieldVer == 0 && p.has&(oldFields|fieldSig) != 0
	switch {
	case old && (p.has&oldWanted != oldWanted || p.has&(fieldApp|fieldExpire) != 0):
		return ErrLegacy // of some older form that nobody reads
	case !old && (string(p.version) != version || p.has&newWanted != newWanted || p.has&oldFields != 0):
		return ErrMalformed
	case len(p.user) == 0 || bytes.ContainsAny(p.user, "\r\n"):
		return ErrMalformed
	}
	if len(p.userBuf) > 0 {
		var err error
		if p.buf, err = decode(p.userBuf); err != nil {
			return ErrMalformed
		}
	}
	p.legacy = old
	return nil
}
