package tui

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/seatgrid"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// Rooms that hear this one: their seats are shown below or beside the own ones, and its host asks, answers and leaves.

// connectionMsg is how the room is connected.
type connectionMsg struct {
	rooms  []engine.ConnectionUser    // that are connected with this one
	muted  []seatgrid.RoomID          // those that are not heard here
	asks   []engine.ConnectionRequest // pending, of this room and to it; for the owner
	battle *engine.BattleInfo
	duels  []engine.BattleRequest // likewise, for battles
}

// otherRoom is a connected room as it is shown.
type otherRoom struct {
	seats   []seatgrid.SeatInfo
	volumes []int
}

// connectionWait is how long another room's host has to answer: a dialog with a countdown, in the documents' app.
const connectionWait = 30 * time.Second

// CreateConnectedSeatView tells of a seat of a connected room.
func (b *bridge) CreateConnectedSeatView(room seatgrid.RoomID, seat seatgrid.SeatInfo) any {
	b.news.add(seatMsg{room, seat})
	return &view{room, seat.Index}
}

// connection returns how the room is connected now.
func (b *bridge) connection() (m connectionMsg) {
	c := b.room.Connections()
	m.rooms = slices.DeleteFunc(c.Connected(), func(u engine.ConnectionUser) bool { return u.RoomID == b.room.ID() })
	m.muted, m.asks = c.Muted(), c.Requests()
	if battle, ok := b.room.Battles().Current(); ok {
		m.battle = &battle
	}
	m.duels = b.room.Battles().Requests()
	return m
}

func roomWord(id seatgrid.RoomID) string { return "room " + clean(string(id)) }

// connections adds what is told about connections.
func (b *bridge) connections(o *engine.RoomObserver) {
	say := func(format string, args ...any) { b.say(format, args...); b.refresh() }
	o.OnConnectionUserListChanged = func(_ seatgrid.RoomID, _, joined, left []engine.ConnectionUser) {
		for _, u := range joined {
			if u.RoomID != b.room.ID() {
				b.say("This room and %s hear each other now.", roomWord(u.RoomID))
			}
		}
		for _, u := range left {
			if u.RoomID != b.room.ID() {
				b.say("This room and %s do not hear each other any more.", roomWord(u.RoomID))
			}
		}
		b.refresh()
	}
	o.OnConnectionRequestReceived = func(_ seatgrid.RoomID, u engine.ConnectionUser, _ []engine.ConnectionUser, _ string) {
		say("%s asks for a connection.", hostOf(u.RoomID, u.UserName, u.UserID))
	}
	o.OnConnectionRequestCancelled = func(_ seatgrid.RoomID, u engine.ConnectionUser) {
		say("%s does not ask for a connection any more.", hostOf(u.RoomID, u.UserName, u.UserID))
	}
	o.OnConnectionRequestAccept = func(seatgrid.RoomID, engine.ConnectionUser) { b.refresh() } // the list says it
	o.OnConnectionRequestReject = func(_ seatgrid.RoomID, u engine.ConnectionUser) {
		say("%s does not want a connection.", hostOf(u.RoomID, u.UserName, u.UserID))
	}
	o.OnConnectionRequestTimeout = func(room seatgrid.RoomID, from, to engine.ConnectionUser) {
		if to.RoomID == room {
			say("The request of %s has had no answer.", roomWord(from.RoomID))
			return
		}
		say("%s has not answered.", hostOf(to.RoomID, to.UserName, to.UserID))
	}
	o.OnConnectionMuted = func(_, room seatgrid.RoomID, muted bool) {
		say("What is said in %s is %s here.", roomWord(room), map[bool]string{true: "not heard", false: "heard again"}[muted])
	}
}

func hostOf(room seatgrid.RoomID, name string, id seatgrid.UserID) string {
	return fmt.Sprintf("%s of %s", called(name, id), roomWord(room))
}

// connectionChanged takes how the room is connected. Seats are told before their room, and come anew with it.
func (m *model) connectionChanged() tea.Cmd {
	for id := range m.others {
		if !slices.ContainsFunc(m.room.rooms, func(u engine.ConnectionUser) bool { return u.RoomID == id }) {
			delete(m.others, id)
		}
	}
	m.chosen = max(min(m.chosen, m.shown()-1), 0)
	if !m.counting {
		m.now = time.Now()
	}
	return m.battleTick()
}

// connected reports whether other rooms are connected.
func (m *model) connected() bool { return len(m.room.rooms) > 0 }

// shown is how many of the own seats are shown.
func (m *model) shown() int {
	if m.connected() {
		return min(len(m.seats), seatgrid.ConnectedSeats)
	}
	return len(m.seats)
}

// other returns what is known of a connected room, or will be.
func (m *model) other(id seatgrid.RoomID) *otherRoom {
	if m.others == nil {
		m.others = map[seatgrid.RoomID]*otherRoom{}
	}
	if m.others[id] == nil {
		m.others[id] = &otherRoom{}
	}
	return m.others[id]
}

