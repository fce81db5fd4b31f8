package room_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

var t0 = time.UnixMilli(1_800_000_000_000)

func user(id signaling.UserID) signaling.UserInfo {
	return signaling.UserInfo{UserID: id, UserName: "name of " + string(id)}
}

func cmd(id string, by signaling.UserID, a room.Action) room.Command {
	return room.Command{ID: id, By: user(by), Action: a}
}

// start returns a room of four seats, owned by owner and administered by admin. Seat 2 is locked, seat 3 silenced.
func start(t testing.TB, mode signaling.SeatMode) room.State {
	t.Helper()
	s, _, err := room.Apply(room.State{}, cmd("c", "owner", room.Create{
		Info: signaling.RoomInfo{RoomID: "r", SeatMode: mode, MaxSeatCount: 4}, SeatLimit: 20,
	}), t0)
	require.NoError(t, err)
	s.Admins = []signaling.UserID{"admin"}
	s.Seats[2].Locked = true
	s.Seats[3].AudioLocked = true
	return s
}

// then applies commands that have to succeed.
func then(t testing.TB, s room.State, list ...room.Command) room.State {
	t.Helper()
	for _, c := range list {
		next, _, err := room.Apply(s, c, t0)
		require.NoError(t, err, c.Name())
		s = next
	}
	return s
}

func seated(s room.State) string {
	var b strings.Builder
	for _, x := range s.Seats {
		b.WriteString(string(x.UserID) + "/")
	}
	return b.String()
}

// ended describes the ends of requests among events.
func ended(events []room.Event) (list []string) {
	for _, e := range events {
		if end, ok := e.Event.(signaling.RequestEnded); ok {
			list = append(list, fmt.Sprintf("%s %s by %s to %v", end.Request.RequestID, end.Result, end.By.UserID, e.To))
		}
	}
	return list
}

