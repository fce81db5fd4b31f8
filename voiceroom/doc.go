// Package voiceroom is VoiceRoomKit: a room in one call, with everything of it on one handle.
//
//	room, err := voiceroom.CreateRoom(ctx, eng, "roomId_123456", voiceroom.CreateRoomParams{RoomName: "Evening talk"})
//	defer room.Close()
//
// CreateRoom opens a room with its owner on the first seat and on the air; EnterRoom enters somebody's. The verbs on
// the seats are the embedded grid's, see package seatgrid; Members has who is there. Close undoes all of it: the owner's
// room ends, anybody else leaves.
package voiceroom
