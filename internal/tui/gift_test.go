package tui

import (
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/seatgrid"
	"github.com/openvoiceroom/openvoiceroom/signaling"
	"github.com/openvoiceroom/openvoiceroom/voiceroom"
	"github.com/openvoiceroom/openvoiceroom/voiceroom/voiceroomtest"
)

// gift is what somebody is told of the n-th gift of a combo.
func gift(from, to seatgrid.UserID, combo uint64, n int64) engine.GiftReceived {
	return engine.GiftReceived{
		Sender: seatgrid.UserInfo{UserID: from}, Receiver: seatgrid.UserInfo{UserID: to, UserName: "王小明"}, Count: 1,
		Gift: engine.GiftInfo{GiftID: "rose", Name: "Rose", ExtensionInfo: map[string]string{"emoji": "🌹"}}, ComboID: combo + 1, ComboCount: n,
	}
}

// Gifts of a combo are one line, which grows; when it is over, it is in the log.
func TestGiftsAreShown(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m, _ := hall(t, owner)
		var cmd tea.Cmd
		for n := range int64(12) {
			if _, c := m.Update(giftMsg{time.Now(), gift("bob", owner, 1, n+1)}); c != nil {
				require.Nil(t, cmd, "one tick at a time")
				cmd = c
			}
		}
		m.Update(giftMsg{time.Now(), gift(owner, "bob", 2, 1)})
		m.Update(giftMsg{time.Now(), gift("eve", "bob", 3, 1)})
		screen := picture(m)
		require.Contains(t, screen, " * bob gives you Rose 🌹 x12\n * You give 王小明 Rose 🌹\n")
		require.NotContains(t, screen, "eve gives", "there are two rows")
		before := len(m.log)
		for cmd != nil { // as the program runs it
			_, cmd = m.Update(cmd())
		}
		var log []string
		for _, l := range m.log[before:] {
			log = append(log, l.text)
		}
		require.Equal(t, []string{"bob gives you Rose 🌹 x12", "You give 王小明 Rose 🌹", "eve gives 王小明 Rose 🌹"}, log)
		require.NotContains(t, picture(m), " * ")
	})
}

// Whoever sits on the selected seat is given what is chosen, as often as Enter is pressed; else the host.
func TestGiving(t *testing.T) {
	m, d := hall(t, guest)
	press(m, "2", "g")
	require.Equal(t, giftPage, m.page)
	require.Contains(t, picture(m), "Esc goes back. To: Bob with")
	press(m, "enter", "enter", "down", "down", "enter", "esc")
	press(m, "6", "g", "enter", "q")
	require.Equal(t, []action{
		{verb: sendGift, user: "bob", text: "rose"}, {verb: sendGift, user: "bob", text: "rose"}, {verb: sendGift, user: "bob", text: "crown"},
		{verb: sendGift, text: "crown"},
	}, d.did, "what was chosen last is at hand")
	require.Equal(t, roomPage, m.page)

	d.err = signaling.ErrGiftRejected
	press(m, "g")
	require.Equal(t, roomPage, m.page, "there is no list")
	d.err = nil
	press(m, "g")
	d.err = signaling.ErrGiftRejected
	press(m, "enter")
	require.Equal(t, roomPage, m.page, "the log says what is wrong")
	require.Contains(t, picture(m), "code 102004")

	room := m.room
	room.info.GiftDisabled = true
	m.Update(room)
	require.NotContains(t, picture(m), "g give")
}

// Two people at terminals, of whom one only prints, and gifts between them and the host.
func TestGiftsBetweenPeople(t *testing.T) {
	bubble(t, func(t *testing.T) {
		srv := voiceroomtest.NewServer(t)
		host := srv.NewUser(t, "host")
		own, err := voiceroom.CreateRoom(t.Context(), host.Engine, room, voiceroom.CreateRoomParams{})
		require.NoError(t, err)
		cfg := configOf(t, srv, guest)
		cfg.Language = "zh-CN"
		p := open(t, cfg)
		p.hit("1", "g")
		p.shows("To: host")
		p.shows("玫瑰 🌹, 1 coin")
		p.hit("enter", "enter")
		p.hit("esc")
		p.shows(" * You give host 玫瑰 🌹 x2")
		require.NoError(t, own.Room().Gifts().SendGift(t.Context(), "crown", 3, &engine.SendGiftOptions{Receiver: guest}))
		p.shows("host gives you 皇冠 👑 x3")
		time.Sleep(2 * engine.GiftLineTime)
		p.settle()
		require.NotContains(t, picture(p.m), " * ")
		p.shows("You give host 玫瑰 🌹 x2")
		require.NoError(t, own.Close())
		p.settle()
	})
}
