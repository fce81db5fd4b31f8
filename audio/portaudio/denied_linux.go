package portaudio

import (
	"path/filepath"
	"syscall"
)

// deviceNodes lists the files of the cards, such as /dev/snd/pcmC0D0c for capture.
func deviceNodes(dir direction) []string {
	suffix := "c"
	if dir == out {
		suffix = "p"
	}
	list, err := filepath.Glob("/dev/snd/pcmC*" + suffix)
	if err != nil {
		return nil // the pattern is right
	}
	return list
}

func mayUse(node string) bool {
	const readWrite = 4 | 2
	return syscall.Access(node, readWrite) == nil
}
