package server

import (
	"context"
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

// till is an app's server that is asked about gifts.
type till struct {
	mu     sync.Mutex
	asked  []string                                               // as "ann gives bob 2 rose for 20"
	ids    map[string]bool                                        // of the orders
	signed bool                                                   // the last question was
	answer func(rw http.ResponseWriter, r *http.Request, nth int) // nil: yes
}

func (a *till) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var q giftQuestion
	if err != nil || json.Unmarshal(body, &q) != nil {
		return
	}
	a.mu.Lock()
	a.asked = append(a.asked, fmt.Sprintf("%s gives %s %d %s for %d", q.Sender, q.Receiver, q.GiftCount, q.GiftID, q.TotalCoins))
	a.ids[q.OrderID] = true
	a.signed = r.URL.Query().Has("Sign") && r.URL.Query().Get("CallbackCommand") == q.CallbackCommand && r.Header.Get("Voiceroom-Delivery") == q.OrderID
	answer, nth := a.answer, len(a.asked)
	a.mu.Unlock()
	if answer != nil {
		answer(rw, r, nth)
		return
	}
	io.WriteString(rw, `{"ActionStatus":"OK","ErrorInfo":"","ErrorCode":0}`)
}

func (a *till) does(answer func(rw http.ResponseWriter, r *http.Request, nth int)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.answer = answer
}

// till starts an app's server that is asked about gifts from now on.
func (w *world) till(t *testing.T) *till {
	t.Helper()
	a := &till{ids: map[string]bool{}}
	l, err := w.net.Listen("till:80")
	require.NoError(t, err)
	web, served := &http.Server{Handler: a}, make(chan struct{})
	go func() { defer close(served); _ = web.Serve(l) }()
	t.Cleanup(func() { require.NoError(t, web.Close()); <-served })
	require.Equal(t, restOK, w.console("set_gift_settings", `{"Url":"http://till/gift?v=1"}`))
	time.Sleep(2 * time.Second) // the other nodes hear of it
	return a
}

// rose is what a gift costs that every server has.
func (w *world) rose() signaling.GiftInfo {
	w.t.Helper()
	list, err := w.srv.catalogues.List(w.t.Context(), app, signaling.GiftListParams{}, listBytes)
	require.NoError(w.t, err)
	return list.Categories[0].GiftList[0]
}

// gifts are those of which a client has been told so far.
func (c *raw) gifts() (list []string) {
	c.t.Helper()
	c.must(signaling.MethodPing, signaling.Empty{}, nil) // what comes before the answer has come
	for _, m := range c.heard {
		if m.Method != signaling.NotifyRoomEvents {
			continue
		}
		var e signaling.RoomEvents
		require.NoError(c.t, json.Unmarshal(m.Params, &e))
		for _, ev := range e.Events {
			if g, ok := ev.(signaling.GiftReceived); ok {
				list = append(list, fmt.Sprintf("%s gives %s %d %s", g.Sender.UserID, g.Receiver.UserID, g.Count, g.Gift.GiftID))
			}
		}
	}
	return list
}

func (c *raw) give(key, gift string, count int, to signaling.UserID) error {
	c.t.Helper()
	return errOf(c.call(signaling.MethodSendGift, signaling.SendGiftParams{CommandID: key, RoomID: "r", GiftID: gift, Count: count, Receiver: to}))
}

