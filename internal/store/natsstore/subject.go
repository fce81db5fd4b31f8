package natsstore

import (
	"errors"
	"strconv"
	"strings"

	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// subjects builds every name this package uses: prefix.word.token.token.
type subjects struct{ prefix string }

func (s subjects) logs() logSubjects   { return logSubjects{s.prefix, "log"} }
func (s subjects) outbox() logSubjects { return logSubjects{s.prefix, "out"} }
func (s subjects) audit() logSubjects  { return logSubjects{s.prefix, "aud"} }

func (s subjects) beatsStream() string { return s.prefix + "_beats" }
func (s subjects) beats() string       { return s.prefix + ".beat.*" }

// beatChanged is where a node tells that it came or left, so that the others need not wait for their next look.
func (s subjects) beatChanged() string { return s.prefix + ".beatchanged" }

func (s subjects) beat(id store.NodeID) string { return s.prefix + ".beat." + store.Token(string(id)) }

// logSubjects builds the names of one kind of logs.
type logSubjects struct{ prefix, word string }

func (s logSubjects) stream() string { return s.prefix + "_" + s.word }
func (s logSubjects) all() string    { return s.prefix + "." + s.word + ".>" }

func (s logSubjects) of(k store.Key) string {
	return s.prefix + "." + s.word + "." + app(k.App) + "." + store.Token(string(k.Room))
}

// parse undoes of.
func (s logSubjects) parse(subject string) (store.Key, bool) {
	rest, ok := strings.CutPrefix(subject, s.prefix+"."+s.word+".")
	a, r, ok2 := strings.Cut(rest, ".")
	n, err := strconv.ParseUint(a, 10, 32)
	room, err2 := store.ParseToken(r)
	k := store.Key{App: signaling.AppID(n), Room: signaling.RoomID(room)}
	return k, ok && ok2 && err == nil && err2 == nil && s.of(k) == subject
}

func (s subjects) valuesStream() string { return s.prefix + "_val" }
func (s subjects) values() string       { return s.prefix + ".val.>" }

func (s subjects) value(k store.ValueKey) string {
	return strings.Join([]string{s.prefix, "val", store.Token(string(k.Bucket)), app(k.App), store.Token(k.ID), store.Token(k.Sub)}, ".")
}

// valuesOf names a bucket's values of an app, and, with an id, those of it alone.
func (s subjects) valuesOf(b store.Bucket, a signaling.AppID, id string) string {
	of := "*"
	if id != "" {
		of = store.Token(id)
	}
	return strings.Join([]string{s.prefix, "val", store.Token(string(b)), app(a), of, "*"}, ".")
}

// valuesChanged is where a change of a bucket is told.
func (s subjects) valuesChanged(b store.Bucket) string {
	return s.prefix + ".valchanged." + store.Token(string(b))
}

// parseValue undoes value.
func (s subjects) parseValue(subject string) (store.ValueKey, bool) {
	parts := strings.Split(strings.TrimPrefix(subject, s.prefix+".val."), ".")
	if len(parts) != 4 {
		return store.ValueKey{}, false
	}
	bucket, err := store.ParseToken(parts[0])
	n, err2 := strconv.ParseUint(parts[1], 10, 32)
	id, err3 := store.ParseToken(parts[2])
	sub, err4 := store.ParseToken(parts[3])
	k := store.ValueKey{Bucket: store.Bucket(bucket), App: signaling.AppID(n), ID: id, Sub: sub}
	return k, errors.Join(err, err2, err3, err4) == nil && s.value(k) == subject
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
	case store.KindRoom, store.KindMedia, store.KindBarrage:
		return kind + "." + app(t.App) + "." + store.Token(string(t.Room))
	case store.KindLogin, store.KindOutbox, store.KindFollow:
		return kind + "." + app(t.App)
	default:
		return kind
	}
}

func app(a signaling.AppID) string { return strconv.FormatUint(uint64(a), 10) }
