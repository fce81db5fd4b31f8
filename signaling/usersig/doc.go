// Package usersig mints and verifies UserSigs, the tokens with which an app's server vouches for a user. The format is
// TLSSigAPIv2: JSON with an HMAC-SHA256, deflated by zlib, in base64 with `+`, `/` and `=` written as `*`, `-` and `_`.
//
//	sig, err := usersig.Mint(1400000001, secret, "alice", 24*time.Hour, time.Now())
//	claims, err := usersig.Verify(sig, 1400000001, secret, "alice", time.Now())
//
// A UserSig is a bearer token until it expires: whoever has it is the user. Mint short ones, on a server only.
//
// Verify takes bytes from anybody. It reads at most 4 KiB of token and 8 KiB of JSON, believes nothing before the MAC is
// right, and compares it in constant time. All functions may be called from several goroutines.
package usersig
