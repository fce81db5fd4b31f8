//go:build !(linux || darwin || freebsd || netbsd || openbsd)

package natsstore

// lockFile does nothing where there is no flock: a lock that outlives a crash would do more harm.
func lockFile(string) (unlock func(), err error) { return func() {}, nil }
