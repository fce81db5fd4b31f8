package sfu

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/rtp"
	"github.com/pion/webrtc/v4"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// ErrClosed is what a closed Peer, Room or SFU answers with, also when the client has ended the connection.
var ErrClosed = errors.New("sfu: closed")

const (
	receiveMTU    = 1500 // bytes
	maxReadErrors = 1000 // unreadable packets in a row; only so that an error without a packet cannot spin
)

// Slot says who is heard on an m-line.
type Slot struct {
	MID  string           // of the client's offer
	Room signaling.RoomID // the connected room in which User speaks, "" for the member's own
	User signaling.UserID // "": nobody
}

// PeerStats describes one member's connection.
type PeerStats struct {
	State string // pion's: new, connecting, connected, disconnected, failed or closed
	In    uint64 // packets received from the member, forwarded or not
	Out   uint64 // packets sent to the member
}

// Peer is one member's connection.
type Peer struct {
	room   *Room
	user   signaling.UserID
	pc     *webrtc.PeerConnection
	shape  shape
	answer string
	slots  []*slot // in the order of the m-lines
	in     atomic.Uint64
	up     way
	down   downlink

	superseded atomic.Bool // the user has a newer connection

	seating seating // guarded by room.mu, as is waiting
	waiting bool    // some speaker has no slot here

	current atomic.Pointer[slotList]
	tellMu  sync.Mutex   // held while onSlots runs
	onSlots func([]Slot) // guarded by tellMu; nil once closed
	told    uint64       // guarded by tellMu

	negotiating sync.Mutex // one offer at a time
	mu          sync.Mutex
	closed      bool                // guarded by mu; no goroutine may be added to wg any more
	mic         *webrtc.RTPReceiver // guarded by mu; nil until the one up-link track is read
	wg          sync.WaitGroup
}

// slotList is what Slots returns. Version counts changes.
type slotList struct {
	version uint64
	slots   []Slot
}

// newPeer answers an offer. The order of pion's calls is the one that cannot put a slot on a wrong m-line: the remote
// description makes the transceivers, each that is to send gets its sender explicitly.
func newPeer(ctx context.Context, r *Room, user signaling.UserID, offer string, onSlots func([]Slot)) (*Peer, error) {
	shape, err := checkOffer(offer)
	if err != nil {
		return nil, err
	}
	p := &Peer{room: r, user: user, shape: shape, onSlots: onSlots}
	p.current.Store(&slotList{})
	rebind := &rebinder{}
	api, err := r.sfu.newAPI(rebind, p)
	if err != nil {
		return nil, err
	}
	if p.pc, err = api.NewPeerConnection(r.sfu.pcConfig()); err != nil {
		return nil, fmt.Errorf("sfu: %w", err)
	}
	p.pc.OnTrack(p.onTrack)
	p.pc.SCTP().Transport().ICETransport().OnSelectedCandidatePairChange(rebind.pairSelected)
	if p.answer, err = p.negotiate(ctx, offer, func() error { return p.addSlots(api) }); err != nil {
		_ = p.Close()
		return nil, err
	}
	return p, nil
}

// addSlots gives every m-line that the client receives on a slot.
func (p *Peer) addSlots(api *webrtc.API) error {
	for _, t := range p.pc.GetTransceivers() {
		if t.Direction() != webrtc.RTPTransceiverDirectionSendonly {
			continue
		}
		s := newSlot(fmt.Sprintf("slot%d", len(p.slots)), t.Mid())
		s.down = &p.down
		sender, err := api.NewRTPSender(s, t.Receiver().Transport())
		if err != nil {
			return fmt.Errorf("sfu: slot %s: %w", s.mid, err)
		}
		if err := t.SetSender(sender, s); err != nil {
			return fmt.Errorf("sfu: slot %s: %w", s.mid, err)
		}
		p.slots = append(p.slots, s)
	}
	p.seating.slots = make([]source, len(p.slots))
	return nil
}

// negotiate takes an offer and returns the complete answer. prepare runs between the two.
func (p *Peer) negotiate(ctx context.Context, offer string, prepare func() error) (string, error) {
	p.negotiating.Lock()
	defer p.negotiating.Unlock()
	if err := ctx.Err(); err != nil {
		return "", err
	}
	if p.pc.ConnectionState() == webrtc.PeerConnectionStateClosed {
		return "", ErrClosed
	}
	if err := p.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: withoutCandidates(offer)}); err != nil {
		return "", p.closedOr(badOffer("%v", err))
	}
	if err := prepare(); err != nil {
		return "", err
	}
	answer, err := p.pc.CreateAnswer(nil)
	if err != nil {
		return "", p.closedOr(badOffer("%v", err))
	}
	gathered := webrtc.GatheringCompletePromise(p.pc)
	if err := p.pc.SetLocalDescription(answer); err != nil {
		return "", p.closedOr(fmt.Errorf("sfu: answer: %w", err))
	}
	select {
	case <-gathered:
	case <-ctx.Done():
		return "", ctx.Err()
	}
	local := p.pc.LocalDescription()
	if local == nil {
		return "", ErrClosed
	}
	return withLimits(local.SDP), nil
}

// Answer returns the answer to the offer given to Join, with all candidates.
func (p *Peer) Answer() string { return p.answer }

