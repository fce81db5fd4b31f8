package home_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/openvoiceroom/openvoiceroom/internal/home"
	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// step is one thing that happens in the model of moderation.
type step struct {
	What string
	By   signaling.UserID // "app" is the app
	Whom signaling.UserID
	For  time.Duration
	Node int // by which, of those that live
	Dies int // when the room's home dies in the middle of it, in milliseconds; 0: it does not
}

func (s step) String() string {
	return fmt.Sprintf("%s by %s of %s for %v at %d dies %d", s.What, s.By, s.Whom, s.For, s.Node, s.Dies)
}

var people = []signaling.UserID{"owner", "amy", "ann", "bob", "cid"}

var steps = rapid.Custom(func(t *rapid.T) step {
	return step{
		What: rapid.SampledFrom([]string{"mute", "mute", "unmute", "ban", "ban", "unban", "kick", "admin", "member", "silence", "speech", "enter", "enter", "leave", "wait", "wait", "kill", "killAll"}).Draw(t, "what"),
		By:   rapid.SampledFrom([]signaling.UserID{"owner", "owner", "owner", "amy", "amy", "ann", "bob", "app"}).Draw(t, "by"),
		Whom: rapid.SampledFrom(people).Draw(t, "whom"),
		For:  rapid.SampledFrom([]time.Duration{5 * time.Second, 20 * time.Second, time.Minute, time.Hour}).Draw(t, "for"),
		Node: rapid.IntRange(0, 1).Draw(t, "node"),
		Dies: rapid.SampledFrom([]int{0, 0, 0, 0, 0, 0, 50, 150, 250}).Draw(t, "dies"),
	}
})

// office is the model: what moderation there is, by plain rules. A moment in which something runs out while something is
// done leaves both ways open.
type office struct {
	c        *cluster
	turn     int
	admins   map[signaling.UserID]bool
	silence  bool
	muted    map[signaling.UserID]time.Time
	banned   map[signaling.UserID]time.Time
	at       map[signaling.UserID]*node // who is in the room
	session  map[signaling.UserID]string
	sure     []string // acts that have to be in the audit log, in this order
	possible int      // and how many more may be
}

func (o *office) manages(u signaling.UserID) bool { return u == "owner" || o.admins[u] }

// live returns one of the nodes that live.
func (o *office) live(i int) *node {
	var list []*node
	for _, n := range o.c.nodes {
		if !n.gone.Load() {
			list = append(list, n)
		}
	}
	return list[i%len(list)]
}

// holds says of an end whether it is sure that it is still to come, or sure that it is over.
func holds(until, before, after time.Time) (yes, no bool) {
	return until.After(after), !until.After(before)
}

// decree has a command decided, perhaps while the room's home dies; before and after are around it.
func (o *office) decree(s step, a room.Action) (before, after time.Time, err error) {
	o.turn++
	n := o.live(s.Node)
	cmd := room.Command{ID: fmt.Sprint("step", o.turn), By: signaling.UserInfo{UserID: s.By}, App: s.By == "app", Action: a}
	if s.By != "app" {
		if n = o.at[s.By]; n == nil {
			n = o.live(s.Node)
		}
	}
	before = time.Now()
	var wg sync.WaitGroup
	if victim := o.home(); s.Dies > 0 && victim != nil && victim != n {
		victim.disk.Store(int64(100 * time.Millisecond)) // for a value, and again for an entry
		wg.Go(func() {
			time.Sleep(time.Duration(s.Dies) * time.Millisecond)
			victim.kill()
		})
	}
	ctx, cancel := context.WithTimeout(o.c.t.Context(), 20*time.Second)
	defer cancel()
	_, err = n.Do(ctx, key, cmd)
	wg.Wait()
	return before, time.Now(), err
}

func (o *office) home() *node {
	name := o.c.newest().Home
	for i, n := range o.c.nodes {
		if fmt.Sprint("node", i) == string(name) && !n.gone.Load() {
			return n
		}
	}
	return nil
}

// mourn replaces dead nodes, and lets who was there come back by another, unless they are banned.
func (o *office) mourn() {
	alive := 0
	for _, n := range o.c.nodes {
		if !n.gone.Load() {
			alive++
		}
	}
	for ; alive < 2; alive++ {
		o.c.add()
	}
	for _, u := range slices.Sorted(maps.Keys(o.at)) {
		if o.at[u].gone.Load() {
			delete(o.at, u)
			if err := o.enter(u, 1); err != nil {
				o.c.t.Errorf("%s cannot come back: %v", u, err)
			}
		}
	}
}

// enter tries to come in, and says what is wrong with the answer.
func (o *office) enter(u signaling.UserID, i int) error {
	n := o.live(i)
	o.turn++
	session := fmt.Sprint(u, "@", o.turn)
	before := time.Now()
	_, err := n.tryEnter(u, session)
	yes, no := holds(o.banned[u], before, time.Now())
	switch code := signaling.CodeOf(err); {
	case code == 0 && !yes:
		o.at[u], o.session[u] = n, session
		return nil
	case code == signaling.ErrMemberBanned.Code && !no:
		o.drop(n, session)
		return nil
	}
	o.drop(n, session)
	return fmt.Errorf("banned %v, and the answer is %w", yes, err)
}

