//go:build unix

package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/internal/speech"
	"github.com/openvoiceroom/openvoiceroom/internal/store"
)

// listed tells which rooms one is connected with whenever that changes, as "A B".
func listed(v *voice) <-chan string {
	lists := make(chan string, 100)
	v.Room().AddObserver(&engine.RoomObserver{
		OnConnectionUserListChanged: func(_ engine.RoomID, connected, _, _ []engine.ConnectionUser) {
			var ids []string
			for _, u := range connected {
				ids = append(ids, string(u.RoomID))
			}
			slices.Sort(ids)
			lists <- strings.Join(ids, " ")
		},
	})
	return lists
}

func await(t *testing.T, lists <-chan string, want string) {
	t.Helper()
	timeout := time.After(30 * time.Second)
	for got := "nothing"; got != want; {
		select {
		case got = <-lists:
		case <-timeout:
			t.Fatalf("connected: %s, and not %s", got, want)
		}
	}
}

// hosts starts a room at each node, A, B and so on, whose hosts speak, and connects them.
func hosts(t *testing.T, nodes []*process, change func(*engine.Config)) (hosts []*voice, lists []<-chan string) {
	t.Helper()
	voices := [][]int16{speech.Host(), speech.Guest(), speech.Host()[len(speech.Host())/2:]}
	var ids []engine.RoomID
	for i, n := range nodes {
		id := engine.RoomID(fmt.Sprintf("%c", 'A'+i))
		v := speak(t, n.url, engine.UserID("host"+id), voices[i], change)
		_, err := v.StartVoiceRoom(t.Context(), engine.RoomInfo{RoomID: id})
		require.NoError(t, err)
		require.NoError(t, v.StartMicrophone(t.Context()))
		require.NoError(t, v.Room().Connected(t.Context()))
		hosts, lists, ids = append(hosts, v), append(lists, listed(v)), append(ids, id)
	}
	codes, err := hosts[0].Room().Connections().RequestConnection(t.Context(), ids[1:], time.Minute, "")
	require.NoError(t, err)
	all := []string{"A"}
	for i, id := range ids[1:] {
		require.Equal(t, engine.ConnectionSuccess, codes[id])
		require.NoError(t, hosts[i+1].Room().Connections().AcceptConnection(t.Context(), "A"))
		all = append(all, string(id))
	}
	for _, l := range lists {
		await(t, l, strings.Join(all, " "))
	}
	return hosts, lists
}

// Two rooms talk, each decided at a node of its own and its host there, over NATS and sockets: what is said in one is heard
// in the other as it is in one room. Then the second one's node is killed, -9, and its host does not come back. In the first
// room nobody notices but that the other is silent, until its time to come back is over and the two are connected no more.
func TestConnectedRoomsOfTwoNodes(t *testing.T) {
	st, nodes := processes(t, 2, "2s")
	voices, lists := hosts(t, nodes, func(c *engine.Config) { c.GiveUp = -1 })
	require.NotEqual(t, entries(t, st, "A")[0].Home, entries(t, st, "B")[0].Home)
	anna, bert := voices[0], voices[1]
	ear := speak(t, nodes[0].url, "earA", speech.Guest(), nil)
	_, err := ear.JoinVoiceRoom(t.Context(), "A")
	require.NoError(t, err)
	require.NoError(t, ear.Room().Connected(t.Context()))

	from := time.Now().Add(time.Second) // jitter buffers find their size
	anna.hears(t, bert, from, 3*time.Second)
	bert.hears(t, anna, from, 3*time.Second)

	require.NoError(t, bert.MuteMicrophone(t.Context()))
	from = time.Now().Add(500 * time.Millisecond)
	<-time.After(time.Until(from.Add(500 * time.Millisecond)))
	killed := time.Now()
	require.NoError(t, nodes[1].cmd.Process.Kill())
	ear.hears(t, anna, from, 3*time.Second)
	require.Len(t, anna.Room().Connections().Connected(), 2, "it may come back yet")
	await(t, lists[0], "")
	t.Logf("A is alone %v after the death", time.Since(killed).Round(time.Millisecond))
	require.NoError(t, anna.eng.Err())
	require.ErrorIs(t, bert.eng.Err(), engine.ErrDisconnected)
	info, err := anna.eng.FetchRoomInfo(t.Context(), "B")
	require.NoError(t, err, "the room itself lives on, at the other node")
	require.Equal(t, engine.UserID("hostB"), info.OwnerID)
}

// Three rooms talk, at three nodes. One says something, and the others hear it. The third one's node is killed, and nobody in
// the other two misses a syllable. Its host comes back by itself at another node within the time that a room is waited for,
// and is heard again, for the connection has outlived the node.
func TestConnectedRoomsOfThreeNodes(t *testing.T) {
	st, nodes := processes(t, 3, "20s")
	voices, _ := hosts(t, nodes, nil)
	home := map[store.NodeID]bool{}
	for _, id := range []engine.RoomID{"A", "B", "C"} {
		home[entries(t, st, id)[0].Home] = true
	}
	require.Len(t, home, 3)
	for _, v := range voices {
		require.NoError(t, v.MuteMicrophone(t.Context()))
	}
	says := func(i int) {
		require.NoError(t, voices[i].UnmuteMicrophone(t.Context()))
		from := time.Now().Add(500 * time.Millisecond)
		for _, v := range voices {
			if v != voices[i] {
				v.hears(t, voices[i], from, 2*time.Second)
			}
		}
		require.NoError(t, voices[i].MuteMicrophone(t.Context()))
	}
	for i := range voices {
		says(i)
	}

	anna, bert, carl := voices[0], voices[1], voices[2]
	back := make(chan struct{})
	carl.eng.AddObserver(&engine.Observer{OnReconnected: func() { close(back) }})
	require.NoError(t, bert.UnmuteMicrophone(t.Context()))
	from := time.Now().Add(500 * time.Millisecond)
	<-time.After(time.Until(from.Add(500 * time.Millisecond)))
	killed := time.Now()
	require.NoError(t, nodes[2].cmd.Process.Kill())
	anna.hears(t, bert, from, 3*time.Second)
	select {
	case <-back:
	case <-carl.eng.Done():
		t.Fatal(carl.eng.Err())
	}
	t.Logf("C is back %v after its node's death", time.Since(killed).Round(time.Millisecond))
	require.NoError(t, bert.MuteMicrophone(t.Context()))
	require.NoError(t, carl.Room().Connected(t.Context()))
	says(2)
	says(0)
	for _, v := range voices {
		require.Len(t, v.Room().Connections().Connected(), 3)
	}
}
