package room

import "github.com/openvoiceroom/openvoiceroom/signaling"

// Origin is where a command came from, as the node that took it vouches for. The rules do not look at it.
type Origin struct {
	// Operator is who asked, where that is not the command's By: the app's administrator who makes a room for somebody.
	Operator signaling.UserID `json:"operator,omitempty"`

	IP       string             `json:"ip,omitempty"` // of the login, or of the caller of the REST API
	Platform signaling.Platform `json:"platform,omitempty"`
}

// Cause says who made an event happen, and from where, for the app's server. Clients are told neither.
type Cause struct {
	By       signaling.UserID   `json:"by,omitempty"` // of an app's command the administrator who called; of a departure who has gone
	IP       string             `json:"ip,omitempty"`
	Platform signaling.Platform `json:"platform,omitempty"`
}

// Cause returns what the command's events are caused by; nil for the room's own acts.
func (c Command) Cause() *Cause {
	by := c.By.UserID
	if c.Origin.Operator != "" {
		by = c.Origin.Operator
	}
	if cause := (Cause{By: by, IP: c.Origin.IP, Platform: c.Origin.Platform}); cause != (Cause{}) {
		return &cause
	}
	return nil
}

// Heartbeat says that the connections of members were lost, or that they came back, while the room waited for them. An
// interrupt is followed by one recovery or by the user's departure. It is for the app's server; clients are not told.
type Heartbeat struct {
	Users     []signaling.UserID `json:"users"`
	Recovered bool               `json:"recovered,omitempty"`
}
