package keeper

// LeastOpen is leastOpen.
func LeastOpen(seats int) int { return leastOpen(seats) }
