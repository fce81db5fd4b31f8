package webhook

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

var moderated = store.Key{App: app, Room: "r"}

// moderator is an app's server that is asked about messages, and about nothing else.
func (w *world) moderator(refuse bool) *receiver {
	w.t.Helper()
	r := w.hook(app)
	require.NoError(w.t, w.nodes[0].Delete(w.t.Context(), app))
	require.NoError(w.t, w.nodes[0].SetModeration(w.t.Context(), app, &Moderation{URL: "http://app1400000001:80/say?v=1", Refuse: refuse}))
	return r
}

func said(text string) signaling.Barrage {
	return signaling.Barrage{MessageID: "id-" + text, Sender: signaling.UserInfo{UserID: "ann", UserName: "Ann", Role: signaling.GeneralUser}, Text: text}
}

func (w *world) count(outcome string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.outcomes[outcome]
}

func answering(text string) func(http.ResponseWriter, *http.Request, got) {
	return func(w http.ResponseWriter, _ *http.Request, _ got) { io.WriteString(w, text) }
}

// What the app is asked, and that it is asked only when it wants to be.
func TestModerate_asks(t *testing.T) {
	inWorld(t, 2, func(t *testing.T, w *world) {
		v, err := w.nodes[0].Moderate(t.Context(), moderated, said("free"))
		require.NoError(t, err)
		require.Equal(t, Verdict{Message: said("free")}, v)
		r := w.moderator(false)
		require.NoError(t, w.nodes[0].SetToken(t.Context(), app, "geheim"))
		time.Sleep(time.Second)
		require.True(t, w.nodes[1].Moderated(app), "the other node has heard of it")
		require.False(t, w.nodes[1].Moderated(otherApp))
		b := said("hello")
		b.Extension = map[string]string{"color": "red"}
		v, err = w.nodes[1].Moderate(t.Context(), moderated, b)
		require.NoError(t, err)
		require.Equal(t, Verdict{Message: b}, v)
		_, err = w.nodes[0].Moderate(t.Context(), moderated, signaling.Barrage{MessageID: "2", Sender: signaling.UserInfo{UserID: "owner"}, Type: signaling.BarrageCustom, BusinessID: "app", Data: "{}"})
		require.NoError(t, err)
		calls := r.all()
		require.Len(t, calls, 2)
		now := calls[0].at
		assert.JSONEq(t, fmt.Sprintf(`{"CallbackCommand":"Live.CallbackBeforeSendMessage","RoomId":"r","MessageId":"id-hello","From_Account":"ann","FromNick":"Ann","FromRole":2,
			"MessageType":0,"TextContent":"hello","ExtensionInfo":{"color":"red"},"BusinessId":"","Data":"","EventTime":%d}`, now.UnixMilli()), calls[0].body)
		assert.JSONEq(t, fmt.Sprintf(`{"CallbackCommand":"Live.CallbackBeforeSendMessage","RoomId":"r","MessageId":"2","From_Account":"owner","FromNick":"","FromRole":0,
			"MessageType":1,"TextContent":"","ExtensionInfo":{},"BusinessId":"app","Data":"{}","EventTime":%d}`, now.UnixMilli()), calls[1].body)
		at := fmt.Sprint(now.Unix())
		assert.Equal(t, "v=1&SdkAppid=1400000001&CallbackCommand=Live.CallbackBeforeSendMessage&contenttype=json&Sign="+sign("geheim", at)+"&RequestTime="+at, calls[0].raw)
		require.NoError(t, w.nodes[0].SetModeration(t.Context(), app, nil))
		_, err = w.nodes[0].Moderate(t.Context(), moderated, b)
		require.NoError(t, err)
		require.Len(t, r.all(), 2)
		require.NoError(t, w.nodes[0].SetToken(t.Context(), app, ""))
		keys, err := w.nodes[0].store.Keys(t.Context(), store.BucketApp, app, "")
		require.NoError(t, err)
		require.Empty(t, keys, "nothing is left of settings that are taken back")
	})
}

