package tui

import (
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/seatgrid"
	"github.com/openvoiceroom/openvoiceroom/voiceroom/voiceroomtest"
)

// linked connects the room with bobs, in which two speak and one is muted.
func linked(m *model) {
	for i := range 6 {
		seat := seatgrid.SeatInfo{Index: seatgrid.SeatIndex(i)}
		switch i {
		case 0:
			seat.UserID, seat.UserName, seat.Mic = "bobby", "Bobby", engine.MicOn
		case 2:
			seat.UserID, seat.UserName, seat.Mic = "dave", "Dave", engine.MicOff
		case 3:
			seat.Locked = true
		}
		m.Update(seatMsg{"bobs", seat})
	}
	room := m.room
	room.rooms = []engine.ConnectionUser{{RoomID: "bobs", UserID: "bobby", UserName: "Bobby"}}
	room.requests = nil
	m.Update(room)
	m.Update(volumeMsg{"bobs", 0, 80})
}

// third adds a room, which is not heard, and of which three seats are there.
func third(m *model) {
	for i := range 3 {
		m.Update(seatMsg{"cleos", seatgrid.SeatInfo{Index: seatgrid.SeatIndex(i)}})
	}
	room := m.room
	room.rooms = append(room.rooms, engine.ConnectionUser{RoomID: "cleos", UserID: "cleo"})
	room.muted = []seatgrid.RoomID{"cleos"}
	m.Update(room)
}

func asksUs(m *model) {
	room := m.room
	room.requests = nil
	room.asks = []engine.ConnectionRequest{{
		Inviter: engine.ConnectionUser{RoomID: "bobs", UserID: "bobby", UserName: "Bobby"}, Invitee: engine.ConnectionUser{RoomID: "talk"},
	}}
	m.Update(room)
}

// fight is a battle of this room with bobs, by whom it was asked for.
func fight(inviter seatgrid.RoomID) engine.BattleInfo {
	users := []engine.BattleUser{{RoomID: "talk", UserID: owner, Score: 120}, {RoomID: "bobs", UserID: "bobby", UserName: "Bobby", Score: 80}}
	if inviter == "bobs" {
		users[0], users[1] = users[1], users[0]
	}
	return engine.BattleInfo{BattleID: "id", DurationMS: 300_000, Inviter: users[0], InviteeList: users[1:]}
}

func duel(inviter seatgrid.RoomID) func(*model) {
	return func(m *model) {
		linked(m)
		room := m.room
		room.duels = []engine.BattleRequest{{Battle: fight(inviter)}}
		m.Update(room)
	}
}

func fighting(m *model) {
	linked(m)
	room := m.room
	b := fight("talk")
	b.StartTime, b.EndTime = noon.UnixMilli(), noon.Add(300*time.Second).UnixMilli()
	room.battle = &b
	m.Update(room)
	m.Update(battleTickMsg(noon.Add(67 * time.Second)))
}

// Who is on a later seat of this room, and what a battle's end was.
func TestWhatIsNotShownIsSaid(t *testing.T) {
	m, _ := hall(t, guest)
	linked(m)
	require.NotContains(t, picture(m), "later seats")
	m.Update(seatMsg{seat: seatgrid.SeatInfo{Index: 8, UserID: "late", Mic: engine.MicOn}})
	require.Contains(t, picture(m), "talk (this room), 1 more on later")
	b := fight("talk")
	require.Equal(t, "room talk wins", verdict(b))
	b.Inviter.Left = true
	require.Equal(t, "room bobs wins", verdict(b))
	require.Equal(t, "talk 120 (out) : bobs 80", scores(b))
	b.Inviter.Left, b.InviteeList[0].Score = false, 120
	require.Equal(t, "It is a draw", verdict(b))
}

// Answers to questions are short lines, as messages are.
func TestPrompts(t *testing.T) {
	m, d := hall(t, owner)
	fresh := func(keys ...string) {
		press(m, keys...)
	}
	write := func(text string) {
		run(m, m.prompted(tea.KeyPressMsg{Text: text, Code: tea.KeyExtended}))
	}
	fresh("o")
	write("bo\x1bbs")
	require.Contains(t, picture(m), "Ask which room for a connection? Its id: bobs_")
	run(m, m.prompted(tea.KeyPressMsg{Code: tea.KeyEnter}))
	require.Equal(t, action{verb: requestConnection, text: "bobs"}, d.did[0])
	linked(m)
	fresh("b")
	require.Contains(t, picture(m), "A PK for how many seconds? 300_")
	run(m, m.prompted(tea.KeyPressMsg{Code: tea.KeyEnter}))
	require.Equal(t, 300*time.Second, d.did[1].long)
	for _, bad := range []string{"0", "86401", "soon", "-3"} {
		fresh("b")
		run(m, m.prompted(tea.KeyPressMsg{Code: 'u', Mod: tea.ModCtrl}))
		write(bad)
		run(m, m.prompted(tea.KeyPressMsg{Code: tea.KeyEnter}))
		require.Contains(t, m.log[len(m.log)-1].text, "1 to 86400 seconds")
	}
	require.Len(t, d.did, 2)
}

