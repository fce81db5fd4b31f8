package signaling

import "net/url"

// endpoint completes the address of a server and refuses one that cannot work.
func endpoint(raw string) (string, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return "", &Error{Code: ErrInvalidParameter.Code, Message: "the server's URL is not valid", Err: err}
	}
	if (u.Scheme != "ws" && u.Scheme != "wss") || u.Host == "" {
		return "", Errorf(ErrInvalidParameter.Code, `the server's URL %q is not valid: use "ws://host:port" or "wss://host"`, raw)
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = Path
	}
	return u.String(), nil
}
