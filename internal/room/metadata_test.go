package room_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

type texts = map[string]string

func TestMetadata(t *testing.T) {
	long := func(n int) string { return strings.Repeat("x", n) }
	many := func(n, size int) texts {
		m := texts{}
		for i := range n {
			m[fmt.Sprint("k", i)] = long(size)
		}
		return m
	}
	for name, c := range map[string]struct {
		before texts
		do     room.Action
		after  texts
		told   signaling.MetadataChanged
		code   signaling.Code
	}{
		"none -> one":                      {nil, room.SetMetadata{Metadata: texts{"k": "v"}}, texts{"k": "v"}, signaling.MetadataChanged{Set: texts{"k": "v"}}, 0},
		"one -> another value":             {texts{"k": "v"}, room.SetMetadata{Metadata: texts{"k": "w"}}, texts{"k": "w"}, signaling.MetadataChanged{Set: texts{"k": "w"}}, 0},
		"one -> the same":                  {texts{"k": "v"}, room.SetMetadata{Metadata: texts{"k": "v"}}, texts{"k": "v"}, signaling.MetadataChanged{}, 0},
		"some -> only what is new is told": {texts{"k": "v", "l": "v"}, room.SetMetadata{Metadata: texts{"k": "v", "m": ""}}, texts{"k": "v", "l": "v", "m": ""}, signaling.MetadataChanged{Set: texts{"m": ""}}, 0},
		"an empty value is one":            {nil, room.SetMetadata{Metadata: texts{"k": ""}}, texts{"k": ""}, signaling.MetadataChanged{Set: texts{"k": ""}}, 0},
		"a line break in a value":          {nil, room.SetMetadata{Metadata: texts{"k": "a\nb\x00"}}, texts{"k": "a\nb\x00"}, signaling.MetadataChanged{Set: texts{"k": "a\nb\x00"}}, 0},
		"no key":                           {nil, room.SetMetadata{Metadata: texts{"": "v"}}, nil, signaling.MetadataChanged{}, -1001},
		"the longest key":                  {nil, room.SetMetadata{Metadata: texts{long(50): "v"}}, texts{long(50): "v"}, signaling.MetadataChanged{Set: texts{long(50): "v"}}, 0},
		"a longer key":                     {nil, room.SetMetadata{Metadata: texts{long(51): "v"}}, nil, signaling.MetadataChanged{}, 100504},
		"a control character in a key":     {nil, room.SetMetadata{Metadata: texts{"a\n": "v"}}, nil, signaling.MetadataChanged{}, -1001},
		"a value that is no UTF-8":         {nil, room.SetMetadata{Metadata: texts{"k": "\xff"}}, nil, signaling.MetadataChanged{}, -1001},
		"nothing to set":                   {nil, room.SetMetadata{}, nil, signaling.MetadataChanged{}, -1001},
		"ten keys":                         {many(9, 1), room.SetMetadata{Metadata: texts{"x": "v"}}, merge(many(9, 1), texts{"x": "v"}), signaling.MetadataChanged{Set: texts{"x": "v"}}, 0},
		"eleven keys":                      {many(10, 1), room.SetMetadata{Metadata: texts{"x": "v"}}, many(10, 1), signaling.MetadataChanged{}, 100500},
		"eleven at once":                   {nil, room.SetMetadata{Metadata: many(11, 1)}, nil, signaling.MetadataChanged{}, 100500},
		"the largest value":                {nil, room.SetMetadata{Metadata: texts{"k": long(2048)}}, texts{"k": long(2048)}, signaling.MetadataChanged{Set: texts{"k": long(2048)}}, 0},
		"a larger value":                   {nil, room.SetMetadata{Metadata: texts{"k": long(2049)}}, nil, signaling.MetadataChanged{}, 100501},
		"16 KiB":                           {many(7, 2048), room.SetMetadata{Metadata: texts{"x": long(2048)}}, merge(many(7, 2048), texts{"x": long(2048)}), signaling.MetadataChanged{Set: texts{"x": long(2048)}}, 0},
		"a byte more":                      {many(8, 2048), room.SetMetadata{Metadata: texts{"x": "v"}}, many(8, 2048), signaling.MetadataChanged{}, 100502},
		"a value instead of another":       {many(8, 2048), room.SetMetadata{Metadata: texts{"k0": long(2047), "x": "v"}}, merge(many(8, 2048), texts{"k0": long(2047), "x": "v"}), signaling.MetadataChanged{Set: texts{"k0": long(2047), "x": "v"}}, 0},
		"one is deleted":                   {texts{"k": "v", "l": "v"}, room.DeleteMetadata{Keys: []string{"k"}}, texts{"l": "v"}, signaling.MetadataChanged{Deleted: []string{"k"}}, 0},
		"all are":                          {texts{"k": "v", "l": "v"}, room.DeleteMetadata{Keys: []string{"l", "k", "l", "m"}}, nil, signaling.MetadataChanged{Deleted: []string{"k", "l"}}, 0},
		"one that is not there":            {texts{"k": "v"}, room.DeleteMetadata{Keys: []string{"m"}}, texts{"k": "v"}, signaling.MetadataChanged{}, 100503},
		"none":                             {texts{"k": "v"}, room.DeleteMetadata{}, texts{"k": "v"}, signaling.MetadataChanged{}, 100503},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, signaling.FreeToTake)
			if c.before != nil {
				s = then(t, s, cmd("0", "owner", room.SetMetadata{Metadata: c.before}))
			}
			after, events, err := room.Apply(s, cmd("1", "owner", c.do), t0)
			require.Equal(t, c.code, signaling.CodeOf(err), "%v", err)
			require.Equal(t, c.after, after.Texts())
			require.Equal(t, c.after, after.View(user("ann"), 1, 1).Metadata, "everybody sees it")
			if c.told.Set == nil && c.told.Deleted == nil {
				require.Empty(t, events)
				return
			}
			c.told.By = user("owner")
			c.told.By.Role = signaling.RoomOwner
			require.Equal(t, []room.Event{{Event: c.told}}, events)
		})
	}
}

