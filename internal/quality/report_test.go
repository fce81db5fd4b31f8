package quality

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/audio"
	"github.com/openvoiceroom/openvoiceroom/audio/opus"
	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/internal/race"
	"github.com/openvoiceroom/openvoiceroom/internal/speech"
	"github.com/openvoiceroom/openvoiceroom/internal/testnet"
	"github.com/openvoiceroom/openvoiceroom/seatgrid"
)

// stage is a call of a host and a guest who both talk, and of a listener whose report it is.
type stage struct {
	w                     *world
	hostIP, guestIP, meIP string
	host                  *irregular
	speaker               *slowSink
}

// causes are what a report can say, by what tells them apart.
var causes = map[string]string{
	"no path":           `your connection for media was gone`,
	"device":            `this device was too slow`,
	"own up":            `of your packets were lost`,
	"own down":          `lost on the way to you, on your own line`,
	"irregular, all":    `irregularly from everybody`,
	"up of host":        `lost between host and the server`,
	"up of guest":       `lost between guest and the server`,
	"irregular host":    `from host came irregularly`,
	"irregular guest":   `from guest came irregularly`,
	"far":               `the way is long`,
	"unexplained":       `slowness says why`,
	"nothing was wrong": `Nothing was wrong`,
}

// Each trouble is put down to its cause, at its time, and to nothing else.
func TestWhyWasItChoppy(t *testing.T) {
	if race.Enabled {
		t.Skip(race.Reason)
	}
	if !opus.Available {
		t.Skip("built without Opus (cgo): there is nothing to measure")
	}
	loss := testnet.Loss{Share: 0.15}
	bursts := testnet.Loss{Share: 0.12, Burst: 4}
	for _, tt := range []struct {
		name  string
		begin func(*stage)
		end   func(*stage)
		want  []string
	}{
		{name: "a clean call", begin: func(*stage) {}, end: func(*stage) {}, want: []string{"nothing was wrong"}},
		{
			name:  "the host's line loses",
			begin: func(s *stage) { s.w.net.SetHostLoss(s.hostIP, bursts, testnet.Loss{}) },
			end:   func(s *stage) { s.w.net.SetHostLoss(s.hostIP, testnet.Loss{}, testnet.Loss{}) },
			want:  []string{"up of host"},
		},
		{
			name:  "the own line loses",
			begin: func(s *stage) { s.w.net.SetHostLoss(s.meIP, testnet.Loss{}, loss) },
			end:   func(s *stage) { s.w.net.SetHostLoss(s.meIP, testnet.Loss{}, testnet.Loss{}) },
			want:  []string{"own down"},
		},
		{
			name: "both lose",
			begin: func(s *stage) {
				s.w.net.SetHostLoss(s.meIP, testnet.Loss{}, loss)
				s.w.net.SetHostLoss(s.guestIP, bursts, testnet.Loss{})
			},
			end: func(s *stage) {
				s.w.net.SetHostLoss(s.meIP, testnet.Loss{}, testnet.Loss{})
				s.w.net.SetHostLoss(s.guestIP, testnet.Loss{}, testnet.Loss{})
			},
			want: []string{"own down", "up of guest"},
		},
		{
			name:  "the host's packets come irregularly",
			begin: func(s *stage) { s.host.most.Store(int64(150 * time.Millisecond)) },
			end:   func(s *stage) { s.host.most.Store(0) },
			want:  []string{"irregular host"},
		},
		{
			name:  "the own device has no time",
			begin: func(s *stage) { s.speaker.slow.Store(true) },
			end:   func(s *stage) { s.speaker.slow.Store(false) },
			want:  []string{"device"},
		},
		{
			name: "the own line is cut",
			begin: func(s *stage) {
				s.w.net.SetHostLoss(s.meIP, testnet.Loss{Share: 1}, testnet.Loss{Share: 1})
			},
			end:  func(s *stage) { s.w.net.SetHostLoss(s.meIP, testnet.Loss{}, testnet.Loss{}) },
			want: []string{"no path"},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s, room := newStage(t)
				time.Sleep(20 * time.Second)
				from := time.Now()
				tt.begin(s)
				time.Sleep(24 * time.Second)
				tt.end(s)
				to := time.Now()
				time.Sleep(12 * time.Second)
				during := room.CallReport()
				require.NoError(t, room.Leave(t.Context()))
				r := room.CallReport()
				text := r.String()
				t.Log(text)
				require.GreaterOrEqual(t, len(r.Line), len(during.Line), "it is there after the end, too")
				var said []string
				for name, words := range causes {
					if strings.Contains(text, words) {
						said = append(said, name)
					}
				}
				slices.Sort(said)
				require.Equal(t, tt.want, said)
				begun := false
				for _, line := range regexp.MustCompile(`(?m)^(\d\d:\d\d:\d\d)-(\d\d:\d\d:\d\d): `).FindAllStringSubmatch(text, -1) {
					day := func(clock string) time.Time {
						at, err := time.ParseInLocation(time.DateTime, from.Format(time.DateOnly)+" "+clock, time.Local)
						require.NoError(t, err)
						return at
					}
					assert.True(t, day(line[1]).After(from.Add(-4*time.Second)), "before it began")
					assert.True(t, day(line[2]).Before(to.Add(14*time.Second)), "after its end")
					begun = begun || day(line[1]).Before(from.Add(10*time.Second))
				}
				assert.True(t, begun || tt.want[0] == "nothing was wrong", "soon after it began")
				require.Len(t, r.Speakers, 2)
				for _, sp := range r.Speakers {
					if way := sp.Total.Delay - sp.Total.Buffer - 26.5; tt.want[0] != "irregular host" {
						assert.InDelta(t, 61, way, 1, "half of each end's round trip")
					}
					assert.Greater(t, sp.Total.Packets, 50*30)
				}
				var again engine.CallReport
				b, err := json.Marshal(r)
				require.NoError(t, err)
				require.NoError(t, json.Unmarshal(b, &again))
				require.Equal(t, text, again.String(), "JSON says the same")
			})
		})
	}
}

func newStage(t *testing.T) (*stage, *engine.Room) {
	t.Helper()
	w := newWorld(t, call{trip: roundTrip, seed: 1})
	s := &stage{w: w, speaker: &slowSink{Sink: audio.NewRecorder(1)}}
	voice := func(samples []int16) engine.Config {
		return engine.Config{Microphone: audio.NewPCMSource(samples, audio.PCMOptions{Loop: true}), Speaker: audio.NewRecorder(1)}
	}
	var host, guest, me *engine.Engine
	host, s.hostIP, s.host = w.irregularLogin(t, "host", voice(speech.Host()))
	guest, s.guestIP = w.login(t, "guest", voice(speech.Guest()))
	me, s.meIP = w.login(t, "me", engine.Config{Speaker: s.speaker})
	grid := seatgrid.New(host)
	_, err := grid.StartVoiceRoom(t.Context(), engine.RoomInfo{RoomID: "r", SeatMode: engine.FreeToTake})
	require.NoError(t, err)
	require.NoError(t, grid.StartMicrophone(t.Context()))
	time.Sleep(7 * time.Millisecond)
	other := seatgrid.New(guest)
	_, err = other.JoinVoiceRoom(t.Context(), "r")
	require.NoError(t, err)
	_, err = other.TakeSeat(t.Context(), 1, 0)
	require.NoError(t, err)
	require.NoError(t, other.StartMicrophone(t.Context()))
	time.Sleep(5 * time.Millisecond)
	room, err := me.Enter(t.Context(), "r", nil)
	require.NoError(t, err)
	require.NoError(t, room.Connected(t.Context()))
	return s, room
}
