package report

import "math"

const (
	// halfLife is after how many packets an observation counts half: 4 s of one speaker. At 10 % loss the estimate then
	// stands on about 30 losses.
	halfLife = 200
	// quickLife is the same for [Estimate.Rising]: a second of one speaker, in which a tenth is five losses.
	quickLife = 40
	// rise is how many losses of late there must be before they say something.
	rise = 2.5
	// prior is a number of packets without loss that every estimate begins with, so that one loss is not a tenth.
	prior = 25
	// enough is how many rows of losses are needed to say how long they are.
	enough = 2
	// maxStep is how many packets a report may cover, a minute of ten speakers: a stranger's numbers go no further.
	maxStep = 60 * 50 * 10
)

// Estimate is the present loss of a line, as its reports tell it. The zero value is a line without loss.
type Estimate struct {
	any                  bool
	last, lastHoles      Counts
	open                 Counts  // holes that no report has counted as lost yet
	expected, lost, runs float64 // of the recent past, faded
	quick, quickLost     float64 // of the last second or two
}

// maxOpen is how many holes wait at most for the report that counts them: two seconds of a speaker who loses a fifth.
const maxOpen = 20

// Add takes the counts of the newest report. holes are the losses in them that are not the line's, as far as its sender
// knows: packets that it never had, since the connection began.
func (e *Estimate) Add(c, holes Counts) {
	if !e.any {
		e.any = true
		e.expected, e.quick = prior, prior
	}
	expected := int(int32(c.Expected - e.last.Expected))
	lost := int(int32(c.Lost - e.last.Lost))
	runs := int(int32(c.Runs - e.last.Runs))
	e.last = c
	e.open.Lost = opened(e.open.Lost, e.lastHoles.Lost, holes.Lost)
	e.open.Runs = opened(e.open.Runs, e.lastHoles.Runs, holes.Runs)
	e.lastHoles = holes
	if expected < 0 || expected > maxStep || lost < -maxStep || lost > expected || runs < 0 || runs > expected {
		return // the counts began anew, or were made up
	}
	// A hole and its report are a round trip apart, so that the two are matched over time and not report by report.
	notLost, notRuns := min(int(e.open.Lost), max(lost, 0)), min(int(e.open.Runs), runs)
	e.open.Lost -= uint32(notLost)
	e.open.Runs -= uint32(notRuns)
	fade := math.Exp2(-float64(expected) / halfLife)
	// A packet that was late after all makes a step negative.
	e.expected = e.expected*fade + float64(expected-notLost)
	e.lost = max(0, e.lost*fade+float64(lost-notLost))
	e.runs = max(0, e.runs*fade+float64(runs-notRuns))
	fade = math.Exp2(-float64(expected) / quickLife)
	e.quick = e.quick*fade + float64(expected-notLost)
	e.quickLost = max(0, e.quickLost*fade+float64(lost-notLost))
}

// opened returns how many holes are open when their count goes on. One that is filled after its report makes the count less.
func opened(open, from, to uint32) uint32 {
	return uint32(min(maxOpen, max(0, int64(open)+int64(int32(to-from)))))
}

// Loss is the share of packets lost, 0 to 1.
func (e *Estimate) Loss() float64 {
	if e.expected <= 0 {
		return 0
	}
	return min(1, e.lost/e.expected)
}

// Rising is Loss for who has to act at once: more than that when much has been lost in the last second or two.
func (e *Estimate) Rising() float64 {
	if e.quickLost < rise {
		return e.Loss()
	}
	return min(1, max(e.Loss(), e.quickLost/e.quick))
}

// Burst says how many times as long as by chance losses are in a row: 1 when each packet is lost for itself.
func (e *Estimate) Burst() float64 {
	if e.runs < enough {
		return 1
	}
	// By chance a row has 1/(1-loss) packets.
	return max(1, e.lost/e.runs*(1-e.Loss()))
}
