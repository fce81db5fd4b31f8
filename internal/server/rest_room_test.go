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
		answers(t, restOK, w.restAt(0, "im_open_login_svc/account_import", w.restQuery(), `{"UserID":"host"}`))
		answers(t, created("r"), w.restAt(0, live+"create_room", w.restQuery(), `{"RoomInfo":{"RoomId":"r","RoomType":"Live","Owner_Account":"host",`+
			`"CoverURL":"c1","IsMessageDisabled":true,"Category":[7],"ActivityStatus":3,"IsPublicVisible":false}}`))
		host := w.member(1, "host")
		var s signaling.Snapshot
		host.must(signaling.MethodSnapshot, signaling.RoomParams{RoomID: "r"}, &s)
		require.Equal(t, "c1 true [7] 3 true", fmt.Sprint(s.Room.CoverURL, " ", s.Room.MessageDisabled, s.Room.Categories, s.Room.ActivityStatus, s.Room.Hidden))
		time.Sleep(time.Second)
		host.told()

		answers(t, restOK, w.restAt(2, live+"update_room_info", w.restQuery(), `{"RoomInfo":{"RoomId":"r","RoomName":"New","CoverURL":"c2","IsMessageDisabled":false,"Category":[1,2,3],"ActivityStatus":4,"IsPublicVisible":true,"CustomInfo":"x","IsLikeEnabled":true}}`))
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
			`"IsMessageDisabled":true,"CoverURL":"c2","Category":[],"ActivityStatus":4,"ViewCount":1,"IsPublicVisible":true,"CustomInfo":"x","IsLikeEnabled":true,"HasPassword":false}}`), w.restAt(2, live+"get_room_info", w.restQuery(), `{"RoomId":"r"}`))
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

// pairs is the metadata of n keys with values of so many bytes.
func pairs(n, size int) string {
	var list []string
	for i := range n {
		list = append(list, fmt.Sprintf(`{"Key":"key%d","Value":"%s"}`, i, strings.Repeat("x", size)))
	}
	return strings.Join(list, ",")
}

func TestRESTMetadataCommands(t *testing.T) {
	runRows(t, []restRow{
		{"set_room_metadata", `{"RoomId":"r","Metadata":[{"Key":"key1","Value":"value1"},{"Key":"key2","Value":""}]}`, restOK},
		{"set_room_metadata", `{"RoomId":"bare","Metadata":[{"Key":"mood","Value":"blue"}]}`, restOK},
		{"set_room_metadata", `{"RoomId":"bare","Metadata":[` + pairs(10, 1) + `]}`, fail(100500, "the room would have 12 keys of metadata; 10 are allowed")},
		{"set_room_metadata", `{"RoomId":"r","Metadata":[` + pairs(11, 1) + `]}`, fail(100500, "the room would have 11 keys")},
		{"set_room_metadata", `{"RoomId":"r","Metadata":[` + pairs(1, 2049) + `]}`, fail(100501, `the value of \"key0\" has 2049 bytes; 2048 are allowed`)},
		{"set_room_metadata", `{"RoomId":"r","Metadata":[` + pairs(10, 1640) + `]}`, fail(100502, "the room's metadata would have 16400 bytes; 16384 are allowed")},
		{"set_room_metadata", `{"RoomId":"r","Metadata":[{"Key":"` + strings.Repeat("k", 51) + `","Value":"v"}]}`, fail(100504, "a key of metadata has 51 bytes; 50 are allowed")},
		{"set_room_metadata", `{"RoomId":"r","Metadata":[{"Key":"","Value":"v"}]}`, fail(100002, "a key of metadata is some UTF-8")},
		{"set_room_metadata", `{"RoomId":"r","Metadata":[{"Key":"k","Value":"v"},{"Key":"k","Value":"w"}]}`, fail(100002, `Metadata has the key \"k\" twice`)},
		{"set_room_metadata", `{"RoomId":"r","Metadata":[{"Key":"k"}]}`, fail(100002, "Metadata is required: each of its objects has Key and Value")},
		{"set_room_metadata", `{"RoomId":"r","Metadata":[{"Key":"k","Value":1}]}`, fail(100002, "Value cannot be a JSON number")},
		{"set_room_metadata", `{"RoomId":"r","Metadata":[]}`, fail(100002, "Metadata is required")},
		{"set_room_metadata", `{"RoomId":"none","Metadata":[{"Key":"k","Value":"v"}]}`, fail(100004, noRoom)},
		{"set_room_metadata", `{"Metadata":[{"Key":"k","Value":"v"}]}`, fail(100002, badID)},

		{"get_room_metadata", `{"RoomId":"bare","Keys":[]}`, response(`{"Metadata":[{"Key":"mood","Value":"blue \u003c"},{"Key":"theme","Value":"jazz"}]}`)},
		{"get_room_metadata", `{"RoomId":"bare","Keys":["theme","none"]}`, response(`{"Metadata":[{"Key":"theme","Value":"jazz"}]}`)},
		{"get_room_metadata", `{"RoomId":"r","Keys":[]}`, response(`{"Metadata":[]}`)},
		{"get_room_metadata", `{"RoomId":"r"}`, fail(100002, "Keys is required")},
		{"get_room_metadata", `{"RoomId":"none","Keys":[]}`, fail(100004, noRoom)},
		{"get_room_metadata", `{"Keys":[]}`, fail(100002, badID)},

		{"del_room_metadata", `{"RoomId":"bare","Keys":["theme","none"]}`, restOK},
		{"del_room_metadata", `{"RoomId":"bare","Keys":["none"]}`, fail(100503, "the room's metadata has none of these keys")},
		{"del_room_metadata", `{"RoomId":"bare","Keys":[]}`, fail(100002, "Keys is required: one key at least")},
		{"del_room_metadata", `{"RoomId":"none","Keys":["k"]}`, fail(100004, noRoom)},
		{"del_room_metadata", `{"Keys":["k"]}`, fail(100002, badID)},
	})
}