// Slots returns who is heard on which m-line now, in the order of the m-lines.
func (p *Peer) Slots() []Slot { return slices.Clone(p.current.Load().slots) }

// Restart answers the offer of an ICE restart, also after the connection has failed. The offer must have the same m-lines
// as the first one. Errors are Join's; after one the peer is as before and may be restarted again.
func (p *Peer) Restart(ctx context.Context, offer string) (answer string, err error) {
	shape, err := checkOffer(offer)
	if err != nil {
		return "", err
	}
	if !slices.Equal(shape, p.shape) {
		return "", badOffer("a restart must have the m-lines of the first offer")
	}
	return p.negotiate(ctx, offer, func() error { return nil })
}

// Stats returns the connection's state and counts.
func (p *Peer) Stats() PeerStats {
	st := PeerStats{State: p.pc.ConnectionState().String(), In: p.in.Load()}
	for _, s := range p.slots {
		s.mu.Lock()
		st.Out += s.sent
		s.mu.Unlock()
	}
	return st
}

// Close ends the connection, waits for its goroutines and makes the room forget the member. onSlots is not called any more.
// It may be called more than once, but not from onSlots.
func (p *Peer) Close() error {
	p.room.remove(p)
	p.tellMu.Lock()
	p.onSlots = nil
	p.tellMu.Unlock()
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	err := p.pc.GracefulClose()
	p.wg.Wait()
	if err != nil {
		return fmt.Errorf("sfu: close: %w", err)
	}
	return nil
}

// tooManyStreams ends a connection whose client makes up streams: each costs memory for as long as the connection is there.
func (p *Peer) tooManyStreams() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	p.room.log.Warn("media ended: the member sends more streams than there can be", "user", p.user)
	p.wg.Go(func() { _ = p.pc.Close() }) // Close does the rest
}

func (p *Peer) closedOr(err error) error {
	if p.pc.ConnectionState() == webrtc.PeerConnectionStateClosed {
		return ErrClosed
	}
	return err
}

// onTrack reads the microphone. Other tracks cannot come from an honest client, which has one m-line that sends; they stay
// unread, and pion's buffers bound them.
func (p *Peer) onTrack(t *webrtc.TrackRemote, r *webrtc.RTPReceiver) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || p.mic != nil {
		return
	}
	p.mic = r
	params := r.GetParameters()
	levelID := extensionID(params.HeaderExtensions, levelURI)
	redPT := uint8(0)
	for _, c := range params.Codecs {
		if strings.EqualFold(c.MimeType, mimeRED) {
			redPT = uint8(c.PayloadType)
		}
	}
	p.wg.Go(func() { p.read(t, levelID, redPT) })
}

// read takes the member's packets until the connection ends.
func (p *Peer) read(t *webrtc.TrackRemote, levelID, redPT uint8) {
	buf := make([]byte, receiveMTU)
	var (
		h   rtp.Header
		pkt packet
		b   bucket
		up  = uplink{recovery: newRecovery()}
	)
	for failed := 0; failed < maxReadErrors; {
		n, _, err := t.Read(buf)
		if err != nil {
			if errors.Is(err, io.EOF) || errors.Is(err, io.ErrClosedPipe) {
				return
			}
			failed++
			p.room.sfu.count.drop(dropMalformed)
			continue
		}
		failed = 0
		p.in.Add(1)
		now := time.Now()
		if !b.take(now) {
			p.room.sfu.count.drop(dropTooMany)
			continue
		}
		if why, ok := parsePacket(&pkt, &h, buf[:n], levelID); !ok {
			p.room.sfu.count.drop(why)
			continue
		}
		up.reception.Add(pkt.seq)
		copies, ok := up.recovery.take(&pkt, redPT != 0 && h.PayloadType == redPT)
		if !ok {
			p.room.sfu.count.drop(dropMalformed)
			continue
		}
		for i := range copies {
			if b.take(now) {
				p.room.ingest(p, &copies[i], now)
			}
		}
		if up.recovery.twice {
			p.room.sfu.count.drop(dropStale) // sent again it would have the number, and so the nonce, of its copy
		} else {
			p.room.ingest(p, &pkt, now)
		}
		p.report(&up, pkt.stream, now)
	}
	p.room.log.Warn("microphone given up: its packets cannot be read", "user", p.user)
}

// occupy puts the seating's users onto the slots. The room's lock is held.
func (p *Peer) occupy(speakers map[source]*speaker) {
	list := make([]Slot, len(p.slots))
	for i, s := range p.slots {
		from := p.seating.slots[i]
		list[i] = Slot{s.mid, from.room, from.user}
		s.occupant.Store(speakers[from])
	}
	if old := p.current.Load(); !slices.Equal(old.slots, list) {
		p.current.Store(&slotList{old.version + 1, list})
	}
}

// skipFirst marks the present slots as told. The room's lock is held.
func (p *Peer) skipFirst() {
	p.tellMu.Lock()
	p.told = p.current.Load().version
	p.tellMu.Unlock()
}

// tell hands the newest slots to the observer. Several changes at once may arrive as one, but none out of order.
func (p *Peer) tell() {
	p.tellMu.Lock()
	defer p.tellMu.Unlock()
	l := p.current.Load()
	if p.onSlots == nil || l.version == p.told {
		return
	}
	p.told = l.version
	p.onSlots(slices.Clone(l.slots))
}
