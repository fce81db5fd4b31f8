package server

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// censor is an app's server that is asked about chat: it refuses "bad", replaces "rude", takes a while about "slow" and does
// not answer about "mute".
type censor struct {
	mu    sync.Mutex
	asked []string
}

func (c *censor) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	var q struct {
		Text string           `json:"TextContent"`
		From signaling.UserID `json:"From_Account"`
		Role int              `json:"FromRole"`
	}
	body, err := io.ReadAll(r.Body)
	if err != nil || json.Unmarshal(body, &q) != nil {
		rw.WriteHeader(http.StatusBadRequest)
		return
	}
	c.mu.Lock()
	c.asked = append(c.asked, fmt.Sprint(q.From, "(", q.Role, ") ", q.Text))
	c.mu.Unlock()
	switch word, _, _ := strings.Cut(q.Text, " "); word {
	case "bad":
		io.WriteString(rw, `{"ActionStatus":"FAIL","ErrorInfo":"mind your words","ErrorCode":1}`)
	case "own":
		io.WriteString(rw, `{"ActionStatus":"FAIL","ErrorInfo":"level 3 is needed","ErrorCode":120007}`)
	case "rude":
		io.WriteString(rw, `{"ActionStatus":"OK","ErrorInfo":"","ErrorCode":0,"TextContent":"****","ExtensionInfo":{"by":"app"}}`)
	case "mute":
		<-r.Context().Done()
	case "slow":
		time.Sleep(time.Second)
		fallthrough
	default:
		io.WriteString(rw, `{"ActionStatus":"OK","ErrorInfo":"","ErrorCode":0}`)
	}
}

func (c *censor) take() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	list := c.asked
	c.asked = nil
	return list
}

// censor has the app asked about chat from now on.
func (w *world) censor(t *testing.T, onNoAnswer string) *censor {
	t.Helper()
	c := &censor{}
	l, err := w.net.Listen("censor:80")
	require.NoError(t, err)
	web, served := &http.Server{Handler: c}, make(chan struct{})
	go func() { defer close(served); _ = web.Serve(l) }()
	t.Cleanup(func() { require.NoError(t, web.Close()); <-served })
	require.Equal(t, restOK, w.console("set_moderation", `{"Url":"http://censor/say","OnNoAnswer":"`+onNoAnswer+`"}`))
	time.Sleep(time.Second) // the other nodes hear of it
	return c
}

// sendText sends a text without waiting for the answer, and returns the call's id.
func (c *raw) sendText(text string) int64 {
	c.t.Helper()
	c.lastID++
	b, err := signaling.EncodeCall(c.lastID, signaling.MethodSendBarrage, signaling.SendBarrageParams{RoomID: "r", CommandID: text, Text: text})
	require.NoError(c.t, err)
	c.send(string(b))
	return c.lastID
}

func chatters(w *world, users ...signaling.UserID) (list []*raw) {
	for i, u := range users {
		c := w.dialAt(i % len(w.nodes))
		c.must(signaling.MethodLogin, signaling.LoginParams{SDKAppID: app, UserID: u, UserSig: w.sig(u)}, nil)
		if i == 0 {
			c.must(signaling.MethodCreateRoom, signaling.CreateRoomParams{Room: signaling.RoomInfo{RoomID: "r"}}, nil)
		}
		c.must(signaling.MethodJoinRoom, signaling.JoinParams{RoomID: "r"}, nil)
		list = append(list, c)
	}
	return list
}

// What the app lets through is said, what it replaces is said so, to the sender too, and of what it refuses nobody hears.
// Everybody's messages are put before it, and those of who may not chat are not.
func TestModeration(t *testing.T) {
	inWorldOf(t, 2, func(t *testing.T, w *world) {
		users := chatters(w, "host", "ann", "bob")
		host, ann, bob := users[0], users[1], users[2]
		ann.said("bad before")
		m := w.censor(t, "refuse")
		ann.said("hello")
		res := ann.said("rude words")
		require.Equal(t, &signaling.BarrageContent{Text: "****", Extension: map[string]string{"by": "app"}}, res.Replaced)
		_, err := ann.say("bad words")
		require.ErrorIs(t, err, signaling.ErrMessageRejected)
		require.ErrorContains(t, err, "mind your words")
		_, err = host.say("own goal")
		require.Equal(t, signaling.Code(120007), signaling.CodeOf(err))
		require.ErrorContains(t, err, "level 3 is needed")
		_, err = host.say("mute")
		require.ErrorIs(t, err, signaling.ErrServerTimeout)
		host.said("bye")
		require.Equal(t, []string{"bad before", "hello", "****", "bye"}, texts(bob.chat()))
		require.Equal(t, []string{"bad before", "hello", "****", "bye"}, texts(bob.history()))
		require.Equal(t, []string{"ann(2) hello", "ann(2) rude words", "ann(2) bad words", "host(0) own goal", "host(0) mute", "host(0) bye"}, m.take())

		host.must(signaling.MethodMute, signaling.MuteParams{RoomID: "r", Users: []signaling.UserID{"ann"}, Duration: 60}, nil)
		synctest.Wait()
		_, err = ann.say("hi")
		require.ErrorIs(t, err, signaling.ErrMessageDisabled)
		yes := true
		host.must(signaling.MethodUpdateRoom, signaling.UpdateRoomParams{RoomID: "r", MessageDisabled: &yes}, nil)
		synctest.Wait()
		_, err = bob.say("hi")
		require.ErrorIs(t, err, signaling.ErrAllMessagesDisabled)
		long := bob.call(signaling.MethodSendBarrage, signaling.SendBarrageParams{RoomID: "r", Text: strings.Repeat("x", 2049)})
		require.ErrorIs(t, errOf(long), signaling.ErrInvalidParameter)
		require.Empty(t, m.take())
		require.Equal(t, restOK, w.console("set_moderation", `{"Url":""}`))
		host.said("bad again")
		require.Empty(t, m.take())
	})
}

