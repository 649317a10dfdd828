package localnet

import (
	"cmp"
	"crypto/ed25519"
	"fmt"
	"time"

	cmted25519 "github.com/cometbft/cometbft/crypto/ed25519"

	"github.com/cosmos/cosmos-sdk/crypto/hd"
	"github.com/cosmos/cosmos-sdk/crypto/keyring"
	sdk "github.com/cosmos/cosmos-sdk/types"
	authtypes "github.com/cosmos/cosmos-sdk/x/auth/types"
	genutiltypes "github.com/cosmos/cosmos-sdk/x/genutil/types"

	"agora/chain/app"
	"agora/chain/network"
	emissiontypes "agora/chain/x/emission/types"
	modeltypes "agora/chain/x/model/types"
	subnettypes "agora/chain/x/subnet/types"
)

// The markets of a local network: a contest of open models, one of black boxes, and, where it has models of the store, one that
// serves them. Markets of senses come after them.
const (
	chatNet     = 1
	textNet     = 2
	languageNet = 3

	languageName = "language"
)

// What a local network starts with, in rao. No validator comes near a third of the power, whatever the nominator does.
const (
	validatorStake = 10_000 * network.TAO
	validatorPurse = 100 * network.TAO
	minerPurse     = 1_000 * network.TAO
	nominatorPurse = 1_000 * network.TAO
	consumerPurse  = 100 * network.TAO
	ownerPurse     = 10_000 * network.TAO // opens a subnet and more
	subnetLock     = 1_000 * network.TAO
)

func publicOf(key ed25519.PrivateKey) ed25519.PublicKey { return key.Public().(ed25519.PublicKey) }

// operator is the validator address of name's cold key.
func (k keys) operator(name string) string { return sdk.ValAddress(k.account(name)).String() }

// accountNames lists the cold accounts of the market.
func (p *plan) accountNames() []string {
	names := []string{"nominator", "consumer", "owner", "author", machinesName, demo}
	for i := range p.Validators {
		names = append(names, fmt.Sprintf("validator%d", i))
	}
	for _, m := range p.file.Miners {
		names = append(names, m.Name)
	}
	return names
}

func (p *plan) purse(name string) uint64 {
	switch name {
	case "nominator":
		return nominatorPurse
	case "consumer":
		return consumerPurse
	case "owner", machinesName:
		return ownerPurse
	}
	for i := range p.Validators {
		if name == fmt.Sprintf("validator%d", i) {
			return validatorStake + validatorPurse
		}
	}
	return minerPurse
}

// genesis is the first state: funded accounts, bonded validators, two started subnets in which every validator has a
// voice. Miners register by transaction once the chain runs.
func (p *plan) genesis(a *app.App, now time.Time) (*genutiltypes.AppGenesis, error) {
	g := a.NewGenesis(app.LocalPace)
	for _, name := range p.accountNames() {
		g.Fund(p.keys.account(name), p.purse(name))
	}
	for i := range p.Validators {
		name := fmt.Sprintf("validator%d", i)
		g.Open(subnettypes.HotAccount(publicOf(p.keys.hot(name))))
		consensus := cmted25519.PrivKey(p.keys.node("consensus", name)).PubKey()
		if err := g.Bond(p.file.ChainID, p.keys.cold(name), consensus, name, validatorStake); err != nil {
			return nil, err
		}
	}
	g.Endow(authtypes.NewModuleAddress(subnettypes.ModuleName), uint64(len(p.file.Subnets))*subnetLock)
	app.SetModule(g, subnettypes.ModuleName, func(s *subnettypes.GenesisState) { p.fillSubnets(s, now) })
	models, err := p.models(now)
	if err != nil {
		return nil, err
	}
	app.SetModule(g, modeltypes.ModuleName, func(s *modeltypes.GenesisState) { *s = *models })
	app.SetModule(g, emissiontypes.ModuleName, func(s *emissiontypes.GenesisState) { p.fillVotes(s, now) })
	return g.Document(p.file.ChainID, now)
}

