package portaudio

import (
	"errors"
	"fmt"
	"slices"

	"github.com/openvoiceroom/openvoiceroom/audio"
)

// denied corrects an error: a card that this user may not open is not listed at all on Linux, so it looks as if there
// were none.
func denied(dir direction, err error) error {
	if !errors.Is(err, audio.ErrNoDevice) {
		return err
	}
	return deniedBy(deviceNodes(dir), mayUse, err)
}

func deniedBy(nodes []string, mayUse func(node string) bool, err error) error {
	if len(nodes) == 0 || slices.ContainsFunc(nodes, mayUse) {
		return err
	}
	return fmt.Errorf("%w: %s and its like are not open to this user, who should be in the group audio: %w", audio.ErrDeviceDenied, nodes[0], err)
}
