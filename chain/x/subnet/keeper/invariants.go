package keeper

import (
	"bytes"
	"errors"
	"fmt"

	"cosmossdk.io/collections"
	"cosmossdk.io/math"

	sdk "github.com/cosmos/cosmos-sdk/types"
	authtypes "github.com/cosmos/cosmos-sdk/x/auth/types"

	"agora/chain/network"
	"agora/chain/x/subnet/types"
)

// Invariant is a statement about the whole state: nil where it holds.
type Invariant struct {
	Name  string
	Check func(sdk.Context) error
}

// Invariants lists what holds after every block. balance is the module account's balance in rao.
func (k *Keeper) Invariants(balance func(sdk.Context) uint64) []Invariant {
	return []Invariant{
		{"the module holds exactly the locks and the bids", func(ctx sdk.Context) error { return k.checkFunds(ctx, math.NewIntFromUint64(balance(ctx))) }},
		{"names lead to their subnets", k.checkNames},
		{"uids are dense and sizes true", k.checkUids},
		{"a hot key has one owner and one place per subnet", k.checkHotKeys},
		{"a hot key's account owns no neuron and no subnet", k.checkHotAccounts},
		{"no neuron is safe from a change of seats for too long", k.checkImmunity},
		{"a voice belongs to its operator", k.checkVoices},
		{"every address is spelled in one way, so that an operator has one voice", k.checkSpelling},
		{"parameters are within bounds", k.checkValues},
		{"standings fit their subnets, free messages are of keys that are in them", k.checkStandings},
		{"owners are listed with their neurons", k.checkOwners},
		{"what waits is due to somebody", k.checkWaiting},
		{"bids wait in started subnets, one per hot key", k.checkBids},
	}
}

func (k *Keeper) checkFunds(ctx sdk.Context, balance math.Int) error {
	owed, err := k.owed(ctx)
	if err == nil && !owed.Equal(balance) {
		return fmt.Errorf("locks and bids are %s rao, the module holds %s", owed, balance)
	}
	return err
}

// owed is what the module holds for others, in rao: locks, those of subnets dissolved young among them, and bids.
func (k *Keeper) owed(ctx sdk.Context) (math.Int, error) {
	sum := math.ZeroInt()
	err := k.EachSubnet(ctx, func(s types.Subnet) (bool, error) {
		sum = sum.Add(math.NewIntFromUint64(s.Lock))
		return false, nil
	})
	if err != nil {
		return sum, err
	}
	err = k.held.Walk(ctx, nil, func(_ collections.Pair[int64, uint32], l types.HeldLock) (bool, error) {
		sum = sum.Add(math.NewIntFromUint64(l.Amount))
		return false, nil
	})
	if err != nil {
		return sum, err
	}
	return sum, k.bids.Walk(ctx, nil, func(_ collections.Pair[uint32, uint64], b types.Bid) (bool, error) {
		sum = sum.Add(math.NewIntFromUint64(b.Amount))
		return false, nil
	})
}

// CheckFunds tells whether the module's account holds the locks and bids, as a genesis must see to.
func (k *Keeper) CheckFunds(ctx sdk.Context) error {
	held := k.bank.GetBalance(ctx, authtypes.NewModuleAddress(types.ModuleName), network.Denom).Amount
	owed, err := k.owed(ctx)
	if err == nil && held.LT(owed) {
		err = fmt.Errorf("%w: locks and bids are %s rao, the module's account holds %s", types.ErrInvalid, owed, held)
	}
	return err
}

// checkBids leaves out their number: where governance lowers max_uids, the next change of seats settles what is too many.
func (k *Keeper) checkBids(ctx sdk.Context) error {
	seen := map[string]bool{}
	return k.bids.Walk(ctx, nil, func(key collections.Pair[uint32, uint64], b types.Bid) (bool, error) {
		subnet, err := k.Subnet(ctx, key.K1())
		if err == nil {
			err = b.CheckFits(subnet)
		}
		who := fmt.Sprintf("%d/%x", b.Netuid, b.HotKey)
		if err == nil && (b.Netuid != key.K1() || b.Number != key.K2() || seen[who]) {
			err = fmt.Errorf("bid %d of netuid %d is stored at %v, or its hot key has two", b.Number, b.Netuid, key)
		}
		seen[who] = true
		return err != nil, err
	})
}