// drop is what a node does that has heard that somebody is out.
func (o *office) drop(n *node, session string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.members, session)
}

func (o *office) out(u signaling.UserID) {
	if n := o.at[u]; n != nil {
		o.drop(n, o.session[u])
		delete(o.at, u)
	}
}

// refusal is what a sanction has to be answered with, 0 where it is carried out.
func (o *office) refusal(s step) signaling.Code {
	switch {
	case s.By == "app":
		return 0
	case o.at[s.By] == nil:
		return signaling.ErrNotInRoom.Code
	case !o.manages(s.By):
		return signaling.ErrNeedManager.Code
	case s.By == s.Whom:
		return signaling.ErrInvalidParameter.Code
	case s.By != "owner" && o.manages(s.Whom):
		return signaling.ErrNoPermission.Code
	}
	return 0
}

func (o *office) note(s step, kind signaling.ActKind) {
	o.sure = append(o.sure, fmt.Sprint(s.By, " ", kind, " ", s.Whom))
}

// take does a step and compares what has come of it with the model.
func (o *office) take(s step) error {
	whom := []signaling.UserID{s.Whom}
	expect := func(want signaling.Code, a room.Action) (bool, time.Time, time.Time, error) {
		before, after, err := o.decree(s, a)
		if code := signaling.CodeOf(err); code != want {
			return false, before, after, fmt.Errorf("code %d is wanted, not %w", want, err)
		}
		return want == 0, before, after, nil
	}
	switch s.What {
	case "mute":
		done, before, after, err := expect(o.refusal(s), room.Mute{Users: whom, Duration: s.For})
		if done {
			o.note(s, signaling.ActMute)
			o.muted[s.Whom] = o.end("mute", s, before, after)
		}
		return err
	case "ban":
		done, before, after, err := expect(o.refusal(s), room.Ban{Users: whom, Duration: s.For})
		if done {
			o.note(s, signaling.ActBan)
			o.banned[s.Whom] = o.end("ban", s, before, after)
			o.out(s.Whom)
		}
		return err
	case "unmute":
		done, before, after, err := expect(o.refusal(s), room.Mute{Users: whom})
		if done {
			o.ended(s, o.muted, signaling.ActUnmute, before, after)
		}
		return err
	case "unban":
		done, before, after, err := expect(o.refusal(s), room.Unban{Users: whom})
		if done {
			o.ended(s, o.banned, signaling.ActUnban, before, after)
		}
		return err
	case "kick":
		want := o.refusal(s)
		if want == 0 && o.at[s.Whom] == nil {
			want = signaling.ErrUserNotEntered.Code
		}
		_, _, err := o.decree(s, room.KickOut{User: s.Whom})
		code := signaling.CodeOf(err)
		if n := o.at[s.Whom]; want == 0 && n.gone.Load() && code == signaling.ErrUserNotEntered.Code {
			return nil // her node has died in the middle of it, so she was out before
		}
		if code != want {
			return fmt.Errorf("code %d is wanted, not %w", want, err)
		}
		if want == 0 {
			o.note(s, signaling.ActKick)
			o.out(s.Whom)
		}
		return nil
	case "admin", "member":
		return o.promote(s, expect)
	case "silence", "speech":
		want := signaling.Code(0)
		switch {
		case s.By == "app":
		case o.at[s.By] == nil:
			want = signaling.ErrNotInRoom.Code
		case !o.manages(s.By):
			want = signaling.ErrNeedManager.Code
		}
		to := s.What == "silence"
		done, _, _, err := expect(want, room.Update{MessageDisabled: &to})
		if done && to != o.silence {
			o.silence, s.Whom = to, ""
			kind := signaling.ActUnmuteAll
			if to {
				kind = signaling.ActMuteAll
			}
			o.note(s, kind)
		}
		return err
	case "enter":
		if o.at[s.Whom] == nil {
			return o.enter(s.Whom, s.Node)
		}
	case "leave":
		if o.at[s.Whom] != nil && s.Whom != "owner" {
			s.By = s.Whom
			_, _, _, err := expect(0, room.Leave{})
			o.out(s.Whom)
			return err
		}
	case "wait":
		time.Sleep(s.For - time.Second/2)
	case "kill", "killAll":
		o.live(s.Node).kill()
		if s.What == "killAll" {
			o.live(0).kill()
		}
	}
	return nil
}

// end is when a sanction ends that began between before and after: the log says when that was.
func (o *office) end(_ string, s step, _, after time.Time) time.Time {
	list, _, err := o.live(s.Node).Audit(o.c.t.Context(), key, home.AuditQuery{Limit: 1})
	if err != nil || len(list) != 1 {
		o.c.t.Errorf("no act: %v", err)
		return after
	}
	return time.UnixMilli(list[0].Until)
}

