package tui

import (
	"errors"
	"slices"
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/seatgrid"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// sit gives the guest a seat.
func sit(m *model, i int, mic signaling.MicStatus) {
	m.silent = true // not to begin to speak
	m.Update(seatMsg{seat: seatgrid.SeatInfo{Index: seatgrid.SeatIndex(i), UserID: guest, UserName: "guest", Mic: mic}})
	m.Update(m.room)
	m.silent = false
}

func with(q ...seatgrid.Request) func(m *model) {
	return func(m *model) {
		room := m.room
		room.requests = q
		m.Update(room)
	}
}

func askingFor(a action) func(m *model) { return func(m *model) { m.asking = []action{a} } }

// Each key, in each situation in which it does something else. free is the room's seat mode.
var presses = []struct {
	name  string
	self  seatgrid.UserID
	given func(m *model)
	keys  []string
	want  []action // without what is told
}{
	{"accept", owner, nil, []string{"y"}, []action{{verb: answer, user: "u1", on: true}}},
	{"decline the next", owner, nil, []string{"r", "n"}, []action{{verb: answer, user: "u2"}}},
	{"the first again", owner, nil, []string{"r", "r", "y"}, []action{{verb: answer, user: "u1", on: true}}},
	{"accept an invitation", guest, with(seatgrid.Request{Type: seatgrid.InviteToTakeSeat, From: seatgrid.UserInfo{UserID: owner}, To: guest}), []string{"y"}, []action{{verb: answer, user: owner, on: true}}},
	{"others' requests are not a guest's to answer", guest, with(seatgrid.Request{Type: seatgrid.ApplyToTakeSeat, From: seatgrid.UserInfo{UserID: "u1"}}), []string{"y", "n", "r"}, nil},
	{"ask for a seat", guest, nil, []string{"6", "t"}, []action{{verb: takeSeat, seat: 5}}},
	{"by enter", guest, nil, []string{"6", "enter"}, []action{{verb: takeSeat, seat: 5}}},
	{"not for a taken one", guest, nil, []string{"2", "t"}, nil},
	{"not for a locked one", guest, nil, []string{"4", "t"}, nil},
	{"not twice", guest, askingFor(action{verb: takeSeat, seat: 5}), []string{"7", "t"}, nil},
	{"managers take locked ones", owner, func(m *model) { m.Update(seatMsg{seat: seatgrid.SeatInfo{Index: 0}}) }, []string{"4", "t"}, []action{{verb: takeSeat, seat: 3}}},
	{"move", owner, nil, []string{"7", "t"}, []action{{verb: moveSeat, seat: 6}}},
	{"mute", owner, nil, []string{"m"}, []action{{verb: muteMic}}},
	{"speak", guest, func(m *model) { sit(m, 5, engine.MicOff) }, []string{"m"}, []action{{verb: openMic}}},
	{"nothing to speak with", guest, func(m *model) { sit(m, 5, engine.MicOff); m.silent = true }, []string{"m"}, nil},
	{"no seat to speak from", guest, nil, []string{"m", "s"}, nil},
	{"leave the seat", guest, func(m *model) { sit(m, 5, engine.MicOn) }, []string{"s"}, []action{{verb: leaveSeat}}},
	{"withdraw", guest, askingFor(action{verb: takeSeat, seat: 5}), []string{"c"}, []action{{verb: withdraw}}},
	{"withdraw an invitation", owner, askingFor(action{verb: invite, seat: 5, user: "u1"}), []string{"c"}, []action{{verb: withdraw, user: "u1"}}},
	{"nothing to withdraw", guest, nil, []string{"c"}, nil},
	{"invite the second", owner, nil, []string{"6", "i", "down", "down", "enter"}, []action{{verb: invite, seat: 5, user: "u2"}}},
	{"invite the first", owner, nil, []string{"6", "i", "down", "up", "up", "i"}, []action{{verb: invite, seat: 5, user: "u1"}}},
	{"invite nobody", owner, nil, []string{"6", "i", "esc", "enter"}, []action{{verb: moveSeat, seat: 5}}}, // enter is the room's again
	{"guests invite nobody", guest, nil, []string{"6", "i", "enter"}, []action{{verb: takeSeat, seat: 5}}},
	{"take off", owner, nil, []string{"2", "k"}, []action{{verb: takeOff, user: "bob"}}},
	{"not oneself", owner, nil, []string{"1", "k", "x"}, nil},
	{"guests take nobody off", guest, nil, []string{"2", "k", "x", "l", "a", "f"}, nil},
	{"take out", owner, nil, []string{"2", "x", "y"}, []action{{verb: takeOut, user: "bob"}}},
	{"take out, or not", owner, nil, []string{"2", "x", "n", "x", "esc"}, nil},
	{"lock", owner, nil, []string{"6", "l"}, []action{{verb: lockSeat, seat: 5, on: true}}},
	{"unlock", owner, nil, []string{"4", "l"}, []action{{verb: lockSeat, seat: 3}}},
	{"silence", owner, nil, []string{"2", "a"}, []action{{verb: lockAudio, seat: 1, on: true}}},
	{"let speak", owner, nil, []string{"3", "a"}, []action{{verb: lockAudio, seat: 2}}},
	{"seats for all", owner, nil, []string{"f"}, []action{{verb: seatMode, on: true}}},
	{"end the room", owner, nil, []string{"q", "y"}, []action{{verb: endRoom}}},
	{"stay", owner, nil, []string{"q", "esc"}, nil},
	{"write nothing yet", guest, nil, []string{"w"}, nil},
	{"give", guest, nil, []string{"2", "g", "g"}, []action{{verb: sendGift, user: "bob", text: "rose"}}},
	{"leave", guest, nil, []string{"q"}, []action{{verb: leaveRoom}}},
	{"ask no room", owner, nil, []string{"o", "esc", "o", "enter"}, nil},
	{"guests ask no room", guest, linked, []string{"o", "d", "b"}, nil},
	{"disconnect", owner, linked, []string{"d", "y"}, []action{{verb: disconnect}}},
	{"stay connected", owner, linked, []string{"d", "n", "d", "esc"}, nil},
	{"nobody to disconnect from", owner, nil, []string{"d", "b"}, nil},
	{"withdraw the request for a connection", owner, func(m *model) {
		m.room.asks = []engine.ConnectionRequest{{Inviter: engine.ConnectionUser{RoomID: "talk"}, Invitee: engine.ConnectionUser{RoomID: "bobs"}}}
	}, []string{"d"}, []action{{verb: cancelConnection}}},
	{"accept a connection", owner, asksUs, []string{"y"}, []action{{verb: acceptConnection, text: "bobs"}}},
	{"reject a connection", owner, asksUs, []string{"n"}, []action{{verb: rejectConnection, text: "bobs"}}},
	{"accept a PK", owner, duel("bobs"), []string{"y"}, []action{{verb: acceptBattle, text: "id"}}},
	{"reject a PK", owner, duel("bobs"), []string{"n"}, []action{{verb: rejectBattle, text: "id"}}},
	{"not twice", owner, func(m *model) { duel("bobs")(m); m.room.duels[0].Accepted = []seatgrid.RoomID{"talk"} }, []string{"y", "n", "b"}, nil},
	{"withdraw a PK", owner, duel("talk"), []string{"b"}, []action{{verb: cancelBattle, text: "id"}}},
	{"leave the PK", owner, fighting, []string{"b", "y"}, []action{{verb: exitBattle, text: "id"}}},
	{"only shown seats are selected", owner, linked, []string{"6", "right", "9", "l"}, []action{{verb: lockSeat, seat: 5, on: true}}},
	{"unknown keys", guest, nil, []string{"0", "z", "é", "f5", "esc", " "}, nil},
}

func TestKeys(t *testing.T) {
	for _, c := range presses {
		t.Run(c.name, func(t *testing.T) {
			m, d := hall(t, c.self)
			if c.given != nil {
				c.given(m)
			}
			press(m, c.keys...)
			for i := range d.did {
				d.did[i].tell, d.did[i].waits = "", false
			}
			require.Equal(t, c.want, d.did)
		})
	}
}

// The table above has every key that does something to the room, and what is hinted at is what the key does.
func TestEveryKeyIsTested(t *testing.T) {
	tried := map[string]bool{}
	for _, c := range presses {
		for _, k := range c.keys {
			tried[k] = true
		}
	}
	names := map[string]bool{}
	for _, k := range keys {
		require.NotEmpty(t, k.help)
		for _, p := range k.press {
			require.False(t, names[p], "the key %s does two things", p)
			names[p] = true
			if k.do != nil && !slices.Contains([]string{"v", "?", "h"}, p) {
				assert.True(t, tried[p], "the key %s is not tested", p)
			}
		}
	}
}

func TestSelecting(t *testing.T) {
	m, _ := hall(t, guest)
	for _, step := range []struct {
		key  string
		want int
	}{
		{"right", 1}, {"tab", 2}, {"left", 1}, {"shift+tab", 0}, {"left", 0}, {"up", 0}, {"down", 5}, {"down", 5}, {"right", 6}, {"up", 1}, {"9", 8},
		{"right", 9}, {"right", 9}, {"up", 4},
	} {
		press(m, step.key)
		require.Equal(t, step.want, m.chosen, step.key)
	}
	press(m, "1", "v") // seat 1 alone, the others in threes
	press(m, "down")
	require.Equal(t, 2, m.chosen, "the one in the middle below")
	press(m, "down", "right", "up", "up")
	require.Equal(t, 0, m.chosen)
	press(m, "v", "down", "down")
	require.Equal(t, 2, m.chosen, "one below another")
	press(m, "v")
	require.Equal(t, seatgrid.LayoutGrid, m.layout)
}

func TestHelpAndLogAreRead(t *testing.T) {
	m, _ := hall(t, guest)
	m.Update(tea.WindowSizeMsg{Width: 40, Height: 12})
	var read strings.Builder
	press(m, "?")
	for range 10 {
		if m.page == roomPage {
			break
		}
		read.WriteString(picture(m))
		press(m, "z")
	}
	require.Equal(t, roomPage, m.page)
	for _, k := range keys {
		require.Contains(t, read.String(), "\n "+k.name+" ")
	}
	press(m, "?", "esc")
	require.Equal(t, roomPage, m.page)

	for range 2 * maxLog {
		m.say("old")
	}
	require.Len(t, m.log, maxLog)
	m.say("new")
	require.Contains(t, picture(m), "new")
	press(m, "pgup")
	require.NotContains(t, picture(m), "new")
	m.say("newer")
	require.NotContains(t, picture(m), "newer", "who reads is not interrupted")
	press(m, "pgdown", "pgdown", "pgdown")
	require.Contains(t, picture(m), "newer")
	for range maxLog {
		press(m, "pgup")
	}
	require.Contains(t, picture(m), "old", "the beginning is the end")
}

func TestFailuresAreSaidInPlainWords(t *testing.T) {
	m, d := hall(t, guest)
	d.err = signaling.WithOp("TakeSeat", engine.ErrSeatOccupied)
	press(m, "6", "t")
	require.Equal(t, "That did not work: somebody sits on this seat (code 100210).", m.log[len(m.log)-1].text)
	m, d = hall(t, owner)
	d.err = engine.ErrDisconnected
	press(m, "6", "i")
	require.Contains(t, m.log[len(m.log)-1].text, "connection")
	d.err, d.people = nil, nil
	press(m, "i")
	require.Contains(t, m.log[len(m.log)-1].text, "Nobody")
}

// Every code has words, and none speaks of Go.
func TestEveryCodeHasPlainWords(t *testing.T) {
	for _, code := range signaling.Codes() {
		text := Problem(&signaling.Error{Code: code, Op: "Verb"})
		for _, not := range []string{"engine.", "Config", "Verb", "grid", "unknown"} {
			assert.NotContains(t, text, not, "code %d", code)
		}
		assert.Greater(t, len(text), 20, "code %d", code)
	}
	assert.Equal(t, "no route", Problem(errors.New("no route")))
	assert.Contains(t, Problem(signaling.Errorf(engine.ErrInvalidParameter.Code, "the name is too long")), "the name is too long")
}

// Who sits down is heard, once, and a change of seats opens no muted microphone.
func TestMicrophoneOpensWithTheSeat(t *testing.T) {
	m, d := hall(t, guest)
	at := func(i int, mic signaling.MicStatus) {
		for k := range m.seats {
			seat := m.seats[k]
			if seat.UserID == guest {
				seat.UserID = ""
				m.Update(seatMsg{seat: seat})
			}
		}
		if i >= 0 {
			m.Update(seatMsg{seat: seatgrid.SeatInfo{Index: seatgrid.SeatIndex(i), UserID: guest, Mic: mic}})
		}
		_, cmd := m.Update(m.room)
		run(m, cmd)
	}
	at(5, engine.MicOff)
	require.Equal(t, []action{{verb: openMic}}, d.did)
	at(5, engine.MicOn)
	at(5, engine.MicOff) // muted
	at(7, engine.MicOff) // moved
	at(3, engine.MicOff)
	require.Len(t, d.did, 1)
	at(-1, 0)
	m.muted = true
	at(5, engine.MicOff)
	require.Len(t, d.did, 1, "asked for a closed one")
	at(-1, 0)
	m.muted, m.want = false, 8
	_, cmd := m.Update(m.room)
	run(m, cmd)
	require.Equal(t, action{verb: takeSeat, seat: 7, tell: "You have asked for seat 8; the host answers.", waits: true}, d.did[1])
}

func TestEndings(t *testing.T) {
	for name, c := range map[string]struct {
		self seatgrid.UserID
		msg  any
		want Outcome
	}{
		"the host ends it":   {guest, endMsg{dismissed(engine.DismissedByOwner)}, Outcome{Text: "The host has ended the room."}},
		"one is the host":    {owner, endMsg{dismissed(engine.DismissedByOwner)}, Outcome{Text: "You have ended the room."}},
		"the server ends it": {guest, endMsg{dismissed(engine.DismissedByServer)}, Outcome{"The server has ended the room.", true}},
		"taken out":          {guest, endMsg{kickedOut(engine.KickedByAdmin, "")}, Outcome{"The host or an administrator has taken you out of the room.", true}},
		"ended and done":     {owner, doneMsg{action: action{verb: endRoom}}, Outcome{Text: "You have ended the room."}},
		"left":               {guest, doneMsg{action: action{verb: leaveRoom}, err: engine.ErrDisconnected}, Outcome{Text: "You have left the room."}},
		"told to end":        {owner, quitMsg{}, Outcome{Text: "The room talk stays open; join it again to go on as its host."}},
		"ctrl+c":             {guest, tea.KeyPressMsg{Code: 'c', Mod: tea.ModCtrl}, Outcome{Text: "You have left the room."}},
	} {
		t.Run(name, func(t *testing.T) {
			m, _ := hall(t, c.self)
			_, cmd := m.Update(c.msg)
			require.NotNil(t, cmd)
			require.IsType(t, tea.QuitMsg{}, cmd())
			require.Equal(t, c.want, *m.outcome)
		})
	}
	for reason := engine.KickedByAdmin; reason <= engine.KickedForTooManyRooms+1; reason++ {
		o := kickedOut(reason, "why")
		require.True(t, o.Failed)
		require.NotEmpty(t, o.Text)
	}
	m, _ := hall(t, owner)
	press(m, "q", "n")
	require.Contains(t, m.outcome.Text, "stays open")
}
