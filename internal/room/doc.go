// Package room holds the rules of a voice room: one pure function, [Apply], from a state and a command to the next
// state and what happened. It does no I/O and knows no clock, goroutine or log, so every rule is a table test and
// every invariant a property test.
//
// Who may do what, and with which code it is refused, is listed in docs/protocol.md; the rules come from the product
// documents where they say something, and from the decisions noted there where they do not.
//
// The state is what a node needs to take a room over from another. What grows with the audience (who is present, chat)
// is not in it.
package room
