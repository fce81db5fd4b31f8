package tui

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/seatgrid"
)

// giftRows is how many combos of gifts are shown at once, above the log.
const giftRows = 2

type (
	// giftMsg is a gift that somebody has been given.
	giftMsg struct {
		at   time.Time
		gift engine.GiftReceived
	}
	// giftTickMsg says that gifts may have been shown for long enough.
	giftTickMsg struct{}
	// giftsMsg is what can be given.
	giftsMsg struct {
		list []engine.GiftInfo
		err  error
	}
)

// shop is the list of what can be given to somebody.
type shop struct {
	to    seatgrid.UserInfo // without an id: the host
	gifts []engine.GiftInfo
	at    int
}

func (b *bridge) given(_ seatgrid.RoomID, g engine.GiftReceived) { b.news.add(giftMsg{time.Now(), g}) }

// gifts returns what can be given, each once.
func (s *Session) gifts(ctx context.Context) (list []engine.GiftInfo, err error) {
	ctx, cancel := context.WithTimeout(ctx, verbWait)
	defer cancel()
	categories, err := s.eng.FetchGiftList(ctx, s.cfg.Language)
	if errors.Is(err, engine.ErrInvalidParameter) { // what the system calls its language is none
		categories, err = s.eng.FetchGiftList(ctx, "")
	}
	seen := map[string]bool{}
	for _, c := range categories {
		for _, g := range c.GiftList {
			if !seen[g.GiftID] {
				seen[g.GiftID] = true
				list = append(list, g)
			}
		}
	}
	return list, err
}

// gift takes a gift. On a screen it is shown above the log while more of it may come, and is then a line of the log.
func (m *model) gift(msg giftMsg) tea.Cmd {
	if m.plain {
		m.add(saidMsg{msg.at, m.giftWords(msg.gift.Sender, msg.gift.Receiver, msg.gift.Gift, int64(msg.gift.Count))})
		return nil
	}
	m.strip.Add(msg.gift, msg.at)
	return m.giftTick(msg.at)
}

// giftTick waits until something about the gifts changes by itself.
func (m *model) giftTick(now time.Time) tea.Cmd {
	next := m.strip.Next()
	if m.ticking || next.IsZero() {
		return nil
	}
	m.ticking = true
	return func() tea.Msg {
		select {
		case <-time.After(next.Sub(now)):
			return giftTickMsg{}
		case <-m.ctx.Done():
			return nil
		}
	}
}

func (m *model) giftsOver(now time.Time) tea.Cmd {
	m.ticking = false
	for _, l := range m.strip.Advance(now) {
		m.add(saidMsg{now, m.giftWords(l.Sender, l.Receiver, l.Gift, l.Count)})
	}
	return m.giftTick(now)
}

// giftWords says who gives what to whom.
func (m *model) giftWords(from, to seatgrid.UserInfo, g engine.GiftInfo, count int64) string {
	who, gives, whom := person(from), "gives", person(to)
	if from.UserID == m.room.self.UserID {
		who, gives = "You", "give"
	}
	if to.UserID == m.room.self.UserID {
		whom = "you"
	}
	for _, known := range m.shop.gifts { // what is told of has the app's language
		if known.GiftID == g.GiftID {
			g.Name = known.Name
		}
	}
	words := fmt.Sprintf("%s %s %s %s", who, gives, whom, giftName(g))
	if count != 1 {
		words += fmt.Sprintf(" x%d", count)
	}
	return words
}

func giftName(g engine.GiftInfo) string {
	return strings.TrimSpace(clean(g.Name) + " " + clean(g.ExtensionInfo["emoji"]))
}

func (m *model) giftLines(limit int) (lines []string) {
	for _, l := range m.strip.Lines() {
		lines = append(lines, bold.Render(fit(" * "+m.giftWords(l.Sender, l.Receiver, l.Gift, l.Count), m.width)))
	}
	return lines[:min(len(lines), max(limit, 0))]
}

// give opens the list of gifts, for whoever sits on the selected seat, else for the host.
func (m *model) give() tea.Cmd {
	return func() tea.Msg {
		list, err := m.backend.gifts(m.ctx)
		return giftsMsg{list, err}
	}
}

func (m *model) canGive() string {
	if m.room.info.GiftDisabled {
		return ""
	}
	return "give"
}

func (m *model) offer(msg giftsMsg) {
	switch {
	case msg.err != nil:
		m.say("That did not work: " + Problem(msg.err) + ".")
	case len(msg.list) == 0:
		m.say("There is nothing that could be given.")
	default:
		m.page, m.shop.gifts = giftPage, msg.list
		m.shop.at = min(m.shop.at, len(msg.list)-1) // what was given last is at hand
		m.shop.to = seatgrid.UserInfo{}
		if seat, ok := m.here(); ok && seat.UserID != m.room.self.UserID {
			m.shop.to = seatgrid.UserInfo{UserID: seat.UserID, UserName: seat.UserName}
		}
	}
}

// shopKey is a key while the list of gifts is open. It stays so: a combo is the same key again.
func (m *model) shopKey(press string) tea.Cmd {
	s := &m.shop
	switch press {
	case "up":
		s.at = max(s.at-1, 0)
	case "down":
		s.at = min(s.at+1, len(s.gifts)-1)
	case "enter", "g":
		return m.act(action{verb: sendGift, user: s.to.UserID, text: s.gifts[s.at].GiftID})
	case "esc", "q":
		m.page = roomPage
	}
	return nil
}

func (m *model) shopLines(limit int) []string {
	whom := "the host"
	if m.shop.to.UserID != "" {
		whom = person(m.shop.to)
	}
	lines := []string{bold.Render(fmt.Sprintf(" Enter gives one, Esc goes back. To: %s", whom))}
	shown := max(limit-1, 1)
	first := min(max(m.shop.at-shown/2, 0), max(len(m.shop.gifts)-shown, 0))
	for i := first; i < min(first+shown, len(m.shop.gifts)); i++ {
		g := m.shop.gifts[i]
		coins := "coins"
		if g.Coins == 1 {
			coins = "coin"
		}
		line := fmt.Sprintf("   %s, %d %s", giftName(g), g.Coins, coins)
		if i == m.shop.at {
			line = reverse.Render(fit(" > "+line[3:], m.width))
		}
		lines = append(lines, line)
	}
	return lines
}
