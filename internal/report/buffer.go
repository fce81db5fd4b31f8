package report

import (
	"io"

	"github.com/pion/transport/v5/packetio"
)

// maxBuffered is what waits at most of one stream's media, in bytes: a second of the most that is let in.
const maxBuffered = 128 * 1024

// Buffers makes pion's buffers for one connection: RTCP is handed to rtcp as it comes, on the goroutine that decrypts it,
// instead of waiting for a reader of each stream; ssrc is the stream that it is about. A packet about several streams
// comes once for each, and the packets of a compound one by one.
func Buffers(rtcp func(ssrc uint32, packet []byte)) func(packetio.BufferPacketType, uint32) io.ReadWriteCloser {
	return func(kind packetio.BufferPacketType, ssrc uint32) io.ReadWriteCloser {
		if kind == packetio.RTCPBufferPacket {
			return &inbox{ssrc, rtcp}
		}
		b := packetio.NewBuffer()
		b.SetLimitSize(maxBuffered)
		return media{b}
	}
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
