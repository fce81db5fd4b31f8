package usersig_test

import (
	"errors"
	"fmt"
	"time"

	"github.com/openvoiceroom/openvoiceroom/signaling/usersig"
)

func ExampleMint() {
	issued := time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)
	sig, err := usersig.Mint(1400000001, "the app's secret", "alice", 2*time.Hour, issued)
	if err != nil {
		fmt.Println(err)
		return
	}
	claims, err := usersig.Verify(sig, 1400000001, "the app's secret", "alice", issued.Add(time.Hour))
	fmt.Println(claims.User, "until", claims.Expires.UTC().Format(time.TimeOnly), err)

	_, err = usersig.Verify(sig, 1400000001, "the app's secret", "alice", issued.Add(3*time.Hour))
	fmt.Println(errors.Is(err, usersig.ErrExpired))
	// Output:
	// alice until 14:00:00 <nil>
	// true
}
