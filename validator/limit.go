package validator

import (
	"context"
	"math"
	"slices"

	subnettypes "agora/chain/x/subnet/types"
	"agora/client"
)

// limited lowers the largest weights until none has more than share of their sum, 0 < share ≤ 1. With the top k at the cap
// c and R the sum of the rest, c = share·(k·c + R), so
//
//	c = share·R / (1 − share·k)     for the least k whose c is not below the next weight
//
// Where even equal weights have more than share, all that are above zero become equal.
func limited(weights []uint32, share float64) []uint32 {
	down := slices.Clone(weights)
	slices.SortFunc(down, func(a, b uint32) int { return int(b) - int(a) })
	rest := 0.0
	for _, w := range down {
		rest += float64(w)
	}
	limit := 1.0
	for k, w := range down {
		if k == 0 && float64(w) <= share*rest {
			return weights
		}
		rest -= float64(w)
		free := 1 - share*float64(k+1)
		if free <= 0 || rest == 0 {
			break
		}
		if c := share * rest / free; k+1 == len(down) || c >= float64(down[k+1]) {
			limit = math.Max(1, math.Floor(c))
			break
		}
	}
	capped := make([]uint32, len(weights))
	for i, w := range weights {
		capped[i] = min(w, uint32(limit))
	}
	return capped
}

// roundingRoom keeps a capped vector inside the limit after the chain has rounded it.
const roundingRoom = 0.999

// withinLimit holds a ballot to the subnet's max_weight_limit.
func withinLimit(ctx context.Context, c *client.Client, netuid uint32, v ballot) (ballot, error) {
	if !v.proven || len(v.uids) == 0 {
		return v, nil
	}
	var err error
	v.weights, err = Within(ctx, c, netuid, v.weights)
	return v, err
}

// Within holds weights to a subnet's max_weight_limit.
func Within(ctx context.Context, c *client.Client, netuid uint32, weights []uint32) ([]uint32, error) {
	table, err := c.Parameters(ctx, netuid)
	if err != nil {
		return nil, err
	}
	for _, p := range table {
		if p.Name == subnettypes.MaxWeightLimit && p.Value < math.MaxUint16 {
			weights = limited(weights, roundingRoom*float64(p.Value)/math.MaxUint16)
		}
	}
	return weights, nil
}
