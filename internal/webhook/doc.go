// Package webhook tells apps' servers what happens in their rooms: the documents' third-party callbacks.
//
// A room's home asks [Service.Record] what to tell of each entry of the room's log and puts it into the room's outbox,
// in order and durably. From there one node for each app, the one that rendezvous hashing picks among the live ones,
// delivers it: the callbacks of a room one after another, those of different rooms side by side. Up to where a room has
// been told is a value in the store, so another node goes on where one has died, and what was under way then is sent
// again with the same id.
package webhook
