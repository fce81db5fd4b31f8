package signaling

// Following others is not bound to a room. Names and limits are those of the vendor's chat documents, "Follow", which the
// documents of the live kit use.

// Limits of the calls about following (chat documents, "Follow").
const (
	MaxFollowUsers  = 20  // users of one follow.add, follow.remove or follow.info
	MaxFollowChecks = 100 // users of one follow.check

	// FollowPageLimit is the most users of one page. The chat documents have 500, more than fits into a message with
	// names and avatars.
	FollowPageLimit = 100
)

// FollowType says how a user and oneself stand to each other.
type FollowType int

// The follow types, with the chat documents' numbers (V2TIMFollowType).
const (
	FollowTypeNone                FollowType = 0
	FollowTypeInMyFollowingList   FollowType = 1 // one follows the user
	FollowTypeInMyFollowersList   FollowType = 2 // the user follows one
	FollowTypeInBothFollowersList FollowType = 3 // each follows the other
)

func (t FollowType) String() string {
	return name(int(t), map[int]string{0: "None", 1: "InMyFollowingList", 2: "InMyFollowersList", 3: "InBothFollowersList"})
}

// FollowList names one of a user's lists.
type FollowList string

// The lists.
const (
	FollowingList       FollowList = "following" // whom one follows
	FollowersList       FollowList = "followers" // who follows one
	MutualFollowersList FollowList = "mutual"    // who is in both
)

// FollowParams names the users that a call is about, each once.
type FollowParams struct {
	UserIDs []UserID `json:"userIds" required:"true"`
}

// FollowResult says of each user what has come of following or unfollowing, in the order of the call.
type FollowResult struct {
	Results []FollowOperationResult `json:"results"`
}

// FollowOperationResult is what has come of following or unfollowing one user. Code 0 is success, also where nothing was
// to do.
type FollowOperationResult struct {
	UserID  UserID `json:"userId"`
	Code    Code   `json:"resultCode,omitempty"`
	Message string `json:"resultInfo,omitempty"` // what to do about it
}

// FollowTypes answers follow.check, in the order of the call.
type FollowTypes struct {
	Types []FollowTypeCheck `json:"types"`
}

// FollowTypeCheck is how one user and oneself stand to each other.
type FollowTypeCheck struct {
	UserID UserID     `json:"userId"`
	Type   FollowType `json:"followType"`
}

// FollowInfos answers follow.info, in the order of the call.
type FollowInfos struct {
	Infos []FollowInfo `json:"infos"`
}

// FollowInfo counts a user's relations. Of more than 512 followers it may be two seconds old.
type FollowInfo struct {
	UserID               UserID `json:"userId"`
	FollowingCount       int    `json:"followingCount"`
	FollowersCount       int    `json:"followersCount"`
	MutualFollowersCount int    `json:"mutualFollowersCount"`
}

// FollowListParams asks for a page of one of the caller's lists, the newest relations first.
type FollowListParams struct {
	List       FollowList `json:"list" required:"true"`
	NextCursor string     `json:"nextCursor,omitempty"` // the former page's
	Limit      int        `json:"limit,omitempty"`      // 1 to FollowPageLimit; 0 means FollowPageLimit
}

// FollowPage is one page. Users have the names and avatars of their profiles.
type FollowPage struct {
	Users      []UserInfo `json:"users"`
	NextCursor string     `json:"nextCursor,omitempty"` // absent on the last page
}

// FollowersChanged says who follows the receiver from now on, and who no longer. Of many at once it tells some.
type FollowersChanged struct {
	Added   []UserInfo `json:"added,omitempty"`
	Removed []UserID   `json:"removed,omitempty"`
}
