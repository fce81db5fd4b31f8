package signaling

// AudienceLimit is the most users that an AudienceList has (documents, AudienceListView: the newest 100).
const AudienceLimit = 100

// AudienceList is who listens in a room: its members without the owner, who came in last first.
type AudienceList struct {
	Users []UserInfo `json:"users"`
	Total int        `json:"total"` // all of them
	Count int        `json:"count"` // members of the room: one more, while the owner is here
}