func (k *Keeper) checkNames(ctx sdk.Context) error {
	book, err := k.book.Get(ctx)
	if err != nil {
		return err
	}
	names := 0
	err = k.names.Walk(ctx, nil, func(name string, netuid uint32) (bool, error) {
		names++
		subnet, err := k.Subnet(ctx, netuid)
		if err == nil && (subnet.Name != name || netuid == 0 || netuid >= book.NextNetuid) {
			err = fmt.Errorf("name %s leads to netuid %d called %s, next netuid %d", name, netuid, subnet.Name, book.NextNetuid)
		}
		return err != nil, err
	})
	if err != nil {
		return err
	}
	return k.EachSubnet(ctx, func(types.Subnet) (bool, error) {
		if names--; names < 0 {
			return true, fmt.Errorf("there are more subnets than names")
		}
		return false, nil
	})
}

func (k *Keeper) checkUids(ctx sdk.Context) error {
	next := map[uint32]uint32{}
	err := k.neurons.Walk(ctx, nil, func(key pair, n types.Neuron) (bool, error) {
		if n.Netuid != key.K1() || n.Uid != key.K2() || n.Uid != next[n.Netuid] {
			return true, fmt.Errorf("netuid %d: uid %d is stored at %v, want %d", n.Netuid, n.Uid, key, next[n.Netuid])
		}
		next[n.Netuid]++
		return false, nil
	})
	if err != nil {
		return err
	}
	counted := 0
	err = k.EachSubnet(ctx, func(s types.Subnet) (bool, error) {
		if s.Size_ != next[s.Netuid] {
			return true, fmt.Errorf("netuid %d has %d neurons and says %d", s.Netuid, next[s.Netuid], s.Size_)
		}
		if s.Size_ > 0 {
			counted++
		}
		return false, nil
	})
	if err == nil && counted != len(next) {
		return fmt.Errorf("neurons are in %d netuids, %d of them exist", len(next), counted)
	}
	return err
}

func (k *Keeper) checkHotKeys(ctx sdk.Context) error {
	owners := map[string]string{}
	places := 0
	err := k.neurons.Walk(ctx, nil, func(_ pair, n types.Neuron) (bool, error) {
		places++
		key := string(n.HotKey)
		if owner, ok := owners[key]; ok && owner != n.Owner {
			return true, fmt.Errorf("hot key %x belongs to %s and %s", n.HotKey, owner, n.Owner)
		}
		owners[key] = n.Owner
		if found, err := k.NeuronOfHotKey(ctx, n.Netuid, n.HotKey); err != nil || found.Uid != n.Uid {
			return true, errors.Join(err, fmt.Errorf("hot key %x leads to uid %d of netuid %d, want %d", n.HotKey, found.Uid, n.Netuid, n.Uid))
		}
		signs, found := k.HotAccountKey(ctx, types.HotAccount(n.HotKey))
		if !found || !bytes.Equal(signs, n.HotKey) {
			return true, fmt.Errorf("the account of hot key %x is not known", n.HotKey)
		}
		return false, nil
	})
	if err != nil {
		return err
	}
	if err := sameCount(ctx, k.hotKeys, places); err != nil {
		return fmt.Errorf("hot keys: %w", err)
	}
	if err := sameCount(ctx, k.hotAccounts, len(owners)); err != nil {
		return fmt.Errorf("hot accounts: %w", err)
	}
	return nil
}

// checkHotAccounts looks at what a program's key would own. Coins that somebody sent to its account do not count: they lie
// there until the key is no neuron's any more.
func (k *Keeper) checkHotAccounts(ctx sdk.Context) error {
	cold := func(owner string) error {
		address, err := sdk.AccAddressFromBech32(owner)
		if err != nil {
			return err
		}
		if _, hot := k.HotAccountKey(ctx, address); hot {
			return fmt.Errorf("%s is a hot key's account", owner)
		}
		return nil
	}
	err := k.EachSubnet(ctx, func(s types.Subnet) (bool, error) {
		if err := cold(s.Owner); err != nil {
			return true, fmt.Errorf("the owner of netuid %d: %w", s.Netuid, err)
		}
		return false, nil
	})
	if err != nil {
		return err
	}
	return k.neurons.Walk(ctx, nil, func(_ pair, n types.Neuron) (bool, error) {
		if err := cold(n.Owner); err != nil {
			return true, fmt.Errorf("the owner of uid %d of netuid %d: %w", n.Uid, n.Netuid, err)
		}
		return false, nil
	})
}

// checkImmunity holds the bound on judged_from that keeps seats within reach of others.
func (k *Keeper) checkImmunity(ctx sdk.Context) error {
	most := ctx.BlockHeight() + mostJudging
	return k.neurons.Walk(ctx, nil, func(_ pair, n types.Neuron) (bool, error) {
		if n.JudgedFrom < 0 || n.JudgedFrom > most || n.Registered > ctx.BlockHeight() {
			return true, fmt.Errorf("uid %d of netuid %d, registered at height %d, is safe until height %d, want at most %d",
				n.Uid, n.Netuid, n.Registered, n.JudgedFrom, most)
		}
		return false, nil
	})
}

