// Package linear holds a test of what the whole of homes, log and database promises: whatever happens to nodes and
// messages, the seats of a room look to everybody as if one command had followed the other on a single server.
//
// Users on three nodes over one JetStream take, leave, move, lock and silence seats while nodes are killed, stopped,
// stalled and cut off, and acknowledgements and answers are lost. What they asked and were told is compared with a
// specification of seats that shares nothing with the code (spec_test.go), by the checker porcupine.
//
// It has a package of its own because it needs real sockets and the database, which the tests of package home do
// without, and no silence around it, as the listening tests of package e2e do.
package linear
