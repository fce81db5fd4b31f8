package rtc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/transport/v5"
	"github.com/pion/webrtc/v4"

	"github.com/openvoiceroom/openvoiceroom/internal/pionlog"
	"github.com/openvoiceroom/openvoiceroom/internal/report"
)

// Errors of a Peer.
var (
	// ErrClosed: the peer was closed here, or the server ended it.
	ErrClosed = errors.New("rtc: peer is closed")
	// ErrFailed: no path to the server works. An ICE restart may revive the connection.
	ErrFailed = errors.New("rtc: connection failed")
)

const (
	defaultSlots = 10
	maxSlots     = 63         // with the microphone 64 m-lines, the server's bound
	maxAnswer    = 256 * 1024 // bytes; a real one with 64 m-lines has 32 KiB
	receiveMTU   = 1500       // bytes; pion's own read buffers are no larger
)

// Config says how to connect. The zero value works: it receives and drops.
type Config struct {
	// Net is the network; nil means the system's.
	Net transport.Net
	// Slots is how many streams can be received at once, 1 to 63; 0 means 10.
	Slots int
	// Logger gets the log; nil discards.
	Logger *slog.Logger
	// OnPacket gets every packet of slot (0 to Slots-1, the m-lines' order) on the goroutine that reads that slot, with the
	// time when it came. It must not block, and header and payload are valid during the call only. Padding is gone already.
	// Nil drops.
	OnPacket func(slot int, h *rtp.Header, payload []byte, now time.Time)
	// OnCopy gets the copies of earlier packets that came with a packet, right after OnPacket had that: the timestamp of the
	// packet that it is a copy of, and how much older that is, in samples. What OnPacket may, it may. Nil drops.
	OnCopy func(slot int, ts, age uint32, payload []byte, now time.Time)
	// OnLoss gets the share of packets, 0 to 1, for whose loss the encoder should prepare, as the server reports it while this
	// end speaks: every few seconds, twice a second while it changes. It must not block, and is not called concurrently with
	// itself. May be nil.
	OnLoss func(share float64)
	// OnState gets every change of state that lasts; a state that was left again meanwhile may be skipped. May be nil.
	OnState func(State)
}

func (c Config) withDefaults() (Config, error) {
	if c.Slots == 0 {
		c.Slots = defaultSlots
	}
	if c.Slots < 1 || c.Slots > maxSlots {
		return c, fmt.Errorf("rtc: %d slots, want 1 to %d", c.Slots, maxSlots)
	}
	c.Logger = pionlog.Or(c.Logger)
	if c.OnPacket == nil {
		c.OnPacket = func(int, *rtp.Header, []byte, time.Time) {}
	}
	if c.OnCopy == nil {
		c.OnCopy = func(int, uint32, uint32, []byte, time.Time) {}
	}
	if c.OnLoss == nil {
		c.OnLoss = func(float64) {}
	}
	if c.OnState == nil {
		c.OnState = func(State) {}
	}
	return c, nil
}

// Peer is the client's end of one media connection. See the package comment for its life and for concurrency.
type Peer struct {
	cfg     Config
	pc      *webrtc.PeerConnection
	mic     *microphone
	offer   string
	mids    map[string]int
	reports reports
	up      report.Estimate // of the microphone's packets; the goroutine that decrypts reports uses it, and own
	own     bool            // the server sends the packet of ours
	trip    atomic.Int64    // ns: how long to the server and back
	levelID atomic.Uint32   // the level extension's id on what we receive; 0 until known

	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu      sync.Mutex // guards the following
	closed  bool       // no goroutine may be added to wg any more
	state   State
	changed chan struct{} // closed and replaced at every change of state

	notify sync.Mutex // held while OnState runs, so that calls do not overlap
	told   State      // guarded by notify
}