func merge(a, b texts) texts {
	a = maps.Clone(a)
	maps.Copy(a, b)
	return a
}

// What members keep by the events is what the room has, and it never breaks a limit; the same state as a plain map with
// the same calls.
func TestMetadataFollowsTheEvents(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s, _, err := room.Apply(room.State{}, cmd("c", "owner", room.Create{Info: signaling.RoomInfo{RoomID: "r"}, SeatLimit: 20}), t0)
		require.NoError(t, err)
		kept, model := texts{}, texts{}
		key := rapid.Map(rapid.IntRange(0, 12), func(i int) string { return strings.Repeat("k", i) })
		value := rapid.Map(rapid.IntRange(0, 9), func(i int) string { return strings.Repeat("v", i*228) })
		t.Repeat(map[string]func(*rapid.T){
			"set": func(t *rapid.T) {
				set := rapid.MapOfN(key, value, 0, 4).Draw(t, "set")
				next, events, err := room.Apply(s, cmd("1", "owner", room.SetMetadata{Metadata: set}), t0)
				want := merge(model, set)
				total, large := 0, false
				for k, v := range want {
					total += len(v)
					large = large || k == "" || len(v) > room.MaxMetadataValue
				}
				if len(set) == 0 || large || len(want) > room.MaxMetadataKeys || total > room.MaxMetadata {
					require.Error(t, err)
				} else {
					require.NoError(t, err)
					model = want
				}
				follow(t, kept, events)
				s = next
			},
			"delete": func(t *rapid.T) {
				keys := rapid.SliceOfN(key, 0, 4).Draw(t, "keys")
				there := slices.ContainsFunc(keys, func(k string) bool { _, ok := model[k]; return ok })
				next, events, err := room.Apply(s, cmd("1", "owner", room.DeleteMetadata{Keys: keys}), t0)
				require.Equal(t, there, err == nil)
				for _, k := range keys {
					delete(model, k)
				}
				follow(t, kept, events)
				s = next
			},
			"": func(t *rapid.T) {
				require.Equal(t, model, kept)
				require.True(t, maps.Equal(model, s.Texts()))
				require.True(t, maps.Equal(model, roundTrip(t, s).Texts()))
			},
		})
	})
}

func follow(t require.TestingT, kept texts, events []room.Event) {
	for _, e := range events {
		changed := e.Event.(signaling.MetadataChanged)
		require.Nil(t, e.To)
		maps.Copy(kept, changed.Set)
		for _, k := range changed.Deleted {
			require.Contains(t, kept, k)
			delete(kept, k)
		}
	}
}

// The largest metadata and as many requests as fit beside it, in whichever order they come.
func TestState_withTheLargestMetadata_staysUnder64KB(t *testing.T) {
	for _, fill := range []string{"v", "<", "\x00"} {
		set := texts{}
		for i := range room.MaxMetadataKeys {
			set[fmt.Sprint(i)+strings.Repeat("<", room.MaxMetadataKey-1)] = strings.Repeat(fill, room.MaxMetadata/room.MaxMetadataKeys)
		}
		for _, seats := range []int{10, 20, 50} {
			requests, metadata := full(t, seats, "n"), full(t, seats, "n")
			owner := requests.Info.OwnerID
			_, _, err := room.Apply(requests, cmd("1", owner, room.SetMetadata{Metadata: set}), t0)
			require.ErrorIs(t, err, signaling.ErrLimit, "there is no place beside the requests")

			metadata.Requests = nil
			metadata = then(t, metadata, cmd("1", owner, room.SetMetadata{Metadata: set}))
			metadata.Seats[0] = signaling.SeatInfo{}
			for i := 0; ; i++ {
				who := signaling.UserInfo{UserID: signaling.UserID(fmt.Sprintf("%032d", i+5000)), UserName: strings.Repeat("n", 100), AvatarURL: strings.Repeat("a", 200)}
				next, _, err := room.Apply(metadata, room.Command{ID: fmt.Sprintf("%064d", i), By: who, Action: room.TakeSeat{Timeout: time.Hour}}, t0)
				if err != nil {
					require.ErrorIs(t, err, signaling.ErrLimit)
					require.Greater(t, i, 15, "some can always apply")
					break
				}
				metadata = next
			}
			b, err := json.Marshal(metadata)
			require.NoError(t, err)
			assert.Less(t, len(b), room.MaxStateBytes)

			// The entry that sets it holds it twice, as an event too.
			_, events, err := room.Apply(start(t, signaling.FreeToTake), cmd("1", "owner", room.SetMetadata{Metadata: set}), t0)
			require.NoError(t, err)
			e, err := json.Marshal(events)
			require.NoError(t, err)
			t.Logf("%q, %d seats: %d requests, %d bytes, %d of the event", fill, seats, len(metadata.Requests), len(b), len(e))
			assert.Less(t, len(b)+len(e), 200<<10, "the log takes 256 KB, and a turn may hold 48 KB of other events")
		}
	}
}
