package yumatest

import (
	"crypto/sha256"
	"errors"

	sdkmath "cosmossdk.io/math"

	sdked25519 "github.com/cosmos/cosmos-sdk/crypto/keys/ed25519"
	sdk "github.com/cosmos/cosmos-sdk/types"
	stakingkeeper "github.com/cosmos/cosmos-sdk/x/staking/keeper"
	stakingtypes "github.com/cosmos/cosmos-sdk/x/staking/types"

	"agora/chain/network"
	emissiontypes "agora/chain/x/emission/types"
	subnettypes "agora/chain/x/subnet/types"
	yumatypes "agora/chain/x/yuma/types"
)

// Open creates and starts a subnet for owner and returns its netuid.
func (m *Market) Open(owner, name string) uint32 {
	m.Helper()
	return m.OpenFor(owner, name, subnettypes.Mechanism{Id: "exact"})
}

// OpenFor is Open with another mechanism.
func (m *Market) OpenFor(owner, name string, mechanism subnettypes.Mechanism) uint32 {
	m.Helper()
	lock, err := m.Subnet.CreatePrice(m.Ctx)
	m.Must(err)
	subnet, err := m.Subnet.Create(m.Ctx, m.Fund(owner, lock), name, mechanism, subnettypes.Identity{}, 0)
	m.Must(err)
	m.Govern(subnet.Netuid, subnettypes.Tempo, Tempo)
	m.Govern(subnet.Netuid, subnettypes.RevealDelay, 1)
	m.Must(m.Subnet.Start(m.Ctx, Address(owner).String(), subnet.Netuid))
	return subnet.Netuid
}

// Govern sets a hyperparameter by proposal.
func (m *Market) Govern(netuid uint32, name string, value int64) {
	m.Helper()
	m.Must(m.Subnet.SetParameter(m.Ctx, m.Authority, netuid, name, value))
}

// Register takes a free place for owner with the hot key called hot, and pays for it.
func (m *Market) Register(owner string, netuid uint32, hot string) (uid uint32) {
	m.Helper()
	price, err := m.Subnet.RegisterPrice(m.Ctx, netuid)
	m.Must(err)
	seat, err := m.TryRegister(owner, netuid, hot, price)
	m.Must(err)
	if seat.Bid {
		m.Fatalf("netuid %d is full", netuid)
	}
	return seat.Uid
}

// Bid offers rao for a seat of a full subnet.
func (m *Market) Bid(owner string, netuid uint32, hot string, rao uint64) {
	m.Helper()
	seat, err := m.TryRegister(owner, netuid, hot, rao)
	m.Must(err)
	if !seat.Bid {
		m.Fatalf("netuid %d is not full: %s sits at uid %d", netuid, owner, seat.Uid)
	}
}

// TryRegister registers for owner, who is given the most that he pays, and returns the market's answer.
func (m *Market) TryRegister(owner string, netuid uint32, hot string, most uint64) (seat subnettypes.MsgRegisterResponse, err error) {
	m.Helper()
	account, expiry := m.Fund(owner, most), m.Ctx.BlockHeight()+100
	claim := subnettypes.Claim{
		HotKey: Public(HotKey(hot)), Expiry: expiry,
		Proof: subnettypes.SignProof(HotKey(hot), ChainID, netuid, account, expiry),
	}
	return seat, m.Try(func(ctx sdk.Context) error {
		seat, err = m.Subnet.Register(ctx, account, netuid, claim, most)
		return err
	})
}

// Miners registers n miners stem0, stem1, … in netuid, each with an owner of its own by the same name.
func (m *Market) Miners(netuid uint32, stem string, n int) []string {
	m.Helper()
	all := names(stem, n)
	for _, name := range all {
		m.Register(name, netuid, name)
	}
	return all
}

// Rotate gives the neuron at uid the hot key called hot.
func (m *Market) Rotate(owner string, netuid, uid uint32, hot string) {
	m.Helper()
	account, expiry := Address(owner).String(), m.Ctx.BlockHeight()+100
	m.Must(m.Subnet.Rotate(m.Ctx, account, netuid, uid, subnettypes.Claim{
		HotKey: Public(HotKey(hot)), Expiry: expiry,
		Proof: subnettypes.SignProof(HotKey(hot), ChainID, netuid, account, expiry),
	}))
}

// consensusKey is a validator's.
func consensusKey(name string) *sdked25519.PubKey {
	return &sdked25519.PubKey{Key: Public(HotKey("consensus/" + name))}
}

// ConsensusAddress is a validator's.
func ConsensusAddress(name string) sdk.ConsAddress {
	return sdk.ConsAddress(consensusKey(name).Address())
}

// Validate makes a player a bonded validator with rao of stake and 10 % commission.
func (m *Market) Validate(name string, rao uint64) {
	m.Helper()
	m.Fund(name, rao)
	m.Bond(Address(name), name, rao)
}

// Bond makes an account a validator called name with rao of its own and 10 % commission.
func (m *Market) Bond(account sdk.AccAddress, name string, rao uint64) {
	m.Helper()
	operator := sdk.ValAddress(account)
	tenth := sdkmath.LegacyNewDecWithPrec(1, 1)
	msg, err := stakingtypes.NewMsgCreateValidator(operator.String(), consensusKey(name),
		sdk.NewCoin(network.Denom, sdkmath.NewIntFromUint64(rao)), stakingtypes.NewDescription(name, "", "", "", ""),
		stakingtypes.NewCommissionRates(tenth, tenth, tenth), sdkmath.OneInt())
	m.Must(err)
	_, err = stakingkeeper.NewMsgServerImpl(m.Staking).CreateValidator(m.Ctx, msg)
	m.Must(err)
	_, err = m.Staking.BlockValidatorUpdates(m.Ctx)
	m.Must(err)
}

