//go:build unix

package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/signaling/usersig"
)

// backend is an app's own server: it takes coins for gifts, reads what is to be said in the chat, and is told of battles.
type backend struct {
	url string

	mu      sync.Mutex
	coins   map[string]int64         // that were taken, by order: whoever asks again asks about the same
	orders  map[string]string        // their senders
	asked   map[string]int           // how often, by sender
	thinks  map[string]chan struct{} // senders whose first gift waits for its answer until the channel is closed
	battles []string                 // callbacks, by delivery once each
	told    map[string]bool
	change  chan struct{} // closed and replaced with every change
}

func startBackend(t *testing.T) *backend {
	t.Helper()
	b := &backend{
		coins: map[string]int64{}, orders: map[string]string{}, asked: map[string]int{}, thinks: map[string]chan struct{}{},
		told: map[string]bool{}, change: make(chan struct{}),
	}
	web := httptest.NewServer(b)
	t.Cleanup(web.Close)
	b.url = web.URL
	return b
}

func (b *backend) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	var q struct {
		OrderID string `json:"OrderId"`
		Sender  string `json:"Sender_Account"`
		Coins   int64  `json:"TotalCoins"`
		Text    string `json:"TextContent"`
		OpType  int
	}
	body, err := io.ReadAll(r.Body)
	if err != nil || json.Unmarshal(body, &q) != nil {
		rw.WriteHeader(http.StatusBadRequest)
		return
	}
	switch r.URL.Path {
	case "/gift":
		if wait := b.take(q.OrderID, q.Sender, q.Coins); wait != nil {
			select {
			case <-wait:
			case <-r.Context().Done(): // who has asked is gone
				return
			}
		}
	case "/say":
		if q.Text == "rude" {
			io.WriteString(rw, `{"ActionStatus":"OK","ErrorInfo":"","ErrorCode":0,"TextContent":"****"}`)
			return
		}
	case "/hook":
		_, name, _ := strings.Cut(r.URL.Query().Get("CallbackCommand"), "CallbackAfter")
		b.tell(r.Header.Get("Voiceroom-Delivery"), fmt.Sprint(name, q.OpType))
	}
	io.WriteString(rw, `{"ActionStatus":"OK","ErrorInfo":"","ErrorCode":0}`)
}

// take takes coins, once for an order, and returns what the answer has to wait for.
func (b *backend) take(order, sender string, coins int64) (wait chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.asked[sender]++; b.asked[sender] == 1 {
		wait = b.thinks[sender]
	}
	b.coins[order], b.orders[order] = coins, sender
	b.changed()
	return wait
}

func (b *backend) tell(delivery, what string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.told[delivery] {
		b.told[delivery] = true
		b.battles = append(b.battles, what)
		b.changed()
	}
}

// changed wakes those who wait; mu is held.
func (b *backend) changed() {
	close(b.change)
	b.change = make(chan struct{})
}

// await waits until something is so.
func (b *backend) await(t *testing.T, what string, is func() bool) {
	t.Helper()
	timeout := time.After(30 * time.Second)
	for {
		b.mu.Lock()
		so, change := is(), b.change
		b.mu.Unlock()
		if so {
			return
		}
		select {
		case <-change:
		case <-timeout:
			t.Fatal("not in time: ", what)
		}
	}
}

// rest calls a command of the REST API at a node, and returns the answer.
func rest(t *testing.T, n *process, command, body string) string {
	t.Helper()
	sig, err := usersig.Mint(app, secret, "administrator", time.Hour, time.Now())
	require.NoError(t, err)
	q := url.Values{"sdkappid": {fmt.Sprint(app)}, "identifier": {"administrator"}, "usersig": {sig}, "random": {"1"}, "contenttype": {"json"}}
	resp, err := http.Post("http"+strings.TrimPrefix(n.url[:strings.LastIndex(n.url, "/v1/")], "ws")+"/v4/"+command+"?"+q.Encode(), "application/json", strings.NewReader(body))
	require.NoError(t, err)
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	require.Contains(t, string(got), `"ErrorCode":0`, command)
	return string(got)
}

// counted notes what the members of a room are told: gifts, of which each is to come once, and lines of the chat.
type counted struct {
	gifts chan string
	lines chan string
}

func count(r *engine.Room) *counted {
	c := &counted{make(chan string, 1000), make(chan string, 1000)}
	r.AddObserver(&engine.RoomObserver{
		OnReceiveGift: func(_ engine.RoomID, g engine.GiftReceived) {
			c.gifts <- fmt.Sprint(g.Sender.UserID, " ", g.GiftKey)
		},
		OnReceiveBarrage: func(_ engine.RoomID, b engine.Barrage) { c.lines <- fmt.Sprint(b.Sender.UserID, ": ", b.Text) },
	})
	return c
}