func TestTakeSeat(t *testing.T) {
	const free, apply = signaling.FreeToTake, signaling.ApplyToTake
	for name, c := range map[string]struct {
		mode    signaling.SeatMode
		before  []room.Command
		by      signaling.UserID
		take    room.TakeSeat
		id      string
		err     *signaling.Error
		seats   string
		pending int
	}{
		"free: guest takes 0 -> sits":                       {mode: free, by: "ann", seats: "ann////"},
		"free: guest takes -1 -> lowest free seat":          {mode: free, before: []room.Command{cmd("1", "bob", room.TakeSeat{})}, by: "ann", take: room.TakeSeat{Index: -1}, seats: "bob/ann///"},
		"free: guest takes -1 -> skips the locked seat":     {mode: free, before: []room.Command{cmd("1", "bob", room.TakeSeat{}), cmd("2", "cid", room.TakeSeat{Index: 1})}, by: "ann", take: room.TakeSeat{Index: -1}, seats: "bob/cid//ann/"},
		"free: -1 and nothing unlocked free -> 100205":      {mode: free, before: []room.Command{cmd("1", "bob", room.TakeSeat{}), cmd("2", "cid", room.TakeSeat{Index: 1}), cmd("3", "dan", room.TakeSeat{Index: 3})}, by: "ann", take: room.TakeSeat{Index: -1}, err: signaling.ErrAllSeatsOccupied},
		"free: occupied -> 100210":                          {mode: free, before: []room.Command{cmd("1", "bob", room.TakeSeat{})}, by: "ann", err: signaling.ErrSeatOccupied},
		"free: locked -> 100200":                            {mode: free, by: "ann", take: room.TakeSeat{Index: 2}, err: signaling.ErrSeatLocked},
		"free: owner takes locked -> sits":                  {mode: free, by: "owner", take: room.TakeSeat{Index: 2}, seats: "//owner//"},
		"apply: admin takes locked -> sits":                 {mode: apply, by: "admin", take: room.TakeSeat{Index: 2}, seats: "//admin//"},
		"apply: owner takes 0 -> sits":                      {mode: apply, by: "owner", seats: "owner////"},
		"apply: guest takes 0 -> pending":                   {mode: apply, by: "ann", seats: "////", pending: 1},
		"apply: guest takes -1 -> pending":                  {mode: apply, by: "ann", take: room.TakeSeat{Index: -1}, seats: "////", pending: 1},
		"apply: guest takes locked -> 100200":               {mode: apply, by: "ann", take: room.TakeSeat{Index: 2}, err: signaling.ErrSeatLocked},
		"apply: guest takes occupied -> 100210":             {mode: apply, before: []room.Command{cmd("1", "owner", room.TakeSeat{})}, by: "ann", err: signaling.ErrSeatOccupied},
		"apply: guest applies again -> -2312":               {mode: apply, before: []room.Command{cmd("1", "ann", room.TakeSeat{})}, by: "ann", take: room.TakeSeat{Index: 1}, err: signaling.ErrRequestRepeated},
		"apply: another's request id -> 100102":             {mode: apply, before: []room.Command{cmd("x", "bob", room.TakeSeat{})}, by: "ann", err: signaling.ErrRequestConflict},
		"apply: no id -> -1001":                             {mode: apply, by: "ann", id: "-", err: signaling.ErrInvalidParameter},
		"apply: id of 65 bytes -> -1001":                    {mode: apply, by: "ann", id: strings.Repeat("i", 65), err: signaling.ErrInvalidParameter},
		"seated takes another -> 100203":                    {mode: free, before: []room.Command{cmd("1", "ann", room.TakeSeat{})}, by: "ann", take: room.TakeSeat{Index: 1}, err: signaling.ErrAlreadyOnSeat},
		"index 4 of 4 -> -2344":                             {mode: free, by: "ann", take: room.TakeSeat{Index: 4}, err: signaling.ErrSeatNotExist},
		"index -2 -> -2344":                                 {mode: free, by: "ann", take: room.TakeSeat{Index: -2}, err: signaling.ErrSeatNotExist},
		"negative time-out -> -1001":                        {mode: apply, by: "ann", take: room.TakeSeat{Timeout: -1}, err: signaling.ErrInvalidParameter},
		"time-out above the limit -> -1001":                 {mode: apply, by: "ann", take: room.TakeSeat{Timeout: room.MaxTimeout + 1}, err: signaling.ErrInvalidParameter},
		"nobody takes -> 100002":                            {mode: free, by: "", err: signaling.ErrBadRequest},
		"two apply for one seat -> both pending":            {mode: apply, before: []room.Command{cmd("1", "ann", room.TakeSeat{})}, by: "bob", seats: "////", pending: 2},
		"apply with a request of one's own in another seat": {mode: apply, before: []room.Command{cmd("1", "bob", room.TakeSeat{Index: 1})}, by: "ann", take: room.TakeSeat{Index: 1}, seats: "////", pending: 2},
	} {
		t.Run(name, func(t *testing.T) {
			s := then(t, start(t, c.mode), c.before...)
			id := c.id
			switch id {
			case "":
				id = "x"
			case "-":
				id = ""
			}
			next, events, err := room.Apply(s, cmd(id, c.by, c.take), t0)
			if c.err != nil {
				require.ErrorIs(t, err, c.err)
				assert.Equal(t, s, next)
				assert.Empty(t, events)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, c.seats, seated(next))
			assert.Len(t, next.Requests, c.pending)
			if c.pending > 0 {
				last := events[len(events)-1]
				assert.Equal(t, []signaling.UserID{c.by, "owner", "admin"}, last.To, "the managers and the applicant hear of it")
				assert.IsType(t, signaling.RequestReceived{}, last.Event)
			}
		})
	}
}

func TestAdmin_promotedWithPendingApplication_sits_andTheApplicationEnds(t *testing.T) {
	s := then(t, start(t, signaling.ApplyToTake), cmd("1", "ann", room.TakeSeat{}))
	s.Admins = append(s.Admins, "ann")
	next, events, err := room.Apply(s, cmd("2", "ann", room.TakeSeat{Index: 1}), t0)
	require.NoError(t, err)
	assert.Equal(t, "/ann///", seated(next))
	assert.Equal(t, []string{"1 Cancelled by ann to [ann owner admin]"}, ended(events))
}

