// Package connection has the co-host connections of rooms: their rules, a pure function like those of a room, and
// [Connections], which keeps them in the store and sees to it that requests end on time and that rooms know how it
// stands.
//
// What decides is a connection's value in the store, changed by compare-and-set from any node: who is connected, who is
// asked and until when, and how each request has ended. A second value for each room names the connection that has
// claimed it, so that a room is in one at most, and asked by one at most. A claim counts only while its connection has a
// place for the room: a place is reserved before the room is claimed, and given up when nobody goes on. So wherever a
// node dies, the room is asked or it is not.
//
// The rooms' members see a connection through the room's own log: whoever changes a connection has the rooms show it, and
// notes then how far all have been shown. Until that is noted, every node shows it again. Each stay of a room in a
// connection has a number, the turn, which grows from stay to stay; with the connection's own number of changes it orders
// what a room is shown, so that it may come twice, late, and in any order.
package connection
