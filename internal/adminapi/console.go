package adminapi

import (
	"context"
	"encoding/base64"
	"slices"

	"github.com/openvoiceroom/openvoiceroom/internal/account"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// The service voiceroom_console: what the documents leave to their web console. Its names are ours.

type deleteParams struct {
	DeleteItem []accountItem
}

func (a *API) accountDelete(ctx context.Context, who caller, p deleteParams) (any, error) {
	list, err := users("DeleteItem", p.DeleteItem)
	if err != nil {
		return nil, err
	}
	list = unique(list)
	ans := checkedAccounts{ResultItem: make([]checkedAccount, len(list))}
	account.Each(len(list), func(i int) {
		err := a.cfg.Accounts.Delete(ctx, who.app, list[i])
		if err == nil {
			a.cfg.Users.LogOut(who.app, list[i])
		}
		r := checkedAccount{UserID: list[i]}
		r.ResultCode, r.ResultInfo = a.itemResult(who, err, nil)
		ans.ResultItem[i] = r
	})
	return beside{ans}, nil
}

type exportParams struct {
	Next  *string
	Count *int
}

type exported struct {
	UserID      signaling.UserID
	CreateTime  int64 // Unix seconds
	IsAdmin     bool
	ProfileItem []account.Item
}

type export struct {
	Next        string
	AccountList []exported
}

func (a *API) accountExport(ctx context.Context, who caller, p exportParams) (any, error) {
	n := accountPage
	if p.Count != nil {
		n = *p.Count
	}
	if n < 1 || n > accountPage {
		return nil, refuse(codeParameter, "Count is %d; it is 1 to %d", n, accountPage)
	}
	if p.Next == nil {
		return nil, missing("Next", "\"\" for the first page, then the Next of the answer before")
	}
	after, err := base64.RawURLEncoding.DecodeString(*p.Next)
	if err != nil {
		return nil, badNext()
	}
	admins, err := a.cfg.Accounts.Admins(ctx, who.app)
	if err != nil {
		return nil, err
	}
	list, last, err := a.cfg.Accounts.List(ctx, who.app, signaling.UserID(after), n)
	if err != nil {
		return nil, err
	}
	ans := export{AccountList: make([]exported, len(list))}
	for i, acc := range list {
		ans.AccountList[i] = exported{
			UserID: acc.User, CreateTime: acc.Created / 1000, ProfileItem: acc.Show(acc.Tags()),
			IsAdmin: slices.ContainsFunc(admins, func(x account.Admin) bool { return x.User == acc.User }),
		}
	}
	ans.Next = base64.RawURLEncoding.EncodeToString([]byte(last)) // "" of none
	return ans, nil
}

func (a *API) setAppAdmin(ctx context.Context, who caller, p accountItem) (any, error) {
	if p.UserID == nil {
		return nil, missing("UserID", "the account that becomes an administrator of the app")
	}
	return nil, a.cfg.Accounts.SetAdmin(ctx, who.app, *p.UserID)
}

func (a *API) unsetAppAdmin(ctx context.Context, who caller, p accountItem) (any, error) {
	if p.UserID == nil {
		return nil, missing("UserID", "the administrator who becomes an ordinary account")
	}
	return nil, a.cfg.Accounts.UnsetAdmin(ctx, who.app, *p.UserID)
}

type noParams struct{}

type appAdmin struct {
	UserID  signaling.UserID
	IsFixed bool // cannot be unset: it is administrator, or named by --app-admin
}

type appAdmins struct {
	AdminList []appAdmin
}

func (a *API) getAppAdmins(ctx context.Context, who caller, _ noParams) (any, error) {
	admins, err := a.cfg.Accounts.Admins(ctx, who.app)
	if err != nil {
		return nil, err
	}
	ans := appAdmins{AdminList: make([]appAdmin, len(admins))}
	for i, x := range admins {
		ans.AdminList[i] = appAdmin{x.User, x.Fixed}
	}
	return ans, nil
}

type fieldParams struct {
	Keyword string
	Type    account.Kind
}

func (a *API) declareProfileField(ctx context.Context, who caller, p fieldParams) (any, error) {
	return nil, a.cfg.Accounts.DeclareField(ctx, who.app, p.Keyword, p.Type)
}

func (a *API) deleteProfileField(ctx context.Context, who caller, p struct{ Keyword string }) (any, error) {
	if p.Keyword == "" {
		return nil, missing("Keyword", "the word that the field was declared with")
	}
	return nil, a.cfg.Accounts.DeleteField(ctx, who.app, p.Keyword)
}

type profileField struct {
	Tag  account.Tag
	Type account.Kind
}

type profileFields struct {
	FieldList []profileField
}

func (a *API) getProfileFields(ctx context.Context, who caller, _ noParams) (any, error) {
	fields, err := a.cfg.Accounts.Fields(ctx, who.app)
	if err != nil {
		return nil, err
	}
	ans := profileFields{FieldList: []profileField{}}
	for _, tag := range append(account.StandardTags(), fields.Tags()...) {
		ans.FieldList = append(ans.FieldList, profileField{tag, fields.Kind(tag)})
	}
	return ans, nil
}
