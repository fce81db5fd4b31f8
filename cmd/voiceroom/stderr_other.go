//go:build !unix

package main

// silenceStderr does nothing: only ALSA and JACK are that talkative.
func silenceStderr() (restore func(), err error) { return func() {}, nil }
