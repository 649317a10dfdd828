package scenario

import (
	"errors"
	"fmt"

	"cosmossdk.io/collections"
	"cosmossdk.io/math"

	sdk "github.com/cosmos/cosmos-sdk/types"
	distrkeeper "github.com/cosmos/cosmos-sdk/x/distribution/keeper"
	distrtypes "github.com/cosmos/cosmos-sdk/x/distribution/types"
	govv1 "github.com/cosmos/cosmos-sdk/x/gov/types/v1"
	stakingtypes "github.com/cosmos/cosmos-sdk/x/staking/types"

	"agora/chain/network"
	emissiontypes "agora/chain/x/emission/types"
	markettypes "agora/chain/x/market/types"
	subnettypes "agora/chain/x/subnet/types"
	yumakeeper "agora/chain/x/yuma/keeper"
	yumatypes "agora/chain/x/yuma/types"
)

// measures is the table of what can be expected.
func measures() map[string]measure {
	return map[string]measure{
		// of a hot key in the subnet spoken of, as the last epoch that decided left it; `sum` adds up all
		"incentive": column(func(l yumatypes.Uid) uint64 { return uint64(l.Incentive) }, 65_535),
		"dividends": column(func(l yumatypes.Uid) uint64 { return uint64(l.Dividends) }, 65_535),
		"consensus": column(func(l yumatypes.Uid) uint64 { return uint64(l.Consensus) }, 65_535),
		"trust":     column(func(l yumatypes.Uid) uint64 { return uint64(l.ValidatorTrust) }, 65_535),
		"weight":    column(func(l yumatypes.Uid) uint64 { return uint64(l.StakeWeight) }, 65_535),
		"active":    column(func(l yumatypes.Uid) uint64 { return bit(l.Active) }, 1),
		"permit":    column(func(l yumatypes.Uid) uint64 { return bit(l.Permit) }, 1),
		"voice":     column(func(l yumatypes.Uid) uint64 { return bit(l.Voice) }, 1),
		"uid":       column(func(l yumatypes.Uid) uint64 { return uint64(l.Uid) }, 1),
		"earned":    column(func(l yumatypes.Uid) uint64 { return l.Emission }, network.TAO),       // TAO
		"credited":  column(func(l yumatypes.Uid) uint64 { return l.AuthorEmission }, network.TAO), // TAO of it that the author of what it serves got
		"emission":  emissionShare,                                                                 // share of all neurons' emission
		"here":      isHere,                                                                        // has a place in the subnet
		"card":      card,                                                                          // has published a model card
		"owns":      isOwner,                                                                       // KEY: person owns it, as person/KEY

		// of a subnet by name, `it` the one spoken of
		"exists":   exists,
		"price":    ofSubnet(registerPrice), // TAO to register now
		"size":     ofSubnet(func(_ *World, s subnettypes.Subnet) (figure, error) { return whole(s.Size_), nil }),
		"number":   ofSubnet(func(_ *World, s subnettypes.Subnet) (figure, error) { return whole(s.Epoch), nil }),
		"share":    ofAccount(func(a emissiontypes.Account) figure { return whole(a.Share).QuoInt64(65_535) }), // of the last block's mint
		"pending":  ofAccount(func(a emissiontypes.Account) figure { return rao(a.Pending) }),                  // TAO
		"paid":     ofAccount(func(a emissiontypes.Account) figure { return rao(a.PaidOwner + a.PaidMiners + a.PaidValidators) }),
		"burned":   ofAccount(func(a emissiontypes.Account) figure { return rao(a.Burned) }),
		"turnover": turnover(func(t markettypes.Turnover) uint64 { return t.Claimed }), // TAO claimed for work in it, ever
		"demand":   turnover(func(t markettypes.Turnover) uint64 { return t.Burned }),  // TAO of that burned
		"value":    parameter,                                                          // of a hyperparameter by name

		"channel": left, // PAYER/PAYEE: TAO left in it

		"published": published, // MODEL: is listed in the subnet spoken of
		"income":    income,    // of a person as an author in it, in TAO

		// of a person, in TAO
		"balance": balance,
		"rewards": rewards, // waiting, of all delegations
		"take":    take,    // waiting, of the commission
		"worth":   worth,   // all of it: balance, delegations, unbonding, rewards, take

		// of a validator
		"stake":      tokens, // TAO bonded to it
		"bonded":     validator(func(v stakingtypes.Validator) figure { return truth(v.IsBonded()) }),
		"jailed":     validator(func(v stakingtypes.Validator) figure { return truth(v.IsJailed()) }),
		"gateway":    listed(func(p subnettypes.Profile) figure { return truth(p.GatewayUrl != "") }), // is in the directory
		"markup":     listed(func(p subnettypes.Profile) figure { return whole(p.MarkupBps).QuoInt64(10_000) }),
		"spoke":      spoke, // part of the epochs kept in which it revealed, of those in which it might have
		"commission": validator(func(v stakingtypes.Validator) figure { return v.Commission.Rate }),

		// of the chain
		"lock": func(w *World, _ string) (figure, error) {
			l, err := w.App.Subnet.CreatePrice(w.Ctx())
			return rao(l), err
		},
		"supply":   func(w *World, _ string) (figure, error) { return rao(w.App.Emission.Issuance(w.Ctx())), nil },
		"proposal": proposalIs,                                                                       // passed, rejected, failed, voting
		"event":    func(w *World, name string) (figure, error) { return whole(w.heard(name)), nil }, // since the last line that acted
	}
}

