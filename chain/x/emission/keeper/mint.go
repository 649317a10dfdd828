package keeper

import (
	"time"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"agora/chain/network"
	"agora/chain/x/emission/types"
	subnettypes "agora/chain/x/subnet/types"
	"agora/mechanism/emission"
	"agora/mechanism/fixed"
)

// BeginBlock mints for the time since the last block and divides it among the subnets.
func (k *Keeper) BeginBlock(ctx sdk.Context) error {
	params, err := k.params.Get(ctx)
	if err != nil {
		return err
	}
	ledger, err := k.ledger.Get(ctx)
	if err != nil {
		return err
	}
	amount := accrue(&ledger, params, ctx.BlockTime(), k.Issuance(ctx))
	if amount > 0 {
		if err := k.mint(ctx, params, &ledger, amount); err != nil {
			return err
		}
	}
	return k.ledger.Set(ctx, ledger)
}

// accrue advances the ledger's clock to now and returns the rao that have come due where issued exist. The first block
// brings nothing, a block brings at most max_block_seconds, and time never runs backwards.
func accrue(ledger *types.Ledger, params types.Params, now time.Time, issued uint64) uint64 {
	last := ledger.LastBlockUnixNano
	ledger.LastBlockUnixNano = now.UnixNano()
	if last == 0 || ledger.LastBlockUnixNano <= last {
		return 0
	}
	most := params.MaxBlockSeconds * uint64(time.Second)
	dt := min(uint64(ledger.LastBlockUnixNano-last), most)
	due := emission.Accrual{Remainder: ledger.Remainder, Halvings: uint(ledger.Halvings)}
	amount, due := due.Accrue(dt, params.BlockReward, issued, params.Cap)
	ledger.Remainder, ledger.Halvings = due.Remainder, uint32(due.Halvings)
	return amount
}

// mint makes amount rao and books them as pending; the parts of closed subnets, and everything while no subnet has a
// part, are burned at once.
func (k *Keeper) mint(ctx sdk.Context, params types.Params, ledger *types.Ledger, amount uint64) error {
	book, err := k.book.Get(ctx)
	if err != nil {
		return err
	}
	netuids, claims, err := k.claims(ctx, params, &book)
	if err != nil {
		return err
	}
	grants, burned := emission.Allocate(amount, params.DemandShare, claims)
	for j, g := range grants {
		account := book.Account(netuids[j])
		account.Pending += g.Paid
		account.DemandGranted += g.FromDemand
		account.Burned += g.Withheld
		account.Share = uint32(fixed.Part(emission.Full, g.Paid, amount))
		burned += g.Withheld
	}
	ledger.Minted += amount
	ledger.Pending += amount - burned
	ledger.Burned += burned
	if err := k.bank.MintCoins(ctx, types.ModuleName, network.Coins(amount)); err != nil {
		return err
	}
	if burned > 0 {
		if err := k.bank.BurnCoins(ctx, types.ModuleName, network.Coins(burned)); err != nil {
			return err
		}
	}
	return k.book.Set(ctx, book)
}

// root is the netuid of no market: it stands for the network as a whole.
const root = 0

// claims lists what every subnet brings to the allocation, by netuid.
func (k *Keeper) claims(ctx sdk.Context, params types.Params, book *types.Book) (netuids []uint32, claims []emission.Claim, err error) {
	var started []uint64
	value := k.subnets.Values(ctx)
	err = k.subnets.EachSubnet(ctx, func(s subnettypes.Subnet) (bool, error) {
		if s.Netuid == root {
			return false, nil
		}
		account := book.Account(s.Netuid)
		netuids = append(netuids, s.Netuid)
		claims = append(claims, emission.Claim{
			Demand: account.DemandSmoothed, Room: account.DemandBurned - account.DemandGranted, Open: open(ctx, params, s, account, value),
		})
		if s.Started {
			started = append(started, 1)
		} else {
			started = append(started, 0)
		}
		return false, nil
	})
	if err != nil {
		return nil, nil, err
	}
	weights, err := k.rootWeights(ctx, params, netuids)
	if err != nil {
		return nil, nil, err
	}
	if weights == nil {
		weights = started
	}
	for j := range claims {
		claims[j].Root = weights[j]
	}
	return netuids, claims, nil
}

// open tells whether a subnet may be paid: it has started, lets neurons in, and has paid a miner lately or is too young
// to have.
func open(ctx sdk.Context, params types.Params, s subnettypes.Subnet, account *types.Account,
	value func(netuid uint32, name string) int64,
) bool {
	if !s.Started || value(s.Netuid, subnettypes.RegistrationOpen) == 0 {
		return false
	}
	if n := len(account.IncentiveEpochs); n > 0 && account.IncentiveEpochs[n-1]+uint64(params.GateEpochs) >= s.Epoch {
		return true
	}
	// The first weights decide reveal_delay tempos after the first commits at the earliest.
	grace := max(uint64(params.GraceTempos), s.RevealDelay+2) * s.Tempo
	return ctx.BlockHeight() <= s.StartedHeight+int64(grace)
}