func TestRespondAndCancel(t *testing.T) {
	applied := cmd("1", "ann", room.TakeSeat{Index: 1})
	for name, c := range map[string]struct {
		before []room.Command
		lock   bool
		do     room.Command
		err    *signaling.Error
		seats  string
		ended  []string
	}{
		"owner accepts -> sits":                 {before: []room.Command{applied}, do: cmd("2", "owner", room.Respond{RequestID: "1", Agree: true}), seats: "/ann///", ended: []string{"1 Accepted by owner to [ann owner admin]"}},
		"admin accepts -> sits":                 {before: []room.Command{applied}, do: cmd("2", "admin", room.Respond{RequestID: "1", Agree: true}), seats: "/ann///", ended: []string{"1 Accepted by admin to [ann owner admin]"}},
		"accept of -1 -> seat chosen now":       {before: []room.Command{cmd("1", "ann", room.TakeSeat{Index: -1}), cmd("o", "owner", room.TakeSeat{})}, do: cmd("2", "owner", room.Respond{RequestID: "1", Agree: true}), seats: "owner/ann///", ended: []string{"1 Accepted by owner to [ann owner admin]"}},
		"owner rejects -> stays off":            {before: []room.Command{applied}, do: cmd("2", "owner", room.Respond{RequestID: "1"}), seats: "////", ended: []string{"1 Rejected by owner to [ann owner admin]"}},
		"answered twice -> -2311":               {before: []room.Command{applied, cmd("2", "owner", room.Respond{RequestID: "1"})}, do: cmd("3", "admin", room.Respond{RequestID: "1", Agree: true}), err: signaling.ErrRequestInvalid},
		"answer to nothing -> -2311":            {do: cmd("3", "admin", room.Respond{RequestID: "1", Agree: true}), err: signaling.ErrRequestInvalid},
		"guest answers -> -2310":                {before: []room.Command{applied}, do: cmd("2", "bob", room.Respond{RequestID: "1", Agree: true}), err: signaling.ErrRequestPermission},
		"applicant accepts own -> -2310":        {before: []room.Command{applied}, do: cmd("2", "ann", room.Respond{RequestID: "1", Agree: true}), err: signaling.ErrRequestPermission},
		"accept, seat taken meanwhile -> kept":  {before: []room.Command{applied, cmd("o", "owner", room.TakeSeat{Index: 1})}, do: cmd("2", "owner", room.Respond{RequestID: "1", Agree: true}), err: signaling.ErrSeatOccupied},
		"accept, seat locked meanwhile -> kept": {before: []room.Command{applied}, lock: true, do: cmd("2", "owner", room.Respond{RequestID: "1", Agree: true}), err: signaling.ErrSeatLocked},
		"applicant cancels -> ended":            {before: []room.Command{applied}, do: cmd("2", "ann", room.Cancel{RequestID: "1"}), seats: "////", ended: []string{"1 Cancelled by ann to [ann owner admin]"}},
		"owner cancels another's -> -2310":      {before: []room.Command{applied}, do: cmd("2", "owner", room.Cancel{RequestID: "1"}), err: signaling.ErrRequestPermission},
		"cancelled twice -> -2311":              {before: []room.Command{applied, cmd("2", "ann", room.Cancel{RequestID: "1"})}, do: cmd("3", "ann", room.Cancel{RequestID: "1"}), err: signaling.ErrRequestInvalid},
		"answer after cancel -> -2311":          {before: []room.Command{applied, cmd("2", "ann", room.Cancel{RequestID: "1"})}, do: cmd("3", "owner", room.Respond{RequestID: "1", Agree: true}), err: signaling.ErrRequestInvalid},
	} {
		t.Run(name, func(t *testing.T) {
			s := then(t, start(t, signaling.ApplyToTake), c.before...)
			s.Seats[1].Locked = c.lock
			next, events, err := room.Apply(s, c.do, t0)
			if c.err != nil {
				require.ErrorIs(t, err, c.err)
				assert.Equal(t, s, next, "a request that cannot be fulfilled now is kept")
				return
			}
			require.NoError(t, err)
			assert.Equal(t, c.seats, seated(next))
			assert.Equal(t, c.ended, ended(events))
			assert.Empty(t, next.Requests)
		})
	}
}