func (k *Keeper) checkVoices(ctx sdk.Context) error {
	voices := 0
	err := k.voices.Walk(ctx, nil, func(key pair, v types.Voice) (bool, error) {
		voices++
		n, err := k.Neuron(ctx, key.K1(), key.K2())
		if err != nil {
			return true, err
		}
		uid, err := k.operators.Get(ctx, collections.Join(v.Netuid, v.Operator))
		if err != nil || uid != v.Uid || n.Owner != v.Operator {
			return true, errors.Join(err, fmt.Errorf("voice uid %d of netuid %d: owner %s, operator %s with uid %d",
				v.Uid, v.Netuid, n.Owner, v.Operator, uid))
		}
		return false, nil
	})
	if err != nil {
		return err
	}
	return sameCount(ctx, k.operators, voices)
}

// checkSpelling looks at every stored address. Voices are counted by the bytes of their operators besides.
func (k *Keeper) checkSpelling(ctx sdk.Context) error {
	err := k.EachSubnet(ctx, func(s types.Subnet) (bool, error) {
		err := types.CheckSpelling("owner", s.Owner)
		return err != nil, err
	})
	if err != nil {
		return err
	}
	err = k.neurons.Walk(ctx, nil, func(_ pair, n types.Neuron) (bool, error) {
		err := types.CheckSpelling("owner", n.Owner)
		if err == nil && n.NewOwner != "" {
			err = types.CheckSpelling("new owner", n.NewOwner)
		}
		return err != nil, err
	})
	if err != nil {
		return err
	}
	err = k.profiles.Walk(ctx, nil, func(operator string, p types.Profile) (bool, error) {
		err := types.CheckSpelling("operator", operator)
		if err == nil && p.Operator != operator {
			err = fmt.Errorf("the profile of %s is stored at %s", p.Operator, operator)
		}
		return err != nil, err
	})
	if err != nil {
		return err
	}
	return k.checkOperators(ctx)
}

func (k *Keeper) checkOperators(ctx sdk.Context) error {
	speaks := map[string]bool{}
	return k.voices.Walk(ctx, nil, func(_ pair, v types.Voice) (bool, error) {
		operator, err := sdk.AccAddressFromBech32(v.Operator)
		if err != nil {
			return true, err
		}
		key := fmt.Sprintf("%d/%x", v.Netuid, operator.Bytes())
		if speaks[key] {
			return true, fmt.Errorf("%s has two voices in netuid %d", operator, v.Netuid)
		}
		speaks[key] = true
		err = types.CheckSpelling("operator", v.Operator)
		return err != nil, err
	})
}

// checkValues looks for values of subnets that are gone, of parameters that do not exist, and out of the table's reach.
// A value may be older than the bounds that governance moves.
func (k *Keeper) checkValues(ctx sdk.Context) error {
	return k.values.Walk(ctx, nil, func(key collections.Pair[uint32, string], v types.Value) (bool, error) {
		if _, err := k.Subnet(ctx, key.K1()); err != nil {
			return true, err
		}
		row, err := k.row(ctx, v.Name)
		if err == nil {
			err = v.CheckFits(row)
		}
		return err != nil, err
	})
}

func (k *Keeper) checkStandings(ctx sdk.Context) error {
	err := k.standings.Walk(ctx, nil, func(netuid uint32, s types.Standing) (bool, error) {
		subnet, err := k.Subnet(ctx, netuid)
		if err == nil {
			err = s.CheckFits(subnet)
		}
		return err != nil, err
	})
	if err != nil {
		return err
	}
	return k.slots.Walk(ctx, nil, func(key triple, s types.Slot) (bool, error) {
		subnet, err := k.Subnet(ctx, key.K1())
		if err == nil {
			err = s.CheckFits(subnet)
		}
		if err == nil && (s.Netuid != key.K1() || !bytes.Equal(s.HotKey, key.K2()) || s.Kind != key.K3()) {
			err = fmt.Errorf("slots of kind %d of hot key %x in netuid %d are stored at %v", s.Kind, s.HotKey, s.Netuid, key)
		}
		if err == nil {
			_, err = k.NeuronOfHotKey(ctx, s.Netuid, s.HotKey)
		}
		return err != nil, err
	})
}

// sameCount fails unless m has want entries.
func sameCount[K, V any](ctx sdk.Context, m collections.Map[K, V], want int) error {
	have := 0
	err := m.Walk(ctx, nil, func(K, V) (bool, error) {
		have++
		return false, nil
	})
	if err == nil && have != want {
		return fmt.Errorf("%d entries, want %d", have, want)
	}
	return err
}