func TestHostConnectsRooms(t *testing.T) {
	bubble(t, func(t *testing.T) {
		srv := voiceroomtest.Config{Nodes: 2}.NewServer(t)
		cfg := configOf(t, srv, owner)
		cfg.Create = true
		p := open(t, cfg)
		bob := srv.NewUserOn(t, 1, "bob")
		bob.Start(t, "bobs")
		theirs := bob.Room().Connections()
		request := func(id string) {
			p.hit("o")
			p.m.answer = id
			p.start(p.m.prompted(tea.KeyPressMsg{Code: tea.KeyEnter}))
			p.settle()
		}
		request("nowhere")
		p.shows("room nowhere cannot be asked: there is no such room.")
		request("bobs")
		p.shows("room bobs has been asked for a connection; d withdraws.")
		p.hit("d")
		require.NotContains(t, picture(p.m), "has been asked for a connection")
		request("bobs")
		require.NoError(t, theirs.RejectConnection(t.Context(), room))
		p.shows("bob of room bobs does not want a connection.")

		codes, err := theirs.RequestConnection(t.Context(), []engine.RoomID{room}, 10*time.Second, "")
		require.NoError(t, err)
		require.Equal(t, engine.ConnectionSuccess, codes[room])
		p.shows("? bob of room bobs asks for a connection. y accepts, n declines.")
		p.hit("n")
		_, err = theirs.RequestConnection(t.Context(), []engine.RoomID{room}, 10*time.Second, "")
		require.NoError(t, err)
		p.settle()
		p.hit("y")
		p.shows("This room and room bobs hear each other now.")
		p.shows("talk (this room)")
		p.shows("bobs, host bob")
		time.Sleep(2 * time.Second)
		p.settle()
		require.Greater(t, p.m.others["bobs"].volumes[0], engine.Speaking, "who speaks there is seen here")
		require.Len(t, p.m.others["bobs"].seats, 6)

		require.NoError(t, p.grid.Room().Connections().MuteConnection(t.Context(), "bobs", true))
		p.shows("bobs, host bob, not heard")
		p.hit("d", "y")
		p.shows("This room and room bobs do not hear each other any more.")
		require.Empty(t, p.m.others)
		require.Len(t, p.m.seats, 10)
	})
}

// A battle of the host's, from the question to the punishment's end, and one that the other host asks for.
func TestHostBattles(t *testing.T) {
	bubble(t, func(t *testing.T) {
		srv := voiceroomtest.Config{Nodes: 2}.NewServer(t)
		cfg := configOf(t, srv, owner)
		cfg.Create = true
		p := open(t, cfg)
		bob := srv.NewUserOn(t, 1, "bob")
		bob.Start(t, "bobs")
		_, err := bob.Room().Connections().RequestConnection(t.Context(), []engine.RoomID{room}, 10*time.Second, "")
		require.NoError(t, err)
		p.settle()
		p.hit("y")
		theirs := bob.Room().Battles()
		request := func(seconds string) string {
			p.hit("b")
			p.m.answer = seconds
			p.start(p.m.prompted(tea.KeyPressMsg{Code: tea.KeyEnter}))
			p.shows("a PK has been asked for; b withdraws.")
			require.Len(t, theirs.Requests(), 1)
			return theirs.Requests()[0].Battle.BattleID
		}
		request("60")
		p.hit("b")
		require.NotContains(t, picture(p.m), "a PK has been asked for")
		require.NoError(t, theirs.RejectBattle(t.Context(), request("60")))
		p.shows("bob of room bobs does not want a PK.")
		require.NoError(t, theirs.AcceptBattle(t.Context(), request("60")))
		p.shows("A PK has begun: talk against bobs, for 1m0s.")
		p.shows("talk 0 : bobs 0")
		first, _, _ := strings.Cut(strings.SplitN(picture(p.m), " PK ", 2)[1], " ")
		time.Sleep(5 * time.Second)
		p.settle()
		second, _, _ := strings.Cut(strings.SplitN(picture(p.m), " PK ", 2)[1], " ")
		require.Less(t, second, first, "it is counted down")
		time.Sleep(time.Minute)
		p.shows("The PK is over: talk 0 : bobs 0. It is a draw.")
		require.NotContains(t, picture(p.m), " PK 0:")

		_, _, err = theirs.RequestBattle(t.Context(), []engine.RoomID{room}, engine.BattleConfig{Duration: 30 * time.Second, NeedResponse: true}, 10*time.Second)
		require.NoError(t, err)
		p.shows("? bob of room bobs asks for a PK of 30s. y accepts, n declines.")
		p.hit("n")
		id, _, err := theirs.RequestBattle(t.Context(), []engine.RoomID{room}, engine.BattleConfig{Duration: 30 * time.Second, NeedResponse: true}, 10*time.Second)
		require.NoError(t, err)
		p.settle()
		p.hit("y")
		b, fighting := theirs.Current()
		require.True(t, fighting)
		require.Equal(t, id, b.BattleID)
		p.hit("b", "y")
		p.shows("The PK has ended early: bobs 0 : talk 0")
	})
}
