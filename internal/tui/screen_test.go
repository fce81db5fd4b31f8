package tui

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"charm.land/lipgloss/v2"
	"github.com/charmbracelet/x/ansi"
	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/seatgrid"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

var update = flag.Bool("update", false, "write the golden screens anew")

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// desk is a backend that remembers what it was told to do.
type desk struct {
	did    []action
	people []seatgrid.UserInfo
	err    error
}

func (d *desk) do(_ context.Context, a action) (string, error) {
	d.did = append(d.did, a)
	return "", d.err
}

func (d *desk) gifts(context.Context) ([]engine.GiftInfo, error) {
	return []engine.GiftInfo{
		{GiftID: "rose", Name: "Rose", Coins: 1, ExtensionInfo: map[string]string{"emoji": "🌹"}},
		{GiftID: "crown", Name: "皇冠", Coins: 520, ExtensionInfo: map[string]string{"emoji": "👑"}},
	}, d.err
}

func (d *desk) members(context.Context) ([]seatgrid.UserInfo, error) { return d.people, d.err }

const (
	owner = seatgrid.UserID("host")
	guest = seatgrid.UserID("guest")
)

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// hall is a room with ten seats in every state that there is, seen by one of its people.
func hall(t *testing.T, self seatgrid.UserID) (*model, *desk) {
	t.Helper()
	d := &desk{people: []seatgrid.UserInfo{{UserID: "u1", UserName: "Åsa"}, {UserID: "u2", UserName: "李小龍"}}}
	m := newModel(t.Context(), d)
	m.zone = time.UTC
	seats := make([]seatgrid.SeatInfo, 10)
	for i := range seats {
		seats[i].Index = seatgrid.SeatIndex(i)
	}
	sit := func(i int, id seatgrid.UserID, name string, mic signaling.MicStatus) {
		seats[i].UserID, seats[i].UserName, seats[i].Mic = id, name, mic
	}
	sit(0, owner, "王小明", engine.MicOn)
	sit(1, "bob", "Bob with a very long name that no seat is wide enough for", engine.MicOff)
	sit(2, "eve", "Ève 👩‍👩‍👧 family", engine.MicOffByAdmin)
	seats[2].AudioLocked = true
	seats[3].Locked = true
	seats[4].AudioLocked = true
	for _, s := range seats {
		m.Update(seatMsg{seat: s})
	}
	room := roomMsg{
		info: seatgrid.RoomInfo{RoomID: "talk", Name: "晚上聊天", OwnerID: owner, OwnerName: "王小明", SeatMode: seatgrid.ApplyToTake, MemberCount: 7},
		self: seatgrid.UserInfo{UserID: self, UserName: string(self), Role: engine.GeneralUser}, roles: map[seatgrid.UserID]role{owner: "host", "bob": "admin"},
	}
	if self == owner {
		room.self.Role = engine.RoomOwner
		for i, id := range []seatgrid.UserID{"u1", "u2"} {
			room.requests = append(room.requests, seatgrid.Request{RequestID: fmt.Sprint(i), Type: seatgrid.ApplyToTakeSeat,
				From: seatgrid.UserInfo{UserID: id, UserName: d.people[i].UserName}, Index: seatgrid.SeatIndex(5 + i)})
		}
	}
	m.Update(room)
	m.log = nil
	m.Update(saidMsg{noon, "You are in the room."})
	m.Update(saidMsg{noon.Add(time.Second), "李小龍 has come in."})
	m.Update(saidMsg{noon.Add(2 * time.Second), "That did not work: the seat is locked; choose another (code 100200). This line is longer than every terminal should be wide, so it goes on below."})
	m.Update(volumeMsg{index: 0, volume: 60})
	require.Empty(t, d.did, "nothing is done by itself")
	return m, d
}

// press presses keys, and carries out what they start.
func press(m *model, presses ...string) {
	for _, p := range presses {
		run(m, m.pressed(p))
	}
}

func run(m *model, cmd tea.Cmd) {
	if cmd == nil {
		return
	}
	if msg := cmd(); msg != nil {
		_, next := m.Update(msg)
		run(m, next)
	}
}