func bit(b bool) uint64 {
	if b {
		return 1
	}
	return 0
}

// metagraph is every line of the subnet spoken of.
func (w *World) metagraph() ([]yumatypes.Uid, error) {
	netuid, err := w.netuid()
	if err != nil {
		return nil, err
	}
	res, err := yumakeeper.NewQueryServer(w.App.Yuma).Metagraph(w.Ctx(), &yumatypes.QueryMetagraphRequest{Netuid: netuid})
	if err != nil {
		return nil, err
	}
	return res.Uids, nil
}

// column measures a hot key's column of the metagraph in units of one.
func column(of func(yumatypes.Uid) uint64, one int64) measure {
	return func(w *World, subject string) (figure, error) {
		lines, err := w.metagraph()
		if err != nil {
			return figure{}, err
		}
		total, found := uint64(0), subject == "sum"
		for _, line := range lines {
			if subject == "sum" || string(line.HotKey) == string(Public(subject)) {
				total, found = total+of(line), true
			}
		}
		if !found {
			return figure{}, fmt.Errorf("%s has no place in %s", subject, w.current)
		}
		return math.LegacyNewDecFromInt(math.NewIntFromUint64(total)).QuoInt64(one), nil
	}
}

func emissionShare(w *World, subject string) (figure, error) {
	of := column(func(l yumatypes.Uid) uint64 { return l.Emission }, 1)
	part, err := of(w, subject)
	if err != nil {
		return figure{}, err
	}
	all, err := of(w, "sum")
	if err != nil || all.IsZero() {
		return all, err
	}
	return part.Quo(all), nil
}

func isHere(w *World, key string) (figure, error) {
	_, _, err := w.place(key)
	if errors.Is(err, subnettypes.ErrNoNeuron) {
		return truth(false), nil
	}
	return truth(true), err
}

func exists(w *World, name string) (figure, error) {
	_, err := w.App.Subnet.SubnetNamed(w.Ctx(), name)
	if errors.Is(err, subnettypes.ErrNoSubnet) {
		return truth(false), nil
	}
	return truth(true), err
}

// ofSubnet measures a subnet by name.
func ofSubnet(of func(*World, subnettypes.Subnet) (figure, error)) measure {
	return func(w *World, name string) (figure, error) {
		if name == "it" {
			name = w.current
		}
		s, err := w.App.Subnet.SubnetNamed(w.Ctx(), name)
		if err != nil {
			return figure{}, err
		}
		return of(w, s)
	}
}

func registerPrice(w *World, s subnettypes.Subnet) (figure, error) {
	p, err := w.App.Subnet.RegisterPrice(w.Ctx(), s.Netuid)
	return rao(p), err
}

// ofAccount measures a subnet's part of the emission book.
func ofAccount(of func(emissiontypes.Account) figure) measure {
	return ofSubnet(func(w *World, s subnettypes.Subnet) (figure, error) {
		accounts, err := w.App.Emission.Accounts(w.Ctx())
		for _, a := range accounts {
			if a.Netuid == s.Netuid {
				return of(a), err
			}
		}
		return truth(false), err
	})
}

