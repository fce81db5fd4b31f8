// Package signaling is the wire between a voice room's clients and its server: the vocabulary both sides share
// (rooms, seats, users, requests, error codes), the messages, their codec, and the client's connection.
//
// The protocol is JSON-RPC 2.0 over one WebSocket with the subprotocol [Subprotocol]. It is written down for other
// implementations in docs/protocol.md; every message has a golden file in testdata.
//
// A client opens a [Conn] with [Dial], logs in with one Call of [MethodLogin] and then calls the other methods.
// Notifications arrive on one goroutine in the order in which the server sent them.
//
// Numbers of enumerations and error codes are those of the product documents (TUILiveKit), so that code written for
// them carries over. The package imports neither the media stack nor audio: a moderator bot links nothing of either.
package signaling
