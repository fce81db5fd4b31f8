// Package natsstore is the store of a real server: NATS JetStream, in the process or an existing cluster.
//
//	st, err := natsstore.Open(ctx, natsstore.Config{Dir: "/var/lib/voiceroomd"})  // one node, all in the process
//	st, err := natsstore.Open(ctx, natsstore.Config{URL: "tls://nats.example.org"}) // an existing cluster
//
// All rooms' logs are one stream, <prefix>_log, with one subject per room; the fence of
// [store.Log] is JetStream's expected last sequence per subject. The outbox is another such stream, <prefix>_out, whose
// messages end after [store.OutboxAge], and the audit log a third, <prefix>_aud; values are <prefix>_val, which keeps one message of each subject. Heartbeats are
// <prefix>_beats, in memory. The bus is core NATS. Every id in a subject has gone through [store.Token].
//
// The embedded server writes every entry to the disk before it acknowledges it (sync always). Whether an existing
// cluster does is its own setting (sync_interval: always), which a client can neither set nor see.
package natsstore