// An app that takes coins: what it agrees to is seen by all, what it refuses or says nothing about by nobody; and it is asked
// once about each, with what it needs to know.
func TestGiftsThatTheAppIsAskedAbout(t *testing.T) {
	inWorldOf(t, 2, func(t *testing.T, w *world) {
		a := w.till(t)
		require.Equal(t, restOK, w.console("set_callback_token", `{"Token":"geheim"}`))
		time.Sleep(2 * time.Second)
		all := chatters(w, "host", "ann", "bob")
		host, ann, bob := all[0], all[1], all[2]
		rose := w.rose()
		require.NoError(t, ann.give("1", rose.GiftID, 2, ""))
		require.True(t, a.signed)
		require.NoError(t, ann.give("1", rose.GiftID, 2, ""))
		require.NoError(t, bob.give("1", rose.GiftID, 0, "ann"), "0 is 1")

		a.does(func(rw http.ResponseWriter, _ *http.Request, _ int) {
			io.WriteString(rw, `{"ActionStatus":"FAIL","ErrorInfo":"not enough coins","ErrorCode":7}`)
		})
		err := ann.give("2", rose.GiftID, 1, "")
		require.ErrorIs(t, err, signaling.ErrGiftRejected)
		require.ErrorContains(t, err, "not enough coins (code 7)")
		begin := time.Now()
		for says, answer := range map[string]func(rw http.ResponseWriter, r *http.Request, nth int){
			"no answer within 2s": func(_ http.ResponseWriter, r *http.Request, _ int) { <-r.Context().Done() },
			"HTTP status 500":     func(rw http.ResponseWriter, _ *http.Request, _ int) { rw.WriteHeader(500) },
			"not the documents'":  func(rw http.ResponseWriter, _ *http.Request, _ int) { io.WriteString(rw, "OK") },
		} {
			a.does(answer)
			err := ann.give(says, rose.GiftID, 1, "")
			require.ErrorIs(t, err, signaling.ErrGiftRejected)
			require.ErrorContains(t, err, says)
		}
		require.Less(t, time.Since(begin), 3*time.Second)
		a.does(nil)
		require.ErrorIs(t, ann.give("3", "unicorn", 1, ""), signaling.ErrGiftNotFound)
		require.ErrorIs(t, ann.give("3", rose.GiftID, 1, "zoe"), signaling.ErrUserNotEntered)
		require.ErrorIs(t, ann.give("3", rose.GiftID, 10_000, ""), signaling.ErrInvalidParameter)
		host.must(signaling.MethodUpdateRoom, signaling.UpdateRoomParams{RoomID: "r", GiftDisabled: new(true)}, nil)
		require.ErrorIs(t, ann.give("3", rose.GiftID, 1, ""), signaling.ErrGiftDisabled)
		require.NoError(t, ann.give("1", rose.GiftID, 2, ""), "that it was sent before does not change")

		synctest.Wait()
		require.Equal(t, []string{
			fmt.Sprintf("ann gives host 2 %s for %d", rose.GiftID, 2*rose.Coins), fmt.Sprintf("bob gives ann 1 %s for %d", rose.GiftID, rose.Coins),
			fmt.Sprintf("ann gives host 1 %s for %d", rose.GiftID, rose.Coins), fmt.Sprintf("ann gives host 1 %s for %d", rose.GiftID, rose.Coins),
			fmt.Sprintf("ann gives host 1 %s for %d", rose.GiftID, rose.Coins), fmt.Sprintf("ann gives host 1 %s for %d", rose.GiftID, rose.Coins),
		}, a.asked, "nobody is asked about what cannot be sent, nor twice")
		want := []string{"ann gives host 2 " + rose.GiftID, "bob gives ann 1 " + rose.GiftID}
		for _, c := range all {
			require.Equal(t, want, c.gifts())
		}
		require.Contains(t, w.console("get_gift_totals", `{"RoomId":"r"}`), fmt.Sprintf(`"TotalGiftsSent":3,"TotalGiftCoins":%d,"TotalUniqueGiftSenders":2`, 3*rose.Coins))
		first := w.console("get_gift_returns", `{"Next":"","Count":2}`)
		require.Equal(t, 2, strings.Count(first, `"State":"unanswered"`), first)
		_, next, _ := strings.Cut(first, `"Next":"`)
		next, _, _ = strings.Cut(next, `"`)
		rest := w.console("get_gift_returns", `{"Next":"`+next+`","Count":2}`)
		require.Equal(t, 1, strings.Count(rest, `"OrderId"`), rest)
		require.Contains(t, rest, `"Next":""`)
	})
}

// While the app thinks, its sender's other calls go on, and so does everybody else.
func TestAppThatThinksHoldsUpNobody(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		a := w.till(t)
		all := chatters(w, "host", "ann")
		a.does(func(rw http.ResponseWriter, r *http.Request, _ int) {
			time.Sleep(1500 * time.Millisecond)
			io.WriteString(rw, `{"ActionStatus":"OK","ErrorInfo":"","ErrorCode":0}`)
		})
		ann, rose := all[1], w.rose()
		begin := time.Now()
		var ids []int64
		for i := range 3 {
			ann.lastID++
			b, err := signaling.EncodeCall(ann.lastID, signaling.MethodSendGift, signaling.SendGiftParams{CommandID: fmt.Sprint(i), RoomID: "r", GiftID: rose.GiftID})
			require.NoError(t, err)
			ann.send(string(b))
			ids = append(ids, ann.lastID)
		}
		ann.must(signaling.MethodTakeSeat, signaling.TakeSeatParams{RoomID: "r", Index: 1}, nil)
		require.Less(t, time.Since(begin), 100*time.Millisecond)
		answered := map[int64]bool{}
		for len(answered) < len(ids) {
			m := ann.next()
			if m.Method == "" {
				require.Nil(t, m.Err)
				answered[m.ID] = true
			}
		}
		require.Less(t, time.Since(begin), 3*time.Second, "side by side: one after another they take 4.5 s")
		time.Sleep(time.Second)
		require.Len(t, all[0].gifts(), 3)
	})
}