func TestInvitation_isAnsweredByTheInvited_whoeverMayManage(t *testing.T) {
	s := start(t, signaling.ApplyToTake)
	s.Requests = []signaling.Request{{RequestID: "1", Type: signaling.InviteToTakeSeat, From: user("owner"), To: "ann", Index: 1}}
	_, _, err := room.Apply(s, cmd("2", "admin", room.Respond{RequestID: "1", Agree: true}), t0)
	require.ErrorIs(t, err, signaling.ErrRequestPermission)
	next, events, err := room.Apply(s, cmd("2", "ann", room.Respond{RequestID: "1", Agree: true}), t0)
	require.NoError(t, err)
	assert.Equal(t, "/ann///", seated(next))
	assert.Equal(t, []string{"1 Accepted by ann to [owner ann]"}, ended(events))
}

func TestSetAudio(t *testing.T) {
	for name, c := range map[string]struct {
		before []room.Command
		on     bool
		err    *signaling.Error
		mic    signaling.MicStatus
		silent bool
	}{
		"off the seats -> 100206":           {on: true, err: signaling.ErrNotOnSeat},
		"seated, on -> heard":               {before: []room.Command{cmd("1", "ann", room.TakeSeat{})}, on: true, mic: signaling.MicOn},
		"on, on -> nothing happens":         {before: []room.Command{cmd("1", "ann", room.TakeSeat{}), cmd("2", "ann", room.SetAudio{On: true})}, on: true, mic: signaling.MicOn, silent: true},
		"on, off -> silent":                 {before: []room.Command{cmd("1", "ann", room.TakeSeat{}), cmd("2", "ann", room.SetAudio{On: true})}, mic: signaling.MicOff},
		"off, off -> nothing happens":       {before: []room.Command{cmd("1", "ann", room.TakeSeat{})}, mic: signaling.MicOff, silent: true},
		"audio lock, on -> -2360":           {before: []room.Command{cmd("1", "ann", room.TakeSeat{Index: 3})}, on: true, err: signaling.ErrSeatAudioLocked},
		"audio lock, off -> stays by admin": {before: []room.Command{cmd("1", "ann", room.TakeSeat{Index: 3})}, mic: signaling.MicOffByAdmin, silent: true},
	} {
		t.Run(name, func(t *testing.T) {
			s := then(t, start(t, signaling.FreeToTake), c.before...)
			next, events, err := room.Apply(s, cmd("x", "ann", room.SetAudio{On: c.on}), t0)
			if c.err != nil {
				require.ErrorIs(t, err, c.err)
				return
			}
			require.NoError(t, err)
			i, _ := next.SeatOf("ann")
			assert.Equal(t, c.mic, next.Seats[i].Mic)
			assert.Equal(t, c.mic == signaling.MicOn, len(next.Speakers()) == 1)
			if c.silent {
				assert.Empty(t, events)
				return
			}
			assert.Equal(t, []room.Event{{Event: signaling.AudioChanged{UserID: "ann", HasAudio: c.on, Reason: signaling.BySelf}}}, events)
		})
	}
}

func TestTakeSeat_ofASilencedSeat_startsMicOffByAdmin_andTheLocksStay(t *testing.T) {
	s := then(t, start(t, signaling.FreeToTake), cmd("1", "ann", room.TakeSeat{Index: 3}))
	assert.Equal(t, signaling.MicOffByAdmin, s.Seats[3].Mic)
	s = then(t, s, cmd("2", "ann", room.LeaveSeat{}))
	assert.Equal(t, signaling.SeatInfo{Index: 3, AudioLocked: true}, s.Seats[3])
}

