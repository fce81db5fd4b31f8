package tui

import (
	"fmt"
	"strings"

	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"

	"github.com/openvoiceroom/openvoiceroom/seatgrid"
)

// View draws the screen.
func (m *model) View() tea.View {
	v := tea.NewView(strings.Join(m.screen(), "\n"))
	v.AltScreen = true
	v.WindowTitle = clean(m.title())
	return v
}

// screen returns as many lines as there are, each as wide as the screen: title, seats, what waits for an answer, the log
// or the page that lies over it, and what can be done.
func (m *model) screen() []string {
	p := m.parts()
	lines := append([]string{reverse.Render(fit(" "+m.headline(), m.width))}, p.battle...)
	lines = append(lines, p.seats...)
	lines = append(lines, p.requests...)
	lines = append(lines, p.gifts...)
	lines = append(lines, p.body...)
	lines = append(lines, p.hints...)
	return lines[:min(len(lines), max(m.height, 0))]
}

// parts is how the screen is divided. What is most important has its lines first: hints, requests, seats, log.
type parts struct{ battle, seats, requests, gifts, body, hints []string }

const minLog = 3 // lines that the log has if there is any room

func (m *model) parts() parts {
	var p parts
	left := max(m.height-1, 0)
	p.hints = m.hintLines(min(left, 3))
	left -= len(p.hints)
	p.battle = m.battleLine()
	p.battle = p.battle[:min(len(p.battle), left)]
	left -= len(p.battle)
	p.requests = m.requestLines(min(left, 3))
	left -= len(p.requests)
	p.gifts = m.giftLines(min(left, giftRows))
	left -= len(p.gifts)
	if m.page != helpPage { // help needs the room
		p.seats = m.seatLines(max(left-minLog, min(left, 1)))
		left -= len(p.seats)
	}
	p.body = m.bodyLines(left)
	return p
}

// logLines is how many lines the log has.
func (m *model) logLines() int {
	q := *m
	q.page = roomPage
	used := 1 + len(q.battleLine()) + len(q.requestLines(3)) + len(q.giftLines(giftRows)) + 2
	used += len(q.seatLines(max(m.height-used-minLog, 1)))
	return max(m.height-used-1, 1)
}

func (m *model) title() string {
	if m.room.info.Name != "" {
		return m.room.info.Name
	}
	return string(m.room.info.RoomID)
}

func (m *model) headline() string {
	info := m.room.info
	parts := []string{clean(m.title())}
	if info.Name != "" && info.Name != string(info.RoomID) {
		parts[0] += " (" + string(info.RoomID) + ")"
	}
	if m.away {
		parts = append([]string{"RECONNECTING"}, parts...)
	}
	if info.OwnerID != "" {
		parts = append(parts, "host "+called(info.OwnerName, info.OwnerID))
	}
	switch info.MemberCount {
	case 0:
	case 1:
		parts = append(parts, "1 person")
	default:
		parts = append(parts, fmt.Sprintf("%d people", info.MemberCount))
	}
	if info.SeatMode == seatgrid.ApplyToTake {
		parts = append(parts, "seats on request")
	} else if info.SeatMode == seatgrid.FreeToTake {
		parts = append(parts, "free seats")
	}
	if m.room.self.UserID != "" {
		parts = append(parts, "you are "+person(m.room.self))
	}
	return strings.Join(parts, " | ")
}

// requestLines shows what waits for an answer by this user, and what this user waits for.
func (m *model) requestLines(limit int) []string {
	var lines []string
	if list := m.answerable(); len(list) > 0 {
		more := ""
		if len(list) > 1 {
			more = fmt.Sprintf(" [%d of %d]", m.turn+1, len(list))
		}
		how := ""
		if m.width >= 60 { // else the hints say it
			how = " y accepts, n declines."
		}
		lines = append(lines, warning.Bold(true).Render(fit(" ?"+more+" "+list[m.turn].text+how, m.width)))
	}
	for _, a := range m.asking {
		text := " ... you wait for an answer about " + seatName(a.seat)
		if a.verb == invite {
			text = " ... you wait for " + clean(string(a.user))
		}
		lines = append(lines, fit(text+"; c withdraws.", m.width))
	}
	for _, line := range m.connectionLines() {
		lines = append(lines, fit(line, m.width))
	}
	return lines[:min(len(lines), limit)]
}

