package account

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/openvoiceroom/openvoiceroom/internal/record"
	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// Administrator is an account of every app, and an administrator of it (documents, "App administrators").
const Administrator signaling.UserID = "administrator"

// What rooms show of a profile: a longer name is cut, a longer avatar left out. A profile may have more, and what a room
// shows is in its state, which has to stay small.
const (
	shownName   = 100
	shownAvatar = 200
)

// ErrUnknown is the answer about an account that was never imported, or was deleted.
var ErrUnknown = signaling.Errorf(CodeUnknown, "there is no such account: import it, or have the user log in once")

// Account is a user of an app, as the store keeps them.
type Account struct {
	Created int64         `json:"created"` // Unix milliseconds
	Profile map[Tag]Value `json:"profile,omitempty"`
}

// Shown returns under which name and avatar rooms show the account.
func (a Account) Shown() (name, avatar string) {
	name, avatar = a.Profile[TagNick].text, a.Profile[TagImage].text
	if len(name) > shownName {
		end := shownName
		for !utf8.RuneStart(name[end]) {
			end--
		}
		name = name[:end]
	}
	if len(avatar) > shownAvatar {
		avatar = ""
	}
	return name, avatar
}

// Level returns the account's level, which rooms show; 0 is none.
func (a Account) Level() uint32 { return a.Profile[TagLevel].number }

// Config of Accounts. Values is required.
type Config struct {
	Values store.Values
	Admins map[signaling.AppID][]signaling.UserID // administrators that nobody can unset
}

// Accounts are the accounts of all apps. Its methods may be called from many goroutines.
type Accounts struct {
	cfg Config

	mu     sync.Mutex // protects admins and fields; nothing is called while it is held
	admins map[signaling.AppID]*cached[adminList]
	fields map[signaling.AppID]*cached[fieldList]
}

// New makes Accounts.
func New(cfg Config) *Accounts {
	return &Accounts{cfg: cfg, admins: map[signaling.AppID]*cached[adminList]{}, fields: map[signaling.AppID]*cached[fieldList]{}}
}

func keyOf(app signaling.AppID, user signaling.UserID) store.ValueKey {
	return store.ValueKey{Bucket: store.BucketAccount, App: app, ID: string(user)}
}

// Get returns an account, or [ErrUnknown].
func (a *Accounts) Get(ctx context.Context, app signaling.AppID, user signaling.UserID) (Account, error) {
	if user.Valid() != nil {
		return Account{}, ErrUnknown
	}
	acc, rev, err := record.Load[Account](ctx, a.cfg.Values, keyOf(app, user))
	if err == nil && rev == 0 && user != Administrator {
		err = ErrUnknown
	}
	return acc, err
}

// Change says what rooms show otherwise now.
type Change struct{ Name, Avatar, Level bool }

// Any reports whether there is a change.
func (c Change) Any() bool { return c.Name || c.Avatar || c.Level }

// Import makes an account, or changes the one that is there. nil leaves name or avatar as they are.
func (a *Accounts) Import(ctx context.Context, app signaling.AppID, user signaling.UserID, nick, face *string) (Change, error) {
	if err := user.Valid(); err != nil {
		return Change{}, signaling.Errorf(CodeParameter, "UserID is not an account: 1 to 32 bytes of UTF-8 without control characters")
	}
	set := map[Tag]Value{}
	for tag, s := range map[Tag]*string{TagNick: nick, TagImage: face} {
		if s == nil {
			continue
		}
		v := Text(*s)
		if err := standard[tag].check(tag, v); err != nil {
			return Change{}, err
		}
		set[tag] = v
	}
	return a.set(ctx, app, user, set, nil, true)
}

// Set changes fields of an account's profile; the others stay.
func (a *Accounts) Set(ctx context.Context, app signaling.AppID, user signaling.UserID, items []Item) (Change, error) {
	if user.Valid() != nil {
		return Change{}, ErrUnknown
	}
	declared, err := a.Fields(ctx, app)
	if err != nil {
		return Change{}, err
	}
	set := make(map[Tag]Value, len(items))
	for _, i := range items { // the last one counts
		set[i.Tag] = i.Value
	}
	return a.set(ctx, app, user, set, declared, user == Administrator)
}

func (a *Accounts) set(ctx context.Context, app signaling.AppID, user signaling.UserID, fields map[Tag]Value, declared Fields, create bool) (c Change, err error) {
	_, err = record.Update(ctx, a.cfg.Values, keyOf(app, user), func(acc *Account, rev uint64) error {
		if rev == 0 && !create {
			return ErrUnknown
		}
		if rev == 0 {
			acc.Created = time.Now().UnixMilli()
		}
		name, avatar := acc.Shown()
		level := acc.Level()
		same := rev != 0
		for tag, v := range fields {
			if old, there := acc.Profile[tag]; there && old == v {
				continue
			}
			same = false
			acc.put(tag, v)
		}
		acc.tidy(declared)
		newName, newAvatar := acc.Shown()
		c = Change{Name: newName != name, Avatar: newAvatar != avatar, Level: acc.Level() != level}
		if same {
			return record.ErrKeep
		}
		return nil
	})
	if err != nil {
		return Change{}, err
	}
	return c, nil
}

