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

// BenchmarkSendGift is one gift, from the question to the answer: decided, appended, counted. One in many rooms after the
// other, for a room takes a hundred a second and a user ten.
func BenchmarkSendGift(b *testing.B) {
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
		b.Run(name, func(b *testing.B) {
			s := open(b)
			defer s.Close()
			n, err := home.Start(b.Context(), home.Config{Store: s, ID: "bench", Members: func(store.Key) []home.Member { return nil }})
			if err != nil {
				b.Fatal(err)
			}
			defer n.Stop(b.Context())
			const rooms, users = 100, 10
			keys := make([]store.Key, rooms)
			for i := range keys {
				keys[i] = store.Key{App: 1, Room: signaling.RoomID(fmt.Sprint("r", i))}
				create := command("c", "owner", room.Create{Info: signaling.RoomInfo{RoomID: keys[i].Room}})
				if _, err := n.Create(b.Context(), keys[i], create); err != nil {
					b.Fatal(err)
				}
				for u := range users {
					id := signaling.UserID(fmt.Sprint("u", u))
					if _, err := n.Enter(b.Context(), keys[i], member(id, string(id)+string(keys[i].Room))); err != nil {
						b.Fatal(err)
					}
				}
			}
			b.ReportAllocs()
			refused := 0
			for j := 0; b.Loop(); j++ {
				_, err := n.Do(b.Context(), keys[j%rooms], command(fmt.Sprint(j), signaling.UserID(fmt.Sprint("u", j/rooms%users)), roses(1, "")))
				switch signaling.CodeOf(err) {
				case 0:
				case signaling.ErrFreqLimit.Code:
					refused++
				default:
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(refused)/float64(b.N), "refused/op")
		})
	}
}
