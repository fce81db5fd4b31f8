package voiceroomtest_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/audio"
	"github.com/openvoiceroom/openvoiceroom/engine"
	"github.com/openvoiceroom/openvoiceroom/internal/hearing"
	"github.com/openvoiceroom/openvoiceroom/internal/speech"
	"github.com/openvoiceroom/openvoiceroom/seatgrid"
	"github.com/openvoiceroom/openvoiceroom/voiceroom/voiceroomtest"
)

// hostAt starts a room of the user's at a node, with somebody who only listens.
func hostAt(t *testing.T, srv *voiceroomtest.Server, node int, id engine.RoomID) (host, ear *voiceroomtest.User) {
	t.Helper()
	host, ear = srv.NewUserOn(t, node, engine.UserID("host"+id)), srv.NewUserOn(t, node, engine.UserID("ear"+id))
	host.Start(t, id)
	ear.Join(t, id)
	return host, ear
}

// connect connects rooms, the first of which asks.
func connect(t *testing.T, first *voiceroomtest.User, others ...*voiceroomtest.User) {
	t.Helper()
	from := first.RoomInfo().RoomID
	for _, o := range others {
		id := o.RoomInfo().RoomID
		codes, err := first.Room().Connections().RequestConnection(t.Context(), []engine.RoomID{id}, time.Minute, "")
		require.NoError(t, err)
		require.Equal(t, engine.ConnectionSuccess, codes[id])
		require.NoError(t, o.Room().Connections().AcceptConnection(t.Context(), from))
	}
}

func mute(t *testing.T, host *voiceroomtest.User, other engine.RoomID, mute bool) {
	t.Helper()
	require.NoError(t, host.Room().Connections().MuteConnection(t.Context(), other, mute))
}

// hum returns how loud a user hears another's hum now, in dB.
func hum(ear, speaker *voiceroomtest.User) float64 {
	time.Sleep(500 * time.Millisecond) // virtual
	samples := ear.Speaker.Samples()
	return hearing.ToneLevel(samples[len(samples)-9600:], speaker.Tone())
}

// Two rooms talk, on one node and on two: each room's guests hear both hosts, as loud as their own, until one room mutes
// the other, or leaves.
func TestTwoRoomsTalk(t *testing.T) {
	for _, nodes := range []int{1, 2} {
		t.Run(fmt.Sprint(nodes, " nodes"), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				srv := voiceroomtest.Config{Nodes: nodes}.NewServer(t)
				anna, earA := hostAt(t, srv, 0, "A")
				bert, earB := hostAt(t, srv, nodes-1, "B")
				earA.Hears(t, anna)
				earA.HearsNot(t, bert)
				connect(t, anna, bert)
				for _, u := range []*voiceroomtest.User{earA, earB, bert} {
					u.Hears(t, anna)
				}
				for _, u := range []*voiceroomtest.User{earA, earB, anna} {
					u.Hears(t, bert)
				}
				for _, u := range []*voiceroomtest.User{earA, earB} {
					require.InDelta(t, hum(u, anna), hum(u, bert), 0.5, "a connected room is as loud as the own")
				}

				mute(t, anna, "B", true)
				earA.HearsNot(t, bert)
				anna.HearsNot(t, bert)
				earA.Hears(t, anna)
				earB.Hears(t, anna)
				mute(t, anna, "B", false)
				earA.Hears(t, bert)

				require.NoError(t, bert.MuteMicrophone(t.Context()))
				earA.HearsNot(t, bert)
				require.NoError(t, bert.UnmuteMicrophone(t.Context()))
				earA.Hears(t, bert)

				require.NoError(t, bert.Room().Connections().Disconnect(t.Context()))
				earA.HearsNot(t, bert)
				earB.HearsNot(t, anna)
				earA.Hears(t, anna)
				earB.Hears(t, bert)
			})
		})
	}
}

// What a guest sets and sees of who speaks in a connected room is that user's, and told with the room.
func TestSpeakersOfAConnectedRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.Config{Nodes: 2}.NewServer(t)
		anna, ear := hostAt(t, srv, 0, "A")
		bert, _ := hostAt(t, srv, 1, "B")
		connect(t, anna, bert)
		ear.Hears(t, bert)
		room := ear.Room()
		loud := hum(ear, bert)
		require.NoError(t, room.SetUserVolume("hostB", 50))
		require.InDelta(t, loud-6, hum(ear, bert), 0.5)
		require.InDelta(t, loud, hum(ear, anna), 0.5)
		require.NoError(t, room.SetUserVolume("hostB", 100))
		room.MuteRemoteAudioStream("hostB", true)
		require.Less(t, hum(ear, bert), -60.0)
		room.MuteRemoteAudioStream("hostB", false)
		require.InDelta(t, loud, hum(ear, bert), 0.5)
		stats, heard := room.AudioStats("hostB")
		require.True(t, heard)
		require.Zero(t, stats.Lost)

		said, stop, err := room.Listen("hostB", time.Second)
		require.NoError(t, err)
		require.NoError(t, said.Start(t.Context()))
		frame := audio.NewFrame(1)
		var samples []int16
		for range 50 {
			require.NoError(t, said.ReadFrame(t.Context(), frame))
			samples = append(samples, frame...)
		}
		stop()
		require.InDelta(t, loud, hearing.ToneLevel(samples[len(samples)/2:], bert.Tone()), 0.5, "what one user says, of whichever room")

		volumes, connected := make(chan map[engine.UserID]int, 1000), make(chan map[engine.RoomID]map[engine.UserID]int, 1000)
		remove := room.AddObserver(&engine.RoomObserver{
			OnUserVoiceVolumeChanged:          func(v map[engine.UserID]int) { volumes <- v },
			OnConnectedUserVoiceVolumeChanged: func(v map[engine.RoomID]map[engine.UserID]int) { connected <- v },
		})
		time.Sleep(time.Second)
		require.Equal(t, map[engine.UserID]int{"hostA": 72}, <-volumes)
		require.Equal(t, map[engine.RoomID]map[engine.UserID]int{"B": {"hostB": 72}}, <-connected)
		require.NoError(t, bert.MuteMicrophone(t.Context()))
		time.Sleep(3 * time.Second)
		var last map[engine.RoomID]map[engine.UserID]int
		for range len(connected) {
			last = <-connected
		}
		require.Empty(t, last["B"], "silence is told")
		remove()
	})
}

