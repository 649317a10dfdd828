package app_test

import (
	"maps"
	"math/rand"
	"slices"
	"time"

	abci "github.com/cometbft/cometbft/abci/types"
	cmted25519 "github.com/cometbft/cometbft/crypto/ed25519"
	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
)

// comet plays the consensus engine's part: who has power at which height, who is away, and who signs twice.
type comet struct {
	sets map[int64]map[string]int64 // power by public key, by height
	away map[string]int64           // until which height
}

// begin sets the powers of the first block.
func (c *comet) begin(updates []abci.ValidatorUpdate) {
	set := map[string]int64{}
	apply(set, updates)
	c.sets, c.away = map[int64]map[string]int64{0: set, 1: set, 2: set}, map[string]int64{}
}

// update takes the changes of block height into force, two blocks later.
func (c *comet) update(height int64, updates []abci.ValidatorUpdate) {
	set := maps.Clone(c.sets[height+1])
	apply(set, updates)
	c.sets[height+2] = set
	delete(c.sets, height-5)
}

func apply(set map[string]int64, updates []abci.ValidatorUpdate) {
	for _, u := range updates {
		key := string(u.PubKey.GetEd25519())
		if set[key] = u.Power; u.Power == 0 {
			delete(set, key)
		}
	}
}

func total(set map[string]int64) (sum int64) {
	for _, power := range set {
		sum += power
	}
	return sum
}

// commit says who signed the block before height. Less than a third are away at once, each for about as long as it takes
// to be jailed.
func (c *comet) commit(r *rand.Rand, height int64) (info abci.CommitInfo) {
	if height == 1 {
		return info
	}
	set := c.sets[height-1]
	missing := int64(0)
	for _, key := range slices.Sorted(maps.Keys(set)) {
		if c.away[key] < height && r.Intn(150) == 0 {
			c.away[key] = height + int64(r.Intn(25))
		}
		flag := cmtproto.BlockIDFlagCommit
		if c.away[key] >= height && 3*(missing+set[key]) < total(set) {
			flag = cmtproto.BlockIDFlagAbsent
			missing += set[key]
		}
		info.Votes = append(info.Votes, abci.VoteInfo{Validator: validator(key, set[key]), BlockIdFlag: flag})
	}
	return info
}

func validator(key string, power int64) abci.Validator {
	return abci.Validator{Address: cmted25519.PubKey(key).Address(), Power: power}
}

func (c *comet) proposer(height int64) []byte {
	keys := slices.Sorted(maps.Keys(c.sets[height]))
	return cmted25519.PubKey(keys[int(height)%len(keys)]).Address()
}

// evidence rarely accuses somebody of having signed two blocks at height, as long as the others are many.
func (c *comet) evidence(r *rand.Rand, height int64, at time.Time) []abci.Misbehavior {
	set := c.sets[height]
	keys := slices.Sorted(maps.Keys(set))
	if height < 2 || len(keys) < 4 || r.Intn(60) > 0 {
		return nil
	}
	key := keys[r.Intn(len(keys))]
	if 4*set[key] > total(set) {
		return nil
	}
	return []abci.Misbehavior{{
		Type: abci.MisbehaviorType_DUPLICATE_VOTE, Validator: validator(key, set[key]),
		Height: height, Time: at, TotalVotingPower: total(set),
	}}
}
