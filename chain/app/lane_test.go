package app_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	abci "github.com/cometbft/cometbft/abci/types"
	dbm "github.com/cosmos/cosmos-db"

	"cosmossdk.io/log/v2"

	"github.com/cosmos/cosmos-sdk/baseapp"
	sdk "github.com/cosmos/cosmos-sdk/types"
	banktypes "github.com/cosmos/cosmos-sdk/x/bank/types"
	govv1 "github.com/cosmos/cosmos-sdk/x/gov/types/v1"
	slashingtypes "github.com/cosmos/cosmos-sdk/x/slashing/types"

	"agora/chain/app"
	"agora/chain/network"
	feetypes "agora/chain/x/fee/types"
	pausetypes "agora/chain/x/pause/types"
	"agora/mechanism/price"
	"agora/scenario"
)

// gasPrice is what the next block's transactions pay, in rao per million gas.
func gasPrice(t *testing.T, w *scenario.World) uint64 {
	t.Helper()
	now, err := w.App.Fee.GasPrice(w.Ctx())
	if err != nil {
		t.Fatal(err)
	}
	return now
}

// mouthful is a payment that asks for a quarter of a block, at bid rao per million gas.
func mouthful(t *testing.T, w *scenario.World, who string, bid uint64) []byte {
	t.Helper()
	send := banktypes.NewMsgSend(scenario.Account(who), scenario.Account("mule"), network.Coins(1))
	return signed(t, w, who, feetypes.MostGas, price.GasFee(feetypes.MostGas, bid), send)
}

func payment(t *testing.T, w *scenario.World, who string, bid uint64) []byte {
	t.Helper()
	send := banktypes.NewMsgSend(scenario.Account(who), scenario.Account("mallory"), network.Coins(1))
	return signed(t, w, who, 100_000, price.GasFee(100_000, bid), send)
}

// crowd is how many paid transactions fill the queue of a node in these tests; one that is shipped takes eight times as many.
const crowd = 512

// flooded is a market whose queue is full: of more than 100 full blocks, at twice the price in force.
func flooded(t *testing.T) (*scenario.World, *queue) {
	t.Helper()
	app.TakePaid(t, crowd)
	w := market(t)
	do(t, w, "bob sends carol 5\nepoch")
	q := newQueue(t, w)
	for i := range crowd {
		if q.offer(mouthful(t, w, "mallory", 2*gasPrice(t, w))) > 0 {
			t.Fatalf("transaction %d was refused", i)
		}
	}
	return w, q
}

func has(txs [][]byte, raw []byte) bool {
	return slices.ContainsFunc(txs, func(tx []byte) bool { return bytes.Equal(tx, raw) })
}

