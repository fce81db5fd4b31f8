// Package sfu is the server end of the rooms' media: the members' PeerConnections, the forwarding of what the speakers
// send, and the packets that cross to and from other nodes.
//
//	s, err := sfu.New(sfu.Config{UDP: conn})
//	room := s.NewRoom(sfu.RoomConfig{})
//	room.SetSpeakers([]signaling.UserID{"anna", "bert"})        // who is heard, in the order of the seats
//	peer, err := room.Join(ctx, "carl", offer, func(slots []sfu.Slot) { ... })
//	reply(peer.Answer(), peer.Slots())
//
// Everybody shares one UDP port, the server is ICE-lite and the DTLS server, and a PeerConnection is negotiated once: an
// offer's first m-line is the microphone, the ones behind it are slots. Who is heard on a slot changes by writing other
// packets into it, never by a negotiation.
//
// A Room forwards what SetSpeakers allows and nothing else. It knows neither seats nor mutes nor rights: whoever owns the
// room decides, and also decides when a peer whose connection has failed is closed.
//
// # Concurrency
//
// All methods may be called from any goroutine. The func given to Join is never called concurrently with itself, always
// with newer slots than before, and must not call back into its Room or Peer except for [Peer.Slots]. Relay is never called
// concurrently with itself.
package sfu
