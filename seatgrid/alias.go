package seatgrid

import "github.com/openvoiceroom/openvoiceroom/engine"

// What users of the grid name most; package engine has the rest.
type (
	RoomID            = engine.RoomID
	UserID            = engine.UserID
	SeatIndex         = engine.SeatIndex
	RoomInfo          = engine.RoomInfo
	UserInfo          = engine.UserInfo
	SeatInfo          = engine.SeatInfo
	Request           = engine.Request
	SeatMode          = engine.SeatMode
	RequestType       = engine.RequestType
	RequestResultType = engine.RequestResultType
	KickedOutReason   = engine.KickedOutReason
	ChangeReason      = engine.ChangeReason
)

// The constants that go with them.
const (
	AnySeat = engine.AnySeat

	FreeToTake  = engine.FreeToTake
	ApplyToTake = engine.ApplyToTake

	ApplyToTakeSeat  = engine.ApplyToTakeSeat
	InviteToTakeSeat = engine.InviteToTakeSeat

	Accepted  = engine.Accepted
	Rejected  = engine.Rejected
	Cancelled = engine.Cancelled
	Timeout   = engine.Timeout
	Failed    = engine.Failed
)
