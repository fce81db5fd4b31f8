package report

import (
	"encoding/binary"

	"github.com/pion/rtcp"
)

// The packet of ours is an RTCP APP packet (RFC 3550 section 6.7) of subtype 0 with this name, sent in one compound with a
// receiver report. Its data are four numbers of 32 bits, big-endian:
//
//	expected, lost, runs  of all streams that its sender receives, since the connection began; they wrap
//	worst                 share of packets, in 1/65,536: the loss at those listeners whom only in-band FEC can help
//
// The sender's SSRC in it is one that the other end knows as a stream of its sender's, so that it is not taken for a
// stream of its own.
const (
	name    = "OVRL"
	appSize = 16
	shareOf = 1 << 16
)

// Packet is the packet of ours.
type Packet struct {
	Counts
	Worst float64 // 0 to 1
}

// RTCP returns the packet as pion takes it.
func (p Packet) RTCP(ssrc uint32) rtcp.Packet {
	data := make([]byte, 0, appSize)
	for _, n := range []uint32{p.Expected, p.Lost, p.Runs, uint32(min(max(p.Worst, 0), 1) * shareOf)} {
		data = binary.BigEndian.AppendUint32(data, n)
	}
	return &rtcp.ApplicationDefined{SSRC: ssrc, Name: name, Data: data}
}

// Read returns the packet of ours in an RTCP packet; false if it is none, or of another length.
func Read(from rtcp.Packet) (p Packet, ok bool) {
	app, ok := from.(*rtcp.ApplicationDefined)
	if !ok || app.Name != name || app.SubType != 0 || len(app.Data) != appSize {
		return p, false
	}
	n := func(i int) uint32 { return binary.BigEndian.Uint32(app.Data[4*i:]) }
	return Packet{Counts{n(0), n(1), n(2)}, float64(min(n(3), shareOf)) / shareOf}, true
}
