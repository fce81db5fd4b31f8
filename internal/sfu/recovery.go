package sfu

import "github.com/openvoiceroom/openvoiceroom/audio/red"

// known is how many packets of an up-link are remembered, to find out of which lost one a copy is: twice the oldest age
// that a copy can have.
const known = 32

// recovery takes the copies out of what a speaker sends, and finds packets among them that were lost on the way. So they
// are forwarded like all others, to every listener and every node. One goroutine uses it.
type recovery struct {
	stream    uint32
	any       bool
	high      int64 // extended number of the newest packet
	marks     [known]mark
	copies    []red.Copy
	recovered []packet
	twice     bool // the packet taken last is there already, by a copy that came first, or is too late to know
}

// mark is a packet that is there.
type mark struct {
	seq int64
	ts  uint32
}

func newRecovery() *recovery {
	return &recovery{copies: make([]red.Copy, 0, red.MaxCopies), recovered: make([]packet, 0, red.MaxCopies)}
}

// take notes a packet, whose payload it replaces by the part that is its own if there are copies with it, and returns the
// lost packets that these are of, the oldest first, valid until the next call. It is false for a payload that is not what
// it says.
func (r *recovery) take(p *packet, copies bool) (lost []packet, ok bool) {
	r.copies = r.copies[:0]
	if copies {
		var err error
		if p.payload, _, r.copies, err = red.Parse(p.payload, r.copies); err != nil {
			return nil, false
		}
	}
	seq, follows, late := r.extend(p)
	if late {
		r.twice = true
		return nil, true
	}
	if !follows {
		r.stream, r.any = p.stream, true
		r.marks = [known]mark{}
		seq = int64(p.seq) + 1<<16
		r.high = seq
	}
	r.high = max(r.high, seq)
	_, r.twice = r.timestamp(seq)
	r.mark(seq, p.ts)
	r.recovered = r.recovered[:0]
	for _, c := range r.copies {
		ts := p.ts - c.Age
		missing, found := red.Locate(ts, r.high-known+1, r.high, frameTicks, r.timestamp)
		if !found {
			continue
		}
		r.mark(missing, ts)
		r.recovered = append(r.recovered, packet{stream: p.stream, seq: uint16(missing), ts: ts, payload: c.Payload})
	}
	return r.recovered, true
}

// extend returns a packet's number without wrapping. follows is false if it begins another numbering; late says that so
// much has come since that nobody knows any more whether it was there, or a copy of it.
func (r *recovery) extend(p *packet) (seq int64, follows, late bool) {
	if !r.any || p.stream != r.stream {
		return 0, false, false
	}
	step := int64(int16(p.seq - uint16(r.high)))
	return r.high + step, step > -known && step < maxAhead, step <= -known && step >= -maxAhead
}

func (r *recovery) mark(seq int64, ts uint32) { r.marks[seq%known] = mark{seq, ts} }

// timestamp returns the timestamp of a packet that is there.
func (r *recovery) timestamp(seq int64) (uint32, bool) {
	m := r.marks[seq%known]
	return m.ts, m.seq == seq
}
