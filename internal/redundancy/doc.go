// Package redundancy decides how much of what was said before goes along with each packet, and packs it (RFC 2198): at the
// server for each listener, at a speaker for the way to the server. Nothing is lost, nothing goes along.
package redundancy
