// Package quality measures what a listener hears over bad networks: whole calls with real Opus, on virtual time. make
// quality prints a line for each figure; the tests only hold what must never break.
package quality
