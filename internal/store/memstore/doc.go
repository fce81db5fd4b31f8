// Package memstore is a store in memory, shared by several nodes of one process. It keeps nothing after the process.
//
// It serves tests: everything waits on channels and timers, so it runs on virtual time inside a testing/synctest
// bubble, where JetStream does not. Nodes can be killed and paused, and acknowledgements can be lost:
//
//	cluster := memstore.New()
//	a, b := cluster.Node(), cluster.Node()
//	a.Pause()                              // as SIGSTOP
//	cluster.FailNextAppend(memstore.After) // stored, but the caller is told otherwise
package memstore
