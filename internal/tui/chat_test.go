package tui

import (
	"strings"
	"testing"

	tea "charm.land/bubbletea/v2"
	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/signaling"
	"github.com/openvoiceroom/openvoiceroom/voiceroom"
	"github.com/openvoiceroom/openvoiceroom/voiceroom/voiceroomtest"
)

// types presses the keys of a text, and then a key that has none.
func types(m *model, text string, last rune) tea.Cmd {
	for _, r := range text {
		m.Update(tea.KeyPressMsg{Code: r, Text: string(r)})
	}
	_, cmd := m.Update(tea.KeyPressMsg{Code: last})
	return cmd
}

func TestWriting(t *testing.T) {
	m, d := hall(t, guest)
	press(m, "w")
	run(m, types(m, "q leaves nobodx", tea.KeyBackspace))
	run(m, types(m, "y 👋🏽", tea.KeyEsc))
	require.Equal(t, roomPage, m.page)
	require.Empty(t, d.did)
	press(m, "w")
	m.Update(tea.PasteMsg{Content: "\nand\x1b[2J"})
	require.Contains(t, picture(m), "> q leaves nobody 👋🏽 and[2J_")
	run(m, types(m, "", tea.KeyEnter))
	require.Equal(t, []action{{verb: sendText, text: "q leaves nobody 👋🏽 and[2J"}}, d.did)
	press(m, "w")
	require.Contains(t, picture(m), "> _", "it is sent")
	run(m, types(m, "  ", tea.KeyEnter))
	require.Len(t, d.did, 1, "nothing is no message")

	press(m, "w")
	m.Update(tea.PasteMsg{Content: strings.Repeat("ä", 2000)})
	require.Len(t, m.draft, signaling.MaxBarrageText)
	run(m, types(m, "x", tea.KeyBackspace))
	require.Len(t, m.draft, signaling.MaxBarrageText-2)
	m.Update(tea.KeyPressMsg{Code: 'u', Mod: tea.ModCtrl})
	require.Empty(t, m.draft)
	m.Update(tea.KeyPressMsg{Code: 'c', Mod: tea.ModCtrl})
	require.NotNil(t, m.outcome)
}

// Two people write to each other, one of them at a terminal, who came later.
func TestChat(t *testing.T) {
	bubble(t, func(t *testing.T) {
		srv := voiceroomtest.NewServer(t)
		host := srv.NewUser(t, "host")
		own, err := voiceroom.CreateRoom(t.Context(), host.Engine, room, voiceroom.CreateRoomParams{})
		require.NoError(t, err)
		_, err = own.Chat.SendBarrage(t.Context(), "who is there?", nil)
		require.NoError(t, err)
		p := open(t, configOf(t, srv, guest))
		p.shows("host: who is there?")
		p.hit("w")
		p.start(types(p.m, "me", tea.KeyEnter))
		p.shows("Guest: me")
		require.Equal(t, "me", own.Chat.Barrages()[1].Text)
		_, err = own.Chat.SendBarrage(t.Context(), "two\nlines \u202eback", nil)
		require.NoError(t, err)
		_, err = own.Chat.SendCustomBarrage(t.Context(), "app", "not for people", nil)
		require.NoError(t, err)
		p.shows("host: two / lines back")
		require.NotContains(t, picture(p.m), "not for people")

		require.NoError(t, own.Room().Call(t.Context(), signaling.MethodUpdateRoom, signaling.UpdateRoomParams{RoomID: room, MessageDisabled: new(true)}, nil))
		p.hit("w")
		p.start(types(p.m, "no", tea.KeyEnter))
		p.shows("only the host and the administrators may write")
		p.shows("-2380")
		require.Equal(t, engine.BarrageCustom, own.Chat.Barrages()[len(own.Chat.Barrages())-1].Type)
		require.NoError(t, own.Close())
		p.settle()
	})
}
