package study

import (
	"agora/mechanism/yuma"
)

// omissionSettle is how many epochs bonds have to form before the omission, and
// how many it is watched for.
const omissionSettle = 60

// OmissionLoss returns what a validator loses that leaves one of its miners out
// of its row for a single epoch, among ten equal validators who all agree: the sum
// over the epochs from then on of 1 − its dividends / those of another, in epochs
// of dividends. With zeros the validator names the miner with a weight of 0
// instead of leaving it out.
func OmissionLoss(p yuma.Params, zeros bool) float64 {
	in := copierInput(p)
	full := make([]uint16, copierMiners)
	for j := range full {
		full[j] = 65535
	}
	without := append([]uint16{0}, full[1:]...)
	runner, loss := new(yuma.Runner), 0.0
	for epoch := range 2 * omissionSettle {
		in.Block += in.Tempo
		for i := range copierHonest + 1 {
			in.LastUpdate[i] = in.Block - 1
			in.Weights[i] = packed(full)
		}
		if epoch == omissionSettle {
			in.Weights[0] = packed(without)
			if !zeros {
				in.Weights[0] = in.Weights[0][yumaEntry:]
			}
		}
		out := runner.Run(in)
		in.Bonds = out.Bonds
		if epoch >= omissionSettle {
			loss += 1 - float64(out.Exact.Dividends[0])/float64(out.Exact.Dividends[1])
		}
	}
	return loss
}

// yumaEntry is the length of one entry of a packed row.
const yumaEntry = 4
