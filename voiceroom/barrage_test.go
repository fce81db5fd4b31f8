package voiceroom_test

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/signaling/usersig"
	"github.com/openvoiceroom/openvoiceroom/voiceroom"
	"github.com/openvoiceroom/openvoiceroom/voiceroom/voiceroomtest"
)

// lines is a chat as people read it.
func lines(list []engine.Barrage) []string {
	out := []string{}
	for _, b := range list {
		out = append(out, string(b.Sender.UserID)+": "+b.Text+b.BusinessID)
	}
	return out
}

// reader shows every line as it comes.
type reader []string

func (r *reader) of(room *voiceroom.Room) {
	room.Room().AddObserver(&engine.RoomObserver{OnReceiveBarrage: func(_ engine.RoomID, b engine.Barrage) {
		*r = append(*r, lines([]engine.Barrage{b})...)
	}})
}

// Two people chat, on two nodes.
func TestChat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.Config{Nodes: 2}.NewServer(t)
		host, guest := srv.NewUserOn(t, 0, "host"), srv.NewUserOn(t, 1, "guest")
		own, err := voiceroom.CreateRoom(t.Context(), host.Engine, "room", voiceroom.CreateRoomParams{})
		require.NoError(t, err)
		_, err = own.Chat.SendBarrage(t.Context(), "nobody here yet", nil)
		require.NoError(t, err)
		room, err := voiceroom.EnterRoom(t.Context(), guest.Engine, "room")
		require.NoError(t, err)
		var hostReads, guestReads reader
		hostReads.of(own)
		guestReads.of(room)

		first, err := room.Chat.SendBarrage(t.Context(), "hello 👋🏽", map[string]string{"color": "red"})
		require.NoError(t, err)
		second, err := own.Chat.SendCustomBarrage(t.Context(), "app", `{"a":1}`, map[string]string{"TYPE": "X"})
		require.NoError(t, err)
		synctest.Wait()
		require.Equal(t, reader{"guest: hello 👋🏽", "host: app"}, hostReads)
		require.Equal(t, hostReads, guestReads, "one's own comes when the server has taken it")
		require.Equal(t, []engine.Barrage{first, second}, room.Chat.Barrages(), "with sender, number, time and extension")
		require.Equal(t, []engine.Barrage{first, second}, own.Chat.Barrages()[1:])
		require.Equal(t, engine.BarrageCustom, second.Type)
		require.Equal(t, engine.RoomOwner, second.Sender.Role)

		require.NoError(t, room.Chat.LocalBarrage(engine.Barrage{Sender: engine.UserInfo{UserID: "eva"}, Text: "entered the room", Sequence: 1}))
		history, err := room.Chat.FetchBarrageHistory(t.Context())
		require.NoError(t, err)
		want := []string{"host: nobody here yet", "guest: hello 👋🏽", "host: app"}
		require.Equal(t, want, lines(history))
		require.Equal(t, append(want, "eva: entered the room"), lines(room.Chat.Barrages()), "what was said before comes before")
		require.Equal(t, want, lines(own.Chat.Barrages()), "nobody else sees a local line")
		require.Zero(t, room.Chat.Barrages()[3].Sequence)
		synctest.Wait()
		require.Equal(t, reader{"guest: hello 👋🏽", "host: app", "eva: entered the room", "host: nobody here yet"}, guestReads)

		_, err = room.Chat.SendBarrage(t.Context(), strings.Repeat("x", 2049), nil)
		require.ErrorIs(t, err, engine.ErrInvalidParameter)
		require.NoError(t, room.Close())
		require.Empty(t, room.Chat.Barrages(), "another room begins with nothing")
		_, err = room.Chat.SendBarrage(t.Context(), "gone", nil)
		require.ErrorIs(t, err, engine.ErrNotInRoom)
		require.ErrorIs(t, room.Chat.LocalBarrage(engine.Barrage{}), engine.ErrNotInRoom)
		require.NoError(t, own.Close())
	})
}

// rest calls a command of the live service as the app's server.
func rest(t *testing.T, srv *voiceroomtest.Server, command, body string) {
	t.Helper()
	sig, err := usersig.Mint(voiceroomtest.App, voiceroomtest.Secret, "administrator", time.Hour, time.Now())
	require.NoError(t, err)
	query := url.Values{
		"sdkappid": {fmt.Sprint(voiceroomtest.App)}, "identifier": {"administrator"}, "usersig": {sig}, "random": {"1"}, "contenttype": {"json"},
	}.Encode()
	resp, err := srv.HTTPClient(t).Post(srv.NodeURL(1)+"/v4/live_engine_http_srv/"+command+"?"+query, "application/json", strings.NewReader(body))
	require.NoError(t, err)
	defer resp.Body.Close()
	var answer struct {
		ErrorCode int
		ErrorInfo string
	}
	require.NoError(t, json.NewDecoder(resp.Body).Decode(&answer))
	require.Zero(t, answer.ErrorCode, answer.ErrorInfo)
	synctest.Wait()
}

