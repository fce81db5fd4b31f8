package seatgrid

// ShowVolumes does what the engine's volume callback does, with volumes of the test's choice.
func (g *Grid) ShowVolumes(levels map[UserID]int) {
	g.eng.Post("UpdateUserVolume", func() { g.stage.volumes(levels) })
}
