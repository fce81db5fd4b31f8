package redundancy

// Level says which earlier packets go along. The zero value is none.
type Level uint8

// The levels. Losses by chance are best repaired by the nearest copies, which cost no delay; when losses come in rows, a
// copy must lie further off than a row is long, and who hears it has to wait for it.
const (
	None Level = iota
	One
	Two
	OneApart
	TwoApart
	levels
)

// distances are how many packets before its own a packet carries, the oldest first. At 10 % lost by chance a packet and
// both its copies at 1 and 2 are lost once in a thousand; at 10 % in rows of three on average (Gilbert-Elliott), copies at
// 1 and 2 leave 4.4 %, at 2 and 4 2.1 %, at 3 and 6 1.1 %, at 3 and 7 0.8 %. A third copy would go beyond 3.5 times the bit rate.
var distances = [levels][]uint16{One: {1}, Two: {2, 1}, OneApart: {3}, TwoApart: {7, 3}}

// Deepest is the greatest distance of all levels.
const Deepest = 7

// Reach returns how many packets off the furthest copy is.
func (l Level) Reach() uint16 {
	if l == None || l >= levels {
		return 0
	}
	return distances[l][0]
}

const (
	oneFrom  = 0.01  // loss: below, what is concealed is 1 % at most without any copy
	oneUntil = 0.005 //
	twoFrom  = 0.05  // loss: a copy leaves a quarter of a per cent
	twoUntil = 0.03  //

	apartFrom  = 1.6 // times as long as by chance losses lie in rows
	apartUntil = 1.3 //
)

// Next returns the level for a line that loses this share of the packets, 0 to 1, in rows that are burst times as long as
// by chance. The present level matters where the line is between two: it should not go to and fro.
func (l Level) Next(loss, burst float64) Level {
	one, two, apart := oneFrom, twoFrom, apartFrom
	if l != None {
		one = oneUntil
	}
	if l == Two || l == TwoApart {
		two = twoUntil
	}
	if l == OneApart || l == TwoApart {
		apart = apartUntil
	}
	switch {
	case loss >= two && burst >= apart:
		return TwoApart
	case loss >= two:
		return Two
	case loss >= one && burst >= apart:
		return OneApart
	case loss >= one:
		return One
	}
	return None
}
