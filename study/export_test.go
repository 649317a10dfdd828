package study

// Crossing is the honest weight at which the honest earn their share of stake
// against one weight of the cabal, mean over the seeds: a point of a contour.
func Crossing(setting Setting, honestStake, cabalOwn float64, seed uint64, seeds int) float64 {
	sum := 0.0
	for k := range seeds {
		sum += newCabal(setting, honestStake, source(seed, uint64(k))).crossing(cabalOwn)
	}
	return sum / float64(seeds)
}