// Three rooms at three nodes, one of them muted in one; then a node dies, and those at the others are heard on.
func TestThreeRoomsAndADeath(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.Config{Nodes: 3}.NewServer(t)
		anna, earA := hostAt(t, srv, 0, "A")
		bert, earB := hostAt(t, srv, 1, "B")
		carl, earC := hostAt(t, srv, 2, "C")
		connect(t, anna, bert, carl)
		for _, ear := range []*voiceroomtest.User{earA, earB, earC} {
			for _, host := range []*voiceroomtest.User{anna, bert, carl} {
				ear.Hears(t, host)
			}
		}
		mute(t, anna, "C", true)
		earA.HearsNot(t, carl)
		earA.Hears(t, bert)
		earB.Hears(t, carl)
		earC.Hears(t, anna)
		mute(t, anna, "C", false)
		earA.Hears(t, carl)

		before := len(earA.Speaker.Samples())
		srv.KillNode(t, 2)
		earA.Hears(t, bert)
		earB.Hears(t, anna)
		time.Sleep(5 * time.Second) // virtual
		require.Greater(t, len(earA.Speaker.Samples())-before, 4*audio.SampleRate)
		gaps := 0
		for heard := earA.Speaker.Samples()[before:]; len(heard) >= 4800; heard = heard[4800:] {
			if hearing.ToneLevel(heard[:4800], bert.Tone()) < -35 {
				gaps++
			}
		}
		require.Zero(t, gaps, "tenths of a second in which B was not heard in A while the node of C died")
		// C's people come back to other nodes, and are heard again: the connection has outlived the node.
		earA.Hears(t, carl)
		earC.Hears(t, anna)
		earC.Hears(t, bert)
	})
}

// A guest hears what is said in a connected room as well, and as early, as those who are in that room: on the speaker's
// node and on another.
func TestConnectedRoomIsAsEarly(t *testing.T) {
	for node, name := range []string{"the speaker's node", "another node"} {
		t.Run(name, func(t *testing.T) {
			said := speech.Host()[:3*audio.SampleRate]
			var there, here []int16
			synctest.Test(t, func(t *testing.T) {
				srv := voiceroomtest.Config{Nodes: 2, Delay: 25 * time.Millisecond}.NewServer(t)
				anna, earA := hostAt(t, srv, node, "A")
				bert, earB := hostAt(t, srv, node, "B")
				connect(t, anna, bert)
				earB.Hears(t, anna)
				require.NoError(t, anna.MuteMicrophone(t.Context()))
				require.NoError(t, bert.MuteMicrophone(t.Context()))
				require.NoError(t, bert.UpdateRoomSeatMode(t.Context(), seatgrid.FreeToTake))

				cfg := srv.EngineConfig(t, 0, "reader")
				cfg.Microphone = audio.NewPCMSource(said, audio.PCMOptions{Silence: true})
				eng, err := engine.Login(t.Context(), cfg)
				require.NoError(t, err)
				defer func() { require.NoError(t, eng.Logout(t.Context())) }()
				reader := seatgrid.New(eng)
				_, err = reader.JoinVoiceRoom(t.Context(), "B")
				require.NoError(t, err)
				_, err = reader.TakeSeat(t.Context(), 2, 0)
				require.NoError(t, err)
				require.NoError(t, reader.Room().Connected(t.Context()))
				time.Sleep(time.Second) // virtual
				fromB, fromA := len(earB.Speaker.Samples()), len(earA.Speaker.Samples())
				require.NoError(t, reader.StartMicrophone(t.Context()))
				time.Sleep(4 * time.Second)
				there, here = earB.Speaker.Samples()[fromB:], earA.Speaker.Samples()[fromA:]
			})
			inB, inA := hearing.Compare(said, there, hearing.Options{}), hearing.Compare(said, here, hearing.Options{})
			t.Logf("in the room: %+v", inB)
			t.Logf("in the connected one: %+v", inA)
			require.True(t, inB.OK, inB.Reason)
			require.True(t, inA.OK, inA.Reason)
			require.InDelta(t, inB.DelayMS, inA.DelayMS, 20, "each speaker begins its frames when it likes")
		})
	}
}

// Over lines that lose, a connected room's speaker is not worse off than the own.
func TestConnectedRoomWithLoss(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		srv := voiceroomtest.Config{Loss: 0.05, Delay: 25 * time.Millisecond, Seed: 7}.NewServer(t)
		anna, ear := hostAt(t, srv, 0, "A")
		bert, _ := hostAt(t, srv, 0, "B")
		connect(t, anna, bert)
		ear.Hears(t, anna)
		ear.Hears(t, bert)
		time.Sleep(time.Minute) // virtual
		for _, u := range []engine.UserID{"hostA", "hostB"} {
			stats, heard := ear.Room().AudioStats(u)
			require.True(t, heard)
			t.Logf("%s: %+v", u, stats)
			share := float64(stats.Lost) / float64(stats.Received+stats.Lost)
			require.InDelta(t, 0.0975, share, 0.03, "5 %% are lost on the way to the server and 5 %% on the way from it")
		}
	})
}
