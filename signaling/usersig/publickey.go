package usersig

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/x509"
	"encoding/pem"
	"errors"
)

// ParsePublicKey reads the key that the vendor's console shows for UserSigs of version 1: PEM with a PUBLIC KEY on the
// curve P-256. The errors say what is wrong with it. Keys on secp256k1, which the oldest apps have, are not read.
func ParsePublicKey(text []byte) (*ecdsa.PublicKey, error) {
	block, _ := pem.Decode(text)
	switch {
	case block == nil:
		return nil, errors.New("usersig: no PEM; a file that begins with -----BEGIN PUBLIC KEY----- is wanted")
	case block.Type != "PUBLIC KEY":
		return nil, errors.New("usersig: PEM of another kind; PUBLIC KEY is wanted, and nobody needs the private one here")
	}
	key, err := x509.ParsePKIXPublicKey(block.Bytes)
	if err != nil {
		return nil, errors.New("usersig: the public key cannot be read; one of ECDSA on the curve P-256 is wanted")
	}
	if k, ok := key.(*ecdsa.PublicKey); ok && k.Curve == elliptic.P256() {
		return k, nil
	}
	return nil, errors.New("usersig: a public key of another kind; one of ECDSA on the curve P-256 is wanted")
}