// Jail jails a validator.
func (m *Market) Jail(name string) {
	m.Helper()
	m.Must(m.Staking.Jail(m.Ctx, ConsensusAddress(name)))
	_, err := m.Staking.BlockValidatorUpdates(m.Ctx)
	m.Must(err)
}

// Speak makes a validator's neuron in netuid, with a hot key of the validator's name, its voice.
func (m *Market) Speak(name string, netuid uint32) (uid uint32) {
	m.Helper()
	return m.SpeakAs(name, name, netuid)
}

// SpeakAs is Speak with a hot key called hot. The validator also votes for all subnets alike, if it may.
func (m *Market) SpeakAs(name, hot string, netuid uint32) (uid uint32) {
	m.Helper()
	uid = m.Enter(name, hot, netuid)
	if err := m.Vote(name); !errors.Is(err, emissiontypes.ErrNoVoice) {
		m.Must(err)
	}
	return uid
}

// Enter is SpeakAs without a vote on the division among subnets.
func (m *Market) Enter(name, hot string, netuid uint32) (uid uint32) {
	m.Helper()
	uid = m.Register(name, netuid, hot)
	m.Must(m.Subnet.SetVoice(m.Ctx, Address(name).String(), netuid, uid))
	return uid
}

// Vote votes for all subnets that there are alike.
func (m *Market) Vote(name string) error {
	m.Helper()
	var netuids, weights []uint32
	m.Must(m.Subnet.EachSubnet(m.Ctx, func(s subnettypes.Subnet) (bool, error) {
		if s.Netuid > 0 {
			netuids, weights = append(netuids, s.Netuid), append(weights, 1)
		}
		return false, nil
	}))
	return m.Emission.SetRootWeights(m.Ctx, Address(name).String(), netuids, weights)
}

// Earned is what a validator and its nominators were ever paid and not yet withdrawn, or are still to get, in rao.
func (m *Market) Earned(name string) uint64 {
	m.Helper()
	rewards, err := m.Distribution.GetValidatorOutstandingRewards(m.Ctx, sdk.ValAddress(Address(name)))
	m.Must(err)
	earned := rewards.Rewards.AmountOf(network.Denom).TruncateInt().Uint64()
	waiting, err := m.Emission.Waiting(m.Ctx)
	m.Must(err)
	for _, w := range waiting {
		if w.Operator == Address(name).String() {
			earned += w.Waiting
		}
	}
	return earned
}

// Salt is the salt of every commit in tests.
var Salt = sha256.New().Sum(nil)[:16]

// CommitTo commits the voice called name to weights.
func (m *Market) CommitTo(name string, netuid uint32, uids, weights []uint32) error {
	m.Helper()
	subnet, err := m.Subnet.Subnet(m.Ctx, netuid)
	m.Must(err)
	hash := yumatypes.CommitHash(ChainID, netuid, subnet.Epoch, Public(HotKey(name)), uids, weights, Salt)
	return m.Try(func(ctx sdk.Context) error {
		return m.Yuma.Commit(ctx, HotAccount(name), netuid, subnet.Epoch, hash[:], nil)
	})
}

// Reveal reveals the weights that the voice called name committed to in epoch.
func (m *Market) Reveal(name string, netuid uint32, epoch uint64, uids, weights []uint32) error {
	m.Helper()
	return m.Try(func(ctx sdk.Context) error {
		return m.Yuma.Reveal(ctx, &yumatypes.MsgRevealWeights{
			HotAccount: HotAccount(name), Netuid: netuid, Epoch: epoch, Uids: uids, Weights: weights, Salt: Salt,
		})
	})
}

// Schedule returns the calendar of netuid.
func (m *Market) Schedule(netuid uint32) yumatypes.Schedule {
	m.Helper()
	s, err := m.Yuma.Schedule(m.Ctx, netuid)
	m.Must(err)
	return s
}

// Opinion is what a voice says about uids.
type Opinion struct {
	Voice         string
	Uids, Weights []uint32
}

// NextTempo lets the running tempo of netuid pass.
func (m *Market) NextTempo(netuid uint32) {
	m.Helper()
	for epoch := m.Schedule(netuid).Epoch; m.Schedule(netuid).Epoch == epoch; {
		m.NextBlock()
	}
}

// RunTempo lets one tempo of netuid pass from its first block to the first of the next: voices commit, and those that
// committed to the same in the last tempo reveal it. Any other refusal fails the test.
func (m *Market) RunTempo(netuid uint32, opinions ...Opinion) {
	m.Helper()
	s := m.Schedule(netuid)
	for _, o := range opinions {
		m.Must(m.CommitTo(o.Voice, netuid, o.Uids, o.Weights))
	}
	m.Until(s.RevealFrom)
	if epoch, ok := s.RevealOf(); ok {
		for _, o := range opinions {
			if err := m.Reveal(o.Voice, netuid, epoch, o.Uids, o.Weights); !errors.Is(err, yumatypes.ErrNoCommit) {
				m.Must(err)
			}
		}
	}
	m.NextTempo(netuid)
}