func (m *model) bodyLines(limit int) []string {
	var lines []string
	switch m.page {
	case helpPage:
		lines = m.helpLines()[min(m.helped, len(m.helpLines())-1):]
		if len(lines) > limit && limit > 0 {
			lines = append(lines[:limit-1:limit-1], bold.Render(" Any key shows more, Esc goes back."))
		}
	case invitePage:
		lines = m.chooserLines(limit)
	case questionPage:
		lines = []string{"", " " + m.sure.text, " y yes, n no, Esc go back"}
	case giftPage:
		lines = m.shopLines(limit)
	case writePage:
		return m.writeLines(limit, " > ", m.draft)
	case promptPage:
		return m.writeLines(limit, m.prompt.text, m.answer)
	default:
		return m.tail(limit)
	}
	out := make([]string, limit)
	for i := range out {
		line := ""
		if i < len(lines) {
			line = lines[i]
		}
		out[i] = fit(line, m.width)
	}
	return out
}

// tail is the end of the log, or what has been scrolled to, with long lines wrapped.
func (m *model) tail(limit int) []string {
	var lines []string
	end := max(len(m.log)-m.scroll, 0)
	for i := end - 1; i >= 0 && len(lines) < limit; i-- {
		entry := m.log[i]
		text := ansi.Wrap(entry.text, max(m.width-10, 10), "")
		var wrapped []string
		for k, part := range strings.Split(text, "\n") {
			stamp := strings.Repeat(" ", 8)
			if k == 0 {
				stamp = entry.at.In(m.zone).Format("15:04:05")
			}
			wrapped = append(wrapped, fit(faint.Render(stamp)+"  "+part, m.width))
		}
		lines = append(wrapped, lines...)
	}
	lines = lines[max(len(lines)-limit, 0):]
	for len(lines) < limit {
		lines = append([]string{fit("", m.width)}, lines...)
	}
	return lines
}

func (m *model) helpLines() []string {
	lines := []string{bold.Render(" Keys")}
	add := func(name, help string) {
		const indent = 11
		for i, part := range strings.Split(ansi.Wrap(help, max(m.width-indent-1, 10), ""), "\n") {
			if i > 0 {
				name = ""
			}
			lines = append(lines, fmt.Sprintf(" %-9s %s", name, part))
		}
	}
	for _, k := range keys {
		add(k.name, k.help)
	}
	return append(lines, " Any key goes back.")
}

// helpRoom is how many lines of the help are shown at once.
func (m *model) helpRoom() int {
	room := m.height - 1 - len(m.battleLine()) - len(m.requestLines(3)) - len(m.giftLines(giftRows))
	if len(m.helpLines()) > room {
		room-- // for the line that says that there is more
	}
	return max(room, 1)
}

func (m *model) chooserLines(limit int) []string {
	lines := []string{bold.Render(fmt.Sprintf(" Invite whom to %s? Enter invites, Esc goes back.", seatName(m.list.seat)))}
	shown := max(limit-1, 1)
	first := min(max(m.list.at-shown/2, 0), max(len(m.list.users)-shown, 0))
	for i := first; i < min(first+shown, len(m.list.users)); i++ {
		u := m.list.users[i]
		line := "   " + person(u)
		if u.UserName != "" && u.UserName != string(u.UserID) {
			line += " (" + clean(string(u.UserID)) + ")"
		}
		if i == m.list.at {
			line = reverse.Render(fit(" > "+line[3:], m.width))
		}
		lines = append(lines, line)
	}
	return lines
}

// hintLines are the keys that do something now.
func (m *model) hintLines(limit int) []string {
	if limit > 0 && (m.page == writePage || m.page == promptPage) {
		return []string{faint.Render(fit(" Enter sends | Esc goes back", m.width))}
	}
	if limit <= 0 || m.page != roomPage {
		return nil
	}
	var lines []string
	line := ""
	for _, k := range keys {
		label := k.label(m)
		if label == "" || k.name == "PgUp/PgDn" && m.width < 60 {
			continue
		}
		hint := k.name + " " + label
		if line != "" && lipgloss.Width(line)+3+lipgloss.Width(hint) > m.width {
			lines = append(lines, line)
			line = ""
		}
		if line != "" {
			line += " | "
		} else {
			line = " "
		}
		line += hint
	}
	lines = append(lines, line)
	if len(lines) > limit { // help and the way out are always there
		lines = lines[:limit]
		last := " ? help | q leave"
		lines[limit-1] = fit(lines[limit-1], max(m.width-len(last)-2, 0)) + " |" + last
	}
	for i := range lines {
		lines[i] = faint.Render(fit(lines[i], m.width))
	}
	return lines
}