func TestLeaveSeat(t *testing.T) {
	s := start(t, signaling.FreeToTake)
	_, _, err := room.Apply(s, cmd("1", "ann", room.LeaveSeat{}), t0)
	require.ErrorIs(t, err, signaling.ErrNotOnSeat)
	s = then(t, s, cmd("1", "ann", room.TakeSeat{}), cmd("2", "ann", room.SetAudio{On: true}))
	next, events, err := room.Apply(s, cmd("3", "ann", room.LeaveSeat{}), t0)
	require.NoError(t, err)
	assert.Equal(t, "////", seated(next))
	require.Len(t, events, 2, "who was heard stops being heard")
	assert.Equal(t, signaling.AudioChanged{UserID: "ann", Reason: signaling.BySelf}, events[0].Event)
	assert.Equal(t, signaling.SeatsChanged{Seats: []signaling.SeatInfo{{}}, Left: []signaling.UserInfo{{UserID: "ann", UserName: "name of ann", Role: signaling.GeneralUser}}}, events[1].Event)
}

func TestLeaveAndDepart(t *testing.T) {
	s := then(t, start(t, signaling.ApplyToTake), cmd("1", "ann", room.TakeSeat{}), cmd("2", "owner", room.TakeSeat{}))
	_, _, err := room.Apply(s, cmd("3", "owner", room.Leave{}), t0)
	require.ErrorIs(t, err, signaling.ErrOwnerCannotLeave)
	next, events, err := room.Apply(s, cmd("3", "ann", room.Leave{}), t0)
	require.NoError(t, err)
	assert.Equal(t, []string{"1 Cancelled by ann to [ann owner admin]"}, ended(events))
	assert.Empty(t, next.Requests)
	next, _, err = room.Apply(s, cmd("", "owner", room.Depart{}), t0)
	require.NoError(t, err)
	assert.Equal(t, "////", seated(next), "an owner who is gone frees the seat")
	assert.True(t, next.Exists(), "and keeps the room")
	assert.Len(t, next.Requests, 1)
	_, events, err = room.Apply(s, cmd("", "stranger", room.Depart{}), t0)
	require.NoError(t, err)
	assert.Empty(t, events)
	_, _, err = room.Apply(s, room.Command{Action: room.Depart{}}, t0)
	require.ErrorIs(t, err, signaling.ErrBadRequest, "a departure of nobody would take the applications with it")
}

func TestDismiss(t *testing.T) {
	s := then(t, start(t, signaling.ApplyToTake), cmd("1", "ann", room.TakeSeat{}), cmd("2", "bob", room.TakeSeat{Index: -1}))
	for _, by := range []signaling.UserID{"ann", "admin"} {
		_, _, err := room.Apply(s, cmd("3", by, room.Dismiss{}), t0)
		require.ErrorIs(t, err, signaling.ErrNeedOwner)
	}
	for name, c := range map[string]struct {
		by     signaling.UserInfo
		reason signaling.DismissedReason
		want   signaling.DismissedReason
	}{
		"by the owner":                    {by: user("owner"), want: signaling.DismissedByOwner},
		"by an owner who claims a server": {by: user("owner"), reason: signaling.DismissedByServer, want: signaling.DismissedByOwner},
		"by the server":                   {reason: signaling.DismissedByServer, want: signaling.DismissedByServer},
		"by the server without a reason":  {want: signaling.DismissedByServer},
		"by the server for the owner":     {reason: signaling.DismissedByOwner, want: signaling.DismissedByOwner},
	} {
		t.Run(name, func(t *testing.T) {
			next, events, err := room.Apply(s, room.Command{ID: "3", By: c.by, Action: room.Dismiss{Reason: c.reason}}, t0)
			require.NoError(t, err)
			assert.Len(t, ended(events), 2, "every request ends once")
			assert.Equal(t, room.Event{Event: signaling.RoomDismissed{Reason: c.want}}, events[len(events)-1], "the last event")
			assert.False(t, next.Exists())
			assert.Empty(t, next.Requests)
			_, due := next.NextDeadline()
			assert.False(t, due)
			for _, a := range []room.Action{room.TakeSeat{}, room.LeaveSeat{}, room.Respond{}, room.Cancel{}, room.SetAudio{}, room.Leave{}, room.Depart{}, room.Dismiss{}, room.Expire{}} {
				_, _, err := room.Apply(next, cmd("4", "owner", a), t0)
				require.ErrorIs(t, err, signaling.ErrRoomNotExist)
			}
			again, _, err := room.Apply(next, cmd("5", "bob", room.Create{Info: signaling.RoomInfo{RoomID: "r"}, SeatLimit: 5}), t0)
			require.NoError(t, err)
			assert.True(t, again.Exists())
			assert.Equal(t, signaling.UserID("bob"), again.Info.OwnerID)
			assert.Len(t, again.Seats, 5)
		})
	}
}