// Metadata is told to members at once, is in the snapshots of those who come later, and outlives the room's home.
func TestRESTMetadata(t *testing.T) {
	inWorldOf(t, 3, func(t *testing.T, w *world) {
		const live = "live_engine_http_srv/"
		answers(t, restOK, w.restAt(0, "im_open_login_svc/account_import", w.restQuery(), `{"UserID":"host"}`))
		answers(t, created("r"), w.restAt(0, live+"create_room", w.restQuery(), `{"RoomInfo":{"RoomId":"r","RoomType":"Live","Owner_Account":"host"}}`))
		host, ann := w.member(1, "host"), w.member(1, "ann")
		time.Sleep(time.Second)
		host.told()
		ann.told()
		call := func(command, body string, want ...string) {
			t.Helper()
			answers(t, restOK, w.restAt(2, live+command, w.restQuery(), body))
			synctest.Wait()
			require.Equal(t, want, host.told())
			require.Equal(t, want, ann.told())
		}
		const by = `"by":{"userId":"administrator","userRole":2}}`
		call("set_room_metadata", `{"RoomId":"r","Metadata":[{"Key":"a","Value":"1"},{"Key":"b","Value":"2"}]}`, `metadataChanged {"set":{"a":"1","b":"2"},`+by)
		call("set_room_metadata", `{"RoomId":"r","Metadata":[{"Key":"a","Value":"1"},{"Key":"b","Value":"3"}]}`, `metadataChanged {"set":{"b":"3"},`+by)
		call("set_room_metadata", `{"RoomId":"r","Metadata":[{"Key":"a","Value":"1"}]}`)
		host.must(signaling.MethodSetMetadata, map[string]any{"roomId": "r", "metadata": map[string]string{"c": "4"}}, nil)
		require.ErrorIs(t, errOf(ann.call(signaling.MethodSetMetadata, map[string]any{"roomId": "r", "metadata": map[string]string{"c": "5"}})), signaling.ErrNeedManager)
		host.must(signaling.MethodDeleteMetadata, map[string]any{"roomId": "r", "keys": []string{"b"}}, nil)
		ann.told()
		host.told()

		w.kill(0)
		time.Sleep(10 * time.Second)
		host.told()
		ann.told()
		call("del_room_metadata", `{"RoomId":"r","Keys":["a"]}`, `metadataChanged {"deleted":["a"],`+by)
		answers(t, response(`{"Metadata":[{"Key":"c","Value":"4"}]}`), w.restAt(2, live+"get_room_metadata", w.restQuery(), `{"RoomId":"r","Keys":[]}`))
		var s signaling.Snapshot
		w.member(2, "tom").must(signaling.MethodSnapshot, signaling.RoomParams{RoomID: "r"}, &s)
		require.Equal(t, map[string]string{"c": "4"}, s.Metadata)
	})
}
