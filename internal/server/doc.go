// Package server is a voice room server without a process around it: the WebSocket endpoint, the sessions of its users,
// and the rooms as this node sees them. It turns messages into commands for the rooms' homes, and what the homes decide
// into notifications for the members here.
//
// Everything it needs from outside is in [Config] (store, sockets, listener, network), so that a test can run a whole
// call on virtual time.
package server
