package signaling_test

import (
	"context"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/openvoiceroom/openvoiceroom/signaling"
)

// TestEveryCodeIsDeclaredOnce reads the source, since the table itself cannot show that a number was given twice.
func TestEveryCodeIsDeclaredOnce(t *testing.T) {
	file, err := parser.ParseFile(token.NewFileSet(), "code.go", nil, 0)
	require.NoError(t, err)
	seen := map[signaling.Code]bool{}
	ast.Inspect(file, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || len(call.Args) != 2 {
			return true
		}
		if f, ok := call.Fun.(*ast.Ident); !ok || f.Name != "sentinel" && f.Name != "retryable" {
			return true
		}
		number, sign := call.Args[0], 1
		if u, ok := number.(*ast.UnaryExpr); ok {
			number, sign = u.X, -1
		}
		if lit, ok := number.(*ast.BasicLit); ok {
			v, err := strconv.Atoi(lit.Value)
			require.NoError(t, err)
			c := signaling.Code(sign * v)
			assert.False(t, seen[c], "code %d has two sentinels", int(c))
			seen[c] = true
		}
		return true
	})
	codes := signaling.Codes()
	assert.Len(t, codes, len(seen))
	texts := map[string]signaling.Code{}
	for _, c := range codes {
		assert.True(t, seen[c], "code %d has no sentinel", int(c))
		assert.NotZero(t, c, "0 is success")
		assert.NotEqual(t, "unknown error", c.String())
		assert.NotEmpty(t, c.String())
		if other, twice := texts[c.String()]; twice && !errors.Is(&signaling.Error{Code: c}, &signaling.Error{Code: other}) {
			t.Errorf("codes %d and %d say the same: %s", int(c), int(other), c)
		}
		texts[c.String()] = c
	}
}

func TestRetryable(t *testing.T) {
	var got []signaling.Code
	for _, c := range signaling.Codes() {
		if c.Retryable() {
			got = append(got, c)
		}
	}
	slices.Sort(got)
	assert.Equal(t, []signaling.Code{-1302, -1300, -2, 100001, 100012, 100405, 100413}, got, "only what passes by itself")
	assert.False(t, signaling.Code(424242).Retryable())
}

func TestUnknownCodeSurvives(t *testing.T) {
	b, err := signaling.EncodeError(7, &signaling.Error{Code: 424242, Message: "from a newer server"})
	require.NoError(t, err)
	m, err := signaling.DecodeMessage(b)
	require.NoError(t, err)
	assert.Equal(t, int64(7), m.ID)
	assert.Equal(t, signaling.Code(424242), signaling.CodeOf(m.Err))
	assert.Equal(t, "from a newer server (code 424242)", m.Err.Error())
	assert.NotErrorIs(t, m.Err, signaling.ErrFailed)

	bare := &signaling.Error{Code: 424242}
	assert.Equal(t, "unknown error (code 424242)", bare.Error())
}

func TestErrorsAreTheirCodes(t *testing.T) {
	for name, c := range map[string]struct {
		err, target error
		want        bool
	}{
		"itself":                 {signaling.ErrSeatLocked, signaling.ErrSeatLocked, true},
		"another of the code":    {signaling.Errorf(100200, "seat 3 is locked"), signaling.ErrSeatLocked, true},
		"another code":           {signaling.ErrSeatLocked, signaling.ErrSeatOccupied, false},
		"100201 is 100210":       {&signaling.Error{Code: 100201}, signaling.ErrSeatOccupied, true},
		"100210 is 100201":       {&signaling.Error{Code: 100210}, signaling.ErrSeatOccupiedAlias, true},
		"wrapped":                {fmt.Errorf("seat: %w", signaling.ErrSeatLocked), signaling.ErrSeatLocked, true},
		"the cause of an error":  {&signaling.Error{Code: -1302, Err: context.Canceled}, context.Canceled, true},
		"the cause with a code":  {&signaling.Error{Code: -1, Err: signaling.ErrSeatLocked}, signaling.ErrSeatLocked, true},
		"an error of other kind": {context.Canceled, signaling.ErrFailed, false},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, c.want, errors.Is(c.err, c.target))
		})
	}
}

func TestCodeOf(t *testing.T) {
	assert.Equal(t, signaling.Code(0), signaling.CodeOf(nil))
	assert.Equal(t, signaling.Code(-1), signaling.CodeOf(context.Canceled))
	assert.Equal(t, signaling.Code(100200), signaling.CodeOf(fmt.Errorf("x: %w", signaling.ErrSeatLocked)))
	assert.Equal(t, signaling.Code(100201), signaling.CodeOf(signaling.ErrSeatOccupiedAlias), "the number itself stays")
}

func TestWithOp(t *testing.T) {
	require.NoError(t, signaling.WithOp("TakeSeat", nil))

	err := signaling.WithOp("TakeSeat", signaling.ErrSeatLocked)
	assert.Equal(t, "TakeSeat: the seat is locked; choose another (code 100200)", err.Error())
	assert.ErrorIs(t, err, signaling.ErrSeatLocked)
	assert.Empty(t, signaling.ErrSeatLocked.Op, "the sentinel is everybody's")

	again := signaling.WithOp("MoveToSeat", err)
	var e *signaling.Error
	require.ErrorAs(t, again, &e)
	assert.Equal(t, "MoveToSeat", e.Op, "the verb that the user called, not the one that it uses")

	other := signaling.WithOp("TakeSeat", context.Canceled)
	assert.Equal(t, signaling.Code(-1), signaling.CodeOf(other))
	assert.ErrorIs(t, other, context.Canceled)
	assert.Equal(t, "TakeSeat: not classified (code -1): context canceled", other.Error())
}

// TestCausesStayInside: a server's errors hold file names and addresses that are no client's business.
func TestCausesStayInside(t *testing.T) {
	inner := errors.New("disk 3 of host x")
	for code, want := range map[signaling.Code]string{
		100001: "error inside the server; try again",
		-1:     "not classified; the message and the server's log say more",
		100002: "the request is not valid: disk 3 of host x", // the caller's own doing
	} {
		b, err := signaling.EncodeError(1, &signaling.Error{Code: code, Op: "secret", Err: inner})
		require.NoError(t, err)
		m, err := signaling.DecodeMessage(b)
		require.NoError(t, err)
		assert.Equal(t, want, m.Err.Message)
	}
	b, err := signaling.EncodeError(1, inner)
	require.NoError(t, err)
	assert.NotContains(t, string(b), "disk")
}
