package home_test

import (
	"fmt"
	"testing"

	"github.com/openvoiceroom/openvoiceroom/internal/home"
	"github.com/openvoiceroom/openvoiceroom/internal/room"
	"github.com/openvoiceroom/openvoiceroom/internal/store"
	"github.com/openvoiceroom/openvoiceroom/internal/store/memstore"
	"github.com/openvoiceroom/openvoiceroom/internal/store/natsstore"
	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// BenchmarkDo is one seat command, from the question to the answer: decided, appended, published. One user asks after
// the other, or 20 at once, who share appends.
func BenchmarkDo(b *testing.B) {
	for name, open := range map[string]func(b *testing.B) store.Store{
		"memstore": func(*testing.B) store.Store { return memstore.New().Node() },
		"natsstore": func(b *testing.B) store.Store {
			s, err := natsstore.Open(b.Context(), natsstore.Config{Dir: b.TempDir()})
			if err != nil {
				b.Fatal(err)
			}
			return s
		},
	} {
		b.Run(name, func(b *testing.B) { benchmarkDo(b, open(b), nil) })
		b.Run(name+"/told", func(b *testing.B) { benchmarkDo(b, open(b), &ledger{}) })
	}
}

// benchmarkDo measures with or without an app that wants to be told.
func benchmarkDo(b *testing.B, s store.Store, l *ledger) {
	defer s.Close()
	cfg := home.Config{Store: s, ID: "bench", Members: func(store.Key) []home.Member { return nil }}
	if l != nil {
		cfg.Outbox = l
	}
	n, err := home.Start(b.Context(), cfg)
	if err != nil {
		b.Fatal(err)
	}
	defer n.Stop(b.Context())
	info := signaling.RoomInfo{RoomID: "r", SeatMode: signaling.FreeToTake, MaxSeatCount: 20}
	if _, err := n.Create(b.Context(), key, command("c", "owner", room.Create{Info: info})); err != nil {
		b.Fatal(err)
	}
	const users = 32
	for i := range users {
		if _, err := n.Enter(b.Context(), key, member(signaling.UserID(fmt.Sprint("u", i)), fmt.Sprint("s", i))); err != nil {
			b.Fatal(err)
		}
	}
	count := 0
	do := func(b *testing.B, i, j int) {
		_, err := n.Do(b.Context(), key, command(fmt.Sprint(count, "/", j), signaling.UserID(fmt.Sprint("u", i)), room.SetAudio{On: j%2 == 0}))
		if err != nil {
			b.Error(err)
		}
	}
	for i := range 20 {
		if _, err := n.Do(b.Context(), key, command(fmt.Sprint("t", i), signaling.UserID(fmt.Sprint("u", i)), room.TakeSeat{Index: -1})); err != nil {
			b.Fatal(err)
		}
	}
	b.Run("one", func(b *testing.B) {
		count++
		for j := 0; b.Loop(); j++ {
			do(b, 0, j)
		}
	})
	b.Run("20 at once", func(b *testing.B) {
		count++
		done := make(chan struct{})
		for b.Loop() {
			count++
			for i := range 20 {
				go func() { do(b, i, count+i); done <- struct{}{} }()
			}
			for range 20 {
				<-done
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/20, "ns/command")
	})
}
