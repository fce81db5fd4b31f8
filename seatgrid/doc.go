// Package seatgrid is SeatGridView: the verbs on one room's seats and the callbacks that tell what others do.
//
//	eng, err := engine.Login(ctx, engine.Config{URL: "ws://127.0.0.1:8080", SDKAppID: 1400000001, UserID: "denny", UserSig: sig,
//		Codec: opus.Codec, Microphone: mic, Speaker: speaker})
//	grid := seatgrid.New(eng)
//	grid.AddObserver(&seatgrid.Observer{OnSeatRequestReceived: func(t seatgrid.RequestType, u seatgrid.UserInfo) { ... }})
//	info, err := grid.StartVoiceRoom(ctx, seatgrid.RoomInfo{RoomID: "roomId_123456"})
//	err = grid.StartMicrophone(ctx)
//
// A [Grid] is in one room at a time; several grids may share a login.
//
// The documents' callbacks of a call (onSuccess, onError, onAccepted, onRejected, ...) are Go's results: a verb takes a
// context, waits, and returns. TakeSeat waits until the application is decided and returns how.
//
// [Layout] says where the seats go, in points; a [SeatViewAdapter] makes views for them, of any type. The package itself
// draws nothing. While the room is connected with others, [Grid.SeatCells] has the first six seats of each, a
// [ConnectedSeatViewAdapter] makes views of theirs, and [Grid.SetConnectedSeatRule] keeps people on those that are shown.
//
// Methods may be called from any goroutine. Observers are called in order, never two at once, off every lock, and may
// call the grid. Errors are *[engine.Error] with the documents' codes. Reads (Seats, RoomInfo, PendingRequests) are
// snapshots, and show a verb's effect once the verb has returned.
package seatgrid
