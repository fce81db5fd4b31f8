// Package voiceroomtest is httptest for voice rooms: a server and fake users inside a test, without network, sound card
// or sleeps. Every user has a microphone that hums a tone of its own and a speaker that records, so that a test can say
// who is heard by whom:
//
//	func TestGuestTakesASeat(t *testing.T) {
//		srv := voiceroomtest.NewServer(t)
//		host, guest := srv.NewUser(t, "host"), srv.NewUser(t, "guest")
//		host.Start(t, "room")
//		host.AnswerRequests(true)
//		guest.Join(t, "room")
//		res, err := guest.TakeSeat(t.Context(), 1, time.Minute)
//		require.NoError(t, err)
//		require.Equal(t, seatgrid.Accepted, res.Type)
//		require.NoError(t, guest.StartMicrophone(t.Context()))
//		host.Hears(t, guest)
//	}
//
// It is the real server and the real client on a network inside the process. In a testing/synctest bubble the same test
// runs on virtual time: an hour of talk takes seconds.
//
// Things may go wrong as they do outside: Config.Loss and SetLoss lose media, KillNode, StopNode and StartNode take
// servers away and bring them back, and a user's ResetConnection, SilenceConnection and SetOffline break what leads
// there.
//
// The codec is [audio.MuLaw], which needs no cgo; Config.Codec takes opus.Codec.
package voiceroomtest
