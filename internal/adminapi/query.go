package adminapi

import (
	"context"
	"errors"
	"net/url"
	"strconv"
	"time"

	"github.com/openvoiceroom/openvoiceroom/signaling"
	"github.com/openvoiceroom/openvoiceroom/signaling/usersig"
)

// query is what the URL of a call says, as the documents have it.
type query struct {
	app        signaling.AppID
	identifier signaling.UserID
	userSig    string
}

// authenticate finds out who calls. The errors never quote a UserSig.
func (a *API) authenticate(ctx context.Context, raw string) (caller, error) {
	q, err := parseQuery(raw)
	if err != nil {
		return caller{}, err
	}
	secret, known := a.cfg.Apps[q.app]
	if !known {
		return caller{}, refuse(codeApp, "this server does not know SDKAppID %d; check the number and the server's --app", q.app)
	}
	_, err = usersig.Verify(q.userSig, q.app, secret, q.identifier, time.Now())
	switch {
	case errors.Is(err, usersig.ErrMismatch):
		return caller{}, refuse(codeAccount, "the usersig belongs to another account than the identifier")
	case errors.Is(err, usersig.ErrExpired):
		return caller{}, refuse(codeSignature, "the usersig has expired; make a new one")
	case err != nil:
		return caller{}, refuse(codeSignature, "the usersig is not valid: %v", err)
	}
	isAdmin := q.identifier == Administrator
	if !isAdmin {
		if isAdmin, err = a.cfg.Accounts.IsAdmin(ctx, q.app, q.identifier); err != nil {
			return caller{}, &signaling.Error{Code: signaling.ErrServer.Code, Err: err}
		}
	}
	if !isAdmin {
		return caller{}, refuse(codeNotAdmin, "the identifier is no administrator of the app: use %s, set it with set_app_admin, or name it to the server with --app-admin", Administrator)
	}
	return caller{app: q.app, user: q.identifier}, nil
}

// parseQuery reads what comes behind the question mark.
func parseQuery(raw string) (q query, err error) {
	v, err := url.ParseQuery(raw)
	if err != nil {
		return q, refuse(codeURL, "the URL's parameters cannot be read; percent-encode them, and separate them by &")
	}
	for _, name := range []string{"sdkappid", "identifier", "usersig", "random", "contenttype"} {
		if len(v[name]) > 1 {
			return q, refuse(codeURL, "the URL has %s more than once", name)
		}
	}
	if !v.Has("sdkappid") {
		return q, refuse(codeNoApp, "the URL needs sdkappid, the app's SDKAppID")
	}
	app, err := strconv.ParseUint(v.Get("sdkappid"), 10, 32)
	if err != nil || app == 0 {
		return q, refuse(codeApp, "sdkappid is a number from 1 to 4294967295")
	}
	q.app, q.identifier, q.userSig = signaling.AppID(app), signaling.UserID(v.Get("identifier")), v.Get("usersig")
	if q.identifier.Valid() != nil {
		return q, refuse(codeAccount, "the URL needs identifier, the account of an administrator of the app")
	}
	if q.userSig == "" {
		return q, refuse(codeSignature, "the URL needs usersig, the identifier's UserSig")
	}
	if _, err := strconv.ParseUint(v.Get("random"), 10, 32); err != nil {
		return q, refuse(codeURL, "the URL needs random, a number from 0 to 4294967295")
	}
	if v.Get("contenttype") != "json" {
		return q, refuse(codeURL, "the URL needs contenttype=json")
	}
	return q, nil
}
