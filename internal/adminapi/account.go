package adminapi

import (
	"context"
	"errors"

	"github.com/openvoiceroom/openvoiceroom/internal/account"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// The service im_open_login_svc: which accounts an app has. Its answers stand beside the error code.

// accountPage is how many accounts one call is about (documents).
const accountPage = 100

// Users is what the API needs of those who are logged in.
type Users interface {
	// Changed has rooms show a user as the profile says now, wherever they are.
	Changed(app signaling.AppID, user signaling.UserID, what account.Change)

	// LogOut ends all logins of a user and takes them out of their rooms.
	LogOut(app signaling.AppID, user signaling.UserID)
}

// loginCodes are the words of im_open_login_svc for what other services call otherwise.
var loginCodes = map[signaling.Code]signaling.Code{
	signaling.ErrServer.Code: codeLoginServer, codeTimeout: codeLoginTimeout,
	codeParameter: codeLoginParameter, account.CodeParameter: codeLoginParameter, account.CodeValue: codeLoginParameter,
}

// loginCommand makes a command of im_open_login_svc of a handler. Its body may name accountPage accounts.
func loginCommand[P any](rate int, f func(*API, context.Context, caller, P) (any, error)) command {
	c := handle(rate, f)
	c.codes, c.body = loginCodes, 256<<10
	return c
}

type importParams struct {
	UserID  *signaling.UserID
	Nick    *string
	FaceURL *string `json:"FaceUrl"`
}

func (a *API) accountImport(ctx context.Context, who caller, p importParams) (any, error) {
	return nil, a.importOne(ctx, who, p)
}

func (a *API) importOne(ctx context.Context, who caller, p importParams) error {
	if p.UserID == nil {
		return missing("UserID", "the account, of 1 to 32 bytes")
	}
	change, err := a.cfg.Accounts.Import(ctx, who.app, *p.UserID, p.Nick, p.FaceURL)
	if change.Any() {
		a.cfg.Users.Changed(who.app, *p.UserID, change)
	}
	return err
}

type multiImportParams struct {
	AccountList []importParams
}

type failedAccounts struct {
	FailAccounts []signaling.UserID `json:",omitempty"`
}

// multiaccountImport imports what can be imported. Of an account that is named twice the later name and avatar count.
func (a *API) multiaccountImport(ctx context.Context, who caller, p multiImportParams) (any, error) {
	if n := len(p.AccountList); n < 1 || n > accountPage {
		return nil, refuse(codeParameter, "AccountList has %d accounts; it has 1 to %d", n, accountPage)
	}
	var list []importParams
	place := map[signaling.UserID]int{}
	for i, one := range p.AccountList {
		if one.UserID == nil {
			return nil, refuse(codeParameter, "account %d of AccountList has no UserID", i)
		}
		at, again := place[*one.UserID]
		if !again {
			place[*one.UserID] = len(list)
			list = append(list, one)
			continue
		}
		if one.Nick != nil {
			list[at].Nick = one.Nick
		}
		if one.FaceURL != nil {
			list[at].FaceURL = one.FaceURL
		}
	}
	errs := make([]error, len(list))
	account.Each(len(list), func(i int) { errs[i] = a.importOne(ctx, who, list[i]) })
	var failed failedAccounts
	var broken error
	for i, err := range errs {
		if err != nil {
			failed.FailAccounts = append(failed.FailAccounts, *list[i].UserID)
		}
		if err != nil && signaling.CodeOf(err) == signaling.ErrFailed.Code { // the store's, not a refusal
			broken = err
		}
	}
	switch {
	case broken != nil && len(failed.FailAccounts) == len(list):
		return nil, broken
	case broken != nil:
		a.log.Warn("accounts not imported", "app", who.app, "accounts", len(failed.FailAccounts), "error", broken)
	}
	return beside{failed}, nil
}

type accountItem struct {
	UserID *signaling.UserID
}

type checkParams struct {
	CheckItem []accountItem
}

// checkedAccount is what came of one account of a call; AccountStatus is of account_check alone.
type checkedAccount struct {
	UserID        signaling.UserID
	ResultCode    signaling.Code
	ResultInfo    string
	AccountStatus string `json:",omitempty"`
}

type checkedAccounts struct {
	ResultItem []checkedAccount
}

// users reads a list of accounts.
func users(name string, items []accountItem) ([]signaling.UserID, error) {
	if n := len(items); n < 1 || n > accountPage {
		return nil, refuse(codeParameter, "%s has %d accounts; it has 1 to %d", name, n, accountPage)
	}
	list := make([]signaling.UserID, len(items))
	for i, item := range items {
		if item.UserID == nil {
			return nil, refuse(codeParameter, "account %d of %s has no UserID", i, name)
		}
		list[i] = *item.UserID
	}
	return list, nil
}

func (a *API) accountCheck(ctx context.Context, who caller, p checkParams) (any, error) {
	list, err := users("CheckItem", p.CheckItem)
	if err != nil {
		return nil, err
	}
	got, err := a.cfg.Accounts.GetAll(ctx, who.app, list)
	if err != nil {
		return nil, err
	}
	ans := checkedAccounts{ResultItem: make([]checkedAccount, len(list))}
	for i, u := range list {
		r := checkedAccount{UserID: u, AccountStatus: "Imported"}
		switch err := got[i].Err; {
		case u.Valid() != nil:
			r.ResultCode, r.ResultInfo, r.AccountStatus = codeLoginParameter, "no account has such a name: 1 to 32 bytes of UTF-8 without control characters", ""
		case errors.Is(err, account.ErrUnknown):
			r.AccountStatus = "NotImported"
		case err != nil:
			a.log.Warn("account not read", "app", who.app, "error", err)
			r.ResultCode, r.ResultInfo, r.AccountStatus = codeLoginServer, "the account could not be read; try again", ""
		}
		ans.ResultItem[i] = r
	}
	return beside{ans}, nil
}

// itemResult is what came of one account of a list, in the words of a service.
func (a *API) itemResult(who caller, err error, codes map[signaling.Code]signaling.Code) (signaling.Code, string) {
	code, text := public(command{codes: codes}.own(err))
	if err != nil && signaling.CodeOf(err) == signaling.ErrFailed.Code {
		a.log.Warn("account not changed or read", "app", who.app, "error", err)
	}
	return code, text
}
