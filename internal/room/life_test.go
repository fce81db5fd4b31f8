package room_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

func TestLifeRules_haveTheDocumentsBounds(t *testing.T) {
	ok := room.LifeRules{Empty: room.DefaultEmpty}
	for name, row := range map[string]struct {
		change func(*room.LifeRules)
		good   bool
	}{
		"the defaults":                {func(*room.LifeRules) {}, true},
		"empty for 10 minutes":        {func(r *room.LifeRules) { r.Empty = 10 * time.Minute }, true},
		"empty for a second less":     {func(r *room.LifeRules) { r.Empty = 10*time.Minute - time.Second }, false},
		"empty for a day":             {func(r *room.LifeRules) { r.Empty = 24 * time.Hour }, true},
		"empty for longer":            {func(r *room.LifeRules) { r.Empty = 24*time.Hour + time.Second }, false},
		"empty for ever":              {func(r *room.LifeRules) { r.Empty = 0 }, false},
		"owner left for 2 minutes":    {func(r *room.LifeRules) { r.OwnerLeft = 2 * time.Minute }, true},
		"owner left for less":         {func(r *room.LifeRules) { r.OwnerLeft = 2*time.Minute - time.Second }, false},
		"owner left for 12 hours":     {func(r *room.LifeRules) { r.OwnerLeft = 12 * time.Hour }, true},
		"owner left for more":         {func(r *room.LifeRules) { r.OwnerLeft = 12*time.Hour + time.Second }, false},
		"owner left for less than no": {func(r *room.LifeRules) { r.OwnerLeft = -time.Hour }, false},
		"owner lost for 2 minutes":    {func(r *room.LifeRules) { r.OwnerLost = 2 * time.Minute }, true},
		"owner lost for less":         {func(r *room.LifeRules) { r.OwnerLost = time.Minute }, false},
		"owner lost for 12 hours":     {func(r *room.LifeRules) { r.OwnerLost = 12 * time.Hour }, true},
		"owner lost for more":         {func(r *room.LifeRules) { r.OwnerLost = 13 * time.Hour }, false},
	} {
		t.Run(name, func(t *testing.T) {
			r := ok
			row.change(&r)
			err := r.Check()
			require.Equal(t, row.good, err == nil, "%v", err)
			if err != nil {
				require.ErrorIs(t, err, signaling.ErrInvalidParameter)
			}
		})
	}
}

// What a room remembers of who was there, step by step, and when it ends by that. "." is a minute.
func TestLife(t *testing.T) {
	rules := room.LifeRules{Empty: 30 * time.Minute, OwnerLeft: 10 * time.Minute, OwnerLost: 20 * time.Minute}
	const never = -1
	for name, row := range map[string]struct {
		steps string // a minute each: o the owner and others are here, m others alone, e nobody, l the owner leaves by will, h the owner hands over
		ends  int    // minutes after the first step
	}{
		"nobody has ever come":                                      {"-eee", never},
		"a member, without an owner who ever came":                  {"mmm", never},
		"everybody is here":                                         {"ooo", never},
		"a member has gone":                                         {"mee", 1 + 30},
		"and has come back":                                         {"meem", never},
		"and has gone again":                                        {"meeme", 4 + 30},
		"the owner is lost":                                         {"omm", 1 + 20},
		"the owner is lost and back":                                {"ommo", never},
		"the owner is lost, then everybody goes":                    {"omeee", 1 + 20},
		"the owner leaves":                                          {"olmm", 1 + 10},
		"the owner leaves an empty room":                            {"oleee", 1 + 10},
		"the owner leaves and comes back":                           {"olmo", never},
		"and is lost then":                                          {"olmom", 4 + 20},
		"the owner leaves after everybody":                          {"ole", 1 + 10},
		"the owner leaves, and somebody who is here takes the room": {"olmh", never},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, signaling.FreeToTake)
			now := t0
			for i, step := range row.steps {
				now = t0.Add(time.Duration(i) * time.Minute)
				if step != '-' && i == 0 {
					s.Info.ViewCount = 1
				}
				switch step {
				case 'o':
					s = s.Attended(true, true, now)
				case 'm':
					s = s.Attended(true, false, now)
				case 'e':
					s = s.Attended(false, false, now)
				case 'l':
					s = s.LeftByOwner(now).Attended(true, false, now)
				case 'h':
					next, _, err := room.Apply(s, room.Command{ID: "h", App: true, By: user("x"), Action: room.ChangeRole{User: "ann", Role: signaling.RoomOwner, Present: true}}, now)
					require.NoError(t, err)
					s = next.Attended(true, true, now)
				}
				s = copyOf(t, s)
			}
			at, ok := s.Lapses(rules)
			require.Equal(t, row.ends != never, ok)
			lapse := room.Command{Action: room.Lapse{Rules: rules}}
			if !ok {
				_, events, err := room.Apply(s, lapse, now.Add(100*time.Hour))
				require.NoError(t, err)
				require.Empty(t, events)
				return
			}
			require.Equal(t, t0.Add(time.Duration(row.ends)*time.Minute).UnixMilli(), at.UnixMilli())
			_, events, err := room.Apply(s, lapse, at.Add(-time.Millisecond))
			require.NoError(t, err)
			require.Empty(t, events, "too early")
			over, events, err := room.Apply(s, lapse, at)
			require.NoError(t, err)
			require.Equal(t, []room.Event{{Event: signaling.RoomDismissed{Reason: signaling.DismissedByServer}}}, events)
			_, ok = over.Lapses(rules)
			require.False(t, ok)
		})
	}
}

