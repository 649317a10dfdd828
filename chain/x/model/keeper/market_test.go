package keeper_test

import (
	"crypto/sha256"
	"fmt"
	"testing"

	sdk "github.com/cosmos/cosmos-sdk/types"

	"agora/chain/network"
	"agora/chain/x/model/keeper"
	"agora/chain/x/model/types"
	subnettypes "agora/chain/x/subnet/types"
	"agora/chain/x/yuma/yumatest"
)

const tao = network.TAO

// market is an open subnet on real keepers, owned by alice.
type market struct {
	*yumatest.Market
	netuid uint32
}

func open(t testing.TB) *market {
	m := yumatest.NewWith(t, func(p *subnettypes.Params) { p.NoticeSeconds = 600 })
	netuid := m.Open("alice", "open")
	m.Govern(netuid, subnettypes.Openness, 1)
	return &market{m, netuid}
}

// digest names some weights.
func digest(name string) string { return fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(name))) }

// salt is the author's for a model.
func salt(author, model string) []byte {
	sum := sha256.Sum256([]byte(author + "/" + model))
	return sum[:16]
}

// commit commits a funded author to a model.
func (m *market) commit(author, model string) error {
	m.Fund(author, 3*tao)
	hash := types.CommitHash(yumatest.ChainID, m.netuid, yumatest.Address(author).String(), digest(model), salt(author, model))
	return m.Try(func(ctx sdk.Context) error {
		_, err := m.Model.Commit(ctx, yumatest.Address(author).String(), m.netuid, hash[:], 0)
		return err
	})
}

// publication is what publish sends, good unless it is changed.
func (m *market) publication(author, model string) *types.MsgPublishModel {
	return &types.MsgPublishModel{
		Author: yumatest.Address(author).String(), Netuid: m.netuid, Digest: digest(model), Salt: salt(author, model), Name: model,
		Licence: "MIT", Format: types.GGUF, Bytes: 100_000_000, Parameters: 50_000_000, Sources: []string{"https://example.org/" + model},
	}
}

func (m *market) send(msg *types.MsgPublishModel) error {
	return m.Try(func(ctx sdk.Context) error {
		_, err := keeper.NewMsgServer(m.Model).PublishModel(ctx, msg)
		return err
	})
}

func (m *market) publish(author, model string) error { return m.send(m.publication(author, model)) }

// blocks lets n blocks pass.
func (m *market) blocks(n int64) { m.Until(m.Ctx.BlockHeight() + n) }

// make commits to a model and publishes it.
func (m *market) make(author, model string) {
	m.Helper()
	m.Must(m.commit(author, model))
	m.blocks(types.LeastWait)
	m.Must(m.publish(author, model))
}

func (m *market) model(name string) types.Model {
	m.Helper()
	model, err := m.Model.Model(m.Ctx, m.netuid, digest(name))
	m.Must(err)
	return model
}

// serve sets the card of a miner.
func (m *market) serve(miner, model string) error {
	card := subnettypes.ModelCard{
		Name: model, Licence: "MIT", Input: "text", Output: "text", Digest: digest(model), PriceIn: 1_000, PriceOut: 2_000,
	}
	return m.Try(func(ctx sdk.Context) error { return m.Subnet.SetModel(ctx, yumatest.HotAccount(miner), m.netuid, card) })
}

// holds fails unless every invariant does.
func (m *market) holds() {
	m.Helper()
	for _, i := range m.Model.Invariants() {
		if err := i.Check(m.Ctx); err != nil {
			m.Fatalf("%s: %v", i.Name, err)
		}
	}
	for _, i := range m.Yuma.Invariants() {
		if err := i.Check(m.Ctx); err != nil {
			m.Fatalf("%s: %v", i.Name, err)
		}
	}
	m.CheckMoney()
}
