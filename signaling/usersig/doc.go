// Package usersig mints and verifies UserSigs, the tokens with which an app's server vouches for a user. The format is
// TLSSigAPIv2: JSON with an HMAC-SHA256, deflated by zlib, in base64 with `+`, `/` and `=` written as `*`, `-` and `_`.
//
//	sig, err := usersig.Mint(1400000001, secret, "alice", 24*time.Hour, time.Now())
//	claims, err := usersig.Verify(sig, 1400000001, secret, "alice", time.Now())
//
// A UserSig is a bearer token until it expires: whoever has it is the user. Mint short ones, on a server only.
//
// Verify takes bytes from anybody. It reads at most 4 KiB of token and 8 KiB of JSON, costs at most 64 KB of memory,
// believes nothing before the MAC is right, and compares it in constant time. All functions may be called from several
// goroutines.
//
// The JSON is byte for byte what the vendor's library for Node.js makes of the same arguments; the deflated bytes are
// not, and differ between versions of Node.js as well. A UserSig may carry a user buffer, and that may be a
// [PrivateMapKey]: which room a user may enter and what to do there. Whoever verifies one decides what that means.
//
// UserSigs of version 1, signed by ECDSA, are recognised, and verified by a [Verifier] that has the app's public key.
package usersig
