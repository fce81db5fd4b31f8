package tui

import (
	"fmt"
	"slices"

	tea "charm.land/bubbletea/v2"

	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/seatgrid"
)

// key is one thing that can be done in the room.
type key struct {
	press []string // what the terminal calls the key
	name  string   // what people call it
	help  string   // what it does, for the page of help
	// label is what it would do now; empty when it is not possible now.
	label func(m *model) string
	do    func(m *model) tea.Cmd
}

// keys are all of them, in the order in which they are hinted at.
var keys = []key{
	{[]string{"y"}, "y", "accept the request or invitation that is shown", waiting("accept"), reply(true)},
	{[]string{"n"}, "n", "decline it", waiting("decline"), reply(false)},
	{[]string{"r"}, "r", "show the next request", func(m *model) string {
		if len(m.answerable()) > 1 {
			return "next request"
		}
		return ""
	}, func(m *model) tea.Cmd { m.turn = (m.turn + 1) % len(m.answerable()); return nil }},
	{[]string{"t", "enter"}, "t", "take the selected seat, ask for it, or move to it", (*model).canTake, (*model).take},
	{[]string{"m"}, "m", "open or mute your microphone", (*model).canTalk, (*model).talk},
	{[]string{"s"}, "s", "leave your seat and stay in the room", func(m *model) string {
		if m.mySeat() == nil {
			return ""
		}
		return "leave seat"
	}, func(m *model) tea.Cmd { return m.act(action{verb: leaveSeat}) }},
	{[]string{"c"}, "c", "withdraw what you have asked for", func(m *model) string {
		if len(m.asking) == 0 {
			return ""
		}
		return "withdraw"
	}, func(m *model) tea.Cmd {
		return m.act(action{verb: withdraw, user: m.asking[0].user})
	}},
	{[]string{"i"}, "i", "invite somebody to the selected seat", func(m *model) string {
		if seat, ok := m.here(); !ok || !m.manages() || seat.UserID != "" {
			return ""
		}
		return "invite"
	}, func(m *model) tea.Cmd { return m.listMembers() }},
	{[]string{"k"}, "k", "take whoever sits there off the seat", onOther("take off"), func(m *model) tea.Cmd {
		seat, _ := m.here()
		return m.act(action{verb: takeOff, user: seat.UserID})
	}},
	{[]string{"x"}, "x", "take whoever sits there out of the room", onOther("take out"), (*model).askTakeOut},
	{[]string{"l"}, "l", "lock or unlock the selected seat", locks(func(s seatgrid.SeatInfo) bool { return s.Locked }, "lock", "unlock"),
		func(m *model) tea.Cmd {
			seat, _ := m.here()
			return m.act(action{verb: lockSeat, seat: seat.Index, on: !seat.Locked})
		}},
	{[]string{"a"}, "a", "silence the selected seat, or lift that", locks(func(s seatgrid.SeatInfo) bool { return s.AudioLocked }, "silence", "let speak"),
		func(m *model) tea.Cmd {
			seat, _ := m.here()
			return m.act(action{verb: lockAudio, seat: seat.Index, on: !seat.AudioLocked})
		}},
	{[]string{"f"}, "f", "let everybody take seats, or decide who does", func(m *model) string {
		switch {
		case !m.manages():
			return ""
		case m.room.info.SeatMode == seatgrid.FreeToTake:
			return "seats on request"
		}
		return "seats for all"
	}, func(m *model) tea.Cmd {
		return m.act(action{verb: seatMode, on: m.room.info.SeatMode != seatgrid.FreeToTake})
	}},
	{[]string{"left", "right", "up", "down", "tab", "shift+tab"}, "arrows", "select a seat; 1 to 9 do so by its number", func(m *model) string {
		if m.shown() < 2 {
			return ""
		}
		return "select"
	}, nil}, // see pressed
	{[]string{"w"}, "w", "write to everybody in the room", always("write"), (*model).write},
	{[]string{"g"}, "g", "give something to whoever sits there, or to the host", (*model).canGive, func(m *model) tea.Cmd { return m.give() }},
	{[]string{"o"}, "o", "ask another room for a connection, so that both hear each other", func(m *model) string {
		if !m.owns() {
			return ""
		}
		return "ask room"
	}, (*model).askRoom},
	{[]string{"d"}, "d", "disconnect the room, or withdraw such a request", (*model).canDisconnect, (*model).disconnect},
	{[]string{"b"}, "b", "ask the connected rooms for a PK battle; withdraw that, or leave the battle", (*model).canBattle, (*model).battle},
	{[]string{"v"}, "v", "arrange the seats in another way", always("view"), func(m *model) tea.Cmd {
		switch m.layout {
		case seatgrid.LayoutGrid:
			m.layout = seatgrid.LayoutFocus
		case seatgrid.LayoutFocus:
			m.layout = seatgrid.LayoutVertical
		default:
			m.layout = seatgrid.LayoutGrid
		}
		return nil
	}},
	{[]string{"pgup", "pgdown"}, "PgUp/PgDn", "read what happened before", func(m *model) string {
		if len(m.log) <= m.logLines() {
			return ""
		}
		return "log"
	}, nil},
	{[]string{"?", "h"}, "?", "show this help", always("help"), func(m *model) tea.Cmd { m.page = helpPage; return nil }},
	{[]string{"q"}, "q", "leave the room", always("leave"), (*model).leave},
	{[]string{"ctrl+c"}, "Ctrl-C", "end the program at once", always(""), nil},
}

