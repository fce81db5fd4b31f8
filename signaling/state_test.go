package signaling

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
)

// TestTransitions decides every state with every input. What is not in the table must be refused and change nothing.
func TestTransitions(t *testing.T) {
	inputs := map[connInput]string{
		inputDial: "dial", inputOpen: "open", inputLogin: "login", inputLogout: "logout", inputFail: "fail", inputClose: "close",
	}
	type arrow struct {
		from ConnState
		in   connInput
	}
	allowed := map[arrow]ConnState{
		{Idle, inputDial}:        Connecting,
		{Idle, inputFail}:        Closed,
		{Idle, inputClose}:       Closed,
		{Connecting, inputOpen}:  Connected,
		{Connecting, inputFail}:  Closed,
		{Connecting, inputClose}: Closed,
		{Connected, inputLogin}:  LoggedIn,
		{Connected, inputFail}:   Closed,
		{Connected, inputClose}:  Closed,
		{LoggedIn, inputLogout}:  Connected,
		{LoggedIn, inputFail}:    Closed,
		{LoggedIn, inputClose}:   Closed,
	}
	for from := Idle; from <= Closed; from++ {
		for in := inputDial; in <= inputClose; in++ {
			want, ok := allowed[arrow{from, in}]
			if !ok {
				want = from
			}
			t.Run(fmt.Sprintf("%v->%s->%v", from, inputs[in], want), func(t *testing.T) {
				got, accepted := next(from, in)
				assert.Equal(t, want, got)
				assert.Equal(t, ok, accepted)
			})
		}
	}
	assert.Len(t, inputs, int(inputClose)+1, "an input without a name is an input without a test")
}