func TestModerate_answers(t *testing.T) {
	const ok = `{"ActionStatus":"OK","ErrorInfo":"","ErrorCode":0`
	inWorld(t, 1, func(t *testing.T, w *world) {
		r := w.moderator(false)
		for _, row := range []struct {
			answer  string
			text    string // what is said, if anything is
			code    signaling.Code
			message string
			outcome string
		}{
			{ok + `}`, "hello", 0, "", Allowed},
			{ok + `,"TextContent":"hello"}`, "hello", 0, "", Allowed},
			{ok + `,"TextContent":"h***o"}`, "h***o", 0, "", Replaced},
			{ok + `,"TextContent":""}`, "", 10016, "the app has put in its place what no message can be", Vetoed},
			{ok + `,"TextContent":"` + strings.Repeat("x", 2049) + `"}`, "", 10016, "2048 bytes", Vetoed},
			{ok + `,"Data":"x"}`, "", 10016, "custom messages", Vetoed},
			{`{"ActionStatus":"FAIL","ErrorInfo":"no such words","ErrorCode":1}`, "", 10016, "no such words", Vetoed},
			{`{"ErrorCode":1}`, "", 10016, "does not let this message through", Vetoed},
			{`{"ErrorCode":1,"ErrorInfo":"` + strings.Repeat("x", 201) + `"}`, "", 10016, strings.Repeat("x", 200), Vetoed},
			{`{"ErrorCode":1,"ErrorInfo":"no \u001b[31mwords"}`, "", 10016, "no  [31mwords", Vetoed},
			{`{"ActionStatus":"FAIL","ErrorInfo":"too shrill","ErrorCode":120001}`, "", 120001, "too shrill", Vetoed},
			{`{"ActionStatus":"FAIL","ErrorCode":130000}`, "", 130000, "", Vetoed},
			{`{"ActionStatus":"FAIL","ErrorCode":130001}`, "hello", 0, "", Unanswered},
			{`{"ActionStatus":"FAIL","ErrorCode":0}`, "hello", 0, "", Unanswered},
			{`{"ActionStatus":"OK"}`, "hello", 0, "", Unanswered},
			{`yes`, "hello", 0, "", Unanswered},
			{ok + `,"TextContent":7}`, "hello", 0, "", Unanswered},
			{ok + `,"x":"` + strings.Repeat("x", answerBytes) + `"}`, "hello", 0, "", Unanswered},
		} {
			r.set(answering(row.answer))
			before := w.count(row.outcome)
			v, err := w.nodes[0].Moderate(t.Context(), moderated, said("hello"))
			require.Equal(t, row.code, signaling.CodeOf(err), "%s: %v", row.answer, err)
			require.Equal(t, row.text, v.Message.Text, row.answer)
			require.Equal(t, row.outcome == Replaced, v.Replaced, row.answer)
			require.Equal(t, before+1, w.count(row.outcome), row.answer)
			if row.message != "" {
				require.ErrorContains(t, err, row.message)
			}
			time.Sleep(100 * time.Millisecond)
		}
		r.set(answering(ok + `,"ExtensionInfo":{"a":"b"}}`))
		v, err := w.nodes[0].Moderate(t.Context(), moderated, said("hello"))
		require.NoError(t, err)
		require.Equal(t, map[string]string{"a": "b"}, v.Message.Extension)
		require.True(t, v.Replaced)
	})
}

// A moderator that hangs, is away, or is out of order: messages are said, or refused, as the app has set it, 2 s later
// at most.
func TestModerate_withoutAnswer(t *testing.T) {
	for _, refuse := range []bool{false, true} {
		inWorld(t, 1, func(t *testing.T, w *world) {
			r := w.moderator(refuse)
			check := func(what string) {
				t.Helper()
				begin := time.Now()
				v, err := w.nodes[0].Moderate(t.Context(), moderated, said("hello"))
				require.LessOrEqual(t, time.Since(begin), moderationLimit, what)
				if refuse {
					require.ErrorIs(t, err, signaling.ErrServerTimeout, what)
				} else {
					require.NoError(t, err, what)
					require.Equal(t, said("hello"), v.Message)
				}
			}
			r.set(func(rw http.ResponseWriter, _ *http.Request, _ got) { rw.WriteHeader(http.StatusInternalServerError) })
			check("an error")
			r.set(func(rw http.ResponseWriter, req *http.Request, _ got) {
				http.Redirect(rw, req, "http://elsewhere", http.StatusFound)
			})
			check("a redirect")
			r.set(func(_ http.ResponseWriter, req *http.Request, _ got) { <-req.Context().Done() })
			check("silence")
			require.NoError(t, r.web.Close())
			check("nobody there")
		})
	}
}

