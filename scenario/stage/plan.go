package stage

import (
	"cmp"
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"time"

	cmted25519 "github.com/cometbft/cometbft/crypto/ed25519"

	"github.com/cosmos/cosmos-sdk/crypto/keys/secp256k1"
	sdk "github.com/cosmos/cosmos-sdk/types"
	authtypes "github.com/cosmos/cosmos-sdk/x/auth/types"
	genutiltypes "github.com/cosmos/cosmos-sdk/x/genutil/types"

	"agora/chain/app"
	"agora/chain/network"
	emissiontypes "agora/chain/x/emission/types"
	modeltypes "agora/chain/x/model/types"
	subnettypes "agora/chain/x/subnet/types"
)

// Plan says what is there when the chain starts. Validator i is the owner of uid i in every subnet and its voice;
// the miners have the uids after them.
type Plan struct {
	ChainID     string
	Validators  int
	Miners      int // in every subnet
	Subnets     []Subnet
	Tempo       int64 // blocks, from 10
	RevealDelay int64 // tempos, from 1
	MaxUids     int64 // of each subnet, from 16; 0 is the default
	Purse       int64 // TAO that everybody has; 0 is 1,000
}

// Subnet is a market of the plan, started at genesis; the first has netuid 1.
type Subnet struct {
	Name   string
	Family string
	Digest string // of the module, "sha256:<hex>", where the family is "wasm"

	// Models are public here, as nobody's: the market is open. Where the family is "serve" they are served, each with the same part, else
	// they are examined.
	Models []modeltypes.Model
	Items  int64                   // of an examination per 360 blocks; 0 is the default
	Cards  []subnettypes.ModelCard // of its miners, as far as they have one
}

// What everybody starts with, in rao.
const (
	stake      = 10_000 * network.TAO
	subnetLock = 1_000 * network.TAO
)

func secret(kind string, i int) []byte {
	sum := sha256.Sum256(fmt.Appendf(nil, "stage %s %d", kind, i))
	return sum[:]
}

// ValidatorKey is the cold key of validator i.
func ValidatorKey(i int) *secp256k1.PrivKey {
	return secp256k1.GenPrivKeyFromSecret(secret("validator", i))
}

// MinerKey is the cold key of miner i.
func MinerKey(i int) *secp256k1.PrivKey { return secp256k1.GenPrivKeyFromSecret(secret("miner", i)) }

// ValidatorHot is the hot key of validator i's voices.
func ValidatorHot(i int) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(secret("validator hot", i))
}

// MinerHot is the hot key of miner i in the subnet netuid.
func MinerHot(netuid uint32, i int) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(secret(fmt.Sprintf("miner hot %d", netuid), i))
}

// Address is the account of a cold key.
func Address(key *secp256k1.PrivKey) string { return sdk.AccAddress(key.PubKey().Address()).String() }

func account(key *secp256k1.PrivKey) sdk.AccAddress { return sdk.AccAddress(key.PubKey().Address()) }

func hotAccount(key ed25519.PrivateKey) sdk.AccAddress {
	return subnettypes.HotAccount(key.Public().(ed25519.PublicKey))
}

func consensusKey(i int) cmted25519.PrivKey {
	return cmted25519.PrivKey(ed25519.NewKeyFromSeed(secret("consensus", i)))
}

func (p Plan) consensusAddress(i int) []byte { return consensusKey(i).PubKey().Address() }

// purse is what everybody has beside what is bonded, in rao.
func (p Plan) purse() uint64 { return uint64(cmp.Or(p.Purse, 1_000)) * network.TAO }

func (p Plan) genesis(a *app.App, now time.Time) (*genutiltypes.AppGenesis, error) {
	g := a.NewGenesis(app.LocalPace)
	for i := range p.Validators {
		g.Fund(account(ValidatorKey(i)), stake+p.purse())
		g.Open(hotAccount(ValidatorHot(i)))
		if err := g.Bond(p.ChainID, ValidatorKey(i), consensusKey(i).PubKey(), fmt.Sprintf("validator%d", i), stake); err != nil {
			return nil, err
		}
	}
	for i := range p.Miners {
		g.Fund(account(MinerKey(i)), p.purse())
		for k := range p.Subnets {
			g.Open(hotAccount(MinerHot(uint32(k+1), i)))
		}
	}
	g.Endow(authtypes.NewModuleAddress(subnettypes.ModuleName), uint64(len(p.Subnets))*subnetLock)
	app.SetModule(g, subnettypes.ModuleName, func(s *subnettypes.GenesisState) { p.fillSubnets(s, now) })
	app.SetModule(g, modeltypes.ModuleName, p.fillModels)
	app.SetModule(g, emissiontypes.ModuleName, func(s *emissiontypes.GenesisState) { p.fillVotes(s, now) })
	return g.Document(p.ChainID, now)
}

