package webhook

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/internal/home"
	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

var update = flag.Bool("update", false, "write the golden files anew; compare them with the documents then")

// eventTime is the documents' example of one.
const eventTime = 1703589922780

var (
	user = room.Origin{IP: "192.0.2.7", Platform: signaling.PlatformIOS}
	rest = room.Origin{Operator: "admin", IP: "198.51.100.9", Platform: signaling.PlatformRESTAPI}
)

// ruled is a room by the rules themselves, one entry a command.
type ruled struct {
	t     *testing.T
	state room.State
}

func (r *ruled) do(by signaling.UserID, from room.Origin, a room.Action) home.Entry {
	r.t.Helper()
	cmd := room.Command{ID: "1", By: signaling.UserInfo{UserID: by, UserName: strings.ToUpper(string(by))}, App: from.Operator != "", Action: a, Origin: from}
	at := int64(eventTime)
	if r.state.Exists() {
		at += 1000
	}
	next, events, err := room.Apply(r.state, cmd, time.UnixMilli(at))
	require.NoError(r.t, err)
	for i := range events {
		events[i].Cause = cmd.Cause()
	}
	r.state = next
	return home.Entry{Version: 7, At: at, Events: events, State: next}
}

func presence(events ...room.Event) home.Entry {
	return home.Entry{Version: 7, At: eventTime, Members: 2, Events: events, State: room.State{Info: signaling.RoomInfo{RoomID: "room_id"}}}
}

func users(ids ...signaling.UserID) (list []signaling.UserInfo) {
	for _, id := range ids {
		list = append(list, signaling.UserInfo{UserID: id, UserName: strings.ToUpper(string(id))})
	}
	return list
}

func created(t *testing.T) *ruled {
	r := &ruled{t: t}
	r.do("user3", rest, room.Create{SeatLimit: 16, Info: signaling.RoomInfo{
		RoomID: "tandy-test-rest", Name: "tandy test", SeatMode: signaling.ApplyToTake, MaxSeatCount: 3, MaxMemberCount: 300,
	}})
	return r
}

