// Package home decides rooms. Each room has a home: the one node that takes its commands one after another, applies
// the rules of [github.com/openvoiceroom/openvoiceroom/internal/room], appends the outcome to the room's log, and only
// then answers and tells everybody. Any node can be asked; it finds the home.
//
// What keeps a room safe when nodes fail:
//
//   - The log's newest entry holds the whole state, so any node can go on from it.
//   - An entry is appended only behind the newest one that the home knows. A home that was paused or cut off and has
//     been replaced fails its next append, drops the room and says so: that is the fence.
//   - A home decides only while its own heartbeat is fresh.
//   - Commands carry ids. Their outcomes are in the log, so a command that is repeated because its answer got lost
//     gets the old answer, also from a new home.
//
// Presence is softer than seats: nodes announce whom they have, and a new home asks again. Somebody on a seat, or with
// a request, whom no node announces within the grace period departs.
//
// All methods of [Node] may be called from several goroutines at once.
package home
