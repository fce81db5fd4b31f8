// Package battle has the battles of rooms (the documents' PK): their rules, a pure function like those of a room, and
// [Battles], which keeps them in the store and sees to their end.
//
// What decides is a battle's value in the store, changed by compare-and-set from any node. A second value for each room
// names the battle that has claimed it, so that a room is in one at most. A claim counts only while its battle lives:
// a room is free as soon as that has ended, whatever has become of the claim. The rooms' members see a battle through
// the room's own log: whoever changes a battle has the rooms show it, and a room that was not told is told again.
package battle