func (o *office) ended(s step, list map[signaling.UserID]time.Time, kind signaling.ActKind, before, after time.Time) {
	yes, no := holds(list[s.Whom], before, after)
	switch {
	case yes:
		o.note(s, kind)
	case !no:
		o.possible++
	}
	delete(list, s.Whom)
}

func (o *office) promote(s step, expect func(signaling.Code, room.Action) (bool, time.Time, time.Time, error)) error {
	role := signaling.GeneralUser
	if s.What == "admin" {
		role = signaling.Administrator
	}
	want := signaling.Code(0)
	switch {
	case s.By != "app" && o.at[s.By] == nil:
		want = signaling.ErrNotInRoom.Code
	case s.By != "app" && s.By != "owner":
		want = signaling.ErrNeedOwner.Code
	case s.Whom == "owner":
		want = signaling.ErrNoPermission.Code
	}
	done, _, _, err := expect(want, room.ChangeRole{User: s.Whom, Role: role})
	if done && o.admins[s.Whom] != (role == signaling.Administrator) {
		o.admins[s.Whom] = role == signaling.Administrator
		o.note(s, signaling.ActRole)
	}
	return err
}

// check has everybody say something, and looks who is in.
func (o *office) check() error {
	time.Sleep(time.Second) // the room may say so much in one
	var page home.Page
	for range 10 { // a new home is told within 3 s who is in
		var err error
		if page, err = o.live(0).List(o.c.t.Context(), key, home.Query{Limit: 50}); err != nil {
			return err
		}
		if len(page.Members) == len(o.at) {
			break
		}
		time.Sleep(time.Second / 2)
	}
	for _, m := range page.Members {
		if yes, _ := holds(o.banned[m.UserID], time.Now(), time.Now()); yes {
			return fmt.Errorf("%s is banned, and in", m.UserID)
		}
		if o.at[m.UserID] == nil {
			return fmt.Errorf("%s is in, and should not be", m.UserID)
		}
	}
	if len(page.Members) != len(o.at) {
		return fmt.Errorf("%d members are in, not %d", len(page.Members), len(o.at))
	}
	for _, u := range people {
		n := o.at[u]
		if n == nil {
			n = o.live(0)
		}
		o.turn++
		before := time.Now()
		_, err := n.say(u, fmt.Sprint("m", o.turn))
		muted, free := holds(o.muted[u], before, time.Now())
		want := signaling.Code(0)
		switch {
		case o.at[u] == nil:
			want = signaling.ErrNotInRoom.Code
		case muted:
			want = signaling.ErrMessageDisabled.Code
		case o.silence && !o.manages(u):
			want = signaling.ErrAllMessagesDisabled.Code
		}
		if code := signaling.CodeOf(err); code != want && (free || code != signaling.ErrMessageDisabled.Code) {
			return fmt.Errorf("%s says something: code %d is wanted, not %w", u, want, err)
		}
	}
	return nil
}

// accounted compares the audit log with what was done.
func (o *office) accounted() error {
	var got []string
	for _, a := range o.live(0).acts("") {
		var u signaling.UserID
		if len(a.Users) > 0 {
			u = a.Users[0]
		}
		got = append(got, fmt.Sprint(a.Operator, " ", a.Kind, " ", u))
	}
	rest := got
	for _, want := range o.sure {
		i := slices.Index(rest, want)
		if i < 0 {
			return fmt.Errorf("%q is not in its place among\n%s\nwanted\n%s", want, strings.Join(got, "\n"), strings.Join(o.sure, "\n"))
		}
		rest = rest[i+1:]
	}
	if more := len(got) - len(o.sure); more > o.possible {
		return fmt.Errorf("%d acts too many among\n%s\nwanted\n%s", more, strings.Join(got, "\n"), strings.Join(o.sure, "\n"))
	}
	return nil
}

// Nobody muted says anything, nobody banned is in, and nobody does what their role does not allow, in whatever order
// managers and the app act, people come and go, time passes and nodes die: and the audit log has each act once.
func TestModerationModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		list := rapid.SliceOfN(steps, 1, 30).Draw(rt, "steps") // before the bubble: rapid knows none
		var failed error
		bubble(t, 2, func(t *testing.T, c *cluster) {
			o := &office{
				c: c, admins: map[signaling.UserID]bool{}, muted: map[signaling.UserID]time.Time{}, banned: map[signaling.UserID]time.Time{},
				at: map[signaling.UserID]*node{}, session: map[signaling.UserID]string{},
			}
			c.nodes[0].create(signaling.FreeToTake)
			for i, u := range people {
				if failed = o.enter(u, i); failed != nil {
					return
				}
			}
			for i, s := range list {
				if failed = o.take(s); failed == nil {
					o.mourn()
					failed = o.check()
				}
				if failed != nil {
					failed = fmt.Errorf("step %d, %v: %w", i, s, failed)
					return
				}
			}
			time.Sleep(time.Minute)
			synctest.Wait()
			failed = o.accounted()
		})
		if failed != nil {
			rt.Fatal(failed)
		}
	})
}
