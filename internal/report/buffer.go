package report

import (
	"encoding/binary"
	"io"
	"sync"
	"sync/atomic"

	"github.com/pion/transport/v5/packetio"
)

// maxBuffered is what waits at most of one stream's media, in bytes: a second of the most that is let in.
const maxBuffered = 128 * 1024

// maxReported is about how many streams there can be reports, and from how many: there are 64 m-lines, and browsers may
// use an SSRC of its own for each.
const maxReported = 256

// Buffers makes pion's buffers for one connection: RTCP is handed to rtcp as it comes, on the goroutine that decrypts it,
// instead of waiting for a reader of each stream; ssrc is the stream that it is about. A packet about several streams
// comes once for each, and the packets of a compound one by one.
//
// pion keeps what it needs for a stream until the connection ends, some kB for each SSRC that the other end makes up. So
// tooMany is called, once, when there are more than maxMedia streams, or more reports' than there can be: end the
// connection, but not in the call.
func Buffers(maxMedia int, rtcp func(ssrc uint32, packet []byte), tooMany func()) func(packetio.BufferPacketType, uint32) io.ReadWriteCloser {
	var once sync.Once
	var streams, reported atomic.Int32
	count := func(n *atomic.Int32, most int) {
		if n.Add(1) > int32(most) {
			once.Do(tooMany)
		}
	}
	senders := map[uint32]struct{}{} // of the goroutine that decrypts RTCP
	take := func(ssrc uint32, packet []byte) {
		if from, ok := sender(packet); ok {
			if _, known := senders[from]; !known && len(senders) <= maxReported {
				senders[from] = struct{}{}
				if len(senders) > maxReported {
					once.Do(tooMany)
				}
			}
		}
		rtcp(ssrc, packet)
	}
	return func(kind packetio.BufferPacketType, ssrc uint32) io.ReadWriteCloser {
		if kind == packetio.RTCPBufferPacket {
			count(&reported, maxReported)
			return &inbox{ssrc, take}
		}
		count(&streams, maxMedia)
		b := packetio.NewBuffer()
		b.SetLimitSize(maxBuffered)
		return media{b}
	}
}

// sender returns the SSRC of an RTCP packet's sender (RFC 3550 section 6.4.1).
func sender(packet []byte) (uint32, bool) {
	if len(packet) < 8 {
		return 0, false
	}
	return binary.BigEndian.Uint32(packet[4:]), true
}

// media is a buffer without packetio's attributes, which nobody here has.
type media struct{ *packetio.Buffer }

func (b media) Write(p []byte) (int, error) { return b.Buffer.Write(p, nil) }

func (b media) Read(p []byte) (int, error) {
	n, _, err := b.Buffer.Read(p, nil)
	return n, err
}

// inbox is where the RTCP about one stream arrives.
type inbox struct {
	ssrc uint32
	take func(ssrc uint32, packet []byte)
}

// Write takes a decrypted packet.
func (b *inbox) Write(packet []byte) (int, error) {
	b.take(b.ssrc, packet)
	return len(packet), nil
}

// Read says that there is nothing: Write has it all.
func (*inbox) Read([]byte) (int, error) { return 0, io.EOF }

// Close does nothing.
func (*inbox) Close() error { return nil }
