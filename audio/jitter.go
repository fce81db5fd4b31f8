package audio

import (
	"sync"
	"time"
)

// Kind says what a [JitterBuffer] wants played for the next 20 ms.
type Kind uint8

const (
	// Silence: nothing is being said. Play silence and leave the decoder alone.
	Silence Kind = iota
	// Packet: the payload is the next packet; Decode it.
	Packet
	// FEC: this packet is lost but the payload is the one after it; DecodeFEC it. It comes again, as Packet.
	FEC
	// Conceal: this packet is lost or late; Conceal it.
	Conceal
	// Comfort: the speaker is silent and sends next to nothing (DTX); Conceal, which makes the background go on.
	Comfort
)

// String returns the kind's name.
func (k Kind) String() string {
	switch k {
	case Silence:
		return "Silence"
	case Packet:
		return "Packet"
	case FEC:
		return "FEC"
	case Conceal:
		return "Conceal"
	case Comfort:
		return "Comfort"
	}
	return "Kind(?)"
}

// JitterConfig bounds a [JitterBuffer]. The zero value is right for the internet.
type JitterConfig struct {
	StartDelay time.Duration // delay to begin with, and the least while copies come; 0 means 40 ms
	MinDelay   time.Duration // the least delay where packets come evenly; 0 means 20 ms, at most StartDelay
	MaxDelay   time.Duration // the most delay; 0 means 200 ms, at most 600 ms
	MaxConceal int           // frames concealed in a row before silence; 0 means 5

	// HasFEC tells whether a packet carries a copy of the frame before it; nil means that all do.
	HasFEC func(packet []byte) bool
}

func (cfg JitterConfig) withDefaults() JitterConfig {
	if cfg.StartDelay <= 0 {
		cfg.StartDelay = 40 * time.Millisecond
	}
	if cfg.MaxDelay <= 0 {
		cfg.MaxDelay = 200 * time.Millisecond
	}
	if cfg.MaxConceal <= 0 {
		cfg.MaxConceal = 5
	}
	cfg.MaxDelay = min(cfg.MaxDelay, (jitterSlots/2-2)*FrameDuration)
	cfg.StartDelay = min(cfg.StartDelay, cfg.MaxDelay)
	if cfg.MinDelay <= 0 {
		cfg.MinDelay = FrameDuration
	}
	cfg.MinDelay = min(cfg.MinDelay, cfg.StartDelay)
	return cfg
}

// JitterStats counts since the buffer was made.
type JitterStats struct {
	Received  uint64        // packets pushed, whatever became of them
	Lost      uint64        // packets that had not come when they were due
	Late      uint64        // packets that came after they were due, or far out of order
	Duplicate uint64        // packets that had come before
	Dropped   uint64        // packets thrown away: empty, too large, or to shorten the delay
	Played    uint64        // frames answered with Packet
	Concealed uint64        // frames answered with Conceal
	Comfort   uint64        // frames answered with Comfort
	Gaps      uint64        // runs of them: frames concealed in a row are one
	Faded     uint64        // of those concealed: after the last packet, as far as is known; nothing was lost there
	FEC       uint64        // frames answered with FEC
	Copies    uint64        // packets that were lost and came as a copy (PushCopy)
	Delay     time.Duration // smoothed time from a packet's arrival to its play-out
	Target    time.Duration // the delay aimed at
	Jitter    time.Duration // how irregularly packets come: the mean deviation of RFC 3550 section 6.4.1
	// Drift is by how many parts in a million the sender's clock is faster than the one here; 0 until it is known, after
	// about a minute of talk.
	Drift float64
}

const (
	jitterSlots = 64 // a power of two, so that slots stay in order where sequence numbers wrap

	// How far a sequence number may jump before the packet is taken for another stream (RFC 3550 appendix A.1).
	jitterMaxDropout  = 3000
	jitterMaxMisorder = 100

	// A packet of so few bytes is the beginning of a silence (RFC 7587 section 3.1.3). Its background goes on for as long
	// as the next sign of life, which libopus sends every 400 ms, may be lost once.
	dtxSize    = 2
	maxComfort = 50

	// Every so many frames played the delay may shrink by one frame: 5 s.
	jitterWindow = 250
)

type jitterState uint8

const (
	jitterIdle     jitterState = iota // nothing to play
	jitterStarting                    // a talk spurt has begun and ages until the delay is reached
	jitterPlaying                     // one packet per frame
)

