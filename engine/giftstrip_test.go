package engine_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/openvoiceroom/openvoiceroom/engine"
)

var giftTime = time.Date(2026, 1, 1, 20, 0, 0, 0, time.UTC)

// given is a gift as the server tells of it.
func given(from, id string, combo uint64, count int64) engine.GiftReceived {
	return engine.GiftReceived{
		Sender: engine.UserInfo{UserID: engine.UserID(from)}, Gift: engine.GiftInfo{GiftID: id, Coins: 1}, Count: 1, ComboID: combo, ComboCount: count,
	}
}

func shown(lines []engine.GiftLine) string {
	var s []string
	for _, l := range lines {
		s = append(s, fmt.Sprintf("%d:%s %s x%d", l.Row, l.Sender.UserID, l.Gift.GiftID, l.Count))
	}
	return strings.Join(s, ", ")
}

func TestGiftStrip(t *testing.T) {
	s := engine.NewGiftStrip(2)
	require.Empty(t, s.Lines())
	require.Zero(t, s.Next())
	at := func(d time.Duration) time.Time { return giftTime.Add(d) }

	s.Add(given("ann", "rose", 1, 1), at(0))
	s.Add(given("ann", "rose", 1, 2), at(time.Second))
	s.Add(given("bob", "rose", 3, 1), at(time.Second))
	s.Add(given("ann", "cake", 4, 5), at(time.Second))
	s.Add(given("ann", "cake", 4, 6), at(2*time.Second))
	require.Equal(t, "0:ann rose x2, 1:bob rose x1", shown(s.Lines()), "one line for a combo; the third waits, and grows meanwhile")
	require.Equal(t, at(4*time.Second), s.Next())
	require.Empty(t, s.Advance(at(4*time.Second-1)))

	s.Add(given("bob", "rose", 3, 2), at(3*time.Second))
	require.Equal(t, "0:ann rose x2", shown(s.Advance(at(4*time.Second))))
	require.Equal(t, "0:ann cake x6, 1:bob rose x2", shown(s.Lines()), "what waited is in the free row; the other line stays where it is")
	s.Add(given("ann", "rose", 9, 1), at(5*time.Second))
	require.Equal(t, "1:bob rose x2", shown(s.Advance(at(6*time.Second))), "its time began anew when it grew")
	require.Equal(t, "0:ann cake x6, 1:ann rose x1", shown(s.Lines()), "another combo is another line")
	require.Equal(t, "0:ann cake x6", shown(s.Advance(at(8*time.Second))))
	require.Equal(t, "1:ann rose x1", shown(s.Advance(at(time.Hour))))
	require.Zero(t, s.Next())
}

// A server that counts no combos shows each gift.
func TestGiftStripWithoutCombos(t *testing.T) {
	s := engine.NewGiftStrip(0)
	for range 2 {
		s.Add(engine.GiftReceived{Sender: engine.UserInfo{UserID: "ann"}, Gift: engine.GiftInfo{GiftID: "rose"}, Count: 3}, giftTime)
	}
	require.Equal(t, "0:ann rose x3", shown(s.Lines()))
	require.Len(t, s.Advance(giftTime.Add(engine.GiftLineTime)), 1)
	require.Equal(t, "0:ann rose x3", shown(s.Lines()))
}

// In a shower of gifts the dear ones are shown, sooner or later.
func TestGiftStripPassesOverTheLeast(t *testing.T) {
	s := engine.NewGiftStrip(1)
	s.Add(given("first", "rose", 1, 1), giftTime)
	dear := given("dear", "crown", 2, 1)
	dear.Gift.Coins = 1 << 62
	s.Add(dear, giftTime)
	for i := range uint64(200) {
		s.Add(given("crowd", "rose", 3+i, 1), giftTime)
	}
	s.Add(given("dear", "crown", 2, 3), giftTime)
	var lines strings.Builder
	for now := giftTime; !s.Next().IsZero(); now = s.Next() {
		for _, l := range s.Advance(now) {
			lines.WriteString(string(l.Sender.UserID) + " ")
		}
	}
	require.Equal(t, "first dear "+strings.Repeat("crowd ", 49), lines.String())
}

// Whatever comes: no row has two lines, each combo has one, counts only grow, nothing stays for ever, and what has been
// shown was given.
func TestGiftStripModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rows := rapid.IntRange(1, 4).Draw(t, "rows")
		s, now := engine.NewGiftStrip(rows), giftTime
		counts, ended := map[string]int64{}, map[string]bool{}
		for range rapid.IntRange(0, 200).Draw(t, "steps") {
			if rapid.Bool().Draw(t, "gift") {
				combo := rapid.Uint64Range(1, 12).Draw(t, "combo")
				id := fmt.Sprint(combo)
				counts[id] += rapid.Int64Range(1, 9).Draw(t, "count")
				s.Add(given("x", id, combo, counts[id]), now)
				delete(ended, id)
			} else {
				now = now.Add(time.Duration(rapid.IntRange(0, 4000).Draw(t, "ms")) * time.Millisecond)
				for _, l := range s.Advance(now) {
					if ended[l.Gift.GiftID] {
						t.Fatalf("combo %s has ended twice", l.Gift.GiftID)
					}
					ended[l.Gift.GiftID] = true
				}
			}
			last, seen := -1, map[string]bool{}
			for _, l := range s.Lines() {
				if l.Row <= last || l.Row >= rows || seen[l.Gift.GiftID] || l.Count != counts[l.Gift.GiftID] || l.Until.After(now.Add(engine.GiftLineTime)) {
					t.Fatalf("%+v after row %d, %v", l, last, counts)
				}
				last, seen[l.Gift.GiftID] = l.Row, true
			}
		}
		for range 100 {
			if s.Next().IsZero() {
				return
			}
			now = now.Add(time.Hour)
			s.Advance(now)
		}
		t.Fatal("lines that never go")
	})
}
