// Package engine is the RTC room engine under the voice room: the login, rooms as live replicas, and the media session.
//
// [Login] opens a connection and logs in; [Engine.Create] and [Engine.Enter] give a [Room], which keeps itself up to
// date and carries the media. The verbs of a room's seats are package seatgrid's, which holds a Room.
//
// # Promises
//
// Methods may be called from any goroutine. Those that wait take a context first, and return when it ends.
// Reads return snapshots: what they return never changes afterwards. When a verb has returned, reads show its effect.
//
// Observers of an engine and of its rooms are called in order, never two at once, off every lock. They may call any
// method, Close included. After the remove function has returned (unless called from inside a callback) nothing is
// delivered any more. State events are never dropped; an observer that takes over a second is reported to the Logger.
//
// Close waits for everything that was started.
//
// Errors are *[Error] with the product documents' codes; errors.Is(err, engine.ErrSeatOccupied) and its like work.
package engine