func TestScreens(t *testing.T) {
	for name, prepare := range map[string]func(m *model){
		"room":     func(*model) {},
		"focus":    func(m *model) { press(m, "v") },
		"list":     func(m *model) { press(m, "v", "v", "down", "down") },
		"help":     func(m *model) { press(m, "?") },
		"invite":   func(m *model) { press(m, "5", "i", "down") },
		"question": func(m *model) { press(m, "q") },
		"write": func(m *model) {
			press(m, "w")
			m.insert("hello 李小龙, this is a line that is longer than the screen is wide, so its end is shown 👋🏽")
		},
		"gifts": func(m *model) {
			for i := range 3 {
				m.Update(giftMsg{noon, gift("bob", owner, uint64(i), 9)})
			}
			press(m, "right", "g", "down")
		},
		"connected":    linked,
		"three":        func(m *model) { linked(m); third(m) },
		"fighting":     fighting,
		"duel":         duel("bobs"),
		"prompt":       func(m *model) { press(m, "o"); m.answer = "bobs" },
		"reconnecting": func(m *model) { m.Update(awayMsg(true)) },
	} {
		for _, size := range []struct{ w, h int }{{80, 24}, {40, 20}} {
			t.Run(fmt.Sprintf("%s %dx%d", name, size.w, size.h), func(t *testing.T) {
				m, _ := hall(t, owner)
				m.Update(tea.WindowSizeMsg{Width: size.w, Height: size.h})
				prepare(m)
				got := picture(m)
				file := filepath.Join("testdata", fmt.Sprintf("%s_%dx%d.txt", name, size.w, size.h))
				if *update {
					require.NoError(t, os.MkdirAll("testdata", 0o755))
					require.NoError(t, os.WriteFile(file, []byte(got), 0o644))
				}
				want, err := os.ReadFile(file)
				require.NoError(t, err, "go test ./internal/tui -update makes it")
				require.Equal(t, string(want), got)
			})
		}
	}
}

// picture is the screen without styles.
func picture(m *model) string {
	var b strings.Builder
	for line := range strings.SplitSeq(ansi.Strip(m.View().Content), "\n") {
		b.WriteString(strings.TrimRight(line, " ") + "\n")
	}
	return b.String()
}

// Whatever the terminal's size, the screen is as large, and nothing is wider than it. Wide characters are what breaks that.
func TestScreensFitEverySize(t *testing.T) {
	for _, self := range []seatgrid.UserID{owner, guest} {
		for i, keys := range []string{"", "v", "vv", "?", "i", "q", "", "v", "vv", "d", "o"} {
			m, _ := hall(t, self)
			if i > 5 {
				fighting(m)
			}
			if i > 6 {
				third(m)
			}
			m.chosen = 4
			for _, k := range keys {
				press(m, string(k))
			}
			for w := 1; w <= 130; w += 1 + w/6 {
				for h := 1; h <= 40; h += 1 + h/6 {
					m.Update(tea.WindowSizeMsg{Width: w, Height: h})
					lines := strings.Split(m.View().Content, "\n")
					require.LessOrEqual(t, len(lines), h, "%q at %dx%d", keys, w, h)
					for _, line := range lines {
						require.LessOrEqual(t, lipgloss.Width(line), w, "%q at %dx%d: %q", keys, w, h, ansi.Strip(line))
					}
				}
			}
		}
	}
}

// The selected seat is always on the screen, also when there are more seats than lines.
func TestSelectedSeatIsShown(t *testing.T) {
	m, _ := hall(t, guest)
	for i := len(m.seats); i < 50; i++ {
		m.Update(seatMsg{seat: seatgrid.SeatInfo{Index: seatgrid.SeatIndex(i)}})
	}
	for _, size := range []tea.WindowSizeMsg{{Width: 80, Height: 24}, {Width: 40, Height: 12}, {Width: 20, Height: 8}} {
		m.Update(size)
		for i := range m.seats {
			m.chosen = i
			screen := picture(m)
			require.True(t, strings.Contains(screen, fmt.Sprintf(">%d ", i+1)) || strings.Contains(screen, fmt.Sprintf("┏━ %d ", i+1)),
				"seat %d at %v:\n%s", i+1, size, screen)
		}
	}
}

// A stranger's name must not change the terminal.
func TestStrangersTextIsHarmless(t *testing.T) {
	m, _ := hall(t, guest)
	evil := "a\x1b[2J\x1b]0;title\x07\u202egnp.exe\n\r\u009b\x9bb"
	m.Update(seatMsg{seat: seatgrid.SeatInfo{Index: 0, UserID: "x", UserName: evil}})
	room := m.room
	room.info.Name, room.info.OwnerName, room.self.UserName = evil, evil, evil
	m.Update(room)
	m.Update(saidMsg{noon, asks(seatgrid.Request{From: seatgrid.UserInfo{UserID: "x", UserName: evil}})})
	v := m.View()
	for _, bad := range []string{"\x1b[2J", "\x07", "\u202e", "\r", "\u009b"} {
		require.NotContains(t, v.Content, bad)
		require.NotContains(t, v.WindowTitle, bad)
	}
	require.Contains(t, v.WindowTitle, "gnp.exe")
}