// ownTitle and otherTitle stand above the seats of a room.
func (m *model) ownTitle() string {
	title := " " + clean(string(m.room.info.RoomID)) + " (this room)"
	hidden := 0
	for _, s := range m.seats[m.shown():] {
		if s.UserID != "" {
			hidden++
		}
	}
	if hidden > 0 {
		title += fmt.Sprintf(", %d more on later seats", hidden)
	}
	return title + m.scoreOf(m.room.info.RoomID)
}

func (m *model) otherTitle(u engine.ConnectionUser) string {
	title := fmt.Sprintf(" %s, host %s", clean(string(u.RoomID)), called(u.UserName, u.UserID))
	if slices.Contains(m.room.muted, u.RoomID) {
		title += ", not heard"
	}
	return title + m.scoreOf(u.RoomID)
}

// owns reports whether this user owns the room, and may connect it.
func (m *model) owns() bool {
	return m.room.self.UserID != "" && m.room.self.Role == engine.RoomOwner
}

// connectionLines shows whom this room waits for.
func (m *model) connectionLines() (lines []string) {
	for _, q := range m.room.requestsOut() {
		lines = append(lines, fmt.Sprintf(" ... %s has been asked for a connection; d withdraws.", roomWord(q.Invitee.RoomID)))
	}
	for _, q := range m.room.duels {
		if q.Battle.Inviter.RoomID == m.room.info.RoomID {
			lines = append(lines, " ... a PK has been asked for; b withdraws.")
		}
	}
	return lines
}

// requestsOut are the requests of this room.
func (r roomMsg) requestsOut() (list []engine.ConnectionRequest) {
	for _, q := range r.asks {
		if q.Invitee.RoomID != r.info.RoomID {
			list = append(list, q)
		}
	}
	return list
}

// canDisconnect is what d would do.
func (m *model) canDisconnect() string {
	switch {
	case !m.owns():
		return ""
	case len(m.room.requestsOut()) > 0:
		return "withdraw request"
	case m.connected():
		return "disconnect"
	}
	return ""
}

func (m *model) disconnect() tea.Cmd {
	if len(m.room.requestsOut()) > 0 {
		return m.act(action{verb: cancelConnection})
	}
	m.page = questionPage
	m.sure = question{text: "Disconnect this room from the others?", yes: &action{verb: disconnect}}
	return nil
}

// askRoom asks for the id of a room.
func (m *model) askRoom() tea.Cmd {
	m.ask(" Ask which room for a connection? Its id: ", "", func(text string) tea.Cmd {
		return m.act(action{verb: requestConnection, text: text})
	})
	return nil
}

// maxAnswer is how many bytes an answer has at most; a room's id has 48.
const maxAnswer = 48

// prompt is a question that is answered in words.
type prompt struct {
	text string
	done func(answer string) tea.Cmd
}

// ask opens the line below the log for an answer.
func (m *model) ask(text, answer string, done func(string) tea.Cmd) {
	m.page, m.scroll, m.answer, m.prompt = promptPage, 0, answer, prompt{text, done}
}

// prompted is a key while a question is answered.
func (m *model) prompted(msg tea.KeyPressMsg) tea.Cmd {
	switch press := msg.String(); press {
	case "ctrl+c":
		return m.pressed(press)
	case "esc":
		m.page = roomPage
	case "enter":
		m.page = roomPage
		if answer := strings.TrimSpace(m.answer); answer != "" {
			return m.prompt.done(answer)
		}
	default:
		m.answer = edit(m.answer, press, msg.Text, maxAnswer)
	}
	return nil
}

// doConnection carries out what is about other rooms.
func doConnection(ctx context.Context, room *engine.Room, a action) (said string, err error) {
	c := room.Connections()
	switch a.verb {
	case requestConnection:
		id := seatgrid.RoomID(a.text)
		codes, err := c.RequestConnection(ctx, []seatgrid.RoomID{id}, connectionWait, "")
		if err == nil && codes[id] != engine.ConnectionSuccess {
			said = fmt.Sprintf("%s cannot be asked: %s.", roomWord(id), connectionWords(codes[id]))
		}
		return said, err
	case cancelConnection:
		var rooms []seatgrid.RoomID
		for _, q := range c.Requests() {
			if q.Invitee.RoomID != room.ID() {
				rooms = append(rooms, q.Invitee.RoomID)
			}
		}
		return "", c.CancelConnectionRequest(ctx, rooms)
	case acceptConnection:
		return "", c.AcceptConnection(ctx, seatgrid.RoomID(a.text))
	case rejectConnection:
		return "", c.RejectConnection(ctx, seatgrid.RoomID(a.text))
	case disconnect:
		return "", c.Disconnect(ctx)
	}
	return doBattle(ctx, room, a)
}

func connectionWords(code engine.ConnectionCode) string {
	switch code {
	case engine.ConnectionRoomNotExist:
		return "there is no such room"
	case engine.ConnectionConnecting:
		return "it is connected with this room already, or is being asked just now"
	case engine.ConnectionConnectingOtherRoom:
		return "it is connected with other rooms"
	case engine.ConnectionFull:
		return fmt.Sprintf("the rooms would be more than %d, or have more than %d seats", signaling.MaxConnectedRooms, signaling.MaxConnectedUsers)
	case engine.ConnectionRoomMismatch:
		return "it has no seats"
	}
	return "try again in a moment"
}
