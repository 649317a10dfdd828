package scenario

import (
	"maps"

	abci "github.com/cometbft/cometbft/abci/types"
	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"
)

// validators plays CometBFT's part: who has power at which height, and who signed.
type validators struct {
	names  []string // in the order of their introduction
	absent map[string]bool
	sets   map[int64]map[string]int64 // power by name, by height
}

// begin sets the powers of the first block.
func (v *validators) begin(updates []abci.ValidatorUpdate) {
	v.absent = map[string]bool{}
	set := map[string]int64{}
	v.apply(set, updates)
	v.sets = map[int64]map[string]int64{1: set, 2: set}
}

// update takes the changes of block height into force, two blocks later.
func (v *validators) update(height int64, updates []abci.ValidatorUpdate) {
	set := maps.Clone(v.sets[height+1])
	v.apply(set, updates)
	v.sets[height+2] = set
	delete(v.sets, height-2)
}

func (v *validators) apply(set map[string]int64, updates []abci.ValidatorUpdate) {
	for _, u := range updates {
		for _, name := range v.names {
			if string(u.PubKey.GetEd25519()) == string(consensus(name).PubKey().Bytes()) {
				set[name] = u.Power
			}
		}
	}
}

// commit says who signed the block before height.
func (v *validators) commit(height int64) abci.CommitInfo {
	info := abci.CommitInfo{}
	if height == 1 {
		return info
	}
	set := v.sets[height-1]
	for _, name := range v.names {
		if set[name] == 0 {
			continue
		}
		flag := cmtproto.BlockIDFlagCommit
		if v.absent[name] {
			flag = cmtproto.BlockIDFlagAbsent
		}
		info.Votes = append(info.Votes, abci.VoteInfo{Validator: v.vote(name, set[name]), BlockIdFlag: flag})
	}
	return info
}

func (*validators) vote(name string, power int64) abci.Validator {
	return abci.Validator{Address: consensus(name).PubKey().Address(), Power: power}
}

// proposer is the first validator's consensus address.
func (v *validators) proposer() []byte { return consensus(v.names[0]).PubKey().Address() }

// evidence accuses name of having signed two blocks in the last block.
func (v *validators) evidence(w *World, name string) []abci.Misbehavior {
	set := v.sets[w.Height]
	var total int64
	for _, power := range set {
		total += power
	}
	return []abci.Misbehavior{{
		Type: abci.MisbehaviorType_DUPLICATE_VOTE, Validator: v.vote(name, set[name]),
		Height: w.Height, Time: w.Now, TotalVotingPower: total,
	}}
}
