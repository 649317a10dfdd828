package gateway

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// order lists the uids of the tiers that a gateway makes of miners, who have the uids 0, 1, …
func order(rank Rank, miners ...Miner) (uids [][]uint32) {
	var all []*candidate
	for uid, m := range miners {
		m.UID = uint32(uid)
		all = append(all, &candidate{Miner: m})
	}
	for _, tier := range tiers(all, rank, 0.1) {
		var list []uint32
		for _, c := range tier {
			list = append(list, c.UID)
		}
		uids = append(uids, list)
	}
	return uids
}

// Three that are the best share 27,000; the one behind them has 14,000 for itself.
func TestATierThatSharesItsPrizeStillComesFirst(t *testing.T) {
	var chain, own []Miner
	for _, pay := range []uint16{9000, 14000, 9000, 3000, 9000, 0} {
		chain, own = append(chain, Miner{Incentive: pay}), append(own, Miner{Score: float64(pay) / 14000})
	}
	want := [][]uint32{{0, 2, 4}, {1}, {3}, {5}}
	require.Equal(t, want, order(RankChain, chain...))
	require.Equal(t, want, order(RankOwn, own...))
}

// By the prizes 1, .354, .192 each of three that are the best earns .333, and the one behind them .354 · 47/50 = .333 too.
func TestMinersOfEqualPayAreDividedByTheValidatorsTiers(t *testing.T) {
	best, second := Miner{Incentive: 20000}, Miner{Incentive: 20000, Tier: 1}
	require.Equal(t, [][]uint32{{1, 2, 3}, {0}}, order(RankChain, second, best, best, best))
	slow := Miner{Incentive: 13300} // of the first tier, paid two thirds for its speed
	require.Equal(t, [][]uint32{{0}, {2}, {1}}, order(RankChain, best, slow, Miner{Incentive: 13900, Tier: 1}))
	require.Equal(t, [][]uint32{{0, 1, 2}}, order(RankChain, best, best, best), "who is not told apart stays together")
	require.Equal(t, [][]uint32{{0, 1}}, order(RankNone, Miner{}, Miner{}))
}

// A miner at which requests wait, and that says nothing, gets no more of them; a word of it, or the end of those that wait, changes that.
func TestASilentMinerIsSparedMoreRequests(t *testing.T) {
	h, now := &health{}, time.Now()
	for range breakAfter {
		require.True(t, h.admit(now.Add(time.Hour)))
		h.start(now)
	}
	require.True(t, h.admit(h.heard.Add(quietFor-1)))
	require.False(t, h.admit(h.heard.Add(quietFor)))
	h.answered(10*time.Second, now)
	require.True(t, h.admit(now.Add(29*time.Second)), "it is known to be slow")
	require.False(t, h.admit(now.Add(30*time.Second)))
	h.end()
	require.True(t, h.admit(now.Add(time.Hour)))
}

// Who keeps requests waiting, or let one wait for nothing, is no better than who answers.
func TestSilenceCountsAsTheTimeItLasts(t *testing.T) {
	now := time.Now()
	fast, silent := &health{}, &health{}
	fast.answered(5*time.Millisecond, now)
	require.Less(t, silent.load(now), fast.load(now), "nothing is known of it")
	silent.start(now)
	require.Greater(t, silent.load(silent.heard.Add(time.Second)), fast.load(now))
	silent.end()
	silent.silent(20*time.Second, now)
	require.Greater(t, silent.load(now.Add(time.Minute)), fast.load(now.Add(time.Minute)))
	require.Zero(t, silent.slowest(now), "it is not known to be slow, only to be silent")
}
