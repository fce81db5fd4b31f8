package natsstore

import (
	"strconv"
	"strings"

	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// subjects builds every name this package uses: prefix.word.token.token.
type subjects struct{ prefix string }

func (s subjects) logStream() string   { return s.prefix + "_log" }
func (s subjects) beatsStream() string { return s.prefix + "_beats" }
func (s subjects) logs() string        { return s.prefix + ".log.>" }
func (s subjects) beats() string       { return s.prefix + ".beat.*" }

// beatChanged is where a node tells that it came or left, so that the others need not wait for their next look.
func (s subjects) beatChanged() string { return s.prefix + ".beatchanged" }

func (s subjects) beat(id store.NodeID) string { return s.prefix + ".beat." + store.Token(string(id)) }

func (s subjects) log(k store.Key) string {
	return s.prefix + ".log." + app(k.App) + "." + store.Token(string(k.Room))
}

// parseLog undoes log.
func (s subjects) parseLog(subject string) (store.Key, bool) {
	rest, ok := strings.CutPrefix(subject, s.prefix+".log.")
	a, r, ok2 := strings.Cut(rest, ".")
	n, err := strconv.ParseUint(a, 10, 32)
	room, err2 := store.ParseToken(r)
	k := store.Key{App: signaling.AppID(n), Room: signaling.RoomID(room)}
	return k, ok && ok2 && err == nil && err2 == nil && s.log(k) == subject
}

func (s subjects) parseBeat(subject string) (store.NodeID, bool) {
	rest, ok := strings.CutPrefix(subject, s.prefix+".beat.")
	id, err := store.ParseToken(rest)
	return store.NodeID(id), ok && err == nil
}

// message and request are apart, so that a subscriber of a topic does not see the requests to it.
func (s subjects) message(t store.Topic) string { return s.prefix + ".msg." + topic(t) }
func (s subjects) request(t store.Topic) string { return s.prefix + ".req." + topic(t) }

func topic(t store.Topic) string {
	kind := store.Token(string(t.Kind))
	switch t.Kind {
	case store.KindCommand:
		return kind + "." + store.Token(string(t.Node))
	case store.KindRoom, store.KindMedia:
		return kind + "." + app(t.App) + "." + store.Token(string(t.Room))
	case store.KindLogin:
		return kind + "." + app(t.App)
	default:
		return kind
	}
}

func app(a signaling.AppID) string { return strconv.FormatUint(uint64(a), 10) }
