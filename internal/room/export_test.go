package room

// ConnectionBytes is what a state's connection is counted with.
func ConnectionBytes(s State) int { return s.connectionBytes() }