func (a *Account) put(tag Tag, v Value) {
	if a.Profile == nil {
		a.Profile = map[Tag]Value{}
	}
	a.Profile[tag] = v
}

// tidy forgets fields that the app does not declare any more. Only when there are many: one that another node has
// declared a moment ago is not known here.
func (a *Account) tidy(declared Fields) {
	if len(a.Profile) > len(standard)+2*MaxFields {
		maps.DeleteFunc(a.Profile, func(tag Tag, _ Value) bool { return declared.Check(tag) != nil })
	}
}

// Login returns the account of a user who logs in, and imports it, under that name and avatar, when it is not there: one
// read for who is known.
func (a *Accounts) Login(ctx context.Context, app signaling.AppID, user signaling.UserInfo) (Account, error) {
	return record.Update(ctx, a.cfg.Values, keyOf(app, user.UserID), func(acc *Account, rev uint64) error {
		if rev != 0 {
			return record.ErrKeep
		}
		acc.Created = time.Now().UnixMilli()
		for tag, s := range map[Tag]string{TagNick: user.UserName, TagImage: user.AvatarURL} {
			if s != "" {
				acc.put(tag, Text(s))
			}
		}
		return nil
	})
}

// Delete forgets an account. An administrator of the app cannot be deleted.
func (a *Accounts) Delete(ctx context.Context, app signaling.AppID, user signaling.UserID) error {
	admins, err := a.Admins(ctx, app)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(admins, func(x Admin) bool { return x.User == user }) {
		return signaling.Errorf(signaling.ErrNoPermission.Code, "the account is an administrator of the app; unset that first")
	}
	if _, err := a.Get(ctx, app, user); err != nil {
		return err
	}
	return record.Delete(ctx, a.cfg.Values, keyOf(app, user), func(Account) error { return nil })
}

// Listed is an account of a list.
type Listed struct {
	User signaling.UserID
	Account
}

// List returns accounts by their ids, those above after, and the last one where there are more. It reads the ids of all.
func (a *Accounts) List(ctx context.Context, app signaling.AppID, after signaling.UserID, limit int) (list []Listed, last signaling.UserID, err error) {
	keys, err := a.cfg.Values.Keys(ctx, store.BucketAccount, app, "")
	if err != nil {
		return nil, "", err
	}
	users := make([]signaling.UserID, 0, len(keys))
	for _, k := range keys {
		if u := signaling.UserID(k.ID); u > after {
			users = append(users, u)
		}
	}
	slices.Sort(users)
	if len(users) > limit {
		users = users[:limit]
		last = users[limit-1]
	}
	got, err := a.GetAll(ctx, app, users)
	if err != nil {
		return nil, "", err
	}
	for i, u := range users {
		switch err := got[i].Err; {
		case err == nil:
			list = append(list, Listed{u, got[i].Account})
		case !errors.Is(err, ErrUnknown): // else deleted meanwhile
			return nil, "", err // a list with gaps would be taken for all there is
		}
	}
	return list, last, nil
}

// Result is an account, or why it is not there.
type Result struct {
	Account Account
	Err     error
}

// GetAll returns many accounts, in the order of the users. The error is of none of them: no account could be read.
func (a *Accounts) GetAll(ctx context.Context, app signaling.AppID, users []signaling.UserID) ([]Result, error) {
	results := make([]Result, len(users))
	Each(len(users), func(i int) { results[i].Account, results[i].Err = a.Get(ctx, app, users[i]) })
	failed := 0
	for _, r := range results {
		if r.Err != nil && !errors.Is(r.Err, ErrUnknown) {
			failed++
		}
	}
	if failed > 0 && failed == len(results) {
		return nil, results[0].Err
	}
	return results, nil
}

// side is how many accounts one call reads or writes side by side.
const side = 16

// Each calls f for 0 to n-1, some side by side, and returns when all have returned.
func Each(n int, f func(i int)) {
	var wg sync.WaitGroup
	next := make(chan int)
	for range min(n, side) {
		wg.Go(func() {
			for i := range next {
				f(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	wg.Wait()
}

// Show returns the fields of an account that are among tags and are set, in the order of tags.
func (a Account) Show(tags []Tag) []Item {
	list := []Item{}
	for _, tag := range tags {
		if v, ok := a.Profile[tag]; ok {
			list = append(list, Item{tag, v})
		}
	}
	return list
}

// Tags lists the fields that are set.
func (a Account) Tags() []Tag { return slices.Sorted(maps.Keys(a.Profile)) }

// Item is one field of a profile.
type Item struct {
	Tag   Tag
	Value Value
}
