package tui

import (
	"context"
	"strings"
	"unicode/utf8"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/seatgrid"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// received shows a line of the chat. Messages of apps' own are for apps.
func (b *bridge) received(_ seatgrid.RoomID, l engine.Barrage) {
	if l.Type != engine.BarrageText {
		return
	}
	// A line feed would look like a line of somebody else's.
	b.say("%s: %s", person(l.Sender), clean(strings.ReplaceAll(l.Text, "\n", " / ")))
}

// recall shows what was said before this user came.
func (s *Session) recall(room *engine.Room) {
	room.Later(func(ctx context.Context) {
		ctx, cancel := context.WithTimeout(ctx, verbWait)
		defer cancel()
		if _, err := room.Chat().FetchBarrageHistory(ctx); err != nil && ctx.Err() == nil {
			s.news.Say("What was said before is not known: " + Problem(err) + ".")
		}
	})
}

// write opens the line to write in.
func (m *model) write() tea.Cmd {
	m.page, m.scroll = writePage, 0
	return nil
}

// typed is a key while somebody writes.
func (m *model) typed(msg tea.KeyPressMsg) tea.Cmd {
	switch press := msg.String(); press {
	case "ctrl+c":
		return m.pressed(press)
	case "esc":
		m.page = roomPage // what was written waits for the next time
	case "enter":
		text := strings.TrimSpace(m.draft)
		m.page, m.draft = roomPage, ""
		if text != "" {
			return m.act(action{verb: sendText, text: text})
		}
	default:
		m.draft = edit(m.draft, press, msg.Text, signaling.MaxBarrageText)
	}
	return nil
}

// insert adds what fits into a message.
func (m *model) insert(text string) { m.draft = edit(m.draft, "", text, signaling.MaxBarrageText) }

// edit returns what a key makes of a line of so many bytes at most.
func edit(line, press, text string, limit int) string {
	switch press {
	case "backspace":
		_, n := utf8.DecodeLastRuneInString(line)
		return line[:len(line)-n]
	case "ctrl+u":
		return ""
	}
	for _, r := range clean(strings.ReplaceAll(text, "\n", " ")) {
		if len(line)+utf8.RuneLen(r) > limit {
			break
		}
		line += string(r)
	}
	return line
}

// writeLines are the end of the log with the line that is written below it.
func (m *model) writeLines(limit int, prompt, text string) []string {
	if limit <= 0 {
		return nil
	}
	prompt = ansi.Truncate(prompt, max(m.width-16, m.width/2, 3), "~ ")
	shown := text + "_"
	if over := ansi.StringWidth(shown) - (m.width - ansi.StringWidth(prompt)); over > 0 {
		shown = ansi.TruncateLeft(shown, over, "")
	}
	return append(m.tail(limit-1), bold.Render(fit(prompt+shown, m.width)))
}
