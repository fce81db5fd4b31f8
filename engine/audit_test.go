package engine_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/signaling"
	"github.com/openvoiceroom/openvoiceroom/voiceroom/voiceroomtest"
)

// The owner reads who has done what, from whichever node and after its home's death; nobody else does.
func TestAuditLog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.Config{Nodes: 2}.NewServer(t)
		amy, ann, host := srv.NewUserOn(t, 0, "amy"), srv.NewUserOn(t, 0, "ann"), srv.NewUserOn(t, 1, "host")
		host.Start(t, "room")
		amy.Join(t, "room")
		ann.Join(t, "room")
		ctx := t.Context()
		require.NoError(t, host.Room().Members().ChangeUserRole(ctx, "amy", engine.Administrator))
		begin := time.Now().Truncate(time.Millisecond)
		require.NoError(t, amy.Room().Members().MuteUser(ctx, "ann", time.Minute))
		require.ErrorIs(t, ann.Room().Members().MuteUser(ctx, "amy", time.Minute), engine.ErrNeedManager)
		acts := readActs(t, host.Room())
		require.Equal(t, []string{"amy mute [ann]", "host role [amy]"}, acts)
		page, err := host.Room().FetchAuditLog(ctx, 0, 1)
		require.NoError(t, err)
		require.Len(t, page.Acts, 1)
		require.NotZero(t, page.Next)
		act := page.Acts[0]
		require.Equal(t, begin, time.UnixMilli(act.Time))
		require.Equal(t, begin.Add(time.Minute), time.UnixMilli(act.Until))
		page, err = host.Room().FetchAuditLog(ctx, page.Next, 1)
		require.NoError(t, err)
		require.Equal(t, signaling.ActRole, page.Acts[0].Kind)
		require.Equal(t, engine.Administrator, *page.Acts[0].Role)
		require.Zero(t, page.Next)

		_, err = amy.Room().FetchAuditLog(ctx, 0, 0)
		require.ErrorIs(t, err, engine.ErrNeedOwner)
		for _, err := range ann.Room().AuditLog(ctx) {
			require.ErrorIs(t, err, engine.ErrNeedOwner)
		}
		for _, count := range []int{-1, 51} {
			_, err = host.Room().FetchAuditLog(ctx, 0, count)
			require.ErrorIs(t, err, engine.ErrInvalidParameter)
		}

		// Many acts come in pages; who asks for too many pages a second waits.
		for i := range 60 {
			require.NoError(t, host.Room().SetRoomMetadata(ctx, map[string]string{"k": fmt.Sprint(i)}))
			time.Sleep(50 * time.Millisecond) // virtual
		}
		require.Len(t, readActs(t, host.Room()), 62)

		// Who gets the room reads what was before.
		require.NoError(t, host.Room().Members().ChangeUserRole(ctx, "ann", engine.RoomOwner))
		require.Equal(t, "host role [ann]", readActs(t, ann.Room())[0])
		require.Len(t, readActs(t, ann.Room()), 63)
		_, err = host.Room().FetchAuditLog(ctx, 0, 0)
		require.ErrorIs(t, err, engine.ErrNeedOwner)
	})
}

// A page of long acts ends before it is too large for a message.
func TestAuditLog_ofLongActs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.Config{}.NewServer(t)
		host := srv.NewUser(t, "host")
		host.Start(t, "room")
		for i := range 60 {
			require.NoError(t, host.Room().Members().BanUser(t.Context(), engine.UserID(fmt.Sprint("u", i)), time.Hour, strings.Repeat("<", 200)))
			time.Sleep(50 * time.Millisecond) // virtual
		}
		page, err := host.Room().FetchAuditLog(t.Context(), 0, 50)
		require.NoError(t, err)
		require.Less(t, len(page.Acts), 50)
		require.NotZero(t, page.Next)
		require.Len(t, readActs(t, host.Room()), 60)
	})
}

func readActs(t *testing.T, r *engine.Room) (list []string) {
	t.Helper()
	for a, err := range r.AuditLog(t.Context()) {
		require.NoError(t, err)
		list = append(list, fmt.Sprint(a.Operator, " ", a.Kind, " ", a.Users))
	}
	return list
}
