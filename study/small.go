package study

import "agora/mechanism/yuma"

// smallEpochs is how long the bonds of the small validator settle.
const smallEpochs = 60

// SmallShare returns the dividend per stake of a validator that holds the given
// share of another's stake and says the same, relative to the other's: 1 where
// size makes no difference.
func SmallShare(p yuma.Params, share float64) float64 {
	const whole = 1e18
	small := uint64(share * whole)
	in := &yuma.Input{
		Params: p, N: 4, Block: 1000, Tempo: 10, Emission: 1e9,
		Stake:      []uint64{whole, small, 0, 0},
		Active:     []bool{true, true, false, false},
		Permit:     []bool{true, true, false, false},
		LastUpdate: []uint64{999, 999, 0, 0},
	}
	row := yuma.Row{}.Append(2, 65535).Append(3, 32768)
	in.Weights = []yuma.Row{row, row}
	var runner yuma.Runner
	var out *yuma.Result
	for range smallEpochs {
		out = runner.Run(in)
		in.Bonds = out.Bonds
	}
	return float64(out.Exact.Dividends[1]) / share / float64(out.Exact.Dividends[0])
}
