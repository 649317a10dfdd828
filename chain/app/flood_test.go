package app_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	sdk "github.com/cosmos/cosmos-sdk/types"
	"github.com/cosmos/cosmos-sdk/x/authz"
	banktypes "github.com/cosmos/cosmos-sdk/x/bank/types"
	"github.com/cosmos/cosmos-sdk/x/feegrant"
	govv1 "github.com/cosmos/cosmos-sdk/x/gov/types/v1"

	"agora/chain/app"
	"agora/chain/network"
	subnettypes "agora/chain/x/subnet/types"
	yumatypes "agora/chain/x/yuma/types"
	"agora/scenario"
)

// hotCommit is a commit of one's weights by hand; its content does not matter.
func hotCommit(name string, epoch uint64) *yumatypes.MsgCommitWeights {
	return &yumatypes.MsgCommitWeights{
		HotAccount: scenario.Account("hot:" + name).String(), Netuid: 1, Epoch: epoch, Hash: make([]byte, 32),
	}
}

func card(name, model string) *subnettypes.MsgSetModel {
	return &subnettypes.MsgSetModel{
		HotAccount: scenario.Account("hot:" + name).String(), Netuid: 1,
		Card: subnettypes.ModelCard{Name: model, Licence: "MIT", Input: "text", Output: "text"},
	}
}

