package stagetest

import "github.com/openvoiceroom/openvoiceroom/engine"

// Lines is a room's chat as people read it.
func Lines(room *engine.Room) (lines []string) {
	for _, b := range room.Chat().Barrages() {
		lines = append(lines, string(b.Sender.UserID)+": "+b.Text)
	}
	return lines
}
