//go:build unix

package main

import (
	"os"
	"runtime/debug"

	"golang.org/x/sys/unix"
)

// silenceStderr keeps what the system's sound libraries write to standard error off the screen, until the returned
// function is called. A crash of the program itself is written there all the same.
func silenceStderr() (restore func(), err error) {
	saved, err := unix.Dup(2)
	if err != nil {
		return nil, err
	}
	unix.CloseOnExec(saved)
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		_ = unix.Close(saved)
		return nil, err
	}
	defer null.Close()
	kept := os.NewFile(uintptr(saved), "stderr")
	_ = debug.SetCrashOutput(kept, debug.CrashOptions{}) // without it a crash would be silent, no more
	if err := unix.Dup2(int(null.Fd()), 2); err != nil {
		_ = kept.Close()
		return nil, err
	}
	return func() {
		_ = unix.Dup2(int(kept.Fd()), 2)
		_ = debug.SetCrashOutput(nil, debug.CrashOptions{})
		_ = kept.Close()
	}, nil
}
