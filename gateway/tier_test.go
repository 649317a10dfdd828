package gateway

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestATierThatSharesItsPrizeStillComesFirst(t *testing.T) {
	var all []*candidate
	for uid, incentive := range []uint16{9000, 14000, 9000, 3000, 9000, 0} {
		all = append(all, &candidate{Miner: Miner{UID: uint32(uid), Incentive: incentive}})
	}
	var order [][]uint32
	for _, tier := range tiers(all, RankChain, 0.1) {
		var uids []uint32
		for _, c := range tier {
			uids = append(uids, c.UID)
		}
		order = append(order, uids)
	}
	// Three that are the best share 27,000; the one behind them has 14,000 for itself.
	require.Equal(t, [][]uint32{{0, 2, 4}, {1}, {3}, {5}}, order)
}
