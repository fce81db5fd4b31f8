// Package rtc is the client end of a room's media: one PeerConnection to one server, negotiated once.
//
//	p, err := rtc.New(rtc.Config{OnPacket: func(slot int, h *rtp.Header, payload []byte, now time.Time) { ... }})
//	answer := join(p.Offer())            // one round trip: the offer is complete without gathering
//	err = p.Answer(ctx, answer)
//	err = p.Connected(ctx)
//	err = p.WriteAudio(opusFrame, 960, level, false)
//
// The first m-line is the microphone and only sends; it is offered by listeners too, so that taking a seat later needs no
// negotiation. The m-lines behind it are slots that only receive: the server says elsewhere who is heard on which.
//
// # Concurrency
//
// All methods may be called from any goroutine. OnPacket runs on the goroutine that reads its slot: never concurrently for
// one slot, concurrently for different slots. OnState is never called concurrently and never after Close has returned.
// Neither may call Close.
package rtc