// Every callback as it is sent: the URL, and the body.
func TestGolden(t *testing.T) {
	s := service(t)
	require.NoError(t, s.Set(t.Context(), app, "https://www.example.com", commands))
	name := "Neu"
	for file, entry := range map[string]func() home.Entry{
		"create_rest": func() home.Entry {
			r := &ruled{t: t}
			return r.do("user3", rest, room.Create{SeatLimit: 16, Info: signaling.RoomInfo{
				RoomID: "tandy-test-rest", Name: "tandy test", SeatMode: signaling.ApplyToTake, MaxSeatCount: 16, MaxMemberCount: 300,
			}})
		},
		"create_client": func() home.Entry {
			r := &ruled{t: t}
			return r.do("user3", user, room.Create{SeatLimit: 16, Info: signaling.RoomInfo{RoomID: "r 1", SeatMode: signaling.FreeToTake, MaxSeatCount: 1}})
		},
		"create_without_seats": func() home.Entry {
			r := &ruled{t: t}
			return r.do("user3", rest, room.Create{SeatLimit: 16, NoSeats: true, Info: signaling.RoomInfo{RoomID: "r"}})
		},
		"destroy_rest": func() home.Entry { return created(t).do("admin", rest, room.Dismiss{}) },
		"destroy_unlimited": func() home.Entry {
			r := &ruled{t: t}
			r.do("user3", rest, room.Create{SeatLimit: 16, Unlimited: true, Info: signaling.RoomInfo{RoomID: "r", CoverURL: "cover url", BackgroundURL: "background url"}})
			return r.do("admin", rest, room.Dismiss{})
		},
		"destroy_client": func() home.Entry { return created(t).do("user3", user, room.Dismiss{}) },
		"destroy_system": func() home.Entry { return created(t).do("", room.Origin{}, room.Dismiss{}) },
		"update_all": func() home.Entry {
			r := created(t)
			url, categories, status, hidden, custom, mode := "https://example.org/a.png", []int{1, 2, 3}, -1, true, "custom123", signaling.FreeToTake
			return r.do("admin", rest, room.Update{
				Name: &name, CoverURL: &url, Categories: &categories, ActivityStatus: &status, Hidden: &hidden, CustomInfo: &custom,
				MessageDisabled: &hidden, SeatMode: &mode,
			})
		},
		"set_metadata": func() home.Entry {
			return created(t).do("admin", rest, room.SetMetadata{Metadata: map[string]string{"key2": "value2", "key1": "<1>"}})
		},
		"del_metadata": func() home.Entry {
			r := created(t)
			r.do("admin", rest, room.SetMetadata{Metadata: map[string]string{"key2": "value2", "key1": "value1", "key3": ""}})
			return r.do("user3", user, room.DeleteMetadata{Keys: []string{"key1", "key2", "none"}})
		},
		"battle_start": func() home.Entry {
			return presence(step(room.BattleCreated, battle(), 0), step(room.BattleStarts, battle(), 0))
		},
		"battle_end": func() home.Entry {
			b := battle()
			b.Inviter.Score, b.InviteeList[0].Score = 7, -1
			return presence(step(room.BattleEnds, b, 0))
		},
		"battle_asked": func() home.Entry {
			b := battle()
			b.NeedResponse, b.StartTime, b.EndTime = true, 0, 0
			created := step(room.BattleCreated, b, 30_000)
			created.Cause = &room.Cause{By: "brennan", IP: "127.0.0.1", Platform: signaling.PlatformMac}
			b.EndTime = 1739954035123
			return presence(created, step(room.BattleEnds, b, 30_000))
		},
		"update": func() home.Entry { return created(t).do("user3", user, room.Update{Name: &name}) },
		"enter": func() home.Entry {
			return presence(room.Event{Event: signaling.UsersEntered{Users: users("jared", "tommy"), Count: 2}})
		},
		"leave": func() home.Entry {
			return presence(room.Event{Event: signaling.UsersLeft{Users: users("jared", "tommy")}})
		},
		"interrupt": func() home.Entry {
			return presence(room.Event{Heartbeat: &room.Heartbeat{Users: []signaling.UserID{"jared"}}})
		},
		"recover": func() home.Entry {
			return presence(room.Event{Heartbeat: &room.Heartbeat{Users: []signaling.UserID{"jared"}, Recovered: true}})
		},
		"seat_taken": func() home.Entry { return created(t).do("user3", user, room.TakeSeat{Index: 1}) },
		"seat_locked": func() home.Entry {
			return created(t).do("admin", rest, room.LockSeat{Index: 2, Lock: signaling.SeatLock{Seat: true, Video: true, Audio: true}})
		},
		"several_at_once": func() home.Entry {
			r := created(t)
			first := r.do("user3", user, room.TakeSeat{Index: 1})
			second := r.do("user3", user, room.MoveSeat{Index: 0})
			in := room.Event{Event: signaling.UsersEntered{Users: users("ann"), Count: 1}}
			second.Events = slices.Concat([]room.Event{in}, first.Events, second.Events)
			return second
		},
	} {
		t.Run(file, func(t *testing.T) {
			var got bytes.Buffer
			key := store.Key{App: app, Room: "tandy-test-rest"}
			e := entry()
			if id := e.State.Info.RoomID; id != "" {
				key.Room = id
			}
			var list []callback
			require.NoError(t, json.Unmarshal(s.Record(key, 5, e), &list))
			for _, c := range list {
				fmt.Fprintln(&got, urlFor(app, s.settings(app), c, time.Time{}))
				require.NoError(t, json.Indent(&got, c.Body, "", "  "))
				got.WriteString("\n")
			}
			path := filepath.Join("testdata", file+".txt")
			if *update {
				require.NoError(t, os.WriteFile(path, got.Bytes(), 0o644))
			}
			want, err := os.ReadFile(path)
			require.NoError(t, err)
			assert.Equal(t, string(want), got.String())
			assert.Equal(t, s.Record(key, 5, e), s.Record(key, 5, e), "the same when asked again")
		})
	}
}

// battle is the documents' example of one.
func battle() signaling.BattleInfo {
	return signaling.BattleInfo{
		BattleID: "4siHsNsWN/T3aub9zKraqPbSEGRX2z6gs3LDFi+d/3M=", DurationMS: 60000, ExtensionInfo: "extension pk",
		Inviter:     signaling.BattleUser{RoomID: "room_id", UserID: "brennan"},
		InviteeList: []signaling.BattleUser{{RoomID: "pk-5", UserID: "tandy"}},
		StartTime:   1739954005123, EndTime: 1739954065123,
	}
}

// step is what a room's rules say for the app's server.
func step(s room.BattleStep, b signaling.BattleInfo, timeout int64) room.Event {
	return room.Event{Battle: &room.BattleReport{Step: s, Battle: b, Reason: signaling.BattleOtherExit, Created: 1739954005123, Timeout: timeout}}
}

// An app hears of a battle by what the rules of one room say for it; what all rooms' members see is not told again.
func TestRecord_ofABattle_isOfTheRoomThatTells(t *testing.T) {
	s := service(t)
	require.NoError(t, s.Set(t.Context(), app, "https://www.example.com", commands))
	e := presence(room.Event{Event: signaling.BattleStarted{Battle: battle()}}, room.Event{Event: signaling.BattleEnded{Battle: battle()}})
	assert.Nil(t, s.Record(store.Key{App: app, Room: "pk-5"}, 1, e))
}

