package client_test

import (
	"context"
	"crypto/ed25519"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	cmtbytes "github.com/cometbft/cometbft/libs/bytes"
	rpcclient "github.com/cometbft/cometbft/rpc/client"
	ctypes "github.com/cometbft/cometbft/rpc/core/types"

	sdk "github.com/cosmos/cosmos-sdk/types"
	banktypes "github.com/cosmos/cosmos-sdk/x/bank/types"

	"agora/chain/network"
	subnettypes "agora/chain/x/subnet/types"
	yumatypes "agora/chain/x/yuma/types"
	"agora/client"
	"agora/scenario/stage"
)

const chainID = "agora-client-test"

// open starts a chain with two validators and three miners in each of two subnets.
func open(t *testing.T) (*stage.Stage, *client.Client, context.Context) {
	t.Helper()
	s, err := stage.Open(stage.Plan{
		ChainID: chainID, Validators: 2, Miners: 3, Tempo: 10, RevealDelay: 1,
		Subnets: []stage.Subnet{{Name: "chat", Family: "exact"}, {Name: "continuation", Family: "continuation"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return s, newClient(s), ctx
}

func newClient(s *stage.Stage) *client.Client {
	c := client.New(s, chainID)
	c.PollEvery(5 * time.Millisecond)
	return c
}

// live lets the chain make blocks until the test ends.
func live(t *testing.T, s *stage.Stage) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	done.Go(func() {
		if err := s.Live(ctx, 30*time.Millisecond); err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(func() { cancel(); done.Wait() })
}

func send(from, to int, rao uint64) sdk.Msg {
	a, b := sdk.AccAddress(stage.MinerKey(from).PubKey().Address()), sdk.AccAddress(stage.MinerKey(to).PubKey().Address())
	return banktypes.NewMsgSend(a, b, network.Coins(rao))
}

func TestQueriesReadTheChain(t *testing.T) {
	s, c, ctx := open(t)
	subnets, err := c.Subnets(ctx)
	if err != nil || len(subnets) != 2 || subnets[0].Name != "chat" || subnets[1].Netuid != 2 {
		t.Fatalf("Subnets: %v, %v", subnets, err)
	}
	neurons, err := c.Neurons(ctx, 1)
	if err != nil || len(neurons) != 5 || neurons[4].Uid != 4 {
		t.Fatalf("Neurons: %v, %v", neurons, err)
	}
	voices, err := c.Voices(ctx, 1)
	if err != nil || len(voices) != 2 || voices[0].Stake == 0 || !voices[0].Permitted {
		t.Fatalf("Voices: %v, %v", voices, err)
	}
	calendar, err := c.Schedule(ctx, 2)
	if err != nil || calendar.Tempo != 10 || calendar.RevealDelay != 1 || !calendar.CommitReveal {
		t.Fatalf("Schedule: %v, %v", calendar, err)
	}
	graph, err := c.Metagraph(ctx, 1)
	if err != nil || len(graph.Uids) != 5 {
		t.Fatalf("Metagraph: %v, %v", graph, err)
	}
	if _, err := c.Ledger(ctx); err != nil {
		t.Fatal(err)
	}
	balance, err := c.Balance(ctx, stage.Address(stage.MinerKey(0)))
	if err != nil || balance != 1_000*network.TAO {
		t.Fatalf("Balance: %d, %v", balance, err)
	}
	height, err := c.Height(ctx)
	if err != nil || height != s.Height() {
		t.Fatalf("Height: %d, %v; want %d", height, err, s.Height())
	}
}

func TestUnknownSubnetIsNotFoundInWords(t *testing.T) {
	_, c, ctx := open(t)
	_, err := c.Subnet(ctx, 99)
	if !errors.Is(err, client.ErrNotFound) {
		t.Fatalf("error is %v, want ErrNotFound", err)
	}
	if text := err.Error(); !strings.Contains(text, "99") || strings.Contains(text, "rpc error") || strings.Contains(text, "code =") {
		t.Errorf("error reads %q, want a sentence about subnet 99", text)
	}
}

func TestAnOlderHeightCanBeAsked(t *testing.T) {
	s, c, ctx := open(t)
	before, err := c.Schedule(ctx, 1)
	if err != nil {
		t.Fatal(err)
	}
	then := s.Height()
	if err := s.Play(12); err != nil {
		t.Fatal(err)
	}
	now, err := c.Schedule(ctx, 1)
	if err != nil || now.Epoch <= before.Epoch {
		t.Fatalf("after 12 blocks: %v, %v", now, err)
	}
	old, err := c.Schedule(client.AtHeight(ctx, then), 1)
	if err != nil || old.Epoch != before.Epoch {
		t.Errorf("at height %d the epoch is %d, %v; want %d", then, old.Epoch, err, before.Epoch)
	}
}

func TestSendWaitsForItsBlockAndDecodesTheResponse(t *testing.T) {
	s, c, ctx := open(t)
	live(t, s)
	hot := ed25519.NewKeyFromSeed([]byte("a hot key that nobody knows yet."))
	owner := stage.Address(stage.MinerKey(0))
	expiry := s.Height() + 1000
	result, err := c.Queue(client.ColdSigner(stage.MinerKey(0))).Send(ctx, &subnettypes.MsgRegister{
		Owner: owner, Netuid: 1, HotKey: hot.Public().(ed25519.PublicKey), ProofExpiry: expiry, MaxPrice: 500 * network.TAO,
		Proof: subnettypes.SignProof(hot, chainID, 1, owner, expiry),
	})
	if err != nil {
		t.Fatal(err)
	}
	response, ok := result.Responses[0].(*subnettypes.MsgRegisterResponse)
	if !ok || response.Uid != 5 {
		t.Fatalf("response is %v, want uid 5", result.Responses[0])
	}
	b, err := c.Block(ctx, result.Height)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range b.Events {
		if r, ok := e.(*subnettypes.NeuronRegistered); ok && r.Uid == 5 && r.Owner == owner {
			return
		}
	}
	t.Errorf("block %d has no NeuronRegistered event: %v", result.Height, b.Events)
}

func TestManySendersOfOneKeyDoNotCollide(t *testing.T) {
	s, c, ctx := open(t)
	live(t, s)
	var all sync.WaitGroup
	for range 6 {
		all.Go(func() {
			if _, err := c.Queue(client.ColdSigner(stage.MinerKey(0))).Send(ctx, send(0, 1, 7)); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	balance, err := c.Balance(ctx, stage.Address(stage.MinerKey(1)))
	if err != nil || balance != 1_000*network.TAO+6*7 {
		t.Errorf("the receiver has %d, %v", balance, err)
	}
}

func TestTwoProgramsWithOneKeyBothSucceed(t *testing.T) {
	s, c, ctx := open(t)
	live(t, s)
	other := newClient(s)
	var all sync.WaitGroup
	for _, program := range []*client.Client{c, other} {
		all.Go(func() {
			for range 3 {
				if _, err := program.Queue(client.ColdSigner(stage.MinerKey(0))).Send(ctx, send(0, 1, 5)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	balance, err := c.Balance(ctx, stage.Address(stage.MinerKey(1)))
	if err != nil || balance != 1_000*network.TAO+6*5 {
		t.Errorf("the receiver has %d, %v", balance, err)
	}
}

func TestLostAnswerToABroadcastIsNotSentTwice(t *testing.T) {
	s, c, ctx := open(t)
	s.LoseAnswers(true)
	live(t, s)
	if _, err := c.Queue(client.ColdSigner(stage.MinerKey(0))).Send(ctx, send(0, 1, 11)); err != nil {
		t.Fatal(err)
	}
	balance, err := c.Balance(ctx, stage.Address(stage.MinerKey(1)))
	if err != nil || balance != 1_000*network.TAO+11 {
		t.Errorf("the receiver has %d, %v: sent not exactly once", balance, err)
	}
}

func TestTransactionThatTheNodeForgotExpires(t *testing.T) {
	s, c, ctx := open(t)
	q := c.Queue(client.ColdSigner(stage.MinerKey(0)))
	failed := make(chan error, 1)
	go func() {
		_, err := q.Send(ctx, send(0, 1, 11))
		failed <- err
	}()
	for s.Pending() == 0 {
		time.Sleep(time.Millisecond)
	}
	s.DropPending()
	if err := s.Play(10); err != nil {
		t.Fatal(err)
	}
	if err := <-failed; !errors.Is(err, client.ErrExpired) {
		t.Fatalf("error is %v, want ErrExpired", err)
	}
	live(t, s)
	if _, err := q.Send(ctx, send(0, 1, 11)); err != nil {
		t.Errorf("after it expired: %v", err)
	}
}

func TestUselessTransactionIsNotSent(t *testing.T) {
	s, c, ctx := open(t)
	_, err := c.Queue(client.ColdSigner(stage.MinerKey(0))).SendBy(ctx, s.Height(), send(0, 1, 1))
	if !errors.Is(err, client.ErrExpired) || s.Pending() != 0 {
		t.Errorf("error is %v with %d transactions pending, want ErrExpired and none", err, s.Pending())
	}
}

func TestRefusalsSayWhy(t *testing.T) {
	s, c, ctx := open(t)
	live(t, s)
	stranger := ed25519.NewKeyFromSeed([]byte("a stranger's hot key, 32 bytes.."))
	for _, one := range []struct {
		name   string
		signer client.Signer
		msg    sdk.Msg
		words  string
	}{
		{"too little money", client.ColdSigner(stage.MinerKey(0)), send(0, 1, 2_000*network.TAO), "insufficient funds"},
		{"unknown hot key", client.HotSigner(stranger), &yumatypes.MsgCommitWeights{}, "register the hot key first"},
		{
			"hot key that moves money", client.HotSigner(stage.ValidatorHot(0)),
			banktypes.NewMsgSend(subnettypes.HotAccount(stage.ValidatorHot(0).Public().(ed25519.PublicKey)), nil, network.Coins(1)), "hot key",
		},
	} {
		t.Run(one.name, func(t *testing.T) {
			_, err := c.Queue(one.signer).Send(ctx, one.msg)
			if !errors.Is(err, client.ErrRefused) || !strings.Contains(err.Error(), one.words) {
				t.Errorf("error is %v, want ErrRefused with %q", err, one.words)
			}
		})
	}
}

func TestBlocksComeWithoutGapsWhateverTheNodeDoes(t *testing.T) {
	s, c, ctx := open(t)
	blocks := c.Blocks(ctx)
	first := s.Height() + 1
	time.Sleep(50 * time.Millisecond) // until the reader has seen the height from which it starts
	if err := s.Play(3); err != nil {
		t.Fatal(err)
	}
	want := first
	expect := func(n int) {
		t.Helper()
		for range n {
			b, ok := <-blocks
			if !ok || b.Height != want {
				t.Fatalf("got block %d (open: %v), want %d", b.Height, ok, want)
			}
			want++
		}
	}
	expect(3)
	s.Down(true)
	if err := s.Play(5); err != nil {
		t.Fatal(err)
	}
	s.Down(false)
	expect(5)
}

func TestUnreachableNodeSaysWhatToDo(t *testing.T) {
	s, c, ctx := open(t)
	s.Down(true)
	_, err := c.Subnets(ctx)
	if !errors.Is(err, client.ErrUnreachable) || !strings.Contains(err.Error(), "check its address") {
		t.Errorf("error is %v, want ErrUnreachable with advice", err)
	}
	if _, err := client.Dial("http://127.0.0.1:1"); !errors.Is(err, client.ErrUnreachable) {
		t.Errorf("Dial of a closed port: %v, want ErrUnreachable", err)
	}
}

// flaky is a node that fails as often as it is told to when it is asked for a block: it does not answer, or answers with nothing.
type flaky struct {
	*stage.Stage
	refuse, empty atomic.Int32 // times
}

func (f *flaky) Block(ctx context.Context, height *int64) (*ctypes.ResultBlock, error) {
	if f.refuse.Add(-1) >= 0 {
		return nil, stage.ErrDown
	}
	if f.empty.Add(-1) >= 0 {
		return &ctypes.ResultBlock{}, nil
	}
	return f.Stage.Block(ctx, height)
}

// A node that was away for longer than a reader's memory of blocks, and stumbles as it comes back, has lost nothing: what is taken for
// expired is paid again.
func TestTransactionIsFoundWhenTheNodeStumblesAfterAnAbsence(t *testing.T) {
	s, _, ctx := open(t)
	node := &flaky{Stage: s}
	c := client.New(node, chainID)
	c.PollEvery(5 * time.Millisecond)
	sent := make(chan error, 1)
	go func() {
		_, err := c.Queue(client.ColdSigner(stage.MinerKey(0))).Send(ctx, send(0, 1, 11))
		sent <- err
	}()
	for s.Pending() == 0 {
		time.Sleep(time.Millisecond)
	}
	s.Down(true)
	if err := s.Play(30); err != nil {
		t.Fatal(err)
	}
	for c.Silent() == 0 {
		time.Sleep(time.Millisecond)
	}
	node.refuse.Store(3)
	node.empty.Store(3)
	s.Down(false)
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
	if d := c.Silent(); d != 0 {
		t.Errorf("the node answers and counts as silent for %v", d)
	}
}

// nothing is a node whose answers are empty.
type nothing struct{ *stage.Stage }

func (nothing) ABCIQueryWithOptions(context.Context, string, cmtbytes.HexBytes, rpcclient.ABCIQueryOptions) (*ctypes.ResultABCIQuery, error) {
	return &ctypes.ResultABCIQuery{}, nil
}

func TestAnEmptyAnswerIsNoEmptyChain(t *testing.T) {
	s, _, ctx := open(t)
	subnets, err := client.New(nothing{s}, chainID).Subnets(ctx)
	if !errors.Is(err, client.ErrUnreachable) {
		t.Errorf("%d subnets, %v; want ErrUnreachable", len(subnets), err)
	}
}