// An app that wants messages said about which it says nothing.
func TestModeration_withoutAnswer_lettingThrough(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		users := chatters(w, "host", "ann")
		w.censor(t, "allow")
		begin := time.Now()
		users[1].said("mute")
		require.Equal(t, 2*time.Second, time.Since(begin))
		require.Equal(t, []string{"mute"}, texts(users[0].chat()))
	})
}

// While a message waits, the others' are said, its sender's other calls are answered, and its sender's later messages
// come behind it. What has no place is refused, and the end of the connection ends it all.
func TestModeration_delaysNobodyElse(t *testing.T) {
	inWorldOf(t, 2, func(t *testing.T, w *world) {
		users := chatters(w, "host", "ann", "bob")
		host, ann, bob := users[0], users[1], users[2]
		w.censor(t, "allow")
		first, second := ann.sendText("slow 1"), ann.sendText("2")
		begin := time.Now()
		ann.must(signaling.MethodPing, struct{}{}, nil)
		bob.said("fast")
		require.Zero(t, time.Since(begin))
		require.Equal(t, []string{"fast"}, texts(host.chat()))
		require.NoError(t, errOf(ann.answer(first)))
		require.NoError(t, errOf(ann.answer(second)))
		require.Equal(t, time.Second, time.Since(begin))
		require.Equal(t, []string{"slow 1", "2"}, texts(host.chat()))

		// 16 wait beside the one that is with the app.
		var ids []int64
		ids = append(ids, ann.sendText("slow 0"))
		time.Sleep(10 * time.Millisecond)
		for i := range maxUnsaid + 1 {
			ids = append(ids, ann.sendText(fmt.Sprint("n", i)))
		}
		require.ErrorIs(t, errOf(ann.answer(ids[len(ids)-1])), signaling.ErrFreqLimit)
		for _, id := range ids[:len(ids)-1] {
			require.NoError(t, errOf(ann.answer(id)))
		}
		list := texts(host.chat())
		require.Len(t, list, maxUnsaid+1)
		for i, text := range list[1:] {
			require.Equal(t, fmt.Sprint("n", i), text)
		}

		// A mute that comes while a message is with the app counts.
		id := ann.sendText("slow 2")
		time.Sleep(100 * time.Millisecond)
		host.must(signaling.MethodMute, signaling.MuteParams{RoomID: "r", Users: []signaling.UserID{"ann"}, Duration: 60}, nil)
		require.ErrorIs(t, errOf(ann.answer(id)), signaling.ErrMessageDisabled)

		// A switched off question does not let later messages overtake.
		id = bob.sendText("slow 3")
		time.Sleep(100 * time.Millisecond)
		require.Equal(t, restOK, w.console("set_moderation", `{"Url":""}`))
		synctest.Wait()
		next := bob.sendText("4")
		require.NoError(t, errOf(bob.answer(id)))
		require.NoError(t, errOf(bob.answer(next)))
		require.Equal(t, []string{"slow 3", "4"}, texts(host.chat()))
	})
}

// A connection that ends while a message is with the app: it is not said, the client repeats it over its next
// connection, and then it is said once.
func TestModeration_ofAConnectionThatEnds(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		users := chatters(w, "host", "ann")
		host, ann := users[0], users[1]
		m := w.censor(t, "allow")
		ann.sendText("slow 1")
		ann.sendText("2")
		time.Sleep(100 * time.Millisecond)
		require.NoError(t, ann.ws.Close())
		time.Sleep(3 * time.Second)
		require.Empty(t, host.chat())
		require.Equal(t, []string{"ann(2) slow 1"}, m.take())
		again := w.login("ann")
		again.must(signaling.MethodJoinRoom, signaling.JoinParams{RoomID: "r"}, nil)
		again.said("slow 1")
		again.said("slow 1")
		require.Equal(t, []string{"slow 1"}, texts(host.chat()))
	})
}