// What is nobody's business is not told, nor what nobody has asked for.
func TestRecord_ofWhatIsNotTold(t *testing.T) {
	s := service(t)
	r := created(t)
	key := store.Key{App: app, Room: "tandy-test-rest"}
	assert.Nil(t, s.Record(key, 1, r.do("user3", user, room.TakeSeat{Index: 0})), "no callback is set")
	require.NoError(t, s.Set(t.Context(), app, "https://www.example.com", commands))
	for name, a := range map[string]room.Action{
		"a microphone":   room.SetAudio{On: true},
		"another name":   room.SetInfo{UserName: "Denny", AvatarURL: "https://example.org/a.png"},
		"administrators": room.ModifyAdmins{Users: []signaling.UserID{"amy"}, Add: true},
	} {
		before := *r
		assert.Nil(t, s.Record(key, 2, r.do("user3", user, a)), name)
		*r = before
	}
	takenOver := home.Entry{Version: 9, At: r.state.Info.CreateTime, State: r.state}
	assert.Nil(t, s.Record(key, 3, takenOver))
	require.NoError(t, s.Update(t.Context(), app, "https://www.example.com", []string{memberChanged}))
	assert.Nil(t, s.Record(key, 4, r.do("user3", user, room.LeaveSeat{})), "not this one")
	assert.Nil(t, s.Record(store.Key{App: otherApp, Room: "r"}, 4, presence(room.Event{Event: signaling.UsersEntered{Users: users("ann")}})), "not this app")
}

// Those who do the same share a callback, and nobody's own order changes.
func TestRecord_collectsMembers(t *testing.T) {
	s := service(t)
	require.NoError(t, s.Set(t.Context(), app, "https://www.example.com", commands))
	in := func(ids ...signaling.UserID) room.Event {
		return room.Event{Event: signaling.UsersEntered{Users: users(ids...)}}
	}
	out := func(ids ...signaling.UserID) room.Event {
		return room.Event{Event: signaling.UsersLeft{Users: users(ids...)}}
	}
	forApp := func(e room.Event) room.Event { e.For = room.ForApp; return e }
	digest := func(e room.Event) room.Event { e.For = room.ForMembers; return e }
	for name, c := range map[string]struct {
		events []room.Event
		want   string
	}{
		"others":    {[]room.Event{in("a"), out("b"), in("c"), out("d")}, "Enter a c, Leave b d"},
		"the same":  {[]room.Event{in("a"), out("a"), in("a"), out("a")}, "Enter a, Leave a, Enter a, Leave a"},
		"both":      {[]room.Event{in("a"), out("b"), in("b", "c"), in("d"), out("a")}, "Enter a, Leave b a, Enter b c d"},
		"a crowd":   {[]room.Event{forApp(in("a")), forApp(in("b", "c")), digest(in("c"))}, "Enter a b c"},
		"a barrier": {[]room.Event{in("a"), {Event: signaling.RoomUpdated{}}, in("b")}, "Enter a, , Enter b"},
	} {
		var list []callback
		require.NoError(t, json.Unmarshal(s.Record(store.Key{App: app, Room: "r"}, 1, presence(c.events...)), &list))
		var got []string
		for _, c := range list {
			var b memberBody
			require.NoError(t, json.Unmarshal(c.Body, &b))
			var text strings.Builder
			text.WriteString(b.EventCause)
			for _, m := range b.MemberList {
				text.WriteString(" " + string(m.Member))
			}
			got = append(got, text.String())
		}
		assert.Equal(t, c.want, strings.Join(got, ", "), name)
	}
}

// An entry full of people who come and go leaves no callbacks that the outbox could not take.
func TestRecord_fits(t *testing.T) {
	s := service(t)
	require.NoError(t, s.Set(t.Context(), app, "https://www.example.com", commands))
	e := presence()
	for size := 0; size < store.MaxPayload; { // more than an entry may have
		id := signaling.UserID(fmt.Sprintf("%031d", size))
		e.Events = append(e.Events, room.Event{Event: signaling.UsersEntered{Users: users(id)}}, room.Event{Event: signaling.UsersLeft{Users: users("x" + id)}})
		for _, ev := range e.Events[len(e.Events)-2:] {
			b, err := json.Marshal(ev)
			require.NoError(t, err)
			size += len(b)
		}
	}
	told, err := json.Marshal(home.Told{Rev: 1, Data: s.Record(store.Key{App: app, Room: "r"}, 1, e)})
	require.NoError(t, err)
	assert.Less(t, len(told), store.MaxPayload)
}
