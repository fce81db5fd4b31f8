package tui

import (
	"context"
	"slices"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/seatgrid"
)

// model is what is on the screen. Update and View touch nothing else, except for starting actions and asking the time.
type model struct {
	ctx     context.Context
	backend backend
	silent  bool           // there is no microphone
	muted   bool           // do not open the microphone by itself
	plain   bool           // what happens is printed, and there is no screen
	want    int            // the seat to take at the beginning, counted from 1; 0: none
	zone    *time.Location // of the log

	width, height int

	room    roomMsg
	seats   []seatgrid.SeatInfo
	volumes []int                          // by seat
	others  map[seatgrid.RoomID]*otherRoom // connected rooms
	away    bool
	log     []saidMsg
	scroll  int      // lines of the log below the window
	asking  []action // of this user, waiting for somebody's answer
	sat     bool     // this user had a seat when the room was last told of

	layout seatgrid.LayoutMode
	chosen int // the selected seat
	page   page
	draft  string // of a message
	prompt prompt
	answer string // to it, as far as it is written
	helped int    // lines of the help that have been read
	list   chooser
	shop   shop
	sure   question
	turn   int // which request y and n are about

	strip   *engine.GiftStrip
	ticking bool // a tick of the strip is under way

	now      time.Time // of the battle's countdown
	counting bool      // a tick of it is under way

	outcome *Outcome // set when it is over
}

// page is what lies over the log.
type page int

const (
	roomPage page = iota
	helpPage
	invitePage
	questionPage
	giftPage
	writePage  // a line below the log
	promptPage // likewise, a question's answer
)

// chooser is the list of those who can be invited.
type chooser struct {
	seat  seatgrid.SeatIndex
	users []seatgrid.UserInfo
	at    int
}

// question is asked before what cannot be undone.
type question struct {
	text    string
	yes     *action
	quit    Outcome // after no, when noQuits
	noQuits bool
}

// maxLog is how many lines are kept.
const maxLog = 500

func newModel(ctx context.Context, b backend) *model {
	return &model{
		ctx: ctx, backend: b, zone: time.Local, width: 80, height: 24, layout: seatgrid.LayoutGrid, strip: engine.NewGiftStrip(giftRows),
	}
}

// Init does nothing: the first messages are in the queue already.
func (m *model) Init() tea.Cmd { return nil }

// Update takes a message.
func (m *model) Update(msg tea.Msg) (tea.Model, tea.Cmd) {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		m.width, m.height = msg.Width, msg.Height
	case tea.KeyPressMsg:
		switch m.page {
		case writePage:
			return m, m.typed(msg)
		case promptPage:
			return m, m.prompted(msg)
		}
		return m, m.pressed(msg.String())
	case tea.PasteMsg:
		switch m.page {
		case writePage:
			m.insert(msg.Content)
		case promptPage:
			m.answer = edit(m.answer, "", msg.Content, maxAnswer)
		}
	case batchMsg:
		var cmds []tea.Cmd
		for _, one := range msg {
			_, cmd := m.Update(one)
			cmds = append(cmds, cmd)
		}
		return m, tea.Batch(cmds...)
	case roomMsg:
		return m, m.roomChanged(msg)
	case seatMsg:
		m.seatChanged(msg)
	case volumeMsg:
		if _, volumes := m.seatsOf(msg.room); int(msg.index) >= 0 && int(msg.index) < len(*volumes) {
			(*volumes)[msg.index] = msg.volume
		}
	case saidMsg:
		m.add(msg)
	case awayMsg:
		m.away = bool(msg)
	case doneMsg:
		return m, m.done(msg)
	case membersMsg:
		m.choose(msg)
	case giftsMsg:
		m.offer(msg)
	case giftMsg:
		return m, m.gift(msg)
	case battleTickMsg:
		m.counting, m.now = false, time.Time(msg)
		return m, m.battleTick()
	case giftTickMsg:
		return m, m.giftsOver(time.Now())
	case quitMsg:
		return m, m.end(gone(m))
	case endMsg:
		return m, m.end(msg.outcome)
	}
	return m, nil
}

// batchMsg is several messages of the queue at once, so that the screen is drawn once for them.
type batchMsg []any