// fillSubnets opens the markets with the validators' neurons, voices and profiles.
func (p *plan) fillSubnets(s *subnettypes.GenesisState, now time.Time) {
	s.Params.MinTempo, s.Params.MaxTempo, s.Params.MinUids = 10, 100, 16
	s.Params.TaskChangeSeconds = 2 * uint64(p.Tempo) // two tempos: a block takes a second
	s.Params.NoticeSeconds = s.Params.TaskChangeSeconds
	purposes := map[uint32]string{
		chatNet:     "Open models, examined in public: short questions with one right answer, and how well a model knows texts of a grammar.",
		textNet:     "Black boxes, judged by their answers alone: what comes next in a text, byte by byte, and how sure the model is of it.",
		languageNet: "Well-known open models, served as they are: nothing is examined, servers are paid for serving.",
	}
	for _, n := range p.file.Subnets {
		purpose := cmp.Or(n.Purpose, purposes[n.NetUID])
		s.Subnets = append(s.Subnets, subnettypes.Subnet{
			Netuid: n.NetUID, Owner: p.keys.account("owner").String(), Name: n.Name,
			Mechanism: n.mechanism(), Identity: subnettypes.Identity{Name: n.Name, Description: purpose}, CreatedHeight: 1, CreatedTime: now,
			Started: true, StartedHeight: 1, Lock: subnetLock, TempoStart: 1 + int64(n.NetUID-1)*p.Tempo/2%p.Tempo, Size_: uint32(p.Validators),
		})
		for name, value := range p.values(n) {
			s.Values = append(s.Values, subnettypes.SubnetValue{Netuid: n.NetUID, Value: subnettypes.Value{Name: name, Value: value}})
		}
		for i := range p.Validators {
			name := fmt.Sprintf("validator%d", i)
			owner := p.keys.account(name).String()
			s.Neurons = append(s.Neurons, subnettypes.Neuron{
				Netuid: n.NetUID, Uid: uint32(i), HotKey: publicOf(p.keys.hot(name)), Owner: owner, Registered: 0,
			})
			s.Voices = append(s.Voices, subnettypes.Voice{Netuid: n.NetUID, Operator: owner, Uid: uint32(i)})
		}
	}
	for i := range p.Validators {
		s.Profiles = append(s.Profiles, subnettypes.Profile{
			Operator:   p.keys.account(fmt.Sprintf("validator%d", i)).String(),
			Addresses:  []string{fmt.Sprintf("%s:%d", host, p.file.Ports.Wire[i])},
			GatewayUrl: p.file.Gateways[i].URL, MarkupBps: markup, Identity: subnettypes.Identity{Name: fmt.Sprintf("validator%d", i)},
		})
	}
	s.NextNetuid = uint32(len(p.file.Subnets)) + 1
}

// values are a market's parameters where they are not the defaults.
func (p *plan) values(n Subnet) map[string]int64 {
	v := map[string]int64{subnettypes.Tempo: p.Tempo, subnettypes.RevealDelay: 1}
	if n.NetUID == chatNet || n.Name == languageName {
		v[subnettypes.Openness] = 1
	}
	if n.NetUID == chatNet {
		v[subnettypes.AuthorShare] = authorShare
		v[subnettypes.ExamItems] = itemsPerTempo * 360 / p.Tempo
	}
	return v
}

// fillVotes gives all markets equal root weight.
func (p *plan) fillVotes(s *emissiontypes.GenesisState, now time.Time) {
	for i := range p.Validators {
		v := emissiontypes.RootVote{Operator: p.keys.account(fmt.Sprintf("validator%d", i)).String(), CastUnixNano: now.UnixNano()}
		for _, n := range p.file.Subnets {
			v.Netuids, v.Weights = append(v.Netuids, n.NetUID), append(v.Weights, 65535)
		}
		s.Votes = append(s.Votes, v)
	}
}

// fillKeyring puts the demonstration accounts into HOME's test keyring, where `agora tx --from NAME` finds them.
func (p *plan) fillKeyring(a *app.App) error {
	ring, err := keyring.New(sdk.KeyringServiceName(), keyring.BackendTest, p.Home, nil, a.Codec)
	if err != nil {
		return err
	}
	for _, name := range p.accountNames() {
		if err := ring.ImportPrivKeyHex(name, fmt.Sprintf("%x", p.keys.cold(name).Bytes()), string(hd.Secp256k1Type)); err != nil {
			return fmt.Errorf("keyring: %w", err)
		}
	}
	return nil
}
