package bench

import (
	"cmp"
	"crypto/ed25519"
	"crypto/sha256"
	"fmt"
	"slices"
	"testing"
	"time"

	cmted25519 "github.com/cometbft/cometbft/crypto/ed25519"

	sdked25519 "github.com/cosmos/cosmos-sdk/crypto/keys/ed25519"
	"github.com/cosmos/cosmos-sdk/crypto/keys/secp256k1"
	cryptotypes "github.com/cosmos/cosmos-sdk/crypto/types"
	sdk "github.com/cosmos/cosmos-sdk/types"
	authtypes "github.com/cosmos/cosmos-sdk/x/auth/types"
	genutiltypes "github.com/cosmos/cosmos-sdk/x/genutil/types"

	"agora/chain/app"
	"agora/chain/network"
	subnettypes "agora/chain/x/subnet/types"
	yumatypes "agora/chain/x/yuma/types"
)

const (
	chainID = "agora-bench"
	tempo   = 360
	epoch   = 10 // that runs at genesis
	delay   = 4  // tempos between commit and reveal
	people  = 1_000
)

// market is the genesis of a full network.
type market struct {
	subnets, voices, size int   // size: neurons per subnet, voices included
	start                 int64 // first block of the running tempo
	revealed              bool  // every voice's weights are in force already
	number                map[string]uint64
}

func secret(kind string, i int) []byte {
	sum := sha256.Sum256(fmt.Appendf(nil, "bench\x00%s\x00%d", kind, i))
	return sum[:]
}

func cold(kind string, i int) cryptotypes.PrivKey {
	return secp256k1.GenPrivKeyFromSecret(secret(kind, i))
}

func hot(kind string, i int) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(secret("hot "+kind, i))
}

func public(kind string, i int) []byte { return hot(kind, i).Public().(ed25519.PublicKey) }

func hotSigner(kind string, i int) cryptotypes.PrivKey { return &sdked25519.PrivKey{Key: hot(kind, i)} }

func validatorKey(i int) cmted25519.PrivKey {
	return cmted25519.PrivKey(ed25519.NewKeyFromSeed(secret("consensus", i)))
}

func account(key cryptotypes.PrivKey) sdk.AccAddress { return sdk.AccAddress(key.PubKey().Address()) }

// document is the genesis: as many validators as voices, people with money, and the markets.
func (m *market) document(b testing.TB, a *app.App, at time.Time) *genutiltypes.AppGenesis {
	b.Helper()
	g := a.NewGenesis(app.PublicPace)
	m.number = map[string]uint64{}
	open := func(key cryptotypes.PrivKey, rao uint64) {
		m.number[account(key).String()] = uint64(len(m.number))
		g.Fund(account(key), rao)
	}
	for i := range m.voices {
		open(cold("validator", i), 10_100*network.TAO)
		if err := g.Bond(chainID, cold("validator", i), validatorKey(i).PubKey(), fmt.Sprint("v", i), 10_000*network.TAO); err != nil {
			b.Fatal(err)
		}
	}
	for i := range m.size - m.voices {
		open(cold("miner", i), network.TAO)
	}
	for i := range people {
		open(cold("person", i), 1_000*network.TAO)
	}
	for i := range m.voices {
		key := hotSigner("voice", i)
		m.number[account(key).String()] = uint64(len(m.number))
		g.Open(account(key))
	}
	if m.subnets == 0 {
		return m.seal(b, g, at)
	}
	g.Endow(authtypes.NewModuleAddress(subnettypes.ModuleName), uint64(m.subnets)*1_000*network.TAO)
	app.SetModule(g, subnettypes.ModuleName, func(s *subnettypes.GenesisState) { m.fillSubnets(s, at) })
	app.SetModule(g, yumatypes.ModuleName, m.fillWeights)
	return m.seal(b, g, at)
}

func (m *market) seal(b testing.TB, g *app.Genesis, at time.Time) *genutiltypes.AppGenesis {
	b.Helper()
	doc, err := g.Document(chainID, at)
	if err != nil {
		b.Fatal(err)
	}
	return doc
}