// roomChanged takes the room, after all the seats that have changed with it. Who sits down is heard from then on, unless
// they have asked for a closed microphone.
func (m *model) roomChanged(msg roomMsg) tea.Cmd {
	if m.room.info.RoomID == "" {
		m.room = msg
		m.say("You are in the room: " + m.headline() + ".")
	}
	m.room = msg
	m.turn = min(m.turn, max(len(m.answerable())-1, 0))
	counts := m.connectionChanged()
	sat, mine := m.sat, m.mySeat()
	m.sat = mine != nil
	want := m.want
	m.want = 0
	switch {
	case mine != nil && !sat && !m.muted && !m.silent && !mine.AudioLocked && mine.Mic != engine.MicOn:
		return tea.Batch(m.act(action{verb: openMic}), counts)
	case mine == nil && want > 0:
		return tea.Batch(m.takeNow(seatgrid.SeatIndex(want-1)), counts)
	}
	return counts
}

// seatChanged takes a seat. At the beginning they come in their order.
func (m *model) seatChanged(msg seatMsg) {
	seats, volumes := m.seatsOf(msg.room)
	switch i := int(msg.seat.Index); {
	case i == len(*seats):
		*seats, *volumes = append(*seats, msg.seat), append(*volumes, 0)
	case i >= 0 && i < len(*seats):
		if (*seats)[i].UserID != msg.seat.UserID || msg.seat.Mic != engine.MicOn {
			(*volumes)[i] = 0
		}
		(*seats)[i] = msg.seat
	}
}

// seatsOf returns where the seats of a room are kept, and their volumes; without an id those of this room.
func (m *model) seatsOf(id seatgrid.RoomID) (*[]seatgrid.SeatInfo, *[]int) {
	if id == "" {
		return &m.seats, &m.volumes
	}
	o := m.other(id)
	return &o.seats, &o.volumes
}

func (m *model) done(msg doneMsg) tea.Cmd {
	if i := slices.Index(m.asking, msg.action); i >= 0 {
		m.asking = slices.Delete(m.asking, i, i+1)
	}
	switch {
	case m.outcome != nil:
		return nil
	case msg.action.verb == leaveRoom: // also when the server could not be told: it notices
		return m.end(Outcome{Text: "You have left the room."})
	case msg.err != nil && m.ctx.Err() == nil:
		if msg.action.verb == sendGift {
			m.page = roomPage // the list lies over the log
		}
		m.say("That did not work: " + Problem(msg.err) + ".")
	case msg.err == nil && msg.action.verb == endRoom:
		return m.end(Outcome{Text: "You have ended the room."})
	case msg.said != "":
		m.say(msg.said)
	}
	return nil
}

func (m *model) say(text string) { m.add(saidMsg{time.Now(), text}) }

func (m *model) add(s saidMsg) {
	m.log = append(m.log, s)
	if m.scroll > 0 {
		m.scroll++ // what is being read stays where it is
	}
	if len(m.log) > maxLog {
		m.log = slices.Delete(m.log, 0, len(m.log)-maxLog)
	}
}

// end ends the program.
func (m *model) end(o Outcome) tea.Cmd {
	if m.outcome == nil {
		m.outcome = &o
	}
	if o == dismissed(engine.DismissedByOwner) && m.room.self.Role == engine.RoomOwner && m.room.self.UserID != "" {
		m.outcome.Text = "You have ended the room."
	}
	return tea.Quit
}

// mySeat returns this user's seat, nil without one.
func (m *model) mySeat() *seatgrid.SeatInfo {
	for i := range m.seats {
		if m.seats[i].UserID != "" && m.seats[i].UserID == m.room.self.UserID {
			return &m.seats[i]
		}
	}
	return nil
}

func (m *model) manages() bool { return m.room.self.UserID != "" && m.room.self.Role.Manages() }

// here returns the selected seat; ok is false when there are no seats.
func (m *model) here() (seat seatgrid.SeatInfo, ok bool) {
	if m.chosen < 0 || m.chosen >= len(m.seats) {
		return seat, false
	}
	return m.seats[m.chosen], true
}

// pending is a request that waits for this user.
type pending struct {
	text    string
	yes, no action
}

// answerable returns the requests that wait for this user.
func (m *model) answerable() []pending {
	var list []pending
	for _, q := range m.room.requests {
		self := m.room.self.UserID
		if q.From.UserID != self && (q.To == self || q.Type == seatgrid.ApplyToTakeSeat && m.manages()) {
			list = append(list, pending{asks(q), action{verb: answer, user: q.From.UserID, on: true}, action{verb: answer, user: q.From.UserID}})
		}
	}
	return append(list, m.connectionRequests()...)
}