// An app that takes coins for gifts, reads the chat and lets two rooms compete, over two nodes on one JetStream. The second
// node, which decides one of the rooms, is killed while the app thinks about three gifts: of a user of that node, who comes
// back, of one who does not, and of one of the other node for the room that has lost its home. Each is shown once and its
// coins are taken once; the scores are the coins; and the app hears of the battle's beginning, start and end, in order.
func TestNodeIsKilledWhileAnAppThinks(t *testing.T) {
	b := startBackend(t)
	_, nodes := processes(t, 2, "20s", "--webhook-allow=127.0.0.0/8")
	first, second := nodes[0], nodes[1]
	rest(t, first, "voiceroom_console/set_gift_settings", `{"Url":"`+b.url+`/gift","CoinsScoreBattles":true}`)
	rest(t, first, "voiceroom_console/set_moderation", `{"Url":"`+b.url+`/say"}`)
	rest(t, second, "live_config/set_callback", `{"Url":"`+b.url+`/hook","CallbackCommandList":["Live.CallbackAfterCreateBattle","Live.CallbackAfterStartBattle","Live.CallbackAfterEndBattle"]}`)

	anna, bert := login(t, first.url, "anna"), login(t, second.url, "bert")
	own := func(owner *engine.Engine, id engine.RoomID) *counted {
		_, err := owner.Create(t.Context(), engine.RoomInfo{RoomID: id})
		require.NoError(t, err)
		r, err := owner.Enter(t.Context(), id, nil)
		require.NoError(t, err)
		return count(r)
	}
	inA, inB := own(anna, "A"), own(bert, "B")
	ann, bob := enter(t, second.url, "ann", "A").room, enter(t, first.url, "bob", "B").room
	cfg := config(t, second.url, "ghost")
	cfg.GiveUp = -1
	eng, err := engine.Login(t.Context(), cfg)
	require.NoError(t, err)
	t.Cleanup(func() { _ = eng.Logout(context.WithoutCancel(t.Context())) })
	ghost, err := eng.Enter(t.Context(), "A", nil)
	require.NoError(t, err)
	gifts, err := anna.FetchGiftList(t.Context(), "")
	require.NoError(t, err)
	gift := gifts[0].GiftList[0]
	<-time.After(time.Second) // by now all nodes know what the app has set
	give := func(r *engine.Room, key string, n int) error {
		return r.Gifts().SendGift(t.Context(), gift.GiftID, n, &engine.SendGiftOptions{Key: key})
	}
	says := func(r *engine.Room, in *counted, want string) {
		t.Helper()
		_, err := r.Chat().SendBarrage(t.Context(), "rude", nil)
		require.NoError(t, err)
		require.Equal(t, want, <-in.lines)
	}

	begun := rest(t, second, "live_engine_http_pk/create_battle", `{"FromRoomId":"A","ToRoomIdList":["B"],"Duration":600000}`)
	_, id, _ := strings.Cut(begun, `"BattleId":"`)
	id, _, _ = strings.Cut(id, `"`)
	b.await(t, "the battle's beginning", func() bool { return len(b.battles) == 2 })
	require.NoError(t, give(ann, "1", 2))
	require.NoError(t, give(bob, "1", 3))
	says(ann, inA, "ann: ****")
	says(bob, inB, "bob: ****")

	killed := make(chan struct{})
	b.mu.Lock()
	clear(b.asked)
	b.thinks["ann"], b.thinks["ghost"], b.thinks["bob"] = make(chan struct{}), make(chan struct{}), killed
	b.mu.Unlock()
	var given sync.WaitGroup
	given.Go(func() { assert.NoError(t, give(ann, "2", 5), "comes back and hears that it was sent") })
	given.Go(func() { assert.True(t, errors.Is(give(ghost, "2", 7), engine.ErrDisconnected)) })
	given.Go(func() { assert.NoError(t, give(bob, "2", 11), "the room has another home by then") })
	b.await(t, "three questions", func() bool { return len(b.asked) == 3 })
	began := time.Now()
	require.NoError(t, second.cmd.Process.Kill())
	close(killed)
	given.Wait()
	t.Logf("ann and bob have their answers %v after the death", time.Since(began).Round(time.Millisecond))
	shown := map[string]int{}
	for range 5 {
		select {
		case g := <-inA.gifts:
			shown["A: "+g]++
		case g := <-inB.gifts:
			shown["B: "+g]++
		case <-time.After(30 * time.Second):
			t.Fatal("not all gifts are shown: ", shown)
		}
	}
	t.Logf("all gifts are shown %v after the death", time.Since(began).Round(time.Millisecond))
	want := map[string]int{"A: ann 1": 1, "A: ann 2": 1, "A: ghost 2": 1, "B: bob 1": 1, "B: bob 2": 1}
	require.Equal(t, want, shown)
	says(ann, inA, "ann: ****")
	says(bob, inB, "bob: ****")
	require.NoError(t, give(ann, "2", 5), "that it was sent does not change")

	taken := map[string]int64{}
	b.mu.Lock()
	require.Len(t, b.coins, 5)
	for order, n := range b.coins {
		taken[b.orders[order]] += n
	}
	require.Equal(t, map[string]int{"ann": 2, "ghost": 2, "bob": 1}, b.asked, "asked again where no answer was heard")
	b.mu.Unlock()
	require.Equal(t, map[string]int64{"ann": 7 * gift.Coins, "ghost": 7 * gift.Coins, "bob": 14 * gift.Coins}, taken)
	require.Contains(t, rest(t, first, "voiceroom_console/get_gift_returns", `{"Next":""}`), `"OrderList":[]`)

	// The scores come a moment after the gifts.
	scores := []string{fmt.Sprintf(`{"RoomId":"A","Score":%d,`, 14*gift.Coins), fmt.Sprintf(`{"RoomId":"B","Score":%d,`, 14*gift.Coins)}
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		info := rest(t, first, "live_engine_http_pk/get_battle_info", `{"BattleId":"`+id+`"}`)
		assert.Contains(c, info, scores[0])
		assert.Contains(c, info, scores[1])
	}, 20*time.Second, 200*time.Millisecond)
	rest(t, first, "live_engine_http_srv/destroy_room", `{"RoomId":"A"}`)
	b.await(t, "the battle's end", func() bool { return len(b.battles) == 3 })
	b.mu.Lock()
	require.Equal(t, []string{"CreateBattle0", "StartBattle0", "EndBattle1"}, b.battles)
	b.mu.Unlock()
	require.Empty(t, inA.gifts)
	require.Empty(t, inB.gifts)
}