func always(label string) func(*model) string { return func(*model) string { return label } }

func waiting(label string) func(*model) string {
	return func(m *model) string {
		if len(m.answerable()) == 0 {
			return ""
		}
		return label
	}
}

func reply(agree bool) func(*model) tea.Cmd {
	return func(m *model) tea.Cmd {
		q := m.answerable()[m.turn]
		if agree {
			return m.act(q.yes)
		}
		return m.act(q.no)
	}
}

// onOther is possible where somebody else sits who can be taken off.
func onOther(label string) func(*model) string {
	return func(m *model) string {
		seat, ok := m.here()
		if !ok || !m.manages() || seat.UserID == "" || seat.UserID == m.room.self.UserID || seat.UserID == m.room.info.OwnerID {
			return ""
		}
		return label
	}
}

func locks(locked func(seatgrid.SeatInfo) bool, lock, unlock string) func(*model) string {
	return func(m *model) string {
		seat, ok := m.here()
		switch {
		case !ok || !m.manages():
			return ""
		case locked(seat):
			return unlock
		}
		return lock
	}
}

func (m *model) canTake() string {
	seat, ok := m.here()
	mine := m.mySeat()
	switch {
	case !ok || seat.UserID != "" || seat.Locked && !m.manages():
		return ""
	case mine != nil:
		return "move here"
	case slices.ContainsFunc(m.asking, func(a action) bool { return a.verb == takeSeat }):
		return "" // one application at a time
	case m.room.info.SeatMode == seatgrid.FreeToTake || m.manages():
		return "take seat"
	}
	return "ask for seat"
}

func (m *model) take() tea.Cmd {
	seat, _ := m.here()
	return m.takeNow(seat.Index)
}

func (m *model) takeNow(index seatgrid.SeatIndex) tea.Cmd {
	if m.mySeat() != nil {
		return m.act(action{verb: moveSeat, seat: index})
	}
	a := action{verb: takeSeat, seat: index}
	if m.room.info.SeatMode != seatgrid.FreeToTake && !m.manages() {
		a.tell, a.waits = fmt.Sprintf("You have asked for %s; the host answers.", seatName(index)), true
	}
	return m.act(a)
}

func (m *model) canTalk() string {
	mine := m.mySeat()
	switch {
	case mine == nil || mine.AudioLocked || m.silent:
		return ""
	case mine.Mic == engine.MicOn:
		return "mute"
	}
	return "speak"
}

func (m *model) talk() tea.Cmd {
	if m.mySeat().Mic == engine.MicOn {
		return m.act(action{verb: muteMic})
	}
	return m.act(action{verb: openMic})
}