func TestExpire(t *testing.T) {
	s := then(t, start(t, signaling.ApplyToTake),
		cmd("1", "ann", room.TakeSeat{Timeout: time.Minute}), cmd("2", "bob", room.TakeSeat{Timeout: 2 * time.Minute}), cmd("3", "cid", room.TakeSeat{}))
	due, some := s.NextDeadline()
	require.True(t, some)
	assert.Equal(t, t0.Add(time.Minute), due)
	expire := room.Command{Action: room.Expire{}}
	_, events, err := room.Apply(s, expire, due.Add(-time.Millisecond))
	require.NoError(t, err)
	assert.Empty(t, events)
	s, events, err = room.Apply(s, expire, due)
	require.NoError(t, err)
	assert.Equal(t, []string{"1 Timeout by ann to [ann owner admin]"}, ended(events), "the documents name who had asked")
	_, events, err = room.Apply(s, expire, due)
	require.NoError(t, err)
	assert.Empty(t, events, "again: nothing")
	_, _, err = room.Apply(s, cmd("9", "owner", room.Respond{RequestID: "1", Agree: true}), due)
	require.ErrorIs(t, err, signaling.ErrRequestInvalid)
	s, _, err = room.Apply(s, expire, t0.Add(time.Hour))
	require.NoError(t, err)
	require.Len(t, s.Requests, 1, "0 means for ever")
	_, some = s.NextDeadline()
	assert.False(t, some)
}

func TestExpire_ofManyAtOnce_endsThemInPortions(t *testing.T) {
	s := start(t, signaling.ApplyToTake)
	for i := range 100 {
		s = then(t, s, cmd(fmt.Sprint(i), signaling.UserID(fmt.Sprint("u", i)), room.TakeSeat{Timeout: time.Second}))
	}
	now, seen := t0.Add(time.Minute), 0
	for {
		due, some := s.NextDeadline()
		if !some {
			break
		}
		require.False(t, now.Before(due))
		next, events, err := room.Apply(s, room.Command{Action: room.Expire{}}, now)
		require.NoError(t, err)
		require.NotEmpty(t, events)
		seen += len(ended(events))
		s = next
	}
	assert.Equal(t, 100, seen)
}

