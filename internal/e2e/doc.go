// Package e2e holds tests of the whole over real sockets: real servers, real clients, real audio, one node and several,
// in this process and in processes that are stopped and killed.
package e2e
