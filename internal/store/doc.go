// Package store is where rooms live and how the nodes of a server talk to each other.
//
// A room is a log. The one node that decides a room appends to it and names the newest entry it knows; that check is
// the fence: a node that was paused or cut off and replaced meanwhile cannot append any more. The bus carries commands
// to the node that decides, and a room's events and media to everybody who has members of it. Nodes tell that they
// are alive by beating.
//
// What the apps' servers are to be told of a room is a second log, the outbox; who has done what to it a third. What belongs to no room's log (accounts,
// settings, who is banned) is a value, which is changed by compare-and-set.
//
// Two implementations pass one contract suite ([github.com/openvoiceroom/openvoiceroom/internal/store/storetest]):
// memstore for tests on virtual time, natsstore (NATS JetStream, in the process or an existing cluster) for servers.
//
// All methods may be called from several goroutines at once. After Close every method with an error result reports
// [ErrClosed], and no callback runs any more.
package store
