package sfu

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// seats reads "a-20 B/b-30" as speakers with their levels in dBov, the second one in room B.
func seats(t *testing.T, text string) []heardUser {
	var out []heardUser
	for f := range strings.FieldsSeq(text) {
		who, level, _ := strings.Cut(f, "-")
		l, err := strconv.Atoi(level)
		require.NoError(t, err)
		out = append(out, heardUser{slotsOf(who)[0], -l * levelScale})
	}
	return out
}

func slotsOf(text string) []source {
	var out []source
	for f := range strings.FieldsSeq(text) {
		room, user, foreign := strings.Cut(strings.Trim(f, "_"), "/")
		if !foreign {
			room, user = "", room
		}
		out = append(out, source{signaling.RoomID(room), signaling.UserID(user)})
	}
	return out
}

func TestAssign(t *testing.T) {
	for _, tc := range []struct {
		name     string
		slots    string // "_" is free
		speakers string
		want     string
		waiting  bool
	}{
		{"nobody speaks", "_ _", "", "_ _", false},
		{"seat order", "_ _ _", "a-99 b-10", "a b _", false},
		{"keeps its slot when an earlier seat comes", "b _", "a-50 b-50", "b a", false},
		{"keeps its slot when another leaves", "a b c", "b-50 c-50", "_ b c", false},
		{"a free slot is used, the lowest first", "_ b _", "b-50 d-50", "d b _", false},
		{"takes the slot of one who left", "a b", "b-50 c-50", "c b", false},
		{"too many: the loudest", "_ _", "a-60 b-20 c-30", "b c", true},
		{"too many and equal: the seats", "_ _", "a-127 b-127 c-127", "a b", true},
		{"one free, two wait: the louder", "a _", "a-50 b-50 c-20", "a c", true},
		{"no slots", "", "a-10", "", false},
		{"another room's come behind", "_ _", "a-50 B/b-50 C/c-50", "a B/b", true},
		{"another room's are louder", "_ _", "a-50 b-60 B/b-20", "B/b a", true},
		{"one moves into another room", "b", "B/b-20", "B/b", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, changed, waiting := assign(seating{slots: slotsOf(tc.slots)}, seats(t, tc.speakers), time.Unix(0, 0))
			assert.Equal(t, slotsOf(tc.want), got.slots)
			assert.Equal(t, tc.slots != tc.want, changed)
			assert.Equal(t, tc.waiting, waiting)
		})
	}
}

func TestAssignSwaps(t *testing.T) {
	type step struct {
		at       int // ms
		speakers string
		want     string
	}
	for _, tc := range []struct {
		name  string
		slots string
		steps []step
	}{
		{"after 300 ms of 6 dB", "a b", []step{
			{0, "a-20 b-40 c-34", "a b"}, {200, "a-20 b-40 c-34", "a b"}, {300, "a-20 b-40 c-34", "a c"},
		}},
		{"5 dB are not enough", "a b", []step{{0, "a-20 b-40 c-35", "a b"}, {5000, "a-20 b-40 c-35", "a b"}}},
		{"a pause starts again", "a b", []step{
			{0, "a-20 b-40 c-30", "a b"}, {200, "a-20 b-40 c-90", "a b"}, {400, "a-20 b-40 c-30", "a b"}, {700, "a-20 b-40 c-30", "a c"},
		}},
		{"one swap in 500 ms", "a b", []step{
			{0, "a-60 b-60 c-20 d-30", "a b"}, {300, "a-60 b-60 c-20 d-30", "a c"},
			{700, "a-60 b-60 c-20 d-30", "a c"}, {800, "a-60 b-60 c-20 d-30", "d c"},
		}},
		{"the quietest one goes", "a b", []step{{0, "a-50 b-40 c-10", "a b"}, {300, "a-50 b-40 c-10", "c b"}}},
		{"two challengers in turn do not hold each other up", "a", []step{
			{0, "a-60 b-20 c-30", "a"}, {200, "a-60 b-30 c-20", "a"}, {300, "a-60 b-20 c-30", "b"},
		}},
		{"another room's are equal", "a B/b", []step{
			{0, "a-20 B/b-40 C/c-34", "a B/b"}, {200, "a-20 B/b-40 C/c-34", "a B/b"}, {300, "a-20 B/b-40 C/c-34", "a C/c"},
		}},
		{"no way back without 6 dB", "a", []step{
			{0, "a-40 b-30", "a"}, {300, "a-40 b-30", "b"}, {2000, "a-26 b-30", "b"}, {4000, "a-26 b-30", "b"},
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s := seating{slots: slotsOf(tc.slots)}
			for _, st := range tc.steps {
				s, _, _ = assign(s, seats(t, st.speakers), time.Unix(1000, 0).Add(time.Duration(st.at)*time.Millisecond))
				require.Equal(t, slotsOf(st.want), s.slots, "after %d ms", st.at)
			}
		})
	}
}

func TestSpeakerLevel(t *testing.T) {
	s := newSpeaker(nil, "a")
	now := time.Unix(1000, 0)
	assert.Equal(t, -127*levelScale, s.loudness(now), "silent at first")
	for range 50 {
		s.heard(&packet{hasLevel: true, level: 0x80 | 20}, now)
		now = now.Add(20 * time.Millisecond)
	}
	assert.InDelta(t, -20*levelScale, s.loudness(now), levelScale)
	assert.Equal(t, -127*levelScale, s.loudness(now.Add(time.Second)), "silent after a pause")
}
