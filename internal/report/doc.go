// Package report is what the two ends of a media connection tell each other about losses: RTCP receiver reports
// (RFC 3550 section 6.4.2), which browsers send and understand, and beside them a packet of ours with what these cannot
// say: how losses come in rows, and for how much loss a speaker should prepare.
//
// Nothing here reads a clock or starts a goroutine: reports are made when packets come, so a line without media costs
// nothing.
package report
