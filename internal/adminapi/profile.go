package adminapi

import (
	"context"
	"encoding/json"
	"errors"
	"slices"

	"github.com/openvoiceroom/openvoiceroom/internal/account"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// The service profile: what is known of an account.

// profileCodes are the words of the service profile for what other services call otherwise.
var profileCodes = map[signaling.Code]signaling.Code{
	signaling.ErrServer.Code: codeProfileServer, codeParameter: account.CodeParameter,
}

func profileCommand[P any](rate int, f func(*API, context.Context, caller, P) (any, error)) command {
	c := handle(rate, f)
	c.codes = profileCodes
	return c
}

type portraitSetParams struct {
	From        *signaling.UserID `json:"From_Account"`
	ProfileItem []struct {
		Tag   *account.Tag
		Value json.RawMessage // its type is the field's
	}
}

// maxItems is how many fields one call sets; an account has fewer.
const maxItems = 100

func (a *API) portraitSet(ctx context.Context, who caller, p portraitSetParams) (any, error) {
	if p.From == nil {
		return nil, missing("From_Account", "the account whose profile changes")
	}
	if n := len(p.ProfileItem); n < 1 || n > maxItems {
		return nil, refuse(codeParameter, "ProfileItem has %d fields; it has 1 to %d, each with Tag and Value", n, maxItems)
	}
	fields, err := a.cfg.Accounts.Fields(ctx, who.app)
	if err != nil {
		return nil, err
	}
	items := make([]account.Item, len(p.ProfileItem))
	for i, item := range p.ProfileItem {
		if item.Tag == nil || item.Value == nil || string(item.Value) == "null" {
			return nil, missing("ProfileItem", "each of its objects has Tag and Value")
		}
		if items[i].Value, err = fields.Parse(*item.Tag, item.Value); err != nil {
			return nil, err
		}
		items[i].Tag = *item.Tag
	}
	change, err := a.cfg.Accounts.Set(ctx, who.app, *p.From, items)
	if change.Any() {
		a.cfg.Users.Changed(who.app, *p.From, change)
	}
	return nil, err
}

type portraitGetParams struct {
	To      []signaling.UserID `json:"To_Account"`
	TagList []account.Tag
}

type userProfile struct {
	To          signaling.UserID `json:"To_Account"`
	ProfileItem []account.Item   `json:",omitempty"` // absent where the account could not be read
	ResultCode  signaling.Code
	ResultInfo  string
}

type profileList struct {
	UserProfileItem []userProfile
	Fail            []signaling.UserID `json:"Fail_Account,omitempty"`
}

// portraitGet shows fields of accounts, those that were ever set. Accounts and fields that are named twice are shown
// once.
func (a *API) portraitGet(ctx context.Context, who caller, p portraitGetParams) (any, error) {
	to, tags := unique(p.To), unique(p.TagList)
	switch {
	case len(to) == 0:
		return nil, refuse(codeNobody, "To_Account is required: 1 to %d accounts", accountPage)
	case len(to) > accountPage:
		return nil, refuse(codeParameter, "To_Account has %d accounts; it has 1 to %d", len(to), accountPage)
	case len(tags) == 0:
		return nil, missing("TagList", "the names of profile fields")
	}
	fields, err := a.cfg.Accounts.Fields(ctx, who.app)
	if err != nil {
		return nil, err
	}
	for _, tag := range tags {
		if err := fields.Check(tag); err != nil {
			return nil, err
		}
	}
	got, err := a.cfg.Accounts.GetAll(ctx, who.app, to)
	if err != nil {
		return nil, err
	}
	ans := profileList{UserProfileItem: make([]userProfile, len(to))}
	for i, u := range to {
		r := userProfile{To: u}
		if r.ResultCode, r.ResultInfo = a.itemResult(who, got[i].Err, profileCodes); r.ResultCode == 0 {
			r.ProfileItem = got[i].Account.Show(tags)
		} else {
			ans.Fail = append(ans.Fail, u)
		}
		ans.UserProfileItem[i] = r
	}
	unknown := func(r account.Result) bool { return !errors.Is(r.Err, account.ErrUnknown) }
	if !slices.ContainsFunc(got, unknown) {
		return nil, account.ErrUnknown
	}
	return beside{ans}, nil
}

// unique drops what comes a second time.
func unique[T comparable](list []T) []T {
	seen := make(map[T]bool, len(list))
	return slices.DeleteFunc(slices.Clone(list), func(x T) bool {
		again := seen[x]
		seen[x] = true
		return again
	})
}