// The sender's node dies while the app thinks. The other asks again under the same id, and shows the gift once.
func TestNodeThatDiesWhileTheAppThinks(t *testing.T) {
	inWorldOf(t, 2, func(t *testing.T, w *world) {
		a := w.till(t)
		all := chatters(w, "host", "ann")
		rose := w.rose()
		a.does(func(rw http.ResponseWriter, r *http.Request, nth int) {
			if nth == 1 {
				<-r.Context().Done()
				return
			}
			io.WriteString(rw, `{"ActionStatus":"OK","ErrorInfo":"","ErrorCode":0}`)
		})
		ann := all[1]
		ann.lastID++
		b, err := signaling.EncodeCall(ann.lastID, signaling.MethodSendGift, signaling.SendGiftParams{CommandID: "k", RoomID: "r", GiftID: rose.GiftID})
		require.NoError(t, err)
		ann.send(string(b))
		time.Sleep(time.Second)
		n := w.nodes[1]
		n.store.Kill()
		n.gone = true
		require.NoError(t, n.web.Close())
		closed := make(chan struct{})
		go func() { defer close(closed); _ = n.srv.Close(context.Background()) }() // its store is gone
		for range 30 {                                                             // a client that does not read is cut off
			time.Sleep(time.Second)
			all[0].must(signaling.MethodPing, signaling.Empty{}, nil)
		}
		<-closed
		<-n.served
		require.NoError(t, n.store.Close())
		require.Len(t, a.asked, 2)
		require.Len(t, a.ids, 1, "the same order")
		require.Equal(t, []string{"ann gives host 1 " + rose.GiftID}, all[0].gifts())
		again := w.login("ann")
		again.must(signaling.MethodJoinRoom, signaling.JoinParams{RoomID: "r"}, nil)
		require.NoError(t, again.give("k", rose.GiftID, 1, ""))
		require.Len(t, a.asked, 2)
		time.Sleep(time.Second)
		require.Len(t, all[0].gifts(), 1)
		require.Contains(t, w.console("get_gift_returns", `{"Next":""}`), `"OrderList":[]`)
	})
}

// Gifts are the scores of battles where the app wants that, each once, whichever node dies.
func TestGiftsScoreBattles(t *testing.T) {
	inWorldOf(t, 2, func(t *testing.T, w *world) {
		require.Equal(t, restOK, w.console("set_gift_settings", `{"CoinsScoreBattles":true}`))
		time.Sleep(2 * time.Second)
		all := chatters(w, "host", "ann")
		host, ann, rose := all[0], all[1], w.rose()
		w.battleRooms("other")
		require.NoError(t, ann.give("before", rose.GiftID, 9, ""))
		time.Sleep(time.Second)
		b := w.beginBattle(0, `{"FromRoomId":"r","ToRoomIdList":["other"],"Duration":60000}`)
		time.Sleep(time.Second)
		require.NoError(t, ann.give("1", rose.GiftID, 2, ""))
		require.NoError(t, ann.give("1", rose.GiftID, 2, ""))
		require.NoError(t, host.give("1", rose.GiftID, 1, "ann"))
		score := func() string {
			time.Sleep(time.Second)
			return w.restAs("administrator", 0, pk+"get_battle_info", `{"BattleId":"`+b+`"}`)
		}
		require.Contains(t, score(), fmt.Sprintf(`"Score":%d`, 3*rose.Coins), "whoever in the room it was for")
		answers(t, response(`{"Result":[{"RoomId":"r","ResultCode":0}]}`), w.restAs("administrator", 0, pk+"set_battle_score", `{"BattleId":"`+b+`","OpType":1,"ScoreList":[{"RoomId":"r","Score":1}]}`))
		require.NoError(t, ann.give("2", rose.GiftID, 1, ""))
		require.Contains(t, score(), fmt.Sprintf(`"Score":%d`, 4*rose.Coins+1))
		host.must(signaling.MethodDismissRoom, signaling.RoomParams{RoomID: "r"}, nil) // its book is closed, and all of it told again in vain
		require.Contains(t, score(), fmt.Sprintf(`"Score":%d`, 4*rose.Coins+1))
	})
}

// What no client of ours would send is refused with a word about what to do.
func TestGiftCallsThatMakeNoSense(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		c := chatters(w, "host")[0]
		for says, p := range map[string]any{
			"no gift":         signaling.SendGiftParams{RoomID: "r", GiftID: "no such gift"},
			"giftCount is -1": signaling.SendGiftParams{RoomID: "r", GiftID: "rose", Count: -1},
			"user id":         signaling.SendGiftParams{RoomID: "r", GiftID: "rose", Receiver: "a\nb"},
			"64 bytes":        signaling.SendGiftParams{RoomID: "r", GiftID: "rose", CommandID: strings.Repeat("x", 65)},
			"limit is 0 to":   signaling.GiftTotalsParams{RoomID: "r", Limit: 101},
		} {
			method := signaling.MethodSendGift
			if _, ok := p.(signaling.GiftTotalsParams); ok {
				method = signaling.MethodGiftTotals
			}
			m := c.call(method, p)
			require.NotNil(t, m.Err, says)
			require.Contains(t, m.Err.Message, says)
		}
		require.Empty(t, c.gifts())
	})
}