func TestCreate(t *testing.T) {
	info := func(f func(*signaling.RoomInfo)) signaling.RoomInfo {
		i := signaling.RoomInfo{RoomID: "r"}
		f(&i)
		return i
	}
	for name, c := range map[string]struct {
		info  signaling.RoomInfo
		limit int
		by    signaling.UserID
		err   *signaling.Error
		seats int
	}{
		"no id -> -2105":                 {info: info(func(i *signaling.RoomInfo) { i.RoomID = "" }), err: signaling.ErrInvalidRoomID},
		"id of 49 bytes -> -2105":        {info: info(func(i *signaling.RoomInfo) { i.RoomID = signaling.RoomID(strings.Repeat("r", 49)) }), err: signaling.ErrInvalidRoomID},
		"id of 48 bytes -> created":      {info: info(func(i *signaling.RoomInfo) { i.RoomID = signaling.RoomID(strings.Repeat("r", 48)) }), seats: 10},
		"id with an umlaut -> -2105":     {info: info(func(i *signaling.RoomInfo) { i.RoomID = "ä" }), err: signaling.ErrInvalidRoomID},
		"id with wildcards -> created":   {info: info(func(i *signaling.RoomInfo) { i.RoomID = "*.> ~" }), seats: 10},
		"name of 100 bytes -> created":   {info: info(func(i *signaling.RoomInfo) { i.Name = strings.Repeat("ä", 50) }), seats: 10},
		"name of 101 bytes -> -2107":     {info: info(func(i *signaling.RoomInfo) { i.Name = strings.Repeat("n", 101) }), err: signaling.ErrInvalidRoomName},
		"name with a newline -> -2107":   {info: info(func(i *signaling.RoomInfo) { i.Name = "a\nb" }), err: signaling.ErrInvalidRoomName},
		"name that is no UTF-8 -> -2107": {info: info(func(i *signaling.RoomInfo) { i.Name = "\xff" }), err: signaling.ErrInvalidRoomName},
		"seat mode 3 -> -1001":           {info: info(func(i *signaling.RoomInfo) { i.SeatMode = 3 }), err: signaling.ErrInvalidParameter},
		"no seats -> 10":                 {info: info(func(*signaling.RoomInfo) {}), seats: 10},
		"no seats, limit 6 -> 6":         {info: info(func(*signaling.RoomInfo) {}), limit: 6, seats: 6},
		"seats at the limit -> created":  {info: info(func(i *signaling.RoomInfo) { i.MaxSeatCount = 20 }), seats: 20},
		"seats above the limit -> -2340": {info: info(func(i *signaling.RoomInfo) { i.MaxSeatCount = 21 }), err: signaling.ErrTooManySeats},
		"-1 seats -> -2340":              {info: info(func(i *signaling.RoomInfo) { i.MaxSeatCount = -1 }), err: signaling.ErrTooManySeats},
		"51 seats, limit 99 -> -2340":    {info: info(func(i *signaling.RoomInfo) { i.MaxSeatCount = 51 }), limit: 99, err: signaling.ErrTooManySeats},
		"by nobody -> 100002":            {info: info(func(*signaling.RoomInfo) {}), by: "-", err: signaling.ErrBadRequest},
	} {
		t.Run(name, func(t *testing.T) {
			by := c.by
			switch by {
			case "":
				by = "ann"
			case "-":
				by = ""
			}
			limit := c.limit
			if limit == 0 {
				limit = 20
			}
			s, events, err := room.Apply(room.State{}, cmd("1", by, room.Create{Info: c.info, SeatLimit: limit}), t0)
			if c.err != nil {
				require.ErrorIs(t, err, c.err)
				assert.Zero(t, s)
				return
			}
			require.NoError(t, err)
			assert.True(t, s.Exists())
			assert.Len(t, s.Seats, c.seats)
			assert.Equal(t, c.seats, s.Info.MaxSeatCount)
			assert.Equal(t, signaling.ApplyToTake, s.Info.SeatMode)
			assert.Equal(t, t0.UnixMilli(), s.Info.CreateTime)
			assert.Equal(t, signaling.UserID("ann"), s.Info.OwnerID)
			assert.Equal(t, []room.Event{{Event: signaling.SeatsChanged{Seats: s.Seats}}}, events)
			for i, seat := range s.Seats {
				assert.Equal(t, signaling.SeatIndex(i), seat.Index)
			}
		})
	}
}

func TestCreate_ofARoomThatExists(t *testing.T) {
	s := start(t, signaling.FreeToTake)
	_, _, err := room.Apply(s, cmd("1", "owner", room.Create{Info: signaling.RoomInfo{RoomID: "r"}, SeatLimit: 20}), t0)
	require.ErrorIs(t, err, signaling.ErrRoomIDOwned)
	_, _, err = room.Apply(s, cmd("1", "ann", room.Create{Info: signaling.RoomInfo{RoomID: "r"}, SeatLimit: 20}), t0)
	require.ErrorIs(t, err, signaling.ErrRoomIDOccupied)
}

func TestCreate_fillsInWhatIsTheServers(t *testing.T) {
	s, _, err := room.Apply(room.State{}, cmd("1", "ann", room.Create{SeatLimit: 20, Info: signaling.RoomInfo{
		RoomID: "r", OwnerID: "eve", OwnerName: "eve", CreateTime: 1, MemberCount: 99,
	}}), t0)
	require.NoError(t, err)
	assert.Equal(t, signaling.RoomInfo{
		RoomID: "r", Name: "r", OwnerID: "ann", OwnerName: "name of ann", SeatMode: signaling.ApplyToTake, MaxSeatCount: 10, CreateTime: t0.UnixMilli(),
	}, s.Info)
}