func (p Plan) fillSubnets(s *subnettypes.GenesisState, now time.Time) {
	s.Params.MinTempo, s.Params.MaxTempo = 10, 100
	for k, n := range p.Subnets {
		netuid := uint32(k + 1)
		s.Subnets = append(s.Subnets, subnettypes.Subnet{
			Netuid: netuid, Owner: Address(ValidatorKey(0)), Name: n.Name, Mechanism: subnettypes.Mechanism{Id: n.Family, Digest: n.Digest},
			CreatedHeight: 1, CreatedTime: now, Started: true, StartedHeight: 1, Lock: subnetLock, TempoStart: 1,
			Tempo: uint64(p.Tempo), Size_: uint32(p.Validators + p.Miners),
		})
		values := map[string]int64{subnettypes.Tempo: p.Tempo, subnettypes.RevealDelay: p.RevealDelay}
		if len(n.Models) > 0 {
			values[subnettypes.Openness] = 1
		}
		if n.Items > 0 {
			values[subnettypes.ExamItems] = n.Items
		}
		if p.MaxUids > 0 {
			s.Params.MinUids, values[subnettypes.MaxUids] = 16, p.MaxUids
		}
		for name, value := range values {
			s.Values = append(s.Values, subnettypes.SubnetValue{Netuid: netuid, Value: subnettypes.Value{Name: name, Value: value}})
		}
		for i := range p.Validators {
			owner := Address(ValidatorKey(i))
			s.Neurons = append(s.Neurons, subnettypes.Neuron{Netuid: netuid, Uid: uint32(i), HotKey: public(ValidatorHot(i)), Owner: owner})
			s.Voices = append(s.Voices, subnettypes.Voice{Netuid: netuid, Operator: owner, Uid: uint32(i)})
		}
		for i := range p.Miners {
			neuron := subnettypes.Neuron{
				Netuid: netuid, Uid: uint32(p.Validators + i), HotKey: public(MinerHot(netuid, i)), Owner: Address(MinerKey(i)),
			}
			if i < len(n.Cards) {
				neuron.Card = &n.Cards[i]
			}
			s.Neurons = append(s.Neurons, neuron)
		}
	}
	s.NextNetuid = uint32(len(p.Subnets)) + 1
}

// fillModels publishes the models of the open markets, as nobody's.
func (p Plan) fillModels(s *modeltypes.GenesisState) {
	for k, n := range p.Subnets {
		if len(n.Models) == 0 {
			continue
		}
		market := modeltypes.Market{Netuid: uint32(k + 1)}
		for _, m := range n.Models {
			m.Netuid, m.Author, m.Index = market.Netuid, Address(ValidatorKey(0)), s.NextIndex
			s.NextIndex++
			s.Models = append(s.Models, m)
			s.Commons = append(s.Commons, modeltypes.Common{Netuid: market.Netuid, Digest: m.Digest})
			market.Served = append(market.Served, modeltypes.Served{Digest: m.Digest, Part: 1})
		}
		if n.Family == "serve" {
			s.Markets = append(s.Markets, market)
		}
	}
}

func public(key ed25519.PrivateKey) ed25519.PublicKey { return key.Public().(ed25519.PublicKey) }

func (p Plan) fillVotes(s *emissiontypes.GenesisState, now time.Time) {
	for i := range p.Validators {
		v := emissiontypes.RootVote{Operator: Address(ValidatorKey(i)), CastUnixNano: now.UnixNano()}
		for k := range p.Subnets {
			v.Netuids, v.Weights = append(v.Netuids, uint32(k+1)), append(v.Weights, 65535)
		}
		s.Votes = append(s.Votes, v)
	}
}
