package room

import (
	"strconv"
	"unicode/utf8"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// What the parts of a state take as JSON at most, beside the texts in them. A test holds these against encoding/json.
const (
	seatBytes     = 453     // a seat with the longest id, name and avatar
	restBytes     = 4 << 10 // the room's own data, its administrators, what is counted, and combos
	requestKeys   = 158     // a request without its texts
	robotKeys     = 96      // a robot without its texts
	requestMinima = 8 << 10 // of applications there is always room for a few
)

// requestBudget is how many bytes the pending requests of a room may take, so that the whole state stays within
// [MaxStateBytes] when somebody with a long name sits on every seat. 200 requests of usual users fit beside 20 seats
// in a room without metadata, battle and connection.
func (s State) requestBudget() int { return max(s.placeLeft(), requestMinima) }

// placeLeft is how many bytes everything but the requests leaves of the state.
func (s State) placeLeft() int {
	return MaxStateBytes - restBytes - len(s.Seats)*seatBytes - s.metadataBytes() - s.battleBytes() - s.connectionBytes() - s.robotBytes() - len(s.Liked)*likedBytes
}

// crowded reports whether the state may get too large, with the requests for seats that there has to be place for.
func (s State) crowded() bool { return s.placeLeft() < max(s.requestBytes(), requestMinima) }

// guestsCrowd reports whether robots or a connection leave too little place beside what else is there, which fits without
// them: what comes into the state looks.
func (s State) guestsCrowd() bool {
	return (len(s.Robots) > 0 || s.Connection != nil && len(s.Connection.Users) > 0) && s.crowded()
}

func (s State) robotBytes() (n int) {
	for _, r := range s.Robots {
		n += robotKeys + textSize(string(r.User)) + textSize(r.UserName) + textSize(r.AvatarURL)
	}
	return n
}

// metadataBytes is what the metadata takes: keys with quotes, and values in base64 with theirs.
func (s State) metadataBytes() (n int) {
	for key, value := range s.Metadata {
		n += textSize(key) + (len(value)+2)/3*4 + len(`"":"",`)
	}
	return n
}

func (s State) requestBytes() (n int) {
	for _, r := range s.Requests {
		n += requestSize(r)
	}
	return n
}

func requestSize(r signaling.Request) int {
	return requestKeys + textSize(r.RequestID) + textSize(string(r.From.UserID)) + textSize(r.From.UserName) +
		textSize(r.From.AvatarURL) + levelSize(r.From.Level) + textSize(string(r.To))
}

// levelSize is how long a user's level is; most have none.
func levelSize(level uint32) int {
	if level == 0 {
		return 0
	}
	return len(`"level":,`) + len(strconv.FormatUint(uint64(level), 10))
}

// textSize is how long a text is as JSON without its quotes, at most. encoding/json writes <, >, & and the two line
// separators with six bytes, so a name can take six times its length.
func textSize(s string) (n int) {
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			n += 2
		case r < 0x20 || r == 0x7f || r == '<' || r == '>' || r == '&' || r == 0x2028 || r == 0x2029 || r == utf8.RuneError:
			n += 6
		default:
			n += utf8.RuneLen(r)
		}
	}
	return n
}
