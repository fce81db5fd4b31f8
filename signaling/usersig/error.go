package usersig

import "errors"

// Why a UserSig is refused. Compare with errors.Is; the texts never quote the token or the secret.
//
// The documents' codes: ErrExpired is 70001, ErrMismatch 70013, the others are 70003.
var (
	// ErrTooLarge refuses a token over 4 KiB, or one that inflates to more than 8 KiB. Mint returns it as well.
	ErrTooLarge = errors.New("usersig: token too large")

	// ErrMalformed refuses what is no UserSig at all: its base64, zlib, JSON or fields are wrong, or its version is.
	ErrMalformed = errors.New("usersig: malformed token")

	// ErrLegacy refuses a UserSig of version 1, which is signed by ECDSA, where no public key is known for it. Mint a new
	// one, or use a [Verifier] with the app's public key.
	ErrLegacy = errors.New("usersig: token of version 1 (ECDSA-SHA256), for which no public key is known; mint one of version 2.0 (HMAC-SHA256)")

	// ErrWrongApp refuses a token that names another app.
	ErrWrongApp = errors.New("usersig: token of another app")

	// ErrSignature refuses a token that was not made with this secret, or was changed since.
	ErrSignature = errors.New("usersig: wrong signature")

	// ErrMismatch refuses a good token of another user.
	ErrMismatch = errors.New("usersig: token of another user")

	// ErrFuture refuses a good token that was issued more than 5 minutes from now.
	ErrFuture = errors.New("usersig: token issued in the future")

	// ErrExpired refuses a good token whose time has passed.
	ErrExpired = errors.New("usersig: token expired")

	// ErrInvalid is what Mint answers to an empty secret or user, a user that is no UTF-8 or holds a line end, or a
	// duration under a second.
	ErrInvalid = errors.New("usersig: invalid argument")
)
