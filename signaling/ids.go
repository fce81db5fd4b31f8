package signaling

// AppID is an app's number (the documents' SDKAppID). Rooms, users and secrets of different apps never meet.
type AppID uint32

// RoomID names a room within an app: 1 to 48 bytes of printable ASCII, 0x20 to 0x7e (documents, code -2105).
type RoomID string

// UserID names a user within an app: 1 to 32 bytes of UTF-8 without control characters.
type UserID string

// SeatIndex counts a room's seats from 0. People are shown SeatIndex+1.
type SeatIndex int

// AnySeat asks for whichever unlocked seat is free, the lowest first.
const AnySeat SeatIndex = -1
