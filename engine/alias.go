package engine

import "github.com/openvoiceroom/openvoiceroom/signaling"

// The vocabulary of package signaling, under the names that users of the SDK write.
type (
	AppID             = signaling.AppID
	RoomID            = signaling.RoomID
	UserID            = signaling.UserID
	SeatIndex         = signaling.SeatIndex
	RoomInfo          = signaling.RoomInfo
	UserInfo          = signaling.UserInfo
	SeatInfo          = signaling.SeatInfo
	Request           = signaling.Request
	SeatMode          = signaling.SeatMode
	Role              = signaling.Role
	ChangeReason      = signaling.ChangeReason
	KickedOutReason   = signaling.KickedOutReason
	DismissedReason   = signaling.DismissedReason
	RequestType       = signaling.RequestType
	RequestResultType = signaling.RequestResultType
	MoveSeatPolicy    = signaling.MoveSeatPolicy
	SeatLock          = signaling.SeatLock
	LockFlag          = signaling.LockFlag
	FollowType        = signaling.FollowType
	FollowInfo        = signaling.FollowInfo
	NetworkInfo       = signaling.NetworkInfo
	Barrage           = signaling.Barrage
	GiftInfo          = signaling.GiftInfo
	GiftCategory      = signaling.GiftCategory
	BarrageType       = signaling.BarrageType
	GiftReceived      = signaling.GiftReceived
	GiftTotals        = signaling.GiftTotals
	GiftTally         = signaling.GiftTally
	NetworkQuality    = signaling.NetworkQuality
	ConnectionUser    = signaling.ConnectionUser
	ConnectionRequest = signaling.ConnectionRequest
	ConnectionCode    = signaling.ConnectionCode
	BattleInfo        = signaling.BattleInfo
	BattleUser        = signaling.BattleUser
	BattleRequest     = signaling.BattleRequest
	BattleCode        = signaling.BattleCode
	LiveStatistics    = signaling.LiveStatistics
	LiveRecord        = signaling.LiveRecord

	LiveStatisticsFlag  = signaling.LiveStatisticsFlag
	BattleStoppedReason = signaling.BattleStoppedReason

	Code  = signaling.Code
	Error = signaling.Error
)

// AnySeat asks for whichever unlocked seat is free, the lowest first.
const AnySeat = signaling.AnySeat

// The constants of package signaling.
const (
	FreeToTake  = signaling.FreeToTake
	ApplyToTake = signaling.ApplyToTake

	RoomOwner     = signaling.RoomOwner
	Administrator = signaling.Administrator
	GeneralUser   = signaling.GeneralUser

	BySelf  = signaling.BySelf
	ByAdmin = signaling.ByAdmin

	DismissedByOwner  = signaling.DismissedByOwner
	DismissedByServer = signaling.DismissedByServer

	KickedByAdmin                = signaling.KickedByAdmin
	KickedByLoginOnOtherDevice   = signaling.KickedByLoginOnOtherDevice
	KickedByServer               = signaling.KickedByServer
	KickedForNetworkDisconnected = signaling.KickedForNetworkDisconnected
	KickedForStatusInvalid       = signaling.KickedForStatusInvalid
	KickedForTooManyRooms        = signaling.KickedForTooManyRooms

	ApplyToTakeSeat  = signaling.ApplyToTakeSeat
	InviteToTakeSeat = signaling.InviteToTakeSeat

	Accepted  = signaling.Accepted
	Rejected  = signaling.Rejected
	Cancelled = signaling.Cancelled
	Timeout   = signaling.Timeout
	Failed    = signaling.Failed

	FollowTypeNone                = signaling.FollowTypeNone
	FollowTypeInMyFollowingList   = signaling.FollowTypeInMyFollowingList
	FollowTypeInMyFollowersList   = signaling.FollowTypeInMyFollowersList
	FollowTypeInBothFollowersList = signaling.FollowTypeInBothFollowersList

	NetworkUnknown   = signaling.NetworkUnknown
	NetworkExcellent = signaling.NetworkExcellent
	NetworkGood      = signaling.NetworkGood
	NetworkPoor      = signaling.NetworkPoor
	NetworkBad       = signaling.NetworkBad
	NetworkVeryBad   = signaling.NetworkVeryBad
	NetworkDown      = signaling.NetworkDown

	LiveStatisticsViewers           = signaling.LiveStatisticsViewers
	LiveStatisticsGiftsSent         = signaling.LiveStatisticsGiftsSent
	LiveStatisticsGiftCoins         = signaling.LiveStatisticsGiftCoins
	LiveStatisticsUniqueGiftSenders = signaling.LiveStatisticsUniqueGiftSenders
	LiveStatisticsLikes             = signaling.LiveStatisticsLikes
	LiveStatisticsMessages          = signaling.LiveStatisticsMessages

	BarrageText   = signaling.BarrageText
	BarrageCustom = signaling.BarrageCustom

	ConnectionUnknown             = signaling.ConnectionUnknown
	ConnectionSuccess             = signaling.ConnectionSuccess
	ConnectionRoomNotExist        = signaling.ConnectionRoomNotExist
	ConnectionConnecting          = signaling.ConnectionConnecting
	ConnectionConnectingOtherRoom = signaling.ConnectionConnectingOtherRoom
	ConnectionFull                = signaling.ConnectionFull
	ConnectionRetry               = signaling.ConnectionRetry
	ConnectionRoomMismatch        = signaling.ConnectionRoomMismatch

	BattleUnknown           = signaling.BattleUnknown
	BattleSuccess           = signaling.BattleSuccess
	BattleRoomNotExist      = signaling.BattleRoomNotExist
	BattleBattling          = signaling.BattleBattling
	BattleBattlingOtherRoom = signaling.BattleBattlingOtherRoom
	BattleRoomExit          = signaling.BattleRoomExit
	BattleRetry             = signaling.BattleRetry

	BattleTimeOver  = signaling.BattleTimeOver
	BattleOtherExit = signaling.BattleOtherExit

	LockFlagSeat  = signaling.LockFlagSeat
	LockFlagVideo = signaling.LockFlagVideo
	LockFlagAudio = signaling.LockFlagAudio
	LockFlagAll   = signaling.LockFlagAll

	AbortWhenOccupied = signaling.AbortWhenOccupied
	ForceReplace      = signaling.ForceReplace
	SwapPosition      = signaling.SwapPosition

	MicOff        = signaling.MicOff
	MicOn         = signaling.MicOn
	MicOffByAdmin = signaling.MicOffByAdmin
)