func TestLife_ofARuleThatIsOff_endsNothing(t *testing.T) {
	s := start(t, signaling.FreeToTake)
	s.Info.ViewCount = 1
	left := s.Attended(true, true, t0).LeftByOwner(t0)
	lost := s.Attended(true, true, t0).Attended(true, false, t0)
	for _, s := range []room.State{left, lost} {
		_, ok := s.Lapses(room.LifeRules{Empty: time.Hour})
		require.False(t, ok)
	}
	_, ok := left.Lapses(room.LifeRules{Empty: time.Hour, OwnerLost: time.Hour})
	require.False(t, ok)
	_, ok = lost.Lapses(room.LifeRules{Empty: time.Hour, OwnerLeft: time.Hour})
	require.False(t, ok)
}

// The audit log says by which rule a room has ended, and of a password that there is one.
func TestActs_ofTheServerAndOfPasswords(t *testing.T) {
	s := start(t, signaling.FreeToTake)
	s.Info.ViewCount = 1
	acts := func(s room.State, c room.Command) (room.State, []signaling.Act) {
		next, _, err := room.Apply(s, c, t0.Add(time.Hour))
		require.NoError(t, err)
		return next, c.Acts(s, next, t0)
	}
	rules := room.LifeRules{Empty: 10 * time.Minute, OwnerLeft: 5 * time.Minute}
	for rule, s := range map[string]room.State{"empty": s.Attended(false, false, t0), "owner left": s.Attended(true, true, t0).LeftByOwner(t0).Attended(false, false, t0)} {
		_, list := acts(s, room.Command{Action: room.Lapse{Rules: rules}})
		require.Equal(t, []signaling.Act{{Time: t0.UnixMilli(), Kind: signaling.ActDismiss, Reason: rule}}, list)
	}
	_, list := acts(s, room.Command{Action: room.Lapse{Rules: rules}})
	require.Empty(t, list)

	changes := func(s room.State, p room.Password) (room.State, any) {
		next, list := acts(s, cmd("p", "owner", room.Update{Password: &p}))
		if len(list) == 0 {
			return next, nil
		}
		require.Len(t, list, 1)
		require.Equal(t, signaling.ActUpdateRoom, list[0].Kind)
		return next, list[0].Changes
	}
	password := func(b byte) room.Password {
		return room.Password{Salt: bytes.Repeat([]byte{b}, room.PasswordSalt), Hash: bytes.Repeat([]byte{b}, room.PasswordHash)}
	}
	s, got := changes(s, password(1))
	require.Equal(t, map[string]string{"hasPassword": "true"}, got)
	s, got = changes(s, password(2))
	require.Equal(t, map[string]string{"hasPassword": "true"}, got, "another")
	s, got = changes(s, room.Password{})
	require.Equal(t, map[string]string{"hasPassword": "false"}, got)
	_, got = changes(s, room.Password{})
	require.Nil(t, got)
}
