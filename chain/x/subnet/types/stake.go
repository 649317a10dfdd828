package types

import stakingtypes "github.com/cosmos/cosmos-sdk/x/staking/types"

// VoiceStake is a voice with what speaks through it.
type VoiceStake struct {
	Voice     Voice
	Validator stakingtypes.Validator // empty if the operator runs none any more
	Stake     uint64                 // rao, 0 if the validator is jailed or not bonded
	Permitted bool
}
