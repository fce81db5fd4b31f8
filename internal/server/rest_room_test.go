package server

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// created is the answer to a create_room.
func created(id string) string {
	return `{"ActionStatus":"OK","ErrorInfo":"","ErrorCode":0,"RequestId":"ID","RoomId":"` + id + `"}`
}

// kill ends a node as kill -9 would.
func (w *world) kill(i int) {
	n := w.nodes[i]
	n.gone = true
	n.store.Kill()
	_ = n.srv.Close(context.Background()) // it cannot say goodbye
	require.NoError(w.t, n.web.Close())
	<-n.served
	require.NoError(w.t, n.store.Close())
}

// What a room says of itself goes through every way there is: from the app's server to members on another node by one
// event, into snapshots, and back to a third node's REST API, also when the room has got another home.
func TestRESTRoomInfo(t *testing.T) {
	inWorldOf(t, 3, func(t *testing.T, w *world) {
		const live = "live_engine_http_srv/"
		answers(t, created("r"), w.restAt(0, live+"create_room", w.restQuery(), `{"RoomInfo":{"RoomId":"r","RoomType":"Live","Owner_Account":"host",`+
			`"CoverURL":"c1","IsMessageDisabled":true,"Category":[7],"ActivityStatus":3,"IsPublicVisible":false}}`))
		host := w.member(1, "host")
		var s signaling.Snapshot
		host.must(signaling.MethodSnapshot, signaling.RoomParams{RoomID: "r"}, &s)
		require.Equal(t, "c1 true [7] 3 true", fmt.Sprint(s.Room.CoverURL, " ", s.Room.MessageDisabled, s.Room.Categories, s.Room.ActivityStatus, s.Room.Hidden))
		time.Sleep(time.Second)
		host.told()

		answers(t, restOK, w.restAt(2, live+"update_room_info", w.restQuery(), `{"RoomInfo":{"RoomId":"r","RoomName":"New","CoverURL":"c2","IsMessageDisabled":false,"Category":[1,2,3],"ActivityStatus":4,"IsPublicVisible":true,"CustomInfo":"x"}}`))
		synctest.Wait()
		told := host.told()
		require.Len(t, told, 1, "one event for all of it")
		require.Contains(t, told[0], `"coverUrl":"c2","categoryList":[1,2,3],"activityStatus":4,"customInfo":"x","viewCount":1}`)

		// Clients may set what the REST API cannot.
		host.must(signaling.MethodUpdateRoom, map[string]any{"roomId": "r", "backgroundUrl": "b", "isMessageDisabled": true, "categoryList": []int{}}, nil)
		told = host.told()
		require.Len(t, told, 1)
		require.Contains(t, told[0], `"coverUrl":"c2","backgroundUrl":"b","activityStatus":4,"customInfo":"x","isMessageDisabled":true,"viewCount":1}`)
		require.Error(t, errOf(host.call(signaling.MethodUpdateRoom, map[string]any{"roomId": "r", "coverUrl": strings.Repeat("x", 201)})))

		w.kill(0)
		time.Sleep(10 * time.Second)
		answers(t, response(`{"RoomInfo":{"RoomId":"r","RoomName":"New","RoomType":"Live","Owner_Account":"host","CreateTime":946684800,"IsSeatEnabled":false,"TakeSeatMode":"ApplyToTake","MaxSeatCount":0,"MaxMemberCount":100000,`+
			`"IsMessageDisabled":true,"CoverURL":"c2","Category":[],"ActivityStatus":4,"ViewCount":1,"IsPublicVisible":true,"CustomInfo":"x"}}`), w.restAt(2, live+"get_room_info", w.restQuery(), `{"RoomId":"r"}`))
	})
}

// Public rooms, those first that were entered most often, in pages without a hole; the same at whichever node.
func TestRESTRoomList(t *testing.T) {
	inWorldOf(t, 2, func(t *testing.T, w *world) {
		const live = "live_engine_http_srv/"
		for i := range 45 {
			create := fmt.Sprintf(`{"RoomInfo":{"RoomId":"r%d","RoomType":"Live","IsPublicVisible":%t,"Category":[%d]}}`, i, i%10 != 3, i)
			answers(t, created(fmt.Sprint("r", i)), w.restAt(i%2, live+"create_room", w.restQuery(), create))
			time.Sleep(time.Millisecond)
		}
		enter := func(room signaling.RoomID, times int) {
			for i := range times {
				c := w.login(signaling.UserID(fmt.Sprint("u", i)))
				c.must(signaling.MethodJoinRoom, signaling.JoinParams{RoomID: room}, nil)
				c.must(signaling.MethodLeaveRoom, signaling.RoomParams{RoomID: room}, nil)
			}
		}
		enter("r30", 3)
		enter("r7", 2)
		enter("r13", 4) // hidden
		enter("r44", 2)
		time.Sleep(2 * time.Second)
		list := func(node int) (ids []string) {
			next := ""
			for {
				got := w.restAt(node, live+"get_room_list", w.restQuery(), `{"Next":"`+next+`","Count":20}`)
				require.Contains(t, got, `"ErrorCode":0`)
				_, got, _ = strings.Cut(got, `"Next":"`)
				next, got, _ = strings.Cut(got, `"`)
				for i, part := range strings.Split(got, `"RoomId":"`) {
					if i > 0 {
						id, _, _ := strings.Cut(part, `"`)
						ids = append(ids, id)
					}
				}
				if next == "" {
					return ids
				}
				time.Sleep(time.Second)
			}
		}
		want := []string{"r30", "r7", "r44"}
		for i := range 44 {
			if i%10 != 3 && i != 7 && i != 30 {
				want = append(want, fmt.Sprint("r", i))
			}
		}
		require.Equal(t, want, list(0))
		require.Equal(t, want, list(1))
	})
}
