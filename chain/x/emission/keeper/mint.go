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

// BeginBlock pays the parts of dividends that are due, then mints for the time since the last block and divides it among
// the subnets.
func (k *Keeper) BeginBlock(ctx sdk.Context) error {
	params, err := k.params.Get(ctx)
	if err != nil {
		return err
	}
	b, err := k.open(ctx)
	if err != nil {
		return err
	}
	if err := k.payParts(ctx, &b, ctx.BlockHeight()); err != nil {
		return err
	}
	if amount := accrue(&b.ledger, params, ctx.BlockTime(), k.Issuance(ctx)); amount > 0 {
		if err := k.mint(ctx, params, &b, amount); err != nil {
			return err
		}
	}
	return k.close(ctx, b)
}

// accrue advances the ledger's clock to now and returns the rao that have come due where issued exist. The first block
// brings nothing, a block brings at most twice the expected time between blocks, and time never runs backwards.
func accrue(ledger *types.Ledger, params types.Params, now time.Time, issued uint64) uint64 {
	last := ledger.LastBlockUnixNano
	ledger.LastBlockUnixNano = now.UnixNano()
	if last == 0 || ledger.LastBlockUnixNano <= last {
		return 0
	}
	most := 2 * params.BlockMillis * uint64(time.Millisecond)
	dt := min(uint64(ledger.LastBlockUnixNano-last), most)
	due := emission.Accrual{Remainder: ledger.Remainder, Halvings: uint(ledger.Halvings)}
	amount, due := due.Accrue(dt, params.BlockReward, issued, params.Cap)
	ledger.Remainder, ledger.Halvings = due.Remainder, uint32(due.Halvings)
	return amount
}

// mint makes amount rao and books them as pending; the parts of closed subnets and of stake that directs nothing are
// burned at once.
func (k *Keeper) mint(ctx sdk.Context, params types.Params, b *books, amount uint64) error {
	subnets, err := k.markets(ctx)
	if err != nil {
		return err
	}
	if err := k.divide(ctx, params, b, subnets); err != nil {
		return err
	}
	grants, burned := emission.Allocate(amount, params.DemandShare, k.claims(ctx, params, b, subnets), b.ledger.Undirected)
	for j, g := range grants {
		account := b.book.Account(subnets[j].Netuid)
		account.Pending += g.Paid
		account.DemandGranted += g.FromDemand
		account.Burned += g.Withheld
		account.Share = uint32(fixed.Part(emission.Full, g.Paid, amount))
		burned += g.Withheld
	}
	b.ledger.Minted += amount
	b.ledger.Pending += amount - burned
	b.ledger.Burned += burned
	if err := k.bank.MintCoins(ctx, types.ModuleName, network.Coins(amount)); err != nil {
		return err
	}
	if burned == 0 {
		return nil
	}
	return k.bank.BurnCoins(ctx, types.ModuleName, network.Coins(burned))
}

// root is the netuid of no market: it stands for the network as a whole.
const root = 0

// markets lists the subnets by netuid.
func (k *Keeper) markets(ctx sdk.Context) (subnets []subnettypes.Subnet, err error) {
	return subnets, k.subnets.EachSubnet(ctx, func(s subnettypes.Subnet) (bool, error) {
		if s.Netuid != root {
			subnets = append(subnets, s)
		}
		return false, nil
	})
}

// claims lists what every subnet brings to the allocation.
func (k *Keeper) claims(ctx sdk.Context, params types.Params, b *books, subnets []subnettypes.Subnet) []emission.Claim {
	claims := make([]emission.Claim, len(subnets))
	value := k.subnets.Values(ctx)
	for j, s := range subnets {
		account := b.book.Account(s.Netuid)
		claims[j] = emission.Claim{
			Root: account.Root, Demand: account.DemandSmoothed,
			Room: emission.Room(account.DemandBurned, account.DemandGranted), Open: isOpen(ctx, params, s, account, value),
		}
	}
	return claims
}

// isOpen tells whether a subnet may be paid: it has started, lets neurons in, and has paid a miner lately or is too young
// to have.
func isOpen(ctx sdk.Context, params types.Params, s subnettypes.Subnet, account *types.Account,
	value func(netuid uint32, name string) int64,
) bool {
	if !s.Started || s.Shut || value(s.Netuid, subnettypes.RegistrationOpen) == 0 {
		return false
	}
	if n := len(account.IncentiveEpochs); n > 0 && account.IncentiveEpochs[n-1]+uint64(params.GateEpochs) >= s.Epoch {
		return true
	}
	return inGrace(ctx, params, s)
}

// inGrace tells whether a subnet is too young to have paid a miner: the first weights decide reveal_delay tempos after
// the first commits at the earliest.
func inGrace(ctx sdk.Context, params types.Params, s subnettypes.Subnet) bool {
	grace := max(uint64(params.GraceTempos), s.RevealDelay+2) * s.Tempo
	return ctx.BlockHeight() <= s.StartedHeight+int64(grace)
}