// New makes a peer and its offer. Nothing is sent before [Peer.Answer]. The caller must Close it.
func New(cfg Config) (*Peer, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	p := &Peer{cfg: cfg, mic: newMicrophone(), changed: make(chan struct{})}
	p.reports.slots = make([]reception, cfg.Slots)
	api, err := newAPI(cfg, p)
	if err != nil {
		return nil, err
	}
	pc, err := api.NewPeerConnection(webrtc.Configuration{
		BundlePolicy: webrtc.BundlePolicyMaxBundle,
		// pion would offer cryptex by itself; our server does not speak it.
		RTPHeaderEncryptionPolicy: webrtc.RTPHeaderEncryptionPolicyDisable,
	})
	if err != nil {
		return nil, fmt.Errorf("rtc: %w", err)
	}
	p.pc = pc
	p.ctx, p.cancel = context.WithCancel(context.Background())
	pc.OnTrack(p.onTrack)
	// pion runs this handler on a goroutine per change, in no order: onState asks for the current state instead.
	pc.OnConnectionStateChange(func(webrtc.PeerConnectionState) { p.onState() })
	if err := p.negotiate(); err != nil {
		_ = p.Close()
		return nil, err
	}
	return p, nil
}

// negotiate adds the m-lines and makes the first offer.
func (p *Peer) negotiate() error {
	if _, err := p.pc.AddTransceiverFromTrack(p.mic, webrtc.RTPTransceiverInit{
		Direction: webrtc.RTPTransceiverDirectionSendonly,
	}); err != nil {
		return fmt.Errorf("rtc: microphone: %w", err)
	}
	slots := make([]*webrtc.RTPTransceiver, p.cfg.Slots)
	for i := range slots {
		t, err := p.pc.AddTransceiverFromKind(webrtc.RTPCodecTypeAudio, webrtc.RTPTransceiverInit{
			Direction: webrtc.RTPTransceiverDirectionRecvonly,
		})
		if err != nil {
			return fmt.Errorf("rtc: slot %d: %w", i, err)
		}
		slots[i] = t
	}
	offer, err := p.makeOffer(nil)
	if err != nil {
		return err
	}
	p.offer = offer
	p.mids = make(map[string]int, len(slots))
	for i, t := range slots {
		p.mids[t.Mid()] = i
	}
	return nil
}

func (p *Peer) makeOffer(o *webrtc.OfferOptions) (string, error) {
	offer, err := p.pc.CreateOffer(o)
	if err != nil {
		return "", p.closedOr(fmt.Errorf("rtc: offer: %w", err))
	}
	if err := p.pc.SetLocalDescription(offer); err != nil {
		return "", p.closedOr(fmt.Errorf("rtc: offer: %w", err))
	}
	return withPtime(offer.SDP), nil
}

// Offer returns the first offer. It is complete: an ICE-lite server needs no candidates of ours, it learns them from the
// checks that arrive.
func (p *Peer) Offer() string { return p.offer }

// MIDs returns the slot behind each m-line's mid. It stays the same for the peer's life, through restarts too.
func (p *Peer) MIDs() map[string]int { return maps.Clone(p.mids) }

// Answer applies the server's answer to the last offer and starts to connect; it does not wait for the connection. It
// fails with [ErrClosed], with ctx's error if that has ended, or with what is wrong with the answer.
func (p *Peer) Answer(ctx context.Context, answer string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if len(answer) > maxAnswer {
		return fmt.Errorf("rtc: answer of %d bytes, at most %d", len(answer), maxAnswer)
	}
	first := p.pc.CurrentRemoteDescription() == nil
	text, later := withoutTCP(answer)
	if err := p.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: text}); err != nil {
		return p.closedOr(fmt.Errorf("rtc: answer: %w", err))
	}
	if !p.goOwned(func() { p.wakeUp(wakeUps(answer, later), first) }) {
		return ErrClosed
	}
	return nil
}

// RestartOffer returns an offer with new ICE credentials. Send it to the server and pass the reply to [Peer.Answer]. Media,
// slots and mids are kept. Use it when the network has changed or the state is StateFailed.
func (p *Peer) RestartOffer() (string, error) {
	return p.makeOffer(&webrtc.OfferOptions{ICERestart: true})
}