func parameter(w *World, name string) (figure, error) {
	netuid, err := w.netuid()
	return whole(w.App.Subnet.Value(w.Ctx(), netuid, name)), err
}

func balance(w *World, name string) (figure, error) {
	return inTAO(w.App.Bank.GetBalance(w.Ctx(), Account(name), network.Denom).Amount), nil
}

func rewards(w *World, name string) (figure, error) {
	res, err := distrkeeper.NewQuerier(w.App.Distribution).DelegationTotalRewards(w.Ctx(),
		&distrtypes.QueryDelegationTotalRewardsRequest{DelegatorAddress: Account(name).String()})
	if err != nil {
		return figure{}, err
	}
	return res.Total.AmountOf(network.Denom).QuoInt64(network.TAO), nil
}

func take(w *World, name string) (figure, error) {
	c, err := w.App.Distribution.GetValidatorAccumulatedCommission(w.Ctx(), sdk.ValAddress(Account(name)))
	if errors.Is(err, collections.ErrNotFound) {
		return truth(false), nil
	}
	return c.Commission.AmountOf(network.Denom).QuoInt64(network.TAO), err
}

func worth(w *World, name string) (figure, error) {
	total := truth(false)
	for _, m := range []measure{balance, rewards, take, delegated, unbonding} {
		f, err := m(w, name)
		if err != nil {
			return figure{}, err
		}
		total = total.Add(f)
	}
	return total, nil
}

func delegated(w *World, name string) (figure, error) {
	bonded, err := w.App.Staking.GetDelegatorBonded(w.Ctx(), Account(name))
	return inTAO(bonded), err
}

func unbonding(w *World, name string) (figure, error) {
	amount, err := w.App.Staking.GetDelegatorUnbonding(w.Ctx(), Account(name))
	return inTAO(amount), err
}

// validator measures a validator by its operator's name.
func validator(of func(stakingtypes.Validator) figure) measure {
	return func(w *World, name string) (figure, error) {
		v, err := w.App.Staking.GetValidator(w.Ctx(), sdk.ValAddress(Account(name)))
		if err != nil {
			return figure{}, err
		}
		return of(v), nil
	}
}

// listed measures a validator's entry in the directory by its operator's name.
func listed(of func(subnettypes.Profile) figure) measure {
	return func(w *World, name string) (figure, error) {
		p, err := w.App.Subnet.Profile(w.Ctx(), Account(name).String())
		return of(p), err
	}
}

// spoke is how consistent a validator is, over all subnets.
func spoke(w *World, name string) (figure, error) {
	res, err := yumakeeper.NewQueryServer(w.App.Yuma).Validators(w.Ctx(), &yumatypes.QueryValidatorsRequest{})
	if err != nil {
		return figure{}, err
	}
	for _, v := range res.Validators {
		if v.Operator == Account(name).String() && v.Epochs > 0 {
			return whole(v.Spoken).QuoInt64(int64(v.Epochs)), nil
		}
	}
	return truth(false), nil
}

// card tells whether a neuron of the subnet spoken of describes its model.
func card(w *World, key string) (figure, error) {
	netuid, err := w.netuid()
	if err != nil {
		return figure{}, err
	}
	neuron, err := w.App.Subnet.NeuronOfHotKey(w.Ctx(), netuid, Public(key))
	return truth(neuron.Card != nil), err
}

func tokens(w *World, name string) (figure, error) {
	return validator(func(v stakingtypes.Validator) figure { return inTAO(v.Tokens) })(w, name)
}

func proposalIs(w *World, state string) (figure, error) {
	last, err := w.proposal()
	states := map[string]govv1.ProposalStatus{
		"passed": govv1.StatusPassed, "rejected": govv1.StatusRejected, "failed": govv1.StatusFailed, "voting": govv1.StatusVotingPeriod,
	}
	return truth(last.Status == states[state]), err
}

// isOwner tells of PERSON/KEY whether the person owns the neuron of the key.
func isOwner(w *World, subject string) (figure, error) {
	person, key := cutPair(subject)
	netuid, uid, err := w.place(key)
	if err != nil {
		return figure{}, err
	}
	n, err := w.App.Subnet.Neuron(w.Ctx(), netuid, uid)
	return truth(n.Owner == Account(person).String()), err
}
