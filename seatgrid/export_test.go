package seatgrid

// ShowVolumes does what the engine's volume callback will do.
func (g *Grid) ShowVolumes(levels map[UserID]int) {
	g.eng.Post("UpdateUserVolume", func() { g.stage.volumes(levels) })
}