type jitterSlot struct {
	seq     int64 // extended
	ts      uint32
	arrival time.Time
	size    int
	marker  bool
	full    bool // else: seq was played from here, or never used
	data    [MaxPacket]byte
}

// JitterBuffer puts the packets of one RTP stream back into order and decides, every 20 ms, what to play.
//
// It begins a talk spurt when its first packet is StartDelay old. If packets come late it waits for them, so that the
// delay grows at once; it shrinks by one frame every 5 s in which packets were never short, preferably where the
// caller reported quiet ([JitterBuffer.Quiet]), and at the start of the next talk spurt. Where copies of earlier packets
// come ([JitterBuffer.PushCopy]) it waits for the oldest that come regularly. Where in 10 s of talk every packet came so early that
// a frame less would do, the delay goes below StartDelay, to MinDelay; where that proves wrong, it is tried again later, each
// time after twice as long, up to a minute. A gap in timestamps that is
// none in sequence numbers is silence on purpose (DTX, RFC 7587 section 4.1; a muted microphone), not loss. Where a packet
// says that it is DTX, the background is heard meanwhile.
//
// One stream may carry one speaker after another: the sender sets the marker on a speaker's first packet
// (RFC 3551 section 4.1) and Pop then says that the decoder must be reset.
//
// Time is passed in. Push and Pop may run at the same time; memory is fixed (100 kB) and nothing is allocated after
// NewJitterBuffer. Packets must hold 20 ms each.
type JitterBuffer struct {
	cfg JitterConfig

	mu     sync.Mutex // protects everything below
	state  jitterState
	stats  JitterStats
	slots  [jitterSlots]jitterSlot
	out    [MaxPacket]byte
	stored int   // slots that are full
	any    bool  // a packet has ever come
	fresh  bool  // nothing of this stream was played: what is missing before it was never sent
	played int64 // extended sequence number up to which everything is decided
	high   int64 // highest extended sequence number
	nextTS uint32
	badSeq int // sequence number that would confirm another stream, or -1

	reset     bool // the next packet begins something new
	run       int  // frames concealed in a row
	waited    int  // of them, spent waiting for the next packet, which so may be lost for free
	dtx       bool // the last packet said that silence follows
	comfort   int  // frames answered with Comfort since
	lastLost  bool // the silence before the next packet is due to loss
	grow      int  // frames to insert so that the delay reaches the target
	skip      int  // frames to leave out
	overdue   bool // the last window's skip was not used: no quiet came
	quiet     bool
	window    int
	leastLeft int           // fewest packets left after a Pop in this window
	longest   time.Duration // that a packet has waited in this window
	even      evenness
	copies    copyReach
	clock     clock
	named     int64 // up to here Missing has named what is missing
}

// NewJitterBuffer returns an empty buffer. Values out of range are brought into it.
func NewJitterBuffer(cfg JitterConfig) *JitterBuffer {
	b := &JitterBuffer{cfg: cfg.withDefaults(), badSeq: -1, leastLeft: jitterSlots, even: newEvenness()}
	b.stats.Target = b.cfg.StartDelay
	return b
}

// Stats returns the counts so far.
func (b *JitterBuffer) Stats() JitterStats {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := b.stats
	s.Faded += uint64(b.waited)
	s.Jitter = time.Duration(b.clock.jitter * float64(time.Second))
	s.Drift = b.clock.drift()
	return s
}

// Quiet tells whether the frame last decoded was too soft to hear, so that leaving out the one after it goes
// unnoticed. Calling it is optional; without it the delay shrinks more slowly.
func (b *JitterBuffer) Quiet(quiet bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.quiet = quiet
}

// slot returns the place of an extended sequence number.
func (b *JitterBuffer) slot(seq int64) *jitterSlot { return &b.slots[seq&(jitterSlots-1)] }

// find returns the slot that holds seq, or nil.
func (b *JitterBuffer) find(seq int64) *jitterSlot {
	if s := b.slot(seq); s.full && s.seq == seq {
		return s
	}
	return nil
}

// head returns the first packet that is there and not played. Call it with at least one stored.
func (b *JitterBuffer) head() *jitterSlot {
	for seq := b.played + 1; seq <= b.high; seq++ {
		if s := b.find(seq); s != nil {
			return s
		}
	}
	return nil
}