// WriteAudio sends one Opus frame of samples samples at 48 kHz with its audio level in -dBov (RFC 6464: 0 is the loudest,
// 127 silence). marker is set on the first frame after silence. Before the connection is up frames are dropped without an
// error. It allocates nothing of its own; payload is not kept.
//
// After the end it fails with [ErrClosed]; any other error means that this frame was lost and the next one may be tried.
func (p *Peer) WriteAudio(payload []byte, samples uint32, level uint8, marker bool) error {
	if err := p.mic.write(payload, samples, level, marker); err != nil {
		return p.closedOr(err)
	}
	return nil
}

// Microphone returns the track that WriteAudio writes to. The connection has bound it to itself; bound to something else, it
// shows what would be sent, without a network.
func (p *Peer) Microphone() webrtc.TrackLocal { return p.mic }

// Skip moves the media clock on by samples at 48 kHz for which nothing is sent: silence, a muted microphone.
func (p *Peer) Skip(samples uint32) { p.mic.skip(samples) }

// Level returns the audio level that a received packet carries, in -dBov (RFC 6464: 0 is the loudest, 127 silence).
func (p *Peer) Level(h *rtp.Header) (level uint8, ok bool) {
	id := p.levelID.Load()
	if id == 0 {
		return 0, false
	}
	b := h.GetExtension(uint8(id))
	if len(b) == 0 {
		return 0, false
	}
	return b[0] & 0x7f, true
}

// Close ends the connection and waits for every goroutine of it. The server learns of it at once. Further calls do nothing.
func (p *Peer) Close() error {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		p.wg.Wait()
		return nil
	}
	p.closed = true
	p.mu.Unlock()
	p.cancel()
	err := p.pc.GracefulClose()
	p.wg.Wait()
	p.onState()
	if err != nil {
		return fmt.Errorf("rtc: close: %w", err)
	}
	return nil
}

// tooManyStreams ends a connection whose server makes up streams: each costs memory for as long as the connection is there.
func (p *Peer) tooManyStreams() {
	p.cfg.Logger.Warn("media ended: the server sends more streams than there can be")
	p.goOwned(func() { _ = p.pc.Close() }) // Close does the rest
}

// goOwned runs f on a goroutine that Close waits for. It returns false if the peer is closed.
func (p *Peer) goOwned(f func()) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false
	}
	p.wg.Go(f)
	return true
}

// closedOr returns ErrClosed if the connection has ended, for then pion's own error says only what broke.
func (p *Peer) closedOr(err error) error {
	if p.ctx.Err() != nil || errors.Is(err, io.ErrClosedPipe) || p.pc.ConnectionState() == webrtc.PeerConnectionStateClosed {
		return ErrClosed
	}
	return err
}

// Connected waits until the connection is up. It returns [ErrFailed], [ErrClosed] or ctx's error otherwise.
func (p *Peer) Connected(ctx context.Context) error {
	for {
		p.mu.Lock()
		state, changed := p.state, p.changed
		p.mu.Unlock()
		switch state {
		case StateConnected:
			return nil
		case StateFailed:
			return ErrFailed
		case StateClosed:
			return ErrClosed
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		case <-p.ctx.Done():
			return ErrClosed
		}
	}
}

// State returns what the connection is doing.
func (p *Peer) State() State {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.state
}

// onState takes over the connection's current state and tells the observer.
func (p *Peer) onState() {
	p.notify.Lock()
	defer p.notify.Unlock()
	state := stateOf(p.pc.ConnectionState())
	if p.told == StateClosed || state == p.told {
		return
	}
	p.told = state
	p.mu.Lock()
	p.state = state
	close(p.changed)
	p.changed = make(chan struct{})
	p.mu.Unlock()
	p.cfg.Logger.Debug("media state", "state", state.String())
	p.cfg.OnState(state)
}

// withPtime adds the frame length that we send to each m-line (RFC 4566 section 6). pion has no field for it.
func withPtime(sdp string) string {
	const fmtp = "a=fmtp:111 " + opusFmtp + "\r\n"
	return strings.ReplaceAll(sdp, fmtp, fmtp+"a=ptime:20\r\n")
}
