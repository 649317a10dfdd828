package app

import (
	corestore "cosmossdk.io/core/store"

	"github.com/cosmos/cosmos-sdk/runtime"
	distrtypes "github.com/cosmos/cosmos-sdk/x/distribution/types"
	slashingtypes "github.com/cosmos/cosmos-sdk/x/slashing/types"
	stakingtypes "github.com/cosmos/cosmos-sdk/x/staking/types"
)

var _ = runtime.EventService{}
var _ = distrtypes.ModuleName
var _ = slashingtypes.ModuleName
var _ = stakingtypes.ModuleName

type runtimeStore = corestore.KVStoreService
