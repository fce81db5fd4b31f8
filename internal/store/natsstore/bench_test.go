package natsstore_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/internal/store/natsstore"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// BenchmarkAppend3KB is one room's home on the embedded server, every entry synced to the disk.
func BenchmarkAppend3KB(b *testing.B) {
	s := open(b, natsstore.Config{Dir: b.TempDir()})
	data := make([]byte, 3<<10)
	var last uint64
	for b.Loop() {
		rev, err := s.Append(b.Context(), room, data, last)
		if err != nil {
			b.Fatal(err)
		}
		last = rev
	}
}

func BenchmarkPublishReceive(b *testing.B) {
	s := open(b, natsstore.Config{Dir: b.TempDir()})
	topic := store.Topic{Kind: store.KindMedia, App: 1, Room: "r"}
	got := make(chan struct{}, 1)
	cancel, err := s.Subscribe(topic, func([]byte) { got <- struct{}{} })
	if err != nil {
		b.Fatal(err)
	}
	defer cancel()
	data := make([]byte, 200)
	for b.Loop() {
		if err := s.Publish(topic, data); err != nil {
			b.Fatal(err)
		}
		<-got
	}
}

// BenchmarkSince reads a room's newest 10 of 500 entries, beside 20 rooms of 50.
func BenchmarkSince(b *testing.B) {
	s := open(b, natsstore.Config{Dir: b.TempDir()})
	for r := range 20 {
		fill(b, s, store.Key{App: 1, Room: signaling.RoomID(fmt.Sprint(r))}, 50)
	}
	fill(b, s, room, 500)
	all, err := s.Since(b.Context(), room, time.Time{})
	if err != nil || len(all) != 500 {
		b.Fatal(len(all), err)
	}
	for name, from := range map[string]int{"newest10": 490, "all500": 0} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				got, err := s.Since(b.Context(), room, all[from].Time)
				if err != nil || len(got) != len(all)-from {
					b.Fatal(len(got), err)
				}
			}
		})
	}
	b.Run("last", func(b *testing.B) {
		for b.Loop() {
			if _, err := s.Last(b.Context(), room); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func fill(b *testing.B, s store.Store, k store.Key, n int) {
	b.Helper()
	var last uint64
	for i := range n {
		rev, err := s.Append(b.Context(), k, fmt.Append(make([]byte, 3000), i), last)
		if err != nil {
			b.Fatal(err)
		}
		last = rev
	}
}
