// Package demo is the main job as one scenario: two users in a room, on seats, hearing each other's speech, and a
// report that compares what was heard with what was said. The command voiceroom demo and the tests run it, on one node
// and on two.
package demo
