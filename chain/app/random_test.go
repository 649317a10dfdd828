package app_test

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math/rand"
	"slices"
	"strings"
	"testing"
	"time"

	abci "github.com/cometbft/cometbft/abci/types"
	cmtproto "github.com/cometbft/cometbft/proto/tendermint/types"

	"cosmossdk.io/log/v2"

	"github.com/cosmos/cosmos-sdk/baseapp"
	"github.com/cosmos/cosmos-sdk/codec/address"
	"github.com/cosmos/cosmos-sdk/crypto/keys/ed25519"
	simtestutil "github.com/cosmos/cosmos-sdk/testutil/sims"
	"github.com/cosmos/cosmos-sdk/testutil/simsx"
	sdk "github.com/cosmos/cosmos-sdk/types"
	simtypes "github.com/cosmos/cosmos-sdk/types/simulation"

	"agora/chain/network"
	subnettypes "agora/chain/x/subnet/types"
	"agora/mechanism/price"
	"agora/scenario"
)

// deck holds factories by weight.
type deck []simsx.SimMsgFactoryX

// Add implements simsx.Registry.
func (d *deck) Add(weight uint32, f simsx.SimMsgFactoryX) {
	for range weight {
		*d = append(*d, f)
	}
}

// random is a chain that random people play on: every block of it is rehearsed message by message on a copy of the state,
// then signed transactions of the same messages go through the application, which must do what the rehearsal did.
type random struct {
	testing.TB
	w       *scenario.World // the chain and what it was asked
	r       *rand.Rand
	ante    sdk.AnteHandler
	people  []simtypes.Account
	deck    deck
	ours    deck // of the deck, what cold keys of our modules' players sign
	comet   comet
	supply  scenario.Supply
	grants  []grant
	watched map[uint64][]string // messages of proposals that are not decided yet

	next    sdk.Context // rehearsal of the next block
	txs     [][]byte
	plays   []string // what each of txs is
	expects []bool   // whether it succeeds

	done    map[string]int // messages carried out
	refused map[string]int // transactions that failed as the rehearsal had foretold
	drawn   int            // operations
	gas     uint64         // that the next transaction asks for, where not the usual
	// settled are, if not nil, the only accounts that sign; nobody opens another.
	settled map[string]bool
}

