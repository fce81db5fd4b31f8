package signaling_test

import (
	"errors"
	"fmt"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// What goes over the wire, for those who write another client.
func ExampleEncodeCall() {
	b, err := signaling.EncodeCall(3, signaling.MethodLeaveSeat, signaling.RoomParams{CommandID: "c1", RoomID: "r"})
	fmt.Println(string(b), err)
	// Output: {"jsonrpc":"2.0","id":3,"method":"seat.leave","params":{"commandId":"c1","roomId":"r"}} <nil>
}

// A code says what to do, and whether trying again can help.
func ExampleCode() {
	err := fmt.Errorf("my bot: %w", signaling.ErrSeatLocked)
	fmt.Println(errors.Is(err, signaling.ErrSeatLocked), int(signaling.CodeOf(err)))
	fmt.Println(signaling.CodeOf(err))
	fmt.Println(signaling.CodeOf(err).Retryable(), signaling.ErrFreqLimit.Code.Retryable())
	// Output:
	// true 100200
	// the seat is locked; choose another
	// false true
}
