package room_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

func TestUnknownActionsAreRefused(t *testing.T) {
	_, _, err := room.Apply(start(t, signaling.FreeToTake), cmd("1", "ann", nil), t0)
	require.ErrorIs(t, err, signaling.ErrBadRequest)
	var c room.Command
	require.Error(t, json.Unmarshal([]byte(`{"type":"fly"}`), &c))
}

func TestView_showsManagersEveryRequest_andOthersTheirOwn(t *testing.T) {
	s := then(t, start(t, signaling.ApplyToTake), cmd("1", "ann", room.TakeSeat{}), cmd("2", "bob", room.TakeSeat{}))
	for who, n := range map[signaling.UserID]int{"owner": 2, "admin": 2, "ann": 1, "bob": 1, "cid": 0, "": 0} {
		v := s.View(user(who), 7, 3)
		assert.Len(t, v.Requests, n, who)
		assert.Equal(t, 3, v.Room.MemberCount)
		assert.Equal(t, s.RoleOf(who), v.Self.Role)
		assert.Equal(t, []signaling.UserID{"admin"}, v.Admins, "everybody may know the roles")
	}
	assert.Equal(t, signaling.GeneralUser, room.State{}.RoleOf(""), "nobody owns a room that does not exist")
	assert.ElementsMatch(t, []signaling.UserID{"ann", "bob"}, s.Bound())
}
