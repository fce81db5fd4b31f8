package signaling

// Endpoint is endpoint, for tests.
func Endpoint(raw string) (string, error) { return endpoint(raw) }
