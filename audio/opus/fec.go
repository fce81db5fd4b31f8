package opus

// HasFEC reports whether a packet of one frame of 20 ms carries a coarse copy of the frame before it. Only the frame
// types with a speech part can (RFC 6716 section 3.1, configurations 0 to 15); behind the voice activity of each channel
// a bit of their first byte tells (section 4.2.3).
func HasFEC(packet []byte) bool {
	if len(packet) < 2 {
		return false
	}
	toc := packet[0]
	if toc&0x80 != 0 || toc&3 != 0 { // music alone; more than one frame
		return false
	}
	if toc&4 != 0 { // stereo: activity and copy of the first channel, then of the second
		return packet[1]&0x50 != 0
	}
	return packet[1]&0x40 != 0
}
