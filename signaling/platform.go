package signaling

// Platform is what kind of device a client runs on, as apps' servers are told it (documents, callbacks: OptPlatform).
type Platform string

// The platforms.
const (
	PlatformRESTAPI Platform = "RESTAPI" // a call of the REST API; no login names it
	PlatformWeb     Platform = "Web"
	PlatformAndroid Platform = "Android"
	PlatformIOS     Platform = "iOS"
	PlatformWindows Platform = "Windows"
	PlatformMac     Platform = "Mac"
	PlatformIPad    Platform = "iPad"
	PlatformUnknown Platform = "Unknown" // any other, Linux too: the documents have no word for it
)

// OfClient returns what a login with this platform counts as: itself, or [PlatformUnknown] for one that no client runs on.
func (p Platform) OfClient() Platform {
	switch p {
	case PlatformWeb, PlatformAndroid, PlatformIOS, PlatformWindows, PlatformMac, PlatformIPad:
		return p
	}
	return PlatformUnknown
}