func (m *model) askTakeOut() tea.Cmd {
	seat, _ := m.here()
	m.page = questionPage
	m.sure = question{
		text: fmt.Sprintf("Take %s out of the room?", called(seat.UserName, seat.UserID)),
		yes:  &action{verb: takeOut, user: seat.UserID},
	}
	return nil
}

// leave asks the host, whose room would go on without them.
func (m *model) leave() tea.Cmd {
	if m.room.self.Role == engine.RoomOwner && m.room.self.UserID != "" {
		m.page = questionPage
		m.sure = question{
			text: "End the room for everybody? (n leaves it open)",
			yes:  &action{verb: endRoom}, noQuits: true, quit: gone(m),
		}
		return nil
	}
	return m.act(action{verb: leaveRoom})
}

// gone is how it ends when somebody simply goes.
func gone(m *model) Outcome {
	if m.room.self.Role == engine.RoomOwner && m.room.self.UserID != "" {
		return Outcome{Text: fmt.Sprintf("The room %s stays open; join it again to go on as its host.", m.room.info.RoomID)}
	}
	return Outcome{Text: "You have left the room."}
}

// pressed does what a key is for.
func (m *model) pressed(press string) tea.Cmd {
	if press == "ctrl+c" {
		return m.end(gone(m))
	}
	switch m.page {
	case helpPage:
		m.helped += m.helpRoom()
		if press == "esc" || press == "q" || m.helped >= len(m.helpLines()) {
			m.page, m.helped = roomPage, 0
		}
		return nil
	case invitePage:
		return m.chooserKey(press)
	case questionPage:
		return m.questionKey(press)
	case giftPage:
		return m.shopKey(press)
	}
	switch press {
	case "left", "shift+tab":
		m.selectSeat(m.chosen - 1)
	case "right", "tab":
		m.selectSeat(m.chosen + 1)
	case "up":
		m.selectRow(-1)
	case "down":
		m.selectRow(1)
	case "pgup":
		m.scroll = min(m.scroll+max(m.logLines()-1, 1), max(len(m.log)-m.logLines(), 0))
	case "pgdown":
		m.scroll = max(m.scroll-max(m.logLines()-1, 1), 0)
	}
	if len(press) == 1 && press[0] >= '1' && press[0] <= '9' {
		m.selectSeat(int(press[0] - '1'))
	}
	for _, k := range keys {
		if k.do != nil && slices.Contains(k.press, press) && k.label(m) != "" {
			return k.do(m)
		}
	}
	return nil
}

func (m *model) selectSeat(i int) {
	if i >= 0 && i < m.shown() {
		m.chosen = i
	}
}

func (m *model) choose(msg membersMsg) {
	seat, ok := m.here()
	switch {
	case msg.err != nil:
		m.say("That did not work: " + Problem(msg.err) + ".")
	case len(msg.list) == 0:
		m.say("Nobody is here who could be invited.")
	case ok:
		m.page, m.list = invitePage, chooser{seat: seat.Index, users: msg.list}
	}
}

func (m *model) chooserKey(press string) tea.Cmd {
	c := &m.list
	switch press {
	case "up":
		c.at = max(c.at-1, 0)
	case "down":
		c.at = min(c.at+1, len(c.users)-1)
	case "enter", "i":
		m.page = roomPage
		u := c.users[c.at]
		return m.act(action{
			verb: invite, seat: c.seat, user: u.UserID, waits: true,
			tell: fmt.Sprintf("You have invited %s to %s.", person(u), seatName(c.seat)),
		})
	case "esc", "q":
		m.page = roomPage
	}
	return nil
}

func (m *model) questionKey(press string) tea.Cmd {
	switch press {
	case "y":
		m.page = roomPage
		return m.act(*m.sure.yes)
	case "n":
		m.page = roomPage
		if m.sure.noQuits {
			return m.end(m.sure.quit)
		}
	case "esc", "q":
		m.page = roomPage
	}
	return nil
}