// A room's questions are bounded: 16 at once, the others wait for 2 s at most, 64 of them; other rooms do not wait.
func TestModerate_isBounded(t *testing.T) {
	inWorld(t, 1, func(t *testing.T, w *world) {
		r := w.moderator(true)
		var mu sync.Mutex
		now, most := map[string]int{}, map[string]int{}
		r.set(func(rw http.ResponseWriter, req *http.Request, g got) {
			room := "r"
			if strings.Contains(g.body, `"RoomId":"other"`) {
				room = "other"
			}
			mu.Lock()
			now[room]++
			most[room] = max(most[room], now[room])
			mu.Unlock()
			if room == "r" {
				<-req.Context().Done()
			}
			mu.Lock()
			now[room]--
			mu.Unlock()
			io.WriteString(rw, good)
		})
		var wg sync.WaitGroup
		var codes sync.Map
		for i := range 100 {
			wg.Go(func() {
				begin := time.Now()
				_, err := w.nodes[0].Moderate(t.Context(), moderated, said(fmt.Sprint(i)))
				took := time.Since(begin)
				assert.LessOrEqual(t, took, moderationLimit)
				codes.Store(i, fmt.Sprint(int(signaling.CodeOf(err)), " ", took >= moderationLimit))
			})
		}
		time.Sleep(time.Second)
		begin := time.Now()
		_, err := w.nodes[0].Moderate(t.Context(), store.Key{App: app, Room: "other"}, said("x"))
		require.NoError(t, err)
		require.Less(t, time.Since(begin), time.Second)
		mu.Lock()
		require.Equal(t, map[string]int{"r": askedAtOnce, "other": 1}, most)
		mu.Unlock()
		wg.Wait()
		count := map[string]int{}
		codes.Range(func(_, v any) bool { count[v.(string)]++; return true })
		require.Equal(t, 20, count["-2 false"], "beyond the rate of a room")
		require.Equal(t, 80, count["-1300 true"]+count["-1300 false"])
		require.GreaterOrEqual(t, count["-1300 true"], 16, "no answer")
		w.nodes[0].mu.Lock()
		require.Len(t, w.nodes[0].asking, 2)
		w.nodes[0].mu.Unlock()
		time.Sleep(2 * time.Minute)
		w.nodes[0].mu.Lock()
		defer w.nodes[0].mu.Unlock()
		require.Empty(t, w.nodes[0].asking, "rooms that are silent are forgotten")
	})
}

func TestSetModeration_refuses(t *testing.T) {
	inWorldWith(t, 1, func(c *Config) { c.Dial = nil }, func(t *testing.T, w *world) {
		for _, u := range []string{"", "ftp://example.org", "http://127.0.0.1", "http://10.0.0.1/x", "http://a:b@example.org", "http://example.org?Sign=1", "http://example.org/#x"} {
			err := w.nodes[0].SetModeration(t.Context(), app, &Moderation{URL: u})
			require.Equal(t, codeParameter, signaling.CodeOf(err), u)
		}
		// What leads to this machine all the same is found out when it is called.
		w.nodes[0].adopt(app, Settings{Moderation: &Moderation{URL: "http://127.0.0.1:1", Refuse: true}})
		_, err := w.nodes[0].Moderate(t.Context(), moderated, said("x"))
		require.ErrorIs(t, err, signaling.ErrServerTimeout)
	})
}

func FuzzVerdict(f *testing.F) {
	f.Add([]byte(good))
	f.Add([]byte(`{"ErrorCode":1,"ErrorInfo":"no"}`))
	f.Add([]byte(`{"ErrorCode":0,"TextContent":"a","ExtensionInfo":{"":"x"}}`))
	f.Fuzz(func(t *testing.T, answer []byte) {
		v, outcome, err := verdict(answer, said("hello"))
		switch outcome {
		case Allowed:
			require.NoError(t, err)
			require.Equal(t, said("hello"), v.Message)
		case Replaced:
			require.NoError(t, err)
			require.LessOrEqual(t, len(v.Message.Text), signaling.MaxBarrageText)
			require.NotEmpty(t, v.Message.Text)
		default:
			require.Error(t, err)
		}
	})
}

// What an app's server says of its no is shown to people, in terminals too, and may be as long as an answer can be.
func TestPlainText(t *testing.T) {
	for text, want := range map[string]string{
		"":                                "",
		"no words":                        "no words",
		"too few\ncoins\x1b[2J":           "too few coins [2J",
		"\xffno":                          "no",
		strings.Repeat("x", 201):          strings.Repeat("x", 200),
		strings.Repeat("ö", 150):          strings.Repeat("ö", 100),
		"x" + strings.Repeat("ö", 150):    "x" + strings.Repeat("ö", 99),
		strings.Repeat("\n", answerBytes): strings.Repeat(" ", 200),
	} {
		require.Equal(t, want, plainText(text), "%.20q", text)
	}
	long := strings.Repeat("ö", answerBytes/2)
	require.LessOrEqual(t, testing.AllocsPerRun(1, func() { plainText(long) }), 2.0)
}