// The app's server mutes a member, and then everybody.
func TestChatMutedByTheApp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.Config{Nodes: 2}.NewServer(t)
		host, guest := srv.NewUserOn(t, 0, "host"), srv.NewUserOn(t, 1, "guest")
		own, err := voiceroom.CreateRoom(t.Context(), host.Engine, "room", voiceroom.CreateRoomParams{})
		require.NoError(t, err)
		room, err := voiceroom.EnterRoom(t.Context(), guest.Engine, "room")
		require.NoError(t, err)
		rest(t, srv, "mute_member", `{"RoomId":"room","MemberList_Account":["guest"],"MuteTime":60}`)
		_, err = room.Chat.SendBarrage(t.Context(), "x", nil)
		require.ErrorIs(t, err, engine.ErrMessageDisabled)
		time.Sleep(time.Minute)
		_, err = room.Chat.SendBarrage(t.Context(), "again", nil)
		require.NoError(t, err)
		rest(t, srv, "update_room_info", `{"RoomInfo":{"RoomId":"room","IsMessageDisabled":true}}`)
		_, err = room.Chat.SendBarrage(t.Context(), "x", nil)
		require.ErrorIs(t, err, engine.ErrAllMessagesDisabled)
		_, err = own.Chat.SendBarrage(t.Context(), "managers may", nil)
		require.NoError(t, err)
		synctest.Wait()
		require.Equal(t, []string{"guest: again", "host: managers may"}, lines(room.Chat.Barrages()))
		require.NoError(t, own.Close())
	})
}

// A client whose connection breaks is told what was said meanwhile, and shows nothing twice.
func TestChatOverABrokenConnection(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.NewServer(t)
		host, guest := srv.NewUser(t, "host"), srv.NewUser(t, "guest")
		own, err := voiceroom.CreateRoom(t.Context(), host.Engine, "room", voiceroom.CreateRoomParams{})
		require.NoError(t, err)
		room, err := voiceroom.EnterRoom(t.Context(), guest.Engine, "room")
		require.NoError(t, err)
		var reads reader
		reads.of(room)
		want := []string{}
		say := func(text string) {
			_, err := own.Chat.SendBarrage(t.Context(), text, nil)
			require.NoError(t, err)
			want = append(want, "host: "+text)
		}
		say("before")
		synctest.Wait()
		guest.SetOffline(true)
		guest.ResetConnection()
		for i := range 3 {
			say(fmt.Sprint(i))
		}
		guest.SetOffline(false)
		time.Sleep(20 * time.Second)
		say("after")
		synctest.Wait()
		require.Equal(t, reader(want), reads)
		require.Equal(t, want, lines(room.Chat.Barrages()))
		require.NoError(t, own.Close())
	})
}

// The node that decides the room dies with the host's connection, while both chat.
func TestChatWhileANodeDies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.Config{Nodes: 3}.NewServer(t)
		host, guest, third := srv.NewUserOn(t, 0, "host"), srv.NewUserOn(t, 1, "guest"), srv.NewUserOn(t, 2, "third")
		own, err := voiceroom.CreateRoom(t.Context(), host.Engine, "room", voiceroom.CreateRoomParams{})
		require.NoError(t, err)
		room, err := voiceroom.EnterRoom(t.Context(), guest.Engine, "room")
		require.NoError(t, err)
		other, err := voiceroom.EnterRoom(t.Context(), third.Engine, "room")
		require.NoError(t, err)
		say := func(r *voiceroom.Room, text string) {
			t.Helper()
			_, err := r.Chat.SendBarrage(t.Context(), text, nil)
			require.NoError(t, err)
		}
		want := []string{}
		for i := range 30 {
			if i == 10 {
				srv.KillNode(t, 0)
			}
			say(room, fmt.Sprint(i))
			say(own, fmt.Sprint(i))
			want = append(want, fmt.Sprint("guest: ", i), fmt.Sprint("host: ", i))
			time.Sleep(100 * time.Millisecond)
		}
		synctest.Wait()
		for _, r := range []*voiceroom.Room{own, room, other} {
			require.Equal(t, want, lines(r.Chat.Barrages()))
		}
		require.NoError(t, own.Close())
	})
}