// newRandom starts a chain for the players of seed.
func newRandom(t testing.TB, seed int64) *random {
	t.Helper()
	w, err := scenario.New()
	must(t, err)
	p := &random{
		TB: t, w: w, r: rand.New(rand.NewSource(seed)), watched: map[uint64][]string{},
		done: map[string]int{}, refused: map[string]int{},
	}
	p.ante, err = w.App.Ante()
	must(t, err)
	p.people = simtypes.RandomAccounts(p.r, 24)
	p.comet.begin(p.start())
	p.deal()
	p.block(0)
	return p
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// rare are messages after which a market needs time: one in so many is played.
var rare = map[string]int{
	"/agora.subnet.v1.MsgDissolveSubnet": 12, "/agora.subnet.v1.MsgCreateSubnet": 6,
	"/agora.subnet.v1.MsgSetParameter": 4, "/agora.pause.v1.MsgPause": 2,
}

// deal makes the deck of every module that can be simulated. Money and stake move less often than in the SDK's own
// simulations, so that the market has its turn.
func (p *random) deal() {
	names := slices.Sorted(maps.Keys(p.w.App.Modules.Modules))
	for _, name := range names {
		m, ok := p.w.App.Modules.Modules[name].(interface {
			WeightedOperationsX(simsx.WeightSource, simsx.Registry)
		})
		if !ok {
			continue
		}
		ours := slices.Contains([]string{"subnet", "yuma", "emission", "model", "pause", "market"}, name)
		weigh := simsx.WeightSourceFn(func(_ string, weight uint32) uint32 {
			if ours {
				return weight
			}
			return max(1, weight/12)
		})
		m.WeightedOperationsX(weigh, &p.deck)
		if ours && name != "yuma" {
			m.WeightedOperationsX(weigh, &p.ours)
		}
	}
}

// play makes blocks of operations.
func (p *random) play(blocks, operations int) {
	p.Helper()
	for range blocks {
		p.block(operations)
	}
}

// block rehearses a block, runs it and checks what came of it.
func (p *random) block(operations int) {
	p.Helper()
	req := p.request()
	p.rehearse(req)
	for range operations {
		p.operate()
	}
	req.Txs = p.txs
	ordered := req.Height%10 == 7 // the proposer's order is not the rehearsal's
	if ordered {
		req.Txs = p.proposed(req, p.txs)
	}
	res := p.finish(req)
	if !ordered {
		p.compare(res)
	}
}

// finish runs a block and holds the state after it to every invariant.
func (p *random) finish(req *abci.RequestFinalizeBlock) *abci.ResponseFinalizeBlock {
	p.Helper()
	res, err := p.w.App.FinalizeBlock(req)
	must(p, err)
	_, err = p.w.App.Commit()
	must(p, err)
	p.w.Height, p.w.Now = req.Height, req.Time
	p.w.Blocks, p.w.Hashes = append(p.w.Blocks, req), append(p.w.Hashes, res.AppHash)
	p.comet.update(req.Height, res.ValidatorUpdates)
	p.hearProposals()
	p.check(res)
	return res
}

// proposed is the order in which a proposer of this block puts the transactions.
func (p *random) proposed(req *abci.RequestFinalizeBlock, txs [][]byte) [][]byte {
	res, err := p.w.App.PrepareProposal(&abci.RequestPrepareProposal{
		Height: req.Height, Time: req.Time, Txs: txs, MaxTxBytes: 4 << 20, ProposerAddress: req.ProposerAddress,
	})
	must(p, err)
	return res.Txs
}

// compare holds the block to its rehearsal.
func (p *random) compare(res *abci.ResponseFinalizeBlock) {
	p.Helper()
	for i, r := range res.TxResults {
		if (r.Code == 0) != p.expects[i] {
			p.Fatalf("block %d: %s: success foretold: %t, got code %d: %s", p.w.Height, p.plays[i], p.expects[i], r.Code, r.Log)
		}
		if r.Code == 0 {
			for name := range strings.SplitSeq(p.plays[i], " ") {
				p.done[name]++
			}
		} else {
			p.refused[p.plays[i]]++
		}
	}
}

// check holds the state after a block to every invariant: by day only now and then to those that read all of it.
func (p *random) check(res *abci.ResponseFinalizeBlock) {
	p.Helper()
	ctx := p.w.Ctx()
	if nightly() || p.w.Height%4 == 0 {
		must(p, p.w.App.CheckInvariants(ctx))
	}
	must(p, p.supply.Check(ctx, p.w.App, res))
	for _, e := range res.Events {
		if strings.HasSuffix(e.Type, ".EpochFailed") {
			p.Fatalf("block %d: %s", p.w.Height, e.String())
		}
	}
}

// request is the head of the next block: some seconds later, signed by most, now and then with evidence.
func (p *random) request() *abci.RequestFinalizeBlock {
	height := p.w.Height + 1
	hash := sha256.Sum256(binary.BigEndian.AppendUint64([]byte("random"), uint64(height)))
	at := p.w.Now.Add(time.Duration(1+p.r.Intn(10_000)) * time.Millisecond)
	return &abci.RequestFinalizeBlock{
		Height: height, Time: at, Hash: hash[:], ProposerAddress: p.comet.proposer(height),
		DecidedLastCommit: p.comet.commit(p.r, height), Misbehavior: p.comet.evidence(p.r, height-1, p.w.Now),
	}
}

// rehearse begins the next block on a copy of the state.
func (p *random) rehearse(req *abci.RequestFinalizeBlock) {
	a := p.w.App
	header := cmtproto.Header{
		ChainID: scenario.ChainID, Height: req.Height, Time: req.Time, ProposerAddress: req.ProposerAddress,
		AppHash: a.LastCommitID().Hash, // goes into the numbers of new accounts
	}
	ctx := sdk.NewContext(a.CommitMultiStore().CacheMultiStore(), header, false, log.NewNopLogger()).
		WithHeaderHash(req.Hash).WithVoteInfos(req.DecidedLastCommit.Votes).
		WithCometInfo(baseapp.NewBlockInfo(req.Misbehavior, req.NextValidatorsHash, req.ProposerAddress, req.DecidedLastCommit))
	p.next = ctx.WithConsensusParams(a.GetConsensusParams(ctx))
	p.txs, p.plays, p.expects = nil, nil, nil
	if req.Height == 1 {
		return // the state of genesis is not committed before
	}
	_, err := a.Modules.PreBlock(p.next)
	must(p, err)
	_, err = a.Modules.BeginBlock(p.next)
	must(p, err)
}

// operate draws one operation.
func (p *random) operate() {
	p.Helper()
	p.drawn++
	if p.r.Intn(12) == 0 {
		p.improvise()
		return
	}
	f := p.deck[p.r.Intn(len(p.deck))]
	signer, msg, ok := p.draw(f)
	if !ok || p.r.Intn(max(1, rare[sdk.MsgTypeURL(msg)])) > 0 {
		return
	}
	if start, ok := msg.(*subnettypes.MsgStartSubnet); ok { // a new subnet's reveal delay is longer than a short play
		p.send(signer, false, &subnettypes.MsgSetParameter{
			Sender: start.Owner, Netuid: start.Netuid, Name: subnettypes.RevealDelay, Value: 1,
		})
	}
	promised := strings.HasPrefix(sdk.MsgTypeURL(msg), "/agora.")
	p.send(signer, promised, msg)
	if p.r.Intn(40) == 0 {
		p.send(signer, false, msg) // once more: it may be too much
	}
}

// draw asks a factory for a message; false if it has none. What the factories of our modules hand out will succeed.
func (p *random) draw(f simsx.SimMsgFactoryX) (signer simsx.SimAccount, msg sdk.Msg, ok bool) {
	reporter := simsx.NewBasicSimulationReporter().WithScope(f.MsgType())
	signers, msg := f.Create()(p.next, p.players(), reporter)
	if reporter.IsSkipped() || len(signers) != 1 {
		return signer, nil, false
	}
	return signers[0], msg, true
}

// players are the people with what they own now.
func (p *random) players() *simsx.ChainDataSource {
	return simsx.NewChainDataSource(p.next, p.r, p.w.App.Account, p.w.App.Bank, address.NewBech32Codec(network.Prefix), p.people...)
}

// send signs msgs, rehearses them and puts them into the block. Only if they were promised to succeed must they.
func (p *random) send(signer simsx.SimAccount, promised bool, msgs ...sdk.Msg) bool {
	p.Helper()
	if p.settled != nil && (strings.Contains(titles(msgs), "MsgRegister") || strings.Contains(titles(msgs), "MsgRotate")) {
		return false
	}
	now, err := p.w.App.Fee.GasPrice(p.next)
	must(p, err)
	gas := uint64(1_000_000)
	if p.gas > 0 {
		gas = p.gas
	}
	fee := price.GasFee(gas, now)
	if _, free := signer.PrivKey.(*ed25519.PrivKey); free {
		gas, fee = scenario.FreeGas(msgs...), 0
	} else if !signer.LiquidBalance().AmountOf(network.Denom).GTE(network.Coins(fee).AmountOf(network.Denom)) {
		return false
	}
	who := p.w.App.Account.GetAccount(p.next, signer.Address)
	if who == nil || p.settled != nil && !p.settled[who.GetAddress().String()] {
		return false
	}
	tx, err := simtestutil.GenSignedMockTx(p.r, p.w.App.TxConfig, msgs, network.Coins(fee), gas, scenario.ChainID,
		[]uint64{who.GetAccountNumber()}, []uint64{who.GetSequence()}, signer.PrivKey)
	must(p, err)
	raw, err := p.w.App.TxConfig.TxEncoder()(tx)
	must(p, err)
	err = p.try(tx, raw)
	if err != nil && promised && !p.paused(msgs) {
		p.Fatalf("block %d: %s was promised to succeed: %v\n%v", p.w.Height+1, titles(msgs), err, msgs)
	}
	p.txs, p.plays, p.expects = append(p.txs, raw), append(p.plays, titles(msgs)), append(p.expects, err == nil)
	return err == nil
}

// titles names messages, and those inside them.
func titles(msgs []sdk.Msg) string {
	var names []string
	for _, msg := range msgs {
		names = append(names, sdk.MsgTypeURL(msg))
		if outer, ok := msg.(interface{ GetMessages() ([]sdk.Msg, error) }); ok && strings.HasSuffix(names[0], "MsgExec") {
			if inner, err := outer.GetMessages(); err == nil {
				names = append(names, titles(inner)+"@authz")
			}
		}
	}
	return strings.Join(names, " ")
}

// paused tells whether a message may be stopped by x/pause.
func (p *random) paused(msgs []sdk.Msg) bool {
	for name := range strings.SplitSeq(titles(msgs), " ") {
		if allowed, err := p.w.App.Pause.IsAllowed(p.next, strings.TrimSuffix(name, "@authz")); err != nil || !allowed {
			return true
		}
	}
	return false
}

// try runs a transaction on the rehearsal as BaseApp would in the block.
func (p *random) try(tx sdk.Tx, raw []byte) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v", r)
		}
	}()
	checked, keep := p.next.CacheContext()
	ctx, err := p.ante(checked.WithTxBytes(raw).WithTxIndex(len(p.txs)), tx, false)
	if err != nil {
		return err
	}
	keep()
	ctx, write := ctx.WithMultiStore(p.next.MultiStore()).CacheContext()
	for _, msg := range tx.GetMsgs() {
		if m, ok := msg.(sdk.HasValidateBasic); ok {
			if err := m.ValidateBasic(); err != nil {
				return err
			}
		}
		handler := p.w.App.MsgServiceRouter().Handler(msg)
		if handler == nil {
			return errors.New("nobody handles it")
		}
		if _, err := handler(ctx, msg); err != nil {
			return err
		}
	}
	write()
	return nil
}