func (m *market) fillSubnets(s *subnettypes.GenesisState, at time.Time) {
	for n := range m.subnets {
		netuid := uint32(n + 1)
		s.Subnets = append(s.Subnets, subnettypes.Subnet{
			Netuid: netuid, Owner: account(cold("person", n%people)).String(), Name: fmt.Sprint("s", netuid),
			Mechanism: subnettypes.Mechanism{Id: "exact"}, CreatedHeight: 1, CreatedTime: at, Started: true, StartedHeight: 1,
			Lock: 1_000 * network.TAO, Epoch: epoch, TempoStart: m.start, Tempo: tempo, Size_: uint32(m.size),
		})
		for uid := range m.size {
			neuron := subnettypes.Neuron{Netuid: netuid, Uid: uint32(uid)}
			if uid < m.voices {
				neuron.HotKey, neuron.Owner = public("voice", uid), account(cold("validator", uid)).String()
				s.Voices = append(s.Voices, subnettypes.Voice{Netuid: netuid, Operator: neuron.Owner, Uid: neuron.Uid})
			} else {
				neuron.HotKey, neuron.Owner = public("miner", uid), account(cold("miner", uid-m.voices)).String()
			}
			s.Neurons = append(s.Neurons, neuron)
		}
	}
	s.NextNetuid = uint32(m.subnets) + 1
}

// weightsOf is what a voice thinks: of all 256 uids, voices included, as a reveal may say it.
func (m *market) weightsOf(voice, netuid int) (uids, weights []uint32) {
	for uid := range m.size {
		uids = append(uids, uint32(uid))
		weights = append(weights, uint32(1+(uid*7_919+voice*31+netuid*17)%65_535))
	}
	return uids, weights
}

func salt(voice int) []byte { return secret("salt", voice)[:16] }

// fillWeights holds the commits that are due to be revealed, or the weights and bonds after that.
func (m *market) fillWeights(s *yumatypes.GenesisState) {
	for n := range m.subnets {
		netuid := uint32(n + 1)
		for voice := range m.voices {
			uids, weights := m.weightsOf(voice, n+1)
			if m.revealed {
				row := yumatypes.Row{
					Netuid: netuid, Uid: uint32(voice), Operator: operator(voice), Entries: pack(uids, weights), CommitHeight: 1, Epoch: epoch,
				}
				s.Weights = append(s.Weights, row)
				row.CommitHeight, row.Height = 0, 1
				s.Bonds = append(s.Bonds, row)
				continue
			}
			key := public("voice", voice)
			hash := yumatypes.CommitHash(chainID, netuid, epoch-delay, key, uids, weights, salt(voice))
			s.Commits = append(s.Commits, yumatypes.Commit{
				Netuid: netuid, Uid: uint32(voice), Operator: operator(voice), Epoch: epoch - delay, Hash: hash[:], Height: 0, HotKey: key,
			})
		}
	}
	sortRows(s)
}

// operator is the account behind a voice.
func operator(voice int) string { return account(cold("validator", voice)).String() }

// sortRows puts the tables in the order of their keys, as a genesis has them.
func sortRows(s *yumatypes.GenesisState) {
	byOperator := func(a, b yumatypes.Row) int {
		return cmp.Or(cmp.Compare(a.Netuid, b.Netuid), cmp.Compare(a.Operator, b.Operator))
	}
	slices.SortFunc(s.Weights, byOperator)
	slices.SortFunc(s.Bonds, byOperator)
	slices.SortFunc(s.Commits, func(a, b yumatypes.Commit) int {
		return cmp.Or(cmp.Compare(a.Netuid, b.Netuid), cmp.Compare(a.Operator, b.Operator))
	})
}

// pack is a row of little-endian (uid, weight) pairs.
func pack(uids, weights []uint32) []byte {
	row := make([]byte, 0, 4*len(uids))
	for i, uid := range uids {
		row = append(row, byte(uid), byte(uid>>8), byte(weights[i]), byte(weights[i]>>8))
	}
	return row
}
