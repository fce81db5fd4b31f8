// Package tui is a voice room in a terminal: the seats drawn by the rules of package seatgrid, moving levels, a log of
// what happens, and keys for everything that a member may do. Without a terminal the same events are lines of text.
//
// [Open] logs in and enters the room; [Session.Run] shows it until it is over for this user, [Session.Print] writes its
// events. Both return how it ended.
//
// Everything on the screen follows from messages: observers and a seat view adapter turn what the SDK tells into
// messages, in one queue that never makes the SDK wait; the model's Update turns messages into state, and View state
// into text. So a screen can be tested without a terminal, and a room without a screen.
//
// The package draws and sends; it opens no sound card and chooses no codec. Both come in the login's configuration.
package tui