// signed makes the next transaction of key, or fails the test.
func signed(t *testing.T, w *scenario.World, name string, gas, fee uint64, msgs ...sdk.Msg) []byte {
	t.Helper()
	key := scenario.Cold(name)
	if hot, ok := strings.CutPrefix(name, "hot:"); ok {
		key = scenario.HotSigner(hot)
	}
	raw, err := w.Sign(key, gas, fee, msgs...)
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// paidFlood fills blocks: n transactions of somebody's of a tenth of a block's gas each, at twice the least price: five full
// blocks do not make them too cheap.
func paidFlood(t *testing.T, w *scenario.World, who string, n int) (txs [][]byte) {
	t.Helper()
	for i := range n {
		send := banktypes.NewMsgSend(scenario.Account(who), scenario.Account(fmt.Sprint("mule", i)), network.Coins(1))
		txs = append(txs, signed(t, w, who, 10_000_000, 200_000, send))
	}
	return txs
}

// TestRevealsLandInAFloodOfPaidTransactions fills the node's queue with more than it takes, each block's worth of it
// ahead of the reveals: CometBFT hands the proposer nothing but the flood.
func TestRevealsLandInAFloodOfPaidTransactions(t *testing.T) {
	app.TakePaid(t, crowd)
	w := market(t)
	do(t, w, "epoch\nuntil reveal")
	q := newQueue(t, w)
	const more = 200
	if refused := q.offer(paidFlood(t, w, "mallory", crowd+more)...); refused != more {
		t.Fatalf("%d paid transactions were refused, want %d", refused, more)
	}
	reveals := 3
	owed, err := w.Owed()
	if err != nil || len(owed) != reveals {
		t.Fatalf("%d reveals are due, want %d: %v", len(owed), reveals, err)
	}
	if refused := q.offer(owed...); refused > 0 {
		t.Fatalf("%d reveals were refused", refused)
	}
	if n := len(q.play()); n != reveals+9 {
		t.Errorf("the block has %d transactions, want the %d reveals and 9 tenths of a block", n, reveals)
	}
	if n := len(q.play()); n != 10 {
		t.Errorf("the next block has %d transactions, want 10 tenths of a block", n)
	}
	if refused := q.offer(paidFlood(t, w, "bob", 100)...); refused != 100-19 {
		t.Errorf("%d paid transactions were refused, want all but the 19 that took place", refused)
	}
	do(t, w, "epoch\nexpect active val1 val2 val3 incentive a>b b>0")
}

// TestRevealsLandInAFloodOfFreeMessages lets 150 registered miners send all the free messages that they can, ahead of the
// voices: model cards pass, two per key, and weights are refused to who has no voice.
func TestRevealsLandInAFloodOfFreeMessages(t *testing.T) {
	const spammers = 150
	var names []string
	for i := range spammers {
		names = append(names, fmt.Sprint("spam", i))
	}
	w := tell(t, `
		stake    val1 1000  val2 900
		subnet   text tempo=20 miners a b `+strings.Join(names, " ")+`
		weights  val1 a=0.7 b=0.3 | val2 a=0.7 b=0.3
		epoch
		until    reveal
	`)
	q := newQueue(t, w)
	refused := 0
	for i, name := range names {
		for n := range 3 {
			refused += q.offer(signed(t, w, "hot:"+name, 200_000, 0, card(name, fmt.Sprint("model", n))))
		}
		weights := &yumatypes.MsgRevealWeights{
			HotAccount: scenario.Account("hot:" + name).String(), Netuid: 1, Uids: []uint32{0}, Weights: []uint32{1}, Salt: make([]byte, 16),
		}
		if q.offer(signed(t, w, "hot:"+name, 200_000, 0, weights)) != 1 {
			t.Fatalf("%d: a reveal of a miner without a voice was admitted", i)
		}
	}
	if refused != spammers || q.Size() != 2*spammers {
		t.Errorf("%d cards were refused and %d admitted, want 1 and 2 of each key", refused, q.Size())
	}
	owed, err := w.Owed()
	if err != nil || len(owed) != 2 {
		t.Fatalf("%d reveals are due: %v", len(owed), err)
	}
	q.offer(owed...)
	q.play()
	if q.Size() == 0 {
		t.Error("the flood fits one block and proves nothing")
	}
	do(t, w, "epoch\nexpect active val1 val2 incentive a>b b>0")
}

// TestDustVoicesSendNothingForFree makes a voice of a validator with less than the floor's share of the stake.
func TestDustVoicesSendNothingForFree(t *testing.T) {
	w := tell(t, `
		stake    val1 1000  val2 900  dust 1
		subnet   text tempo=20 miners a b
		weights  val1 a=0.7 b=0.3 | val2 a=0.7 b=0.3
		dust     registers key=speck
		dust     speaks speck
		until    commit
	`)
	err := w.Admit(signed(t, w, "hot:speck", 200_000, 0, hotCommit("speck", 0)))
	if err == nil || !strings.Contains(err.Error(), "not the voice of enough stake") {
		t.Errorf("a voice of dust: %v", err)
	}
}

// TestWeightsOutOfSeasonTakeNoRoom offers commits, reveals and open weights when the calendar takes none, and more weights
// than there are neurons.
func TestWeightsOutOfSeasonTakeNoRoom(t *testing.T) {
	w := market(t)
	do(t, w, "silent val1\nuntil commit")
	hot := scenario.Account("hot:val1").String()
	reveal := func(n int) sdk.Msg {
		return &yumatypes.MsgRevealWeights{HotAccount: hot, Netuid: 1, Uids: make([]uint32, n), Weights: make([]uint32, n), Salt: make([]byte, 16)}
	}
	refused := func(msg sdk.Msg, want string) {
		t.Helper()
		if err := w.Admit(signed(t, w, "hot:val1", 200_000, 0, msg)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%T: %v, want %q", msg, err, want)
		}
		do(t, w, "blocks 1") // the signature's sequence was not used
	}
	refused(reveal(1), "not in this part of the tempo")
	refused(&yumatypes.MsgSetWeights{HotAccount: hot, Netuid: 1, Uids: []uint32{0}, Weights: []uint32{1}}, "takes weights the other way")
	do(t, w, "until reveal")
	refused(hotCommit("val1", 0), "not in this part of the tempo")
	refused(reveal(200), "200 weights for the")
}

// TestLeavesThatNobodyAskedForBuyNoGas opens 280 empty leaves of evidence where none is asked for, with the gas that they
// would be worth.
func TestLeavesThatNobodyAskedForBuyNoGas(t *testing.T) {
	w := market(t)
	do(t, w, "epoch\nsilent val1\nuntil reveal")
	schedule, err := w.App.Yuma.Schedule(w.Ctx(), 1)
	if err != nil {
		t.Fatal(err)
	}
	due, ok := schedule.RevealOf()
	if !ok {
		t.Fatal("nothing is due")
	}
	reveal := &yumatypes.MsgRevealWeights{
		HotAccount: scenario.Account("hot:val1").String(), Netuid: 1, Epoch: due, Uids: []uint32{3}, Weights: []uint32{1},
		Salt: make([]byte, 16), Leaves: make([]yumatypes.Leaf, 280),
	}
	err = w.Admit(signed(t, w, "hot:val1", 3_000_000, 0, reveal))
	if err == nil || !strings.Contains(err.Error(), "280 leaves opened, 0 were asked for") {
		t.Errorf("280 leaves: %v", err)
	}
}

func TestFreeMessagesKeepTheirBounds(t *testing.T) {
	hot := scenario.HotSigner("val1")
	for name, try := range map[string]struct {
		want string
		fill func(scenario.TxFields)
		msgs int
	}{
		"huge gas":        {"gas limit", func(f scenario.TxFields) { f.SetGasLimit(3_000_001) }, 1},
		"more gas":        {"gas limit", func(f scenario.TxFields) { f.SetGasLimit(200_001) }, 1},
		"a fee granter":   {"no fee granter", func(f scenario.TxFields) { f.SetGasLimit(200_000); f.SetFeeGranter(scenario.Account("bob")) }, 1},
		"a fee":           {"no money", func(f scenario.TxFields) { f.SetGasLimit(200_000); f.SetFeeAmount(network.Coins(1)) }, 1},
		"three of a kind": {"no free message left", func(f scenario.TxFields) { f.SetGasLimit(200_000) }, 3},
		"17 messages":     {"1 to 16", func(f scenario.TxFields) { f.SetGasLimit(200_000) }, 17},
	} {
		t.Run(name, func(t *testing.T) {
			w := market(t)
			do(t, w, "silent val1")
			msgs := make([]sdk.Msg, try.msgs)
			for i := range msgs {
				msgs[i] = hotCommit("val1", 0)
			}
			raw, err := w.SignWith(hot, try.fill, msgs...)
			if err != nil {
				t.Fatal(err)
			}
			results, err := w.Block(raw)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(results[0].Log, try.want) {
				t.Errorf("got %q, want %q", results[0].Log, try.want)
			}
		})
	}
}

// TestFailingFreeMessagesUseUpTheirSlots keeps a hot key from trying for ever: what the ante handler booked stays booked.
func TestFailingFreeMessagesUseUpTheirSlots(t *testing.T) {
	w := market(t)
	do(t, w, "silent val1\nuntil commit")
	for i, want := range []string{"wrong epoch", "wrong epoch", "no free message left"} {
		results, err := w.Block(signed(t, w, "hot:val1", 200_000, 0, hotCommit("val1", 9)))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(results[0].Log, want) {
			t.Errorf("try %d: got %q, want %q", i, results[0].Log, want)
		}
	}
}

// TestNestingGainsNothing sends free messages inside authz and proposals, where no ante handler looks.
func TestNestingGainsNothing(t *testing.T) {
	w := market(t)
	do(t, w, "silent val1 val2 val3\nuntil commit")
	commit := hotCommit("val1", 0)
	exec := authz.NewMsgExec(scenario.Account("mallory"), []sdk.Msg{commit})
	proposal, err := govv1.NewMsgSubmitProposal([]sdk.Msg{commit}, network.Coins(100*network.TAO), scenario.Account("bob").String(), "", "free", "weights", false)
	if err != nil {
		t.Fatal(err)
	}
	own := authz.NewMsgExec(scenario.Account("hot:val1"), []sdk.Msg{commit})
	for name, try := range map[string]struct {
		raw  []byte
		want string
	}{
		"without a grant":   {signed(t, w, "mallory", scenario.Gas, scenario.Fee, &exec), "authorization not found"},
		"in a proposal":     {signed(t, w, "bob", scenario.Gas, scenario.Fee, proposal), "expected gov account"},
		"by the key itself": {signed(t, w, "hot:val1", 200_000, 0, &own), "a hot key cannot sign"},
	} {
		results, err := w.Block(try.raw)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(results[0].Log, try.want) {
			t.Errorf("%s: got %q, want %q", name, results[0].Log, try.want)
		}
	}
}

// TestGrantsOlderThanTheKeyAreCountedToo has a key grant its model cards while it is an ordinary account, and become a
// neuron's afterwards: the keeper counts what the ante handler does not see.
func TestGrantsOlderThanTheKeyAreCountedToo(t *testing.T) {
	w := market(t)
	do(t, w, "bob sends hot:later 1")
	expiry := w.Now.Add(30 * 24 * time.Hour)
	grant, err := authz.NewMsgGrant(scenario.Account("hot:later"), scenario.Account("mallory"),
		authz.NewGenericAuthorization(sdk.MsgTypeURL(card("later", ""))), &expiry)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Deliver(scenario.HotSigner("later"), scenario.Gas, scenario.Fee, grant); err != nil {
		t.Fatal(err)
	}
	do(t, w, `
		epoch
		val1 registers key=later
	`)
	cards := func(n int) sdk.Msg {
		msgs := make([]sdk.Msg, n)
		for i := range msgs {
			msgs[i] = card("later", fmt.Sprint("model", i))
		}
		exec := authz.NewMsgExec(scenario.Account("mallory"), msgs)
		return &exec
	}
	mallory := scenario.Cold("mallory")
	if err := w.Deliver(mallory, scenario.Gas, scenario.Fee, cards(2)); err != nil {
		t.Fatal(err)
	}
	if err := w.Deliver(mallory, scenario.Gas, scenario.Fee, cards(1)); err == nil || !strings.Contains(err.Error(), "no free message left") {
		t.Errorf("a third card: %v", err)
	}
}

// TestNobodyPaysForAHotKey grants a fee allowance to a hot key, with which it still signs nothing else.
func TestNobodyPaysForAHotKey(t *testing.T) {
	w := market(t)
	allowance, err := feegrant.NewMsgGrantAllowance(&feegrant.BasicAllowance{}, scenario.Account("bob"), scenario.Account("hot:val1"))
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Deliver(scenario.Cold("bob"), scenario.Gas, scenario.Fee, allowance); err != nil {
		t.Fatal(err)
	}
	do(t, w, "bob sends hot:val1 5")
	send := banktypes.NewMsgSend(scenario.Account("hot:val1"), scenario.Account("mallory"), network.Coins(1))
	raw, err := w.SignWith(scenario.HotSigner("val1"), func(f scenario.TxFields) {
		f.SetGasLimit(scenario.Gas)
		f.SetFeeAmount(network.Coins(scenario.Fee))
		f.SetFeeGranter(scenario.Account("bob"))
	}, send)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Admit(raw); err == nil || !strings.Contains(err.Error(), "a hot key can move no money") {
		t.Errorf("a hot key with a fee granter: %v", err)
	}
}

// TestTransactionsTooBigForABlockStopNothing offers a proposer what no block can hold.
func TestTransactionsTooBigForABlockStopNothing(t *testing.T) {
	w := market(t)
	send := banktypes.NewMsgSend(scenario.Account("mallory"), scenario.Account("bob"), network.Coins(1))
	huge := signed(t, w, "mallory", 200_000_000, 2_000_000, send)
	small := signed(t, w, "bob", scenario.Gas, scenario.Fee, banktypes.NewMsgSend(scenario.Account("bob"), scenario.Account("mallory"), network.Coins(1)))
	txs, err := w.Propose([][]byte{huge, []byte("no transaction"), small})
	if err != nil {
		t.Fatal(err)
	}
	if len(txs) != 1 || string(txs[0]) != string(small) {
		t.Errorf("%d transactions are proposed, want the small one", len(txs))
	}
}

// TestASignersTransactionsStayInOrder offers a proposer a transaction that does not fit before one of the same signer that
// does, and a voice's model card before its weights.
func TestASignersTransactionsStayInOrder(t *testing.T) {
	w := market(t)
	do(t, w, "silent val1\nuntil commit")
	send := banktypes.NewMsgSend(scenario.Account("mallory"), scenario.Account("bob"), network.Coins(1))
	q := newQueue(t, w)
	if refused := q.offer(
		signed(t, w, "mallory", 24_000_000, 480_000, send), signed(t, w, "mallory", 24_000_000, 4_800_000, send),
		signed(t, w, "mallory", 24_000_000, 480_000, send), signed(t, w, "mallory", 24_000_000, 480_000, send),
		signed(t, w, "mallory", 24_000_000, 480_000, send), signed(t, w, "mallory", scenario.Gas, 9*scenario.Fee, send),
		signed(t, w, "hot:val1", 200_000, 0, card("val1", "first")), signed(t, w, "hot:val1", 200_000, 0, hotCommit("val1", 0)),
	); refused > 0 {
		t.Fatalf("%d were refused", refused)
	}
	for played := 0; q.Size() > 0; played++ {
		if q.play(); played == 2 {
			t.Fatalf("%d transactions are still waiting", q.Size())
		}
	}
}
