// Package battle has the battles of rooms (the documents' PK): their rules, a pure function like those of a room, and
// [Battles], which keeps them in the store and sees to it that requests and battles end on time, and that rooms know how it
// stands.
//
// What decides is a battle's value in the store, changed by compare-and-set from any node: who is asked and until when, who
// has accepted, the scores, and how it has ended. A second value for each room names the battle that has claimed it, so that
// a room is in one at most, or in one request. A claim counts only while its battle holds the room: a room is free as soon
// as it is out, or all is over, whatever has become of the claim. A battle is made before its rooms are claimed, and begins,
// or is asked for, with those that could be; if nobody goes on it never does. So wherever a node dies, all rooms are asked
// or none is.
//
// The rooms' members see a battle through the room's own log: whoever changes a battle has the rooms show it, and a room that
// was not told is told again. Each claim has a number, the turn, which grows from battle to battle of a room; with the
// battle's own number of changes it orders what a room is shown, so that it may come twice, late, and in any order.
package battle
