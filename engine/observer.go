package engine

import "time"

// RoomObserver is told what happens in a room, under the names of the documents' engine. Every function is optional.
type RoomObserver struct {
	// OnRoomDismissed: the room has ended for everybody; nobody gets a separate leave event.
	OnRoomDismissed func(room RoomID, reason DismissedReason)
	// OnKickedOutOfRoom: this user is out of the room.
	OnKickedOutOfRoom func(room RoomID, reason KickedOutReason, message string)

	// OnRoomNameChanged and OnRoomSeatModeChanged: a manager has changed the room.
	OnRoomNameChanged     func(room RoomID, name string)
	OnRoomSeatModeChanged func(room RoomID, mode SeatMode)
	// OnLiveInfoChanged: a manager, or the app, has changed the fields of the room that flags name. A change of name or
	// seat mode is told by the callbacks above, too.
	OnLiveInfoChanged func(info RoomInfo, flags LiveModifyFlag)
	// OnRoomMetadataChanged: a key of the room's metadata has got this value, or is gone (deleted, value is empty). It is
	// called once for each key.
	OnRoomMetadataChanged func(room RoomID, key, value string, deleted bool)
	// OnUserRoleChanged: somebody, perhaps oneself, is owner, administrator or neither from now on.
	OnUserRoleChanged func(room RoomID, user UserID, role Role)

	// OnSendMessageForUserDisableChanged: this user, or for managers anybody, may not chat until then, or may again
	// (disabled is false). It comes, too, when a mute has run out.
	OnSendMessageForUserDisableChanged func(room RoomID, user UserID, disabled bool, until time.Time)

	// OnSendMessageForAllUserDisableChanged: from now on only the owner and the administrators may chat, or everybody may
	// again. OnLiveInfoChanged tells it, too.
	OnSendMessageForAllUserDisableChanged func(room RoomID, disabled bool)

	// OnUserInfoChanged: a member, perhaps oneself, is shown under another name, avatar or level from now on. A seated one's
	// seat shows it already: OnSeatListChanged comes first.
	OnUserInfoChanged func(room RoomID, user UserInfo)

	// OnRemoteUserEnterRoom and OnRemoteUserLeaveRoom are not called for oneself. In a room of more than 200 members they are
	// called once a second at most, and then for the 20 newest.
	OnRemoteUserEnterRoom func(room RoomID, user UserInfo)
	OnRemoteUserLeaveRoom func(room RoomID, user UserInfo)
	// OnRoomUserCountChanged counts everybody, the owner included.
	OnRoomUserCountChanged func(room RoomID, count int)
	// OnAudienceListChanged gives what [Room.AudienceList] and [Room.AudienceCount] return from now on. It is called once
	// [Room.FetchAudienceList] has been.
	OnAudienceListChanged func(room RoomID, list []UserInfo, count int)

	// OnSeatListChanged gives the whole list and who sat down or got up. A change of locks has neither.
	OnSeatListChanged func(seats []SeatInfo, seated, left []UserInfo)
	// OnKickedOffSeat: a manager has taken this user off the seat; by says who.
	OnKickedOffSeat func(index SeatIndex, by UserInfo)
	// OnUserAudioStateChanged: somebody, oneself included, is heard from now on or no longer.
	OnUserAudioStateChanged func(user UserInfo, hasAudio bool, reason ChangeReason)

	// OnUserVoiceVolumeChanged: how loud those on the seats are, oneself included, from 0 to 100. It is called every
	// [VolumeInterval] (or Config.VolumeInterval) while anybody is loud, and once more when nobody is. Who is above [Speaking] speaks.
	OnUserVoiceVolumeChanged func(volumes map[UserID]int)
	// OnConnectedUserVoiceVolumeChanged: how loud those are who are heard here from connected rooms, by room, from 0 to
	// 100; as often as OnUserVoiceVolumeChanged, while one of them is loud and once more when none is.
	OnConnectedUserVoiceVolumeChanged func(volumes map[RoomID]map[UserID]int)

	// OnUserNetworkQualityChanged: how good the lines to the server are, this user's first and then those on the seats of
	// whom something is known. It is called every [NetworkInterval] while anybody is heard or this user is, and when
	// something has changed. Whoever is not in it any more is unknown. Losses are those on the way, most of which are
	// repaired; a round trip is known of those who hear somebody.
	OnUserNetworkQualityChanged func(infos []NetworkInfo)

	// OnMusicStarted: this user's music begins. OnMusicProgress is called every [MusicProgressInterval] while a long piece
	// plays, with its place in the file and the file's length. OnMusicFinished is called once for each start: err is nil
	// at the end, [ErrMusicStopped] when something has stopped it (Stop, another piece, the room's end), else why the
	// file could not be read on.
	OnMusicStarted  func(id MusicID)
	OnMusicProgress func(id MusicID, position, duration time.Duration)
	OnMusicFinished func(id MusicID, err error)

	// OnReceiveBarrage: a line has come into the chat: of somebody else, of this user once the server has taken it, or a
	// local one (whose Sequence is 0). [Chat.Barrages] has its place: seldom one comes that was said before others.
	OnReceiveBarrage func(room RoomID, b Barrage)

	// OnReceiveGift: somebody, perhaps oneself, has been given something by somebody in the room, perhaps oneself. What was
	// sent while the connection was gone is told, too, unless that was long.
	OnReceiveGift func(room RoomID, g GiftReceived)
	// OnGiftCountChanged: so many gifts have been sent in the room so far, for so many coins. It comes with each gift.
	OnGiftCountChanged func(room RoomID, gifts, coins int64)
	// OnConnectionUserListChanged: the room is connected with other rooms from now on, with fewer, or with none (connected
	// is empty then). connected has this room, too.
	OnConnectionUserListChanged func(room RoomID, connected, joined, left []ConnectionUser)
	// OnConnectionRequestReceived, for the owner: a room asks this one, among inviteeList, for a connection.
	OnConnectionRequestReceived func(room RoomID, inviter ConnectionUser, inviteeList []ConnectionUser, extensionInfo string)
	// OnConnectionRequestCancelled, for the owner: a room that has asked this one does not any more.
	OnConnectionRequestCancelled func(room RoomID, inviter ConnectionUser)
	// OnConnectionRequestAccept, OnConnectionRequestReject, for the owner: a room that this one has asked has answered.
	OnConnectionRequestAccept func(room RoomID, invitee ConnectionUser)
	OnConnectionRequestReject func(room RoomID, invitee ConnectionUser)
	// OnConnectionRequestTimeout, for the owners of both: a request had no answer in time, or none can come any more.
	OnConnectionRequestTimeout func(room RoomID, inviter, invitee ConnectionUser)
	// OnConnectedSeatListChanged: who sits in a room that this one is connected with: all its seats.
	OnConnectedSeatListChanged func(room, connected RoomID, seats []SeatInfo)
	// OnConnectionMuted: a connected room is not heard in this one from now on, or is again.
	OnConnectionMuted func(room, connected RoomID, muted bool)

	// OnBattleStarted: the room is in a battle from now on. OnUserJoinBattle follows, once for each other room in it.
	OnBattleStarted  func(room RoomID, battle BattleInfo)
	OnUserJoinBattle func(room RoomID, battleID string, user BattleUser)
	// OnUserExitBattle: another room is out of the battle, which goes on.
	OnUserExitBattle func(room RoomID, battleID string, user BattleUser)
	// OnBattleScoreChanged carries all rooms of the battle, the inviter first.
	OnBattleScoreChanged func(room RoomID, battleID string, users []BattleUser)
	// OnBattleEnded: the battle is over, or the room is out of it ([BattleOtherExit]). With a PunishEndTime its punishment
	// phase begins, and OnBattlePunishmentEnded comes when that is over.
	OnBattleEnded           func(room RoomID, battle BattleInfo, reason BattleStoppedReason)
	OnBattlePunishmentEnded func(room RoomID, battle BattleInfo)
	// OnBattleRequestReceived, for the owner: a room asks this one, the invitee, for a battle.
	OnBattleRequestReceived func(room RoomID, battle BattleInfo, inviter, invitee BattleUser)
	// OnBattleRequestCancelled, for the owners of all rooms of the request: it was withdrawn, or a room that is gone has
	// ended it. There will be no battle.
	OnBattleRequestCancelled func(room RoomID, battle BattleInfo, inviter BattleUser)
	// OnBattleRequestAccept, OnBattleRequestReject, for the owners of the other rooms of the request: a room has answered.
	// One that rejects ends the request for all.
	OnBattleRequestAccept func(room RoomID, battle BattleInfo, inviter, invitee BattleUser)
	OnBattleRequestReject func(room RoomID, battle BattleInfo, inviter, invitee BattleUser)
	// OnBattleRequestTimeout, for the owners of all rooms of the request: a room has not answered in time, which ends it.
	OnBattleRequestTimeout func(room RoomID, battle BattleInfo, inviter, invitee BattleUser)

	// OnReceiveLikes: the room has been liked; total is how often so far, and senders are up to three of those who have
	// liked it since the last call, the newest last. It is called about once a second, and a connection that is slow misses
	// some calls, never the newest total.
	OnReceiveLikes func(room RoomID, total int64, senders []UserInfo)
	// OnLiveStatisticsChanged: what has happened in the room so far, where flags name what has changed. Viewers and likes
	// come as they are told by their own callbacks, the rest within about four seconds.
	OnLiveStatisticsChanged func(room RoomID, stats LiveStatistics, flags LiveStatisticsFlag)

	// OnRequestReceived: somebody applies (for managers) or invites this user.
	OnRequestReceived func(Request)
	// OnRequestCancelled: a received request has ended without an answer; by is who cancelled, or the sender when it
	// timed out, or when this user is no manager any more and it is for others to answer.
	OnRequestCancelled func(r Request, by UserInfo)
	// OnRequestProcessed: another manager has answered a received request.
	OnRequestProcessed func(r Request, by UserInfo)
}

// post queues a callback for every observer of the room.
func (r *Room) post(name string, f func(*RoomObserver)) {
	r.events.Post(name, func() { r.observers.Each(f) })
}
