package sfu

import "sync/atomic"

// Stats counts packets since the SFU was made.
type Stats struct {
	Rooms, Peers int    // now
	TCP          int    // connections for media now
	In           uint64 // packets of local speakers that were let in
	Out          uint64 // packets written to local receivers
	RelayIn      uint64 // packets of remote speakers that were let in
	RelayOut     uint64 // packets handed to RoomConfig.Relay
	Dropped      Drops
}

// Drops counts what was not forwarded, by reason.
type Drops struct {
	NotSpeaker uint64 // not in SetSpeakers
	Malformed  uint64 // no valid RTP, bad padding, nothing but padding
	TooLarge   uint64 // payload above 1,200 bytes
	TooMany    uint64 // above 100 packets a second from one publisher
	Superseded uint64 // from a connection that a newer one of the same user has replaced, or relayed as well
	Stale      uint64 // behind what its receiver has got already, or the last of a speaker that has lost the slot
	Unsent     uint64 // receiver not connected (yet), or its connection refused the packet
	RelayBad   uint64 // relay messages with a part that could not be read
}

// drop is a reason, as an index of counters.
type drop int

const (
	dropNotSpeaker drop = iota
	dropMalformed
	dropTooLarge
	dropTooMany
	dropSuperseded
	dropStale
	dropUnsent
	dropRelayBad
	drops
)

// counters are what Stats is read from. Out is added once per packet and not per receiver: a counter that all cores write
// would cost more than the rewriting.
type counters struct {
	in, out, relayIn, relayOut atomic.Uint64
	dropped                    [drops]atomic.Uint64
}

func (c *counters) drop(why drop) { c.dropped[why].Add(1) }

func (c *counters) stats() Stats {
	return Stats{
		In: c.in.Load(), Out: c.out.Load(), RelayIn: c.relayIn.Load(), RelayOut: c.relayOut.Load(),
		Dropped: Drops{
			NotSpeaker: c.dropped[dropNotSpeaker].Load(),
			Malformed:  c.dropped[dropMalformed].Load(),
			TooLarge:   c.dropped[dropTooLarge].Load(),
			TooMany:    c.dropped[dropTooMany].Load(),
			Superseded: c.dropped[dropSuperseded].Load(),
			Stale:      c.dropped[dropStale].Load(),
			Unsent:     c.dropped[dropUnsent].Load(),
			RelayBad:   c.dropped[dropRelayBad].Load(),
		},
	}
}
