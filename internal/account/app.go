package account

import (
	"context"
	"regexp"
	"slices"
	"time"

	"github.com/openvoiceroom/openvoiceroom/internal/record"
	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// Limits of an app.
const (
	MaxAdmins = 10 // besides [Administrator] and those of [Config] (documents)
	MaxFields = 20 // the documents give no number
)

// settingsAge is how old what is known of an app's administrators and fields may be: a change counts on other nodes
// after this at the latest.
const settingsAge = time.Second

// adminList and fieldList are values of the store.
type adminList struct {
	Users []signaling.UserID `json:"users,omitempty"`
}

type fieldList struct {
	Fields Fields `json:"fields,omitempty"`
}

func settingKey(app signaling.AppID, what string) store.ValueKey {
	return store.ValueKey{Bucket: store.BucketApp, App: app, ID: what}
}

const (
	adminsID = "admins"
	fieldsID = "profile-fields"
)

// cached is a setting of an app, read by one caller at a time.
type cached[T any] struct {
	turn chan struct{} // holds a token while nobody reads
	at   time.Time
	doc  T
}

// setting returns a setting that is at most settingsAge old.
func setting[T any](ctx context.Context, a *Accounts, all map[signaling.AppID]*cached[T], app signaling.AppID, id string) (doc T, err error) {
	a.mu.Lock()
	c := all[app]
	if c == nil {
		c = &cached[T]{turn: make(chan struct{}, 1)}
		c.turn <- struct{}{}
		all[app] = c
	}
	a.mu.Unlock()
	select {
	case <-c.turn:
	case <-ctx.Done():
		return doc, context.Cause(ctx)
	}
	defer func() { c.turn <- struct{}{} }()
	if now := time.Now(); c.at.IsZero() || now.Sub(c.at) >= settingsAge {
		doc, _, err := record.Load[T](ctx, a.cfg.Values, settingKey(app, id))
		if err != nil {
			return doc, err
		}
		c.at, c.doc = now, doc
	}
	return c.doc, nil
}

// changeSetting changes a setting. On this node it counts at once.
func changeSetting[T any](ctx context.Context, a *Accounts, all map[signaling.AppID]*cached[T], app signaling.AppID, id string, change func(*T) error) error {
	_, err := record.Update(ctx, a.cfg.Values, settingKey(app, id), func(doc *T, _ uint64) error { return change(doc) })
	a.mu.Lock()
	delete(all, app) // also after an error: it may have been stored
	a.mu.Unlock()
	return err
}

// Admin is an administrator of an app.
type Admin struct {
	User  signaling.UserID
	Fixed bool // cannot be unset
}

// Admins returns the administrators of an app, as they are stored now.
func (a *Accounts) Admins(ctx context.Context, app signaling.AppID) ([]Admin, error) {
	stored, _, err := record.Load[adminList](ctx, a.cfg.Values, settingKey(app, adminsID))
	if err != nil {
		return nil, err
	}
	list := []Admin{{Administrator, true}}
	for _, u := range a.cfg.Admins[app] {
		if u != Administrator {
			list = append(list, Admin{u, true})
		}
	}
	for _, u := range stored.Users {
		if !a.fixed(app, u) {
			list = append(list, Admin{u, false})
		}
	}
	return list, nil
}

// fixed reports whether a user is an administrator whatever the store says.
func (a *Accounts) fixed(app signaling.AppID, user signaling.UserID) bool {
	return user == Administrator || slices.Contains(a.cfg.Admins[app], user)
}

// IsAdmin reports whether a user administers an app. It may be a second behind other nodes.
func (a *Accounts) IsAdmin(ctx context.Context, app signaling.AppID, user signaling.UserID) (bool, error) {
	if a.fixed(app, user) {
		return true, nil
	}
	stored, err := setting(ctx, a, a.admins, app, adminsID)
	return slices.Contains(stored.Users, user), err
}

// SetAdmin makes an account an administrator. It may be one already.
func (a *Accounts) SetAdmin(ctx context.Context, app signaling.AppID, user signaling.UserID) error {
	if a.fixed(app, user) {
		return nil
	}
	if _, err := a.Get(ctx, app, user); err != nil {
		return err
	}
	return changeSetting(ctx, a, a.admins, app, adminsID, func(l *adminList) error {
		switch {
		case slices.Contains(l.Users, user):
			return record.ErrKeep
		case len(l.Users) >= MaxAdmins:
			return signaling.Errorf(signaling.ErrLimit.Code, "the app has %d administrators already; unset one first", MaxAdmins)
		}
		l.Users = append(l.Users, user)
		return nil
	})
}

// UnsetAdmin makes an administrator an ordinary account. It may be one already.
func (a *Accounts) UnsetAdmin(ctx context.Context, app signaling.AppID, user signaling.UserID) error {
	switch {
	case user == Administrator:
		return signaling.Errorf(signaling.ErrNoPermission.Code, "%s always is an administrator", Administrator)
	case a.fixed(app, user):
		return signaling.Errorf(signaling.ErrNoPermission.Code, "the server has been started with this administrator: take it from its --app-admin flags")
	}
	return changeSetting(ctx, a, a.admins, app, adminsID, func(l *adminList) error {
		if !slices.Contains(l.Users, user) {
			return record.ErrKeep
		}
		l.Users = slices.DeleteFunc(l.Users, func(u signaling.UserID) bool { return u == user })
		return nil
	})
}

// keyword is what a custom field may be called (documents: letters, 8 at most).
var keyword = regexp.MustCompile(`^[A-Za-z]{1,8}$`)

// Fields returns the custom fields of an app. They may be a second behind other nodes; nobody may change them.
func (a *Accounts) Fields(ctx context.Context, app signaling.AppID) (Fields, error) {
	l, err := setting(ctx, a, a.fields, app, fieldsID)
	return l.Fields, err
}

// DeclareField gives an app a custom field. It may have it already, with the same kind.
func (a *Accounts) DeclareField(ctx context.Context, app signaling.AppID, word string, kind Kind) error {
	if !keyword.MatchString(word) {
		return signaling.Errorf(signaling.ErrBadRequest.Code, "Keyword is %.40q; it has 1 to 8 letters A to Z or a to z", word)
	}
	if kind != String && kind != Bytes {
		return signaling.Errorf(signaling.ErrBadRequest.Code, "Type is %.40q; it is %s or %s", kind, String, Bytes)
	}
	return changeSetting(ctx, a, a.fields, app, fieldsID, func(l *fieldList) error {
		old, there := l.Fields[word]
		switch {
		case there && old == kind:
			return record.ErrKeep
		case there:
			return signaling.Errorf(signaling.ErrBadRequest.Code, "the field %s is there and is %s; delete it first", word, old)
		case len(l.Fields) >= MaxFields:
			return signaling.Errorf(signaling.ErrLimit.Code, "the app has %d fields already; delete one first", MaxFields)
		}
		if l.Fields == nil {
			l.Fields = Fields{}
		}
		l.Fields[word] = kind
		return nil
	})
}

// DeleteField takes a custom field from an app. What accounts have in it is not shown any more, until the app declares
// it again.
func (a *Accounts) DeleteField(ctx context.Context, app signaling.AppID, word string) error {
	return changeSetting(ctx, a, a.fields, app, fieldsID, func(l *fieldList) error {
		if _, there := l.Fields[word]; !there {
			return unknownTag(Tag(customPrefix + word))
		}
		delete(l.Fields, word)
		return nil
	})
}