// The errors that users of the SDK most often tell apart; package signaling has one for each code.
var (
	ErrNotLoggedIn         = signaling.ErrNotLoggedIn
	ErrInvalidParameter    = signaling.ErrInvalidParameter
	ErrNoMic               = signaling.ErrNoMic
	ErrNotInRoom           = signaling.ErrNotInRoom
	ErrInOtherRoom         = signaling.ErrInOtherRoom
	ErrOwnerCannotLeave    = signaling.ErrOwnerCannotLeave
	ErrPasswordNeeded      = signaling.ErrPasswordNeeded
	ErrWrongPassword       = signaling.ErrWrongPassword
	ErrNeedOwner           = signaling.ErrNeedOwner
	ErrNeedManager         = signaling.ErrNeedManager
	ErrRequestInvalid      = signaling.ErrRequestInvalid
	ErrRequestRepeated     = signaling.ErrRequestRepeated
	ErrSeatNotExist        = signaling.ErrSeatNotExist
	ErrSeatAudioLocked     = signaling.ErrSeatAudioLocked
	ErrRoomIDOccupied      = signaling.ErrRoomIDOccupied
	ErrTooManyCategories   = signaling.ErrTooManyCategories
	ErrRoomIDOwned         = signaling.ErrRoomIDOwned
	ErrRoomNotExist        = signaling.ErrRoomNotExist
	ErrSeatLocked          = signaling.ErrSeatLocked
	ErrSeatOccupied        = signaling.ErrSeatOccupied
	ErrAlreadyOnSeat       = signaling.ErrAlreadyOnSeat
	ErrAlreadyInvited      = signaling.ErrAlreadyInvited
	ErrUserNotFound        = signaling.ErrUserNotFound
	ErrUserNotEntered      = signaling.ErrUserNotEntered
	ErrNoPermission        = signaling.ErrNoPermission
	ErrTooManyAdmins       = signaling.ErrTooManyAdmins
	ErrMemberBanned        = signaling.ErrMemberBanned
	ErrAllSeatsOccupied    = signaling.ErrAllSeatsOccupied
	ErrNotOnSeat           = signaling.ErrNotOnSeat
	ErrUserSigExpired      = signaling.ErrUserSigExpired
	ErrUserSigInvalid      = signaling.ErrUserSigInvalid
	ErrKickedOffLine       = signaling.ErrKickedOffLine
	ErrDisconnected        = signaling.ErrDisconnected
	ErrFreqLimit           = signaling.ErrFreqLimit
	ErrLikesDisabled       = signaling.ErrLikesDisabled
	ErrMessageDisabled     = signaling.ErrMessageDisabled
	ErrAllMessagesDisabled = signaling.ErrAllMessagesDisabled
	ErrMessageRejected     = signaling.ErrMessageRejected
)
