// Package doctor finds out why somebody hears nothing: it looks at the sound card, the codec, the way to the server, the
// UserSig and the media, one after another, and says in plain words what is wrong and what to do.
//
// [Run] makes the checks. Each has a limit of its own, and none depends on what it does not need: what cannot be looked
// at because something before it has failed is skipped and says so. Sound card, codec and network come from outside.
package doctor
