package adminapi

import (
	"maps"
	"slices"
)

// Commands lists what can be called.
func Commands() []string { return slices.Sorted(maps.Keys(commands)) }
