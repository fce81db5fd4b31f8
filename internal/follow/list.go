package follow

import (
	"cmp"
	"encoding/binary"
	"errors"
	"slices"
	"strings"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// entry is a user in a list, and since when.
type entry struct {
	user signaling.UserID
	at   int64 // Unix milliseconds
}

// note says that a follower is about to change whether they are in the list.
type note struct {
	user signaling.UserID
	id   uint64 // of this change
	at   int64  // Unix milliseconds
}

// list is one stored value: whom a user follows, or followers of a user.
type list struct {
	full    bool    // nobody is added any more: see index.go
	entries []entry // by user
	notes   []note
}

const listVersion = 1

var errList = errors.New("follow: a stored list cannot be read")

func (l list) find(user signaling.UserID) (at int64, ok bool) {
	i, ok := l.search(user)
	if !ok {
		return 0, false
	}
	return l.entries[i].at, true
}

func (l list) search(user signaling.UserID) (int, bool) {
	return slices.BinarySearchFunc(l.entries, user, func(e entry, u signaling.UserID) int { return strings.Compare(string(e.user), string(u)) })
}

// knows reports whether the user is in the list or noted.
func (l list) knows(user signaling.UserID) bool {
	_, ok := l.search(user)
	return ok || l.noted(user)
}

func (l list) noted(user signaling.UserID) bool {
	return slices.ContainsFunc(l.notes, func(n note) bool { return n.user == user })
}

func (l *list) set(user signaling.UserID, at int64, in bool) {
	i, ok := l.search(user)
	switch {
	case in && ok:
		l.entries[i].at = at
	case in:
		l.entries = slices.Insert(l.entries, i, entry{user, at})
	case ok:
		l.entries = slices.Delete(l.entries, i, i+1)
	}
}

// drop removes a note and reports whether it was there.
func (l *list) drop(id uint64) bool {
	before := len(l.notes)
	l.notes = slices.DeleteFunc(l.notes, func(n note) bool { return n.id == id })
	return len(l.notes) < before
}

// clone is a list that may be changed alone.
func (l list) clone() list {
	l.entries, l.notes = slices.Clone(l.entries), slices.Clone(l.notes)
	return l
}

// encode writes a list in few bytes, however long the names of the users: a value has room for the most that may be in it.
func (l list) encode() []byte {
	b := make([]byte, 0, 16+len(l.entries)*24+len(l.notes)*32)
	b = append(b, listVersion, 0)
	if l.full {
		b[1] = 1
	}
	user := func(u signaling.UserID) { b = append(binary.AppendUvarint(b, uint64(len(u))), u...) }
	b = binary.AppendUvarint(b, uint64(len(l.entries)))
	for _, e := range l.entries {
		user(e.user)
		b = binary.AppendVarint(b, e.at)
	}
	b = binary.AppendUvarint(b, uint64(len(l.notes)))
	for _, n := range l.notes {
		user(n.user)
		b = binary.LittleEndian.AppendUint64(b, n.id)
		b = binary.AppendVarint(b, n.at)
	}
	return b
}

// decode reads a list. Whatever the bytes are, what it returns can be encoded and is the same then.
func decode(data []byte) (l list, err error) {
	r := reader{rest: data, text: string(data)}
	if version := r.byte(); version != listVersion {
		return list{}, errList
	}
	l.full = r.byte() == 1
	l.entries = make([]entry, 0, r.count())
	for range cap(l.entries) {
		l.entries = append(l.entries, entry{r.user(), r.varint()})
	}
	if n := r.count(); n > 0 {
		l.notes = make([]note, n)
		for i := range l.notes {
			l.notes[i] = note{r.user(), r.uint64(), r.varint()}
		}
	}
	sorted := slices.IsSortedFunc(l.entries, func(a, b entry) int { return cmp.Or(strings.Compare(string(a.user), string(b.user)), 1) })
	if r.bad || len(r.rest) > 0 || !sorted {
		return list{}, errList
	}
	return l, nil
}

// reader takes a value apart. All users share one string: a list of thousands is one allocation.
type reader struct {
	rest []byte
	text string // of all the bytes
	bad  bool
}

func (r *reader) take(n int) string {
	if n > len(r.rest) {
		r.bad, r.rest = true, nil
		return ""
	}
	at := len(r.text) - len(r.rest)
	r.rest = r.rest[n:]
	return r.text[at : at+n]
}

func (r *reader) byte() byte {
	if s := r.take(1); s != "" {
		return s[0]
	}
	return 0
}

func (r *reader) uint64() uint64 {
	if s := r.take(8); s != "" {
		return binary.LittleEndian.Uint64([]byte(s))
	}
	return 0
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.rest)
	r.take(max(n, 0))
	r.bad = r.bad || n <= 0
	return v
}

func (r *reader) varint() int64 {
	v, n := binary.Varint(r.rest)
	r.take(max(n, 0))
	r.bad = r.bad || n <= 0
	return v
}

// count reads how many elements follow; none is shorter than two bytes.
func (r *reader) count() int {
	n := r.uvarint()
	if n > uint64(len(r.rest)/2) {
		r.bad = true
		return 0
	}
	return int(n)
}

func (r *reader) user() signaling.UserID {
	n := r.uvarint()
	if n > uint64(len(r.rest)) {
		r.bad, r.rest = true, nil
		return ""
	}
	return signaling.UserID(r.take(int(n)))
}