// TestAFullQueueEvictsTheCheapest offers, behind a full queue before full blocks, ever more for gas. Who offers as little as
// the crowd is refused and told what to offer; who offers more takes the place of the cheapest, and CometBFT's own queue
// never overflows. Who offers ten times the least in force is in a block within three; and so are those who have a turn, at
// the price in force: a vote, a pause.
func TestAFullQueueEvictsTheCheapest(t *testing.T) {
	w, q := flooded(t)
	least := gasPrice(t, w)
	if err := q.admit(payment(t, w, "carol", 2*least)); err == nil || !strings.Contains(err.Error(), "offer a tenth more") {
		t.Errorf("no more than the crowd: %v", err)
	}
	more, fair := payment(t, w, "bob", 3*least), payment(t, w, "bob", 10*least)
	pause := signed(t, w, "val1", 1_000_000, price.GasFee(1_000_000, 2*least), &pausetypes.MsgPause{
		Sender: scenario.Account("val1").String(), TypeUrls: []string{"/cosmos.bank.v1beta1.MsgSend"}, Seconds: 60, Reason: "a flood",
	})
	if err := q.admit(more); err != nil {
		t.Fatal(err)
	}
	for i := range 100 {
		if err := q.admit(payment(t, w, fmt.Sprint("nobody", i), 3*least)); err == nil {
			t.Fatal("somebody without money was admitted")
		}
	}
	if q.Size() != crowd+1 {
		t.Fatalf("%d wait at CometBFT's, want %d and the evicted", q.Size(), crowd)
	}
	for name, raw := range map[string][]byte{"ten times the least": fair, "a pause": pause} {
		if err := q.admit(raw); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	var txs [][]byte
	for range 3 {
		txs = append(txs, q.play()...)
	}
	if !has(txs, more) || !has(txs, fair) || !has(txs, pause) {
		t.Errorf("in three blocks: three times the least %t, ten times %t, a pause %t", has(txs, more), has(txs, fair), has(txs, pause))
	}
	if q.Size() > crowd {
		t.Errorf("%d wait after a block: the evicted have not left", q.Size())
	}
	if gasPrice(t, w) <= least {
		t.Error("three full blocks did not raise the price")
	}
}

// TestAnOperatorsTurnGoesFirstOnceInTenBlocks lets an operator vote twice in a flooded chain: the first vote is the block's
// first paid transaction, the second waits with the others that pay as much; a jailed validator with a voice has a turn too.
func TestAnOperatorsTurnGoesFirstOnceInTenBlocks(t *testing.T) {
	w := tell(t, `
		stake    val1 1000  val2 900  val3 800
		funds    bob 1000  mallory 1000
		subnet   text tempo=20 miners a b
		weights  val1 a=0.7 b=0.3 | val2 a=0.7 b=0.3 | val3 a=0.6 b=0.4
		settle
		silent   val3
		blocks   40 without val3
	`)
	who := scenario.Account("val3")
	validator, err := w.App.Staking.GetValidator(w.Ctx(), sdk.ValAddress(who))
	if err != nil || !validator.IsJailed() {
		t.Fatalf("val3 is not jailed: %v", err)
	}
	do(t, w, "wait 11s")
	q := newQueue(t, w)
	least := gasPrice(t, w)
	for range 202 { // 199 fill what two turns leave of a block to the last gas
		send := banktypes.NewMsgSend(scenario.Account("mallory"), scenario.Account("bob"), network.Coins(1))
		q.offer(signed(t, w, "mallory", 500_000, price.GasFee(500_000, 20*least), send))
	}
	unjail := signed(t, w, "val3", 400_000, price.GasFee(400_000, 2*least), slashingtypes.NewMsgUnjail(sdk.ValAddress(who).String()))
	send := func() []byte { return payment(t, w, "val1", 2*least) }
	first, second, other := send(), send(), payment(t, w, "bob", 2*least)
	if refused := q.offer(other, first, second, unjail); refused > 0 {
		t.Fatalf("%d were refused", refused)
	}
	txs := q.play()
	if !has(txs[:2], first) || !has(txs[:2], unjail) {
		t.Error("the turns did not go first")
	}
	if has(txs, second) || has(txs, other) {
		t.Error("a second transaction went before what pays ten times as much")
	}
	if later := q.play(); !has(later, second) || !has(later, other) {
		t.Error("the second transaction and the other did not come later")
	}
}

// TestKeepingOthersOutCosts fills every block of two minutes and finds what it would cost to go on for an hour at the price
// in force then, with a quarter of every block left to free messages: the price only rises. It is back in another two
// minutes and a bit.
func TestKeepingOthersOutCosts(t *testing.T) {
	const (
		twoMinutes = 60
		anHour     = 1_800
	)
	w := market(t)
	q := newQueue(t, w)
	least := gasPrice(t, w)
	for range twoMinutes {
		for range 4 {
			if err := q.admit(mouthful(t, w, "mallory", gasPrice(t, w))); err != nil {
				t.Fatal(err)
			}
		}
		if n := len(q.play()); n < 4 {
			t.Fatalf("block %d has %d transactions: it is not full", w.Height, n)
		}
	}
	before := gasPrice(t, w)
	cost := anHour * price.GasFee(75_000_000, before)
	t.Logf("after two minutes of full blocks gas costs %d times the least, and an hour of them at that price %d TAO",
		before/least, cost/network.TAO)
	if cost < 1_000*network.TAO {
		t.Errorf("keeping others out for an hour costs %d rao, want 1,000 TAO", cost)
	}
	do(t, w, "blocks 65")
	if now := gasPrice(t, w); now != least {
		t.Errorf("after 65 empty blocks gas costs %d, want %d again", now, least)
	}
}

// TestWhoDoesNotPayKeepsNobodyOut lets mallory offer a fortune for many full blocks and, in the first transaction, send away
// what she would pay it with: the proposer finds out, and leaves the room to others.
func TestWhoDoesNotPayKeepsNobodyOut(t *testing.T) {
	w := market(t)
	q := newQueue(t, w)
	least := gasPrice(t, w)
	balance := w.App.Bank.GetBalance(w.Ctx(), scenario.Account("mallory"), network.Denom).Amount.Uint64()
	fortune := 10_000 * least
	fee := price.GasFee(100_000, fortune)
	away := banktypes.NewMsgSend(scenario.Account("mallory"), scenario.Account("mule"), network.Coins(balance-fee))
	q.offer(signed(t, w, "mallory", 100_000, fee, away))
	for range 30 {
		if err := q.admit(mouthful(t, w, "mallory", fortune)); err != nil {
			t.Fatal(err)
		}
	}
	fair := payment(t, w, "bob", least)
	if err := q.admit(fair); err != nil {
		t.Fatal(err)
	}
	if txs := q.play(); !has(txs, fair) || len(txs) != 2 {
		t.Errorf("the block has %d transactions, bob's is in it: %t; want his and the one that mallory paid", len(txs), has(txs, fair))
	}
}

// TestAPriceIsAskedForAndBounded holds transactions to the price in force, the node's own, and the most gas.
func TestAPriceIsAskedForAndBounded(t *testing.T) {
	a, err := app.New(log.NewNopLogger(), dbm.NewMemDB(), true, settings{}, baseapp.SetChainID(scenario.ChainID),
		baseapp.SetMinGasPrices("0.05rao"))
	if err != nil {
		t.Fatal(err)
	}
	w := scenario.On(a)
	do(t, w, threeValidators)
	least := gasPrice(t, w)
	send := banktypes.NewMsgSend(scenario.Account("bob"), scenario.Account("mallory"), network.Coins(1))
	for want, raw := range map[string][]byte{
		"add --fees 5000rao":        signed(t, w, "bob", 100_000, price.GasFee(100_000, least), send),
		"asks for at most 25000000": signed(t, w, "mallory", feetypes.MostGas+1, 1<<40, send),
	} {
		if err := w.Admit(raw); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	do(t, w, "blocks 1")
	results, err := w.Block(payment(t, w, "bob", least))
	if err != nil || results[0].Code != 0 {
		t.Errorf("the node's own price holds in a block: %v %s", err, results[0].Log)
	}
	results, err = w.Block(payment(t, w, "bob", least/2))
	if err != nil || !strings.Contains(results[0].Log, "add --fees") {
		t.Errorf("below the price in force: %v %s", err, results[0].Log)
	}
}

// judged is whether another node takes a proposed block.
func judged(t *testing.T, a *app.App, w *scenario.World, txs ...[]byte) bool {
	t.Helper()
	res, err := a.ProcessProposal(&abci.RequestProcessProposal{
		Height: w.Height + 1, Time: w.Now.Add(scenario.BlockTime), Txs: txs, Hash: []byte("proposal"), ProposerAddress: w.Blocks[0].ProposerAddress,
	})
	if err != nil {
		t.Fatal(err)
	}
	return res.Status == abci.ResponseProcessProposal_ACCEPT
}

// TestNoBlockOfOnesOwnRules offers a node blocks that no honest proposer makes.
func TestNoBlockOfOnesOwnRules(t *testing.T) {
	w := market(t)
	do(t, w, "silent val1\nuntil commit")
	zeros := make([][]byte, 60)
	for i := range zeros {
		zeros[i] = make([]byte, 64<<10)
	}
	free := signed(t, w, "hot:val1", 200_000, 0, hotCommit("val1", 0))
	paid := payment(t, w, "bob", gasPrice(t, w))
	var mouthfuls, commits [][]byte
	for range 5 {
		mouthfuls = append(mouthfuls, mouthful(t, w, "mallory", gasPrice(t, w)))
	}
	for range 9 {
		commits = append(commits, signed(t, w, "hot:val1", 3_000_000, 0, hotCommit("val1", 0)))
	}
	for name, block := range map[string][][]byte{
		"zeros": zeros, "more gas than a block has": mouthfuls, "a free message behind a paid": {paid, free},
		"free messages beyond a quarter": commits,
	} {
		if judged(t, w.App, w, block...) {
			t.Errorf("%s: accepted", name)
		}
	}
	for name, block := range map[string][][]byte{
		"nothing": nil, "four quarters": mouthfuls[:4], "free first": {free, paid}, "a quarter": commits[:8],
		"a price and a sequence that do not hold": {payment(t, w, "bob", 1), paid},
	} {
		if !judged(t, w.App, w, block...) {
			t.Errorf("%s: refused", name)
		}
	}
}

// TestNoHonestProposalIsRefused plays transactions of every kind, good and bad, 10,000 of them at night, and offers each node's
// proposals to a node that has seen none of them.
func TestNoHonestProposalIsRefused(t *testing.T) {
	began, most := time.Now(), 2_000
	if nightly() {
		most = 10_000
	}
	p := newRandom(t, 41)
	other, proposals, offered := fresh(t), 0, 0
	if _, err := other.InitChain(p.w.Genesis); err != nil {
		t.Fatal(err)
	}
	play(t, other, p.w.Blocks[0])
	q := newQueue(t, p.w)
	for offered < most {
		req := p.request()
		p.rehearse(req)
		for len(p.txs) < 200 {
			p.operate()
			if junk := p.spoil(); junk != nil {
				q.offer(junk)
			}
		}
		offered += len(p.txs)
		q.offer(p.txs...)
		req.Txs = p.proposed(req, q.ReapMaxBytesMaxGas(4<<20, 200_000_000).ToSliceOfBytes())
		if !judged(t, other, p.w, req.Txs...) {
			t.Fatalf("block %d of %d transactions: refused", req.Height, len(req.Txs))
		}
		proposals++
		q.settle(req.Txs, p.finish(req).TxResults)
		play(t, other, req)
	}
	t.Logf("%d transactions in %d proposals, in %s", offered, proposals, time.Since(began).Round(time.Second))
}

// spoil adds what a node may be sent besides: transactions that ask for too much, and bytes that are none.
func (p *random) spoil() (junk []byte) {
	switch p.r.Intn(20) {
	case 0:
		junk = make([]byte, 1+p.r.Intn(300))
		p.r.Read(junk)
	case 1:
		if who, ok := p.anybody(); ok {
			p.gas = uint64(p.r.Intn(60_000_000))
			p.send(who, false, govv1.NewMsgVote(who.Address, 1, govv1.OptionYes, ""))
			p.gas = 0
		}
	}
	return junk
}
